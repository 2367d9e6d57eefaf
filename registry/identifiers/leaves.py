"""Leaves of the transparency log for identifiers.

A leaf names an identifier by a keyed tag, so that a published log does not enumerate products, and commits to its
record by a hash under a nonce that only the holder of the prefix's secret can make::

    d = HMAC-SHA256(prefix secret, suffix key)      tag = d[:16]      nonce = d[16:]
    hash = SHA-256(nonce ‖ version as 4 bytes ‖ record)

Tag and hash stand in hexadecimal. The leaf is canonical JSON (sorted keys, ASCII), written here by hand because
this runs once per identifier of a bulk registration.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from uuid import UUID


class Change(IntEnum):
    """What happened to an identifier; numbers are stored."""

    REGISTER = 1
    UPDATE = 2
    DELETE = 3
    SUSPEND = 4
    RESUME = 5
    MIGRATE = 6
    UNDO = 7


def leaf_maker(
    change: Change, prefix: str, secret: bytes, account_id: UUID, at: datetime
) -> Callable[[str, int, bytes], bytes]:
    """A function ``(suffix_key, version, record) -> leaf`` for one kind of change by one account at one time."""
    head = f'{{"by":"{account_id}","hash":"'
    middle = '","id":"'
    after = f'","op":"identifier.{change.name.lower()}","prefix":"{prefix}","ts":"{at.isoformat()}","v":1,"version":'
    digest = hmac.digest

    def make(suffix_key: str, version: int, record: bytes) -> bytes:
        keyed = digest(secret, suffix_key.encode(), "sha256")
        committed = sha256(b"%b%b%b" % (keyed[16:], version.to_bytes(4, "big"), record)).hexdigest()
        return f"{head}{committed}{middle}{keyed[:16].hex()}{after}{version}}}".encode()

    return make
