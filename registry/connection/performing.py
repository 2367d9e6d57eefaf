"""What instructions do that take effect within one transaction, by their kind; taking over and keys are the desk's.

Each reads its own body and tells the result that goes upward. Done again it changes nothing more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Act, Actor, Interface, record_act
from node.national.instructions import Blocklist, Order, Query, Resume, Suspend, Verify
from node.national.messages import Shape
from registry.connection.blocklist import block, unblock
from registry.connection.queries_on_demand import answer_query
from registry.connection.reporting_again import report_again
from registry.connection.suspension import resume_from_above, suspend_from_above

_STEWARD = Actor(None, Interface.STEWARD)

S = TypeVar("S", bound=Shape)
Result = dict[str, Any]


class InstructionUnreadable(Conflict):
    title_zh = "上级指令内容有误"


@dataclass(frozen=True, slots=True)
class Given:
    """An instruction as kept; ``body`` is JSON."""

    sequence: int
    instruction_id: UUID
    kind: str
    body: str

    def read(self, shape: type[S]) -> S:
        """The body as what this kind of instruction says. Raises ``InstructionUnreadable``."""
        try:
            return msgspec.json.decode(self.body, type=shape)
        except msgspec.MsgspecError as error:
            raise InstructionUnreadable(f"{self.kind}: {error}", kind=self.kind) from None


Effect = Callable[[Connection, Given, datetime], Awaitable[Result]]
"""Raises ``NodeError`` to refuse, and has then done nothing once the transaction is rolled back."""


async def _verify(connection: Connection, given: Given, at: datetime) -> Result:
    return await report_again(connection, given.read(Verify), at)


async def _suspend(connection: Connection, given: Given, at: datetime) -> Result:
    suspend = given.read(Suspend)
    grant = await suspend_from_above(connection, Prefix.parse_derived(suspend.prefix), suspend.reason, at)
    return {"prefix": grant.prefix.key, "state": str(grant.state)}


async def _resume(connection: Connection, given: Given, at: datetime) -> Result:
    grant = await resume_from_above(connection, Prefix.parse_derived(given.read(Resume).prefix), at)
    return {"prefix": grant.prefix.key, "state": str(grant.state)}


async def _block(connection: Connection, given: Given, at: datetime) -> Result:
    blocklist = given.read(Blocklist)
    removed = await unblock(connection, blocklist.remove)
    added = await block(connection, blocklist.add, given.instruction_id, at)
    told = {"added": added, "removed": removed}
    act = Act("identifier.block", "instruction", str(given.instruction_id), after=told)
    await record_act(connection, _STEWARD, act, at)
    return told


async def _query(connection: Connection, given: Given, at: datetime) -> Result:  # noqa: ARG001 - an effect like others
    return await answer_query(connection, given.read(Query))


EFFECTS: Mapping[Order, Effect] = {
    Order.VERIFY: _verify,
    Order.SUSPEND: _suspend,
    Order.RESUME: _resume,
    Order.BLOCKLIST: _block,
    Order.QUERY: _query,
}
