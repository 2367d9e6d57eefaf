"""Counts as the nodes below state them: of days, hours and minutes; the statement that was made later holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from node.china_time import midnight
from node.database import Connection
from node.national.messages import Counts, DayCounts, PeriodCounts, encode
from node.sql import statements_beside
from node.upper.effects import Effects
from node.upper.exchange import Caller, RequestMalformed
from node.upper.nodes import note_node, note_node_below

_SQL = statements_beside(__file__, "counts.sql")
_YEARS = range(2000, 10_000)
_SECONDS = {"minute": 60, "hour": 3600}


class _Row(NamedTuple):
    period: str
    at: datetime
    registered: int
    updated: int
    deleted: int
    suspended: int
    resumed: int
    resolutions: str


async def state_counts(
    connection: Connection, caller: Caller, counts: Counts, effects: Effects, at: datetime
) -> None:
    """Replace what was said about these days, hours and minutes before, unless that was said later.

    Raises ``NodeOfAnother``, and ``RequestMalformed`` for an hour or minute that begins at none.
    """
    node = await note_node(connection, caller, counts.node, counts.laboratory, at)
    own = [*_days(counts.days), *_periods("hour", counts.hours), *_periods("minute", counts.minutes)]
    await _state(connection, counts.node, node.laboratory, counts.at, own)
    for below in counts.below:
        laboratory = node.laboratory or below.laboratory
        await note_node_below(connection, caller, below.node, below.prefix, laboratory, at)
        rows = [*_days(below.days), *_periods("hour", below.hours)]
        await _state(connection, below.node, laboratory, below.at, rows)
    await effects.counted(connection, node, counts, at)


def _days(days: Iterable[DayCounts]) -> Iterator[_Row]:
    for day in days:
        if day.day.year not in _YEARS:
            raise RequestMalformed(f"{day.day} is no day to count")
        yield _Row(
            "day", midnight(day.day), day.registered, day.updated, day.deleted, day.suspended, day.resumed,
            encode(day.resolutions).decode(),
        )  # fmt: skip


def _periods(period: str, counts: Iterable[PeriodCounts]) -> Iterator[_Row]:
    for count in counts:
        if count.at.year not in _YEARS or count.at.timestamp() % _SECONDS[period]:
            raise RequestMalformed(f"{count.at.isoformat()} is not the beginning of any {period}")
        yield _Row(period, count.at, 0, 0, 0, 0, 0, encode(count.resolutions).decode())


async def _state(
    connection: Connection, node_id: UUID, laboratory: bool, stated_at: datetime, rows: Iterable[_Row]
) -> None:
    # Of two that name the same period the last one holds; a statement must not meet itself.
    last = {(row.period, row.at): row for row in rows}
    columns = list(zip(*last.values(), strict=True)) or [()] * len(_Row._fields)
    await connection.execute(_SQL["state_counts"], node_id, laboratory, stated_at, *map(list, columns))
