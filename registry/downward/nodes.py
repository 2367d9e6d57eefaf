"""The nodes of enterprises, for this node's staff: applications, who docked, their keys, and instructions to them.

Suspension, resumption and blocking are not told by hand: they follow what becomes of the prefix here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from node.auth import Account, Action, require
from node.database import Pool, transaction
from node.errors import Conflict, Malformed
from node.identifier import Prefix
from node.journal import Act, Actor, record_act
from node.national.instructions import Instruction, Key, Order, Query, Verify
from node.national.messages import Shape
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.applications import reject_application
from node.upper.instructions import issue_instruction
from node.upper.keys import revoke_key
from node.upper.management import list_applications, list_instructions, list_keys, list_nodes, list_streams
from registry.downward.access import application_named, grant
from registry.store import reading

Clock = Callable[[], datetime]
Row = Mapping[str, Any]


_SQL = statements_beside(__file__)
_BY_HAND: Mapping[Order, type[Shape]] = {Order.VERIFY: Verify, Order.QUERY: Query, Order.KEY: Key}


class NodeNotDocked(Conflict):
    """Evidence: ``prefix``."""

    title_zh = "该前缀没有接入的企业节点"


class OrderNotByHand(Malformed):
    """Evidence: ``order``."""

    title_zh = "该指令不由人工下达"


class InstructionUnfit(Malformed):
    """Evidence: ``field``, ``order``."""

    title_zh = "指令内容有误"


class NodesBelow:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name, lists ``CursorUnfit``."""

    def __init__(self, pool: Pool, clock: Clock, seal: Seal) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal

    async def applications(self, account: Account, *, state: str = "", after: str = "", limit: int = 50) -> list[Row]:
        """Oldest first, after a cursor; ``state`` is one of ``ApplicationState``."""
        require(account, Action.DOCKING_READ, None)
        async with reading(self._pool) as connection:
            return list(await list_applications(connection, state=state, after=after, limit=limit))

    async def approve(self, account: Account, actor: Actor, application_id: UUID) -> Row:
        """Let the applicant in; it fetches its key pair itself. Raises what ``access.grant`` raises."""
        require(account, Action.DOCKING_REVIEW, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await grant(connection, self._seal, application_id, at)
            after = await application_named(connection, application_id)
            await record_act(connection, actor, _act("docking.approve", before, after), at)
        return after

    async def reject(self, account: Account, actor: Actor, application_id: UUID, reason: str) -> Row:
        """Turn it down; the applicant reads the reason. Raises ``ApplicationUnknown``, ``ApplicationDecided``."""
        require(account, Action.DOCKING_REVIEW, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await application_named(connection, application_id)
            await reject_application(connection, application_id, reason, at)
            after = await application_named(connection, application_id)
            await record_act(connection, actor, _act("docking.reject", before, after), at)
        return after

    async def nodes(self, account: Account, *, after: str = "", limit: int = 50) -> list[Row]:
        """Who spoke, with the newest heartbeat; after a cursor."""
        require(account, Action.DOCKING_READ, None)
        async with reading(self._pool) as connection:
            return list(await list_nodes(connection, after=after, limit=limit))

    async def streams(
        self, account: Account, *, prefix: Prefix | None = None, after: str = "", limit: int = 50
    ) -> list[Row]:
        """How far what the nodes report has come; after a cursor."""
        require(account, Action.DOCKING_READ, None)
        async with reading(self._pool) as connection:
            delegated = prefix.key if prefix else ""
            return list(await list_streams(connection, after=after, limit=limit, delegated_prefix=delegated))

    async def keys(self, account: Account, *, after: str = "", limit: int = 50) -> list[Row]:
        """Key pairs without their secrets; after a cursor."""
        require(account, Action.DOCKING_READ, None)
        async with reading(self._pool) as connection:
            return list(await list_keys(connection, after=after, limit=limit))

    async def revoke(self, account: Account, actor: Actor, access_key: str) -> None:
        """A key pair is believed no more. Raises ``KeyUnknown``."""
        require(account, Action.DOCKING_EDIT, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            await revoke_key(connection, access_key, at)
            act = Act("docking.revoke", "docking_key", access_key, after={"revoked_at": at.isoformat()})
            await record_act(connection, actor, act, at)

    async def instructions(
        self, account: Account, *, prefix: Prefix | None = None, after: str = "", limit: int = 50
    ) -> list[Row]:
        """What the nodes were told, by hand or not, with what they answered; after a cursor."""
        require(account, Action.DOCKING_READ, None)
        async with reading(self._pool) as connection:
            delegated = prefix.key if prefix else ""
            return list(await list_instructions(connection, after=after, limit=limit, delegated_prefix=delegated))

    async def instruct(
        self, account: Account, actor: Actor, prefix: Prefix, order: Order, body: Mapping[str, Any]
    ) -> Instruction:
        """Ask the node of a prefix something, or to replace its key pair.

        Raises ``OrderNotByHand``, ``InstructionUnfit``, ``NodeNotDocked``.
        """
        require(account, Action.DOCKING_EDIT, None)
        content = _content(order, body)
        at = self._clock()
        async with transaction(self._pool) as connection:
            if not await connection.fetch(_SQL["keys_in_force"], prefix.key):
                raise NodeNotDocked(f"no node has docked for {prefix.key}", prefix=prefix.key)
            issued = await issue_instruction(connection, prefix.key, order, content, at)
            after = {"prefix": prefix.key, "kind": str(order), "body": dict(body)}
            act = Act("docking.instruct", "docked_instruction", str(issued.instruction_id), after=after)
            await record_act(connection, actor, act, at)
        return issued


def _content(order: Order, body: Mapping[str, Any]) -> Shape | dict[str, Any]:
    if order is Order.PROBE:
        return {}
    shape = _BY_HAND.get(order)
    if shape is None:
        raise OrderNotByHand(
            f"{order} follows what becomes of the prefix here; by hand: probe, verify, query, key", order=str(order)
        )
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise InstructionUnfit(f"the body is none of {order}: {error}", field="body", order=str(order)) from None


def _act(action: str, before: Row, after: Row) -> Act:
    said = ("application_id", "kind", "name", "prefix", "credit_code", "state", "reason")
    return Act(
        action,
        "docking_application",
        str(after["application_id"]),
        before={name: before[name] for name in said},
        after={name: after[name] for name in said},
        reason=after["reason"],
    )
