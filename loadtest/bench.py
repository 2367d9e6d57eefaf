"""``make bench``: the short form of every bench, and one table of all paths: ours, what stands beside it, the goal.

Each part runs in a process of its own, one after the other, so that none measures another's leavings. A part that
fails or outlasts its deadline is told below the table and makes the exit code 1, as a goal that is not met does with
``--strict``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from loadtest.rows import Row, as_csv, as_json, as_markdown, from_json

PARTS = (
    "http",
    "handle",
    "cache",
    "invalidation",
    "replica",
    "bulk",
    "register",
    "storage",
    "online",
    "headroom",
    "counting",
    "snms",
    "link",
    "search",
    "pages",
)
"""Each is ``loadtest.bench_PART`` and offers ``short``."""
_PART_SECONDS = 300.0


async def measured(part: str) -> list[Row]:
    """What the part says of itself. Raises ``SystemExit`` when it found a wrong answer."""
    found: list[Row] = await importlib.import_module(f"loadtest.bench_{part}").short()
    return found


async def bench(parts: Sequence[str]) -> tuple[list[Row], list[str]]:
    """The rows of all parts in their order, and the parts that failed with the last thing they said."""
    rows: list[Row] = []
    failures: list[str] = []
    for part in parts:
        began = time.perf_counter()
        with tempfile.NamedTemporaryFile(prefix="biaoshi-bench-") as file:
            code, said = await _apart(part, Path(file.name))
            if code == 0:
                rows += from_json(Path(file.name).read_text(encoding="utf-8"))
            else:
                failures.append(f"{part}: exit code {code}: {said.strip()[-300:]}")
        print(f"{part}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows, failures


async def _apart(part: str, file: Path) -> tuple[int, str]:
    """Exit code and last words of a process that measures one part into ``file``; ended, with its children, late."""
    command = [sys.executable, "-m", "loadtest.bench", "--one", part, str(file)]
    pipe, both = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    child = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=both, start_new_session=True)
    try:
        async with asyncio.timeout(_PART_SECONDS):
            said, _ = await child.communicate()
    except TimeoutError:
        return 124, f"not finished after {_PART_SECONDS:g} s"
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            await child.wait()
    return child.returncode or 0, said.decode(errors="replace")


def main() -> None:
    """``python -m loadtest.bench [--parts …] [--json FILE] [--csv FILE] [--strict]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        part, file = told.one
        Path(file).write_text(as_json(uvloop.run(measured(part))), encoding="utf-8")
        return
    rows, failures = uvloop.run(bench(told.parts))
    print(as_markdown(rows))
    if told.json:
        told.json.write_text(as_json(rows), encoding="utf-8")
    if told.csv:
        told.csv.write_text(as_csv(rows), encoding="utf-8")
    for failure in failures:
        print(f"failed: {failure}")
    unmet = [row.path for row in rows if row.met is False]
    if failures or (told.strict and unmet):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
