"""The protocol over TCP: one message behind the other, at any split, in any number, and to a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from node.database import Pool
from node.record import Value
from resolver.handle.codes import OpCode
from resolver.handle.envelope import MAX_MESSAGE
from resolver.handle.message import Message
from resolver.handle.ports import check_free
from tests.support.docking import until
from tests.support.handle import Peer, Served, connected, record_of, request, resolution, served, told
from tests.support.shelf import Shelf


@pytest.fixture(autouse=True)
def _no_exception_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with capture_logs() as lines:
        yield
        gc.collect()
    assert not [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert not [line for line in lines if line.get("exc_info") or line["log_level"] in ("error", "critical")]


@pytest.fixture
async def node(database_url: str, pool: Pool, pump: str) -> AsyncIterator[Served]:
    async with served(database_url, pool) as node:
        yield node


@pytest.fixture
async def peer(node: Served) -> AsyncIterator[Peer]:
    async with connected(node.port) as peer:
        yield peer


@pytest.fixture
async def superuser_pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=1)
    yield pool
    pool.terminate()


def house(node: Served) -> Any:
    """What the connections of a node share."""
    assert node.service._tcp is not None
    return node.service._tcp._house


def messages(stream: bytes) -> list[Message]:
    """All messages in a stream that ends behind one."""
    found = []
    while stream:
        length = 20 + int.from_bytes(stream[16:20], "big")
        found.append(told(stream[:length]))
        stream = stream[length:]
    return found


async def test_many_requests_are_answered_on_one_connection(peer: Peer, pump: str) -> None:
    for number in range(200):
        reply = await peer.ask(resolution(pump, number + 1))
        assert reply.envelope.request_id == number + 1
        assert record_of(reply)


async def test_requests_may_be_sent_without_waiting(peer: Peer, shelf: Shelf, pump: str) -> None:
    handles = [pump, *[(await shelf.register(f"88.101.1/P-{n}")).text for n in range(49)], "88.101.1/none"]
    asked = [resolution(handles[number % 51], number + 1) for number in range(1000)]
    await peer.send(b"".join(asked))
    replies = [await peer.message() for _ in asked]
    assert {reply.envelope.request_id for reply in replies} == set(range(1, 1001))
    for reply in replies:
        missing = (reply.envelope.request_id - 1) % 51 == 50
        assert reply.header.response_code == (100 if missing else 1)


async def test_what_belongs_together_is_answered_in_its_order(peer: Peer) -> None:
    """Administration is refused here, each with a challenge of its own; resolutions may overtake it."""
    asked = [request(OpCode.VERIFY_CHALLENGE, b"", request_id=number + 1) for number in range(30)]
    await peer.send(b"".join(asked))
    assert [(await peer.message()).envelope.request_id for _ in asked] == list(range(1, 31))


async def test_no_more_than_so_many_are_under_way_and_all_are_answered(
    database_url: str, pool: Pool, shelf: Shelf, pump: str
) -> None:
    async with served(database_url, pool, pipelined=3) as node, connected(node.port) as peer:
        most = 0
        await peer.send(b"".join(resolution(f"88.101.1/none-{number}", number + 1) for number in range(200)))
        answered = set()
        while len(answered) < 200:
            answered.add((await peer.message()).envelope.request_id)
            most = max(most, *(connection._under_way for connection in house(node).connections))
        assert answered == set(range(1, 201))
        assert 0 < most <= 3


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19, 20, 21, 43, 44, 45, 1000])
async def test_the_stream_may_break_anywhere(peer: Peer, pump: str, size: int) -> None:
    stream = b"".join(resolution(pump if number % 2 else "88.101.1/none", number + 1) for number in range(6))
    for start in range(0, len(stream), size):
        await peer.send(stream[start : start + size])
        await asyncio.sleep(0)
    replies = [await peer.message() for _ in range(6)]
    assert sorted(reply.envelope.request_id for reply in replies) == list(range(1, 7))


async def test_an_answer_of_the_longest_kind_arrives_whole(peer: Peer, shelf: Shelf, pump: str) -> None:
    long = tuple(Value(n + 1, "DESC", bytes([65 + n]) * 30_000) for n in range(8))
    handle = (await shelf.register("88.101.1/long", long)).text
    await peer.send(b"".join(resolution(handle, number + 1) for number in range(40)))
    for _ in range(40):
        assert record_of(await peer.message()) == long
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("length", [0, 1, 23, MAX_MESSAGE + 1, 0x7FFFFFFF, 0xFFFFFFFF])
async def test_an_impossible_length_is_told_and_ends_the_connection(peer: Peer, pump: str, length: int) -> None:
    good, bad = resolution(pump, 1), resolution(pump, 2)
    await peer.send(good + bad[:16] + length.to_bytes(4, "big") + bad[20:] + bytes(100_000))
    replies = sorted([await peer.message(), await peer.message()], key=lambda reply: reply.envelope.request_id)
    assert [reply.header.response_code for reply in replies] == [1, 4]
    assert await peer.rest() == b""


@pytest.mark.parametrize(
    "noise",
    [b"GET / HTTP/1.1\r\nHost: node\r\n\r\n", b"\x16\x03\x01" * 40, bytes(64)],
    ids=["HTTP", "TLS", "nothing"],
)
async def test_another_protocol_is_told_that_it_is_none(peer: Peer, noise: bytes) -> None:
    await peer.send(noise)
    assert (await peer.rest())[24:28] == b"\0\0\0\4"


@pytest.mark.parametrize(("at", "byte"), [(0, 9), (2, 0x80 | 2)])
async def test_an_unknown_version_or_compression_is_told(peer: Peer, pump: str, at: int, byte: int) -> None:
    asked = bytearray(resolution(pump, 77))
    asked[at] = byte
    await peer.send(bytes(asked))
    reply = told(await peer.rest())
    assert (reply.header.response_code, reply.envelope.request_id) == (4, 77)


async def test_a_broken_body_is_told_and_the_connection_goes_on(peer: Peer, pump: str) -> None:
    assert (await peer.ask(request(OpCode.RESOLVE, b"\0\0\1\0x", request_id=5))).header.response_code == 4
    assert (await peer.ask(request(4711, b"", request_id=6))).header.response_code == 5
    assert record_of(await peer.ask(resolution(pump, 7)))


async def test_a_client_that_ends_its_half_still_gets_its_answers(peer: Peer, pump: str) -> None:
    await peer.send(b"".join(resolution("88.101.1/none", number + 1) for number in range(10)) + resolution(pump, 11))
    peer.writer.write_eof()
    replies = messages(await peer.rest())
    assert {reply.envelope.request_id for reply in replies} == set(range(1, 12))


async def test_connecting_and_leaving_without_a_word_is_nothing(node: Served) -> None:
    with capture_logs() as lines:
        for _ in range(50):
            async with connected(node.port):
                pass
        for _ in range(50):
            async with connected(node.port) as peer:
                peer.writer.write_eof()
                assert await peer.rest() == b""
    assert lines == []


@contextlib.asynccontextmanager
async def locked(pool: Pool) -> AsyncIterator[None]:
    """While it lasts every look-up waits."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE identifier IN ACCESS EXCLUSIVE MODE")
        yield


async def under_way(node: Served, wanted: int) -> None:
    await until(lambda: sum(connection._under_way for connection in house(node).connections) == wanted)


async def test_a_stop_lets_requests_under_way_end(
    database_url: str, superuser_pool: Pool, pool: Pool, pump: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(served(database_url, pool))
        waiting, idle = [await stack.enter_async_context(connected(node.port)) for _ in range(2)]
        await idle.ask(resolution(pump))
        async with locked(superuser_pool):
            await waiting.send(b"".join(resolution(f"88.101.1/none-{n}", n + 1) for n in range(20)))
            await under_way(node, 20)
            stopping = asyncio.create_task(node.service.__aexit__(None, None, None))
            assert await idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", node.port)
            assert not stopping.done()
        received = await waiting.rest()
        await stopping
    assert len(messages(received)) == 20


async def test_a_stop_waits_only_so_long(database_url: str, superuser_pool: Pool, pool: Pool, pump: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(served(database_url, pool, stop_seconds=0.3))
        waiting = await stack.enter_async_context(connected(node.port))
        async with locked(superuser_pool):
            await waiting.send(resolution("88.101.1/none"))
            await under_way(node, 1)
            async with asyncio.timeout(2):
                await node.service.__aexit__(None, None, None)
            assert await waiting.rest() == b""


async def test_a_client_that_goes_away_takes_its_requests_along(
    node: Served, superuser_pool: Pool, pump: str
) -> None:
    async with locked(superuser_pool):
        async with connected(node.port) as peer:
            await peer.send(b"".join(resolution(f"88.101.1/none-{n}", n + 1) for n in range(30)))
            await under_way(node, 30)
        await until(lambda: not house(node).connections)
    async with connected(node.port) as peer, asyncio.timeout(10):
        while (await peer.ask(resolution(pump))).header.response_code == 3:
            pass  # until the database is asked again
        assert record_of(await peer.ask(resolution(pump)))


async def test_a_port_is_free_again_after_a_stop(database_url: str, pool: Pool, pump: str) -> None:
    async with served(database_url, pool) as node:
        pass
    check_free("127.0.0.1", node.port, udp=True)


async def test_ipv6_clients_are_answered(database_url: str, pool: Pool, pump: str) -> None:
    async with served(database_url, pool, host="::1") as node, connected(node.port, "::1") as peer:
        assert record_of(await peer.ask(resolution(pump)))
        assert [connection._conversation.source for connection in house(node).connections] == ["::1"]


async def test_an_ipv4_client_of_an_ipv6_socket_is_known_by_its_own_address(
    database_url: str, pool: Pool, pump: str
) -> None:
    async with served(database_url, pool, host="::") as node, connected(node.port) as peer:
        assert record_of(await peer.ask(resolution(pump)))
        assert [connection._conversation.source for connection in house(node).connections] == ["127.0.0.1"]
