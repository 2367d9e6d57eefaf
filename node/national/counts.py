"""What there is to say about days, hours and minutes: registrations and resolutions, as summed up.

Each statement is the whole of a period so far and replaces the one before it. Whoever changes a sum marks its hour
and its day (``count_to_state``); a mark is taken away when the node above has acknowledged a statement that was read
after the mark was made. So nothing is missing however long the link was down, a lost statement is made good by the
next, and what waits is never more than one row for each hour. Yesterday and today are stated every time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from node.china_time import day_of
from node.database import Connection, Pool, database_errors
from node.national.client import NationalClient
from node.national.messages import MOST_HOURS, Counts, DayCounts, PeriodCounts, ResolutionCount
from node.national.outbox import sender
from node.sql import statements_beside

_SQL = statements_beside(__file__, "counts.sql")
_SECONDS = 60.0
_MARKED_DAYS = 8  # of the ten of a statement, two are always yesterday and today
_CHANGES = ("registered", "updated", "deleted", "suspended", "resumed")


@dataclass(frozen=True, slots=True)
class Statement:
    """What is to be stated, and the marks that it answers: (period, moment, mark). ``more`` are marked besides."""

    counts: Counts
    marks: Sequence[tuple[str, datetime, int]]
    more: bool


async def state_counts(pool: Pool, client: NationalClient, at: datetime) -> bool:
    """State what is marked, the newest first; whether there is more to be stated at once.

    Raises ``DatabaseAway``, ``NationalSilent``, ``NationalRefusal``: the marks stay.
    """
    statement = await next_statement(pool, at)
    await client.count(statement.counts)
    if statement.marks:
        with database_errors():
            await pool.execute(_SQL["take_marks_away"], *map(list, zip(*statement.marks, strict=True)))
    return statement.more


async def counts_waiting(pool: Pool) -> int:
    """How many hours and days wait to be stated. Raises ``DatabaseAway``."""
    with database_errors():
        return int(await pool.fetchval(_SQL["marked"]))


async def next_statement(pool: Pool, at: datetime) -> Statement:
    """Yesterday and today, the newest marked days and hours, and the minutes of these. Raises ``DatabaseAway``."""
    who = await sender(pool)
    today = day_of(at)
    with database_errors():
        # One picture of everything: a mark seen here is older than the sums that are read.
        async with (
            pool.acquire(timeout=5) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            marks = await connection.fetch(_SQL["marks"], _MARKED_DAYS, MOST_HOURS)
            marked_days = {day_of(row["at"]) for row in marks if row["period"] == "day"}
            days = sorted({today, today - timedelta(days=1), *marked_days})
            hours = sorted(row["at"] for row in marks if row["period"] == "hour")
            stated = Counts(
                node=who.node_id,
                laboratory=who.laboratory,
                at=at,
                days=await _days(connection, days),
                hours=await _hours(connection, hours),
                minutes=await _minutes(connection, hours),
            )
            marked = await connection.fetchval(_SQL["marked"])
    return Statement(stated, [(row["period"], row["at"], row["mark"]) for row in marks], more=marked > len(marks))


async def _days(connection: Connection, days: Sequence[date]) -> list[DayCounts]:
    registered = await connection.fetch(_SQL["registrations_of_days"], days, timeout=_SECONDS)
    resolved = await connection.fetch(_SQL["resolutions_of_days"], days, timeout=_SECONDS)
    registrations = {row["day"]: row for row in registered}
    resolutions = _by(resolved, "day")
    return [
        DayCounts(
            day=day,
            # Sums may be corrected; none of a whole day is below 0.
            **{change: max(0, registrations[day][change]) if day in registrations else 0 for change in _CHANGES},
            resolutions=resolutions[day],
        )
        for day in days
    ]


async def _hours(connection: Connection, hours: Sequence[datetime]) -> list[PeriodCounts]:
    rows = await connection.fetch(_SQL["resolutions_of_hours"], hours, timeout=_SECONDS)
    resolutions = _by(rows, "hour")
    return [PeriodCounts(at=hour, resolutions=resolutions[hour]) for hour in hours]


async def _minutes(connection: Connection, hours: Sequence[datetime]) -> list[PeriodCounts]:
    """Of minutes that are no longer kept nothing is said: what was stated about them stands."""
    rows = await connection.fetch(_SQL["resolutions_of_minutes"], hours, timeout=_SECONDS)
    resolutions = _by(rows, "minute")
    return [PeriodCounts(at=minute, resolutions=counted) for minute, counted in sorted(resolutions.items())]


def _by(rows: Iterable[Mapping[str, Any]], period: str) -> defaultdict[Any, list[ResolutionCount]]:
    """Also the periods of which nothing is left: they are stated as empty."""
    found: defaultdict[Any, list[ResolutionCount]] = defaultdict(list)
    for row in rows:
        counted = found[row[period]]
        if row["resolutions"] > 0:
            counted.append(
                ResolutionCount(interface=row["interface"], outcome=row["outcome"], resolutions=row["resolutions"])
            )
    return found
