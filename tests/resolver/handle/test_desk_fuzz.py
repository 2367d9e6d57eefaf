"""Whatever is handed to the desk, it answers and never raises; what it answers is a message."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from resolver.handle.codes import OpCode, ResponseCode
from resolver.handle.conversation import Transport
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope, encode_envelope, read_envelope
from tests.support.desk import Office, Peer, admit, read
from tests.support.shelf import Shelf

SEEDS = [
    bytes.fromhex(vector["hex"])
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
    if "request" in vector["kind"]
]


def mutated(seed: bytes, random: Random) -> bytes:
    """The seed with a few bytes changed, cut or doubled, under an envelope that fits again."""
    payload = bytearray(seed[ENVELOPE_BYTES:])
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(payload))
        match random.randrange(5):
            case 0:
                payload[at] = random.randrange(256)
            case 1:
                payload[at] ^= 1 << random.randrange(8)
            case 2:
                del payload[at + 24 :]
            case 3:
                payload[at:at] = payload[at : at + random.randrange(64)]
            case _:
                payload[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)))
        if len(payload) < 24:
            payload += bytes(24 - len(payload))
    envelope = read_envelope(seed)._replace(length=len(payload), flags=0)
    return encode_envelope(envelope) + bytes(payload)


def code_of(reply: bytes) -> int:
    """The response code; a reply to what names no operation names none itself, and is no message for ``read``."""
    return int.from_bytes(reply[ENVELOPE_BYTES + 4 : ENVELOPE_BYTES + 8], "big")


def test_there_is_something_to_mutate() -> None:
    assert len(SEEDS) > 25
    assert {read(seed).header.op_code for seed in SEEDS if not decode_envelope(seed).encrypted} > {
        1,
        100,
        105,
        200,
        400,
    }


async def test_five_thousand_mutated_requests_are_answered_and_nothing_is_logged(
    office: Office, shelf: Shelf, pump: str
) -> None:
    await admit(office.pool, "88.101.1")
    random = Random(20261121)
    ours = [seed.replace(b"88.111.1/Prod-001", b"88.101.1/Pump-001") for seed in SEEDS]
    peers = [office.peer(transport) for transport in Transport]
    codes = set()
    with capture_logs() as logs:
        for _ in range(5000):
            data = mutated(random.choice(ours), random)
            peer = random.choice(peers)
            replies = await peer.hand(data)
            for reply in replies:
                envelope = decode_envelope(reply.data)
                assert envelope.request_id == decode_envelope(data).request_id
                assert len(reply.data) == ENVELOPE_BYTES + envelope.length
                codes.add(code_of(reply.data))
            if not replies:
                assert peer.conversation.transport is Transport.UDP
                assert data[24:28] != bytes(4)
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert codes <= {int(code) for code in ResponseCode}
    assert len(codes) > 8


@pytest.mark.parametrize("operation", [3, 99, 106, 1000, 1001, 1002, 1003, 2000, 2002, 0x7FFF_FFFF, -1])
async def test_an_operation_that_nobody_supports_is_refused_and_not_dropped(peer: Peer, operation: int) -> None:
    exchange = await peer.send(operation, b"")
    assert exchange.code == ResponseCode.OPERATION_UNSUPPORTED
    assert exchange.message.header.op_code == operation
    assert exchange.told


async def test_a_message_that_names_no_operation_is_a_protocol_error(peer: Peer) -> None:
    reply = (await peer.send(0, b"")).reply
    assert code_of(reply.data) == ResponseCode.PROTOCOL_ERROR
    assert b"no operation" in reply.data


async def test_a_reply_is_no_request_and_by_udp_it_is_not_answered(office: Office) -> None:
    """Two servers that answer each other's errors would never stop."""
    asked = await office.peer().resolve("88.102.1/x")
    refused = asked.reply.data
    assert await office.peer(Transport.UDP).hand(refused) == []
    (told,) = await office.peer().hand(refused)
    assert read(told.data).header.response_code == ResponseCode.PROTOCOL_ERROR


async def test_a_message_that_contradicts_itself_is_a_protocol_error(peer: Peer) -> None:
    whole = (await peer.resolve("88.101.1/x")).request
    payload = bytearray(whole.signed_part)
    payload[20:24] = (1 << 20).to_bytes(4, "big")
    envelope = whole.envelope._replace(length=len(payload))
    (reply,) = await peer.hand(encode_envelope(envelope) + bytes(payload))
    told = read(reply.data)
    assert told.header.response_code == ResponseCode.PROTOCOL_ERROR
    assert told.header.op_code == OpCode.RESOLVE
    assert told.envelope.request_id == envelope.request_id


async def test_a_fault_of_our_own_is_told_as_one_and_logged_once(
    peer: Peer, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(office.resolver, "resolve_name", broken)
    with capture_logs() as logs:
        exchange = await peer.resolve("88.101.1/x")
    assert exchange.code == ResponseCode.ERROR
    assert "ZeroDivisionError" not in exchange.told
    assert [entry["event"] for entry in logs] == ["handle_request_broken"]
