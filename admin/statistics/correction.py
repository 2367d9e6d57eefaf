"""What ``biaoshi recount --correct`` writes: days as their evidence has them, each as a further edition.

Totals that processes told are set to what their event files say (nothing, where there is none), and hours, days and
months summed again; digests and tallies likewise. Evidence and history are never touched. One transaction corrects a
day, and no steward sums or closes meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from admin.statistics.closing import Closing, add_edition
from admin.statistics.day_figures import SQL as CLOSING
from admin.statistics.day_figures import figures_of
from admin.statistics.day_recount import DayRecount
from admin.statistics.digest.digest import merge
from admin.statistics.digesting import digests_kept, keep_digests
from admin.statistics.evidence_of_day import Total
from admin.statistics.questions import next_month
from admin.statistics.recount import COUNTED, SQL, Recount, Registrations
from admin.statistics.rollup import SQL as ROLLUP
from admin.statistics.rollup import sum_marked
from node.china_time import midnight
from node.database import Connection, Pool, transaction

_SECONDS = 300.0
_NOON = timedelta(hours=12)


async def correct(pool: Pool, recorder_id: UUID, found: Recount, at: datetime, *, minute_days: int) -> list[Closing]:
    """Write what a recount of the folder ``recorder_id`` found, of days that are over and whose counts by the minute
    are kept; returns the new editions.

    Raises ``DatabaseAway``.
    """
    made = []
    for day in found.days:
        added_up = any(difference.day in (day.day, day.day.replace(day=1)) for difference in found.added_up)
        if day.expected is None or not day.minutes_kept or not (day.differences or added_up):
            continue
        async with transaction(pool) as connection:
            await connection.execute(ROLLUP["sum_alone"], timeout=_SECONDS)
            await connection.execute(CLOSING["close_alone"], timeout=_SECONDS)
            await connection.execute(SQL["lock_months"], timeout=_SECONDS)
            if day.totals:
                await _correct_totals(connection, day.totals)
            await connection.execute(SQL["mark_corrected_hours"], midnight(day.day), timeout=_SECONDS)
            await _correct_registrations(connection, day, found.registrations[day.day])
            await _correct_digests(connection, recorder_id, day, at)
            while (await sum_marked(connection, at, minute_days=minute_days)).more:
                pass
            await _add_up(connection, day.day)
            await connection.execute(CLOSING["take_mark"], day.day)
            closing = await add_edition(connection, figures_of(day.expected), at, "recount")
            if closing is not None:
                made.append(closing)
    return made


async def _add_up(connection: Connection, day: date) -> None:
    month = day.replace(day=1), next_month(day)
    hours = midnight(day), midnight(day + timedelta(days=1))
    await connection.execute(SQL["correct_hour_totals"], *hours, timeout=_SECONDS)
    await connection.execute(SQL["correct_total"], day, timeout=_SECONDS)
    await connection.execute(SQL["correct_month"], *month, timeout=_SECONDS)
    await connection.execute(SQL["correct_digest_month"], *month, timeout=_SECONDS)
    await connection.execute(SQL["correct_registration_total"], day, timeout=_SECONDS)
    await connection.execute(SQL["correct_registration_month"], *month, timeout=_SECONDS)


async def _correct_totals(connection: Connection, totals: Mapping[Total, int]) -> None:
    rows = [(boot, datetime.fromtimestamp(minute * 60, UTC), *kind, n) for (boot, minute, *kind), n in totals.items()]
    columns = list(zip(*sorted(rows, key=str), strict=True))
    await connection.execute(SQL["correct_minutes"], *columns, timeout=_SECONDS)


async def _correct_registrations(connection: Connection, day: DayRecount, registrations: Registrations) -> None:
    missing = {}
    for prefix_id in registrations.tallied.keys() | registrations.true.keys():
        tallied, true = registrations.tallied.get(prefix_id, {}), registrations.true.get(prefix_id, {})
        counts = [true.get(name, 0) - tallied.get(name, 0) for name in COUNTED]
        if any(counts):
            missing[prefix_id] = counts
    if missing:
        columns = list(zip(*missing.values(), strict=True))
        noon = midnight(day.day) + _NOON
        await connection.execute(SQL["correct_registrations"], noon, day.day, list(missing), *columns)


async def _correct_digests(connection: Connection, recorder_id: UUID, day: DayRecount, at: datetime) -> None:
    assert day.expected is not None
    assert day.evidence is not None
    made = dict(day.evidence.digests)
    for prefix in (await digests_kept(connection, recorder_id, day.day)).keys() - made.keys():
        made[prefix] = merge(())  # a digest is not removed: it says that there was nothing
    await keep_digests(connection, recorder_id, day.day, day.expected.rule_version, made, at)
