"""Usual records as Handle JSON, straight from their bytes: what ``record_json`` makes of their public values.

A value of a template says the same in every record but for its data and its time, and is drawn from what was made of
all the rest before. ``record_json`` takes 20 µs for five values and their decoding, this 5: it is half of what an
answer costs that was looked up. Whatever is not usual is not drawn: types of the Handle System itself, data
that are not UTF-8, references, a TTL that is a moment, no time.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

import msgspec

from node.identifier import fold
from node.record import MAX_VALUES, PUBLIC_READ, TTL_RELATIVE, Value
from resolver.http.handle_json import encode, time_text, value_json

_HEAD = struct.Struct(">4xi6xI")  # of a value: its timestamp and the length of its type (node/record.py)
_HEAD_BYTES = 18
_KIND = struct.Struct(">iBiBI")  # the same without the timestamp
_LENGTH = struct.Struct(">I")
_KINDS = 4096
_TIMES = 16_384
_encode = msgspec.json.Encoder().encode


class Drawn(NamedTuple):
    """The public values of a record as members of a JSON array, and the smallest TTL of them."""

    values: bytes
    ttl: int


class _Kind(NamedTuple):
    """What stands around data and time of a value; ``public``: anybody may read it."""

    before: bytes
    between: bytes
    behind: bytes
    ttl: int
    public: bool


def drawn(record: bytes) -> Drawn | None:
    """The public values of a record; ``None`` when it is unusual, damaged, or has none."""
    parts: list[bytes] = []
    longest = ttl = 2**31
    try:
        count, at = _LENGTH.unpack_from(record)[0], 4
        for _ in range(count):
            timestamp, length = _HEAD.unpack_from(record, at)
            behind = at + _HEAD_BYTES + length
            kind = _kind(record[at : at + 4] + record[at + 8 : behind])
            begin = behind + 4
            at = begin + _LENGTH.unpack_from(record, behind)[0]
            if kind is None or not timestamp or _LENGTH.unpack_from(record, at)[0]:
                return None
            if kind.public:
                data = _encode(record[begin:at].decode())
                parts += (kind.before, data, kind.between, _time(timestamp), kind.behind)
                ttl = min(ttl, kind.ttl)
            at += 4
    except (struct.error, UnicodeDecodeError):
        return None
    whole = at == len(record) and count <= MAX_VALUES
    return Drawn(b"".join(parts)[:-1], ttl) if whole and ttl < longest else None


@lru_cache(_KINDS)
def _kind(told: bytes) -> _Kind | None:
    index, ttl_type, ttl, permissions, _ = _KIND.unpack_from(told)
    name = told[_KIND.size :].decode()
    if ttl_type != TTL_RELATIVE or fold(name).startswith("HS_"):
        return None
    example = encode(value_json(Value(index, name, b"?", ttl, ttl_type, permissions, 1)))
    before, _, rest = example.rpartition(b'"?"')  # from the right: the type stands before
    between, _, behind = rest.rpartition(_time(1))
    return _Kind(before, between, behind + b",", ttl, bool(permissions & PUBLIC_READ))


@lru_cache(_TIMES)
def _time(timestamp: int) -> bytes:
    return encode(time_text(timestamp))
