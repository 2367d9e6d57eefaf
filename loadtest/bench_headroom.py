"""How many times the acceptance criteria a node on this machine answers: the highest constant rate that it holds.

A real node in front of 2,000,000 identifiers of 24 enterprises (``stocking.py``) is asked by ``open_loop.py`` at one
rate after the other, each higher by the same factor. A rate is held when no answer was wrong or missing and the 99th
percentile of resolutions, from the moment each was due, is below 50 ms; one that is not held gets a second chance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from urllib.parse import urlsplit

from loadtest.bench_node import Cost, costs_of
from loadtest.open_loop import Held, Target
from loadtest.rows import Row
from loadtest.stocking import Stocked, stocked

GOAL_MS = 50.0
DAILY = (50_000, 30_000)
"""The criteria: resolutions a day."""
_A_DAY = 86_400
_UDP_SHARE = 0.1


async def climb(
    place: Stocked, first_rate: float, factor: float, seconds: float, steps: int
) -> AsyncIterator[tuple[Held, Mapping[str, Cost]]]:
    """Rates from the first on until one is not held twice; with what the node's processes spent at each."""
    await _at(place, first_rate, seconds, 0)  # caches and connections
    rate, failed = first_rate, False
    for turn in range(1, steps + 1):
        async with costs_of(place.place.processes) as costs:
            held = await _at(place, rate, seconds, turn)
        yield held, costs
        if is_held(held):
            rate, failed = rate * factor, False
        elif failed:
            return
        else:
            failed = True


def is_held(held: Held) -> bool:
    """No error, and fast enough."""
    return not held.errors and held.p99 < GOAL_MS


async def _at(place: Stocked, rate: float, seconds: float, turn: int) -> Held:
    url = urlsplit(place.place.scene.url)
    host, handle_port = place.place.scene.handle_address
    orders = {
        "target": asdict(Target(host, url.port or 0, handle_port, place.tokens)),
        "prefixes": list(place.stock.prefixes), "rows": place.stock.rows,
        "load": {"rate": rate, "seconds": seconds, "udp_share": _UDP_SHARE}, "first": turn * 10_000_000,
    }  # fmt: skip
    pipe = asyncio.subprocess.PIPE
    client = await asyncio.create_subprocess_exec(sys.executable, "-m", "loadtest.open_loop", stdin=pipe, stdout=pipe)
    said, _ = await client.communicate(json.dumps(orders).encode())
    if client.returncode:
        raise SystemExit(f"the client ended with {client.returncode}")
    return Held(**json.loads(said))


async def bench(rows: int, first_rate: float, factor: float, seconds: float, steps: int) -> None:
    """Print a line a rate, and the highest that was held."""
    top = 0.0
    async with stocked(rows) as place:
        print("| asked/s | p50 ms | p99 ms | writes p99 ms | errors | CPU µs: worker, PostgreSQL, client | held |")
        print("|---|---|---|---|---|---|---|")
        async for held, costs in climb(place, first_rate, factor, seconds, steps):
            worker, postgresql = (costs[who].cpu_in_all * 1e6 / held.asked for who in ("worker", "postgresql"))
            print(
                f"| {held.rate:,.0f} | {held.p50:.1f} | {held.p99:.1f} | {held.p99_writes:.1f} | {held.errors} |"
                f" {worker:.0f}, {postgresql:.0f}, {held.cpu_micros:.0f} | {'yes' if is_held(held) else 'no'} |",
                flush=True,
            )
            for words in held.first_faults:
                print(f"  {words}")
            if is_held(held):
                top = held.rate
    if not top:
        print("not even the first rate was held")
        return
    multiples = ", ".join(f"{top * _A_DAY / daily:,.0f} times {daily:,} a day" for daily in DAILY)
    print(f"highest rate held: {top:,.0f} a second, {multiples}")


async def short() -> list[Row]:
    """For ``make bench``: a tenth of the stock, shorter steps."""
    async with stocked(200_000) as place:
        held = [held.rate async for held, _ in climb(place, 500.0, 1.5, 4.0, 12) if is_held(held)]
    rate = max(held, default=0.0)
    return [
        Row(f"headroom, p99 < {GOAL_MS:g} ms", rate, "resolutions/s", f"{daily:,} a day", daily / _A_DAY, "≥ 1,000x")
        for daily in DAILY
    ]


def main() -> None:
    """``python -m loadtest.bench_headroom [--rows N] [--first R] [--factor F] [--seconds S] [--steps N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--first", type=float, default=500.0)
    parser.add_argument("--factor", type=float, default=1.3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--steps", type=int, default=20)
    told = parser.parse_args()
    asyncio.run(bench(told.rows, told.first, told.factor, told.seconds, told.steps))


if __name__ == "__main__":
    main()
