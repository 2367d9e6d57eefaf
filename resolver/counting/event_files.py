"""The event files of one start of counting, one behind the other: the next is made before the last is full."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence

import structlog

from resolver.counting.event_file import Booked, EventFile
from resolver.counting.sources import Client

log = structlog.get_logger("resolver")

_SECOND = 1_000_000
_TRY_AGAIN = 10 * _SECOND
_BLIND_NOTED = 60 * _SECOND  # how often it is noted that there is no file

MakeFile = Callable[[int, int], EventFile]
"""A new file of this number, at this time. Raises OSError."""


class EventFiles:
    """``make`` makes them; without it, or where there is no room, ``record`` only notes the time without evidence.

    All times are in microseconds since 1970.
    """

    def __init__(self, make: MakeFile | None, at: int) -> None:
        self._make = make
        self._numbers = itertools.count(1)  # drawn from two threads
        self._full: list[EventFile] = []
        self._spare: EventFile | None = None
        self._tried_at = at
        self._blind: tuple[int, int] | None = None
        self._noted_at: int | None = None
        self._current = self._next(at)

    def record(self, booked: Sequence[tuple[Booked, Client]], at: int) -> None:
        """Write what happened, in as many files as it takes."""
        while self._current is not None:
            written = self._current.record(booked, at)
            if written == len(booked):
                return
            booked = booked[written:]
            self.rotate(at)
        self._blind = (self._blind[0] if self._blind else at), at

    def record_tenant(self, tenant: int, client: Client, at: int) -> None:
        """Write that an account of an enterprise acted from a client."""
        while self._current is not None and not self._current.record_tenant(tenant, client, at):
            self.rotate(at)

    def rotate(self, at: int) -> None:
        """Go on in the next file."""
        if self._current is not None:
            self._full.append(self._current)
        self._current, self._spare = self._spare or self._next(at), None

    def rotate_if_used(self, at: int) -> None:
        """Go on in the next file, unless nothing stands in this one."""
        if self._current is None or self._current.used:
            self.rotate(at)

    def take_blind(self, at: int, *, last: bool) -> tuple[int, int] | None:
        """From when to when resolutions were counted without a file; at once, then each minute, and the ``last``."""
        since_noted = at - self._noted_at if self._noted_at is not None else _BLIND_NOTED
        if self._blind is None or (0 <= since_noted < _BLIND_NOTED and not last):
            return None
        blind, self._blind, self._noted_at = self._blind, None, at
        return blind

    def alive(self, at: int) -> None:
        """The process had a turn."""
        if self._current is not None:
            self._current.alive(at)

    async def keep(self, at: int) -> None:
        """Bring to the disk what was written, finish the files that are full, make the next. Never two at a time."""
        full, self._full = self._full, []
        current = self._current
        spare_wanted = current is not None and self._spare is None and current.room_is_short()
        if current is None and abs(at - self._tried_at) >= _TRY_AGAIN:
            spare_wanted, self._tried_at = True, at
        spare = await asyncio.to_thread(self._keep, full, current, at, spare_wanted=spare_wanted)
        if self._current is None:
            self._current = spare
        else:
            self._spare = self._spare or spare

    async def finish(self, at: int) -> None:
        """Write no more, all is on the disk."""
        full, self._full = self._full, []
        if self._current is not None:
            full.append(self._current)
        spare, self._spare, self._current = self._spare, None, None
        await asyncio.to_thread(self._keep, full, None, at)
        if spare is not None:
            spare.discard()

    def _keep(
        self, full: Sequence[EventFile], current: EventFile | None, at: int, *, spare_wanted: bool = False
    ) -> EventFile | None:
        for file in full:
            try:
                file.finish(at)
            except OSError as error:
                log.warning("event_file_not_finished", number=file.number, cause=error.strerror)
        if current is not None:
            try:
                current.sync(at)
            except OSError as error:
                log.warning("event_file_not_synced", number=current.number, cause=error.strerror)
        return self._next(at) if spare_wanted else None

    def _next(self, at: int) -> EventFile | None:
        if self._make is None:
            return None
        number = next(self._numbers)
        try:
            return self._make(number, at)
        except OSError as error:
            log.warning("event_file_not_made", number=number, cause=error.strerror)
            return None
