"""Waiting for what may come, without holding a connection: one look for all who wait.

While somebody waits, one task looks at intervals for how far the tables have grown, whoever of how many processes
writes them. Who waits takes a mark, looks for himself, and waits at that mark: what comes in between wakes him.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from node.database import AWAY
from node.pause import pause

log = structlog.get_logger("docking")

Look = Callable[[], Awaitable[object]]
"""What is newest; equal answers say that nothing came."""


class News:
    """Looks every ``seconds``, while anybody waits."""

    def __init__(self, look: Look, seconds: float = 0.2) -> None:
        self._look = look
        self._seconds = seconds
        self._came = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None
        self._seen: object = None
        self.closed = False

    def mark(self) -> asyncio.Event:
        """From now on; take it before looking for oneself."""
        return self._came

    async def wait(self, mark: asyncio.Event, seconds: float) -> None:
        """Until something came after the mark, the time is over, or the end of everything."""
        if self.closed or seconds <= 0:
            return
        self._waiting += 1
        if self._looking is None or self._looking.done():
            # What it saw last stays: whatever came while nobody looked differs from it and wakes whoever waits, once.
            self._looking = asyncio.create_task(self._look_for_ever())
        try:
            await pause(mark, seconds)
        finally:
            self._waiting -= 1
            if not self._waiting and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def close(self) -> None:
        """Nobody waits any more."""
        self.closed = True
        self._came.set()

    async def _look_for_ever(self) -> None:
        while True:
            try:
                newest = await self._look()
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("news_wait_for_the_database", cause=type(error).__name__)
            else:
                if newest != self._seen:
                    self._seen = newest
                    self._came.set()
                    if not self.closed:
                        self._came = asyncio.Event()
            await asyncio.sleep(self._seconds)
