"""The pages of acceptance and reports: what they show is what the operations answer, and who may do what there."""

from __future__ import annotations

import json
from datetime import date, timedelta
from types import SimpleNamespace as Said
from uuid import UUID

from admin.acceptance.evaluation import Light
from admin.console.acceptance_pages import points_of
from admin.statistics.rollup import sum_all
from node.china_time import day_of
from node.database import transaction
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.writing import Gap, note_gap
from tests.support.console import Browser, dom_of
from tests.support.counting import MINUTE_DAYS, at, write
from tests.support.node import Node, running_node


async def resolved(node: Node, resolutions: int = 7) -> date:
    """So many valid resolutions on the day before the node's today; that day."""
    today = day_of(node.world.clock())
    day = today - timedelta(days=1)
    minute = (at(day, 10), (node.holder.prefix.key, Interface.HANDLE_JSON, Outcome.HIT))
    await write(node.world.pool, {minute: resolutions})
    await sum_all(node.world.pool, node.world.clock(), minute_days=MINUTE_DAYS)
    return day


async def test_acceptance_shows_every_criterion_with_what_is_demanded_and_reached(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node:
        day = await resolved(node, 60)
        gap = Gap(UUID(int=1), UUID(int=2), "machine", at(day, 1), at(day, 2))
        async with transaction(node.world.pool) as connection:
            await note_gap(connection, gap, at(day, 3))
        for name, by in (("auditor", "auditor"), ("reviewer", "reviewer")):
            async with Browser(node, name) as browser:
                page = await browser.page("/console/acceptance?profile=ningbo")
                answer = (await node("GET", "/v1/acceptance?profile=ningbo", by=by)).json
                assert "实验数据" in page.text
                assert "机器故障" in page.text
                for one, bar in zip(answer["criteria"], page.all("progress"), strict=True):
                    assert one["title_zh"] in page.text
                    assert bar["max"] == str(one["threshold"])
                    assert bar["value"] == str(min(one["value"], one["threshold"]))
                    for doubt in one["doubts"]:
                        assert doubt["text_zh"] in page.text
                series = answer["criteria"][2]["series"]
                shown = page.tables[2][1:]
                assert [row[0] for row in shown] == [point["day"] for point in series]
                assert [row[1].replace(",", "") for row in shown] == [
                    f"{point['value']:.2f}" if isinstance(point["value"], float) else str(point["value"])
                    for point in series
                ]
                assert ("制作验收报告" in page.text) is (name == "auditor")
        async with Browser(node, "administrator") as browser:
            wrong = await browser.get("/console/acceptance?at=2001-01-01")
            assert wrong.status == 422
            assert "日期不在可评估范围内" in dom_of(wrong).text
            _, page = await browser.done("/console/language", {"lang": "en"})
            page = await browser.page("/console/acceptance")
            assert "The last 60 days" in page.text
            place, page = await browser.done(
                "/console/acceptance/report", {"profile": "ningbo", "until": answer["at"]}
            )
            assert place.startswith("/console/reports/")
            assert "The acceptance report is made" in page.text


async def test_a_report_is_made_looked_at_compared_and_fetched_in_three_forms(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        day = await resolved(node)
        assert "还没有报告" in (await browser.page("/console/reports")).text
        fields = {"kind": "operation", "since": str(day), "until": str(day)}
        place, page = await browser.done("/console/reports/new", fields)
        assert "报告已制作" in page.text
        report_id = place.rpartition("/")[2]
        said = (await node("GET", f"/v1/reports/{report_id}", by="auditor")).json
        assert said["report"]["until"] == str(day + timedelta(days=1))
        assert said["report"]["sha256"] in page.text
        assert "有效解析量" in page.text
        (by_day,) = [table for table in page.tables if table[0][:3] == ["日期", "原始", "有效"]]
        assert by_day[1][:3] == [str(day), "7", "7"]
        again, page = await browser.done("/console/reports/new", fields)
        assert again == place
        assert "数据没有变化" in page.text
        assert "数据完全一致" in (await browser.page(f"{place}?compare=yes")).text
        await resolved(node, 3)
        assert "下列各处不同" in (await browser.page(f"{place}?compare=yes")).text
        page = await browser.page("/console/reports?kind=operation")
        assert page.tables[0][1][1] == f"{day} … {day}"
        assert said["report"]["sha256"][:12] in page.tables[0][1][4]
        for link in (link for link in page.links if "/content?" in link):
            fetched = await browser.get(link)
            assert fetched.status == 200
            assert fetched.headers["Content-Disposition"].startswith("attachment")
        assert "还没有报告" in (await browser.page("/console/reports?kind=masked")).text


async def test_what_is_wrong_with_a_report_stands_beside_its_field(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        for kind in ("acceptance", "operation", "masked", "statement"):
            page = await browser.page(f"/console/reports/new?kind={kind}")
            ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
            assert len(ids) == len(set(ids))
        answer = await browser.send(
            "/console/reports/new", {"kind": "operation", "since": "2026-01-01", "until": "2999-01-01"}
        )
        assert answer.status == 422
        page = dom_of(answer)
        assert page.all("input", name="until")[0]["aria-invalid"] == "true"
        assert page.all("input", name="since")[0]["value"] == "2026-01-01"
        answer = await browser.send("/console/reports/new", {"kind": "statement", "month": "2026-13"})
        assert answer.status == 422


async def test_an_enterprise_sees_its_own_statements_only(database_url: str) -> None:
    async with running_node(database_url) as node:
        owner = node.holder.account.enterprise_id
        made = await node("POST", "/v1/reports", json={"kind": "statement", "enterprise_id": str(owner)})
        assert made.status == 201
        report_id = made.json["report_id"]
        async with Browser(node, "enterprise_user") as browser:
            page = await browser.page("/console/reports")
            assert len(page.tables[0]) == 2
            assert "制作" not in page.text.replace("制作时间", "")
            assert "账单" in (await browser.page(f"/console/reports/{report_id}")).text
            fetched = await browser.get(f"/console/v1/reports/{report_id}/content?format=json")
            assert json.loads(fetched.body)["data"]["kind"] == "statement"
            assert (await browser.get("/console/reports/schedules")).status == 403
            assert (await browser.get("/console/reports/new")).status == 403
        async with Browser(node, "other") as browser:
            assert "还没有报告" in (await browser.page("/console/reports")).text
            assert (await browser.get(f"/console/reports/{report_id}")).status == 403
            refused = await browser.get(f"/console/v1/reports/{report_id}/content?format=pdf")
            assert refused.status == 403


async def test_schedules_are_set_by_administrators_and_seen_by_auditors(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "administrator") as browser:
            page = await browser.page("/console/reports/schedules?kind=operation")
            assert [row[1] for row in page.tables[0][1:]] == ["未启用"] * 4
            fields = {"kind": "operation", "enabled": "yes", "every": "week", "day": "8", "hour": "3", "version": "0"}
            answer = await browser.send("/console/reports/schedules", fields)
            assert answer.status == 422
            assert dom_of(answer).all("input", name="day")[0]["aria-invalid"] == "true"
            _, page = await browser.done("/console/reports/schedules", {**fields, "day": "2"})
            assert "计划已保存" in page.text
            operation = next(row for row in page.tables[0] if row[0] == "运行报告")
            assert operation[1:3] == ["已启用", "每周 周二 03:00"]
            stale = await browser.send("/console/reports/schedules", {**fields, "day": "3"})
            assert "内容已被他人修改" in dom_of(stale).text
        async with Browser(node, "auditor") as browser:
            page = await browser.page("/console/reports/schedules?kind=operation")
            assert not page.all("input", name="day")
            assert (await browser.send("/console/reports/schedules", fields)).status == 403


def test_a_forecast_is_drawn_as_a_straight_line_to_its_threshold() -> None:
    last = date(2026, 3, 1)
    series = [Said(day=last - timedelta(days=2 - passed), value=value) for passed, value in enumerate((40, 50, 60))]
    criterion = Said(series=series, threshold=100, met=False, light=Light.YELLOW,
                     forecast=Said(day=last + timedelta(days=4)))  # fmt: skip
    points = list(points_of(criterion))
    assert [point.value for point in points] == [40, 50, 60, None, None, None, None]
    assert [point.foretold for point in points] == [None, None, 60, 70.0, 80.0, 90.0, 100.0]
    assert {point.threshold for point in points} == {100}
    far = Said(**{**vars(criterion), "threshold": 1_000_000, "forecast": None})
    assert [point.threshold for point in points_of(far)] == [None] * 3
