"""Registrations as log files: history from position to position, complete because positions are settled (ADR 0010).

A file is due when the last one is old enough, or when as many entries as it may hold have come since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import msgspec

from node.database import Connection, Pool
from node.national.log_lines import LogFile, LogLines
from registry.connection.logs import SQL, Kind, LastFile
from registry.export.exports import settled_position
from registry.identifiers.leaves import Change
from registry.store import reading

Clock = Callable[[], datetime]

_WORDS = {int(change): change.name.lower() for change in Change}
_PAGE = 5_000
"""Positions that are read at once."""
_PAGE_SECONDS = 60.0
_encode = msgspec.json.Encoder(uuid_format="canonical").encode


class RegistrationLog:
    """The source of log files of registrations: at most ``rows`` in one, a registration waits ``minutes`` for its
    file at the longest."""

    kind: Kind = "registration"

    def __init__(self, pool: Pool, clock: Clock, *, rows: int, minutes: float) -> None:
        self._pool = pool
        self._clock = clock
        self._rows = rows
        self._minutes = minutes
        self._empty_to = 0

    async def next(self, last: LastFile | None) -> LogFile | None:
        """Raises ``DatabaseAway``, ``PositionUnsettled``."""
        begin = 0 if last is None else stretch_of(last.source)[1]
        async with reading(self._pool) as connection:
            newest = await connection.fetchval(SQL["newest_position"])
            if newest <= max(begin, self._empty_to) or not self._due(last, newest - max(begin, self._empty_to)):
                return None
            settled = await settled_position(connection)
            async with connection.transaction():
                await connection.execute(SQL["go_by_position"], timeout=_PAGE_SECONDS)
                first = await _first_entry(connection, begin, settled, self._rows)
                if first is None:
                    self._empty_to = settled
                    return None
                return await self._read(connection, begin, first, min(first - 1 + self._rows, settled))

    async def again(self, source: str) -> LogFile | None:
        """Raises ``DatabaseAway``."""
        begin, end = stretch_of(source)
        async with reading(self._pool) as connection, connection.transaction():
            await connection.execute(SQL["go_by_position"], timeout=_PAGE_SECONDS)
            first = await _first_entry(connection, begin, end, self._rows)
            return None if first is None else await self._read(connection, begin, first, end)

    async def claim(self, connection: Connection, source: str) -> None:
        """History is claimed by the position at which the next file begins."""

    async def give_back(self, connection: Connection, source: str) -> None:
        """Likewise."""

    def _due(self, last: LastFile | None, positions: int) -> bool:
        return (
            last is None
            or positions >= self._rows
            or self._clock() >= last.made_at + timedelta(minutes=self._minutes)
        )

    async def _read(self, connection: Connection, begin: int, first: int, end: int) -> LogFile | None:
        lines, read = LogLines(), first - 1
        while read < end and not lines.full:
            page = min(read + _PAGE, end)
            groups = await connection.fetch(SQL["entries_within"], read, page)
            if groups:
                times = [group["at"] for group in groups]
                told = sorted(chain.from_iterable(map(_lines, groups)))
                lines.add_encoded(b"".join(line for _, line in told), len(told), min(times), max(times))
            read = page
        return lines.finish(f"{begin}-{read}")


def stretch_of(source: str) -> tuple[int, int]:
    """The positions of a file: behind the first of them, up to the second."""
    begin, _, end = source.partition("-")
    return int(begin), int(end)


async def _first_entry(connection: Connection, begin: int, end: int, step: int) -> int | None:
    """Positions may be skipped by the thousand million (a restored escrow moves them on): it looks ever further."""
    while begin < end:
        until = min(begin + step, end)
        found: int | None = await connection.fetchval(SQL["first_position_within"], begin, until)
        if found is not None:
            return found
        begin, step = until, 2 * step
    return None


def _lines(group: Any) -> Iterator[tuple[int, bytes]]:
    """Entries that differ in position and suffix only, as lines behind their positions: what they share is written
    once (1.2 µs an entry where thousands share, 5 if each is read and written by itself)."""
    before = {"at": group["at"], "action": _WORDS[group["action"]], "prefix": group["prefix"]}
    behind = {"version": group["version"], "interface": group["interface"], "account": group["account_id"]}
    others = {"batch": group["batch_id"], "registered_at": group["registered_at"]}
    behind |= {name: told for name, told in others.items() if told is not None}
    begin, end = _encode(before)[1:-1], _encode(behind)[1:]
    for position, suffix in zip(group["positions"], group["suffix_keys"], strict=True):
        yield position, b'{"position":%d,%b,"suffix":%b,%b\n' % (position, begin, _encode(suffix), end)
