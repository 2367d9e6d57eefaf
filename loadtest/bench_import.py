"""A generated million rows through ``biaoshi import``, beside a raw COPY of the same rows.

Everything is real: an embedded PostgreSQL with fsync on, the node with two workers, its steward and the mock
national node, the importer as a process of its own. The ceiling is COPY of the finished rows (the identifier
table alone: no history, no leaf, no report) into the same server by one connection. Prints rates, the CPU each
process spent and the most memory it held.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from loadtest.corpus import template, write_csv
from node.demo.stage import Scene, Stage
from node.demo.story import Cast, make_enterprise_user, make_reviewer, signed_in
from node.demo.workload import SampleEnterprise, enterprises
from node.http_server import bind
from node.serve import node_running

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.05


@dataclass(slots=True)
class Cost:
    """What one process spent: CPU seconds and the most resident memory seen, in MB."""

    cpu: float = 0.0
    peak: float = 0.0


async def bench(rows: int) -> None:
    """Run once and print the table."""
    with tempfile.TemporaryDirectory(prefix="biaoshi-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "rows.csv"
        write_csv(file, rows)
        stage = Stage(folder / "node", _free_port(), _free_port())
        async with stage.set_up(node_running) as scene:
            sample = enterprises()[0]
            token = await _ready_to_register(scene, sample)
            seconds, costs = await _import(file, scene, sample.prefix, token)
            connection = await asyncpg.connect(scene.server.url())
            try:
                ceiling = await _copy(connection)
                sizes = await _sizes(connection)
            finally:
                await connection.close()
    print(f"rows                  {rows:>12,}")
    print(f"biaoshi import        {rows / seconds:>12,.0f} rows/s {seconds:>8.2f} s")
    print(f"COPY of the same rows {rows / ceiling:>12,.0f} rows/s {ceiling:>8.2f} s (identifier table alone)")
    print(f"ratio                 {seconds / ceiling:>12.1f} times the seconds of COPY")
    for who, cost in costs.items():
        print(f"{who:<21} {cost.cpu / rows * 1e6:>12.1f} µs CPU/row {cost.peak:>6.0f} MB peak")
    for table, size in sizes.items():
        print(f"{table:<21} {size / rows:>12.0f} bytes a row, indexes included")


async def _ready_to_register(scene: Scene, sample: SampleEnterprise) -> str:
    """An enterprise with an enabled prefix and a published template; returns its user's token."""
    admin = await signed_in(scene.client, "admin", scene.state.administrator_password)
    cast = Cast(admin, await make_reviewer(scene.client, admin, scene.state), lambda _words: None)
    await cast.bring_in([sample])
    await cast.publish(template())
    return (await make_enterprise_user(admin, sample)).token


async def _import(file: Path, scene: Scene, prefix: str, token: str) -> tuple[float, Mapping[str, Cost]]:
    began = time.perf_counter()
    importer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node.cli", "import", str(file), "--prefix", prefix, "--template", "pump",
        "--server", scene.url, env={**os.environ, "BIAOSHI_TOKEN": token}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    watched = {
        "importer": [importer.pid],
        **{child.spec.name: [child.pid or 0] for child in scene.family},
        "postgresql": [scene.server.pid],
    }
    before = {who: _cost(pids) for who, pids in watched.items() if who != "importer"}
    costs: dict[str, Cost] = {who: Cost() for who in watched}
    waiting = asyncio.create_task(importer.wait())
    while not waiting.done():
        for who, pids in watched.items():
            now = _cost(pids)
            costs[who].cpu = max(costs[who].cpu, now.cpu - before.get(who, Cost()).cpu)
            costs[who].peak = max(costs[who].peak, now.peak)
        await asyncio.wait({waiting}, timeout=_SAMPLE_SECONDS)
    if waiting.result() != 0:
        raise SystemExit(f"the importer ended with status {waiting.result()}")
    return time.perf_counter() - began, costs


def _cost(pids: list[int]) -> Cost:
    """CPU of the processes and all their descendants so far, reaped ones included; the memory of the largest."""
    total = Cost()
    for pid in _with_descendants(pids):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total.cpu += sum(int(ticks) for ticks in fields[11:15]) / _TICKS
            total.peak = max(total.peak, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20))
    return total


def _with_descendants(pids: list[int]) -> list[int]:
    found = list(pids)
    for pid in found:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in path.read_text().split()]
    return found


async def _copy(connection: asyncpg.Connection) -> float:
    """Seconds to COPY the registered rows into an empty twin of the identifier table, on one connection."""
    columns = ("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key", "suffix",
               "record")  # fmt: skip
    rows = [tuple(row) for row in await connection.fetch(f"SELECT {', '.join(columns)} FROM identifier")]
    await connection.execute("CREATE TABLE twin (LIKE identifier INCLUDING ALL)")
    began = time.perf_counter()
    for start in range(0, len(rows), 50_000):
        await connection.copy_records_to_table("twin", columns=columns, records=rows[start : start + 50_000])
    return time.perf_counter() - began


async def _sizes(connection: asyncpg.Connection) -> dict[str, int]:
    found = await connection.fetch(
        "SELECT relname, pg_total_relation_size(oid) AS size FROM pg_class"
        " WHERE relname IN ('identifier', 'identifier_history', 'event') ORDER BY relname"
    )
    return {row["relname"]: row["size"] for row in found}


def _free_port() -> int:
    with bind("127.0.0.1", 0) as probe:
        return int(probe.getsockname()[1])


def main() -> None:
    """``python -m loadtest.bench_import [--rows N]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(bench(parser.parse_args().rows))


if __name__ == "__main__":
    main()
