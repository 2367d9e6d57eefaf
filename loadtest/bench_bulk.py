"""Bulk registration end to end, sequential and random suffixes in turns, each beside a raw COPY of the same rows.

A file goes by ``biaoshi import`` into a real node (``loadtest/bench_node.py``) and counts as registered when the
batch is finished: checked by its template, stored with history, leaf, tally, report and notice, ready to resolve; a
sample is resolved at once. The ceiling is COPY, in binary and by one connection, of the finished rows into an empty
twin of the table of identifiers: no history, no leaf, nothing checked. All rounds fill one database.

What goes upward (standby records, files of the log) is below whoever registers (``node/steward.py``) and may end
later: each round waits for it, and tells the rate and the CPU until everything lies above too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
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
_PATIENCE = 600.0
_LOG_ROWS = 50_000  # the default of national.log_rows: a file that is not full waits for its minutes


@dataclass(frozen=True, slots=True)
class Round:
    """One import: identifiers a second, until they lie above too, and of COPY; CPU microseconds a row by process,
    until the import ended and until all lay above; peak megabytes."""

    rate: float
    above: float
    copied: float
    cpu: Mapping[str, float]
    cpu_above: Mapping[str, float]
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
    watched = {"importer": [sender.pid], **place.processes}
    async with costs_of(watched) as whole:
        async with costs_of(watched) as costs:
            said, _ = await sender.communicate()
            seconds = time.perf_counter() - began
        above = await _all_above(place, began)
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
    cpu, peak = _each(costs, rows)
    return Round(rows / seconds, rows / above, await _copied(place, marker, rows), cpu, _each(whole, rows)[0], peak)


def _each(costs: Mapping[str, Cost], rows: int) -> tuple[dict[str, float], dict[str, float]]:
    return (
        {who: cost.cpu_in_all / rows * 1e6 for who, cost in costs.items()},
        {who: max(cost.peak, cost.peak_below) for who, cost in costs.items()},
    )


async def _all_above(place: Ground, began: float) -> float:
    """Seconds until the standby records and all full files of the log lie above. Exits after ten minutes."""
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        newest = await connection.fetchval("SELECT max(history_id) FROM identifier_history")
        while time.perf_counter() - began < _PATIENCE:
            standing = await connection.fetchval("SELECT standby_position FROM national_state")
            told = await connection.fetchval(
                "SELECT coalesce(max(split_part(source, '-', 2)::bigint), 0) FROM log_file"
                " WHERE kind = 'registration' AND delivered_at IS NOT NULL"
            )
            if standing == newest and newest - told < _LOG_ROWS:
                return time.perf_counter() - began
            await asyncio.sleep(0.1)
        raise SystemExit(f"of {newest} positions {standing} as standby records and {told} in files lie above")
    finally:
        await connection.close()


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
    who = ("worker", "postgresql", "steward", "mock", "importer")
    lines = [
        f"{rows:,} rows a round, medians of {len(found['random'])}; CPU is µs a row: {', '.join(who)}",
        "",
        "| suffixes | identifiers/s | until above/s | COPY alone/s | CPU | CPU until above | peak MB, likewise |",
        "|---|---|---|---|---|---|---|",
    ]

    def each(told: Iterable[Mapping[str, float]], digits: int) -> str:
        rounds = list(told)
        return ", ".join(f"{median(one[process] for one in rounds):.{digits}f}" for process in who)

    for suffixes, rounds in found.items():
        rates = (median(getattr(one, name) for one in rounds) for name in ("rate", "above", "copied"))
        cpu = each((one.cpu for one in rounds), 1), each((one.cpu_above for one in rounds), 1)
        cells = [suffixes, *(f"{rate:,.0f}" for rate in rates), *cpu, each((one.peak for one in rounds), 0)]
        lines.append(f"| {' | '.join(cells)} |")
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
