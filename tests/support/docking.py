"""A national node to dock to, a node's outbox to fill, and processes to kill."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from mocknational.faults import NO_FAULTS, Faults
from mocknational.mock import Mock, run_mock
from mocknational.store import IssuedKey
from node.database import Pool
from node.journal import Message, report_upward
from node.national.backoff import Patience
from node.national.signature import KeyPair
from node.national.steward import Docking, run_steward
from node.sealing import Seal

ROOT = Path(__file__).parents[2]
KEYS = KeyPair("test-node", "a secret of the tests")
ISSUED = IssuedKey(KEYS, "88.101")
SEAL = Seal(b"the seal of the tests")
CREDIT_CODE = "91442000MAD0000198"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class DockedNode:
    """A node with its outbox, and the national node it docks to, each with a database of its own."""

    pool: Pool
    database_url: str
    upper_url: str
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    verdicts: list[tuple[str, bool, str]] = field(default_factory=list)
    applications: list[int] = field(default_factory=list)

    async def report(self, stream: str, kind: str, **body: Any) -> None:
        async with self.pool.acquire() as connection:
            await report_upward(connection, Message(stream, kind, body), now())

    async def report_many(self, streams: Sequence[str], count: int, padding: str = "") -> None:
        """``count`` numbered messages for each stream, their numbers interleaved."""
        async with self.pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO outbox (message_id, stream, kind, body, created_at)"
                " SELECT gen_random_uuid(), s.stream, 'test.numbered', jsonb_build_object('n', n, 'p', $3::text),"
                " now() FROM generate_series(1, $2) n CROSS JOIN unnest($1::text[]) s(stream) ORDER BY n, s.stream",
                list(streams), count, padding,
            )  # fmt: skip

    async def report_enterprise(self, enterprise_id: UUID, state: str = "approved", **changed: str) -> None:
        facts = {"credit_code": CREDIT_CODE, "name": "示例食品", "division_code": "442000", "industry_code": "1411"}
        body = {"enterprise_id": str(enterprise_id), "state": state, **facts, **changed}
        await self.report("enterprise", f"enterprise.{state}", **body)

    async def report_prefix(self, prefix: str, enterprise_id: UUID, credit_code: str = CREDIT_CODE) -> None:
        body = {"enterprise_id": str(enterprise_id), "credit_code": credit_code, "state": "reviewed"}
        await self.report("prefix", "prefix.reviewed", prefix=prefix, **body)

    async def waiting(self) -> int:
        return int(await self.pool.fetchval("SELECT count(*) FROM outbox WHERE delivered_at IS NULL"))

    async def apply_verdict(self, prefix: str, passed: bool, reason: str, application: int) -> None:
        self.verdicts.append((prefix, passed, reason))
        self.applications.append(application)

    @asynccontextmanager
    async def mock(self, faults: Faults = NO_FAULTS, **options: Any) -> AsyncIterator[Mock]:
        options = {"keys": [ISSUED], "random": random.Random(7), **options}
        async with run_mock(self.upper_url, "127.0.0.1", 0, faults=faults, **options) as mock:
            yield mock

    @asynccontextmanager
    async def steward(self, url: str | None, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
        """A steward of this process, told to stop at the end of the block."""
        docking = {
            "access_key": KEYS.access_key,
            "secret_key": KEYS.secret_key,
            "heartbeat_seconds": 0.5,
            "poll_seconds": 0.1,
            "deadline_seconds": 5.0,
            **options.pop("docking", {}),
        }
        options = {
            "apply_verdict": self.apply_verdict,
            "seal": SEAL,
            "version": "0",
            "clock": now,
            "patience": Patience(0.05, 0.5),
            **options,
        }
        stop = asyncio.Event()
        task = asyncio.create_task(
            run_steward(
                options.pop("pool", self.pool),
                Docking(url, **docking),
                stop=stop,
                **options,
            )
        )
        try:
            yield task
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await task

    async def start(self, script: str, *arguments: str) -> asyncio.subprocess.Process:
        """Run a script of ``tests`` until it says a line; end it with the test."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "tests" / script), *arguments,
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert await process.stdout.readline()
        return process

    async def start_mock(self, port: int, faults: Faults = NO_FAULTS) -> asyncio.subprocess.Process:
        shares = {name: getattr(faults, name) for name in faults.__struct_fields__}
        return await self.start("mocknational/mock_process.py", self.upper_url, str(port), json.dumps(shares))

    async def start_steward(self, url: str) -> asyncio.subprocess.Process:
        return await self.start("node/national/steward_process.py", self.database_url, url)


async def kill(process: asyncio.subprocess.Process) -> None:
    """kill -9."""
    process.kill()
    await process.wait()


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    """Wait for something to become true; ``condition`` may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if await answer if asyncio.iscoroutine(answer) else answer:
                return
            await asyncio.sleep(0.02)
