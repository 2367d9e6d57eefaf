"""Many look-ups as one statement: whoever asks while a statement is under way is served by the next one.

One connection from one core so answers about as many look-ups as the server can give two connections, and a
crowd of requests never becomes a crowd of connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from resolver import metrics
from resolver.answer import ResolverAway

log = structlog.get_logger("resolver")

K = TypeVar("K")
V = TypeVar("V")

BATCH = 512
_WAITING = 20_000  # look-ups; above, the database is as good as away


class Lookup(Generic[K, V]):
    """``load`` takes at most ``BATCH`` keys and returns their values in order, ``None`` for what nobody can tell now.

    It may raise ``ResolverAway``.
    """

    def __init__(self, load: Callable[[Sequence[K]], Awaitable[Sequence[V | None]]]) -> None:
        self._load = load
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._asked = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work; needs a running event loop."""
        self._worker = asyncio.create_task(self._work(), name="look-ups")

    async def stop(self) -> None:
        """End; whoever still waits is told ``ResolverAway``."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None
        _fail(self._waiting)
        self._waiting = []

    def ask(self, key: K) -> asyncio.Future[V]:
        """A future of the key's value; it fails with ``ResolverAway``."""
        landing: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        if self._worker is None or len(self._waiting) >= _WAITING:
            landing.set_exception(ResolverAway())
            return landing
        self._waiting.append((key, landing))
        self._asked.set()
        return landing

    async def _work(self) -> None:
        while True:
            await self._asked.wait()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if not self._waiting:
                self._asked.clear()
            try:
                await self._serve(batch)
            finally:
                _fail(batch)  # those without an answer by now

    async def _serve(self, batch: Sequence[tuple[K, asyncio.Future[V]]]) -> None:
        metrics.LOOKUP_BATCHES.inc()
        metrics.LOOKUPS.inc(len(batch))
        try:
            values = await self._load([key for key, _ in batch])
        except ResolverAway:
            # Those who came meanwhile would wait as long for the same news.
            _fail(self._waiting)
            self._waiting = []
            self._asked.clear()
            return
        except Exception:
            log.exception("look_up_broken", keys=len(batch))
            return
        for (_, landing), value in zip(batch, values, strict=True):
            if value is not None and not landing.done():
                landing.set_result(value)


def _fail(batch: Sequence[tuple[K, asyncio.Future[V]]]) -> None:
    for _, landing in batch:
        if not landing.done():
            landing.set_exception(ResolverAway())
