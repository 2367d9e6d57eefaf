"""The bytes of an event file: what was resolved, when, by whom, in the order in which it was answered.

A header of ``HEADER_BYTES``, then records one behind the other, each a multiple of 8 bytes, none across the file's
end. The words of the header change while the file is written; each is aligned, so that a store is never torn. All
numbers are little-endian, times in microseconds since 1970. The first field of every record is its whole size::

    event        size u16, 1 u8, marks u8, micros u32, at u64, client u64, network u64, tenant u64,
                 prefix number u16 (0: not ours), interface u8, outcome u8, suffix bytes u32; suffix key in UTF-8
    prefix       size u16, 2 u8, 0 u8, its number in this file u32; prefix key
    tenant seen  size u16, 3 u8, 0 u8, 0 u32, at u64, client u64, network u64, tenant u64
    address      size u16, 4 u8, 0 u8, address bytes u32, client u64; address as text

A header::

    0 magic; 8 head: end of what is written; 16 events: how many;
    24 what the disk has for sure up to where, u32, and the CRC-32 of the bytes from HEADER_BYTES to there: one store;
    32 state; 40 alive: when its writer last had a turn; 48 until when everything had reached the disk at the latest
    look; 64 length u32, what stays true of the file as JSON

A killed process has told everything up to ``alive``; a lost machine everything up to ``synced_at``, whatever
``alive`` says: the disk may have got that word and not yet what came before it.

The file of counters (``counters_format.py``) begins with the same header.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from node.errors import Internal

MAGIC = b"BSEV0001"
HEADER_BYTES = 4096
FILE_BYTES = 4 << 20
"""Of an open event file; a sealed one may be cut behind ``head``."""

EVENT = struct.Struct("<HBBIQQQQHBBI")
PREFIX = struct.Struct("<HBBI")
TENANT = struct.Struct("<HBBIQQQQ")
ADDRESS = struct.Struct("<HBBIQ")

_START = struct.Struct("<HB")  # of every record: its size and kind
_WORDS = struct.Struct("<QQIIQQQ")
_LENGTH = struct.Struct("<I")
_FACTS_AT = 64
_NUMBER_BITS = 32


class EventFileDamaged(Internal):
    """An event file does not say what it should. Evidence: ``position`` in bytes."""

    title_zh = "解析事件文件已损坏"


class Kind(IntEnum):
    """Of a record."""

    EVENT = 1
    PREFIX = 2
    TENANT = 3
    ADDRESS = 4


class Word(IntEnum):
    """The places of the header's words, in units of 8 bytes from the file's beginning."""

    HEAD = 1
    EVENTS = 2
    SYNCED = 3  # as ``synced_word`` makes it
    STATE = 4
    ALIVE = 5
    SYNCED_AT = 6


class State(IntEnum):
    """Of a file: ``FINISHED`` by its writer, which stopped in order, or by who adopted it.

    Totals of a file of counters that is still there may have to be written, whatever its state.
    """

    OPEN = 0
    FINISHED = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What stays true of a file. ``machine`` is the boot id of the kernel, ``never`` who did not count at that time,
    ``client_addresses`` "hashed" or "kept", ``opened_at`` in microseconds since 1970."""

    boot_id: UUID
    node_id: UUID
    recorder_id: UUID
    number: int
    laboratory: bool
    machine: str
    never: tuple[str, ...]
    client_addresses: str
    opened_at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file's writer was: the header's words."""

    head: int
    events: int
    synced: int
    checksum: int
    state: int
    alive: int
    synced_at: int


class Event(NamedTuple):
    """One resolution; a tuple, for there are millions. ``position`` orders the events of one ``boot``.

    ``client`` and ``network`` are keyed hashes, ``tenant`` the enterprise whose account asked, ``micros`` the time to
    the answer; each 0 if nobody knows.
    """

    at: int
    boot: UUID
    position: int
    prefix: str
    suffix: str
    interface: int
    outcome: int
    client: int
    network: int
    tenant: int
    micros: int
    marks: int


class TenantSeen(NamedTuple):
    """An account of an enterprise acted from this client."""

    at: int
    client: int
    network: int
    tenant: int


def synced_word(synced: int, checksum: int) -> int:
    """The word of both, so that neither is ever read without the other."""
    return synced | checksum << 32


def encode_header(header: Header, magic: bytes = MAGIC) -> bytes:
    """The first ``HEADER_BYTES`` of a new file, nothing written yet; of a ``never`` that is too long its digest."""
    facts = _facts(header)
    if len(facts) > HEADER_BYTES - _FACTS_AT - _LENGTH.size:
        digest = hashlib.sha256("\n".join(header.never).encode()).hexdigest()
        facts = _facts(replace(header, never=(f"sha256:{digest}",)))
    words = _WORDS.pack(HEADER_BYTES, 0, HEADER_BYTES, 0, State.OPEN, header.opened_at, header.opened_at)
    told = (magic + words).ljust(_FACTS_AT, b"\0") + _LENGTH.pack(len(facts)) + facts
    return told.ljust(HEADER_BYTES, b"\0")


def _facts(header: Header) -> bytes:
    facts = {
        "boot_id": str(header.boot_id),
        "node_id": str(header.node_id),
        "recorder_id": str(header.recorder_id),
        "number": header.number,
        "laboratory": header.laboratory,
        "machine": header.machine,
        "never": list(header.never),
        "client_addresses": header.client_addresses,
        "opened_at": header.opened_at,
    }
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def read_header(data: bytes | memoryview, magic: bytes = MAGIC) -> tuple[Header, Progress]:
    """The header of a file of which at least the first ``HEADER_BYTES`` are given. Raises ``EventFileDamaged``."""
    start = bytes(data[:HEADER_BYTES])
    if len(start) < HEADER_BYTES or not start.startswith(magic):
        raise EventFileDamaged("this is no file of the kind", position=0)
    length = _LENGTH.unpack_from(start, _FACTS_AT)[0]
    facts_at = _FACTS_AT + _LENGTH.size
    try:
        facts = json.loads(start[facts_at : facts_at + length])
        header = Header(
            boot_id=UUID(facts["boot_id"]),
            node_id=UUID(facts["node_id"]),
            recorder_id=UUID(facts["recorder_id"]),
            number=facts["number"],
            laboratory=facts["laboratory"],
            machine=facts["machine"],
            never=tuple(facts["never"]),
            client_addresses=facts["client_addresses"],
            opened_at=facts["opened_at"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EventFileDamaged("the facts of an event file cannot be read", position=_FACTS_AT) from error
    return header, Progress(*_WORDS.unpack_from(start, len(magic)))


def read_records(data: bytes | memoryview, header: Header, until: int) -> Iterator[Event | TenantSeen]:
    """What a file says from its header up to the byte ``until``. Raises ``EventFileDamaged`` when it comes to it."""
    prefixes, boot, base = {0: ""}, header.boot_id, header.number << _NUMBER_BITS
    for place, kind in _records(data, until):
        if kind == Kind.EVENT:
            _, _, marks, micros, at, client, network, tenant, number, interface, outcome, length = EVENT.unpack_from(
                data, place
            )
            prefix = prefixes.get(number)
            if prefix is None:
                raise EventFileDamaged("an event is of a prefix that the file does not name", position=place)
            suffix = _text(data, place, EVENT.size, length)
            yield Event(
                at, boot, base + place, prefix, suffix, interface, outcome, client, network, tenant, micros, marks
            )
        elif kind == Kind.PREFIX:
            size, _, _, number = PREFIX.unpack_from(data, place)
            prefixes[number] = _text(data, place, PREFIX.size, size - PREFIX.size).rstrip("\0")
        elif kind == Kind.TENANT:
            yield TenantSeen(*TENANT.unpack_from(data, place)[4:])


def read_addresses(data: bytes | memoryview, until: int) -> Iterator[tuple[int, str]]:
    """The clients a file names with their addresses. Raises ``EventFileDamaged`` when it comes to it."""
    for place, kind in _records(data, until):
        if kind == Kind.ADDRESS:
            _, _, _, length, client = ADDRESS.unpack_from(data, place)
            yield client, _text(data, place, ADDRESS.size, length)


_LEAST = {
    Kind.EVENT: EVENT.size,
    Kind.PREFIX: PREFIX.size,
    Kind.TENANT: TENANT.size,
    Kind.ADDRESS: ADDRESS.size,
}


def _records(data: bytes | memoryview, until: int) -> Iterator[tuple[int, int]]:
    """Where each record begins, and its kind."""
    if not HEADER_BYTES <= until <= len(data):
        raise EventFileDamaged("an event file is shorter than its head says", position=until)
    place = HEADER_BYTES
    while place < until:
        if until - place < PREFIX.size:
            raise EventFileDamaged("an event file ends within a record", position=place)
        size, kind = _START.unpack_from(data, place)
        least = _LEAST.get(kind)
        if least is None or size < least or size % 8 or size > until - place:
            raise EventFileDamaged("an event file holds what is no record", position=place)
        yield place, kind
        place += size


def _text(data: bytes | memoryview, place: int, offset: int, length: int) -> str:
    size = _START.unpack_from(data, place)[0]
    if offset + length > size:
        raise EventFileDamaged("a text is longer than its record", position=place)
    try:
        return str(data[place + offset : place + offset + length], "utf-8")
    except UnicodeDecodeError as error:
        raise EventFileDamaged("a text is not UTF-8", position=place) from error
