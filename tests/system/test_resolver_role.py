"""A machine that only resolves: from a replica, by a login that may only read, and with the primary away or not."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from loadtest.handle_client import HandleRefused, by_tcp, by_udp
from node.record import Value
from tests.support.node_process import NodeProcess, resolving
from tests.support.replicated import Pair, pair, until
from tests.support.shelf import Shelf, shelf_at

pytestmark = pytest.mark.system

PUMP = "88.101.1/Pump-001"
RECORD = f"/api/handles/{PUMP}"


@pytest.fixture
async def replicated() -> AsyncIterator[Pair]:
    async with pair() as servers:
        async with shelf_at(servers.primary.url()) as shelf:
            await shelf.prefix()
            await shelf.register(PUMP, template_id=await shelf.template())
        await servers.caught_up()
        yield servers


async def status(node: NodeProcess, method: str, path: str) -> int:
    async with node.session.request(method, node.url + path, data=b"{}", allow_redirects=False) as response:
        return response.status


async def parts(node: NodeProcess) -> tuple[int, dict[str, bool]]:
    code, said = await node.asked("/readyz")
    return code, said["parts"]


async def says(node: NodeProcess, **wanted: bool) -> None:
    """Wait until /readyz says so of these parts."""

    async def said() -> bool:
        return wanted.items() <= (await parts(node))[1].items()

    await until(said)


async def counted(servers: Pair, answered: int) -> None:
    """Wait until the primary has so many resolutions; it must never have more."""
    connection = await asyncpg.connect(servers.primary.url())

    async def all_there() -> bool:
        total = await connection.fetchval("SELECT coalesce(sum(resolutions), 0) FROM resolution_count")
        assert total <= answered
        return bool(total == answered)

    try:
        await until(all_there)
    finally:
        await connection.close()


async def test_a_machine_that_only_resolves_goes_on_without_the_primary_and_loses_no_count(replicated: Pair) -> None:
    groups: dict[str, dict[str, Any]] = {
        "node": {},
        "database": {"url": replicated.primary.url(), "reader_url": replicated.reading},
    }
    with tempfile.TemporaryDirectory(prefix="biaoshi-resolver-") as name:
        folder = Path(name)
        async with aiohttp.ClientSession() as session, resolving(folder, "one", session, groups) as node:
            await _resolves_and_does_nothing_else(node)
            await counted(replicated, 5)

            await replicated.primary.stop()
            await says(node, notices=False)
            assert (await node.asked(RECORD))[0] == 200
            assert (await node.asked("/api/handles/88.101.1/none"))[0] == 404
            await says(node, counts=False)
            assert (await parts(node)) == (200, {"look_ups": True, "notices": False, "counts": False})
            async with resolving(folder, "two", session, groups) as late:  # begins while the primary is away
                assert (await late.asked(RECORD))[0] == 200
                await replicated.primary.restart()
                await says(node, notices=True, counts=True)
                await says(late, notices=True, counts=True)
                await counted(replicated, 8)
                async with shelf_at(replicated.primary.url()) as shelf:
                    await _shows_a_change(shelf, node, late)


async def _resolves_and_does_nothing_else(node: NodeProcess) -> None:
    code, answer = await node.asked(RECORD)
    assert (code, answer["handle"]) == (200, PUMP)
    assert await status(node, "GET", f"/{PUMP}") == 302
    async with by_udp("127.0.0.1", node.handle_port) as client:
        assert len(await client.resolve(PUMP)) == 3
    async with by_tcp("127.0.0.1", node.handle_port) as client:
        assert len(await client.resolve(PUMP)) == 3
        with pytest.raises(HandleRefused) as refused:
            await client.create("88.101.1/New", (Value(1, "URL", b"https://a.example/"),))
        assert refused.value.response_code == 5
    assert (await node.asked("/api/handles/88.101.1/none"))[0] == 404
    elsewhere = (
        *(("PUT", RECORD), ("DELETE", RECORD), ("POST", "/api/sessions"), ("GET", "/api/prefixes")),
        *(
            ("GET", "/api/handles?prefix=88.101.1"),
            ("GET", "/v1/prefixes"),
            ("POST", "/v1/tokens"),
            ("GET", "/console"),
        ),
    )
    assert {path: await status(node, method, path) for method, path in elsewhere} == {
        path: 421 for _, path in elsewhere
    }
    assert (await parts(node)) == (200, {"look_ups": True, "notices": True, "counts": True})


async def _shows_a_change(shelf: Shelf, *nodes: NodeProcess) -> None:
    await shelf.delete(PUMP)

    async def gone() -> bool:
        return {(await node.asked(RECORD))[0] for node in nodes} == {404}

    await until(gone)
