"""Single registrations over keep-alive HTTP: how many a second, how long each takes, what each costs.

A real node (``loadtest/bench_node.py``) with everything on: fsync, history, leaf, report upward, notices,
authentication of every request. The client is a process of its own on the same machine, so its CPU stands in the
table beside the node's. What was registered is looked up again, and a sample of it resolved.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from statistics import median
from urllib.parse import urlsplit

import asyncpg

from loadtest.bench_node import Cost, Ground, costs_of, ground, registered
from loadtest.hammer import resolve_many
from loadtest.registrar import Tally
from loadtest.rows import Row

_WARM = 500
_SAMPLE = 500


async def bench(total: int, connections: Sequence[int]) -> None:
    """Run once for every number of connections and print the table. Exits when an answer was not as it must be."""
    async with ground() as place:
        await registered(place, "WARM", _WARM, max(connections))
        print(
            f"{'connections':>11} {'registrations/s':>16} {'p50 ms':>8} {'p99 ms':>8}"
            f" {'worker µs':>10} {'postgresql µs':>14} {'steward µs':>11} {'client µs':>10}   (CPU per registration)"
        )
        for number in connections:
            marker = f"C{number}"
            async with costs_of(place.processes) as costs:
                tally = await registered(place, marker, total, number)
            _print(number, total, tally, costs)
            await _check(place, marker, total)


async def short() -> list[Row]:
    """For ``make bench``: the median of three runs by 32 connections."""
    rates = []
    async with ground() as place:
        await registered(place, "WARM", _WARM, 32)
        for turn in range(3):
            tally = await registered(place, f"S{turn}", 3_000, 32)
            await _check(place, f"S{turn}", 3_000)
            rates.append(tally.registered / tally.seconds)
    return [Row("registration, one by one over HTTP", median(rates), "identifiers/s", goal="≥ 2,500")]


def _print(connections: int, total: int, tally: Tally, costs: Mapping[str, Cost]) -> None:
    each = {who: cost.cpu_in_all / total * 1e6 for who, cost in costs.items()}
    print(
        f"{connections:>11} {tally.registered / tally.seconds:>16,.0f} {tally.p50:>8.2f} {tally.p99:>8.2f}"
        f" {each['worker']:>10.0f} {each['postgresql']:>14.0f} {each['steward']:>11.0f}"
        f" {tally.cpu / total * 1e6:>10.0f}",
        flush=True,
    )


async def _check(place: Ground, marker: str, total: int) -> None:
    """Every registration stands with its history and its leaf, and a sample resolves."""
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        stand = await connection.fetchval(
            "SELECT count(*) FROM identifier JOIN identifier_history USING (prefix_id, suffix_key, version)"
            " WHERE suffix_key LIKE $1",
            f"{marker}-%",
        )
    finally:
        await connection.close()
    if stand != total:
        raise SystemExit(f"{total} were answered as registered, {stand} stand")
    sample = [f"{place.prefix}/{marker}-{number:09d}" for number in range(0, total, max(1, total // _SAMPLE))]
    address = urlsplit(place.scene.url)
    report = await resolve_many(str(address.hostname), address.port or 0, sample, total=len(sample))
    if report.errors:
        raise SystemExit(f"registered but not resolved: {report.first_errors}")


def main() -> None:
    """``python -m loadtest.bench_register [--total N] [--connections N …]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--total", type=int, default=20_000)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 32, 64])
    told = parser.parse_args()
    asyncio.run(bench(told.total, told.connections))


if __name__ == "__main__":
    main()
