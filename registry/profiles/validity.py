"""Reminders before something of an enterprise ends: its certificate, its licences.

Once a day the steward looks what ends soon. Each threshold (90, 30, 7 and 0 days by default) is reminded of once; a
node that was down for a while gives the nearest reminder and not those that are past. A later day of ending, told by
an edit, begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import structlog

from node.china_time import CHINA, day_of
from node.database import Connection, Pool, transaction
from node.errors import NodeError
from node.pause import pause
from node.sql import statements_beside
from registry.notifications import notify
from registry.profiles.profile import profile_of

log = structlog.get_logger(__name__)

_SQL = statements_beside(__file__, "validity.sql")
_FIRST = UUID(int=0)
_MOST = 500
_REST_SECONDS = 60.0


async def remind_daily(
    pool: Pool, clock: Callable[[], datetime], days_before: Sequence[int], stop: asyncio.Event
) -> None:
    """A look now and after every midnight (UTC+8), until told to stop; what went wrong is logged and repeated."""
    while not stop.is_set():
        at = clock()
        try:
            given = await give_reminders(pool, at, days_before)
        except NodeError as error:
            log.warning("validity_look_failed", code=error.code, detail=error.detail)
            await pause(stop, _REST_SECONDS)
            continue
        if given:
            log.info("validity_reminders_given", reminders=given)
        await pause(stop, _until_tomorrow(at).total_seconds())


async def give_reminders(pool: Pool, at: datetime, days_before: Sequence[int]) -> int:
    """Give every reminder that is due and was not given; how many. Raises ``DatabaseAway``."""
    today = day_of(at)
    last = today + timedelta(days=max(days_before, default=0))
    given, after = 0, _FIRST
    while True:
        async with transaction(pool) as connection:
            rows = await connection.fetch(_SQL["ending_soon"], last, after, _MOST)
            for row in rows:
                for what, ends in profile_of(row["profile"]).ends().items():
                    threshold = due(ends, today, days_before)
                    if threshold is not None:
                        given += await _remind(connection, row, what, ends, threshold, today, at)
        if len(rows) < _MOST:
            return given
        after = rows[-1]["enterprise_id"]


def due(ends: date, today: date, days_before: Sequence[int]) -> int | None:
    """The nearest threshold that is reached, in days before the end; ``None`` while it is still far."""
    left = (ends - today).days
    return min((days for days in days_before if days >= left), default=None)


async def _remind(
    connection: Connection, row: Mapping[str, Any], what: str, ends: date, threshold: int, today: date, at: datetime
) -> int:
    enterprise_id = row["enterprise_id"]
    first = await connection.fetchval(_SQL["note_reminder"], enterprise_id, what, ends, threshold, at)
    if first is None:
        return 0
    await notify(connection, enterprise_id, "enterprise.validity", _body(what, ends, (ends - today).days), at)
    return 1


def _body(what: str, ends: date, left: int) -> dict[str, Any]:
    number = what.partition(":")[2]
    zh, en = (f"许可证 {number}", f"The licence {number}") if number else ("企业证件", "The certificate")
    over = left < 0
    when_zh = f"已于 {ends} 到期" if over else f"将于 {ends} 到期，还有 {left} 天"
    when_en = f"ended on {ends}" if over else f"ends on {ends}, in {left} days"
    return {
        "title_zh": "有效期已过" if over else "有效期即将届满",
        "title_en": "A validity has ended" if over else "A validity is ending",
        "detail_zh": f"{zh}{when_zh}，请及时更新企业信息。",
        "detail_en": f"{en} {when_en}: please bring the record up to date.",
        "what": what,
        "valid_until": ends.isoformat(),
    }


def _until_tomorrow(at: datetime) -> timedelta:
    local = at.astimezone(CHINA)
    return datetime.combine(local.date() + timedelta(days=1), time(0, 1), CHINA) - local
