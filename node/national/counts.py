"""What there is to say about yesterday and today: registrations and resolutions, by days of China, as summed up.

Each statement is the whole day so far and replaces the one before it, so it needs no outbox: one that is lost
is made good by the next. Yesterday is stated as long as it is yesterday, for what was counted around midnight.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta

from node.china_time import day_of
from node.database import Pool, database_errors
from node.national.messages import DayCounts, ResolutionCount
from node.sql import statements_beside

_SQL = statements_beside(__file__)
_SECONDS = 60.0
_CHANGES = ("registered", "updated", "deleted", "suspended", "resumed")


async def days_so_far(pool: Pool, at: datetime) -> list[DayCounts]:
    """The counts of yesterday and today as of ``at``. Raises ``DatabaseAway``."""
    today = day_of(at)
    yesterday = today - timedelta(days=1)
    with database_errors():
        registered = await pool.fetch(_SQL["registrations_by_day"], yesterday, today, timeout=_SECONDS)
        resolved = await pool.fetch(_SQL["resolutions_by_day"], yesterday, today, timeout=_SECONDS)
    registrations = {row["day"]: row for row in registered}
    resolutions: defaultdict[date, list[ResolutionCount]] = defaultdict(list)
    for row in resolved:
        resolutions[row["day"]].append(
            ResolutionCount(interface=row["interface"], outcome=row["outcome"], resolutions=row["resolutions"])
        )
    return [
        DayCounts(
            day=day,
            **{change: registrations[day][change] if day in registrations else 0 for change in _CHANGES},
            resolutions=resolutions[day],
        )
        for day in (yesterday, today)
    ]
