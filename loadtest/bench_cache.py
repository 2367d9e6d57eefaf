"""The resolver's cache: what it finds, costs and occupies, and how long it ever stands still.

Hit ratios beside an exact LRU on seeded traces; CPU of a get and a put beside a dict and an ``OrderedDict``; memory
of the process beside what the cache counts; and the longest turn of an event loop and the longest garbage collection,
in CPU time of its thread, while a cache of a million entries is filled, asked, evicted from, told of changes and
looked through for the hottest, beside an LRU of ordinary objects. The last two in processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple, cast

import uvloop

from loadtest.rows import Row, as_markdown
from loadtest.traces import passing_scan, shifting, zipf
from node.notices import Notice, NoticeKind
from resolver.answer import Absence, Entry, Key
from resolver.cache import Cache
from resolver.hot_keys import HotKeys
from resolver.second_chance import SecondChance

_RECORD = 220  # bytes of a usual record: four values
_USUAL = 640  # bytes that its entry is counted as
_TRACES: tuple[Callable[[int, int, Random], Iterable[int]], ...] = (zipf, passing_scan, shifting)
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_PREFIXES = 200
_AT_ONCE = 32  # questions in a turn of the loop: a busy socket's worth
_EVERY = 50  # turns between notices
_KEYS = 500  # of a notice
_SMALL = 1000


# What it finds ------------------------------------------------------------------------------------


def ratios(places: int, asked: int) -> list[Row]:
    """Share of questions answered by a cache of ``places`` usual entries, of ten times as many names."""
    rows = []
    for trace in _TRACES:
        names = list(trace(10 * places, asked, Random(9)))
        ours, exact = _found_by_ours(places, names), _found_by_lru(places, names)
        path = f"hits, {trace.__name__.replace('_', ' ')}"
        rows.append(Row(path, ours, "share", "exact LRU", exact, "≥ 0.98x"))
    return rows


def _found_by_ours(places: int, names: Iterable[int]) -> float:
    store: SecondChance[int, None] = SecondChance(places * _USUAL, lambda _, __: _USUAL)
    hits = asked = 0
    for name in names:
        asked += 1
        slot = store.get(name)
        if slot is None:
            store.put(name, None, tick=0, valid_at=0.0)
        else:
            slot.used = True
            hits += 1
    return hits / asked


def _found_by_lru(places: int, names: Iterable[int]) -> float:
    lru: OrderedDict[int, None] = OrderedDict()
    hits = asked = 0
    for name in names:
        asked += 1
        if name in lru:
            lru.move_to_end(name)
            hits += 1
            continue
        lru[name] = None
        if len(lru) > places:
            lru.popitem(last=False)
    return hits / asked


# What it costs ------------------------------------------------------------------------------------


def costs(entries: int, asked: int, rounds: int) -> list[Row]:
    """CPU nanoseconds of one get of a random key that is kept, and of one put that pushes another out."""
    random = Random(5)
    keys = [key_of(number) for number in range(2 * entries)]
    texts = ["/".join(key) for key in keys]
    values = [entry_of(number) for number in range(2 * entries)]
    wanted = [random.randrange(entries) for _ in range(asked)]
    asked_keys = [("".join(keys[each][0]), "".join(keys[each][1])) for each in wanted]
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        cache = _full(entries, values)
        store: SecondChance[str, Entry] = SecondChance(_bound_of(entries), lambda _, __: _USUAL)
        plain: dict[str, Entry] = {}
        lru: OrderedDict[str, Entry] = OrderedDict()
        for text, value in zip(texts[:entries], values[:entries], strict=True):
            store.put(text, value, tick=0, valid_at=0.0)
            plain[text] = lru[text] = value

        def lru_get(text: str, lru: OrderedDict[str, Entry] = lru) -> Entry | None:
            value = lru.get(text)
            if value is not None:
                lru.move_to_end(text)
            return value

        def lru_put(number: int, lru: OrderedDict[str, Entry] = lru) -> None:
            lru[texts[number]] = values[number]
            lru.popitem(last=False)

        def store_put(number: int, store: SecondChance[str, Entry] = store) -> None:
            store.put(texts[number], values[number], tick=0, valid_at=0.0)

        joined = [texts[each] for each in wanted]
        more = range(entries, 2 * entries)
        for name, act, over in (
            ("dict get", plain.get, joined), ("LRU get", lru_get, joined), ("store get", store.get, joined),
            ("cache fresh", lambda key, cache=cache: cache.fresh(key, 1.0), asked_keys),
            ("LRU put", lru_put, more), ("store put", store_put, more),
        ):  # fmt: skip
            found.setdefault(name, []).append(_nanoseconds(cast("Callable[[Any], object]", act), over))
    cost = {name: median(taken) for name, taken in found.items()}
    return [
        Row("get", cost["store get"], "ns", "OrderedDict LRU", cost["LRU get"]),
        Row("get", cost["store get"], "ns", "dict", cost["dict get"]),
        Row("fresh entry by key", cost["cache fresh"], "ns", "OrderedDict LRU get", cost["LRU get"]),
        Row("put, one gives way", cost["store put"], "ns", "OrderedDict LRU", cost["LRU put"]),
    ]


def _nanoseconds(act: Callable[[Any], object], over: Iterable[Any]) -> float:
    times = 0
    began = time.thread_time_ns()
    for each in over:
        act(each)
        times += 1
    return (time.thread_time_ns() - began) / times


# What it occupies ---------------------------------------------------------------------------------


class Occupied(NamedTuple):
    """Entries kept, bytes counted, bytes by which the process grew, the bound."""

    entries: int
    counted: int
    resident: int
    bound: int


def occupied(record: int, bound: int) -> Occupied:
    """Fill a cache twice over with records of ``record`` bytes, 0: of every size up to 8,000."""
    random = Random(3)
    gc.collect()
    before = _resident()
    cache = _new_cache(bound)
    evicted = number = 0
    while evicted < len(cache) or not evicted:
        size = record or random.randrange(8_000)
        evicted += put(cache, number, entry_of(number, size))
        number += 1
        if number % 1000 == 0 and evicted > 2 * number:
            break
    return Occupied(len(cache), cache.weight, _resident() - before, bound)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# How long it stands still -------------------------------------------------------------------------


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
    cache = _new_cache(_bound_of(room))
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
                    _change(cache, random, turn // _EVERY, notices)
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
            tuple(f"PUMP-{random.randrange(entries // _PREFIXES) * _PREFIXES + prefix:09d}" for _ in range(_KEYS)),
        )
        for prefix in range(_PREFIXES)
    ]


def _change(cache: Cache, random: Random, round_: int, notices: Sequence[Notice]) -> None:
    """One of what a resolver may hear, the heaviest of its kind."""
    notice = random.choice(notices)
    prefix = notice.prefix
    what = round_ % 8
    if what < 4:
        cache.hear(notice)
    elif what == 4:
        cache.hear(Notice(NoticeKind.ADDITIONS, prefix))
    elif what == 5:
        cache.hear(Notice(NoticeKind.PREFIX, prefix))
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


# Entries ------------------------------------------------------------------------------------------


def key_of(number: int) -> Key:
    """As a question brings it: texts of its own."""
    return f"88.101.{number % _PREFIXES}", f"PUMP-{number:09d}"


def entry_of(number: int, record: int = _RECORD) -> Entry:
    """As the database gives it: nothing but the enterprise's name is shared with another."""
    at = _BEGAN + timedelta(seconds=number)
    content = number.to_bytes(8, "big") * (record // 8 + 1)
    return Entry(
        "/".join(key_of(number)), content[:record], 1000 + number % 7, 1, at, at, "中山示例水泵有限公司", None
    )


def put(cache: Cache, number: int, entry: Entry) -> int:
    """As a look-up that landed."""
    return cache.land(cache.depart(key_of(number), cast("Any", None)), entry, float(number))


def _new_cache(bound: int) -> Cache:
    cache = Cache(found_bytes=bound, missing_bytes=16 << 20, missing_seconds=10, stale_seconds=86_400)
    cache.resumed()
    return cache


def _bound_of(entries: int) -> int:
    return entries * _USUAL


def _full(entries: int, values: list[Entry]) -> Cache:
    cache = _new_cache(2 * _bound_of(entries))
    for number in range(entries):
        put(cache, number, values[number])
    return cache


# The bench ----------------------------------------------------------------------------------------


async def apart(part: str, *numbers: int) -> Any:
    """What a part says that is measured in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtest.bench_cache",
        "--one",
        part,
        *map(str, numbers),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await child.communicate()
    if child.returncode:
        raise SystemExit(f"{part} failed")
    return json.loads(said)


def _one(part: str, numbers: list[int]) -> Any:
    if part == "occupied":
        return list(occupied(*numbers))
    entries, asked, room = numbers
    watched = uvloop.run(stood(entries, asked, room) if part == "stood" else stood_plain(entries, asked))
    return [watched.turns, watched.longest_turns, watched.collections, watched.longest_collections]


async def pauses(entries: int, asked: int, rounds: int, *, plain: bool) -> list[Row]:
    """The longest turn and collection of each round, by the median of the rounds.

    Beside them those of a cache of 1,000 entries under the same traffic: what the machine itself takes away, for a
    virtual core that its host gives to somebody else counts as CPU time. And, if asked, those of the plain way.
    """
    ways = {"": ("stood", entries, asked, entries), "1,000 entries": ("stood", entries, asked, _SMALL)}
    if plain:
        ways["objects in an LRU"] = ("stood_plain", entries, asked, 0)
    seen: dict[str, list[Stood]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (part, *numbers) in ways.items():
            seen[way].append(told := Stood(*await apart(part, *numbers)))
            print(
                f"{way or 'ours'}: longest of {told.turns:,} turns {_figures(told.longest_turns)} ms;"
                f" of {told.collections:,} collections {_figures(told.longest_collections)} ms",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    turns = {way: median(each.longest_turns[0] for each in found) for way, found in seen.items()}
    collections = {way: median(each.longest_collections[0] for each in found) for way, found in seen.items()}
    return [
        Row(f"longest {what}, {entries:,} entries", longest[""], "ms", way, longest[way], "≤ 5")
        for what, longest in (("turn of the loop", turns), ("collection", collections))
        for way in ways if way
    ]  # fmt: skip


async def memory(bound: int, records: Sequence[int] = (20, _RECORD, 1000, 0)) -> list[Row]:
    """Bytes of memory an entry and a bound, for several sizes of record."""
    rows = []
    for record in records:
        found = Occupied(*await apart("occupied", record, bound))
        size = f"records of {record} bytes" if record else "records of all sizes"
        each = found.resident / found.entries
        rows.append(
            Row(f"memory an entry, {size}", each, "bytes", "counted", found.counted / found.entries, "≤ 1.15x")
        )
        rows.append(Row(f"memory, {size}", found.resident / 2**20, "MiB", "bound", found.bound / 2**20, "≤ 1.15x"))
    return rows


async def short() -> list[Row]:
    """For ``make bench``."""
    return [
        *ratios(20_000, 200_000),
        *costs(50_000, 100_000, 3),
        *await memory(32 << 20),
        *await pauses(1_000_000, 300_000, 1, plain=False),
    ]


async def bench(entries: int, asked: int, rounds: int) -> list[Row]:
    return [
        *ratios(100_000, 1_000_000),
        *costs(entries // 10, entries // 5, rounds),
        *await memory(128 << 20),
        *await pauses(entries, asked, min(rounds, 3), plain=True),
    ]


def _figures(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:.2f}" for number in numbers)


def main() -> None:
    """``python -m loadtest.bench_cache [--entries N] [--asked N] [--rounds N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        part, *numbers = told.one
        print(json.dumps(_one(part, [int(number) for number in numbers])))
        return
    print(as_markdown(uvloop.run(bench(told.entries, told.asked, told.rounds))))


if __name__ == "__main__":
    main()
