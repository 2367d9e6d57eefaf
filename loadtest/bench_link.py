"""What the link to the national node costs while it is down: registration and resolution beside a healthy link, and
how fast the backlog goes afterwards.

A real node (``loadtest/bench_node.py``). The mock national node is healthy, resets every connection (``stopped``), or
is frozen by SIGSTOP, so that every question ends by its deadline; the kinds take turns, and medians are compared.
Then a backlog of reports waits while it is frozen, it thaws, and everything is delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from loadtest.bench_node import Ground, costs_of, ground, registered
from loadtest.hammer import resolve_many
from loadtest.rows import Row

KINDS = ("healthy", "reset", "frozen")
WANTED_SHARE = 0.8
WANTED_RATE = 500.0
_CONNECTIONS = 16
_SAMPLE = 500
_SETTLING_SECONDS = 1.0
_DRAIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Speed:
    """Answers a second."""

    registrations: float
    resolutions: float


async def bench(rounds: int, registrations: int, resolutions: int, backlog: int) -> list[Row]:
    """Run and print."""
    async with ground() as place:
        await registered(place, "LINKWARM", 500, _CONNECTIONS)
        speeds: defaultdict[str, list[Speed]] = defaultdict(list)
        for number in range(rounds):
            for kind in KINDS:
                async with _national(place, kind):
                    await asyncio.sleep(_SETTLING_SECONDS)
                    speeds[kind].append(await _speed(place, f"{kind.upper()}{number}", registrations, resolutions))
                await _drained(place)
        medians = _medians(speeds)
        _print(medians)
        drained = await _drain(place, backlog)
    rows, healthy = [], medians["healthy"]
    for kind in KINDS[1:]:
        told, what = medians[kind], f"while the national node is {kind}"
        for doing, ours, theirs, unit in (
            ("registration", told.registrations, healthy.registrations, "identifiers/s"),
            ("resolution", told.resolutions, healthy.resolutions, "answers/s"),
        ):
            rows.append(Row(f"link, {doing} {what}", ours, unit, "a healthy link", theirs, f"≥ {WANTED_SHARE}x"))
    return [*rows, Row("link, backlog after an absence", drained, "reports/s", goal=f"≥ {WANTED_RATE:g}")]


async def short() -> list[Row]:
    """For ``make bench``."""
    return await bench(3, 2_000, 10_000, 10_000)


async def _speed(place: Ground, marker: str, registrations: int, resolutions: int) -> Speed:
    tally = await registered(place, marker, registrations, _CONNECTIONS)
    names = [
        f"{place.prefix}/{marker}-{number:09d}" for number in range(0, registrations, registrations // _SAMPLE or 1)
    ]
    address = urlsplit(place.scene.url)
    report = await resolve_many(str(address.hostname), address.port or 0, names, total=resolutions)
    if report.errors:
        raise SystemExit(f"registered but not resolved: {report.first_errors[:3]}")
    return Speed(tally.registered / tally.seconds, report.resolved / report.seconds)


def _medians(speeds: Mapping[str, list[Speed]]) -> dict[str, Speed]:
    return {
        kind: Speed(
            statistics.median(speed.registrations for speed in found),
            statistics.median(speed.resolutions for speed in found),
        )
        for kind, found in speeds.items()
    }


def _print(medians: Mapping[str, Speed]) -> None:
    print(f"{'link':>8} {'registrations/s':>16} {'of healthy':>11} {'resolutions/s':>14} {'of healthy':>11}")
    healthy = medians["healthy"]
    for kind, speed in medians.items():
        print(
            f"{kind:>8} {speed.registrations:>16,.0f} {speed.registrations / healthy.registrations:>11.2f}"
            f" {speed.resolutions:>14,.0f} {speed.resolutions / healthy.resolutions:>11.2f}"
        )


async def _drain(place: Ground, backlog: int) -> float:
    """A backlog waits while the national node is frozen, and is delivered when it thaws: so many a second."""
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        async with _national(place, "frozen"):
            await connection.execute(
                "INSERT INTO outbox (message_id, stream, kind, body, created_at)"
                " SELECT gen_random_uuid(), 'registration', 'registration.summary', jsonb_build_object("
                "'prefix', $1::text, 'registered', 1, 'updated', 0, 'deleted', 0), now() FROM generate_series(1, $2)",
                place.prefix, backlog,
            )  # fmt: skip
        began = time.monotonic()
        async with costs_of(place.processes) as costs:
            await _drained(place)
        rate = backlog / (time.monotonic() - began)
        refused = await connection.fetchval("SELECT count(*) FROM outbox WHERE refused")
    finally:
        await connection.close()
    if refused:
        raise SystemExit(f"{refused} messages were refused")
    peak = costs["steward"].peak
    print(f"{backlog:,} waiting reports delivered at {rate:,.0f} a second; steward at most {peak:.0f} MB")
    return rate


async def _drained(place: Ground) -> None:
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE delivered_at IS NULL)"):  # noqa: ASYNC110 - another process delivers
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def _national(place: Ground, kind: str) -> AsyncIterator[None]:
    mock = next(child for child in place.scene.family if child.spec.name == "mock-national")
    if kind == "reset":
        await _switch(place, stopped=True)
    elif kind == "frozen" and mock.pid:
        os.kill(mock.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if kind == "reset":
            await _switch(place)
        elif kind == "frozen" and mock.pid:
            os.kill(mock.pid, signal.SIGCONT)


async def _switch(place: Ground, **faults: object) -> None:
    """All switches of the mock national node: as given, and otherwise off."""
    async with aiohttp.ClientSession() as session, session.put(_mock_url(place) + "/faults", json=faults) as answer:
        answer.raise_for_status()


def _mock_url(place: Ground) -> str:
    told = next(child.spec.command for child in place.scene.family if child.spec.name == "mock-national")
    return f"http://127.0.0.1:{told[list(told).index('--port') + 1]}"


def main() -> None:
    """``python -m loadtest.bench_link [--rounds N] [--registrations N] [--resolutions N] [--backlog N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--registrations", type=int, default=5_000)
    parser.add_argument("--resolutions", type=int, default=20_000)
    parser.add_argument("--backlog", type=int, default=50_000)
    told = parser.parse_args()
    rows = asyncio.run(bench(told.rounds, told.registrations, told.resolutions, told.backlog))
    if not all(row.met for row in rows):
        raise SystemExit(
            f"slower than {WANTED_SHARE:.0%} of a healthy link, or than {WANTED_RATE:,.0f} reports a second"
        )


if __name__ == "__main__":
    main()
