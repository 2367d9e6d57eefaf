"""One steward of many is at work: a lock of PostgreSQL that lives and dies with its connection.

For a moment two stewards can believe they lead: the old one has not yet noticed that its connection is gone.
That does no harm. Each sends only what the outbox says is not delivered, in the outbox's order, and the far side
takes every message once; all that is lost is a little work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from node.database import AWAY, Connection, Pool
from node.errors import Unavailable
from node.pause import pause
from node.sql import statements_beside

log = structlog.get_logger("national")

_SQL = statements_beside(__file__)
_LOCK = 0x6E_61_74_6C  # "natl"
_SEEK_SECONDS = 1.0
_PROBE_SECONDS = 2.0


class LeadershipLost(Unavailable):
    title_zh = "已不是当值的上报进程"


async def lead(pool: Pool, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Wait until nobody else leads, then do ``work``; return when it is done, or when told to ``stop`` before.

    When the connection that holds the lock is lost, ``work`` is cancelled and leadership is sought again.
    """
    while not stop.is_set():
        try:
            async with pool.acquire(timeout=5) as connection:
                while not stop.is_set():
                    if await connection.fetchval(_SQL["seek_leadership"], _LOCK):
                        log.info("leadership_gained")
                        await _work_while_holding(connection, work)
                        return
                    await pause(stop, _SEEK_SECONDS)
        except (LeadershipLost, *AWAY) as error:
            log.warning("leadership_lost", cause=type(error).__name__)
            # Longer than the others' pause: they may have better luck with their connections.
            await pause(stop, 2 * _SEEK_SECONDS)


async def _work_while_holding(connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(_hold(connection))
            await work()
            holding.cancel()
    except BaseExceptionGroup as group_of_errors:
        # Not ``except*``: early releases of Python 3.11 wrap what is raised there into another group.
        lost, others = group_of_errors.split(LeadershipLost)
        if lost is None or others is not None:
            raise
        raise LeadershipLost("the connection that held the lock is gone") from lost


async def _hold(connection: Connection) -> None:
    while True:
        await asyncio.sleep(_PROBE_SECONDS)
        try:
            await connection.execute("SELECT 1", timeout=_PROBE_SECONDS)
        except AWAY as error:
            raise LeadershipLost("the database no longer answers the leader", cause=type(error).__name__) from error
