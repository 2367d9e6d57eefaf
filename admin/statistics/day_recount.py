"""One day counted again from its event files and from history, and compared with everything that is said of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal

from admin.statistics.closed_record import edited, unknown_before
from admin.statistics.closing import last_to_close
from admin.statistics.comparing import (
    Difference,
    Kind,
    days_differ,
    digests_differ,
    figures_differ,
    hours_differ,
    minutes_differ,
)
from admin.statistics.day_figures import CountedDay, figures_of
from admin.statistics.day_tables import DayTables, HourKey, snapshot, tables_of
from admin.statistics.digest.digest import WHOLE_NODE
from admin.statistics.evidence_of_day import DayEvidence, Total, evidence_of_day, faults_of_files
from node.china_time import day_of, midnight
from node.database import Pool
from resolver.counting.folder import CountingFolder

Counts = Mapping[str, int]
"""What happened to identifiers, by the names of ``day_figures.py``."""

_CLOCK_MICROS = 60_000_000  # a clock that went back by less was set right


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many days minutes and event files are kept."""

    minute_days: int
    evidence_days: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader should know and is no difference.

    expired: the day's event files are kept no longer, before_rules: there were none, so its resolutions were not
    counted again; minutes_removed: its counts by the minute are kept no longer; unclosed: it is over and not closed;
    elsewhere: what another machine counted; clock_set_back: by how much the clock of a process went back.
    """

    what: Literal["expired", "before_rules", "minutes_removed", "unclosed", "elsewhere", "clock_set_back"]
    day: date
    detail: str = ""


@dataclass(slots=True)
class DayRecount:
    """``resolutions`` are those recounted. ``expected`` is what should be said of the day, ``evidence`` what its
    event files say; both None when these are kept no longer or the day is not over. ``totals`` are those totals of
    process starts that differ, as they should be.
    """

    day: date
    resolutions: int = 0
    expected: CountedDay | None = None
    evidence: DayEvidence | None = None
    minutes_kept: bool = True
    totals: dict[Total, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


async def recount_day(
    pool: Pool, folder: CountingFolder, day: date, counted_to: datetime, at: datetime, kept: Kept, history: Counts
) -> DayRecount:
    """Count a day again, up to ``counted_to`` if it is not over; ``history`` is what was registered on it.

    Raises ``DatabaseAway``, OSError.
    """
    found = DayRecount(day)
    until = min(midnight(day + timedelta(days=1)), counted_to)
    async with snapshot(pool) as connection:
        tables = await tables_of(connection, folder.recorder_id, day, until)
        found.differences += await unknown_before(connection, tables.closings)
    found.differences += edited(day, tables.closings, tables.acts)
    if tables.unclosed and day <= last_to_close(at):
        found.notes.append(Note("unclosed", day))
    if day < day_of(at) - timedelta(days=kept.evidence_days):
        found.notes.append(Note("expired", day))
        return found
    if tables.rule is None:
        found.notes.append(Note("before_rules", day))
        return found
    faults = await asyncio.to_thread(faults_of_files, folder, day, tables.segments)
    found.differences += [Difference("evidence", day, name, "registered", fault) for name, fault in faults]
    evidence = await asyncio.to_thread(evidence_of_day, folder, day, until, tables.rule.digest, tables.holders)
    found.resolutions = evidence.totals.total()
    found.minutes_kept = day >= day_of(at) - timedelta(days=kept.minute_days)
    _compare_sums(found, tables, evidence, until)
    found.notes += _of_others(day, tables, evidence)
    if day <= last_to_close(at):
        found.evidence, found.expected = evidence, _expected(folder, tables, evidence, history)
        found.differences += digests_differ(day, tables.digests, evidence.digests)
        if tables.closings:
            newest = tables.closings[-1]
            # A node may have become a laboratory since.
            recounted = figures_of(replace(found.expected, laboratory=newest.figures["laboratory"]))
            found.differences += figures_differ(day, newest.edition, newest.figures, recounted)
    return found


def _compare_sums(found: DayRecount, tables: DayTables, evidence: DayEvidence, until: datetime) -> None:
    day, totals = found.day, evidence.totals
    if found.minutes_kept:
        found.differences += minutes_differ(day, tables.minutes, totals, tables.gaps)
        found.totals = {
            total: totals[total]
            for total in tables.minutes.keys() | totals
            if tables.minutes.get(total, 0) != totals[total]
        }
    else:
        found.notes.append(Note("minutes_removed", day))
        if tables.others:
            return  # what these counted is known by the hour only
    hours = _hours(tables, evidence)
    ended = int(until.timestamp()) // 3600 * 60
    counted = {key: resolutions for key, resolutions in tables.hours.items() if key[0] < ended}
    found.differences += hours_differ(day, counted, {key: hours[key] for key in hours if key[0] < ended})
    if until == midnight(day + timedelta(days=1)):
        found.differences += days_differ(day, tables.counted.sums, _day(hours))


def _hours(tables: DayTables, evidence: DayEvidence) -> Counter[HourKey]:
    hours: Counter[HourKey] = Counter()
    for totals in (evidence.totals, *tables.elsewhere.values()):
        for (_, minute, prefix, interface, outcome), resolutions in totals.items():
            hours[minute // 60 * 60, (prefix, interface, outcome)] += resolutions
    return hours


def _day(hours: Mapping[HourKey, int]) -> Counter[Kind]:
    sums: Counter[Kind] = Counter()
    for (_, kind), resolutions in hours.items():
        sums[kind] += resolutions
    return sums


def _expected(folder: CountingFolder, tables: DayTables, evidence: DayEvidence, history: Counts) -> CountedDay:
    digests = {
        recorder: digest for recorder, digest in tables.counted.digests.items() if recorder != folder.recorder_id
    }
    if WHOLE_NODE in evidence.digests:
        digests[folder.recorder_id] = evidence.digests[WHOLE_NODE]
    sums = _day(_hours(tables, evidence))
    return replace(tables.counted, sums=sums, digests=digests, registrations=history)


def _of_others(day: date, tables: DayTables, evidence: DayEvidence) -> Iterator[Note]:
    for recorder, totals in tables.elsewhere.items():
        yield Note("elsewhere", day, f"{recorder}: {sum(totals.values())}")
    for boot_id, micros in evidence.set_back.items():
        if micros >= _CLOCK_MICROS:
            yield Note("clock_set_back", day, f"{boot_id}: {micros // 1_000_000} s")
