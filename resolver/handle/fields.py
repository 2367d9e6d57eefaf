"""What bodies and credentials are made of: blocks, names, handles, numbers, counts.

A "block" is a 4-byte length and that many bytes, a name is a block of UTF-8; numbers are signed 32 bits. Every reader
takes the bytes and an offset and returns what it read and the offset behind it; what breaks off, or counts more than
can follow, raises WireFault before anything is built.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from node.identifier import PROTOCOL_LIMIT
from node.record import MAX_VALUES
from resolver.handle.codes import ResponseCode
from resolver.handle.envelope import WireFault

_NUMBER = struct.Struct(">i")
_LENGTH = struct.Struct(">I")  # read unsigned: a negative one is merely more than can follow


def read_block(data: bytes, at: int) -> tuple[bytes, int]:
    try:
        end: int = at + 4 + _LENGTH.unpack_from(data, at)[0]
    except struct.error:
        raise WireFault("The message breaks off before a length.", offset=at) from None
    if end > len(data):
        raise WireFault("The message breaks off within a block.", offset=at)
    return data[at + 4 : end], end


def read_name(data: bytes, at: int) -> tuple[str, int]:
    block, end = read_block(data, at)
    try:
        return block.decode(), end
    except UnicodeDecodeError:
        raise WireFault("A name is not UTF-8.", offset=at) from None


def read_handle(data: bytes, at: int) -> tuple[str, int]:
    """A name of at most 2,048 bytes; otherwise the fault is an invalid handle."""
    block, end = read_block(data, at)
    if len(block) > PROTOCOL_LIMIT:
        detail = f"A handle of {len(block)} bytes; {PROTOCOL_LIMIT} are allowed."
        raise WireFault(detail, ResponseCode.INVALID_HANDLE, offset=at, limit=PROTOCOL_LIMIT)
    try:
        return block.decode(), end
    except UnicodeDecodeError:
        raise WireFault("The handle is not UTF-8.", ResponseCode.INVALID_HANDLE, offset=at) from None


def read_number(data: bytes, at: int) -> tuple[int, int]:
    try:
        return _NUMBER.unpack_from(data, at)[0], at + 4
    except struct.error:
        raise WireFault("The message breaks off before a number.", offset=at) from None


def read_numbers(data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """Indexes of values: a record has 2,048 of them at most, so nobody can mean more."""
    count = _read_count(data, at, MAX_VALUES)
    return struct.unpack_from(f">{count}i", data, at + 4), at + 4 + 4 * count


def read_names(data: bytes, at: int, most: int) -> tuple[tuple[str, ...], int]:
    """At most ``most`` names behind their number."""
    count = _read_count(data, at, most)
    at += 4
    names = []
    for _ in range(count):
        name, at = read_name(data, at)
        names.append(name)
    return tuple(names), at


def finish(data: bytes, at: int) -> None:
    """That everything has been read."""
    if at != len(data):
        raise WireFault("Bytes are left behind the body.", offset=at)


def _read_count(data: bytes, at: int, most: int) -> int:
    """How many things of at least four bytes each follow, never more than can."""
    try:
        count: int = _LENGTH.unpack_from(data, at)[0]
    except struct.error:
        raise WireFault("The message breaks off before a count.", offset=at) from None
    if count > most or count * 4 > len(data) - at - 4:
        raise WireFault(f"{count} entries are announced, more than can be.", offset=at)
    return count


def as_block(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def as_name(text: str) -> bytes:
    """Raises WireFault when the text has no UTF-8."""
    try:
        return as_block(text.encode())
    except UnicodeEncodeError:
        raise WireFault("A name cannot be written as UTF-8.", ResponseCode.INVALID_HANDLE) from None


def as_number(number: int) -> bytes:
    """Raises WireFault beyond 32 bits."""
    return packed(_NUMBER, number)


def as_numbers(numbers: Sequence[int]) -> bytes:
    return packed(struct.Struct(f">{len(numbers) + 1}i"), len(numbers), *numbers)


def packed(form: struct.Struct, *numbers: int) -> bytes:
    """Numbers in a form of their own. Raises WireFault when one is out of its range."""
    try:
        return form.pack(*numbers)
    except struct.error:
        raise WireFault("A number is out of the protocol's range.") from None
