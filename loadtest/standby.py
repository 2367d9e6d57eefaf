"""A standby of an embedded PostgreSQL, by streaming replication: the replica that benches and tests read from."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg

from node import embedded
from node.embedded import EmbeddedPostgres

_COPY_SECONDS = 120


@contextlib.asynccontextmanager
async def standby_of(
    primary: EmbeddedPostgres, root: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[EmbeddedPostgres]:
    """A copy of ``primary`` below ``root`` that follows it and answers reads until the block ends."""
    root.mkdir(mode=0o755)
    await asyncio.to_thread(_copy, primary, root / "cluster")
    async with embedded.start(root, settings=settings or {}) as server:
        yield server


async def promote(standby: EmbeddedPostgres) -> None:
    """Make a standby the primary; returns when it takes writes."""
    connection = await asyncpg.connect(standby.url())
    try:
        assert await connection.fetchval("SELECT pg_promote(true, 30)")
    finally:
        await connection.close()


def _copy(primary: EmbeddedPostgres, cluster: Path) -> None:
    program = primary.runtime.bin / "pg_basebackup"
    command: list[str | Path] = [
        program,
        "-d",
        primary.url("postgres"),
        "-D",
        cluster,
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
        "--no-sync",
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_COPY_SECONDS)
    if made.returncode:
        shutil.rmtree(cluster, ignore_errors=True)
        raise RuntimeError(f"pg_basebackup failed: {made.stderr.strip()}")
