"""``/v1/national``: the link to the node above (上级节点), for those who operate this one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict

from node.auth import Action
from node.national.view import LinkHealth, NationalView
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor

_TAG = "national"
_AFTER_ALL = 2**63 - 1


class _Seen(View):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class LinkView(_Seen):
    """``unset``: no node above is set; ``applying``: no key pair yet; ``silent``: nobody has asked it for long."""

    health: LinkHealth
    url: str | None
    last_contact_at: datetime | None
    failing_since: datetime | None
    last_error: str


class WaitingStreamView(_Seen):
    stream: str
    messages: int
    oldest_at: datetime


class BacklogView(_Seen):
    """``lag_seconds`` is the age of the oldest waiting message; ``streams`` are the first hundred."""

    messages: int
    lag_seconds: float
    refused: int
    streams: list[WaitingStreamView]


class KeyView(_Seen):
    access_key: str
    issued_at: datetime
    age_days: int


class AccessApplicationView(_Seen):
    application_id: UUID
    state: str
    reason: str
    created_at: datetime
    decided_at: datetime | None


class OffersView(_Seen):
    """What the node above says of itself."""

    version: int
    name: str
    prefix: str
    laboratory: bool
    parts: list[str]


class StandbyView(_Seen):
    """``behind`` are entries of history that the standby records above do not have yet."""

    position: int | None
    newest_position: int
    behind: int
    stated_at: datetime | None


class TakeoverView(_Seen):
    takeover_id: UUID
    drill: bool
    began_at: datetime


class LogFilesView(_Seen):
    files: int
    rows: int
    bytes: int


class NationalLinkView(_Seen):
    """``counts_waiting`` are hours and days whose newest count the node above does not know yet."""

    link: LinkView
    backlog: BacklogView
    counts_waiting: int
    key: KeyView | None
    application: AccessApplicationView | None
    offers: OffersView | None
    last_verdict: int
    last_instruction: int
    instructions_open: int
    standby: StandbyView
    takeover: TakeoverView | None
    log_files: LogFilesView


class RefusedMessageView(_Seen):
    outbox_id: int
    message_id: UUID
    stream: str
    kind: str
    body: dict[str, Any]
    created_at: datetime
    refused_at: datetime
    reason: str


class RefusedMessageList(View):
    items: list[RefusedMessageView]
    next_cursor: str | None


class InstructionView(_Seen):
    """``outcome`` is null until it was performed."""

    sequence: int
    instruction_id: UUID
    kind: str
    body: dict[str, Any]
    issued_at: datetime
    received_at: datetime
    attempts: int
    outcome: str | None
    detail: str
    answered_at: datetime | None


class InstructionList(View):
    items: list[InstructionView]
    next_cursor: str | None


def national_routes(national: NationalView) -> list[Route]:
    """Every route of the link upward."""

    async def conversation(call: Call) -> Reply:
        return Reply(NationalLinkView.model_validate(await national.conversation(call.account)))

    async def refused(call: Call, query: Page) -> Reply:
        before = number_cursor(query.cursor) or _AFTER_ALL
        found = await national.refused(call.account, before=before, limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda one: one.outbox_id)
        items = [RefusedMessageView.model_validate(one) for one in shown]
        return Reply(RefusedMessageList(items=items, next_cursor=cursor))

    async def instructions(call: Call, query: Page) -> Reply:
        before = number_cursor(query.cursor) or _AFTER_ALL
        found = await national.instructions(call.account, before=before, limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda one: one.sequence)
        items = [InstructionView.model_validate(one) for one in shown]
        return Reply(InstructionList(items=items, next_cursor=cursor))

    return [
        Route("GET", "/v1/national", conversation, action=Action.NATIONAL_READ, tag=_TAG,
              summary="The link to the node above: health, backlog, key pair, standby records",
              summary_zh="上级节点连接状态", answers={200: NationalLinkView}),
        Route("GET", "/v1/national/refused", refused, action=Action.NATIONAL_READ, tag=_TAG,
              summary="Messages that the node above refused, the newest first", summary_zh="上级节点拒收的消息",
              query=Page, answers={200: RefusedMessageList}, errors=(CursorBroken,)),
        Route("GET", "/v1/national/instructions", instructions, action=Action.NATIONAL_READ, tag=_TAG,
              summary="Instructions from the node above, the newest first", summary_zh="上级节点下达的指令",
              query=Page, answers={200: InstructionList}, errors=(CursorBroken,)),
    ]  # fmt: skip
