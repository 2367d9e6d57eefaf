"""Totals and gaps written to the database: by the process that counted, or by who takes up what it left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from node.database import Connection
from node.sql import statements_beside
from resolver.counting.counters_format import Total

SQL = statements_beside(__file__, "counting.sql")


@dataclass(frozen=True, slots=True)
class Gap:
    """Resolutions of one process start that may have gone uncounted: killed, with its machine lost, counted without
    an event file, or in a file that is damaged."""

    recorder_id: UUID
    boot_id: UUID
    cause: Literal["killed", "machine", "no_evidence", "damaged"]
    began_at: datetime
    ended_at: datetime


async def write_totals(connection: Connection, boot_id: UUID, totals: Sequence[Total]) -> None:
    """Totals so far of a process start, and that their hours are to be summed. Call within a transaction.

    A total that is there already stays if it is the greater one.
    """
    minutes = [datetime.fromtimestamp(total.minute * 60, UTC) for total in totals]
    await connection.execute(
        SQL["write_totals"],
        boot_id,
        minutes,
        [total.prefix for total in totals],
        [total.interface for total in totals],
        [total.outcome for total in totals],
        [total.resolutions for total in totals],
    )
    await connection.execute(SQL["mark_hours"], minutes)


async def note_gap(connection: Connection, gap: Gap, at: datetime) -> None:
    """A gap, once; ``at`` is the time of noting."""
    await connection.execute(SQL["note_gap"], gap.recorder_id, gap.boot_id, gap.cause, gap.began_at, gap.ended_at, at)
