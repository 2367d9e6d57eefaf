"""Names that other nodes answer: remembered, on their way already, or resolved hop by hop; stale when nothing else.

``async with Recursion(roots, Outward(), limits) as recursion: await recursion.resolve("88.102.7/P-1")``
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from node.config_connection import RecursionSettings
from node.errors import NodeError
from node.outward import Outward
from node.record import Record, select
from resolver import metrics
from resolver.answer import Elsewhere, Entry
from resolver.handle.codes import ResponseCode
from resolver.recursion.asking import Asking, Means
from resolver.recursion.breaker import Breakers
from resolver.recursion.delegation import Delegation, Target
from resolver.recursion.errors import DelegationUnusable, FarSideSilent, RecursionBusy
from resolver.recursion.foreign import Foreign, ForeignMissing, ForeignRecord, ForeignRefusal, Told
from resolver.recursion.hop import Hop
from resolver.recursion.kept import Kept
from resolver.recursion.links import Links
from resolver.recursion.walk import Learned, Walk
from resolver.recursion.wanted import Wanted

_UNDER_WAY = 256  # resolutions at other nodes; one more is told to come again
_WAITING = 1024  # who waits for them; a worker has its own identifiers to answer, too
_RETRY_AFTER = 1


@dataclass(frozen=True, slots=True)
class RecursionLimits:
    """As the settings of the group ``recursion``."""

    seconds: float = 4.0
    hop_seconds: float = 1.5
    hops: int = 8
    answer_bytes: int = 65_536
    cache_bytes: int = 48 << 20
    ttl_seconds: float = 3_600.0
    missing_seconds: float = 60.0
    stale_seconds: float = 86_400.0

    @classmethod
    def of(cls, settings: RecursionSettings) -> Self:
        return cls(
            settings.seconds,
            settings.hop_seconds,
            settings.hops,
            settings.answer_bytes,
            settings.cache_bytes,
            settings.ttl_seconds,
            settings.missing_seconds,
            settings.stale_seconds,
        )


@dataclass(frozen=True, slots=True)
class _Landed:
    """What a walk brought: a record and for how long it holds; or nothing, or a refusal."""

    told: Told | ForeignRefusal
    seconds: float = 0.0


class Recursion:
    """``roots`` are asked where no route is known; ``outward`` says into which networks delegations may lead.

    ``clock`` is Unix time; ``chance`` draws the numbers of questions, which nobody may guess.
    """

    def __init__(
        self,
        roots: Sequence[Target],
        outward: Outward,
        limits: RecursionLimits,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        chance: random.Random | None = None,
    ) -> None:
        chance = chance or random.SystemRandom()
        self.limits = limits
        self._roots = Delegation("", targets=tuple(roots))
        self._monotonic = monotonic
        self._clock = clock
        self._kept = Kept(
            cache_bytes=limits.cache_bytes,
            ttl_seconds=limits.ttl_seconds,
            missing_seconds=limits.missing_seconds,
            stale_seconds=limits.stale_seconds,
        )
        self._links = Links(outward, most=limits.answer_bytes, monotonic=monotonic)
        self._means = Means(
            self._links,
            Breakers(monotonic, chance),
            limits.hop_seconds,
            limits.hops,
            clock,
            lambda: chance.randrange(1, 1 << 31),
        )
        self._flights: dict[str, asyncio.Task[_Landed]] = {}
        self._under_way: set[asyncio.Task[_Landed]] = set()
        self._waiting = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Whoever still waits is told ``RecursionBusy``."""
        flights = list(self._under_way)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._links.close()

    def knows(self, handle: str) -> bool:
        """Whether an answer would come without asking anybody. Raises InvalidIdentifier."""
        return self._kept.fresh(Wanted.of(handle), self._monotonic()) is not None

    async def resolve(
        self,
        handle: str,
        types: tuple[str, ...] = (),
        indexes: tuple[int, ...] = (),
        *,
        start: Delegation | None = None,
        depth: int = 0,
        anew: bool = False,
    ) -> Foreign:
        """What others answer about a handle: those of ``start``, else the nearest that are known, else the roots'.

        ``depth``: how many servers ask for one another already; ``anew``: by questions that begin now, never stale.
        Raises ``FarSideSilent``, ``DelegationUnusable``, ``LoopDetected``, ``TooManyHops``, ``RecursionBusy``,
        InvalidIdentifier.
        """
        wanted = Wanted.of(handle)
        known = None if anew else self._kept.fresh(wanted, self._monotonic())
        if known is not None:
            told, age, left = known
            metrics.RECURSIONS.labels("kept").inc()
            return _foreign(told, age, left, types, indexes)
        try:
            landed = await self._flown(wanted, start, depth, anew=anew)
        except FarSideSilent:
            stale = None if anew else self._kept.stale(wanted, self._monotonic())
            if stale is None:
                raise
            metrics.RECURSIONS.labels("stale").inc()
            return _record(*stale, types, indexes)
        if isinstance(landed.told, ForeignRefusal):
            return landed.told
        return _foreign(landed.told, 0.0, landed.seconds, types, indexes)

    async def trace(self, handle: str, *, start: Delegation | None = None, hops: list[Hop]) -> Foreign:
        """As ``resolve``, of all values, from ``start`` or the roots with nothing remembered; every question is
        added to ``hops`` as soon as something came of it."""
        wanted = Wanted.of(handle)
        walk = self._walk(wanted, 0, _forgotten, hops)
        told = await self._in_time(walk, start or self._roots)
        if isinstance(told, ForeignRefusal):
            return told
        return _foreign(told, 0.0, 0.0, (), ())

    async def _flown(self, wanted: Wanted, start: Delegation | None, depth: int, *, anew: bool) -> _Landed:
        """By the flight under way, which those who leave do not take away from those who stay; or by a new one."""
        flight = None if anew else self._flights.get(wanted.key)
        if self._waiting >= _WAITING or (flight is None and len(self._under_way) >= _UNDER_WAY):
            raise RecursionBusy("too many resolutions at other nodes are under way", retry_after=_RETRY_AFTER)
        if flight is None:
            flight = asyncio.create_task(self._fly(wanted, start, depth), name="resolve at other nodes")
            self._flights[wanted.key] = flight
            self._under_way.add(flight)
            flight.add_done_callback(lambda done: self._landed(wanted, done))
        self._waiting += 1
        try:
            return await asyncio.shield(flight)
        except asyncio.CancelledError:
            if flight.cancelled():
                raise RecursionBusy("this process is about to end", retry_after=_RETRY_AFTER) from None
            raise
        finally:
            self._waiting -= 1

    def _landed(self, wanted: Wanted, flight: asyncio.Task[_Landed]) -> None:
        self._under_way.discard(flight)
        if self._flights.get(wanted.key) is flight:
            del self._flights[wanted.key]
        if not flight.cancelled():
            flight.exception()  # which also tells asyncio that somebody knows, should all who asked have left

    async def _fly(self, wanted: Wanted, start: Delegation | None, depth: int) -> _Landed:
        try:
            told = await self._walked(wanted, start, depth)
        except NodeError as error:
            metrics.RECURSIONS.labels(error.code).inc()
            raise
        if isinstance(told, ForeignRefusal):
            metrics.RECURSIONS.labels("refused").inc()
            return _Landed(told)
        metrics.RECURSIONS.labels("missing" if told.entry is None else "record").inc()
        return _Landed(told, self._kept.keep(wanted, told, self._monotonic(), self._clock()))

    async def _walked(self, wanted: Wanted, start: Delegation | None, depth: int) -> Told | ForeignRefusal:
        walk = self._walk(
            wanted, depth, lambda one, values: self._kept.learn(one, values, self._monotonic(), self._clock()), []
        )
        known = None if start else self._kept.nearest(wanted, self._monotonic())
        if known is None:
            return await self._in_time(walk, start or self._roots)
        return await self._in_time(walk, known, otherwise=self._roots)

    def _walk(self, wanted: Wanted, depth: int, learned: Learned, hops: list[Hop]) -> Walk:
        return Walk(Asking(self._means, wanted, depth, hops), learned)

    async def _in_time(
        self, walk: Walk, start: Delegation, *, otherwise: Delegation | None = None
    ) -> Told | ForeignRefusal:
        """Where a remembered route leads to nobody, or to who answers no more, the way begins once more."""
        try:
            async with asyncio.timeout(self.limits.seconds):
                if otherwise is None:
                    return await walk.run(start)
                try:
                    told = await walk.run(start)
                    if not isinstance(told, ForeignRefusal) or told.code != ResponseCode.NOT_RESPONSIBLE:
                        return told
                except (FarSideSilent, DelegationUnusable):
                    pass
                self._kept.forget_route(start)
                walk.asking.begin_anew()
                return await walk.run(otherwise)
        except TimeoutError:
            name = walk.wanted.text
            detail = f"{name} was not found within {self.limits.seconds:g} s"
            raise FarSideSilent(detail, name=name, retry_after=_RETRY_AFTER) from None


def _forgotten(_delegation: Delegation, _values: Record) -> None:
    """Who traces keeps nothing of what he saw."""


def _foreign(told: Told, age: float, left: float, types: tuple[str, ...], indexes: tuple[int, ...]) -> Foreign:
    if told.entry is None:
        return ForeignMissing(told.server)
    return _record(told.entry, Elsewhere(told.server, age, left), types, indexes)


def _record(entry: Entry, elsewhere: Elsewhere, types: tuple[str, ...], indexes: tuple[int, ...]) -> ForeignRecord:
    return ForeignRecord(entry, select(entry.public_values(), indexes, types), elsewhere)
