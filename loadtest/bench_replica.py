"""Resolving from a standby beside resolving from the primary: how soon a change shows, and what an answer costs.

A node with everything that belongs to it, a standby of its database by streaming replication, and two processes that
only resolve: one reads the standby, one the primary. Both hear the notices of the primary.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import http.client
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from statistics import median
from typing import NamedTuple

import asyncpg
import uvloop

from loadtest.bench_handle import register, suffix_of
from loadtest.bench_invalidation import Change, acts, administrator
from loadtest.bench_node import Ground, free_port, ground
from loadtest.cpu import spent
from loadtest.freshness import Watcher, shown, spread, watchers
from loadtest.rows import Row, as_markdown
from loadtest.standby import standby_of
from node import config
from node.serve import node_running

STANDBY, PRIMARY = "reads the standby", "reads the primary"
_HOT = 200
_MARKER = "R"


class Reading(NamedTuple):
    """A process that only resolves."""

    name: str
    port: int
    process: int


async def bench(changes: int, rounds: int, cold: int) -> list[Row]:
    """How soon and how dear; each row of the standby has the primary's beside it."""
    async with _readers() as (place, readings, standby_url):
        lags, applied = await _lags(place, readings, standby_url, changes)
        await asyncio.to_thread(register, place, _HOT + rounds * cold, _MARKER)
        costs = await asyncio.to_thread(_costs, place, readings, rounds, cold)
    rows = [
        Row(f"{name} at the resolver that reads the standby, {word}", of[STANDBY][at], "ms", PRIMARY, of[PRIMARY][at],
            "≤ 100" if word == "p99" else "")
        for name, of in lags.items() for at, word in enumerate(("p50", "p99", "longest"))
    ]  # fmt: skip
    rows += [Row(f"the standby has applied it, {word}", applied[at], "ms") for at, word in ((0, "p50"), (1, "p99"))]
    for way, cost in costs.items():
        rows.append(Row(f"an answer {way}, read from the standby", cost[STANDBY], "CPU µs", PRIMARY, cost[PRIMARY]))
    return rows


async def short() -> list[Row]:
    """For ``make bench``."""
    return [row for row in await bench(30, 5, 300) if row.goal or row.unit != "ms"]


@contextlib.asynccontextmanager
async def _readers() -> AsyncIterator[tuple[Ground, list[Reading], str]]:
    async with ground() as place:
        server = place.scene.server
        async with (
            standby_of(server, place.folder / "standby") as standby,
            _reader(place, STANDBY, standby.url()) as one,
            _reader(place, PRIMARY, server.url()) as two,
        ):
            yield place, [one, two], standby.url()


@contextlib.asynccontextmanager
async def _reader(place: Ground, name: str, reader_url: str) -> AsyncIterator[Reading]:
    port, handle = free_port(), free_port()
    home = place.folder / f"resolver-{port}"
    home.mkdir()
    groups: dict[str, dict[str, object]] = {
        "node": {"roles": ["resolver"], "workers": 1, "laboratory": True},
        "http": {"port": port},
        "https": {"enabled": False},
        "handle": {"port": handle, "key_file": str(home / "handle-key.pem")},
        "database": {"url": place.scene.server.url(), "reader_url": reader_url},
        "counting": {"directory": str(home / "counting")},
        "log": {"level": "warning", "requests": False},
    }
    file = home / "node.toml"
    file.write_text(_toml(groups), encoding="utf-8")
    async with node_running(config.load(file), file) as started:
        yield Reading(name, port, next(child.pid or 0 for child in started.family if "resolver" in child.spec.name))


def _toml(groups: dict[str, dict[str, object]]) -> str:
    # A JSON text, number, truth value or list of texts is the same in TOML.
    return "".join(
        f"[{group}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        for group, values in groups.items()
    )


# How soon a change shows ------------------------------------------------------------------------------

Spread = tuple[float, float, float]


async def _lags(
    place: Ground, readings: Sequence[Reading], standby_url: str, changes: int
) -> tuple[dict[str, dict[str, Spread]], Spread]:
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    applied: list[float] = []
    admin = await administrator(place)
    async with contextlib.AsyncExitStack() as stack:
        seen_by: list[Watcher] = []
        for reading in readings:
            seen_by += await stack.enter_async_context(watchers(reading.port, [reading.process]))
        primary = await asyncpg.connect(place.scene.server.url())
        stack.push_async_callback(primary.close)
        standby = await asyncpg.connect(standby_url)
        stack.push_async_callback(standby.close)
        following: list[asyncio.Task[float]] = []

        async def make(change: Change) -> None:
            await change()
            following.append(asyncio.create_task(_applied(primary, standby)))

        for number in range(changes):
            async for act in acts(place, admin, _MARKER, number):
                times = await shown(seen_by, act.path, act.right, functools.partial(make, act.change))
                for reading, milliseconds in zip(readings, times, strict=True):
                    found[act.name][reading.name].append(milliseconds)
                applied.append(await following.pop())
    spreads = {name: {who: spread(times) for who, times in of.items()} for name, of in found.items()}
    return spreads, spread(applied)


async def _applied(primary: asyncpg.Connection, standby: asyncpg.Connection) -> float:
    """In how many ms the standby has what the primary has written by now."""
    began = time.perf_counter()
    position = await primary.fetchval("SELECT pg_current_wal_flush_lsn()")
    applied = 0
    while applied < position:
        await asyncio.sleep(0.0005)
        applied = await standby.fetchval("SELECT pg_last_wal_replay_lsn()")
    return (time.perf_counter() - began) * 1000


# What an answer costs -----------------------------------------------------------------------------------


def _costs(place: Ground, readings: Sequence[Reading], rounds: int, cold: int) -> dict[str, dict[str, float]]:
    """CPU µs of the process that resolves, by whether it remembered and by where it reads; medians of the rounds."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    hot = [f"/api/handles/{place.prefix}/{suffix_of(number, _MARKER)}" for number in range(_HOT)]
    for turn in range(rounds):
        first = _HOT + turn * cold
        unseen = [f"/api/handles/{place.prefix}/{suffix_of(first + number, _MARKER)}" for number in range(cold)]
        for reading in readings if turn % 2 else reversed(readings):
            _ask(reading, hot)
            for way, paths in (("remembered", hot * 10), ("looked up", unseen)):
                cpu, _ = spent([reading.process], lambda: _ask(reading, paths))  # noqa: B023
                found[way][reading.name].append(cpu / len(paths))
    return {way: {who: median(costs) for who, costs in of.items()} for way, of in found.items()}


def _ask(reading: Reading, paths: Sequence[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", reading.port, timeout=10)
    for path in paths:
        connection.request("GET", path)
        answer = connection.getresponse()
        if b'"responseCode":1' not in answer.read().replace(b" ", b""):
            raise SystemExit(f"{path}: {answer.status}")
    connection.close()


def main() -> None:
    """``python -m loadtest.bench_replica [--changes N] [--rounds N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=200, help="of each kind")
    parser.add_argument("--rounds", type=int, default=5, help="of which the costs are medians")
    told = parser.parse_args()
    print(as_markdown(uvloop.run(bench(told.changes, told.rounds, 1_000))))


if __name__ == "__main__":
    main()
