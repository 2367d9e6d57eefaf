"""Damaged messages by the ten thousand: read or refused, always answered, and nothing left behind.

``make fuzz`` runs this file with a million.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from loadtest.fuzz_handle import PREFIX, frames, read, seeds
from node.database import Pool
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.envelope import ENVELOPE_BYTES, WireFault, decode_envelope
from resolver.handle.message import decode_message
from tests.support.desk import Office, admit, office_at
from tests.support.shelf import Shelf

SEED = 20_260_114
GROWTH = 32 * 1024 * 1024
WARM_UP = 2_000
TOGETHER = 16
PER_CONNECTION = 40
DAMAGED_AND_YET = {
    Transport.TCP: {1, 4, 5, 100, 102, 301, 402},
    Transport.UDP: {1, 4, 5, 100, 102, 301},
}
"""Codes that must be among the replies: much of the damage is understood and worked on."""
TOLD = set(ResponseCode) - {ResponseCode.ERROR}


def resident() -> int:
    """Bytes of this process in memory, what is garbage left out."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--frames"))


def test_the_same_seed_damages_the_same_way() -> None:
    assert list(frames(SEED, 200)) == list(frames(SEED, 200)) != list(frames(SEED + 1, 200))


def test_every_operation_is_among_the_messages_that_are_damaged() -> None:
    read_whole = [
        decode_message(decode_envelope(seed), seed[ENVELOPE_BYTES:])
        for seed in seeds()
        if not decode_envelope(seed).truncated
    ]
    assert all(map(read, seeds()))
    assert {message.header.op_code for message in read_whole} >= set(OpCode)


def test_a_damaged_message_is_read_or_refused_and_leaves_nothing_behind(count: int) -> None:
    stream = frames(SEED, count)
    verdicts = [read(frame) for frame in itertools.islice(stream, WARM_UP)]
    before = resident()
    told = sum(map(read, stream))
    assert resident() - before < GROWTH
    # Some of the damage leaves a sound message: were all refused, nothing behind the envelope would be tried.
    assert 0.05 < (told + sum(verdicts)) / count < 0.6


@pytest.fixture
async def office(shelf: Shelf, database_url: str, pool: Pool) -> AsyncIterator[Office]:
    await shelf.prefix()
    template_id = await shelf.template()
    await shelf.register(f"{PREFIX}/Pump-001", template_id=template_id)
    await admit(pool, PREFIX)
    async with office_at(database_url, pool) as office:
        yield office


async def hand_over(office: Office, stream: Iterator[bytes], transport: Transport) -> Counter[int]:
    """Frames by one connection after another, many at once; the codes of the replies."""
    codes = Counter[int]()

    async def connections() -> None:
        while batch := list(itertools.islice(stream, PER_CONNECTION)):
            conversation = Conversation("192.0.2.1", transport)
            for frame in batch:
                codes.update(await exchange(office, frame, conversation))
            conversation.close()

    await asyncio.gather(*(connections() for _ in range(TOGETHER)))
    return codes


async def exchange(office: Office, frame: bytes, conversation: Conversation) -> list[int]:
    try:
        envelope = decode_envelope(frame)
    except WireFault:
        return []  # a front hands over only what has an envelope
    payload = frame[ENVELOPE_BYTES:]
    answered = [reply.data async for reply in office.desk.answer(envelope, payload, conversation)]
    codes = []
    for number, data in enumerate(answered, 1):
        # A message that names no operation is answered with none, as Handle.Net does.
        named = data if any(data[20:24]) else data[:23] + b"\1" + data[24:]
        reply = decode_message(decode_envelope(named), named[ENVELOPE_BYTES:])
        assert reply.header.response_code in TOLD, (frame.hex(), data)
        assert reply.envelope.request_id == envelope.request_id
        assert bool(reply.header.flags & Flag.CONTINUES) == (number < len(answered))
        codes.append(reply.header.response_code)
    return codes


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
async def test_a_desk_answers_whatever_is_damaged_and_logs_no_fault(
    office: Office, count: int, transport: Transport
) -> None:
    stream = frames(SEED + 1, count)
    with capture_logs() as entries:
        await hand_over(office, itertools.islice(stream, WARM_UP), transport)
        before = resident()
        codes = await hand_over(office, stream, transport)
        grown = resident() - before
    assert [entry for entry in entries if entry["log_level"] in ("error", "critical", "exception")] == []
    assert codes.keys() >= DAMAGED_AND_YET[transport]
    assert codes.total() > count // 4
    assert grown < GROWTH
    assert (await office.peer().resolve(f"{PREFIX}/Pump-001")).code == ResponseCode.SUCCESS
