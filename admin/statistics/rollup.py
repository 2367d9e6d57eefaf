"""Sums of hours and days from minutes, however late these are written.

Who writes minutes marks their hours in the same transaction. A turn takes marks away and replaces the sums of their
hours, then those of the days they are in: whatever came before the turn is in them, whatever comes later marks its
hour again. Nothing is ever added to a sum, so a turn that is repeated, or that died, changes nothing. Registrations
are added from their tallies, each exactly once (``registry/tallies.py``).

Days that ended before the turn are marked for closing anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from node.china_time import day_of, midnight
from node.database import Connection, Pool, transaction
from node.sql import statements_beside
from registry.tallies import sum_registrations

SQL = statements_beside(__file__, "rollup.sql")

_HOURS = 24  # of one transaction: workers that write to the newest of them wait for it
_TALLIES = 20_000
_MINUTES = 10_000  # removed by one transaction, in a tenth of a second
_PORTIONS = 100
"""Of one turn, at most. A thousand prefixes asked by two interfaces at two workers are 4,000 rows of every minute,
and a turn comes every ten minutes.
"""
_SECONDS = 60.0
_KEY_DAYS = 62


@dataclass(frozen=True, slots=True)
class Summed:
    """What one turn summed: how many hours, and the days of China that changed. ``more`` may wait."""

    hours: int
    days: frozenset[date]
    more: bool


async def sum_resolutions(pool: Pool, at: datetime, *, minute_days: int) -> Summed:
    """One turn for resolutions, as of ``at``. Raises ``DatabaseAway``."""
    async with transaction(pool) as connection:
        return await sum_marked(connection, at, minute_days=minute_days)


async def sum_marked(connection: Connection, at: datetime, *, minute_days: int) -> Summed:
    """The same within the caller's transaction.

    An hour older than ``minute_days`` is not summed again, for the minutes beside the late ones are gone; these are
    removed and a gap says so.
    """
    await connection.execute(SQL["sum_alone"], timeout=_SECONDS)
    marked = [row["hour"] for row in await connection.fetch(SQL["take_marked_hours"], _HOURS, timeout=_SECONDS)]
    late = [hour for hour in marked if hour < _horizon(at, minute_days)]
    if late:
        await connection.execute(SQL["refuse_late"], late, at, timeout=_SECONDS)
    hours = sorted(set(marked).difference(late))
    days = sorted({day_of(hour) for hour in hours})
    if hours:
        await connection.execute(SQL["sum_hours"], hours, timeout=_SECONDS)
        await connection.execute(SQL["sum_days"], days, [midnight(day) for day in days], timeout=_SECONDS)
        await _mark_days(connection, days, at)
    return Summed(len(hours), frozenset(days), more=len(marked) == _HOURS)


async def sum_tallies(pool: Pool, at: datetime) -> Summed:
    """One turn for registrations. Raises ``DatabaseAway``."""
    async with transaction(pool) as connection:
        days = await sum_registrations(connection, _TALLIES)
        await _mark_days(connection, days, at)
    return Summed(0, frozenset(days), more=bool(days))


async def sum_all(pool: Pool, at: datetime, *, minute_days: int) -> frozenset[date]:
    """Turns of both kinds until nothing waits: the days that changed. Raises ``DatabaseAway``."""
    days: set[date] = set()
    while True:
        resolutions = await sum_resolutions(pool, at, minute_days=minute_days)
        registrations = await sum_tallies(pool, at)
        days |= resolutions.days | registrations.days
        if not (resolutions.more or registrations.more):
            return frozenset(days)


async def remove_old(pool: Pool, at: datetime, *, minute_days: int) -> None:
    """Remove minutes older than ``minute_days``, some of them in a transaction, and keys of clients of months ago.

    Raises ``DatabaseAway``.
    """
    async with transaction(pool) as connection:
        await connection.execute(SQL["remove_old_keys"], day_of(at) - timedelta(days=_KEY_DAYS), timeout=_SECONDS)
    for _ in range(_PORTIONS):
        async with transaction(pool) as connection:
            done = await connection.execute(
                SQL["remove_old_minutes"], _horizon(at, minute_days), _MINUTES, timeout=_SECONDS
            )
        if int(done.rpartition(" ")[2]) < _MINUTES:
            return


async def _mark_days(connection: Connection, days: Iterable[date], at: datetime) -> None:
    await connection.execute(SQL["mark_days_to_close"], sorted(days), day_of(at))


def _horizon(at: datetime, minute_days: int) -> datetime:
    return midnight(day_of(at) - timedelta(days=minute_days))
