"""However TCP cuts a message into segments, it is the same message and has the same reply."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from loadtest.fuzz_handle import PREFIX, seeds
from node.database import Pool
from node.http_server import Bounds
from resolver.counting.counter import ResolutionCounter
from resolver.counting.never import NeverCounts
from resolver.handle.codes import OpCode
from resolver.handle.conversation import Transport
from resolver.handle.envelope import ENVELOPE_BYTES, HEADER_BYTES, decode_envelope
from resolver.handle.front import Front
from resolver.handle.message import decode_message
from resolver.handle.ready import ReadyAnswers
from resolver.handle.tcp import TcpServer
from tests.support.desk import Office, admit
from tests.support.shelf import Shelf

_UNKNOWN_OPERATION = 777
_A_MOMENT = 0.0005


class Verdict(NamedTuple):
    """What is the same each time: nonces, sessions and times are not."""

    request_id: int
    op_code: int
    response_code: int
    length: int


def messages() -> list[bytes]:
    """Twelve, each of another operation, the last two no sound ones."""
    wanted = [
        OpCode.RESOLVE, OpCode.GET_SITE_INFO, OpCode.CREATE_HANDLE, OpCode.DELETE_HANDLE, OpCode.REMOVE_VALUES,
        OpCode.LIST_HANDLES, OpCode.CHALLENGE_ANSWER, OpCode.VERIFY_CHALLENGE, OpCode.LOGIN, OpCode.SESSION_TERMINATE,
    ]  # fmt: skip
    found = [next(seed for seed in seeds() if seed[20:24] == code.to_bytes(4, "big")) for code in wanted]
    unknown = found[0][:20] + _UNKNOWN_OPERATION.to_bytes(4, "big") + found[0][24:]
    broken = found[0][:44] + b"\xff" * 8 + found[0][52:]
    numbered = enumerate([*found, unknown, broken], 1)
    return [message[:8] + number.to_bytes(4, "big") + message[12:] for number, message in numbered]


@pytest.fixture
async def port(office: Office, shelf: Shelf, pool: Pool) -> AsyncIterator[int]:
    """A front that answers for a registered pump."""
    await shelf.prefix()
    await shelf.register(f"{PREFIX}/Pump-001", template_id=await shelf.template())
    await admit(pool, PREFIX)
    counter = ResolutionCounter(pool, None, never=NeverCounts(()), seconds=3600)
    front = Front(Transport.TCP, office.desk.answer, ReadyAnswers(office.resolver), counter)
    bound = socket.create_server(("127.0.0.1", 0))
    bounds = Bounds(header_seconds=30, idle_seconds=600, connections=64, connections_per_source=64)
    async with TcpServer(front, [bound], bounds, pipelined=64):
        yield bound.getsockname()[1]


class Line:
    """A connection whose segments leave one by one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def say(self, *segments: bytes) -> None:
        for segment in segments:
            self._writer.write(segment)
            await asyncio.sleep(_A_MOMENT)

    async def verdict(self) -> Verdict:
        async with asyncio.timeout(10):
            head = await self._reader.readexactly(ENVELOPE_BYTES)
            envelope = decode_envelope(head)
            message = decode_message(envelope, await self._reader.readexactly(envelope.length))
        return Verdict(envelope.request_id, message.header.op_code, message.header.response_code, envelope.length)


@contextlib.asynccontextmanager
async def line_to(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("number", range(12))
async def test_a_message_cut_at_any_byte_has_the_same_reply(port: int, number: int) -> None:
    message = messages()[number]
    with capture_logs() as entries:
        async with line_to(port) as line:
            await line.say(message)
            whole = await line.verdict()
            for cut in range(1, len(message)):
                await line.say(message[:cut], message[cut:])
                assert await line.verdict() == whole, cut
    assert whole.request_id == number + 1
    assert [entry for entry in entries if entry["log_level"] != "info"] == []


async def test_the_twelve_messages_are_of_twelve_kinds(port: int) -> None:
    async with line_to(port) as line:
        verdicts = []
        for message in messages():
            await line.say(message)
            verdicts.append(await line.verdict())
    assert len({(verdict.op_code, verdict.response_code) for verdict in verdicts}) == 12
    assert [verdict.request_id for verdict in verdicts] == list(range(1, 13))


async def test_messages_one_byte_at_a_time_are_answered(port: int) -> None:
    message = messages()[0]
    async with line_to(port) as line:
        await line.say(*(bytes((byte,)) for byte in message * 2))
        assert await line.verdict() == await line.verdict()


async def test_messages_that_come_together_are_cut_anywhere(port: int) -> None:
    chance, together = Random(4), b"".join(messages()[:10])
    async with line_to(port) as line:
        for _ in range(50):
            cuts = sorted(chance.sample(range(1, len(together)), chance.randrange(1, 12)))
            edges = [0, *cuts, len(together)]
            await line.say(*(together[start:end] for start, end in pairwise(edges)))
            assert {(await line.verdict()).request_id for _ in range(10)} == set(range(1, 11))


@pytest.mark.parametrize("size", [1, ENVELOPE_BYTES - 1, ENVELOPE_BYTES, ENVELOPE_BYTES + HEADER_BYTES, 60])
async def test_a_client_that_leaves_within_a_message_is_no_fault(port: int, size: int) -> None:
    message = messages()[0]
    with capture_logs() as entries:
        async with line_to(port) as line:
            await line.say(message[:size])
        async with line_to(port) as line:
            await line.say(message)
            assert (await line.verdict()).response_code == 1
    assert entries == []
