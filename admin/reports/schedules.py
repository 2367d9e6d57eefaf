"""Schedules (定期报告): which report is made by itself and when; the steward makes each period's once, also late.

A schedule makes the periods (days, weeks from Monday on, months) that are over when the hour of its day strikes. What
was missed while no steward was at work is made up for, the oldest first. A window that has a report gets no second
one, so nobody has to lead, and who stopped in the middle goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from admin.reports.kinds import ReportKind
from admin.reports.making import SQL
from admin.reports.reports import Asked, Clock, Reports, ReportUnfit
from admin.statistics.enterprises import enterprise_standings
from admin.uploads.periods import Every, Period, due, last_finished
from node.auth import Account, Action, require
from node.database import Pool, transaction
from node.errors import NodeError
from node.journal import Act, Actor, Interface, record_act
from node.pause import pause
from registry.store import check_version, reading

log = structlog.get_logger("reports")

_TURN_SECONDS = 60.0
_STEWARD = Actor(None, Interface.STEWARD)
_LAST_DAY: dict[Every, int] = {"day": 1, "week": 7, "month": 28}


@dataclass(frozen=True, slots=True)
class Schedule:
    """``day`` of the week (Monday is 1) or month, 1 for every day; ``hour`` of China.

    ``made_until`` is the end of the newest period that it made. ``version`` 0: it was never set.
    """

    kind: ReportKind
    profile: str
    enabled: bool
    every: Every
    day: int
    hour: int
    made_until: date | None
    version: int
    updated_at: datetime | None

    def next_at(self, at: datetime) -> datetime | None:
        """When it will make a report next; ``None`` when it is off."""
        if not self.enabled:
            return None
        newest = self._newest(at)
        moment = at.replace(minute=0, second=0, microsecond=0)
        while self._newest(moment) == newest:
            moment += timedelta(hours=1)
        return moment

    def due(self, at: datetime) -> list[Period]:
        """What is to be made, the oldest first."""
        return due(self.every, self._shifted(at), self.hour, self.made_until) if self.enabled else []

    def _newest(self, at: datetime) -> Period:
        return last_finished(self.every, self._shifted(at), self.hour)

    def _shifted(self, at: datetime) -> datetime:
        """Periods end on the first day of the next one; a later day is as many days later."""
        return at - timedelta(days=self.day - 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a schedule shall be."""

    kind: ReportKind
    enabled: bool
    every: Every
    day: int
    hour: int
    profile: str | None = None


class Schedules:
    """The use cases. All raise ``DatabaseAway``, those of accounts ``NotAllowed`` too."""

    def __init__(self, pool: Pool, clock: Clock, reports: Reports) -> None:
        self._pool = pool
        self._clock = clock
        self._reports = reports

    @property
    def now(self) -> datetime:
        return self._clock()

    async def known(self, account: Account) -> list[Schedule]:
        """One for each kind, off where none was set."""
        require(account, Action.REPORT_MAKE, None)
        found = {schedule.kind: schedule for schedule in await self._set()}
        return [found.get(kind, _unset(kind)) for kind in ReportKind]

    async def put(self, account: Account, actor: Actor, plan: Plan, version: int) -> Schedule:
        """Set one; ``version`` is that which was read, 0 for the first time.

        Raises ``VersionChanged``, ``ReportUnfit``, ``ProfileUnknown``, ``UploadProfileUnknown``.
        """
        require(account, Action.REPORT_SCHEDULE, None)
        profile = self._checked(plan)
        at = self._clock()
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(SQL["hold_schedule"], plan.kind)
            before = _schedule(row) if row else _unset(plan.kind)
            check_version(version, before.version)
            row = await connection.fetchrow(
                SQL["set_schedule"], plan.kind, profile, plan.enabled, plan.every, plan.day, plan.hour, at
            )
            after = _schedule(row)
            act = Act(
                Action.REPORT_SCHEDULE, "report_schedule", str(plan.kind),
                before=_said(before) if before.version else None, after=_said(after),
            )  # fmt: skip
            await record_act(connection, actor, act, at)
        return after

    def _checked(self, plan: Plan) -> str:
        if not 1 <= plan.day <= _LAST_DAY[plan.every]:
            last = _LAST_DAY[plan.every]
            raise ReportUnfit(f"the day of every {plan.every} is 1 to {last}", field="day")
        if plan.kind is ReportKind.STATEMENT and plan.every != "month":
            raise ReportUnfit("statements are of months", field="every")
        return self._reports.profile_of(plan.kind, plan.profile)

    # The steward's part -----------------------------------------------------------------------------

    async def make_due(self) -> int:
        """Make what is due; how many reports are new.

        Raises what making raises, after the other schedules had their turn.
        """
        made, refused = 0, None
        for schedule in await self._set():
            try:
                for period in schedule.due(self._clock()):
                    made += await self._make(schedule, period)
            except NodeError as error:
                refused = error
                log.warning("report_not_made", kind=str(schedule.kind), code=error.code, detail=error.detail)
        if refused is not None:
            raise refused
        return made

    async def _make(self, schedule: Schedule, period: Period) -> int:
        made = 0
        for enterprise_id in await self._whose(schedule.kind, period):
            asked = Asked(
                schedule.kind,
                schedule.profile,
                enterprise_id,
                None if schedule.kind is ReportKind.ACCEPTANCE else period.since,
                period.until,
            )
            made += await self._reports.made_once(_STEWARD, asked)
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["note_made_until"], schedule.kind, period.until, schedule.version)
        return made

    async def _whose(self, kind: ReportKind, period: Period) -> list[UUID | None]:
        """Statements are made for every enterprise that was approved at the end of the period."""
        if kind is not ReportKind.STATEMENT:
            return [None]
        async with reading(self._pool) as connection:
            standings = await enterprise_standings(connection, period.until - timedelta(days=1))
        return [one.enterprise_id for one in standings if one.approved]

    async def _set(self) -> list[Schedule]:
        async with reading(self._pool) as connection:
            return [_schedule(row) for row in await connection.fetch(SQL["list_schedules"])]


async def keep_making(schedules: Schedules, stop: asyncio.Event) -> None:
    """Make what is due every minute until told to stop; what went wrong is logged and tried again."""
    while not stop.is_set():
        try:
            await schedules.make_due()
        except NodeError as error:
            log.warning("reports_not_made", code=error.code, detail=error.detail)
        except Exception:
            log.exception("reports_broken")
        await pause(stop, _TURN_SECONDS)


def _unset(kind: ReportKind) -> Schedule:
    return Schedule(
        kind, "", enabled=False, every="month", day=1, hour=3, made_until=None, version=0, updated_at=None
    )


def _schedule(row: Mapping[str, Any]) -> Schedule:
    return Schedule(**dict(row) | {"kind": ReportKind(row["kind"])})


def _said(schedule: Schedule) -> dict[str, Any]:
    return {
        "profile": schedule.profile, "enabled": schedule.enabled, "every": schedule.every, "day": schedule.day,
        "hour": schedule.hour,
    }  # fmt: skip
