"""A stored record taken apart without decoding what nobody asks for: bulk changes look at every record."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from node.record import decode_references

Piece = tuple[int, bytes, bytes]
"""Index of a value, its octets as they stand in the record, its data."""

_HEAD = struct.Struct(">i10xI").unpack_from  # index; timestamp, ttl type, ttl and permissions; length of the type
_LENGTH = struct.Struct(">I").unpack_from


def pieces(record: bytes) -> list[Piece]:
    """The values of a record that the node itself has stored, in its order."""
    found = []
    at = 4
    for _ in range(_LENGTH(record)[0]):
        index, of_type = _HEAD(record, at)
        start = at + 22 + of_type
        end = start + _LENGTH(record, start - 4)[0]
        behind = behind_references(record, end)
        found.append((index, record[at:behind], record[start:end]))
        at = behind
    return found


def behind_references(record: bytes, at: int) -> int:
    """Where the next value begins, from where the references of one begin; few have any."""
    return at + 4 if record[at : at + 4] == b"\0\0\0\0" else decode_references(record, at)[1]


def assembled(octets: Mapping[int, bytes]) -> bytes:
    """The record of values by their indexes, unchecked."""
    return len(octets).to_bytes(4, "big") + b"".join(octets[index] for index in sorted(octets))


def count_of(record: bytes) -> int:
    """How many values a record has."""
    count: int = _LENGTH(record)[0]
    return count
