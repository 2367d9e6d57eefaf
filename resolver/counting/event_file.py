"""One event file of this process, mapped into memory: what is stored there outlives the process, however it ends."""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from resolver.counting.event_format import (
    ADDRESS,
    EVENT,
    FILE_BYTES,
    HEADER_BYTES,
    PREFIX,
    TENANT,
    Header,
    Kind,
    State,
    Word,
    encode_header,
    synced_word,
)
from resolver.counting.folder import make_owned
from resolver.counting.sources import Client

_EVENT, _EVENT_BYTES = int(Kind.EVENT), EVENT.size
_HEAD, _EVENTS, _ALIVE = int(Word.HEAD), int(Word.EVENTS), int(Word.ALIVE)  # as enum members they take long
_PREFIXES = 1 << 16


Booked = tuple[tuple[str, str], int, int, str, int, int, int]
"""A resolution that was answered: what ``CountResolution`` takes, in its order."""


class EventFile:
    """Made new and owned, for as long as it is open. Raises OSError when there is no room for it.

    ``sync`` may run in another thread beside all the rest.
    """

    def __init__(self, file: Path, header: Header) -> None:
        self.file = file
        self.number = header.number
        self._kept = header.client_addresses == "kept"
        self._descriptor = make_owned(file, FILE_BYTES, encode_header(header))
        self._bytes = mmap.mmap(self._descriptor, FILE_BYTES)
        self._words = memoryview(self._bytes).cast("Q")
        self.head = self._synced = HEADER_BYTES
        self._events = self._checksum = 0
        self._numbers = {"": 0}
        self._addressed: set[int] = set()

    def record(self, booked: Sequence[tuple[Booked, Client]], at: int) -> int:
        """Write what happened at ``at`` (microseconds since 1970); how many of them: fewer when the file is full.

        They are there for a reader when the head is stored behind the last.
        """
        place, target, numbers, pack_into = self.head, self._bytes, self._numbers, EVENT.pack_into
        written = 0
        for (key, interface, outcome, source, micros, tenant, marks), (client, network, known) in booked:
            prefix, suffix = key
            number = numbers.get(prefix)
            if number is None or (self._kept and client not in self._addressed):
                behind = self._introduce(place, prefix, client, source)
                if behind is None:
                    break
                place, number = behind, numbers[prefix]
            told = suffix.encode("utf-8", "replace")
            length = len(told)
            size = (_EVENT_BYTES + 7 + length) & -8
            if place + size > FILE_BYTES:
                break
            pack_into(
                target, place, size, _EVENT, marks | known, micros, at, client, network, tenant, number, interface,
                outcome, length,
            )  # fmt: skip
            begin = place + _EVENT_BYTES
            target[begin : begin + length] = told
            place += size
            written += 1
        self._events += written
        words = self._words
        words[_HEAD] = self.head = place
        words[_EVENTS] = self._events
        words[_ALIVE] = at
        return written

    def record_tenant(self, tenant: int, client: Client, at: int) -> bool:
        """That an account of an enterprise acted from a client; False when there is no room."""
        if self.head + TENANT.size > FILE_BYTES:
            return False
        told = TENANT.size, Kind.TENANT, 0, 0, at, client.client, client.network, tenant
        TENANT.pack_into(self._bytes, self.head, *told)
        self.head += TENANT.size
        self._words[_HEAD] = self.head
        return True

    @property
    def used(self) -> bool:
        """Whether anything stands in it."""
        return self.head > HEADER_BYTES

    def room_is_short(self) -> bool:
        """Whether the next file should be there soon."""
        return self.head > FILE_BYTES // 2

    def alive(self, at: int) -> None:
        """Its writer had a turn."""
        self._words[_ALIVE] = at

    def sync(self, at: int) -> None:
        """Bring to the disk what is written, and then the word that says so; ``at`` is a time before the call.

        Raises OSError.
        """
        head = self.head
        if head > self._synced:
            os.fdatasync(self._descriptor)
            with memoryview(self._bytes) as written, written[self._synced : head] as new:
                self._checksum = zlib.crc32(new, self._checksum)
            self._synced = head
            self._words[Word.SYNCED] = synced_word(head, self._checksum)
            self._words[Word.SYNCED_AT] = at
            os.fdatasync(self._descriptor)
        else:
            self._words[Word.SYNCED_AT] = at

    def finish(self, at: int) -> None:
        """Write no more: everything is on the disk, and the file belongs to nobody. Raises OSError."""
        try:
            self.sync(at)
            self._words[Word.STATE] = State.FINISHED
            os.fdatasync(self._descriptor)
        finally:
            self.close()

    def discard(self) -> None:
        """It was not needed."""
        self.file.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Give it up as it is."""
        self._words.release()
        self._bytes.close()
        os.close(self._descriptor)

    def _introduce(self, place: int, prefix: str, client: int, source: str) -> int | None:
        """Name a prefix or a client before its first event; the place behind, ``None`` when there is no room."""
        if prefix not in self._numbers:
            told = prefix.encode()
            size = PREFIX.size + len(told) + 7 & -8
            number = len(self._numbers)
            if place + size > FILE_BYTES or number >= _PREFIXES:
                return None
            PREFIX.pack_into(self._bytes, place, size, Kind.PREFIX, 0, number)
            self._bytes[place + PREFIX.size : place + PREFIX.size + len(told)] = told
            place += size
            self._numbers[prefix] = number
        if self._kept and client not in self._addressed:
            told = source.encode("utf-8", "replace")
            size = ADDRESS.size + len(told) + 7 & -8
            if place + size > FILE_BYTES:
                return None
            ADDRESS.pack_into(self._bytes, place, size, Kind.ADDRESS, 0, len(told), client)
            self._bytes[place + ADDRESS.size : place + ADDRESS.size + len(told)] = told
            place += size
            self._addressed.add(client)
        return place
