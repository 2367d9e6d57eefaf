"""The same generated rows in every format, by ``biaoshi import`` and over plain HTTP, beside a raw COPY of them.

Every run has a real node of its own (``loadtest/bench_node.py``); who sends is a process of its own too. The ceiling
is COPY of the finished rows (the identifier table alone: no history, no leaf, no report) into the same server by one
connection. Peak memory is the most that the kernel saw resident at once: of the worker, of the process that reads a
workbook for it, of the sender.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import asyncpg

from loadtest.bench_node import Ground, costs_of, ground
from loadtest.corpus import SHEET_ROWS, WRITERS

_WAYS = ("biaoshi import", "plain HTTP")
_MEDIA_TYPES = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def bench(rows: int, formats: Sequence[str]) -> None:
    """Every format both ways, a fresh node each time; prints the table when it is whole."""
    table = [
        (
            f"{'format':<8} {'sent by':<15} {'rows':>9} {'MB':>6} {'rows/s':>8} {'s':>7}"
            f" | {'worker':>7} {'reader':>7} {'postgresql':>10} {'sender':>7} (CPU µs a row)"
            f" | {'worker':>6} {'reader':>6} {'sender':>6} (peak MB)"
        )
    ]
    ceiling: list[str] = []
    with tempfile.TemporaryDirectory(prefix="biaoshi-rows-") as folder:
        for ending in formats:
            sent = min(rows, SHEET_ROWS) if ending == "xlsx" else rows
            file = Path(folder) / f"rows.{ending}"
            await asyncio.to_thread(WRITERS[ending], file, sent)
            for way in _WAYS:
                async with ground() as place:
                    table.append(await _run(place, way, file, sent))
                    ceiling = ceiling or await _ceiling(place, sent)
            file.unlink()
    print("\n".join([*table, *ceiling]))


async def _run(place: Ground, way: str, file: Path, rows: int) -> str:
    """A line of the table. Exits when not everything that was sent stands."""
    command = _import(place, file) if way == _WAYS[0] else _sender(place, file)
    began = time.perf_counter()
    sender = await asyncio.create_subprocess_exec(
        sys.executable, *command, env={**os.environ, "BIAOSHI_TOKEN": place.token}, stdout=asyncio.subprocess.PIPE
    )
    async with costs_of({"sender": [sender.pid], **place.processes}) as costs:
        said, _ = await sender.communicate()
        seconds = time.perf_counter() - began
    if sender.returncode != 0:
        raise SystemExit(f"{way} of {file.name} ended with status {sender.returncode}: {said[:500].decode()}")
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        stand = await connection.fetchval("SELECT count(*) FROM identifier WHERE state = 1")
    finally:
        await connection.close()
    if stand != rows:
        raise SystemExit(f"{rows} were sent, {stand} stand: {said[:500].decode()}")

    def each(seconds: float) -> float:
        return seconds / rows * 1e6

    worker, server, own = costs["worker"], costs["postgresql"], costs["sender"]
    return (
        f"{file.name.partition('.')[2]:<8} {way:<15} {rows:>9,} {file.stat().st_size / 1e6:>6.1f}"
        f" {rows / seconds:>8,.0f} {seconds:>7.1f}"
        f" | {each(worker.cpu):>7.1f} {each(worker.cpu_below):>7.1f}"
        f" {each(server.cpu_in_all):>10.1f} {each(own.cpu):>7.1f} {'':<15}"
        f" | {worker.peak:>6.0f} {worker.peak_below:>6.0f} {own.peak:>6.0f}"
    )


def _import(place: Ground, file: Path) -> list[str]:
    return ["-m", "node.cli", "import", str(file), "--prefix", place.prefix, "--template", "pump",
            "--server", place.scene.url]  # fmt: skip


def _sender(place: Ground, file: Path) -> list[str]:
    ending, _, packed = file.name.partition(".")[2].partition(".")
    address = urlsplit(place.scene.url)
    path = f"/v1/batches?{urlencode({'prefix': place.prefix, 'template': 'pump'})}"
    command = ["-m", "loadtest.sender", str(address.hostname), str(address.port), path, str(file),
               "--type", _MEDIA_TYPES[ending], "--key", file.name]  # fmt: skip
    return [*command, "--encoding", "gzip"] if packed else command


async def _ceiling(place: Ground, rows: int) -> list[str]:
    """Lines of the table: a COPY of the rows that stand into an empty twin of their table, and what they take."""
    columns = ("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key", "suffix",
               "record")  # fmt: skip
    connection = await asyncpg.connect(place.scene.server.url())
    try:
        records = [tuple(row) for row in await connection.fetch(f"SELECT {', '.join(columns)} FROM identifier")]
        await connection.execute("CREATE TABLE twin (LIKE identifier INCLUDING ALL)")
        began = time.perf_counter()
        for start in range(0, rows, 50_000):
            await connection.copy_records_to_table("twin", columns=columns, records=records[start : start + 50_000])
        seconds = time.perf_counter() - began
        sizes = await connection.fetch(
            "SELECT relname, pg_total_relation_size(oid) AS size FROM pg_class"
            " WHERE relname IN ('identifier', 'identifier_history', 'event') ORDER BY relname"
        )
    finally:
        await connection.close()
    return [
        f"{'COPY':<24} {rows:>9,} {'':>6} {rows / seconds:>8,.0f} {seconds:>7.1f} (the table of identifiers alone)",
        *(f"{row['relname']:<24} {row['size'] / rows:>9.0f} bytes a row, indexes included" for row in sizes),
    ]


def main() -> None:
    """``python -m loadtest.bench_import [--rows N] [--formats csv xlsx …]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", choices=list(WRITERS), default=list(WRITERS))
    told = parser.parse_args()
    asyncio.run(bench(told.rows, told.formats))


if __name__ == "__main__":
    main()
