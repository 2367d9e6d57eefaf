"""Searching among two million identifiers over HTTP: how long the first page takes, the tenth, and a count.

A real node (``loadtest/bench_node.py``). The identifiers are copied straight into their tables, records and side
index as registration writes them; history is left out, for no search reads it. Suffixes count up with time, which is
the hardest order: what a time finds lies together, far from where a walk along the suffixes begins. Every repetition
asks for something else. Exits with 1 when the median of any kind's first page takes longer than the goal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from loadtest.bench_node import Ground, ground
from node.client import Client
from registry.templates.attributes import Attribute, Kind
from registry.templates.encoder import Encoder
from registry.templates.template import Template

GOAL_MS = 200
_CHUNK = 20_000
_PAGE = 50
_TENTH = 10
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
_STEP = timedelta(seconds=30)
_RARE_EVERY = 500_000  # identifiers with a mark in their suffix and model
_VALVE_EVERY = 2_000
_OTHER_STATE_EVERY = 200  # suspended and deleted ones in turn
_MODELS = 1_000

MACHINE: dict[str, Any] = {
    "name": "machine",
    "title_zh": "机器",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "serial", "title_zh": "出厂编号", "unique": True},
        {"name": "model", "title_zh": "型号", "listed": True},
        {"name": "power", "title_zh": "功率", "kind": "number", "listed": True},
        {"name": "made_on", "title_zh": "生产日期", "kind": "date", "listed": True},
    ],
}


def values_of(number: int) -> list[str]:
    """The attributes of one machine, in the order of the template."""
    mark = "-RARE" if number % _RARE_EVERY == _RARE_EVERY - 1 else ""
    return [
        f"机器 {number % 97} 型",
        f"S-{number}",
        f"CP-{number * 7919 % _MODELS:04d}{mark}",
        f"{number * 104_729 % 20_000 / 100:.2f}",
        (_BEGAN + number * _STEP).date().isoformat(),
    ]


def suffix_of(number: int) -> str:
    mark = "-RARE" if number % _RARE_EVERY == _RARE_EVERY - 1 else ""
    return f"MACHINE-{number:09d}{mark}"


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
        return (_BEGAN + number * _STEP).isoformat().replace("+00:00", "Z")

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


async def bench(rows: int, repetitions: int) -> None:
    """Run once and print the table. Exits with 1 when a first page was too slow or a search found too little."""
    async with ground() as place:
        client = place.scene.client.acting_with(place.token)
        machine, valve = await _publish(client, "machine"), await _publish(client, "valve")
        began = time.perf_counter()
        await _stock(place, rows, machine, valve)
        print(f"{rows:,} identifiers with 4 attributes in the side index, in {time.perf_counter() - began:.0f} s")
        slow = []
        print(
            f"{'kind of search':<32} {'first page ms':>14} {'tenth page ms':>14} {'with count ms':>14}"
            f"  items  count of the last (p50/max of {repetitions})"
        )
        for kind in kinds(rows):
            times = await _measure(client, place.prefix, kind, repetitions)
            print(
                f"{kind.name:<32} {_told(times.first):>14} {_told(times.tenth):>14} {_told(times.counts):>14}"
                f"  {statistics.mean(times.items):>5.1f}  {times.count}"
                + (f", {times.cut_short} first pages not full" if times.cut_short else ""),
                flush=True,
            )
            if statistics.median(times.first) > GOAL_MS:
                slow.append(kind.name)
            if kind.total:
                await _to_the_end(client, place.prefix, kind, rows)
        if slow:
            raise SystemExit(f"the first page takes more than {GOAL_MS} ms: {', '.join(slow)}")


@dataclass(frozen=True, slots=True)
class Mould:
    """A published template, ready to make rows with."""

    template_id: int
    attributes: tuple[Attribute, ...]
    encoder: Encoder


async def _publish(client: Client, name: str) -> Mould:
    made = await client.post("/v1/templates", {**MACHINE, "name": name})
    published = await client.post(f"/v1/templates/{made['template_id']}/publish")
    template = Template.from_json({**MACHINE, "name": name, "version": 1})
    return Mould(published["template_id"], template.attributes, template.compile())


async def _stock(place: Ground, rows: int, machine: Mould, valve: Mould) -> None:
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        prefix_id = await connection.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", place.prefix)
        for start in range(0, rows, _CHUNK):
            identifiers, side = [], []
            for number in range(start, min(start + _CHUNK, rows)):
                made, entries = _rows(prefix_id, number, valve if number % _VALVE_EVERY == 7 else machine)
                identifiers.append(made)
                side.extend(entries)
            await connection.copy_records_to_table(
                "identifier", records=identifiers,
                columns=("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key",
                         "record"),
            )  # fmt: skip
            await connection.copy_records_to_table(
                "attribute_index", records=side,
                columns=("prefix_id", "template_id", "attribute_index", "is_unique", "value", "suffix_key", "number"),
            )  # fmt: skip
        # What autovacuum does within minutes of an import.
        await connection.execute("VACUUM ANALYZE identifier, attribute_index")
    finally:
        await connection.close()


def _rows(prefix_id: int, number: int, mould: Mould) -> tuple[tuple[object, ...], list[tuple[object, ...]]]:
    """The row of one identifier and those of its side index; a deleted one has no data left."""
    state = 1 if number % _OTHER_STATE_EVERY != 3 else 2 + number // _OTHER_STATE_EVERY % 2
    suffix, at, values = suffix_of(number), _BEGAN + number * _STEP, values_of(number)
    encoded = mould.encoder.row(values, int(at.timestamp()).to_bytes(4, "big"))
    if isinstance(encoded, list):
        raise SystemExit(f"row {number}: {encoded}")
    record = encoded[0] if state != 2 else b"\0\0\0\0"
    side: list[tuple[object, ...]] = [
        (prefix_id, mould.template_id, attribute.index, attribute.unique, value, suffix,
         Decimal(value) if attribute.kind is Kind.NUMBER else None)
        for attribute, value in zip(mould.attributes, values, strict=True)
        if attribute.indexed and state != 2
    ]  # fmt: skip
    return (prefix_id, mould.template_id, 1, state, at, at, suffix, record), side


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
    if found != sum(1 for number in range(_RARE_EVERY - 1, rows, _RARE_EVERY)):
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
