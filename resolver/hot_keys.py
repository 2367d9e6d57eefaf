"""What is asked for most is known again after a restart: a file of keys, the hottest first, to warm caches from.

Each minute an entry of the cache becomes hotter when it was asked for since, and cools when it was not: its heat is
the share of the latest minutes in which somebody wanted it. The file holds keys only; what they stand for is asked of
the database at the next start, behind the answers, so nothing that changed meanwhile is ever answered from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Self

import structlog

from resolver import metrics
from resolver.answer import Entry, ResolverAway
from resolver.chain import Resolver
from resolver.second_chance import Slot

log = structlog.get_logger("resolver")

FILE = "hot.keys"
HOTTEST = 255  # of an entry that somebody wanted in every minute; numbers up to 256 cost no memory
_SLOWLY = 3  # bits: heat follows the last 2 ** 3 minutes; below 8 it does not cool, so quiet nights forget nothing
_MINUTE = 60.0
_AT_ONCE = 1000  # entries looked through in 0.1 to 0.5 ms
_BREATH = 0.005  # seconds between
_BATCH = 64  # keys asked for at once: 2 ms of the event loop
_IDLE_SHARE = 4  # warming rests four times as long as it works
_SHARE = 0.5  # of the bound; the rest is for what is asked for now
_AWAY_PAUSE = 1.0


class HotKeys:
    """Warms a resolver's cache from ``file``, by at most ``most`` entries, and then keeps the file, if it ``writes``.

    One process of a node writes, for clients are spread over all of them; each reads. ``async with`` runs it in the
    background. ``monotonic`` is the resolver's clock.
    """

    def __init__(
        self,
        resolver: Resolver,
        file: Path,
        *,
        most: int,
        writes: bool,
        seconds: float = _MINUTE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver
        self._file = file
        self._most = most
        self._writes = writes
        self._seconds = seconds
        self._monotonic = monotonic
        self._since = monotonic()
        self._warmed = False
        self._working: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._most:
            self._working = asyncio.create_task(self._work(), name="hot keys")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._working is None:
            return
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)
        if self._writes and self._warmed:
            await self.write()

    async def warm(self) -> None:
        """Load what the file names, in small steps; waits for a database that is away."""
        began = self._monotonic()
        texts = (await asyncio.to_thread(read_hot_keys, self._file))[: self._most]
        loaded = 0
        for start in range(0, len(texts), _BATCH):
            if self._resolver.fullness >= _SHARE:
                break
            loaded += await self._load(texts[start : start + _BATCH])
        self._warmed = True
        if texts:
            seconds = round(self._monotonic() - began, 3)
            log.info("cache_warmed", entries=loaded, keys=len(texts), seconds=seconds)

    async def write(self, breath: float = 0.0) -> None:
        """Look through the cache, then write the hottest keys; a folder that takes no file is told of.

        ``breath``: seconds of rest between small steps.
        """
        since, self._since = self._since, self._monotonic()
        places = [0] * (HOTTEST + 1)
        async for shard in self._shards(breath):
            for slot in shard.values():
                places[reheat(slot, since)] += 1
        least = _least(places, self._most)
        by_heat: list[list[str]] = [[] for _ in places]
        async for shard in self._shards(breath):
            for text, slot in shard.items():
                alike = by_heat[slot.heat]
                if slot.heat >= least and len(alike) < self._most:  # a list of a million takes 30 ms to let go
                    alike.append(text)
        try:
            await asyncio.to_thread(write_hot_keys, self._file, chain.from_iterable(reversed(by_heat)), self._most)
        except OSError as error:
            log.warning("hot_keys_not_written", file=str(self._file), cause=type(error).__name__)

    async def _work(self) -> None:
        await self.warm()
        while self._writes:
            await asyncio.sleep(self._seconds)
            await self.write(_BREATH)

    async def _load(self, texts: Sequence[str]) -> int:
        keys = [(prefix, suffix) for prefix, _, suffix in (text.partition("/") for text in texts)]
        while True:
            began = self._monotonic()
            try:
                loaded = await self._resolver.warm(keys)
            except ResolverAway:
                await asyncio.sleep(_AWAY_PAUSE)
                continue
            metrics.CACHE_WARMED.inc(loaded)
            await asyncio.sleep(_IDLE_SHARE * (self._monotonic() - began))
            return loaded

    async def _shards(self, breath: float) -> AsyncIterator[Mapping[str, Slot[Entry]]]:
        seen = 0
        for shard in self._resolver.kept():
            yield shard
            seen += len(shard)
            if seen > _AT_ONCE:
                await asyncio.sleep(breath)
                seen = 0


def reheat(slot: Slot[Entry], since: float) -> int:
    """The new heat of an entry, a part of the way to hottest or to none."""
    heat = slot.heat
    if slot.valid_at >= since:
        heat += (HOTTEST - heat + (1 << _SLOWLY) - 1) >> _SLOWLY
    else:
        heat -= heat >> _SLOWLY
    slot.heat = heat
    return heat


def write_hot_keys(file: Path, texts: Iterable[str], most: int) -> None:
    """Put the first ``most`` texts in place of what the file held, as a whole or not at all. Raises OSError."""
    body = "\n".join(text for text, _ in zip(texts, range(most), strict=False)).encode()
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        unfinished.write_bytes(_head(body) + b"\n" + body)
        unfinished.replace(file)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def read_hot_keys(file: Path) -> list[str]:
    """The texts of a file, the hottest first; none of one that is not there, or not whole, or somebody else's."""
    try:
        head, _, body = file.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("hot_keys_passed_over", file=str(file), cause=type(error).__name__)
        return []
    if head != _head(body):
        log.warning("hot_keys_passed_over", file=str(file), cause="damaged")
        return []
    return body.decode().split("\n") if body else []


def _head(body: bytes) -> bytes:
    return b"biaoshi hot keys 1 " + hashlib.blake2b(body, digest_size=16).hexdigest().encode()


def _least(places: Sequence[int], most: int) -> int:
    """The lowest heat, above none, of the hottest ``most``; the last of that heat may be too many."""
    room = most
    for heat in range(HOTTEST, 1, -1):
        room -= places[heat]
        if room <= 0:
            return heat
    return 1
