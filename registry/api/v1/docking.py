"""``/v1/docking``: the nodes of enterprises below this one: who applies, who docked, by which keys, told what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.identifier import InvalidPrefix, Prefix
from node.national.access import ApplicationState
from node.national.instructions import Instruction, Order
from node.routes import Call, InvalidPathParameter, Reply, Route
from node.upper.applications import ApplicationDecided, ApplicationUnknown
from node.upper.keys import KeyUnknown
from node.upper.management import CursorUnfit
from registry.api.v1.fields import Body, Reason, View
from registry.api.v1.paging import CursorBroken, Page, cut, text_cursor
from registry.downward.access import PrefixNotDocked
from registry.downward.nodes import InstructionUnfit, NodeNotDocked, NodesBelow, OrderNotByHand
from registry.enterprises import EnterpriseNotApproved
from registry.prefixes import PrefixNotEnabled

_TAG = "docking"
_APPLICATION = "/v1/docking/applications/{application_id}"

Row = Mapping[str, Any]


class DockingApplicationQuery(Page):
    state: ApplicationState | None = None


class DockingApplicationView(View):
    """``certificate_sha256``: that of the client certificate by which the node will come; empty: by none."""

    application_id: UUID
    name: str
    prefix: str
    credit_code: str
    contact: str
    version: str
    certificate_sha256: str
    state: ApplicationState
    reason: str
    received_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """The answer about one application."""
        said = json.loads(row["body"])
        return cls(
            application_id=row["application_id"],
            name=row["name"],
            prefix=row["prefix"],
            credit_code=row["credit_code"],
            contact=said["contact"],
            version=said["version"],
            certificate_sha256=said["certificate_sha256"],
            state=row["state"],
            reason=row["reason"],
            received_at=row["received_at"],
            decided_at=row["decided_at"],
        )


class DockingApplicationList(View):
    items: list[DockingApplicationView]
    next_cursor: str | None


class DockedNodeView(View):
    """``backlog``, ``version`` and ``state`` are those of the newest heartbeat. ``lag_seconds`` is how long the
    newest message took from its making to its arrival at ``message_at``."""

    node_id: UUID
    prefix: str
    laboratory: bool
    first_seen_at: datetime
    last_seen_at: datetime
    heartbeat_at: datetime | None
    state: str | None
    version: str | None
    backlog: int | None
    message_at: datetime | None
    lag_seconds: float | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """The answer about one node."""
        beat = json.loads(row["heartbeat"]) if row["heartbeat"] else {}
        return cls(
            node_id=row["node_id"],
            prefix=row["delegated_prefix"],
            laboratory=row["laboratory"],
            first_seen_at=row["first_seen_at"],
            last_seen_at=row["last_seen_at"],
            heartbeat_at=row["heartbeat_at"],
            state=beat.get("state"),
            version=beat.get("version"),
            backlog=beat.get("backlog"),
            message_at=row["message_at"],
            lag_seconds=row["lag_seconds"],
        )


class DockedNodeList(View):
    items: list[DockedNodeView]
    next_cursor: str | None


class DockedStreamView(View):
    """How far one stream of a node has come; ``disordered``: messages that came before an earlier one."""

    node_id: UUID
    stream: str
    last_sequence: int
    messages: int
    disordered: int


class DockedStreamList(View):
    items: list[DockedStreamView]
    next_cursor: str | None


class DockingKeyView(View):
    """A key pair without its secret. ``replaces``: the key that it succeeds; ``used_at``: its first use."""

    access_key: str
    name: str
    prefix: str
    certificate_sha256: str
    replaces: str | None
    issued_at: datetime
    used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """The answer about one key pair."""
        return cls(
            access_key=row["access_key"],
            name=row["name"],
            prefix=row["delegated_prefix"],
            certificate_sha256=row["certificate_sha256"] or "",
            replaces=row["replaces"],
            issued_at=row["issued_at"],
            used_at=row["used_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
        )


class DockingKeyList(View):
    items: list[DockingKeyView]
    next_cursor: str | None


class InstructionBody(Body):
    """``body`` as the interface has it for the kind: docs/national-interface.md."""

    prefix: Annotated[str, Field(max_length=64)]
    kind: Annotated[Order, Field(strict=False, description="by hand: probe, verify, query, key")]
    body: Annotated[dict[str, Any], Field(max_length=20)] = Field(default_factory=dict)


class BelowQuery(Page):
    prefix: Annotated[str | None, Field(None, max_length=64)]


class DockedInstructionView(View):
    """``outcome``, ``detail`` and ``result`` come with the node's answer."""

    sequence: int
    instruction_id: UUID
    prefix: str
    kind: str
    body: dict[str, Any]
    issued_at: datetime
    outcome: str | None = None
    detail: str = ""
    result: dict[str, Any] | None = None
    answered_at: datetime | None = None

    @classmethod
    def of(cls, row: Row) -> Self:
        """The answer about one instruction."""
        return cls(
            sequence=row["sequence"],
            instruction_id=row["instruction_id"],
            prefix=row["delegated_prefix"],
            kind=row["kind"],
            body=json.loads(row["body"]),
            issued_at=row["issued_at"],
            outcome=row["outcome"],
            detail=row["detail"],
            result=json.loads(row["result"]) if row["result"] else None,
            answered_at=row["answered_at"],
        )

    @classmethod
    def issued(cls, prefix: Prefix, instruction: Instruction) -> Self:
        """The same, just issued."""
        return cls(
            sequence=instruction.sequence,
            instruction_id=instruction.instruction_id,
            prefix=prefix.key,
            kind=instruction.kind,
            body=json.loads(bytes(instruction.body)),
            issued_at=instruction.issued_at,
        )


class DockedInstructionList(View):
    items: list[DockedInstructionView]
    next_cursor: str | None


def docking_routes(below: NodesBelow) -> list[Route]:
    """Every route about nodes of enterprises."""

    async def applications(call: Call, query: DockingApplicationQuery) -> Reply:
        rows = await below.applications(
            call.account, state=query.state or "", after=_after(query), limit=query.limit + 1
        )
        shown, cursor = cut(rows, query.limit, _cursor)
        items = [DockingApplicationView.of(row) for row in shown]
        return Reply(DockingApplicationList(items=items, next_cursor=cursor))

    async def approve(call: Call) -> Reply:
        row = await below.approve(call.account, call.actor, call.uuid("application_id"))
        return Reply(DockingApplicationView.of(row))

    async def reject(call: Call, body: Reason) -> Reply:
        row = await below.reject(call.account, call.actor, call.uuid("application_id"), body.reason)
        return Reply(DockingApplicationView.of(row))

    async def nodes(call: Call, query: Page) -> Reply:
        rows = await below.nodes(call.account, after=_after(query), limit=query.limit + 1)
        shown, cursor = cut(rows, query.limit, _cursor)
        return Reply(DockedNodeList(items=[DockedNodeView.of(row) for row in shown], next_cursor=cursor))

    async def streams(call: Call, query: BelowQuery) -> Reply:
        prefix = Prefix.parse(query.prefix) if query.prefix else None
        rows = await below.streams(call.account, prefix=prefix, after=_after(query), limit=query.limit + 1)
        shown, cursor = cut(rows, query.limit, _cursor)
        names = DockedStreamView.model_fields
        items = [DockedStreamView(**{name: row[name] for name in names}) for row in shown]
        return Reply(DockedStreamList(items=items, next_cursor=cursor))

    async def keys(call: Call, query: Page) -> Reply:
        rows = await below.keys(call.account, after=_after(query), limit=query.limit + 1)
        shown, cursor = cut(rows, query.limit, _cursor)
        return Reply(DockingKeyList(items=[DockingKeyView.of(row) for row in shown], next_cursor=cursor))

    async def revoke(call: Call) -> Reply:
        await below.revoke(call.account, call.actor, call.text("docking_key"))
        return Reply(status=204)

    async def instructions(call: Call, query: BelowQuery) -> Reply:
        prefix = Prefix.parse(query.prefix) if query.prefix else None
        rows = await below.instructions(call.account, prefix=prefix, after=_after(query), limit=query.limit + 1)
        shown, cursor = cut(rows, query.limit, _cursor)
        items = [DockedInstructionView.of(row) for row in shown]
        return Reply(DockedInstructionList(items=items, next_cursor=cursor))

    async def instruct(call: Call, body: InstructionBody) -> Reply:
        prefix = Prefix.parse(body.prefix)
        issued = await below.instruct(call.account, call.actor, prefix, body.kind, body.body)
        return Reply(DockedInstructionView.issued(prefix, issued), status=201)

    cursors = (CursorBroken, CursorUnfit)
    decisions = (InvalidPathParameter, ApplicationUnknown, ApplicationDecided)
    return [
        Route("GET", "/v1/docking/applications", applications, action=Action.DOCKING_READ, tag=_TAG,
              summary="List applications of enterprise nodes, the oldest first", summary_zh="企业节点接入申请列表",
              query=DockingApplicationQuery, answers={200: DockingApplicationList}, errors=cursors),
        Route("POST", f"{_APPLICATION}/approve", approve, action=Action.DOCKING_REVIEW, tag=_TAG,
              summary="Let an enterprise node in", summary_zh="企业节点接入审核通过",
              answers={200: DockingApplicationView},
              errors=(*decisions, PrefixNotDocked, PrefixNotEnabled, EnterpriseNotApproved)),
        Route("POST", f"{_APPLICATION}/reject", reject, action=Action.DOCKING_REVIEW, tag=_TAG,
              summary="Turn an enterprise node down", summary_zh="驳回企业节点接入申请",
              body=Reason, answers={200: DockingApplicationView}, errors=decisions),
        Route("GET", "/v1/docking/nodes", nodes, action=Action.DOCKING_READ, tag=_TAG,
              summary="List enterprise nodes that have docked", summary_zh="已接入的企业节点列表",
              query=Page, answers={200: DockedNodeList}, errors=cursors),
        Route("GET", "/v1/docking/streams", streams, action=Action.DOCKING_READ, tag=_TAG,
              summary="How far the streams of enterprise nodes have come", summary_zh="企业节点上报流",
              query=BelowQuery, answers={200: DockedStreamList}, errors=(*cursors, InvalidPrefix)),
        Route("GET", "/v1/docking/keys", keys, action=Action.DOCKING_READ, tag=_TAG,
              summary="List key pairs of enterprise nodes, without secrets", summary_zh="企业节点密钥对列表",
              query=Page, answers={200: DockingKeyList}, errors=cursors),
        Route("POST", "/v1/docking/keys/{docking_key}/revoke", revoke, action=Action.DOCKING_EDIT, tag=_TAG,
              summary="Revoke a key pair of an enterprise node", summary_zh="吊销企业节点密钥对",
              answers={204: None}, errors=(KeyUnknown,)),
        Route("GET", "/v1/docking/instructions", instructions, action=Action.DOCKING_READ, tag=_TAG,
              summary="List instructions to enterprise nodes and their answers", summary_zh="下达企业节点的指令列表",
              query=BelowQuery, answers={200: DockedInstructionList}, errors=(*cursors, InvalidPrefix)),
        Route("POST", "/v1/docking/instructions", instruct, action=Action.DOCKING_EDIT, tag=_TAG,
              summary="Ask an enterprise node something, or to replace its key pair", summary_zh="向企业节点下达指令",
              body=InstructionBody, answers={201: DockedInstructionView},
              errors=(InvalidPrefix, NodeNotDocked, InstructionUnfit, OrderNotByHand)),
    ]  # fmt: skip


def _after(query: Page) -> str:
    return text_cursor(query.cursor) or ""


def _cursor(row: Row) -> object:
    return row["cursor"]
