"""Rude clients of the TCP front: slow, silent, many, deaf. Nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import resource
import socket
import time
from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.database import Pool
from node.record import Value
from resolver.handle import tcp
from resolver.handle.envelope import MAX_MESSAGE
from tests.support.docking import until
from tests.support.handle import Peer, Served, connected, record_of, request, resolution, served, told
from tests.support.shelf import Shelf

LABORATORY = (ipaddress.ip_network("127.0.0.0/8"),)
SLOW = 2000
Lines = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    """Our log lines; any with a traceback fails the test."""
    with capture_logs() as captured:
        yield captured
        gc.collect()
    assert not [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert not [line for line in captured if line.get("exc_info") or line["log_level"] in ("error", "critical")]


@pytest.fixture
def many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))


def house(node: Served) -> Any:
    assert node.service._tcp is not None
    return node.service._tcp._house


@contextlib.asynccontextmanager
async def slow_ones(port: int, count: int, said: bytes) -> AsyncIterator[list[socket.socket]]:
    """Connections that have begun a message and say nothing more."""
    loop = asyncio.get_running_loop()
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket()
            one.setblocking(False)
            opened.append(one)
            await loop.sock_connect(one, ("127.0.0.1", port))
            if said:
                await loop.sock_sendall(one, said)
        yield opened
    finally:
        for one in opened:
            one.close()


async def test_resolving_goes_on_beside_two_thousand_slow_connections(
    database_url: str, pool: Pool, pump: str, many_files: None
) -> None:
    async with served(database_url, pool, allow_list=LABORATORY) as node:
        async with slow_ones(node.port, SLOW, resolution(pump)[:-1]) as slow:
            await until(lambda: house(node).doors.open == SLOW)
            slowest = 0.0
            async with connected(node.port) as peer:
                for number in range(500):
                    began = time.monotonic()
                    assert record_of(await peer.ask(resolution(pump, number + 1)))
                    slowest = max(slowest, time.monotonic() - began)
            assert slowest < 1.0
            await asyncio.get_running_loop().sock_sendall(slow[-1], resolution(pump)[-1:])
            answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(slow[-1], 65536), 5)
            assert record_of(told(answer))
        await until(lambda: house(node).doors.open == 0)
        assert house(node).unfinished == 0


async def test_with_the_default_bounds_one_address_holds_so_many_and_others_come_in(
    database_url: str, pool: Pool, pump: str, lines: Lines
) -> None:
    async with served(database_url, pool) as node, slow_ones(node.port, 300, b"") as slow:
        await until(lambda: house(node).doors.turned_away == 300 - 256)
        assert house(node).doors.open == 256
        async with connected(node.port) as refused:
            assert await refused.rest() == b""
        async with connected(node.port, source="127.0.0.2") as other:
            assert record_of(await other.ask(resolution(pump)))
        slow.pop(0).close()
        await until(lambda: house(node).doors.open <= 256)
        async with asyncio.timeout(5):
            while not await answered(node.port, pump):
                pass
    assert {line["event"] for line in lines} == {"connection_turned_away"}


async def answered(port: int, handle: str) -> bool:
    async with connected(port) as peer, asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            await peer.send(resolution(handle))
            return await peer.reader.read(20) != b""
    return False


async def test_above_the_bound_of_all_nobody_comes_in_until_somebody_leaves(
    database_url: str, pool: Pool, pump: str
) -> None:
    async with served(database_url, pool, allow_list=LABORATORY, connections=10) as node:
        async with slow_ones(node.port, 10, b""):
            await until(lambda: house(node).doors.open == 10)
            async with connected(node.port) as peer:
                assert await peer.rest() == b""
        await until(lambda: house(node).doors.open == 0)
        async with connected(node.port) as peer:
            assert record_of(await peer.ask(resolution(pump)))


@pytest.mark.parametrize("beginning", [b"", b"\2", resolution("88.101.1/x")[:30]])
async def test_the_first_message_has_its_time(
    database_url: str, pool: Pool, lines: Lines, pump: str, beginning: bytes
) -> None:
    async with served(database_url, pool, first_seconds=0.4) as node, connected(node.port) as peer:
        began = time.monotonic()
        await peer.send(beginning)
        assert await peer.rest() == b""
        assert 0.3 < time.monotonic() - began < 2
    assert [line["event"] for line in lines] == (["handle_message_too_slow"] if beginning else [])


async def test_a_byte_now_and_then_does_not_move_the_deadline(database_url: str, pool: Pool, pump: str) -> None:
    async with served(database_url, pool, first_seconds=0.5) as node, connected(node.port) as peer:
        began = time.monotonic()

        async def dribble() -> None:
            for byte in resolution(pump):
                await peer.send(bytes([byte]))
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        assert await peer.rest() == b""
        assert time.monotonic() - began < 2
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)


async def test_afterwards_it_has_the_idle_time_also_for_half_a_message(
    database_url: str, pool: Pool, pump: str
) -> None:
    async with (
        served(database_url, pool, first_seconds=0.3, idle_seconds=1.0) as node,
        connected(node.port) as silent,
        connected(node.port) as half,
        connected(node.port) as busy,
    ):
        began = time.monotonic()
        for peer in (silent, half, busy):
            assert record_of(await peer.ask(resolution(pump)))
        await half.send(resolution(pump)[:50])

        async def ended(peer: Peer) -> float:
            assert await peer.rest() == b""
            return time.monotonic() - began

        endings = asyncio.gather(ended(silent), ended(half))
        while time.monotonic() - began < 2.5:
            assert record_of(await busy.ask(resolution(pump)))
            await asyncio.sleep(0.2)
        assert all(0.9 < seconds < 2.2 for seconds in await endings)


async def test_who_does_not_read_is_no_longer_read_and_then_closed(
    database_url: str, pool: Pool, shelf: Shelf, pump: str, lines: Lines
) -> None:
    handle = (await shelf.register("88.101.1/large", [Value(1, "DESC", b"x" * 20_000)])).text
    async with served(database_url, pool, first_seconds=1.0) as node:
        deaf = socket.create_connection(("127.0.0.1", node.port))
        deaf.setblocking(False)
        asked = resolution(handle) * 1000
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 100 << 20:
                sent += deaf.send(asked)
                await asyncio.sleep(0.001)
        (connection,) = house(node).connections
        await until(lambda: connection._writable is not None)
        assert not connection._reading
        assert connection._transport.get_write_buffer_size() < 3 << 20
        async with connected(node.port) as peer:
            assert record_of(await peer.ask(resolution(pump)))
        await until(lambda: not house(node).connections, seconds=5)
        deaf.close()
    assert [line["event"] for line in lines] in (["handle_answers_unread"], [])  # or the kernel was faster


async def test_who_reads_slowly_gets_everything(database_url: str, pool: Pool, shelf: Shelf, pump: str) -> None:
    handle = (await shelf.register("88.101.1/large", [Value(1, "DESC", b"x" * 20_000)])).text
    async with served(database_url, pool) as node, connected(node.port) as peer:
        sending = asyncio.create_task(peer.send(b"".join(resolution(handle, n + 1) for n in range(1000))))
        got = []
        for number in range(1000):
            got.append((await peer.message()).envelope.request_id)
            if number % 100 == 0:
                await asyncio.sleep(0.05)
        await sending
        assert sorted(got) == list(range(1, 1001))


async def test_an_announced_length_reserves_nothing_and_unfinished_messages_are_bounded_together(
    database_url: str, pool: Pool, pump: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "_UNFINISHED_BYTES", 1 << 20)
    long = request(1, bytes(MAX_MESSAGE - 28))
    async with served(database_url, pool, allow_list=LABORATORY) as node:
        async with contextlib.AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(connected(node.port)) for _ in range(10)]
            for peer in peers:
                await peer.send(long[:1000])
            await asyncio.sleep(0.1)
            assert house(node).unfinished == 0
            assert sum(connection._frames.unfinished for connection in house(node).connections) == 10_000
            for peer in peers:
                with contextlib.suppress(ConnectionError):
                    await peer.send(long[1000:-1])
            await until(lambda: len(house(node).connections) < 10)
            await asyncio.sleep(0.2)
            assert house(node).unfinished <= 1 << 20
            assert 3 <= len(house(node).connections) <= 4
            fast = await stack.enter_async_context(connected(node.port))
            assert record_of(await fast.ask(resolution(pump)))
        await until(lambda: not house(node).connections)
        assert house(node).unfinished == 0
