"""``/v1/transfers``: a prefix passes to another enterprise, with its consent and after review."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.identifier import InvalidPrefix, Prefix
from node.routes import Call, Handler, InvalidPathParameter, Reply, Route
from registry.api.v1.fields import Body, Reason, Text, View
from registry.api.v1.paging import CursorBroken, Page, cut, uuid_cursor
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.prefixes import PrefixDerived, PrefixNotEnabled, PrefixUnknown
from registry.reviews.cases import ReviewClaimedByOther, SecondPersonNeeded
from registry.transfers.transfers import Transfer, TransferOpen, Transfers, TransferToHolder, TransferUnknown
from registry.transitions import TRANSFER, TransferState, TransitionRefused, Verb

_TAG = "transfers"
_ONE = "/v1/transfers/{transfer_id}"
_MOVES: dict[Verb, tuple[str, str]] = {
    Verb.ACCEPT: ("Accept an offered prefix, as its receiver", "接受转让"),
    Verb.DECLINE: ("Decline an offered prefix, as its receiver", "谢绝转让"),
    Verb.CANCEL: ("Take an offer back", "取消转让"),
    Verb.APPROVE: ("Approve: the prefix belongs to its receiver now", "转让审核通过"),
    Verb.REJECT: ("Reject the transfer", "驳回转让"),
}
_DECISIONS = frozenset({Verb.APPROVE, Verb.REJECT})


class TransferBody(Body):
    to_enterprise_id: UUID
    reason: Annotated[Text, Field(max_length=500)] = ""


class TransferQuery(Page):
    state: TransferState | None = None


class TransferView(View):
    """``reason`` is that of the last step."""

    transfer_id: UUID
    prefix: str
    from_enterprise_id: UUID
    from_enterprise_name: str
    to_enterprise_id: UUID
    to_enterprise_name: str
    state: TransferState
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, transfer: Transfer) -> Self:
        """The answer about one transfer."""
        return cls(
            transfer_id=transfer.transfer_id,
            prefix=transfer.prefix.key,
            from_enterprise_id=transfer.giver,
            from_enterprise_name=transfer.giver_name,
            to_enterprise_id=transfer.receiver,
            to_enterprise_name=transfer.receiver_name,
            state=transfer.state,
            reason=transfer.reason,
            version=transfer.version,
            created_at=transfer.created_at,
            updated_at=transfer.updated_at,
        )


class TransferList(View):
    items: list[TransferView]
    next_cursor: str | None


def transfer_routes(transfers: Transfers) -> list[Route]:
    """Every route of transfers."""

    async def offer(call: Call, body: TransferBody) -> Reply:
        prefix = Prefix.parse_derived(call.text("prefix"))
        made = await transfers.offer(call.account, call.actor, prefix, body.to_enterprise_id, body.reason)
        return Reply(TransferView.of(made), status=201, headers={"Location": f"/v1/transfers/{made.transfer_id}"})

    async def listing(call: Call, query: TransferQuery) -> Reply:
        found = await transfers.list(
            call.account, state=query.state, after=uuid_cursor(query.cursor), limit=query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda transfer: transfer.transfer_id)
        return Reply(TransferList(items=[TransferView.of(one) for one in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(TransferView.of(await transfers.get(call.account, call.uuid("transfer_id"))))

    return [
        Route("POST", "/v1/prefixes/{prefix}/transfers", offer, action=Action.TRANSFER_OFFER, tag=_TAG,
              summary="Offer a prefix to another enterprise", summary_zh="发起前缀转让",
              body=TransferBody, answers={201: TransferView},
              errors=(InvalidPrefix, PrefixUnknown, PrefixDerived, PrefixNotEnabled, EnterpriseUnknown,
                      EnterpriseNotApproved, TransferToHolder, TransferOpen)),
        Route("GET", "/v1/transfers", listing, action=Action.TRANSFER_READ, tag=_TAG,
              summary="List transfers, the oldest first", summary_zh="前缀转让列表",
              query=TransferQuery, answers={200: TransferList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.TRANSFER_READ, tag=_TAG,
              summary="Read a transfer", summary_zh="查看前缀转让",
              answers={200: TransferView}, errors=(InvalidPathParameter, TransferUnknown)),
        *(_move_route(transfers, verb) for verb in _MOVES),
    ]  # fmt: skip


def _move_route(transfers: Transfers, verb: Verb) -> Route:
    step = transfers.decide if verb in _DECISIONS else transfers.answer

    async def move(call: Call, body: Reason | None = None) -> Reply:
        reason = body.reason if body else ""
        return Reply(TransferView.of(await step(call.account, call.actor, call.uuid("transfer_id"), verb, reason)))

    handler: Handler = move
    summary, summary_zh = _MOVES[verb]
    rule = TRANSFER[verb]
    return Route(
        "POST", f"{_ONE}/{verb}", handler, action=rule.action, tag=_TAG, summary=summary, summary_zh=summary_zh,
        body=Reason if rule.needs_reason else None, answers={200: TransferView},
        errors=(InvalidPathParameter, TransferUnknown, TransitionRefused, PrefixNotEnabled, EnterpriseNotApproved,
                ReviewClaimedByOther, SecondPersonNeeded),
    )  # fmt: skip
