"""The protocol over UDP: fragments both ways, repeats, and what a flood of spoofed requests is worth."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from node.database import Pool
from node.record import Value
from resolver import metrics
from resolver.handle.codes import OpCode
from resolver.handle.envelope import ENVELOPE_BYTES, TRUNCATED, encode_envelope, read_envelope
from resolver.handle.fragments import datagrams
from resolver.handle.message import Message
from tests.support.docking import until
from tests.support.handle import (
    Served,
    connected,
    datagrams_to,
    record_of,
    request,
    resolution,
    served,
    told,
)  # fmt: skip
from tests.support.shelf import Shelf

LARGE = (Value(1, "DESC", b"x" * 6000),)
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.fixture(autouse=True)
def _no_exception_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with capture_logs() as lines:
        yield
        gc.collect()
    assert not [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert not [line for line in lines if line.get("exc_info") or line["log_level"] in ("error", "critical")]


@pytest.fixture
async def large(shelf: Shelf, pump: str) -> str:
    return (await shelf.register("88.101.1/large", LARGE)).text


@pytest.fixture
async def node(database_url: str, pool: Pool, large: str) -> AsyncIterator[Served]:
    async with served(database_url, pool, allow_list=LOOPBACK) as node:
        yield node


@pytest.fixture
async def guarded(database_url: str, pool: Pool, large: str) -> AsyncIterator[Served]:
    """Nobody is exempt."""
    async with served(database_url, pool, udp_answers=10) as node:
        yield node


def whole(parts: list[bytes]) -> Message:
    """The message of these datagrams, which belong together."""
    if len(parts) == 1 and not read_envelope(parts[0]).truncated:
        return told(parts[0])
    parts = sorted(parts, key=lambda part: read_envelope(part).sequence)
    heads = [read_envelope(part) for part in parts]
    assert [head.sequence for head in heads] == list(range(len(parts)))
    assert all(head.truncated and head._replace(sequence=0) == heads[0] for head in heads)
    assert all(len(part) <= 512 for part in parts)
    envelope = heads[0]._replace(flags=heads[0].flags & ~TRUNCATED)
    return told(encode_envelope(envelope) + b"".join(part[ENVELOPE_BYTES:] for part in parts))


async def test_a_request_in_one_datagram_is_answered_in_one(node: Served, pump: str) -> None:
    with datagrams_to(node.port) as udp:
        for number in range(50):
            reply = await udp.ask(resolution(pump, number + 1))
            assert reply.envelope.request_id == number + 1
            assert record_of(reply)


async def test_what_is_answered_is_what_tcp_answers(node: Served, pump: str, large: str) -> None:
    async with connected(node.port) as peer:
        with datagrams_to(node.port) as udp:
            for handle in (pump, large, "88.101.1/none", "99.9/x", "no handle", "0.NA/88.101.1"):
                for _ in range(3):
                    asked = resolution(handle, 7)
                    udp.send(asked)
                    assert whole(await udp.all_that_comes(0.15)) == await peer.ask(asked)


async def test_a_long_answer_comes_in_fragments_the_first_time_and_later(node: Served, large: str) -> None:
    with datagrams_to(node.port) as udp:
        for number in range(3):
            udp.send(resolution(large, number + 1))
            parts = await udp.all_that_comes()
            assert len(parts) == 13
            assert record_of(whole(parts)) == LARGE
            assert whole(parts).envelope.request_id == number + 1


async def test_a_long_request_comes_in_fragments_in_any_order(node: Served, pump: str) -> None:
    asked = resolution(pump, 9, types=[f"TYPE-{number}" for number in range(400)] + ["URL"])
    parts = datagrams(asked)
    assert len(parts) > 8
    with datagrams_to(node.port) as udp:
        udp.send(*reversed(parts))
        assert {value.type for value in record_of(await udp.message())} == {"URL"}
        udp.send(*parts[1:], parts[1])
        assert await udp.all_that_comes(0.1) == []
        udp.send(parts[0])
        assert record_of(await udp.message())


async def test_ipv6_is_answered(database_url: str, pool: Pool, pump: str) -> None:
    async with served(database_url, pool, host="::1") as node:
        with datagrams_to(node.port, "::1") as udp:
            assert record_of(await udp.ask(resolution(pump)))


async def test_an_ipv6_socket_answers_ipv4_too(database_url: str, pool: Pool, pump: str) -> None:
    async with served(database_url, pool, host="::") as node:
        with datagrams_to(node.port) as udp:
            assert record_of(await udp.ask(resolution(pump)))


ADMINISTRATIVE = [
    OpCode.CREATE_HANDLE, OpCode.DELETE_HANDLE, OpCode.ADD_VALUES, OpCode.REMOVE_VALUES, OpCode.MODIFY_VALUES,
    OpCode.LIST_HANDLES, OpCode.HOME_PREFIX, OpCode.UNHOME_PREFIX, OpCode.LIST_HOMED, OpCode.LOGIN,
    OpCode.DUMP_HANDLES, OpCode.BACKUP, OpCode.VERIFY_CHALLENGE,
]  # fmt: skip


@pytest.mark.parametrize("op_code", ADMINISTRATIVE, ids=lambda code: code.name)
async def test_administration_is_refused(node: Served, op_code: OpCode) -> None:
    with datagrams_to(node.port) as udp:
        reply = await udp.ask(request(op_code, b"\0\0\0\x0d0.NA/88.101.1\0\0\0\0", request_id=3))
        assert (reply.header.response_code, reply.envelope.request_id) == (5, 3)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"x",
        bytes(19),
        bytes(20),
        bytes(44),
        b"\2" * 100,
        resolution("88.101.1/x")[:-1],
        resolution("88.101.1/x") + b"x",
    ],
)
async def test_what_is_no_message_is_passed_over_in_silence(node: Served, pump: str, noise: bytes) -> None:
    with datagrams_to(node.port) as udp:
        udp.send(noise)
        assert await udp.all_that_comes(0.1) == []
        assert record_of(await udp.ask(resolution(pump)))


async def test_a_reply_is_not_answered(node: Served, pump: str) -> None:
    """Two nodes whose addresses somebody writes into one datagram do not talk for ever."""
    with datagrams_to(node.port) as udp:
        for handle in (pump, "88.101.1/none"):
            udp.send(resolution(handle))
            reply = await udp.datagram()
            udp.send(reply)
            assert await udp.all_that_comes(0.1) == []


async def test_a_datagram_sent_again_is_answered_again_and_counts_once(node: Served, pool: Pool, pump: str) -> None:
    with datagrams_to(node.port) as one, datagrams_to(node.port, source="127.0.0.9") as other:
        for _ in range(4):
            assert record_of(await one.ask(resolution(pump, 1)))
        assert record_of(await one.ask(resolution(pump, 2)))
        assert record_of(await other.ask(resolution(pump, 1)))
        for _ in range(3):
            assert (await one.ask(resolution("88.101.1/none", 3))).header.response_code == 100
    await node.counter.write()
    rows = await pool.fetch("SELECT prefix, interface, outcome, resolutions FROM resolution_count ORDER BY outcome")
    assert [tuple(row.values()) for row in rows] == [("88.101.1", 6, 1, 3), ("88.101.1", 6, 3, 1)]


# Amplification -----------------------------------------------------------------------------------


async def test_spoofed_requests_of_one_network_yield_a_bounded_number_of_bytes(guarded: Served, large: str) -> None:
    """500 requests of 88 bytes for a record of 6,000 within a second: without a limit 3.2 MB would leave."""
    asked = [resolution(large, number + 1) for number in range(500)]
    size = len(asked[0])
    began = asyncio.get_running_loop().time()
    with datagrams_to(guarded.port, source="127.0.7.1") as one, datagrams_to(guarded.port, source="127.0.7.2") as two:
        for number in range(0, 500, 2):
            one.send(asked[number])
            two.send(asked[number + 1])
            await asyncio.sleep(0.001)
        parts = [part for peer in (one, two) for part in await peer.all_that_comes()]
    seconds = asyncio.get_running_loop().time() - began
    answered = [part for part in parts if read_envelope(part).truncated]
    hints = [part for part in parts if not read_envelope(part).truncated]
    per_answer = 6000 + 13 * 20 + 150
    allowed = 10 * (1 + seconds)
    assert 10 <= len(answered) / 13 <= allowed
    assert sum(map(len, answered)) <= allowed * per_answer
    assert all(len(hint) <= size for hint in hints)
    assert {told(hint).header.response_code for hint in hints} == {3}
    assert len(hints) <= 250
    assert sum(map(len, parts)) <= allowed * per_answer + 250 * size
    assert sum(map(len, parts)) < 5 * 500 * size


async def test_a_hint_is_an_answer_to_its_request_and_tells_to_ask_by_tcp(guarded: Served, large: str) -> None:
    with datagrams_to(guarded.port) as udp:
        udp.send(*(resolution(large, number + 1) for number in range(40)))
        hints = [part for part in await udp.all_that_comes() if not read_envelope(part).truncated]
    assert hints
    for hint in map(told, hints):
        assert (hint.header.op_code, hint.header.response_code) == (1, 3)
        assert hint.body[4:] == b"ask by TCP"
        assert 10 < hint.envelope.request_id <= 40
    async with connected(guarded.port) as peer:
        assert record_of(await peer.ask(resolution(large))) == LARGE


async def test_the_limit_leaves_short_answers_and_other_networks_alone(
    guarded: Served, pump: str, large: str
) -> None:
    with (
        datagrams_to(guarded.port, source="127.0.7.1") as flood,
        datagrams_to(guarded.port, source="127.0.8.1") as other,
    ):
        flood.send(*(resolution(large, number + 1) for number in range(100)))
        await flood.all_that_comes()
        assert record_of(await flood.ask(resolution(pump)))
        other.send(resolution(large))
        assert record_of(whole(await other.all_that_comes())) == LARGE


async def test_without_slip_nothing_leaves_for_what_is_held_back(database_url: str, pool: Pool, large: str) -> None:
    async with served(database_url, pool, udp_answers=1, udp_slip=0) as node:
        with datagrams_to(node.port) as udp:
            udp.send(*(resolution(large, number + 1) for number in range(100)))
            assert len(await udp.all_that_comes()) in (13, 26)


async def test_listed_networks_have_no_limit(node: Served, large: str) -> None:
    with datagrams_to(node.port) as udp:
        for number in range(60):
            udp.send(resolution(large, number + 1))
            for _ in range(13):
                assert read_envelope(await udp.datagram()).truncated


async def test_what_is_held_back_does_not_count_as_a_resolution(guarded: Served, pool: Pool, large: str) -> None:
    with datagrams_to(guarded.port) as udp:
        udp.send(*(resolution(large, number + 1) for number in range(100)))
        parts = await udp.all_that_comes()
    answers = sum(read_envelope(part).truncated for part in parts) // 13
    await guarded.counter.write()
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == answers


async def test_an_answer_too_long_for_datagrams_is_told_to_be_asked_by_tcp(node: Served, shelf: Shelf) -> None:
    handle = (await shelf.register("88.101.1/huge", [Value(n, "DESC", b"x" * 30_000) for n in range(1, 5)])).text
    with datagrams_to(node.port) as udp:
        reply = await udp.ask(resolution(handle))
        assert (reply.header.response_code, reply.body[4:]) == (3, b"ask by TCP")


async def test_a_flood_of_beginnings_costs_bounded_memory_and_harms_nobody(
    database_url: str, pool: Pool, pump: str
) -> None:
    async with served(database_url, pool, udp_reassemblies=50, udp_reassembly_seconds=0.5) as node:
        assert node.service._udp is not None
        together = node.service._udp._reassembly
        dropped = metrics.HANDLE_REASSEMBLIES_DROPPED._value.get()
        beginnings = [datagrams(resolution(pump, n + 1, types=["T" * 900]))[0] for n in range(2000)]
        asked = resolution(pump, 77, types=["URL", "T" * 900])
        with datagrams_to(node.port, source="127.0.0.66") as flood, datagrams_to(node.port) as udp:
            for start in range(0, 2000, 20):
                flood.send(*beginnings[start : start + 20])
                udp.send(*datagrams(asked))
                assert record_of(await udp.message())
                assert len(together) <= 50
            await until(lambda: len(together) == 0, seconds=4)
        assert metrics.HANDLE_REASSEMBLIES_DROPPED._value.get() - dropped == 2000
