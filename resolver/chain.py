"""One resolution from question to answer: remembered, or on its way already, or looked up; stale when nothing else.

``async with Resolver(reader_url, listen_url=url, …) as resolver: await resolver.resolve(Query(identifier))``
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Self

import asyncpg
import structlog

from node.database import Listener
from node.notices import CHANNEL, Notice
from resolver import metrics
from resolver.answer import Answer, Key, Loaded, Query, ResolverAway, answer
from resolver.cache import Cache, Flight
from resolver.connection import ReaderConnection
from resolver.local import Faces, TemplateFace, look_up
from resolver.lookup import Lookup

log = structlog.get_logger("resolver")

_REFUSED_PAUSE = 1.0  # seconds


class Resolver:
    """Answers from the cache and the database behind ``reader_url``; hears the writer at ``listen_url``.

    A reader that is not the writer's own server may lag behind the notices, so what it says is never kept as
    fresh: each question is looked up, and the cache serves only while the reader is away.
    """

    def __init__(
        self,
        reader_url: str,
        *,
        listen_url: str,
        cache_entries: int,
        missing_entries: int,
        missing_seconds: float,
        stale_seconds: float,
        lookup_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cache = Cache(
            entries=cache_entries,
            missing_entries=missing_entries,
            missing_seconds=missing_seconds,
            stale_seconds=stale_seconds,
        )
        self._connection = ReaderConnection(reader_url, seconds=lookup_seconds)
        self._lookup: Lookup[Key, Loaded] = Lookup(lambda keys: look_up(self._connection, keys))
        self._faces = Faces(self._connection)
        self._lags = reader_url != listen_url
        self._listener = Listener(
            listen_url, CHANNEL, on_notice=self._on_notice, on_lost=self._on_lost, on_resumed=self._on_resumed
        )
        self._listening: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()
        self._patience = lookup_seconds
        self._monotonic = monotonic

    @property
    def listening(self) -> bool:
        """Whether the writer's notices are heard."""
        return self._heard.is_set()

    async def resolve(self, query: Query) -> Answer:
        """The answer to a query. Raises ``NotResponsible``, ``ResolverAway``."""
        key = query.key
        loaded = self._cache.fresh(key, self._monotonic())
        if loaded is not None:
            metrics.CACHE_HITS.inc()
            return answer(query, loaded)
        flight = self._cache.flight(key) or self._depart(key)
        try:
            # Shielded: one who leaves does not take the answer away from those who stay.
            return answer(query, await asyncio.shield(flight.landing))
        except ResolverAway:
            remembered = self._cache.stale(key, self._monotonic())
            if remembered is None:
                raise
            entry, age = remembered
            metrics.CACHE_STALE.inc()
            return answer(query, entry, age)

    async def face(self, template_id: int) -> TemplateFace:
        """How a template wants its values shown; unknown while the database is away."""
        return await self._faces.of(template_id)

    async def start(self) -> None:
        """Begin to answer. Waits a moment for the writer's voice, but not for a database that is away."""
        self._lookup.start()
        self._listening = asyncio.create_task(self._listen(), name="listen to the writer")
        await asyncio.wait({self._listening, waiting := asyncio.create_task(self._heard.wait())},
                           timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        waiting.cancel()

    async def stop(self) -> None:
        """End all tasks and connections; whoever still waits is told ``ResolverAway``."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._lookup.stop()
        await self._connection.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listener.run()
            except asyncpg.PostgresError as error:
                # A server that refuses: restoring, or a replica. Until it does not, every question is looked up.
                log.warning("listener_refused", cause=type(error).__name__, message=str(error)[:200])
                await asyncio.sleep(_REFUSED_PAUSE)

    def _depart(self, key: Key) -> Flight:
        landing = self._lookup.ask(key)
        flight = self._cache.depart(key, landing)
        landing.add_done_callback(lambda _: self._land(flight))
        return flight

    def _land(self, flight: Flight) -> None:
        # Reading the exception also tells asyncio that somebody knows, should all who asked have left.
        loaded = None if flight.landing.exception() is not None else flight.landing.result()
        evicted = self._cache.land(flight, loaded, self._monotonic())
        if evicted:
            metrics.CACHE_EVICTIONS.inc(evicted)
        metrics.CACHE_ENTRIES.set(len(self._cache))

    def _on_notice(self, payload: str) -> None:
        try:
            notice = Notice.decode(payload)
        except ValueError:
            log.warning("notice_unknown", payload=payload[:200])
            self._cache.hear_unknown()
            return
        self._cache.hear(notice)

    def _on_lost(self) -> None:
        self._cache.lost()
        self._heard.clear()
        metrics.LISTENING.set(0)

    def _on_resumed(self) -> None:
        if not self._lags:
            self._cache.resumed()
        self._heard.set()
        metrics.LISTENING.set(1)
