"""Work on big data while the node resolves: how long resolutions take meanwhile, beside a quiet minute before.

A real node (``loadtest/bench_node.py``) with millions of identifiers (``loadtest/big_stock.py``) answers a steady
stream of checked resolutions (``loadtest/steady.py``) while each piece of work (``loadtest/big_work.py``) is done,
one after the other. Exits with 1 when an answer was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from loadtest.bench_node import Ground, ground
from loadtest.big_stock import DEVICE, another_prefix, stock
from loadtest.big_work import WORK, Site
from loadtest.rows import Row
from loadtest.steady import Calm, steady

_QUIET_SECONDS = 10.0
_LEAST_SECONDS = 3.0
_BESIDE = 10_000  # identifiers of the prefix that nobody works on
_SHORT_ROWS = 100_000
_SHORT_WORK = ("statistics", "template", "prefix", "export", "retention", "vacuum")


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of work: what it did, how long it took, how resolutions went meanwhile."""

    name: str
    did: str
    seconds: float
    calm: Calm


async def bench(
    rows: int,
    rate: int,
    names: Sequence[str],
    quiet_seconds: float = _QUIET_SECONDS,
    least_seconds: float = _LEAST_SECONDS,
) -> list[Line]:
    """Print the table line by line. Exits when a resolution was answered wrongly or not at all."""
    async with ground() as place:
        connection = await asyncpg.connect(place.scene.server.url(), command_timeout=None)
        try:
            began = time.perf_counter()
            site = await _site(place, connection, rows)
            print(f"{rows:,} identifiers in {time.perf_counter() - began:.0f} s; {rate} resolutions/s\n")
            print("| work | took, s | p50 ms | p99 ms | longest ms | resolutions |")
            print("|---|---|---|---|---|---|")
            least = {"quiet": quiet_seconds}
            lines = [
                await _measured(site, name, rate, least.get(name, least_seconds))
                for name in ("quiet", *names, "quiet")
            ]
        finally:
            await connection.close()
    print(f"\nload {os.getloadavg()[0]:.1f}")
    wrong = [f"{line.name}: {line.calm.errors}" for line in lines if line.calm.wrong]
    if wrong:
        raise SystemExit("wrong answers: " + "; ".join(wrong))
    return lines


async def short() -> list[Row]:
    """What ``make bench`` tells of work on big data: the 99th percentile, beside a quiet moment."""
    lines = await bench(_SHORT_ROWS, 200, _SHORT_WORK, quiet_seconds=5.0)
    quiet = lines[0].calm.p99
    return [Row(f"big data, {line.name}", line.calm.p99, "ms (p99)", "quiet", quiet) for line in lines[1:-1]]


async def _site(place: Ground, connection: asyncpg.Connection, rows: int) -> Site:
    client = place.scene.client.acting_with(place.token)
    made = await client.post("/v1/templates", DEVICE)
    published = await client.post(f"/v1/templates/{made['template_id']}/publish")
    template_id = int(published["template_id"])
    await stock(connection, place.prefix, template_id, rows)
    beside = await another_prefix(connection, place.prefix)
    await stock(connection, beside, template_id, min(rows, _BESIDE))
    return Site(place, connection, client, template_id, rows, beside, min(rows, _BESIDE))


async def _measured(site: Site, name: str, rate: int, least: float) -> Line:
    """The work, or nothing but the time; resolutions are of what it leaves as it was."""
    address = urlsplit(site.place.scene.url)
    work = WORK.get(name)
    prefix, stands = (site.beside, site.beside_rows) if work and work.whole_prefix else (site.prefix, site.untouched)
    did = ""
    async with steady(str(address.hostname), address.port or 0, prefix, stands, rate) as found:
        began = time.perf_counter()
        if work is not None:
            did = await work.do(site)
        seconds = time.perf_counter() - began
        await asyncio.sleep(max(0.0, least - seconds))
    line = Line(name, did, seconds, found[0])
    took = f"{seconds:.1f}" if work else "–"
    told = f"{name}: {did}" if did else name
    calm = line.calm
    print(f"| {told} | {took} | {calm.p50:.1f} | {calm.p99:.1f} | {calm.most:.0f} | {calm.asked:,} |", flush=True)
    return line


def main() -> None:
    """``python -m loadtest.bench_online [--rows N] [--rate N] [--work NAME …]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--work", nargs="+", choices=list(WORK), default=list(WORK))
    told = parser.parse_args()
    asyncio.run(bench(told.rows, told.rate, told.work))


if __name__ == "__main__":
    main()
