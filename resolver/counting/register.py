"""The register of sealed event files: what each was when it was sealed, so that none is changed or removed unseen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.database import Connection
from node.sql import statements_beside
from resolver.counting.folder import CountingFolder

SQL = statements_beside(__file__, "keeping.sql")


class Standing(StrEnum):
    """What became of a sealed file."""

    OK = "ok"
    MISSING = "missing"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class RegisteredSegment:
    """``sha256`` and ``bytes`` are of the compressed file; ``events`` are resolutions, ``first_at`` and ``last_at``
    the earliest and latest of them, None without any; ``day`` is of Asia/Shanghai."""

    boot_id: UUID
    number: int
    recorder_id: UUID
    day: date
    sha256: bytes
    bytes: int
    events: int
    first_at: datetime | None
    last_at: datetime | None
    sealed_at: datetime


async def register_segment(connection: Connection, segment: RegisteredSegment) -> None:
    """Once; what is registered already stays."""
    await connection.execute(
        SQL["register_segment"],
        segment.boot_id,
        segment.number,
        segment.recorder_id,
        segment.day,
        segment.sha256,
        segment.bytes,
        segment.events,
        segment.first_at,
        segment.last_at,
        segment.sealed_at,
    )


async def registered_segment(connection: Connection, boot_id: UUID, number: int) -> RegisteredSegment | None:
    row = await connection.fetchrow(SQL["registered_segment"], boot_id, number)
    return None if row is None else _segment(row)


async def registered_segments(
    connection: Connection, recorder_id: UUID, first: date, last: date
) -> list[RegisteredSegment]:
    """What was sealed of the days from ``first`` to ``last`` in the folder of that number, day by day."""
    return [_segment(row) for row in await connection.fetch(SQL["registered_segments"], recorder_id, first, last)]


async def segments_of_boot(
    connection: Connection, boot_id: UUID, since: datetime, until: datetime
) -> list[RegisteredSegment]:
    """What one process start had sealed that may hold events between two moments."""
    return [_segment(row) for row in await connection.fetch(SQL["segments_of_boot"], boot_id, since, until)]


def verify_segment(segment: RegisteredSegment, folder: CountingFolder) -> Standing:
    """Whether a sealed file stands in its place as it was registered. Reads all of it. Raises OSError."""
    try:
        content = folder.sealed_file(segment.day, segment.boot_id, segment.number).read_bytes()
    except FileNotFoundError:
        return Standing.MISSING
    same = len(content) == segment.bytes and hashlib.sha256(content).digest() == segment.sha256
    return Standing.OK if same else Standing.CHANGED


def _segment(row: Any) -> RegisteredSegment:
    return RegisteredSegment(*row)
