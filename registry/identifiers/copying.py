"""Rows of one chunk of new identifiers in the binary format of PostgreSQL's COPY, and their leaves.

What all rows of a chunk share (who, when, by which template) is encoded once; of each row there is its key, its
spelling, its record: 0.9 µs a row for both tables, and 1.5 for the leaf (measured for records of 190 octets).
Format: PostgreSQL's documentation of COPY, "Binary Format".
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from registry.identifiers.leaves import Change, packer
from registry.identifiers.outcome import Signature
from registry.prefix_grant import PrefixGrant
from registry.templates.encoder import Entry

_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_SLICE = 500  # rows between two looks at the event loop: about 1 ms
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

IDENTIFIER = (
    "prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key", "suffix", "record",
)  # fmt: skip
HISTORY = ("prefix_id", "action", "interface", "at", "account_id", "batch_id", "version", "suffix_key")

_integer = struct.Struct(">I").pack
_FIRST = _integer(1)


class FirstVersions:
    """The first versions of some identifiers, in the order in which they are to be written.

    ``identifiers`` is for COPY into that table, to be taken first and to its end: while PostgreSQL stores a slice,
    the next is made, with what goes into ``history`` by another COPY and into the ``pack`` of leaves.
    """

    def __init__(self, grant: PrefixGrant, template_id: int, signature: Signature, entries: Sequence[Entry]) -> None:
        at, batch_id = _time(signature.at), signature.batch_id
        prefix_id = _integer(grant.prefix_id)
        self._entries = entries
        self._row = _row(len(IDENTIFIER), prefix_id, _integer(template_id), _FIRST, _small(1), at, at)
        self._story = _row(
            len(HISTORY), prefix_id, _small(Change.REGISTER), _small(signature.interface), at,
            signature.account_id.bytes, None if batch_id is None else batch_id.bytes, _FIRST,
        )  # fmt: skip
        self._packer = packer(grant.log_secret)
        self.history = bytearray(_BEGIN)
        self.pack = bytearray()

    async def identifiers(self) -> AsyncIterator[bytes]:
        """In slices, between which others have the event loop."""
        row, story, pack = self._row, self._story, self._packer
        yield _BEGIN
        for start in range(0, len(self._entries), _SLICE):
            rows, stories, packs = list[bytes](), list[bytes](), list[bytes]()
            for suffix, suffix_key, record, _, _, _ in self._entries[start : start + _SLICE]:
                key = suffix_key.encode()
                field = _integer(len(key)) + key
                spelling = _NULL if suffix == suffix_key else _field(suffix.encode())
                rows += (row, field, spelling, _integer(len(record)), record)
                stories += (story, field)
                packs += pack(key, _FIRST, record)
            self.history += b"".join(stories)
            self.pack += b"".join(packs)
            yield b"".join(rows)
            await asyncio.sleep(0)
        self.history += _END
        yield _END


def _row(fields: int, *shared: bytes | None) -> bytes:
    """The beginning of every row: how many fields it has, and the first of them."""
    return fields.to_bytes(2, "big") + b"".join(_NULL if field is None else _field(field) for field in shared)


def _field(octets: bytes) -> bytes:
    return _integer(len(octets)) + octets


def _small(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _time(at: datetime) -> bytes:
    """Microseconds since 2000, as timestamptz is stored."""
    since = at - _EPOCH
    return struct.pack(">q", (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
