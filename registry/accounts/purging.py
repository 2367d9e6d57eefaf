"""What signing in leaves behind is taken away: ended tokens and sessions, what was begun and left half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from node.database import Pool, transaction
from node.errors import NodeError
from node.pause import pause
from node.sql import statements_beside

log = structlog.get_logger(__name__)

_SQL = statements_beside(__file__, "purging.sql")

TOKENS_KEPT = timedelta(days=30)
"""How long an ended token can still be looked at in the list."""
HALF_WAY = timedelta(hours=1)
_AT_ONCE = 5_000
_EVERY_SECONDS = 3600.0
_REST_SECONDS = 60.0


async def purge_hourly(pool: Pool, clock: Callable[[], datetime], stop: asyncio.Event) -> None:
    """Until told to stop; what went wrong is logged and repeated."""
    while not stop.is_set():
        try:
            purged = await purge(pool, clock())
        except NodeError as error:
            log.warning("sign_in_purge_failed", code=error.code, detail=error.detail)
            await pause(stop, _REST_SECONDS)
            continue
        if purged:
            log.info("tokens_purged", tokens=purged)
        await pause(stop, _EVERY_SECONDS)


async def purge(pool: Pool, at: datetime) -> int:
    """How many tokens went. Raises ``DatabaseAway``."""
    async with transaction(pool) as connection:
        await connection.execute(_SQL["purge_half_open"], at)
        await connection.execute(_SQL["purge_begun"], at - HALF_WAY)
    purged = 0
    while True:
        async with transaction(pool) as connection:
            done = await connection.execute(_SQL["purge_tokens"], at - TOKENS_KEPT, _AT_ONCE)
        now = int(done.rpartition(" ")[2])
        purged += now
        if now < _AT_ONCE:
            return purged
