"""Reports are kept by edition, never altered, and only who may makes and reads them."""

from __future__ import annotations

import json
from datetime import date, timedelta

import asyncpg
import pytest

from admin.reports.document import digest_of
from admin.reports.kinds import ReportKind
from admin.reports.reports import Asked, ReportUnfit, ReportUnknown
from admin.statistics.rollup import sum_all
from node.auth import NotAllowed
from node.database import Pool
from node.journal import Interface
from node.resolutions import Outcome
from registry.commerce.statements import MonthNotOver
from registry.enterprises import EnterpriseUnknown
from tests.support.counting import MINUTE_DAYS, at, write
from tests.support.figures import TODAY, YESTERDAY
from tests.support.office import acting
from tests.support.reporting import COMMAND, Scene, scene_of

DAY = Asked(ReportKind.OPERATION, since=YESTERDAY, until=TODAY)


@pytest.fixture
async def scene(pool: Pool, database_url: str) -> Scene:
    return await scene_of(pool, database_url)


async def one_more(scene: Scene) -> None:
    """A resolution of yesterday that came late."""
    minute = (at(YESTERDAY, 23, 59), (scene.pump, Interface.HANDLE_JSON, Outcome.HIT))
    await write(scene.office.pool, {minute: 1})
    await sum_all(scene.office.pool, scene.office.clock(), minute_days=MINUTE_DAYS)


async def test_the_same_data_are_kept_once_and_other_data_are_the_next_edition(scene: Scene) -> None:
    admin = scene.office.admin
    first, new = await scene.reports.make(admin, acting(admin), DAY)
    assert (first.edition, new) == (1, True)
    scene.office.clock.turn(hours=2)
    again, new = await scene.reports.make(admin, acting(admin), DAY)
    assert (again.report_id, new) == (first.report_id, False)
    await one_more(scene)
    second, new = await scene.reports.make(admin, acting(admin), DAY)
    assert (second.edition, new) == (2, True)
    assert second.sha256 != first.sha256
    kept = await scene.reports.get(admin, first.report_id)
    assert digest_of(kept.data) == first.sha256
    assert json.loads(kept.data)["kind"] == "operation"
    assert [one.edition for one in await scene.reports.kept(admin)] == [2, 1]
    assert [one.edition for one in await scene.reports.kept(admin, before=second.number)] == [1]
    assert await scene.reports.kept(admin, kind=ReportKind.MASKED) == []


async def test_making_a_report_leaves_its_traces_with_the_hash(scene: Scene) -> None:
    made, _ = await scene.reports.make(scene.office.auditor, acting(scene.office.auditor), DAY)
    act = (await scene.office.traces()).acts[-1]
    assert (act["action"], act["subject_id"]) == ("report.make", str(made.report_id))
    assert act["after"]["sha256"] == made.sha256.hex()
    assert made.made_by == scene.office.auditor.account_id


async def test_nobody_alters_or_removes_a_report(scene: Scene) -> None:
    await scene.reports.made(COMMAND, DAY)
    for statement in ("UPDATE report SET edition = 7", "DELETE FROM report"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await scene.office.pool.execute(statement)


async def test_a_report_is_worked_out_again_and_compared(scene: Scene) -> None:
    auditor = scene.office.auditor
    made, _ = await scene.reports.make(auditor, acting(auditor), DAY)
    kept, now = await scene.reports.recomputed(auditor, made.report_id)
    assert kept.data == now
    await one_more(scene)
    kept, now = await scene.reports.recomputed(auditor, made.report_id)
    assert kept.data != now


async def test_an_enterprise_reads_its_own_statements_and_nothing_else(scene: Scene) -> None:
    admin, own = scene.office.admin, scene.office.user(scene.pumps)
    asked = Asked(ReportKind.STATEMENT, enterprise_id=scene.pumps.enterprise_id)
    statement, _ = await scene.reports.make(admin, acting(admin), asked)
    operation, _ = await scene.reports.make(admin, acting(admin), DAY)
    assert [one.report_id for one in await scene.reports.kept(own)] == [statement.report_id]
    assert (await scene.reports.get(own, statement.report_id)).data
    other = scene.office.user()
    assert await scene.reports.kept(other) == []
    for account, report in ((own, operation), (other, statement), (other, operation)):
        with pytest.raises(NotAllowed):
            await scene.reports.get(account, report.report_id)
    for account in (own, scene.office.reviewer):
        with pytest.raises(NotAllowed):
            await scene.reports.make(account, acting(account), asked)
    with pytest.raises(NotAllowed):
        scene.reports.kinds(own)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Asked(ReportKind.OPERATION, since=YESTERDAY), "until"),
        (Asked(ReportKind.OPERATION, until=TODAY), "since"),
        (Asked(ReportKind.OPERATION, since=TODAY, until=TODAY), "until"),
        (Asked(ReportKind.OPERATION, since=TODAY, until=TODAY + timedelta(days=2)), "until"),
        (Asked(ReportKind.OPERATION, since=date(2024, 1, 1), until=TODAY), "until"),
        (Asked(ReportKind.OPERATION, since=date(2017, 1, 1), until=date(2017, 2, 1)), "until"),
        (Asked(ReportKind.OPERATION, profile="ningbo"), "profile"),
        (Asked(ReportKind.ACCEPTANCE, since=YESTERDAY, until=TODAY), "since"),
        (Asked(ReportKind.ACCEPTANCE, until=date.min), "until"),
        (Asked(ReportKind.OPERATION, since=date.min, until=date.max), "until"),
        (Asked(ReportKind.STATEMENT), "enterprise_id"),
    ],
)
async def test_a_window_that_does_not_fit_is_refused_by_the_name_of_its_field(
    scene: Scene, asked: Asked, field: str
) -> None:
    with pytest.raises(ReportUnfit) as refused:
        await scene.reports.made(COMMAND, asked)
    assert refused.value.evidence["field"] == field


async def test_a_statement_is_of_one_month_that_is_over(scene: Scene) -> None:
    pumps = scene.pumps.enterprise_id
    for since, until in ((date(2026, 2, 2), date(2026, 3, 1)), (date(2026, 1, 1), date(2026, 3, 1))):
        with pytest.raises(ReportUnfit):
            await scene.reports.made(COMMAND, Asked(ReportKind.STATEMENT, None, pumps, since, until))
    scene.office.clock.turn(days=29)
    with pytest.raises(MonthNotOver):
        await scene.reports.made(
            COMMAND, Asked(ReportKind.STATEMENT, None, pumps, date(2026, 3, 1), date(2026, 4, 1))
        )


async def test_what_is_not_there_is_not_reported(scene: Scene) -> None:
    stranger = scene.office.user().enterprise_id
    assert stranger is not None
    with pytest.raises(EnterpriseUnknown):
        await scene.reports.made(COMMAND, Asked(ReportKind.STATEMENT, enterprise_id=stranger))
    with pytest.raises(ReportUnknown):
        await scene.reports.get(scene.office.admin, stranger)
