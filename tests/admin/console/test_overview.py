"""The first page shows what the operations answer: the node's to the staff, its own to an enterprise."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from node.china_time import day_of
from tests.support.console import Browser, Dom
from tests.support.figures_of_node import days_of_events, register, resolve
from tests.support.node import Node, running_node


def table(page: Dom, first: str) -> list[list[str]]:
    """The body of the first table with this heading."""
    return next(found[1:] for found in page.tables if found and found[0][0] == first)


def number_after(page: Dom, label: str) -> float:
    """The first number after a label."""
    found = re.search(re.escape(label) + r"\s*([\d,.]+)", page.text)
    assert found, label
    return float(found[1].replace(",", ""))


async def items(node: Node, path: str, by: str = "administrator", **query: Any) -> list[dict[str, Any]]:
    found = (await node("GET", path, by=by, query={name: str(value) for name, value in query.items()})).json
    return list(found["items"])


async def test_the_staff_see_the_figures_of_the_operations(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node:
        await register(node, 3)
        await resolve(node, {"P-0": 5, "P-1": 2, "P-9": 1})
        await days_of_events(node)
        today = day_of(node.world.clock()).isoformat()
        summary = (await node("GET", "/v1/statistics")).json
        async with Browser(node, "auditor") as browser:
            page = await browser.page("/console")
            assert number_after(page, "有效解析量") == summary["resolutions_today"]["valid"] == 7
            assert number_after(page, "应答 ") == summary["resolutions_today"]["raw"] == 8
            assert number_after(page, "昨日 ") == summary["resolutions_yesterday"]["valid"] == 20
            assert number_after(page, "现存 ") == summary["registrations_live"] == 3
            assert number_after(page, "日均解析量（前 30 个整日）") == summary["last_30_days"]["mean"] == 4
            assert number_after(page, "累计 ") == summary["resolutions_ever"]["valid"] == 127
            resolved = await items(node, "/v1/statistics/resolutions", by="auditor")
            days = table(page, "日期")
            assert len(days) == 30
            assert [row for row in days if row[1:] != ["0", "0"]] == [
                [one["key"], str(one["valid"]), str(one["raw"])] for one in resolved
            ]
            top = await items(node, "/v1/statistics/resolutions/top", of="prefix")
            assert table(page, "前缀") == [[one["key"], one["name"], str(one["valid"])] for one in top]
            assert table(page, "结果") == [["命中", "7"], ["未找到", "1"]]
            assert "今日还没有解析" not in page.text
            assert "还没有整理好的事件文件" in page.text
            latency = await items(node, "/v1/statistics/resolutions/latency", since=today, until=today)
            assert latency == []
            acceptance = (await node("GET", "/v1/acceptance")).json
            assert acceptance["profile"]["name_zh"] in page.text
            met = sum(criterion["met"] for criterion in acceptance["criteria"])
            assert f"{met} / {len(acceptance['criteria'])} 项达标" in page.text
            measured = (await node("GET", "/v1/node/measurements")).json
            assert f"{measured['hit_share'] * 100:.1f} %" in page.text
            national = (await node("GET", "/v1/national")).json
            assert number_after(page, "待报 ") == national["backlog"]["messages"]
            assert "未配置" in page.text
            assert "实验数据" in page.text
            english = await browser.page("/console?lang=en")
            assert number_after(english, "Valid resolutions") == 7
            assert "实验数据 Laboratory data" in english.text


async def test_what_asks_for_somebody_is_told_with_the_way_to_it(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        page = await browser.page("/console")
        assert "前 30 个整日中有 30 日没有解析数据" in page.text
        now, pool = node.world.clock(), node.world.pool
        await pool.execute("UPDATE outbox SET refused = true, delivered_at = $1 WHERE stream = 'template'", now)
        other = node.other.account.enterprise_id
        soon = day_of(now) + timedelta(days=3)
        await pool.execute("UPDATE enterprise SET valid_until = $1 WHERE enterprise_id = $2", soon, other)
        await pool.execute(
            "INSERT INTO counting_gap (recorder_id, boot_id, cause, began_at, ended_at, noted_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), 'killed', $1, $2, $2)", now - timedelta(hours=1), now,
        )  # fmt: skip
        tasks = (await node("GET", "/v1/node/tasks")).json
        page = await browser.page("/console")
        assert f"国家顶级节点拒收 {tasks['messages_refused']} 条上报" in page.text
        assert "1 家企业的证件将在 30 日内到期" in page.text
        assert "近 30 日有 1 段计数缺口" in page.text
        for path in ("/console/national/refused", "/console/enterprises", "/console/statistics/basis"):
            assert path in page.links
        assert page.text.index("拒收") < page.text.index("计数缺口")


async def test_an_enterprise_sees_its_own_and_what_comes_next(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "enterprise_user") as browser:
            page = await browser.page("/console")
            assert "下一步" in page.text
            assert "前缀已启用：建一个数据模板，注册第一个标识。" in page.text
            assert "/console/guide" in page.links
            assert "还没有批次" in page.text
            await register(node, 2)
            await resolve(node, {"P-1": 3})
            page = await browser.page("/console")
            assert "下一步" not in page.text
            summary = (await node("GET", "/v1/statistics", by="enterprise_user")).json
            assert number_after(page, "现存标识") == summary["registrations_live"] == 2
            assert number_after(page, "今日有效解析") == summary["resolutions_today"]["valid"] == 3
            assert table(page, "前缀") == [[node.holder.prefix.text, "启用"]]
            assert "验收指标" not in page.text
            csv = b"prefix,suffix\n"
            sent = await node(
                "POST", f"/v1/batches?prefix={node.holder.prefix.text}&template=pump", by="enterprise_user", data=csv,
                headers={"Content-Type": "text/csv", "Idempotency-Key": "first-one"},
            )  # fmt: skip
            batches = await items(node, "/v1/batches", by="enterprise_user")
            assert len(batches) == 1, sent.body
            page = await browser.page("/console")
            assert f"/console/batches/{batches[0]['batch_id']}" in page.links
        async with Browser(node, "other") as browser:
            page = await browser.page("/console")
            assert number_after(page, "现存标识") == number_after(page, "今日有效解析") == 0
            assert node.holder.prefix.text not in page.text


@pytest.mark.parametrize(("left", "said"), [(-2, "企业证件已过有效期"), (5, "企业证件将在 5 日后到期"), (40, "")])
async def test_an_enterprise_is_told_that_its_papers_end(database_url: str, left: int, said: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        ends = day_of(node.world.clock()) + timedelta(days=left)
        enterprise = node.holder.account.enterprise_id
        await node.world.pool.execute(
            "UPDATE enterprise SET profile = jsonb_set(profile, '{valid_until}', to_jsonb($1::text))"
            " WHERE enterprise_id = $2",
            ends.isoformat(), enterprise,
        )  # fmt: skip
        page = await browser.page("/console")
        assert ("更新企业资料" in page.text) is bool(said)
        assert said in page.text
