"""Statistics pages show what the operations answer, and filters ask them; nobody sees more than is theirs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from node.china_time import day_of
from tests.support.console import Browser, Dom, dom_of
from tests.support.counting import close_days
from tests.support.figures_of_node import days_of_events, register, resolve, summed
from tests.support.node import Node, running_node


async def answered(node: Node, path: str, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = (await node("GET", f"/v1/statistics{path}", query=query)).json
    return found


def table(page: Dom, first: str) -> list[list[str]]:
    """The body of the first table with this heading."""
    return next(found[1:] for found in page.tables if found and found[0][0] == first)


def told(values: Sequence[Any]) -> list[str]:
    return ["—" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in values]


COUNTS = ("valid", "raw", "deduplicated", "flagged", "net", "examined")


async def test_series_are_shown_as_they_are_answered(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node, Browser(node, "auditor") as browser:
        await register(node, 4)
        await days_of_events(node)
        await resolve(node, {"P-0": 3, "P-1": 1, "P-x": 2})
        page = await browser.page("/console/statistics")
        by_day = (await answered(node, "/resolutions"))["items"]
        rows = table(page, "项")
        assert len(rows) == 30
        assert [row for row in rows if row[1:3] != ["0", "0"]] == [
            [one["key"], *told([one[name] for name in COUNTS])] for one in by_day
        ]
        assert "实验数据" in page.text
        assert "计数规则第 1 版" in " ".join(page.text.split())
        for by, key in (("interface", "HTTP 解析"), ("outcome", "命中"), ("prefix", None), ("enterprise", None)):
            page = await browser.page(f"/console/statistics?by={by}&outcome=hit")
            items = (await answered(node, "/resolutions", by=by, outcome="hit"))["items"]
            rows = table(page, "项")
            assert [row[1:] for row in rows] == [told([one[name] for name in COUNTS]) for one in items]
            if key is not None:
                assert rows[0][0] == key
            else:
                assert items[0]["name"] in rows[0][0]
        today = day_of(node.world.clock()).isoformat()
        page = await browser.page(f"/console/statistics?by=hour&since={today}&until={today}&interface=handle_json")
        hours = table(page, "项")
        assert len(hours) == 24
        assert hours[17][:3] == [f"{today[5:]} 17:00", "4", "6"]
        english = await browser.page("/console/statistics?by=outcome&lang=en")
        assert {row[0] for row in table(english, "Key")} == {"Found", "Not found"}


async def test_a_table_for_spreadsheets_has_the_same_question(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        await days_of_events(node)
        for path in ("/console/statistics?by=interface&outcome=hit", "/console/statistics/registrations?by=prefix"):
            link = next(link for link in (await browser.page(path)).links if "format=csv" in link)
            assert set(parse_qsl(urlsplit(path).query)) < set(parse_qsl(urlsplit(link).query))
            answer = await browser.get(link)
            assert answer.headers["Content-Type"].startswith("text/csv")
        link = next(link for link in (await browser.page("/console/statistics")).links if "format=csv" in link)
        lines = (await browser.get(link)).body.decode("utf-8-sig").splitlines()
        assert [line.split(",")[0] for line in lines[1:]] == [
            one["key"] for one in (await answered(node, "/resolutions"))["items"]
        ]


async def test_registrations_are_shown_as_they_are_answered(database_url: str) -> None:
    names = ("registered", "deleted", "net", "first_registered", "updated", "suspended", "resumed")
    async with running_node(database_url) as node, Browser(node, "reviewer") as browser:
        await register(node, 3)
        one = f"/v1/identifiers/{node.holder.prefix.text}/P-1"
        assert (await node("DELETE", one, by="enterprise_user", query={"version": "1"})).status < 300
        await summed(node)
        for by in ("day", "prefix", "enterprise", "template"):
            page = await browser.page(f"/console/statistics/registrations?by={by}")
            items = (await answered(node, "/registrations", by=by))["items"]
            rows = [row[1:] for row in table(page, "项") if row[1] != "0"]
            assert rows == [told([one[name] for name in names]) for one in items]
            assert rows[0][:3] == ["3", "1", "2"]


async def test_distribution_latency_and_flags_are_those_of_the_event_files(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        empty = await browser.page("/console/statistics/distribution")
        assert "没有整理过的事件文件" in empty.text
        await days_of_events(node)
        found = await answered(node, "/resolutions/distribution")
        page = await browser.page("/console/statistics/distribution")
        assert f"已核查的有效解析{found['examined']}" in re.sub(r"\s", "", page.text)
        bands = [one for one in page.tables if one and one[0][0] == "被解析次数"]
        for shown, name in zip(bands, ("by_identifier", "by_client", "by_network"), strict=True):
            assert [row[1:] for row in shown[1:]] == [
                told([band["members"], band["resolutions"]]) for band in found[name]
            ]
        hours = (await answered(node, "/resolutions/hours"))["items"]
        assert table(page, "时") == [told([hour["hour"], hour["valid"], hour["raw"]]) for hour in hours]
        leaders = [one for one in page.tables if one and one[0] == ["项", "有效解析"]]
        assert [row[0] for row in leaders[0][1:]] == [one["key"] for one in found["top_identifiers"][:10]]

        page = await browser.page("/console/statistics/quality")
        latency = (await answered(node, "/resolutions/latency"))["items"]
        rows = table(page, "接口")
        assert [row[1] for row in rows] == [f"{one['p50'] / 1000:.2f} ms" for one in latency]
        assert [row[4] for row in rows] == [f"{one['p99'] / 1000:.2f} ms" for one in latency]
        flags = await answered(node, "/resolutions/flags")
        kinds = [kind["flag"] for kind in flags["kinds"]]
        assert table(page, "日期") == [
            told([one["day"], one["net"], one["flagged"], one["examined"], one["deduplicated"],
                  *(one["flags"].get(kind, 0) for kind in kinds)])
            for one in flags["items"]
        ]  # fmt: skip


async def test_rules_gaps_and_closed_days_are_what_figures_rest_on(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        page = await browser.page("/console/statistics/basis")
        assert "还没有记录计数规则" in page.text
        assert "这些日子没有缺口" in page.text
        await days_of_events(node)
        await close_days(node.world.pool, node.world.clock())
        now = node.world.clock()
        for _ in range(51):
            await node.world.pool.execute(
                "INSERT INTO counting_gap (recorder_id, boot_id, cause, began_at, ended_at, noted_at)"
                " VALUES (gen_random_uuid(), gen_random_uuid(), 'machine', $1, $1, $1)", now,
            )  # fmt: skip
        page = await browser.page("/console/statistics/basis")
        assert [row[2] for row in table(page, "自")] == ["机器故障"] * 50
        following = next(link for link in page.links if "cursor=" in link)
        assert len(table(await browser.page(following), "自")) == 1
        rule = (await answered(node, "/rules"))["items"][0]
        assert all(line in page.text for line in rule["text"])
        days = (await answered(node, "/days"))["items"]
        assert [row[:4] for row in table(page, "日期")] == [
            told([one["day"], one["edition"], one["valid"], one["raw"]]) for one in days
        ]
        day = await browser.page(f"/console/statistics/days/{days[0]['day']}")
        assert days[0]["sha256"] in day.text
        assert (await browser.get("/console/statistics/days/2020-01-01")).status == 404


async def test_enterprises_are_counted_as_they_are_answered(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        await register(node, 1)
        found = await answered(node, "/enterprises")
        page = await browser.page("/console/statistics/enterprises")
        assert [row[0] for row in table(page, "企业")] == [one["name"] for one in found["items"]]
        page = await browser.page("/console/statistics/enterprises?only=active")
        assert [row[0] for row in table(page, "企业")] == ["中山示例企业2001"]
        page = await browser.page("/console/statistics/enterprises?only=enterprise_node")
        assert "没有这样的企业" in page.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=2026-11-02&until=2026-11-01", "统计日期范围有误"),
        ("by=minute&since=2026-01-01&until=2026-02-01", "统计日期范围有误"),
        ("since=yesterday", "输入"),
        ("prefix=%3Cscript%3E", "前缀"),
        ("by=colour", "输入"),
    ],
)
async def test_a_question_with_faults_is_refused_on_its_page(database_url: str, query: str, said: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        answer = await browser.get(f"/console/statistics?{query}")
        assert answer.status == 422
        page = dom_of(answer)
        assert said in page.text
        assert page.all("div", role="alert")
        assert b"<script>" not in answer.body
        asked = dict(parse_qsl(query))
        for name in ("since", "until", "prefix"):
            assert page.all("input", name=name)[0]["value"] == asked.get(name, "")


async def test_an_enterprise_asks_about_itself_alone(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, 2)
        await resolve(node, {"P-0": 2})
        others = node.holder.account.enterprise_id
        async with Browser(node, "other") as browser:
            page = await browser.page("/console/statistics")
            assert "这些日子没有解析" in page.text
            assert page.all("select", name="enterprise_id") == []
            assert "/console/statistics/enterprises" not in page.links
            assert (await browser.get(f"/console/statistics?enterprise_id={others}")).status == 403
            assert (await browser.get("/console/statistics/enterprises")).status == 403
            assert (await browser.get("/console/statistics/days/2026-11-20")).status == 403
            assert (await browser.page("/console/statistics/basis")).text
        async with Browser(node, "enterprise_user") as browser:
            rows = table(await browser.page("/console/statistics?by=prefix"), "项")
            assert [row[1] for row in rows] == ["2"]
