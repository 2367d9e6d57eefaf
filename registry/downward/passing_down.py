"""What becomes of a prefix here is passed on to the node that answers for it, whoever decided it and however.

A loop compares what is with what the node was told: a prefix that is not enabled any more is suspended there, and
resumed when it is again; identifiers blocked below it are blocked there; its verification is answered by how it
stands here. So nothing depends on who changes what by which way, and a node that docks later is told the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import asyncpg
import structlog

from node.database import Connection, Pool, transaction
from node.errors import NodeError
from node.national.instructions import Blocked, Blocklist, Order, Resume, Suspend
from node.pause import pause
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.instructions import issue_instruction
from node.upper.verdicts import decide_verification, next_undecided
from registry.downward.access import grant_what_fits
from registry.transitions import PrefixState

log = structlog.get_logger("downward")

_SQL = statements_beside(__file__)
_LOCK = 0x62_65_6C_6F_77  # "below": one hand at a time
_PAUSE_SECONDS = 0.5
_MOST_BLOCKED = 1000  # of one instruction
_SUSPENDED = "上级暂停 / suspended at the node above"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    passed: bool
    reason: str


PASSED = Judged(True, "核验通过 / verified")
NOT_ITS_OWN = Judged(False, "企业节点只核验本企业前缀 / the node answers for another prefix")
NOT_HELD = Judged(False, "前缀已不由该企业持有 / the enterprise does not hold the prefix")


async def pass_down_for_ever(
    pool: Pool, seal: Seal, clock: Callable[[], datetime], stop: asyncio.Event, *, at_once: bool
) -> None:
    """Until told to stop; several may do it at once. ``at_once``: let in whose application fits."""
    while not stop.is_set():
        try:
            await pass_down(pool, seal, clock(), at_once=at_once)
        except (NodeError, asyncpg.PostgresError) as error:
            detail = error.detail if isinstance(error, NodeError) else str(error)
            log.warning("passing_down_failed", cause=type(error).__name__, detail=detail)
        await pause(stop, _PAUSE_SECONDS)


async def pass_down(pool: Pool, seal: Seal, at: datetime, *, at_once: bool) -> None:
    """Once everything, each in a transaction of its own. Raises ``DatabaseAway``."""
    if at_once:
        async with _alone(pool) as connection:
            await grant_what_fits(connection, seal, at)
    async with _alone(pool) as connection:
        await _pass_states_on(connection, at)
    async with _alone(pool) as connection:
        await _pass_blocks_on(connection, at)
    while await _decide_one(pool, at):
        pass


@contextlib.asynccontextmanager
async def _alone(pool: Pool) -> AsyncIterator[Connection]:
    async with transaction(pool) as connection:
        await connection.execute(_SQL["hold_passing_down"], _LOCK)
        yield connection


async def _pass_states_on(connection: Connection, at: datetime) -> None:
    for row in await connection.fetch(_SQL["docked_prefixes"]):
        prefix = row["delegated_prefix"]
        enabled, told_suspended = row["state"] == PrefixState.ENABLED, row["told"] == Order.SUSPEND
        if enabled and told_suspended:
            await issue_instruction(connection, prefix, Order.RESUME, Resume(prefix=prefix), at)
        elif not enabled and not told_suspended:
            body = Suspend(prefix=prefix, reason=row["reason"][:500] or _SUSPENDED)
            await issue_instruction(connection, prefix, Order.SUSPEND, body, at)


async def _pass_blocks_on(connection: Connection, at: datetime) -> None:
    new = await connection.fetch(_SQL["blocks_to_pass_on"], _MOST_BLOCKED)
    for prefix, rows in _by_node(new):
        await connection.executemany(_SQL["block_passed_on"], [(*_key(row), row["suffix"]) for row in rows])
        add = [Blocked(identifier=f"{row['prefix']}/{row['suffix']}", reason=row["reason"][:500]) for row in rows]
        await issue_instruction(connection, prefix, Order.BLOCKLIST, Blocklist(add=add), at)
    gone = await connection.fetch(_SQL["blocks_to_take_back"], _MOST_BLOCKED)
    for prefix, rows in _by_node(gone):
        await connection.executemany(_SQL["block_taken_back"], [_key(row) for row in rows])
        remove = [f"{row['prefix']}/{row['suffix']}" for row in rows]
        await issue_instruction(connection, prefix, Order.BLOCKLIST, Blocklist(remove=remove), at)


def _by_node(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    return [(prefix, list(group)) for prefix, group in groupby(rows, key=itemgetter("delegated_prefix"))]


def _key(row: Row) -> tuple[str, str, str]:
    return row["delegated_prefix"], row["prefix"], row["suffix_key"]


async def _decide_one(pool: Pool, at: datetime) -> bool:
    """Answer the oldest verification that can be answered; whether there was one."""
    async with transaction(pool) as connection:
        after = 0
        while (asked := await next_undecided(connection, after=after)) is not None:
            judged = await _judge(connection, asked)
            if judged is not None:
                await decide_verification(connection, asked, judged.passed, judged.reason, at)
                return True
            after = asked["verification_id"]
    return False


async def _judge(connection: Connection, asked: Row) -> Judged | None:
    """By how the prefix stands here; ``None`` while it is suspended: the answer would be the last one."""
    if asked["prefix"] != asked["delegated_prefix"]:
        return NOT_ITS_OWN
    held = await connection.fetchrow(_SQL["holder_in_use"], asked["prefix"])
    holder = (asked["credit_code"], asked["other_certificate"])
    if held is None or (held["credit_code"], held["other_certificate"]) != holder:
        return NOT_HELD
    if held["state"] == PrefixState.ENABLED:
        return PASSED
    return None if held["state"] == PrefixState.SUSPENDED else NOT_HELD
