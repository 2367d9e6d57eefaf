"""Searching among two million identifiers over HTTP: how long the first page takes, the tenth, and a count.

A real node (``loadtest/bench_node.py``) with a stock of machines (``loadtest/machines.py``). Every repetition asks
for something else. Exits with 1 when the median of any kind's first page takes longer than the goal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loadtest.bench_node import ground
from loadtest.machines import BEGAN, RARE_EVERY, STEP, bring, suffix_of
from loadtest.rows import Row
from node.client import Client

GOAL_MS = 200
_PAGE = 50
_TENTH = 10


@dataclass(frozen=True, slots=True)
class Kindred:
    """One kind of search: what the repetition of that number asks for."""

    name: str
    query: Callable[[int], Mapping[str, str]]
    total: bool = False  # followed to its end once, for what one page of a budget does not find


def kinds(rows: int) -> list[Kindred]:
    """Everything that can be asked, alone and together; repetitions ask along the whole stock."""
    stretch = rows // 40

    def at(number: int) -> str:
        return (BEGAN + number * STEP).isoformat().replace("+00:00", "Z")

    def day(number: int) -> str:
        return at(number)[:10]

    def machines(*conditions: tuple[str, Mapping[str, str]], **more: str) -> dict[str, str]:
        where = [{"attribute": name, **condition} for name, condition in conditions]
        return {"template": "machine", "where": json.dumps(where), **more}

    def powers(low: int, width: float = 2.5) -> tuple[str, Mapping[str, str]]:
        return "power", {"from": str(low), "to": str(low + width)}

    def days(first: int, identifiers: int) -> tuple[str, Mapping[str, str]]:
        return "made_on", {"from": day(first), "to": day(first + identifiers)}

    rare = ("model", {"contains": "RARE"})
    return [
        Kindred("everything", lambda _: {}),
        Kindred("suffix begins", lambda n: {"suffix_begins": suffix_of(n * stretch)[:-3].lower()}),
        Kindred("suffix contains, frequent", lambda n: {"suffix_contains": f"{n % 10}{n // 10}"}),
        Kindred("suffix contains, 4 of all", lambda _: {"suffix_contains": "-rare"}, total=True),
        Kindred("template, nearly all", lambda _: {"template": "machine"}),
        Kindred("template, 1 of 2,000", lambda _: {"template": "valve"}),
        Kindred("state, 1 of 400", lambda n: {"state": ("suspended", "deleted")[n % 2]}),
        Kindred("registered within an hour",
                lambda n: {"registered_from": at(n * stretch), "registered_to": at(n * stretch + 120)}),
        Kindred("updated since", lambda n: {"updated_from": at(n * stretch)}),
        Kindred("unique value equal", lambda n: machines(("serial", {"equal": f"S-{n * stretch}"}))),
        Kindred("value equal, 1 of 1,000", lambda n: machines(("model", {"equal": f"CP-{n:04d}"}))),
        Kindred("value begins, 1 of 10", lambda n: machines(("model", {"begins": f"CP-0{n % 10}"}))),
        Kindred("value contains, 1 of 3", lambda n: machines(("model", {"contains": str(n % 10)}))),
        Kindred("value contains, 4 of all", lambda _: machines(rare), total=True),
        Kindred("number range, 1 of 80", lambda n: machines(powers(n))),
        Kindred("date range, 3 days", lambda n: machines(days(n * stretch, 9_000))),
        Kindred("number, month, value begins",
                lambda n: machines(powers(n), days(n * stretch, 90_000), ("model", {"begins": "CP-0"}))),
        Kindred("number, value, suffix, time",
                lambda n: machines(powers(n, 50), ("model", {"contains": str(n % 10)}), suffix_contains=str(n % 10),
                                   updated_from=at(n * stretch))),
        Kindred("number, value contains, 4", lambda n: machines(("power", {"from": str(n)}), rare), total=True),
        Kindred("suspended, number", lambda n: machines(("power", {"to": str(n)}), state="suspended")),
    ]  # fmt: skip


@dataclass(slots=True)
class Times:
    """Milliseconds of one kind's pages, and what came with them."""

    first: list[float] = field(default_factory=list)
    tenth: list[float] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    cut_short: int = 0
    count: str = ""


async def measured(rows: int, repetitions: int) -> dict[str, Times]:
    """Every kind of search in its turn; printed line by line. Exits when a search found too little."""
    async with ground() as place:
        client = place.scene.client.acting_with(place.token)
        began = time.perf_counter()
        await bring(place, rows)
        print(f"{rows:,} identifiers with 4 attributes in the side index, in {time.perf_counter() - began:.0f} s")
        found = {}
        print(
            f"{'kind of search':<32} {'first page ms':>14} {'tenth page ms':>14} {'with count ms':>14}"
            f"  items  count of the last (p50/max of {repetitions})"
        )
        for kind in kinds(rows):
            times = found[kind.name] = await _measure(client, place.prefix, kind, repetitions)
            print(
                f"{kind.name:<32} {_told(times.first):>14} {_told(times.tenth):>14} {_told(times.counts):>14}"
                f"  {statistics.mean(times.items):>5.1f}  {times.count}"
                + (f", {times.cut_short} first pages not full" if times.cut_short else ""),
                flush=True,
            )
            if kind.total:
                await _to_the_end(client, place.prefix, kind, rows)
    return found


async def bench(rows: int, repetitions: int) -> None:
    """Run once and print the table. Exits with 1 when a first page was too slow or a search found too little."""
    found = await measured(rows, repetitions)
    slow = [name for name, times in found.items() if statistics.median(times.first) > GOAL_MS]
    if slow:
        raise SystemExit(f"the first page takes more than {GOAL_MS} ms: {', '.join(slow)}")


async def short() -> list[Row]:
    """For ``make bench``: the slowest kind's first page, its median, among a twentieth of the stock."""
    found = await measured(100_000, 5)
    slowest = max(found, key=lambda name: statistics.median(found[name].first))
    return [Row(f"search, first page: {slowest}", statistics.median(found[slowest].first), "ms", goal=f"≤ {GOAL_MS}")]


async def _measure(client: Client, prefix: str, kind: Kindred, repetitions: int) -> Times:
    times = Times()
    for repetition in range(1, repetitions + 1):
        query: dict[str, str | int] = {"prefix": prefix, "limit": _PAGE, **kind.query(repetition)}
        page, milliseconds = await _timed(client, query)
        times.first.append(milliseconds)
        times.items.append(len(page["items"]))
        times.cut_short += not page["examined_all"]
        for number in range(2, _TENTH + 1):
            if page["next_cursor"] is None:
                break
            page, milliseconds = await _timed(client, {**query, "cursor": page["next_cursor"]})
            if number == _TENTH:
                times.tenth.append(milliseconds)
        counted, milliseconds = await _timed(client, {**query, "count": "true"})
        times.counts.append(milliseconds)
        about = "" if counted["count"]["exact"] else "about "
        times.count = f"{about}{counted['count']['number']:,}"
    return times


async def _to_the_end(client: Client, prefix: str, kind: Kindred, rows: int) -> None:
    """Go on with every cursor: what is rare is found, and how much that takes in all."""
    query: dict[str, str | int] = {"prefix": prefix, "limit": _PAGE, **kind.query(1)}
    found = requests = 0
    began = time.perf_counter()
    while True:
        page, _ = await _timed(client, query)
        requests += 1
        found += len(page["items"])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    seconds = time.perf_counter() - began
    print(f"  … to its end: {found} found by {requests} requests in {seconds:.1f} s")
    if found != sum(1 for number in range(RARE_EVERY - 1, rows, RARE_EVERY)):
        raise SystemExit(f"{kind.name}: {found} found")


async def _timed(client: Client, query: Mapping[str, str | int]) -> tuple[dict[str, Any], float]:
    began = time.perf_counter()
    page = await client.get("/v1/identifiers", **query)
    return page, (time.perf_counter() - began) * 1000


def _told(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} / {max(times):.1f}" if times else "–"


def main() -> None:
    """``python -m loadtest.bench_search [--rows N] [--repetitions N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repetitions", type=int, default=20)
    told = parser.parse_args()
    asyncio.run(bench(told.rows, told.repetitions))


if __name__ == "__main__":
    main()
