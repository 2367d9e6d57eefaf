"""Registration while the stock grows: the rate in windows, and what an identifier takes of the disk.

The path is the real one: CSV bodies over plain HTTP to a node (``loadtest/bench_node.py``), one after the other. Each
order of suffixes gets a node of its own. The bodies are written beforehand, outside the measured time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import asyncpg

from loadtest.bench_node import Ground, costs_of, ground

MILLION = 1_000_000
_MARKS = (1, 2, 5, 10, 20, 50, 100)
_PORTION = 250_000  # rows of a body
_BYTES_EACH = 1_300  # on the disk, for an identifier; with margin
_BYTES_BESIDE = 6 << 30  # write-ahead log, the bodies, the server itself
_SETTINGS = ("shared_buffers", "max_wal_size", "checkpoint_timeout", "wal_compression", "full_page_writes", "fsync")


def sequential(number: int) -> str:
    """Suffixes that count up."""
    return f"PUMP-{number:09d}"


def random(number: int) -> str:
    """Suffixes like UUIDs: nobody knows where the next one falls."""
    digits = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest().upper()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


ORDERS: Mapping[str, Callable[[int], str]] = {"sequential": sequential, "random": random}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Registrations one after the other: seconds, CPU seconds, bytes of write-ahead log."""

    rows: int
    seconds: float
    worker: float
    postgresql: float
    wal: float

    def __str__(self) -> str:
        cpu = f"CPU worker {self.each(self.worker):.1f} + PostgreSQL {self.each(self.postgresql):.1f} µs"
        return f"{self.rate:,.0f}/s, {cpu}, WAL {self.wal / self.rows:,.0f} B a row"

    @property
    def rate(self) -> float:
        return self.rows / self.seconds

    def each(self, spent: float) -> float:
        """Microseconds of ``spent`` seconds that one row took."""
        return spent / self.rows * 1e6


@dataclass(frozen=True, slots=True)
class Growth:
    """One order's course: the stretch before each mark, and bytes an identifier by relation at the end."""

    order: str
    windows: Mapping[int, Stretch]
    sizes: Mapping[str, float]
    settings: Mapping[str, str]
    checkpoints: int

    @property
    def held(self) -> float:
        """The slowest window's rate as a share of the first's."""
        rates = [window.rate for window in self.windows.values()]
        return min(rates) / rates[0]


def marks_of(rows: int) -> tuple[int, list[int]]:
    """The size of a window, and the sizes of the stock that are looked at: 1, 2, 5, 10, … windows."""
    window = MILLION if rows >= MILLION else max(1, rows // 5)
    return window, [window * mark for mark in _MARKS if window * mark <= rows]


def check_room(rows: int, folder: str | None = None) -> None:
    """Exits when the disk has no room for that many rows."""
    folder = folder or tempfile.gettempdir()
    free, needed = shutil.disk_usage(folder).free, rows * _BYTES_EACH + _BYTES_BESIDE
    if free < needed:
        raise SystemExit(f"{rows:,} rows need {needed / 1e9:.1f} GB below {folder}; {free / 1e9:.1f} GB are free")


async def grow(order: str, rows: int, say: Callable[[str], None]) -> Growth:
    """Register so many rows on a node of their own; exits where one of them was not registered."""
    window, marks = marks_of(rows)
    portion = min(window, _PORTION)
    async with ground() as place:
        connection = await asyncpg.connect(place.scene.server.url())
        try:
            checkpoints = await connection.fetchval(_CHECKPOINTS)
            done: list[Stretch] = []
            for stands in range(0, marks[-1], portion):
                done.append(await _register(place, connection, order, stands, portion))
                say(f"{order} {stands + portion:>11,}: {done[-1]}")
            found = await connection.fetchval("SELECT count(*) FROM identifier")
            if found != marks[-1]:
                raise SystemExit(f"{marks[-1]} were registered, {found} stand")
            each = window // portion
            return Growth(
                order,
                {mark: _together(done[mark // portion - each : mark // portion]) for mark in marks},
                {row["name"]: row["bytes"] / found for row in await connection.fetch(_SIZES, found)},
                {name: await connection.fetchval(f"SHOW {name}") for name in _SETTINGS},
                await connection.fetchval(_CHECKPOINTS) - checkpoints,
            )
        finally:
            await connection.close()


_CHECKPOINTS = "SELECT num_timed + num_requested FROM pg_stat_checkpointer"
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
_SIZES = """
SELECT coalesce(t.relname || '.', '') || c.relname AS name, pg_table_size(c.oid) AS bytes
FROM pg_class c
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class t ON t.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i')
      AND pg_table_size(c.oid) >= 8 * $1::bigint
ORDER BY name
"""


async def _register(place: Ground, connection: asyncpg.Connection, order: str, stands: int, rows: int) -> Stretch:
    """The rows from ``stands`` on, by one body."""
    body = place.folder / "body.csv"
    await asyncio.to_thread(_write, body, ORDERS[order], stands, rows)
    written = await connection.fetchval(_WRITTEN)
    async with costs_of(place.processes) as costs:
        began = time.perf_counter()
        await _send(place, body, f"{order}-{stands}")
        seconds = time.perf_counter() - began
    wal = await connection.fetchval(_WRITTEN) - written
    return Stretch(rows, seconds, costs["worker"].cpu_in_all, costs["postgresql"].cpu_in_all, float(wal))


def _write(body: Path, suffix: Callable[[int], str], first: int, rows: int) -> None:
    with body.open("w", encoding="utf-8") as file:
        file.write("suffix,name,model,weight_kg,made_on,passed\n")
        file.writelines(
            f"{suffix(number)},离心泵 {number % 97} 型,CP-{number % 1000:04d},{number % 500 / 10 + 1:.1f},"
            f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d},{'true' if number % 7 else 'false'}\n"
            for number in range(first, first + rows)
        )


async def _send(place: Ground, body: Path, key: str) -> None:
    address = urlsplit(place.scene.url)
    path = f"/v1/batches?{urlencode({'prefix': place.prefix, 'template': 'pump'})}"
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "loadtest.sender", str(address.hostname), str(address.port), path, str(body),
        "--type", "text/csv", "--key", key,
        env={**os.environ, "BIAOSHI_TOKEN": place.token}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await sender.communicate()
    if sender.returncode != 0:
        raise SystemExit(f"{key} was refused: {said[:500].decode()}")


def _together(stretches: Sequence[Stretch]) -> Stretch:
    return Stretch(
        sum(one.rows for one in stretches),
        sum(one.seconds for one in stretches),
        sum(one.worker for one in stretches),
        sum(one.postgresql for one in stretches),
        sum(one.wal for one in stretches),
    )
