"""Event files read back: what was written, and never anything else, whatever happened to the bytes."""

from __future__ import annotations

import contextlib
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.counters_format import read_counters
from resolver.counting.event_file import EventFile
from resolver.counting.event_format import (
    EVENT,
    FILE_BYTES,
    HEADER_BYTES,
    PREFIX,
    Event,
    EventFileDamaged,
    Header,
    Kind,
    State,
    TenantSeen,
    encode_header,
    read_header,
    read_records,
)
from resolver.counting.sources import Client
from resolver.counting.totals import OUTCOME_BITS, Totals

BOOT = UUID("11111111-2222-4333-8444-555555555555")
HEADER = Header(BOOT, UUID(int=1), UUID(int=2), 3, True, "machine", ("127.0.0.0/8",), "hashed", 1_000_000)
AT = 1_772_352_000_000_000

events_told = st.lists(
    st.tuples(
        st.tuples(
            st.sampled_from(["", "88.101.1", "88.101.1.A7"]), st.text(st.characters(codec="utf-8"), max_size=40)
        ),
        st.sampled_from(Interface),
        st.sampled_from(Outcome),
        st.just("203.0.113.7"),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(0, 1),
    ),
    max_size=30,
)
clients = st.builds(Client, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 1))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / f"{BOOT}-3.events"


@pytest.fixture
def sound(place: Path) -> bytes:
    """The beginning of a file of four events."""
    event = (("88.101.1", "泵"), Interface.PAGE, Outcome.HIT, "203.0.113.7", 1, 0, 0)
    return written(place, [(event, Client(1, 2, 0))] * 4)[: HEADER_BYTES + 400]


def written(place: Path, booked: list[Any]) -> bytes:
    """A file with these events; the bytes as its process leaves them."""
    file = EventFile(place, HEADER)
    assert file.record(booked, AT) == len(booked)
    file.close()
    data = place.read_bytes()
    place.unlink()
    return data


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=events_told, client=clients)
def test_what_was_written_is_read(place: Path, told: list[Any], client: Client) -> None:
    data = written(place, [(event, client) for event in told])
    header, progress = read_header(data)
    assert header == HEADER
    assert (progress.events, progress.state, len(data)) == (len(told), State.OPEN, FILE_BYTES)
    found = list(read_records(data, header, progress.head))
    wanted = [
        (*key, interface, outcome, client.client, client.network, tenant, micros, marks | client.marks)
        for key, interface, outcome, _, micros, tenant, marks in told
    ]
    assert [event[3:] for event in found if isinstance(event, Event)] == wanted
    assert all(event.at == AT and event.boot == BOOT for event in found if isinstance(event, Event))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, HEADER_BYTES + 300), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_are_refused_or_read_and_nothing_else(sound: bytes, places: list[tuple[int, int]]) -> None:
    data = bytearray(sound)
    for position, octet in places:
        data[position] = octet
    with contextlib.suppress(EventFileDamaged):
        header, progress = read_header(bytes(data))
        assert len(list(read_records(bytes(data), header, progress.head))) <= 50


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (PREFIX.pack(0, Kind.PREFIX, 0, 1), "no record"),
        (PREFIX.pack(12, Kind.PREFIX, 0, 1) + bytes(4), "no record"),
        (PREFIX.pack(8, 9, 0, 1), "no record"),
        (PREFIX.pack(16, Kind.PREFIX, 0, 1), "no record"),
        (EVENT.pack(48, Kind.EVENT, 0, 0, AT, 1, 1, 0, 7, 4, 1, 0), "a prefix that the file does not name"),
        (EVENT.pack(48, Kind.EVENT, 0, 0, AT, 1, 1, 0, 0, 4, 1, 9), "a text is longer than its record"),
        (EVENT.pack(56, Kind.EVENT, 0, 0, AT, 1, 1, 0, 0, 4, 1, 1) + b"\xff" + bytes(7), "not UTF-8"),
        (PREFIX.pack(8, Kind.PREFIX, 0, 1) + b"\x08", "ends within a record"),
    ],
)
def test_what_is_no_record_is_named(record: bytes, says: str) -> None:
    data = encode_header(HEADER) + record
    with pytest.raises(EventFileDamaged, match=says):
        list(read_records(data, HEADER, len(data)))


def test_a_head_behind_the_end_of_the_file_is_refused() -> None:
    data = encode_header(HEADER)
    for until in (len(data) + 8, HEADER_BYTES - 8):
        with pytest.raises(EventFileDamaged, match="shorter than its head"):
            list(read_records(data, HEADER, until))


def test_of_a_setting_that_is_too_long_for_a_header_its_digest_stands_there() -> None:
    never = tuple(f"10.{number}.0.0/16" for number in range(256)) * 2
    header, _ = read_header(encode_header(replace(HEADER, never=never)))
    assert header == replace(HEADER, never=header.never)
    assert len(header.never) == 1
    assert header.never[0].startswith("sha256:")


@pytest.mark.parametrize("data", [b"", b"BSEV0001", b"x" * HEADER_BYTES, b"BSEV0001" + bytes(HEADER_BYTES)])
def test_what_is_no_event_file_is_refused(data: bytes) -> None:
    with pytest.raises(EventFileDamaged):
        read_header(data)


def test_a_synced_file_has_the_checksum_of_what_is_on_the_disk(place: Path) -> None:
    event = (("88.101.1", "A"), Interface.PAGE, Outcome.HIT, "203.0.113.7", 1, 0, 0)
    file = EventFile(place, HEADER)
    for number in range(3):
        file.record([(event, Client(1, 2, 0))] * 10, AT + number)
        file.sync(AT + number)
        data = place.read_bytes()
        _, progress = read_header(data)
        assert progress.synced == progress.head == file.head
        assert progress.checksum == zlib.crc32(data[HEADER_BYTES : progress.synced])
        assert progress.synced_at == AT + number
    file.record([(event, Client(1, 2, 0))], AT + 9)
    _, progress = read_header(place.read_bytes())
    assert progress.synced < progress.head
    assert (progress.synced_at, progress.alive) == (AT + 2, AT + 9)
    file.finish(AT + 10)
    assert read_header(place.read_bytes())[1].state == State.FINISHED


def test_a_full_file_takes_what_fits_and_says_so(place: Path) -> None:
    file = EventFile(place, HEADER)
    longest = (("88.101.1", "x" * 2000), Interface.PAGE, Outcome.HIT, "203.0.113.7", 1, 0, 0)
    taken = 0
    while file.record([(longest, Client(1, 2, 0))], AT):
        taken += 1
    assert taken == (FILE_BYTES - HEADER_BYTES - 16) // 2048
    fits = (("88.101.1", ""), Interface.PAGE, Outcome.HIT, "203.0.113.7", 1, 0, 0)
    assert file.record([(fits, Client(1, 2, 0)), (longest, Client(1, 2, 0))], AT) == 1
    while file.record_tenant(7, Client(1, 2, 0), AT):
        pass
    file.close()
    data = place.read_bytes()
    header, progress = read_header(data)
    found = list(read_records(data, header, progress.head))
    assert progress.head <= FILE_BYTES
    assert sum(isinstance(record, Event) for record in found) == taken + 1
    assert any(isinstance(record, TenantSeen) for record in found)


def test_a_slot_is_read_only_with_a_key_that_is_whole(tmp_path: Path) -> None:
    totals = Totals(tmp_path / f"{BOOT}.counters", HEADER, slots=4)
    words = [
        totals.place(100 + number, f"88.101.{number}", Interface.PAGE << OUTCOME_BITS | 1) for number in range(4)
    ]
    for number, word in enumerate(words[:3]):  # the last has its key and no total yet
        totals.words[word] = number + 1
    totals.close()
    data = bytearray((tmp_path / f"{BOOT}.counters").read_bytes())
    assert [tuple(total) for total in read_counters(bytes(data))[2]] == [
        (100, "88.101.0", Interface.PAGE, 1, 1),
        (101, "88.101.1", Interface.PAGE, 1, 2),
        (102, "88.101.2", Interface.PAGE, 1, 3),
    ]
    data[words[1] * 8 + 24 + 7] ^= 1  # within the second prefix
    assert [total.resolutions for total in read_counters(bytes(data))[2]] == [1, 3]
    with pytest.raises(EventFileDamaged):
        read_counters(encode_header(HEADER))
