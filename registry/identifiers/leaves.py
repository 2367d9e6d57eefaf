"""Leaves of the transparency log for identifiers.

A leaf names an identifier by a keyed tag, so that a published log does not enumerate products, and commits to its
record by a hash under a nonce that only the holder of the prefix's secret can make::

    d = HMAC-SHA256(prefix secret, suffix key)      tag = d[:16]      nonce = d[16:]
    hash = SHA-256(nonce ‖ version as 4 bytes ‖ record)

Tag and hash stand in hexadecimal. The leaf is canonical JSON (sorted keys, ASCII), written here by hand because
this runs once per identifier.

What one transaction does to many identifiers in the same way is one event: ``packed`` holds tag, version and hash of
each, 52 bytes, and its leaf what they share and the SHA-256 of ``packed``. ``unpacked`` gives their own leaves back,
octet for octet (ADR 0027).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from uuid import UUID

from node.journal import canonical

_TAG, _VERSION, _HASH = 16, 4, 32
_PACKED = _TAG + _VERSION + _HASH
_BLOCK = 64  # octets that SHA-256 takes at a time: the key of an HMAC is filled up to it (RFC 2104)


class Change(IntEnum):
    """What happened to an identifier; numbers are stored."""

    REGISTER = 1
    UPDATE = 2
    DELETE = 3
    SUSPEND = 4
    RESUME = 5
    MIGRATE = 6
    UNDO = 7


class PackBroken(Exception):
    """A pack is not what its leaf commits to: somebody who has the database rewrote one of them."""


def leaf_maker(
    change: Change, prefix: str, secret: bytes, account_id: UUID, at: datetime
) -> Callable[[str, int, bytes], bytes]:
    """A function ``(suffix_key, version, record) -> leaf`` for one kind of change by one account at one time."""
    write = _leaf_writer(str(account_id), f"identifier.{change.name.lower()}", prefix, at.isoformat())

    def make(suffix_key: str, version: int, record: bytes) -> bytes:
        keyed = hmac.digest(secret, suffix_key.encode(), "sha256")
        committed = sha256(b"%b%b%b" % (keyed[_TAG:], version.to_bytes(_VERSION, "big"), record)).hexdigest()
        return write(keyed[:_TAG].hex(), version, committed)

    return make


def packer(secret: bytes) -> Callable[[bytes, bytes, bytes], tuple[bytes, bytes, bytes]]:
    """A function ``(suffix key in UTF-8, version as 4 bytes, record) -> what is packed of the identifier``.

    The HMAC is written out: with both pads ready it takes 0.8 µs, ``hmac.digest`` 1.5.
    """
    key = secret.ljust(_BLOCK, b"\0")
    inner, outer = bytes(octet ^ 0x36 for octet in key), bytes(octet ^ 0x5C for octet in key)

    def pack(suffix_key: bytes, version: bytes, record: bytes) -> tuple[bytes, bytes, bytes]:
        keyed = sha256(outer + sha256(inner + suffix_key).digest()).digest()
        return keyed[:_TAG], version, sha256(b"%b%b%b" % (keyed[_TAG:], version, record)).digest()

    return pack


def packed(secret: bytes, versions: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Tag, version and hash of each ``(suffix_key, version, record)``, in their order."""
    pack = packer(secret)
    return b"".join(
        part
        for suffix_key, version, record in versions
        for part in pack(suffix_key.encode(), version.to_bytes(_VERSION, "big"), record)
    )


def pack_leaf(change: Change, prefix: str, account_id: UUID, at: datetime, pack: bytes) -> bytes:
    """The leaf of a pack: what its leaves share, how many they are, and the hash of the pack."""
    return canonical(
        {
            "by": str(account_id),
            "hash": sha256(pack).hexdigest(),
            "leaves": len(pack) // _PACKED,
            "op": f"identifier.{change.name.lower()}",
            "prefix": prefix,
            "ts": at.isoformat(),
            "v": 2,
        }
    )


def unpacked(leaf: bytes, pack: bytes) -> Iterator[bytes]:
    """The leaves that a pack stands for. Raises ``PackBroken`` when its leaf says another hash."""
    shared = json.loads(leaf)
    if shared["hash"] != sha256(pack).hexdigest():
        raise PackBroken
    write = _leaf_writer(shared["by"], shared["op"], shared["prefix"], shared["ts"])
    for start in range(0, len(pack), _PACKED):
        tag, rest = pack[start : start + _TAG], pack[start + _TAG : start + _PACKED]
        yield write(tag.hex(), int.from_bytes(rest[:_VERSION], "big"), rest[_VERSION:].hex())


def _leaf_writer(by: str, op: str, prefix: str, ts: str) -> Callable[[str, int, str], bytes]:
    """A function ``(tag, version, hash) -> leaf``."""
    head = f'{{"by":"{by}","hash":"'
    after = f'","op":"{op}","prefix":"{prefix}","ts":"{ts}","v":1,"version":'

    def write(tag: str, version: int, committed: str) -> bytes:
        return f'{head}{committed}","id":"{tag}{after}{version}}}'.encode()

    return write
