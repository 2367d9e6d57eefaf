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
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple, cast

import uvloop

from loadtest.cache_entries import RECORD, USUAL, bound_of, entry_of, full, key_of, new_cache, put
from loadtest.cache_stops import Stood, stood, stood_plain
from loadtest.hits import share_of_hits, share_of_hits_of_lru
from loadtest.rows import Row, as_markdown
from loadtest.traces import passing_scan, shifting, zipf
from resolver.answer import Entry
from resolver.second_chance import SecondChance

_TRACES: tuple[Callable[[int, int, Random], Iterable[int]], ...] = (zipf, passing_scan, shifting)
_SMALL = 1000


# What it finds ------------------------------------------------------------------------------------


def ratios(places: int, asked: int) -> list[Row]:
    """Share of questions answered by a cache of ``places`` usual entries, of ten times as many names."""
    rows = []
    for trace in _TRACES:
        names = list(trace(10 * places, asked, Random(9)))
        ours, exact = (
            share_of_hits(SecondChance(places * USUAL, lambda _, __: USUAL), names),
            share_of_hits_of_lru(places, names),
        )
        path = f"hits, {trace.__name__.replace('_', ' ')}"
        rows.append(Row(path, ours, "share", "exact LRU", exact, "≥ 0.98x"))
    return rows


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
        cache = full(entries, values)
        store: SecondChance[str, Entry] = SecondChance(bound_of(entries), lambda _, __: USUAL)
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
    cache = new_cache(bound)
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


async def memory(bound: int, records: Sequence[int] = (20, RECORD, 1000, 0)) -> list[Row]:
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
