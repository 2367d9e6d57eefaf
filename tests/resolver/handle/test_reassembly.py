"""Requests in several datagrams: any order, repeated, mixed up, never completed, too many."""

from __future__ import annotations

import random
from typing import Any

import pytest

from resolver.handle.envelope import ENVELOPE_BYTES, Envelope, WireFault, read_envelope
from resolver.handle.fragments import datagrams
from resolver.handle.reassembly import Reassembly, Whole
from tests.support.handle import request, told

PEER = ("203.0.113.7", 5000)
BODY = bytes(range(256)) * 6


def message(request_id: int = 1, body: bytes = BODY) -> bytes:
    return request(1, body, request_id=request_id)


def reassembly(**changed: Any) -> Reassembly:
    return Reassembly(**{"messages": 10, "seconds": 5.0, **changed})


def parts_of(data: bytes) -> list[tuple[Envelope, bytes]]:
    return [(read_envelope(part), part[ENVELOPE_BYTES:]) for part in datagrams(data)]


def add(to: Reassembly, part: tuple[Envelope, bytes], now: float = 0.0, peer: Any = PEER) -> Whole | None:
    return to.add(peer, *part, now)


def test_fragments_make_their_message_in_any_order() -> None:
    data = message()
    for seed in range(20):
        parts = parts_of(data)
        random.Random(seed).shuffle(parts)
        together = reassembly()
        *before, last = [add(together, part) for part in parts]
        assert before == [None] * (len(parts) - 1)
        assert last is not None
        assert last.payload == data[ENVELOPE_BYTES:]
        assert not last.envelope.truncated
        assert last.received == sum(map(len, datagrams(data)))
        assert (len(together), together.cost) == (0, 0)


def test_a_fragment_that_comes_twice_is_one() -> None:
    parts = parts_of(message())
    together = reassembly()
    assert [add(together, parts[0]) for _ in range(3)] == [None] * 3
    cost = together.cost
    add(together, parts[0])
    assert together.cost == cost
    wholes = [add(together, part) for part in parts[1:]]
    assert wholes[-1] is not None
    assert wholes[-1].payload == message()[ENVELOPE_BYTES:]


def test_messages_of_several_clients_and_numbers_do_not_mix() -> None:
    together = reassembly()
    here, there = ("203.0.113.7", 5000), ("203.0.113.7", 5001)
    asked = [(here, message(1)), (here, message(2)), (there, message(1, BODY[::-1]))]
    wholes = {}
    for turn in range(len(parts_of(message()))):
        for number, (peer, data) in enumerate(asked):
            wholes[number] = add(together, parts_of(data)[turn], peer=peer)
    assert [wholes[n].payload for n in range(3)] == [data[ENVELOPE_BYTES:] for _, data in asked]  # type: ignore[union-attr]  # or it fails


def test_another_message_under_the_same_number_replaces_the_first() -> None:
    together = reassembly()
    add(together, parts_of(message(1, BODY + b"more"))[0])
    wholes = [add(together, part) for part in parts_of(message(1))]
    assert wholes[-1] is not None
    assert told(message(1)).body == BODY
    assert wholes[-1].payload == message(1)[ENVELOPE_BYTES:]
    assert len(together) == 0


def test_what_is_never_completed_is_forgotten_in_time() -> None:
    together = reassembly()
    add(together, parts_of(message(1))[0], now=100.0)
    add(together, parts_of(message(2))[0], now=104.0)
    together.forget_late(105.5)
    assert len(together) == 1
    together.forget_late(109.5)
    assert (len(together), together.cost) == (0, 0)


def test_late_fragments_do_not_complete_a_forgotten_message() -> None:
    together = reassembly()
    first, *others = parts_of(message())
    add(together, first, now=100.0)
    assert [add(together, part, now=106.0) for part in others] == [None] * len(others)


def test_the_longest_waiting_gives_way_when_there_are_too_many() -> None:
    together = reassembly(messages=3)
    for number in range(1, 5):
        add(together, parts_of(message(number))[0])
    assert len(together) == 3
    wholes = [add(together, part) for part in parts_of(message(4))[1:]]
    assert wholes[-1] is not None
    assert [add(together, part) for part in parts_of(message(1))[1:]][-1] is None


def test_bytes_are_bounded_whatever_is_announced() -> None:
    together = reassembly(messages=10_000, bound=100_000)
    for number in range(1, 2000):
        first = parts_of(message(number, bytes(200_000)))[0]
        add(together, first)
        assert together.cost <= 100_000
    assert len(together) < 200


@pytest.mark.parametrize("sequence", [-1, 4, 2**31 - 1])
def test_a_fragment_that_has_no_place_is_refused_and_costs_nothing(sequence: int) -> None:
    envelope, part = parts_of(message())[0]
    together = reassembly()
    with pytest.raises(WireFault):
        together.add(PEER, envelope._replace(sequence=sequence), part, 0.0)
    with pytest.raises(WireFault):
        together.add(PEER, envelope, part[:-1], 0.0)
    assert (len(together), together.cost) == (0, 0)
