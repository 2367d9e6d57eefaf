"""Every figure counted again from what it rests on, and where it differs (``biaoshi recount``).

Resolutions are counted again from the event files of this machine's folder, registrations from the history of every
identifier. What they give is compared with the minutes that processes told, the hours and days summed from these, the
digests, the tallies and the newest closing of each day; closings and rules also with the journal. What other machines
counted is taken as they told it: theirs is to be counted again where their folder is.

The minute that runs and the one before it are left out: their totals may still be on their way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from admin.statistics.added_up import added_up_differ
from admin.statistics.closed_record import rules_edited
from admin.statistics.comparing import Difference, registrations_differ
from admin.statistics.day_figures import SQL as FIGURES
from admin.statistics.day_recount import Counts, DayRecount, Kept, Note, recount_day
from admin.statistics.day_tables import snapshot
from node.china_time import day_of
from node.database import Connection, Pool
from node.sql import statements_beside
from registry.tallies import registrations_from_history
from resolver.counting.folder import CountingFolder

SQL = statements_beside(__file__, "recount.sql")

COUNTED = ("registered", "first_registered", "updated", "deleted", "suspended", "resumed")
"""What history tells of identifiers, by the names of ``RegistrationCounts``."""

_MINUTE = timedelta(minutes=1)
_SECONDS = 600.0

ByPrefix = Mapping[int, Counts]
"""By ``prefix_id``."""


@dataclass(frozen=True, slots=True)
class Registrations:
    """Of one day, as transactions tallied them and as history has them."""

    tallied: ByPrefix
    true: ByPrefix


@dataclass(frozen=True, slots=True)
class Recount:
    """The days from ``since`` to ``until``, both included, of what was counted before ``counted_to``. ``rules`` is
    what differs about rules of any day, ``added_up`` about totals and months."""

    since: date
    until: date
    counted_to: datetime
    laboratory: bool
    rules: list[Difference]
    added_up: list[Difference]
    days: list[DayRecount]
    registrations: dict[date, Registrations]

    @property
    def differences(self) -> list[Difference]:
        return self.rules + self.added_up + [difference for day in self.days for difference in day.differences]

    @property
    def notes(self) -> list[Note]:
        return [note for day in self.days for note in day.notes]


async def recount(pool: Pool, folder: CountingFolder, since: date, until: date, at: datetime, kept: Kept) -> Recount:
    """Count again up to ``at``, which is now. A million resolutions take some twenty seconds.

    Raises ``DatabaseAway``, OSError.
    """
    until = min(until, day_of(at))
    counted_to = at.replace(second=0, microsecond=0) - _MINUTE
    async with snapshot(pool) as connection:
        laboratory = await connection.fetchval(FIGURES["laboratory"])
        rules = await rules_edited(connection)
        added_up = await added_up_differ(connection, since, until)
        registrations = await _registrations(connection, since, until)
        names = {row["prefix_id"]: row["prefix"] for row in await connection.fetch(SQL["prefix_names"])}
    days = []
    for day, registered in registrations.items():
        history = _together(registered.true)
        found = await recount_day(pool, folder, day, counted_to, at, kept, history)
        found.differences += registrations_differ(day, registered.tallied, registered.true, names)
        days.append(found)
    return Recount(since, until, counted_to, laboratory, rules, added_up, days, registrations)


async def _registrations(connection: Connection, since: date, until: date) -> dict[date, Registrations]:
    tallied: defaultdict[date, dict[int, Counts]] = defaultdict(dict)
    true: defaultdict[date, dict[int, Counts]] = defaultdict(dict)
    for row in await connection.fetch(SQL["registrations_by_prefix"], since, until, timeout=_SECONDS):
        tallied[row["day"]][row["prefix_id"]] = {name: row[name] for name in COUNTED}
    for (day, prefix_id), counts in (await registrations_from_history(connection, since, until)).items():
        true[day][prefix_id] = {name: getattr(counts, name) for name in COUNTED}
    days = (since + timedelta(days=number) for number in range((until - since).days + 1))
    return {day: Registrations(tallied[day], true[day]) for day in days}


def _together(by_prefix: ByPrefix) -> dict[str, int]:
    total = Counter(dict.fromkeys(COUNTED, 0))
    for counts in by_prefix.values():
        total.update(counts)
    return dict(total)
