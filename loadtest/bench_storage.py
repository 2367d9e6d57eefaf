"""What identifiers take of the disk, and whether registering them stays fast as they grow to be many.

``compression`` (``loadtest/compression.py``) weighs ways to pack records. ``growth`` (``loadtest/growth.py``)
registers millions by the real bulk path, with suffixes that count up and with random ones; exits with 1 when the rate
before any mark is below half of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence

from loadtest.compression import Way, compare
from loadtest.growth import ORDERS, Growth, check_room, grow
from loadtest.rows import Row

GOAL = 0.5
_PARTS = ("compression", "growth")
_SHORT_ROWS = 100_000


async def bench(parts: Sequence[str], orders: Sequence[str], rows: int, records: int) -> None:
    """Print the tables of the parts. Exits when rows are missing, the disk is too small, or the rate did not hold."""
    if "compression" in parts:
        print(_ways(await compare(records, min(rows, 20_000))))
    if "growth" in parts:
        check_room(rows)
        judge([await grown(order, rows) for order in orders])


async def grown(order: str, rows: int) -> Growth:
    """One order's course, printed."""
    growth = await grow(order, rows, lambda words: print(f"  {words}", flush=True))
    print(_growth(growth))
    return growth


def judge(growths: Sequence[Growth]) -> None:
    """Exits when the rate did not hold."""
    slow = [growth.order for growth in growths if growth.held < GOAL]
    if slow:
        raise SystemExit(f"the rate fell below half of its first value: {', '.join(slow)}")


async def short() -> list[Row]:
    """What ``make bench`` tells of storage; whether the rate holds shows in millions only."""
    growths = [await grown(order, _SHORT_ROWS) for order in ORDERS]
    return [Row(f"storage, {one.order} suffixes", sum(one.sizes.values()), "bytes an identifier") for one in growths]


def _ways(ways: Sequence[Way]) -> str:
    lines = [
        "| records | stored | record, B | row, B | pack, µs | unpack, µs | COPY, µs a row | found, µs a row |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for way in ways:
        packing = f"{way.packing:.1f} | {way.unpacking:.1f}" if way.packing else "– | –"
        lines.append(
            f"| {way.industry} | {way.name} | {way.record:.0f} | {way.row:.0f} | {packing} | {way.copying:.1f}"
            f" | {way.finding:.1f} |"
        )
    return "\n".join(lines)


def _growth(growth: Growth) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in growth.settings.items())
    lines = [
        "",
        f"{growth.order} suffixes; {settings}; {growth.checkpoints} checkpoints; load {os.getloadavg()[0]:.1f}",
        "",
        "| stock | identifiers/s | of the first | CPU µs: worker, PostgreSQL | WAL, B an identifier |",
        "|---|---|---|---|---|",
    ]
    first = next(iter(growth.windows.values()))
    for mark, window in growth.windows.items():
        cpu = f"{window.each(window.worker):.1f}, {window.each(window.postgresql):.1f}"
        share = window.rate / first.rate
        lines.append(f"| {mark:,} | {window.rate:,.0f} | {share:.2f} | {cpu} | {window.wal / window.rows:,.0f} |")
    lines += ["", "| table or index | B an identifier |", "|---|---|"]
    lines += [f"| {name} | {size:.1f} |" for name, size in growth.sizes.items()]
    lines.append(f"| all | {sum(growth.sizes.values()):.1f} |\n")
    return "\n".join(lines)


def main() -> None:
    """``python -m loadtest.bench_storage [--parts compression growth] [--rows N] [--orders sequential random]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--orders", nargs="+", choices=list(ORDERS), default=list(ORDERS))
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--records", type=int, default=6_000, help="of each industry, for compression")
    told = parser.parse_args()
    asyncio.run(bench(told.parts, told.orders, told.rows, told.records))


if __name__ == "__main__":
    main()
