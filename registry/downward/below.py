"""The counts of the nodes below, stated upward: a day or an hour again whenever its node has stated it anew.

They are the statements as they came, with the node, its prefix, its time and whether it is a laboratory. A period
that was stated below is marked until the node above has it, so that nothing is lost while that is away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from node.china_time import day_of, midnight
from node.database import Connection, Pool, database_errors
from node.national.client import NationalClient
from node.national.duties import Duty
from node.national.messages import (
    MOST_BELOW,
    MOST_HOURS,
    BelowCounts,
    Counts,
    DayCounts,
    PeriodCounts,
    ResolutionCount,
)
from node.national.outbox import sender
from node.sql import statements_beside

_SQL = statements_beside(__file__)
_IDLE_SECONDS = 10.0
_MOST_ROWS = 300
_MOST_DAYS = 10

Row = Mapping[str, Any]


def below_duty(pool: Pool, clock: Callable[[], datetime]) -> Duty:
    """The duty of stating them, a turn each few seconds."""

    async def turn(client: NationalClient) -> float:
        return 0.0 if await state_below(pool, client, clock()) else _IDLE_SECONDS

    return Duty("below", "counts", turn)


async def mark_counts(connection: Connection, node_id: UUID, counts: Counts) -> None:
    """Remember that a node below has stated these days and hours, in the transaction that receives them."""
    stated = [("day", midnight(day.day)) for day in counts.days] + [("hour", hour.at) for hour in counts.hours]
    periods, times = [period for period, _ in stated], [at for _, at in stated]
    await connection.execute(_SQL["mark_counts"], node_id, periods, times)


async def state_below(pool: Pool, client: NationalClient, at: datetime) -> bool:
    """State what the node above does not know yet, as much as fits; whether there may be more.

    Raises ``DatabaseAway``, ``NationalSilent``, ``NationalRefusal``, ``AccessPending``.
    """
    us = await sender(pool)
    with database_errors():
        rows = await pool.fetch(_SQL["marked_counts"], _MOST_ROWS)
    chunks = list(_chunks(rows))[:MOST_BELOW]
    if not chunks:
        return False
    below = [_stated(chunk) for chunk in chunks]
    await client.count(Counts(node=us.node_id, laboratory=us.laboratory, at=at, days=[], below=below))
    with database_errors():
        await pool.execute(_SQL["take_marks_away"], [row["mark"] for chunk in chunks for row in chunk])
    return True


def _chunks(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """What one statement of one node can hold at a time."""
    for (_, _, period), group in groupby(rows, key=lambda row: (row["node_id"], row["stated_at"], row["period"])):
        listed = list(group)
        most = _MOST_DAYS if period == "day" else MOST_HOURS
        yield from (listed[first : first + most] for first in range(0, len(listed), most))


def _stated(rows: Sequence[Row]) -> BelowCounts:
    first = rows[0]
    return BelowCounts(
        node=first["node_id"],
        prefix=first["delegated_prefix"],
        laboratory=any(row["laboratory"] for row in rows),
        at=first["stated_at"],
        days=[_day(row) for row in rows if row["period"] == "day"],
        hours=[PeriodCounts(at=row["at"], resolutions=_resolutions(row)) for row in rows if row["period"] == "hour"],
    )


def _day(row: Row) -> DayCounts:
    return DayCounts(
        day=day_of(row["at"]),
        registered=row["registered"],
        updated=row["updated"],
        deleted=row["deleted"],
        suspended=row["suspended"],
        resumed=row["resumed"],
        resolutions=_resolutions(row),
    )


def _resolutions(row: Row) -> list[ResolutionCount]:
    return msgspec.convert(json.loads(row["resolutions"]), list[ResolutionCount])
