"""Log files: registrations or resolutions as lines of JSON, packed with zstd, each file of one source.

The same source makes the same lines, so that a file that was lost before it was delivered is made again; its bytes
are the same too, as long as the same zstd packs them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from node.packing import Packer

_ROOM = 24 << 20
"""Octets as packed from which on a file takes no more pages: a page more stays below ``bulk.LARGEST_FILE``."""

_STRETCH = 1 << 16
"""Octets that are packed at once: line by line takes twice the time."""

_encode = msgspec.json.Encoder(uuid_format="canonical").encode


@dataclass(frozen=True, slots=True)
class LogFile:
    """``source`` says what it was made of, ``packed`` are its bytes, ``content_sha256`` is of the lines in it,
    ``first_at`` and ``last_at`` are the earliest and the latest of them."""

    source: str
    rows: int
    packed: bytes
    content_sha256: bytes
    first_at: datetime
    last_at: datetime

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.packed).digest()


class LogLines:
    """A log file that grows line by line; in memory stands only what is packed."""

    def __init__(self) -> None:
        self._packer = Packer()
        self._digest = hashlib.sha256()
        self._packed = bytearray()
        self._loose = bytearray()
        self._rows = 0
        self._first: datetime | None = None
        self._last: datetime | None = None

    @property
    def full(self) -> bool:
        """Whether the next page belongs into another file."""
        return len(self._packed) >= _ROOM

    def add(self, line: Mapping[str, Any], at: datetime) -> None:
        """One more line; ``at`` is when it happened."""
        self.add_encoded(_encode(line) + b"\n", 1, at, at)

    def add_encoded(self, lines: bytes, rows: int, first: datetime, last: datetime) -> None:
        """Some more lines, each with its end; ``first`` and ``last`` are the earliest and the latest of them."""
        self._loose += lines
        if len(self._loose) >= _STRETCH:
            self._pack()
        self._rows += rows
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)

    def finish(self, source: str) -> LogFile | None:
        """The file; ``None`` without a line."""
        if self._first is None or self._last is None:
            return None
        self._pack()
        self._packed += self._packer.finish()
        return LogFile(source, self._rows, bytes(self._packed), self._digest.digest(), self._first, self._last)

    def _pack(self) -> None:
        self._digest.update(self._loose)
        self._packed += self._packer.add(bytes(self._loose))
        self._loose.clear()
