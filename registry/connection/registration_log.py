"""Registrations as log files: history from position to position, complete because positions are settled (ADR 0010).

A file is due when the last one is old enough, or when as many entries as it may hold have come since.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

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
            for entry in await connection.fetch(SQL["entries_within"], read, page):
                lines.add(_line(entry), entry["at"])
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


def _line(entry: Any) -> dict[str, Any]:
    line = {
        "position": entry["history_id"],
        "at": entry["at"],
        "action": _WORDS[entry["action"]],
        "prefix": entry["prefix"],
        "suffix": entry["suffix_key"],
        "version": entry["version"],
        "interface": entry["interface"],
        "account": str(entry["account_id"]),
    }
    if entry["batch_id"] is not None:
        line["batch"] = str(entry["batch_id"])
    if entry["registered_at"] is not None:
        line["registered_at"] = entry["registered_at"]
    return line
