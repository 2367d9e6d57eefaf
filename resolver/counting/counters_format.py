"""The bytes of a file of counters: totals so far of one process start, by minute, prefix, interface and outcome.

Behind the header that event files have too, slots of ``SLOT_BYTES``, each its total, u64, and its key::

    minutes since 1970 u32 (0: a free slot), CRC-32 of the prefix u32, interface u8, outcome u8, prefix bytes u8,
    5 zeros, prefix key padded to 64

A total is one aligned store and never torn. A slot is freed by zeros, and gets another key only when these have
reached the disk: whatever mixture of old and new a lost machine leaves behind, no total has a key not its own.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from resolver.counting.event_format import HEADER_BYTES, Header, Progress, read_header

MAGIC = b"BSCT0001"
SLOT_BYTES = 88
SLOT_WORDS = SLOT_BYTES // 8
KEY_AT = 8
"""Of a slot: where its key begins."""
PREFIX_BYTES = 64

_TOTAL = struct.Struct("<Q")
_KEY = struct.Struct(f"<IIBBB5x{PREFIX_BYTES}s")


class Total(NamedTuple):
    """Resolutions of one minute (since 1970), prefix key (empty: not ours), interface and outcome."""

    minute: int
    prefix: str
    interface: int
    outcome: int
    resolutions: int


def encode_key(minute: int, prefix: str, interface: int, outcome: int) -> bytes:
    """What stands in a slot behind its total."""
    text = prefix.encode()
    return _KEY.pack(minute, zlib.crc32(text), interface, outcome, len(text), text)


def read_counters(data: bytes | memoryview) -> tuple[Header, Progress, list[Total]]:
    """A file of counters: its header, and the totals above 0. Raises ``EventFileDamaged`` for another file."""
    header, progress = read_header(data, MAGIC)
    totals = []
    for place in range(HEADER_BYTES, len(data) - SLOT_BYTES + 1, SLOT_BYTES):
        resolutions = _TOTAL.unpack_from(data, place)[0]
        minute, checksum, interface, outcome, length, prefix = _KEY.unpack_from(data, place + KEY_AT)
        if resolutions and minute and zlib.crc32(prefix[:length]) == checksum:
            totals.append(Total(minute, prefix[:length].decode(), interface, outcome, resolutions))
    return header, progress, totals
