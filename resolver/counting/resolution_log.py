"""Resolutions as log files: each sealed event file makes one, line by line what it says of who asked for what.

Of clients stand the keyed hashes that the event file has, and nothing else: the addresses, where an event file keeps
them, are never told. The key is destroyed with time (``counting_key``), and then nobody can tell who asked.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal
from uuid import UUID

import structlog

from node.database import Connection, Pool, database_errors
from node.national.log_lines import LogFile, LogLines
from node.sql import statements_beside
from resolver.counting.compression import SealedFileUnreadable
from resolver.counting.event_format import Event, EventFileDamaged
from resolver.counting.folder import CountingFolder
from resolver.counting.reading import moment, read_sealed
from resolver.counting.register import RegisteredSegment, Standing, registered_segment, verify_segment

log = structlog.get_logger("national")

SQL = statements_beside(__file__, "resolution_log.sql")


class ResolutionLog:
    """The source of log files of resolutions: the sealed files of one folder, in the order of their sealing.

    A file that is missing or was changed waits (until the next start, then it is looked at again) and keeps no other
    from being told.
    """

    kind: Literal["resolution"] = "resolution"

    def __init__(self, pool: Pool, folder: CountingFolder) -> None:
        self._pool = pool
        self._folder = folder
        self._unreadable: set[tuple[UUID, int]] = set()

    async def next(self, last: object) -> LogFile | None:  # noqa: ARG002 - what waits says what comes next
        """Raises ``DatabaseAway``, OSError."""
        while True:
            with database_errors():
                row = await self._pool.fetchrow(
                    SQL["waiting_segment"], self._folder.recorder_id, [boot for boot, _ in self._unreadable],
                    [number for _, number in self._unreadable],
                )  # fmt: skip
            if row is None:
                return None
            made = await self._of(row["boot_id"], row["number"])
            if made is not None:
                return made

    async def again(self, source: str) -> LogFile | None:
        """Raises ``DatabaseAway``, OSError."""
        return await self._of(*_name_of(source))

    async def claim(self, connection: Connection, source: str) -> None:
        await connection.execute(SQL["take_segment"], *_name_of(source))

    async def give_back(self, connection: Connection, source: str) -> None:
        await connection.execute(SQL["give_segment_back"], *_name_of(source))

    async def _of(self, boot_id: UUID, number: int) -> LogFile | None:
        with database_errors():
            async with self._pool.acquire() as connection:
                segment = await registered_segment(connection, boot_id, number)
        if segment is None or segment.recorder_id != self._folder.recorder_id:
            return None
        made = await asyncio.to_thread(_read, self._folder, segment)
        if made is None:
            self._unreadable.add((boot_id, number))
        return made


def _read(folder: CountingFolder, segment: RegisteredSegment) -> LogFile | None:
    name = f"{segment.boot_id}/{segment.number}"
    standing = verify_segment(segment, folder)
    if standing is not Standing.OK:
        log.warning("resolution_log_impossible", segment=name, standing=str(standing))
        return None
    lines = LogLines()
    try:
        evidence = read_sealed(folder.sealed_file(segment.day, segment.boot_id, segment.number))
        for record in evidence.records():
            if isinstance(record, Event):
                lines.add(_line(record), moment(record.at))
    except (EventFileDamaged, SealedFileUnreadable) as error:
        log.warning("resolution_log_impossible", segment=name, cause=error.detail)
        return None
    return lines.finish(name)


def _line(event: Event) -> dict[str, Any]:
    return {
        "at": moment(event.at),
        "boot": str(event.boot),
        "position": event.position,
        "prefix": event.prefix,
        "suffix": event.suffix,
        "interface": event.interface,
        "outcome": event.outcome,
        "client": f"{event.client:016x}",
        "network": f"{event.network:016x}",
        "micros": event.micros,
        "marks": event.marks,
    }


def _name_of(source: str) -> tuple[UUID, int]:
    boot_id, _, number = source.partition("/")
    return UUID(boot_id), int(number)
