"""Bulk registration end to end, sequential and random suffixes in turns, each beside a raw COPY of the same rows.

A file goes by ``biaoshi import`` into a real node (``loadtest/bench_node.py``) and counts as registered when the
batch is finished: checked by its template, stored with history, leaf, tally, report and notice, ready to resolve; a
sample is resolved at once. The ceiling is COPY, in binary and by one connection, of the finished rows into an empty
twin of the table of identifiers: no history, no leaf, nothing checked. All rounds fill one database.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import asyncpg

from loadtest.bench_node import Cost, Ground, costs_of, ground
from loadtest.corpus import products, write_csv
from loadtest.hammer import resolve_many
from loadtest.rows import Row, as_markdown

_GOALS = {"sequential": "≥ 60,000", "random": "≥ 35,000"}
_SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Round:
    """One import: identifiers a second, of COPY too, CPU microseconds a row by process, peak megabytes."""

    rate: float
    copied: float
    cpu: Mapping[str, float]
    peak: Mapping[str, float]


async def bench(rows: int, rounds: int) -> list[Row]:
    """Prints medians of the rounds. Exits when not everything that was sent stands and resolves."""
    found: dict[str, list[Round]] = {suffixes: [] for suffixes in _GOALS}
    with tempfile.TemporaryDirectory(prefix="biaoshi-rows-") as folder:
        async with ground() as place:
            for number in range(rounds):
                for suffixes, all_of_them in found.items():
                    all_of_them.append(await _round(place, Path(folder), suffixes, number, rows))
                    print(f"round {number + 1}, {suffixes}: {all_of_them[-1]}", file=sys.stderr, flush=True)
    print(_table(rows, found))
    told = [
        Row(
            f"bulk, {suffixes} suffixes", median(one.rate for one in all_of_them), "identifiers/s",
            "COPY of the finished rows alone", median(one.copied for one in all_of_them), _GOALS[suffixes],
        )
        for suffixes, all_of_them in found.items()
    ]  # fmt: skip
    print(as_markdown(told))
    return told


async def short() -> list[Row]:
    """For ``make bench``."""
    return await bench(200_000, 3)


async def _round(place: Ground, folder: Path, suffixes: str, number: int, rows: int) -> Round:
    marker, random = f"{suffixes[0].upper()}{number}", suffixes == "random"
    file = folder / f"{marker}.csv"
    await asyncio.to_thread(lambda: write_csv(file, rows, marker=marker, random=random))
    began = time.perf_counter()
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node.cli", "import", str(file), "--prefix", place.prefix, "--template", "pump",
        "--server", place.scene.url, env={**os.environ, "BIAOSHI_TOKEN": place.token}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with costs_of({"importer": [sender.pid], **place.processes}) as costs:
        said, _ = await sender.communicate()
        seconds = time.perf_counter() - began
    file.unlink()
    if sender.returncode != 0:
        raise SystemExit(f"the import ended with status {sender.returncode}: {said[:500].decode()}")
    address = urlsplit(place.scene.url)
    step = max(1, rows // _SAMPLE)
    sample = [
        f"{place.prefix}/{one.suffix}"
        for place_in_file, one in enumerate(products(rows, marker, random=random))
        if place_in_file % step == 0
    ]
    report = await resolve_many(str(address.hostname), address.port or 0, sample, total=len(sample))
    if report.errors:
        raise SystemExit(f"registered but not resolved: {report.first_errors}")
    return Round(rows / seconds, await _copied(place, marker, rows), *_each(costs, rows))


def _each(costs: Mapping[str, Cost], rows: int) -> tuple[dict[str, float], dict[str, float]]:
    return (
        {who: cost.cpu_in_all / rows * 1e6 for who, cost in costs.items()},
        {who: max(cost.peak, cost.peak_below) for who, cost in costs.items()},
    )


async def _copied(place: Ground, marker: str, rows: int) -> float:
    """Rows a second of a COPY of what was registered; exits when that is not everything with its traces."""
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS twin (LIKE identifier INCLUDING ALL)")
        found, octets = BytesIO(), BytesIO()
        stand = await connection.copy_from_query(
            "SELECT 1 FROM identifier JOIN identifier_history USING (prefix_id, suffix_key, version)"
            " WHERE suffix_key LIKE $1", f"{marker}-%", output=found, format="binary",
        )  # fmt: skip
        if stand != f"COPY {rows}":
            raise SystemExit(f"{rows} were sent, {stand} stand with their history")
        await connection.copy_from_query(
            "SELECT * FROM identifier WHERE suffix_key LIKE $1", f"{marker}-%", output=octets, format="binary"
        )
        await connection.execute("TRUNCATE twin")
        began = time.perf_counter()
        await connection.copy_to_table("twin", source=memoryview(octets.getvalue()), format="binary")
        return rows / (time.perf_counter() - began)
    finally:
        await connection.close()


def _table(rows: int, found: Mapping[str, list[Round]]) -> str:
    head = "suffixes | identifiers/s | COPY alone/s | CPU µs a row: worker, PostgreSQL, importer, steward"
    lines = [
        f"{rows:,} rows a round, medians of {len(found['random'])}",
        "",
        f"| {head} | peak MB: worker, PostgreSQL, importer |",
        "|---|---|---|---|---|",
    ]
    for suffixes, all_of_them in found.items():
        cpu = [median(one.cpu[who] for one in all_of_them) for who in ("worker", "postgresql", "importer", "steward")]
        peak = [median(one.peak[who] for one in all_of_them) for who in ("worker", "postgresql", "importer")]
        lines.append(
            f"| {suffixes} | {median(one.rate for one in all_of_them):,.0f}"
            f" | {median(one.copied for one in all_of_them):,.0f} | {', '.join(f'{each:.1f}' for each in cpu)}"
            f" | {', '.join(f'{each:.0f}' for each in peak)} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """``python -m loadtest.bench_bulk [--rows N] [--rounds N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    asyncio.run(bench(told.rows, told.rounds))


if __name__ == "__main__":
    main()
