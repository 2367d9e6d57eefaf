"""What reports say: the same bytes for the same records, figures of acceptance and statistics to the digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from admin.acceptance.acceptance import Acceptance
from admin.acceptance.views import EvaluationView
from admin.reports.document import digest_of
from admin.reports.kinds import ReportKind
from admin.reports.reports import Asked
from admin.statistics.examined_views import latency_rows
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.rollup import sum_all
from admin.statistics.standing_views import MeanView
from admin.statistics.statistics import Statistics
from admin.uploads.uploads import Uploads
from node import __version__
from node.database import Pool, transaction
from node.journal import Interface
from node.resolutions import Outcome
from registry.commerce.statements import Statements
from resolver.counting.writing import Gap, note_gap
from tests.support.counting import MINUTE_DAYS, at, write
from tests.support.figures import EARLIER, TODAY, YESTERDAY
from tests.support.office import NODE_PREFIX, acting
from tests.support.reporting import SEAL, Scene, ground_of, scene_of

MONDAY = YESTERDAY - timedelta(days=6)
ALL_KINDS = pytest.mark.parametrize("kind", list(ReportKind))


def wanted_of(scene: Scene, kind: ReportKind) -> Asked:
    """A report of the last days, or of February."""
    if kind is ReportKind.ACCEPTANCE:
        return Asked(kind)
    if kind is ReportKind.STATEMENT:
        return Asked(kind, enterprise_id=scene.pumps.enterprise_id)
    return Asked(kind, since=MONDAY, until=TODAY)


async def data_of(scene: Scene, asked: Asked) -> tuple[bytes, dict[str, Any]]:
    data = await scene.reports.data(scene.reports.wanted(asked))
    return data, json.loads(data)


def section(said: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in said["sections"] if one["id"] == name)


def facts(said: dict[str, Any], name: str) -> dict[str, Any]:
    return {fact["id"]: fact["value"] for fact in section(said, name)["facts"]}


def rows(said: dict[str, Any], name: str, table: str) -> list[dict[str, Any]]:
    found = next(one for one in section(said, name)["tables"] if one["id"] == table)
    heads = [column["id"] for column in found["columns"]]
    return [dict(zip(heads, row, strict=True)) for row in found["rows"]]


def floats_of(value: Any) -> Iterator[float]:
    """Every number with a fraction, wherever it stands."""
    if isinstance(value, float):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from floats_of(inner)


@ALL_KINDS
async def test_the_same_window_over_the_same_records_has_the_same_bytes(
    kind: ReportKind, pool: Pool, database_url: str
) -> None:
    scene = await scene_of(pool, database_url)
    asked = wanted_of(scene, kind)
    first, _ = await data_of(scene, asked)
    wanted = scene.reports.wanted(asked)
    scene.office.clock.turn(days=40, hours=3)
    assert await scene.reports.data(wanted) == first


@ALL_KINDS
async def test_one_counted_minute_more_changes_the_hash(kind: ReportKind, pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    asked = wanted_of(scene, kind)
    first, _ = await data_of(scene, asked)
    day = EARLIER if kind is ReportKind.STATEMENT else YESTERDAY
    minute = (at(day, 23, 59), (scene.pump, Interface.HANDLE_JSON, Outcome.HIT))
    await write(pool, {minute: 1})
    await sum_all(pool, scene.office.clock(), minute_days=MINUTE_DAYS)
    second, _ = await data_of(scene, asked)
    assert digest_of(second) != digest_of(first)


@ALL_KINDS
async def test_every_report_says_whose_it_is_and_how_it_was_counted(
    kind: ReportKind, pool: Pool, database_url: str
) -> None:
    scene = await scene_of(pool, database_url, laboratory=True)
    _, said = await data_of(scene, wanted_of(scene, kind))
    assert (said["laboratory"], said["mark"]) == (True, "实验数据")
    assert said["node"]["prefix"] == NODE_PREFIX.key
    assert said["software"] == f"biaoshi {__version__}"
    assert said["methods"]
    assert all(method["zh"] and method["en"] for method in said["methods"])
    assert said["rules"][0]["text"][0].startswith("计数规则第 1 版")
    assert said["gaps"] == []
    assert {one["flag"] for one in said["flags"]["kinds"]} >= {"own_tenant", "metronome", "bot"}
    assert said["provisional"] is False
    assert not any(value.is_integer() for value in floats_of(said)), "written as whole numbers, as others write them"
    assert "made_at" not in json.dumps(said)


async def test_acceptance_figures_are_those_of_the_evaluation_to_the_digit(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    ground = ground_of()
    acceptance = Acceptance(pool, scene.office.clock, ground.profiles, "ningbo")
    for profile in ground.profiles:
        _, said = await data_of(scene, Asked(ReportKind.ACCEPTANCE, profile))
        answer = EvaluationView.of(await acceptance.judge(profile)).model_dump(mode="json")
        told = rows(said, "criteria", "criteria")
        made_of = rows(said, "criteria", "composition")
        foretold = rows(said, "trends", "forecasts")
        evidence = rows(said, "evidence", "evidence")
        assert len(told) == len(answer["criteria"])
        for one, row, parts, trend, closed in zip(answer["criteria"], told, made_of, foretold, evidence, strict=True):
            assert (row["value"], row["threshold"], row["light"]) == (one["value"], one["threshold"], one["light"])
            assert row["net_value"] == one["net_value"]
            assert (parts["sum"], parts["days"]) == (one["sum"], one["days"])
            assert trend["per_day"] == one["per_day"]
            assert closed["sha256"] == one["evidence"]["sha256"]
        charts = section(said, "trends")["charts"]
        assert [chart["series"][0]["values"] for chart in charts] == [
            [point["value"] for point in one["series"]] for one in answer["criteria"]
        ]


async def test_operation_figures_are_those_of_the_statistics_to_the_digit(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    _, said = await data_of(scene, Asked(ReportKind.OPERATION, since=MONDAY, until=TODAY))
    statistics, auditor = Statistics(pool, scene.office.clock), scene.office.auditor
    span = Span(MONDAY, YESTERDAY)
    by_day = await statistics.resolutions(auditor, ResolutionQuestion(ResolutionsBy.DAY, span))
    told = {row["day"]: row for row in rows(said, "resolutions", "resolutions_by_day")}
    assert len(told) == 7
    for row in by_day:
        shown = told[row.key]
        assert (shown["raw"], shown["valid"]) == (row.raw, row.valid)
        assert (shown["examined"], shown["deduplicated"]) == (row.examined, row.deduplicated)
    summary = facts(said, "summary")
    assert (summary["raw"], summary["valid"]) == (19, 18)
    assert summary["valid"] == sum(row.valid for row in by_day)
    mean = (await statistics.summary(auditor, None)).last_30_days
    month = await data_of(scene, Asked(ReportKind.OPERATION, since=mean.span.since, until=TODAY))
    assert facts(month[1], "summary")["daily_mean"] == MeanView.of(mean).mean
    figures, _ = await statistics.enterprises(auditor, YESTERDAY)
    assert (summary["enterprises"], summary["connected"]) == (figures.total, figures.connected)
    by_prefix = await statistics.resolutions(auditor, ResolutionQuestion(ResolutionsBy.PREFIX, span))
    assert {row["prefix"]: row["valid"] for row in rows(said, "holders", "prefixes")} == {
        row.key: row.valid for row in by_prefix if row.key
    }
    assert [row["valid"] for row in rows(said, "closed_days", "closed_days")] == [5, 0, 13]
    assert facts(said, "closed_days") == {"closed": 3, "open": 0}
    digest = await statistics.digest(auditor, span, None, None)
    assert rows(said, "latency", "latency") == [row.model_dump() for row in latency_rows(digest)]
    assert [row["answers"] for row in rows(said, "latency", "latency")] == [18, 1]


async def test_masked_statistics_are_those_that_are_uploaded(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    data, said = await data_of(scene, Asked(ReportKind.MASKED, since=YESTERDAY, until=TODAY))
    uploads = Uploads(
        pool, scene.office.clock, ground_of().masks, SEAL.digest, name="示例节点", prefix=NODE_PREFIX,
        profile="city", every="day", hour=2,
    )  # fmt: skip
    tables = json.loads((await uploads.shown(None, YESTERDAY, TODAY))[1])["tables"]
    assert facts(said, "figures") == tables["figures"][0]
    assert rows(said, "days", "days") == tables["days"]
    told = [{**row, "connected": row["connected"] == "yes", "active": row["active"] == "yes"}
            for row in rows(said, "enterprises", "enterprises")]  # fmt: skip
    assert told == tables["enterprises"]
    assert scene.pumps.facts.name not in data.decode()
    assert scene.pumps.facts.credit_code not in data.decode()


async def test_an_enterprises_report_says_what_its_statement_says(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    asked = Asked(ReportKind.STATEMENT, enterprise_id=scene.pumps.enterprise_id)
    _, before = await data_of(scene, asked)
    assert facts(before, "amounts")["drawn_up"] == "否 no"
    assert facts(before, "use")["resolutions"] == 5
    admin, statements = scene.office.admin, Statements(pool, scene.office.clock)
    drawn = await statements.draw_up(admin, acting(admin), scene.pumps.enterprise_id, date(2026, 2, 1))
    _, after = await data_of(scene, asked)
    amounts = facts(after, "amounts")
    assert (amounts["drawn_up"], amounts["same"]) == ("是 yes", "是 yes")
    assert amounts["total"] == drawn.content["total"]
    assert facts(after, "use") == drawn.content["usage"]
    assert [row["resolutions"] for row in rows(after, "use", "use_by_day")] == [0] * 26 + [5, 0]
    assert rows(after, "use", "use_by_prefix")[0]["valid"] == 5


async def test_gaps_of_every_cause_are_told_in_words_with_the_window_they_touch(
    pool: Pool, database_url: str
) -> None:
    scene = await scene_of(pool, database_url)
    for hour, cause in enumerate(("killed", "machine", "no_evidence", "damaged", "late"), 1):
        gap = Gap(UUID(int=hour), UUID(int=9), cause, at(YESTERDAY, hour), at(YESTERDAY, hour, 5))
        async with transaction(pool) as connection:
            await note_gap(connection, gap, at(TODAY))
    for asked, gaps in ((Asked(ReportKind.OPERATION, since=YESTERDAY, until=TODAY), 5),
                        (Asked(ReportKind.ACCEPTANCE), 5),
                        (Asked(ReportKind.OPERATION, since=EARLIER, until=YESTERDAY), 0)):  # fmt: skip
        _, said = await data_of(scene, asked)
        assert len(said["gaps"]) == gaps
        assert all(gap["title_zh"] and gap["title_en"] for gap in said["gaps"])


async def test_a_window_that_is_not_over_is_called_provisional(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    _, said = await data_of(scene, Asked(ReportKind.ACCEPTANCE, until=TODAY + timedelta(days=1)))
    assert said["provisional"] is True


async def test_a_month_before_there_was_anything_has_a_report_too(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    _, said = await data_of(scene, Asked(ReportKind.OPERATION, since=date(2025, 1, 1), until=date(2025, 2, 1)))
    assert facts(said, "summary")["raw"] == 0
    assert facts(said, "summary")["missing_days"] == 31
    assert section(said, "latency")["charts"][0]["labels"] == []
