"""A primary and its standby with a node's schema, for tests of replicas; both embedded, by streaming replication."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from loadtest.standby import standby_of
from node import embedded
from node.embedded import EmbeddedPostgres
from node.founding import found
from node.migrate import migrate
from tests.conftest import quick_folder

# Commits wait for the log, as on a real primary: a standby gets only what was written.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
READER = "only_a_reader"
_PATIENCE = 20.0  # seconds


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; fails when it does not in the end."""
    late = time.monotonic() + _PATIENCE
    while not await holds():
        assert time.monotonic() < late, holds
        await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Pair:
    """``reading`` is the address of the standby for a login that may do nothing but read as the resolver does."""

    primary: EmbeddedPostgres
    standby: EmbeddedPostgres

    @property
    def reading(self) -> str:
        return self.standby.url().replace("//biaoshi@", f"//{READER}@")

    @property
    def writing(self) -> str:
        """The address of whichever of the two is the primary."""
        hosts = ",".join(
            f"{quote(str(server.directory.run), safe='')}:5432" for server in (self.primary, self.standby)
        )
        return f"postgresql://biaoshi@{hosts}/biaoshi"

    async def pause(self) -> None:
        """The standby gets what is written, and applies nothing of it."""
        await self.on_standby("SELECT pg_wal_replay_pause()")

    async def resume(self) -> None:
        await self.on_standby("SELECT pg_wal_replay_resume()")

    async def caught_up(self) -> None:
        """Wait until the standby has applied what the primary has written by now."""
        await self._reached("SELECT pg_last_wal_replay_lsn()")

    async def received(self) -> None:
        """Wait until the standby has it, applied or not."""
        await self._reached("SELECT pg_last_wal_receive_lsn()")

    async def _reached(self, how_far: str) -> None:
        primary = await asyncpg.connect(self.primary.url())
        try:
            position = await primary.fetchval("SELECT pg_current_wal_lsn()")
        finally:
            await primary.close()

        async def reached() -> bool:
            return bool(await self.on_standby(how_far) >= position)

        await until(reached)

    async def on_standby(self, statement: str) -> Any:
        standby = await asyncpg.connect(self.standby.url())
        try:
            return await standby.fetchval(statement)
        finally:
            await standby.close()


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    """A founded laboratory node's database on two servers."""
    with tempfile.TemporaryDirectory(prefix="biaoshi-pair-", dir=quick_folder()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        async with embedded.start(folder / "primary", settings=SETTINGS) as primary:
            await migrate(primary.url())
            await found(primary.url(), laboratory=True, at=datetime.now(UTC))
            connection = await asyncpg.connect(primary.url())
            await connection.execute(f"CREATE ROLE {READER} LOGIN IN ROLE biaoshi_reader")
            await connection.close()
            async with standby_of(primary, folder / "standby", SETTINGS) as standby:
                yield Pair(primary, standby)
