"""What the database says of a day, for comparison with its evidence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from admin.statistics.closing import CLOSED, CORRECTED, SUBJECT, Closing, closings
from admin.statistics.comparing import KnownGap
from admin.statistics.day_figures import CountedDay, counted_day
from admin.statistics.digest.digest import PrefixDigest
from admin.statistics.digesting import digests_kept, holders_on
from admin.statistics.evidence_of_day import Total
from admin.statistics.rules import NO_RULE, Rule, rule_of
from node.china_time import midnight
from node.database import Connection, Pool, database_errors
from node.sql import statements_beside
from resolver.counting.register import RegisteredSegment, registered_segments

SQL = statements_beside(__file__, "recount.sql")
_SECONDS = 300.0

HourKey = tuple[int, tuple[str, int, int]]
"""First minute of an hour since 1970; prefix, interface and outcome."""


@dataclass(frozen=True, slots=True)
class DayTables:
    """``minutes`` are the totals of process starts that count into this folder, or into none that is known;
    ``elsewhere`` those of other machines, by recorder. ``others`` is whether other machines sealed event files.
    ``acts`` is what the journal says was closed."""

    rule: Rule | None
    holders: Mapping[str, int]
    minutes: Mapping[Total, int]
    elsewhere: Mapping[UUID, Mapping[Total, int]]
    others: bool
    hours: Mapping[HourKey, int]
    counted: CountedDay
    digests: Mapping[str, PrefixDigest]
    segments: Sequence[RegisteredSegment]
    gaps: Sequence[KnownGap]
    closings: Sequence[Closing]
    unclosed: bool
    acts: Sequence[Mapping[str, Any]]


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """A connection that sees one moment, and changes nothing. Raises ``DatabaseAway``."""
    with database_errors():
        async with (
            pool.acquire(timeout=5) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


async def tables_of(connection: Connection, recorder_id: UUID, day: date, until: datetime) -> DayTables:
    """What stands there, of minutes those before ``until``; for a machine that counts as ``recorder_id``."""
    begins, ends = midnight(day), midnight(day + timedelta(days=1))
    boots = await connection.fetch(SQL["boots_elsewhere"], recorder_id, timeout=_SECONDS)
    recorders = {row["boot_id"]: row["recorder_id"] for row in boots}
    minutes: dict[Total, int] = {}
    elsewhere: dict[UUID, Counter[Total]] = {}
    for boot_id, minute, *kind, told in await connection.fetch(
        SQL["minutes_of_day"], begins, min(ends, until), timeout=_SECONDS
    ):
        total: Total = (boot_id, int(minute.timestamp()) // 60, *kind)
        if boot_id in recorders:
            elsewhere.setdefault(recorders[boot_id], Counter())[total] = told
        else:
            minutes[total] = told
    hours = await connection.fetch(SQL["hours_of_day"], begins, ends, timeout=_SECONDS)
    gaps = await connection.fetch(SQL["gaps_between"], begins, ends, timeout=_SECONDS)
    acts = await connection.fetch(SQL["closing_acts"], SUBJECT, [CLOSED, CORRECTED], str(day), timeout=_SECONDS)
    rule = await rule_of(connection, day)
    return DayTables(
        rule,
        await holders_on(connection, day),
        minutes,
        elsewhere,
        await connection.fetchval(SQL["others_of_day"], day, recorder_id) is not None,
        {(int(hour.timestamp()) // 60, (prefix, interface, outcome)): told
         for hour, prefix, interface, outcome, told in hours},
        await counted_day(connection, day, NO_RULE if rule is None else rule.version),
        await digests_kept(connection, recorder_id, day),
        await registered_segments(connection, recorder_id, day, day),
        [KnownGap(**row) for row in gaps],
        await closings(connection, day, day + timedelta(days=1)),
        await connection.fetchval(SQL["unclosed"], day),
        [json.loads(row["after"]) for row in acts],
    )  # fmt: skip
