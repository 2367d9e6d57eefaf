"""From a key to what is known of it: remembered, or on its way already, or looked up; stale when nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from resolver import metrics
from resolver.answer import Key, Loaded, ResolverAway
from resolver.cache import Cache, Flight
from resolver.lookup import Lookup

Load = Callable[[Sequence[Key]], Awaitable[Sequence[Loaded | None]]]
LastWord = Callable[[Sequence[Key]], Awaitable[Sequence[tuple[Loaded, float]]]]


class Recall:
    """``load`` is that of a ``Lookup``, ``monotonic`` the cache's clock. Call ``hear`` and its like on ``cache``.

    ``last_word``, if there is one, says what ``load`` could not and the cache does not know, with its age in seconds.
    """

    def __init__(
        self,
        cache: Cache,
        load: Load,
        monotonic: Callable[[], float],
        last_word: LastWord | None = None,
    ) -> None:
        self.cache = cache
        self._lookup: Lookup[Key, Loaded] = Lookup(load)
        self._last_word: Lookup[Key, tuple[Loaded, float]] | None = Lookup(last_word) if last_word else None
        self._monotonic = monotonic

    def start(self) -> None:
        self._lookup.start()
        if self._last_word is not None:
            self._last_word.start()

    async def stop(self) -> None:
        """Whoever still waits is told ``ResolverAway``."""
        await self._lookup.stop()
        if self._last_word is not None:
            await self._last_word.stop()

    def fresh(self, key: Key) -> Loaded | None:
        """What is known to hold, without asking anybody."""
        return self.cache.fresh(key, self._monotonic())

    async def look_up(self, key: Key, *, anew: bool = False) -> tuple[Loaded, float | None]:
        """What the database says, or while it is away the last known entry or the last word with its age in seconds.

        ``anew``: by a question that begins now, and never stale. Raises ``ResolverAway``.
        """
        flight = (None if anew else self.cache.flight(key)) or self._depart(key)
        try:
            # Shielded: one who leaves does not take the answer away from those who stay.
            return await asyncio.shield(flight.landing), None
        except ResolverAway:
            if anew:
                raise
        stale = self.cache.stale(key, self._monotonic()) or await self._ask_last(key)
        metrics.CACHE_STALE.inc()
        return stale

    async def _ask_last(self, key: Key) -> tuple[Loaded, float]:
        if self._last_word is None:
            raise ResolverAway
        return await self._last_word.ask(key)

    def expect(self, key: Key, landed: Callable[[asyncio.Future[Loaded]], object]) -> None:
        """As ``look_up``, for who needs no task: ``landed`` is called with what came, never with a stale entry."""
        flight = self.cache.flight(key) or self._depart(key)
        flight.landing.add_done_callback(landed)

    def _depart(self, key: Key) -> Flight:
        landing = self._lookup.ask(key)
        flight = self.cache.depart(key, landing)
        landing.add_done_callback(lambda _: self._land(flight))
        return flight

    def _land(self, flight: Flight) -> None:
        # Reading the exception also tells asyncio that somebody knows, should all who asked have left.
        loaded = None if flight.landing.exception() is not None else flight.landing.result()
        evicted = self.cache.land(flight, loaded, self._monotonic())
        if evicted:
            metrics.CACHE_EVICTIONS.inc(evicted)
