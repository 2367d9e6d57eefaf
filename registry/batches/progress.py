"""Watching a batch: what it is like now, and whenever that has changed, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from node.auth import Account
from node.database import Pool
from node.errors import TooMany
from node.pause import pause
from registry.batches.by_body import visible_batch
from registry.batches.store import Batch
from registry.store import reading


class TooManyWatchers(TooMany):
    title_zh = "同时查看进度的连接过多"


class BatchProgress:
    """At most ``watchers`` at a time in this process; each looks every ``every`` seconds and says after
    ``heartbeat`` seconds without news that it is still there.
    """

    def __init__(self, pool: Pool, *, watchers: int = 64, every: float = 0.5, heartbeat: float = 15.0) -> None:
        self.watchers = watchers
        self.heartbeat = heartbeat
        self._pool = pool
        self._every = every
        self._watching = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """The server stops: everybody who watches is told no more."""
        self._stopping.set()

    async def watch(self, account: Account, batch_id: UUID) -> AsyncIterator[Batch | None]:
        """The batch now, then at every change; ``None`` is a heartbeat. Ends when the batch is over.

        Raises ``BatchUnknown`` and ``TooManyWatchers`` before the first.
        """
        first = await self._look(account, batch_id)
        if self._watching >= self.watchers:
            raise TooManyWatchers("this worker has enough watchers; ask for the batch now and then instead")
        return self._changes(account, first)

    async def _changes(self, account: Account, batch: Batch) -> AsyncIterator[Batch | None]:
        self._watching += 1
        try:
            yield batch
            quiet = 0.0
            while not batch.state.over and not await pause(self._stopping, self._every):
                found = await self._look(account, batch.batch_id)
                quiet += self._every
                if found != batch:
                    batch, quiet = found, 0.0
                    yield batch
                elif quiet >= self.heartbeat:
                    quiet = 0.0
                    yield None
        finally:
            self._watching -= 1

    async def _look(self, account: Account, batch_id: UUID) -> Batch:
        async with reading(self._pool) as connection:
            return await visible_batch(connection, account, batch_id)
