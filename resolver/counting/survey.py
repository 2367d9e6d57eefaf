"""What an event file says, added up: its events by minute, prefix, interface and outcome, and where it ends."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from dataclasses import dataclass

from resolver.counting.counters_format import Total
from resolver.counting.event_format import (
    HEADER_BYTES,
    Event,
    EventFileDamaged,
    State,
    Word,
    read_records,
    synced_word,
)
from resolver.counting.reading import EventFile

Key = tuple[int, str, int, int]
"""Minutes since 1970, prefix key, interface, outcome."""

MINUTE = 60_000_000
"""In microseconds."""

_LATEST = 4_102_444_800_000_000  # the year 2100: a time after it was never a clock's
_PLACE = (1 << 32) - 1  # of an event's position: its place in the file
_WORDS = struct.Struct("<4Q")
WORDS_AT = 8 * Word.HEAD
"""Where ``Survey.words`` stand in a file."""


@dataclass(frozen=True, slots=True)
class Survey:
    """``end`` is where the file's readable records end, ``checksum`` is of these; ``damaged`` if more should follow.

    ``began_at`` is the time of the first record of any kind, ``first_at`` and ``last_at`` the earliest and latest of
    an event, each None without any.
    """

    totals: Counter[Key]
    events: int
    began_at: int | None
    first_at: int | None
    last_at: int | None
    end: int
    checksum: int
    damaged: bool

    @property
    def words(self) -> bytes:
        """The words of a finished file's header that say so."""
        return _WORDS.pack(self.end, self.events, synced_word(self.end, self.checksum), State.FINISHED)


def survey(file: EventFile) -> Survey:
    """Read a file to its end, or to where it can no longer be read."""
    totals: Counter[Key] = Counter()
    began: int | None = None
    first, last = _LATEST, 0
    end = min(file.until, len(file.content))
    damaged = end < file.until
    try:
        for record in read_records(file.content, file.header, end):
            at = record.at
            if began is None:
                began = at
            if not isinstance(record, Event):
                continue
            if at >= _LATEST:
                damaged, end = True, record.position & _PLACE
                break
            totals[at // MINUTE, record.prefix, record.interface, record.outcome] += 1
            first, last = min(first, at), max(last, at)
    except EventFileDamaged as error:
        damaged, end = True, max(HEADER_BYTES, error.evidence["position"])
    events = totals.total()
    checksum = zlib.crc32(memoryview(file.content)[HEADER_BYTES:end])
    return Survey(totals, events, began, first if events else None, last if events else None, end, checksum, damaged)


def as_totals(counted: Counter[Key]) -> list[Total]:
    """In the order of their keys."""
    return [Total(*key, resolutions) for key, resolutions in sorted(counted.items())]
