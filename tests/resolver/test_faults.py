"""PostgreSQL killed, stopped and started again under a resolver that answers HTTP (reference F2)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node import embedded
from node.database import open_pool
from node.embedded import EmbeddedPostgres
from node.migrate import migrate
from tests.support.shelf import Front, Shelf, front_of, shelf_at, values

HOT, COLD = "/api/handles/88.101.1/HOT", "/api/handles/88.101.1/COLD"
SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "30"}


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="biaoshi-test-") as folder:
        Path(folder).chmod(0o755)
        async with embedded.start(Path(folder) / "pg", settings=SETTINGS) as server:
            await migrate(server.url())
            yield server


async def stock(shelf: Shelf) -> None:
    await shelf.prefix()
    await shelf.prefix("88.101.2")
    for identifier in ("88.101.1/HOT", "88.101.1/COLD", "88.101.2/HOT"):
        await shelf.register(identifier, values((1, "URL", "https://a.example/")))


async def status_of(front: Front, path: str) -> int:
    async with front.session.get(path) as answer:
        await answer.read()
        return answer.status


async def is_stale(front: Front, path: str) -> bool:
    async with front.session.get(path) as answer:
        assert answer.status == 200
        stale = "Cache-Status" in answer.headers
        if stale:
            assert answer.headers["Cache-Status"] == "biaoshi; hit; detail=stale"
            assert int(answer.headers["Age"]) >= 0
            assert answer.headers["Cache-Control"] == "public, max-age=5"
        return stale


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def seconds_until_healed(front: Front) -> float:
    began = time.monotonic()
    while await is_stale(front, HOT) or await status_of(front, COLD) != 200:
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_without_its_database_the_node_answers_what_it_remembers_and_never_not_found(
    server: EmbeddedPostgres,
) -> None:
    pool = await open_pool(server.url(), "biaoshi_writer", size=2, seconds=1, name="test")
    async with front_of(server.url(), pool, lookup_seconds=1.0) as front:
        async with shelf_at(server.url()) as shelf:
            await stock(shelf)
            assert await status_of(front, HOT) == 200
            assert await status_of(front, "/api/handles/88.101.2/HOT") == 200
            await shelf.set_prefix_state("88.101.2", "suspended")
            await asyncio.sleep(0.2)

        server.kill()
        await asyncio.sleep(0.2)

        assert await is_stale(front, HOT)
        async with front.session.get("/88.101.1/HOT", headers={"Accept": "text/html"}) as answer:
            assert answer.status == 200
            assert "数据库暂时不可用" in await answer.text()
        # What was suspended is not given as stale, and what is not remembered is not called missing.
        for path in (COLD, "/api/handles/88.101.2/HOT", "/api/handles/88.999.1/X", "/api/handles/88.101.1/NONE"):
            async with front.session.get(path) as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "1"
                assert answer.headers["Cache-Control"] == "no-store"
                assert (await answer.json())["responseCode"] == 3
        async with front.session.get("/88.101.1/COLD", headers={"Accept": "text/html"}) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "1"
            assert "解析暂时不可用" in await answer.text()

        await server.restart()
        await seconds_until_healed(front)
        assert await status_of(front, "/api/handles/88.101.1/NONE") == 404

        # The writer's voice is heard again, too.
        async with shelf_at(server.url()) as shelf:
            await shelf.update("88.101.1/HOT", values((1, "URL", "https://b.example/")))
            await asyncio.sleep(0.2)
            async with front.session.get(HOT) as answer:
                assert "https://b.example/" in await answer.text()
        pool.terminate()


async def test_a_restart_under_load_costs_hot_identifiers_nothing(server: EmbeddedPostgres) -> None:
    pool = await open_pool(server.url(), "biaoshi_writer", size=2, seconds=1, name="test")
    async with shelf_at(server.url()) as shelf:
        await stock(shelf)
    async with front_of(server.url(), pool, lookup_seconds=1.0) as front:
        assert await status_of(front, HOT) == 200
        seen: dict[str, Counter[int]] = {HOT: Counter(), COLD: Counter()}
        slowest = 0.0
        over = asyncio.Event()

        async def ask(path: str) -> None:
            nonlocal slowest
            while not over.is_set():
                began = time.monotonic()
                seen[path][await status_of(front, path)] += 1
                if path == HOT:
                    slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.002)

        asking = [asyncio.create_task(ask(path)) for path in (HOT, HOT, COLD)]
        for _ in range(2):
            await asyncio.sleep(0.2)
            await server.restart()
        await seconds_until_healed(front)
        over.set()
        await asyncio.gather(*asking)
        assert set(seen[HOT]) == {200}
        assert seen[HOT][200] > 50
        assert set(seen[COLD]) <= {200, 503}
        assert slowest < 1.0
    pool.terminate()


async def test_a_server_that_is_frozen_costs_one_deadline(server: EmbeddedPostgres) -> None:
    """Nothing is refused and no socket closes: only silence tells."""
    pool = await open_pool(server.url(), "biaoshi_writer", size=2, seconds=1, name="test")
    async with front_of(server.url(), pool, lookup_seconds=0.5) as front:
        async with shelf_at(server.url()) as shelf:
            await stock(shelf)
            assert await status_of(front, HOT) == 200
            rows = await shelf.connection.fetch("SELECT pid FROM pg_stat_activity WHERE usename <> ''")
        frozen = [server.pid, *(row["pid"] for row in rows)]
        send(frozen, signal.SIGSTOP)
        try:
            began = time.monotonic()
            statuses = await asyncio.gather(*(status_of(front, COLD) for _ in range(50)))
            assert set(statuses) == {503}
            assert time.monotonic() - began < 2
            began = time.monotonic()
            assert await status_of(front, COLD) == 503
            assert await status_of(front, HOT) == 200
            assert time.monotonic() - began < 0.25
        finally:
            send(frozen, signal.SIGCONT)
        await seconds_until_healed(front)
    pool.terminate()
