"""Reports that are made by themselves: at their day and hour, each period once, also after a long silence."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from admin.reports.kinds import ReportKind
from admin.reports.reports import Asked, ReportUnfit
from admin.reports.schedules import Plan, Schedules, keep_making
from node.auth import NotAllowed
from node.database import Pool
from registry.store import VersionChanged
from tests.support.docking import until
from tests.support.figures import TODAY, YESTERDAY
from tests.support.office import acting
from tests.support.reporting import COMMAND, Scene, scene_of

DAILY = Plan(ReportKind.OPERATION, enabled=True, every="day", day=1, hour=3)


@pytest.fixture
async def scene(pool: Pool, database_url: str) -> Scene:
    return await scene_of(pool, database_url)


async def put(scene: Scene, plan: Plan, version: int = 0) -> None:
    admin = scene.office.admin
    await scene.schedules.put(admin, acting(admin), plan, version)


async def windows(scene: Scene) -> list[tuple[date, date]]:
    """Oldest first."""
    return [(one.since, one.until) for one in await scene.reports.newest(200)][::-1]


async def test_a_period_is_made_once_however_many_stewards_there_are(scene: Scene) -> None:
    await put(scene, DAILY)
    second = Schedules(scene.office.pool, scene.office.clock, scene.reports)
    made = await asyncio.gather(scene.schedules.make_due(), second.make_due())
    assert sum(made) == 1
    assert await windows(scene) == [(YESTERDAY, TODAY)]
    assert await scene.schedules.make_due() == 0
    (report,) = await scene.reports.newest(10)
    assert (report.made_by, report.edition) == (None, 1)


async def test_what_was_missed_is_made_up_for_in_its_order(scene: Scene) -> None:
    await put(scene, DAILY)
    await scene.schedules.make_due()
    scene.office.clock.turn(days=5)
    assert await scene.schedules.make_due() == 5
    days = [since for since, _ in await windows(scene)]
    assert days == [YESTERDAY + timedelta(days=passed) for passed in range(6)]


async def test_a_window_that_somebody_made_gets_no_second_report(scene: Scene) -> None:
    await scene.reports.made(COMMAND, Asked(ReportKind.OPERATION, since=YESTERDAY, until=TODAY))
    await put(scene, DAILY)
    assert await scene.schedules.make_due() == 0
    scene.office.clock.turn(days=1)
    assert await scene.schedules.make_due() == 1


async def test_a_month_waits_for_the_day_and_hour_of_its_schedule(scene: Scene) -> None:
    await put(scene, Plan(ReportKind.OPERATION, enabled=True, every="month", day=5, hour=8))
    assert await scene.schedules.make_due() == 1, "the month that was over last when it struck last"
    assert await windows(scene) == [(date(2026, 1, 1), date(2026, 2, 1))]
    scene.office.clock.now = datetime(2026, 3, 4, 23, 59, tzinfo=UTC)
    assert await scene.schedules.make_due() == 0
    schedule = next(
        one for one in await scene.schedules.known(scene.office.admin) if one.kind is ReportKind.OPERATION
    )
    assert schedule.next_at(scene.office.clock()) == datetime(2026, 3, 5, 0, 0, tzinfo=UTC)
    scene.office.clock.now = datetime(2026, 3, 5, 0, 0, tzinfo=UTC)
    assert await scene.schedules.make_due() == 1
    assert (await windows(scene))[-1] == (date(2026, 2, 1), date(2026, 3, 1))


async def test_a_week_goes_from_monday_to_sunday(scene: Scene) -> None:
    await put(scene, Plan(ReportKind.MASKED, enabled=True, every="week", day=2, hour=1))
    scene.office.clock.now = datetime(2026, 3, 2, 16, 59, tzinfo=UTC)
    assert await scene.schedules.make_due() == 1
    assert await windows(scene) == [(date(2026, 2, 16), date(2026, 2, 23))]
    scene.office.clock.turn(minutes=1)
    assert await scene.schedules.make_due() == 1
    assert (await windows(scene))[-1] == (date(2026, 2, 23), date(2026, 3, 2))


async def test_acceptance_is_judged_at_the_end_of_the_period_by_the_profile_of_the_schedule(scene: Scene) -> None:
    await put(scene, Plan(ReportKind.ACCEPTANCE, enabled=True, every="month", day=1, hour=2, profile="shandong"))
    assert await scene.schedules.make_due() == 1
    (report,) = await scene.reports.newest(10)
    assert (report.profile, report.until) == ("shandong", date(2026, 3, 1))


async def test_every_approved_enterprise_gets_its_statement(scene: Scene) -> None:
    await put(scene, Plan(ReportKind.STATEMENT, enabled=True, every="month", day=1, hour=2))
    assert await scene.schedules.make_due() == 2
    assert len({one.enterprise_id for one in await scene.reports.newest(10)}) == 2
    assert await scene.schedules.make_due() == 0


async def test_a_schedule_is_set_by_administrators_one_after_another_and_leaves_a_trace(scene: Scene) -> None:
    office = scene.office
    for account in (office.reviewer, office.auditor, office.user(scene.pumps)):
        with pytest.raises(NotAllowed):
            await scene.schedules.put(account, acting(account), DAILY, 0)
    with pytest.raises(NotAllowed):
        await scene.schedules.known(office.user(scene.pumps))
    await put(scene, DAILY)
    act = (await office.traces()).acts[-1]
    assert (act["action"], act["subject_id"]) == ("report.schedule", "operation")
    with pytest.raises(VersionChanged):
        await put(scene, DAILY)
    await put(scene, Plan(ReportKind.OPERATION, enabled=False, every="day", day=1, hour=3), version=1)
    assert await scene.schedules.make_due() == 0
    known = {one.kind: one for one in await scene.schedules.known(office.auditor)}
    assert set(known) == set(ReportKind)
    assert known[ReportKind.OPERATION].next_at(office.clock()) is None
    assert known[ReportKind.MASKED].version == 0


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (Plan(ReportKind.OPERATION, enabled=True, every="week", day=8, hour=3), "day"),
        (Plan(ReportKind.OPERATION, enabled=True, every="day", day=2, hour=3), "day"),
        (Plan(ReportKind.STATEMENT, enabled=True, every="week", day=1, hour=3), "every"),
        (Plan(ReportKind.OPERATION, enabled=True, every="day", day=1, hour=3, profile="city"), "profile"),
    ],
)
async def test_a_schedule_that_does_not_fit_is_refused_by_its_field(scene: Scene, plan: Plan, field: str) -> None:
    with pytest.raises(ReportUnfit) as refused:
        await put(scene, plan)
    assert refused.value.evidence["field"] == field


async def test_the_steward_makes_reports_until_told_to_stop(scene: Scene) -> None:
    await put(scene, DAILY)
    stop = asyncio.Event()
    making = asyncio.create_task(keep_making(scene.schedules, stop))

    async def made() -> bool:
        return len(await windows(scene)) == 1

    await until(made)
    stop.set()
    await making
