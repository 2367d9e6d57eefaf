"""Totals of one start of counting: aligned slots, mapped from a file so that they outlive the process.

Without a file they are kept in memory alone. A slot is freed when its minute is long over and its total written; the
zeros that free it reach the disk before another key takes it (``counters_format.py``).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from resolver.counting.counters_format import KEY_AT, MAGIC, SLOT_BYTES, SLOT_WORDS, Total, encode_key
from resolver.counting.event_format import HEADER_BYTES, Header, State, Word, encode_header
from resolver.counting.folder import make_owned

log = structlog.get_logger("resolver")

OUTCOME_BITS = 8
_OUTCOMES = (1 << OUTCOME_BITS) - 1
_SLOTS = 8192  # at first; then twice as many, and so on
_FREE = bytes(SLOT_BYTES)


@dataclass(slots=True)
class Slot:
    """``word`` is where its total stands, in units of 8 bytes; ``kind`` interface and outcome as one number.

    ``written`` is what the database has of it, ``shown`` what the metrics.
    """

    word: int
    minute: int
    prefix: str
    kind: int
    written: int = 0
    shown: int = 0

    @property
    def interface(self) -> int:
        return self.kind >> OUTCOME_BITS

    @property
    def outcome(self) -> int:
        return self.kind & _OUTCOMES


class Totals:
    """``words`` are the totals themselves, at the places that ``place`` says; it is another object when they grew.

    Raises OSError when there is no room for the file; when there is none to grow, they go on in memory.
    """

    def __init__(self, file: Path | None, header: Header, *, slots: int = _SLOTS) -> None:
        self.file = file
        size, beginning = HEADER_BYTES + slots * SLOT_BYTES, encode_header(header, MAGIC)
        self._descriptor = make_owned(file, size, beginning) if file is not None else None
        self._bytes = mmap.mmap(-1 if self._descriptor is None else self._descriptor, size)
        self.words = memoryview(self._bytes).cast("Q")
        self._slots: dict[tuple[int, str, int], Slot] = {}
        self._by_minute: dict[int, list[Slot]] = {}
        self._free = _words_of(0, slots)
        self._freed: list[int] = []

    def __len__(self) -> int:
        return len(self._slots)

    def place(self, minute: int, prefix: str, kind: int) -> int:
        """Where in ``words`` the total of a key stands."""
        key = minute, prefix, kind
        slot = self._slots.get(key)
        if slot is None:
            if not self._free:
                self._grow()
            slot = Slot(self._free.pop(), minute, prefix, kind)
            begin = slot.word * 8 + KEY_AT
            told = encode_key(minute, prefix, slot.interface, slot.outcome)
            self._bytes[begin : begin + len(told)] = told
            self._slots[key] = slot
            self._by_minute.setdefault(minute, []).append(slot)
        return slot.word

    def unwritten(self, minutes: Iterable[int]) -> list[tuple[Slot, Total]]:
        """The slots of some minutes whose totals the database does not have yet."""
        words = self.words
        return [
            (slot, Total(slot.minute, slot.prefix, slot.interface, slot.outcome, words[slot.word]))
            for minute in minutes
            for slot in self._by_minute.get(minute, ())
            if words[slot.word] > slot.written
        ]

    def free_before(self, minute: int) -> None:
        """Forget the minutes before this one, as far as they are written."""
        for settled in [each for each in self._by_minute if each < minute]:
            slots = self._by_minute[settled]
            if any(self.words[slot.word] > slot.written for slot in slots):
                continue
            for slot in slots:
                begin = slot.word * 8
                self.words[slot.word] = 0  # first: no reader takes it any more
                self._bytes[begin : begin + SLOT_BYTES] = _FREE
                del self._slots[slot.minute, slot.prefix, slot.kind]
                self._freed.append(slot.word)
            del self._by_minute[settled]

    def alive(self, at: int) -> None:
        """The process had a turn at ``at``, in microseconds since 1970."""
        self.words[Word.ALIVE] = at

    def take_freed(self) -> list[int]:
        """The slots freed up to now: give them to ``synced`` when a ``sync`` that began after this call is over."""
        freed, self._freed = self._freed, []
        return freed

    def sync(self) -> None:
        """Bring everything to the disk; may run in another thread. Raises OSError."""
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)

    def synced(self, at: int, freed: list[int]) -> None:
        """What stood at ``at`` (microseconds since 1970) is on the disk."""
        self.words[Word.SYNCED_AT] = at
        self._free.extend(freed)

    def finish(self, *, written: bool) -> None:
        """Count no more. The file goes when everything is ``written``, and else waits for who will write it."""
        self.words[Word.STATE] = State.FINISHED
        if self._descriptor is not None and self.file is not None:
            if written:
                self.file.unlink(missing_ok=True)
            else:
                os.fdatasync(self._descriptor)
        self.close()

    def close(self) -> None:
        """Give them up as they are."""
        self.words.release()
        self._bytes.close()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _grow(self) -> None:
        """Twice the slots, at the same places."""
        before = len(self._bytes)
        slots = (before - HEADER_BYTES) // SLOT_BYTES
        size = HEADER_BYTES + 2 * slots * SLOT_BYTES
        grown = self._mapped(before, size)
        if grown is None:
            grown = mmap.mmap(-1, size)
            grown[:before] = self._bytes[:]
        self.words.release()
        self._bytes.close()
        self._bytes = grown
        self.words = memoryview(grown).cast("Q")
        self._free = _words_of(slots, 2 * slots)

    def _mapped(self, before: int, size: int) -> mmap.mmap | None:
        """The file with more room; ``None`` when there is none, and for totals that are in memory already."""
        if self._descriptor is None or os.fstat(self._descriptor).st_size != before:
            return None
        try:
            os.posix_fallocate(self._descriptor, before, size - before)
            return mmap.mmap(self._descriptor, size)
        except OSError as error:
            log.warning("counters_do_not_grow", slots=len(self._slots), cause=error.strerror)
            return None


def _words_of(first: int, last: int) -> list[int]:
    """The places of some slots, the first to be taken last in the list."""
    return [HEADER_BYTES // 8 + number * SLOT_WORDS for number in range(last - 1, first - 1, -1)]
