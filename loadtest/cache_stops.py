"""How long an event loop stands still while a large cache is filled, asked, evicted from and told of changes.

Each turn of the loop and each garbage collection is measured in CPU time of its thread; beside it the plain way,
ordinary objects in an ``OrderedDict``.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

from loadtest.cache_entries import PREFIXES, bound_of, entry_of, key_of, new_cache, put
from node.notices import Notice, NoticeKind
from resolver.answer import Absence, Entry, Key
from resolver.cache import Cache
from resolver.hearing import Hearing
from resolver.hot_keys import HotKeys

_AT_ONCE = 32  # questions in a turn of the loop: a busy socket's worth
_EVERY = 50  # turns between notices
_KEYS = 500  # of a notice


@dataclass(slots=True)
class Stood:
    """Longest turns of the loop and collections, in CPU milliseconds; ``turns``: how many there were."""

    turns: int = 0
    longest_turns: tuple[float, ...] = ()
    collections: int = 0
    longest_collections: tuple[float, ...] = ()

    def turn(self, seconds: float) -> None:
        self.turns += 1
        self.longest_turns = _longest(self.longest_turns, seconds)

    def collection(self, seconds: float) -> None:
        self.collections += 1
        self.longest_collections = _longest(self.longest_collections, seconds)


def _longest(known: tuple[float, ...], seconds: float) -> tuple[float, ...]:
    if len(known) == 5 and seconds * 1000 <= known[-1]:
        return known
    return tuple(sorted((*known, seconds * 1000), reverse=True)[:5])


async def stood(entries: int, asked: int, room: int) -> Stood:
    """Our cache with ``room``, offered ``entries`` in an event loop, then asked and told of changes."""
    cache = new_cache(bound_of(room))
    hearing = Hearing(cache.hear, cache.hear_unknown)
    random = Random(1)
    notices = _notices(random, entries)
    with tempfile.TemporaryDirectory(prefix="biaoshi-bench-") as folder:
        file = Path(folder) / "hot.keys"
        hot = HotKeys(cast("Any", _Kept(cache)), file, most=20_000, writes=True, monotonic=lambda: 0.0)
        async with _watched() as watched:
            for number in range(entries):
                put(cache, number, entry_of(number))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            surveying = asyncio.create_task(hot.write(0.005))
            for turn in range(asked // _AT_ONCE):
                for _ in range(_AT_ONCE):
                    _ask(cache, random.randrange(entries * 5 // 4))
                if turn % _EVERY == 0:
                    _change(cache, hearing, random, turn // _EVERY, notices)
                await asyncio.sleep(0)
            await surveying
    assert len(cache) > room // 2, "the cache was not full"
    return watched


async def stood_plain(entries: int, asked: int) -> Stood:
    """The plain way: an LRU of ordinary objects by ordinary keys."""
    lru: OrderedDict[Key, _Plain] = OrderedDict()
    random = Random(1)
    async with _watched() as watched:
        for number in range(entries):
            lru[key_of(number)] = _Plain(entry_of(number))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        for _ in range(asked // _AT_ONCE):
            for _ in range(_AT_ONCE):
                number = random.randrange(entries * 5 // 4)
                key = key_of(number)
                if key in lru:
                    lru.move_to_end(key)
                else:
                    lru[key] = _Plain(entry_of(number))
                    lru.popitem(last=False)
            await asyncio.sleep(0)
    return watched


@dataclass(slots=True)
class _Plain:
    entry: Entry


class _Kept:
    """What of a resolver ``HotKeys.write`` looks through."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def kept(self) -> Iterator[Mapping[str, Any]]:
        return self._cache.found.shards()


def _ask(cache: Cache, number: int) -> None:
    key = key_of(number)
    if cache.fresh(key, 1.0) is None:
        put(cache, number, entry_of(number))
    if number % 8 == 0:
        nobody = key[0], f"NOBODY-{number}"
        if cache.fresh(nobody, 1.0) is None:
            cache.land(cache.depart(nobody, cast("Any", None)), Absence.UNKNOWN, 1.0)


def _notices(random: Random, entries: int) -> list[Notice]:
    """As many keys as a notice carries, made beforehand: a resolver reads them from one text."""
    return [
        Notice(
            NoticeKind.IDENTIFIERS,
            f"88.101.{prefix}",
            tuple(f"PUMP-{random.randrange(entries // PREFIXES) * PREFIXES + prefix:09d}" for _ in range(_KEYS)),
        )
        for prefix in range(PREFIXES)
    ]


def _change(cache: Cache, hearing: Hearing, random: Random, round_: int, notices: Sequence[Notice]) -> None:
    """One of what a resolver may hear, the heaviest of its kind."""
    notice = random.choice(notices)
    prefix = notice.prefix
    what = round_ % 8
    if what < 4:
        hearing.take(notice)
    elif what == 4:
        hearing.take(Notice(NoticeKind.ADDITIONS, prefix))
    elif what == 5:
        hearing.take(Notice(NoticeKind.PREFIX, prefix))
    elif what == 6 and round_ % 64 == 6:
        cache.hear_unknown()
    elif round_ % 128 == 7:
        cache.lost()
        cache.resumed()


class _watched:  # noqa: N801 - used like a function
    """Measures each turn of the running loop, and each collection, until it ends."""

    def __init__(self) -> None:
        self._stood = Stood()
        self._began = 0.0
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Stood:
        gc.collect()
        gc.freeze()  # as a worker does when it is ready
        gc.callbacks.append(self._collecting)
        self._watching = asyncio.create_task(self._watch())
        return self._stood

    async def __aexit__(self, *_: object) -> None:
        assert self._watching is not None
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        gc.collect()  # the worst: everything that is tracked, at once
        gc.callbacks.remove(self._collecting)
        gc.unfreeze()

    async def _watch(self) -> None:
        await asyncio.sleep(0)
        before = time.thread_time()
        while True:
            garbage: list[object] = []
            garbage.append(garbage)  # as requests leave behind: the collector has work, and must do it
            await asyncio.sleep(0)
            now = time.thread_time()
            self._stood.turn(now - before)
            before = now

    def _collecting(self, phase: str, _: Mapping[str, int]) -> None:
        now = time.thread_time()
        if phase == "start":
            self._began = now
        else:
            self._stood.collection(now - self._began)
