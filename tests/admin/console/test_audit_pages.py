"""The audit trail as auditors look at it."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import asyncpg

from admin.console.audit import PAGES
from admin.console.console import console_pages
from tests.support.console import Browser, dom_of
from tests.support.node import Node, running_node

DAYS = "since=2026-11-21&until=2026-11-21"


async def register(node: Node) -> None:
    """One identifier whose name would be a script if anybody took it for one."""
    holder = node.holder
    made = holder.identifier("<b>PUMP</b>")
    await node.world.identifiers.register(holder.account, holder.actor, made, "pump", {"name": "<script>1</script>"})
    await node.world.identifiers.update(holder.account, holder.actor, made, 1, {"name": "泵"})


async def test_an_auditor_finds_an_act_and_its_evidence(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        await register(node)
        page = await browser.page("/console/audit")
        (table,) = page.tables
        assert table[0] == ["时间", "账号", "操作", "对象", "入口", "原因"]
        assert table[1][2].startswith("登录")
        assert table[1][1] == "auditor 审计员"
        assert table[1][4] == "控制台"

        page = await browser.page(f"/console/audit?kind=identifier&{DAYS}")
        rows = [row[2] for row in page.tables[0][1:]]
        assert rows == ["变更标识 identifier.update", "注册标识 identifier.register"]
        assert page.tables[0][1][3] == "标识 88.101.2001/<b>PUMP</b>"
        assert not page.all("b")
        entry = next(link for link in page.links if link.startswith("/console/audit/identifier-"))
        shown = await browser.page(entry)
        assert "与存证叶子一致" in shown.text
        replaced = next(table for table in shown.tables if table[0] == ["索引", "类型", "数据"])
        assert [row[2] for row in replaced[1:] if "script" in row[2]] == ["<script>1</script>"]

        table_link = next(link for link in page.links if link.startswith("/console/v1/audit/table?"))
        answer = await browser.get(table_link)
        told = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))
        assert [row["action"] for row in told] == ["identifier.update", "identifier.register"]
        page = await browser.page("/console/audit?action=audit.export")
        assert [row[2] for row in page.tables[0][1:]] == ["导出审计日志 audit.export"]


async def test_pages_go_on_and_filters_stay(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        holder = node.holder
        for number in range(60):
            made = holder.identifier(f"N-{number:02}")
            await node.world.identifiers.register(holder.account, holder.actor, made, "pump", {"name": "泵"})
        first = await browser.page("/console/audit?prefix=88.101.2001&of=identifiers")
        assert len(first.tables[0]) == 51
        (more,) = first.all("a", rel="next")
        second = await browser.page(more["href"] or "")
        names = [row[3] for table in (first.tables[0], second.tables[0]) for row in table[1:]]
        assert names == [f"标识 88.101.2001/N-{number:02}" for number in reversed(range(60))]
        assert not second.all("a", rel="next")
        (chosen,) = second.all("option", value="identifiers")
        assert "selected" in chosen
        assert second.all("input", name="prefix")[0]["value"] == "88.101.2001"


async def test_what_cannot_be_asked_is_said_beside_its_field_and_nothing_found_is_said_too(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        for query, field in (("account=nobody", "账号"), ("since=x", "从"), ("subject=1", "对象")):
            answer = await browser.get(f"/console/audit?{query}")
            assert answer.status == 422, query
            (wrong,) = dom_of(answer).all("p", class_="invalid-feedback")
            assert wrong["id"] in ("w-account", "w-since", "w-kind"), field
        page = await browser.page("/console/audit?since=2025-01-01&until=2025-01-02")
        assert "没有符合条件的记录" in page.text
        await browser.done("/console/language", {"lang": "en"})
        page = await browser.page("/console/audit?kind=enterprise")
        assert page.tables[0][1][2] == "enterprise approved enterprise.approve"
        assert "Nothing meets the filters" in (await browser.page("/console/audit?interface=dns")).text


async def test_a_rewritten_act_shows(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        connection = await asyncpg.connect(database_url)
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE act_history SET account_id = gen_random_uuid() WHERE act_id = 1")
        await connection.execute("UPDATE act_history SET at = at - $1::interval WHERE act_id = 2", timedelta(days=1))
        await connection.close()
        assert "与存证叶子不一致" in (await browser.page("/console/audit/act-1")).text
        assert "附近没有找到叶子" in (await browser.page("/console/audit/act-2")).text


def test_what_an_entry_leads_to_is_there() -> None:
    known = {re.sub(r"\{\w+\}", "{id}", page.path) for page in console_pages() if page.method == "GET"}
    assert set(PAGES.values()) <= known


async def test_others_have_no_audit_trail(database_url: str) -> None:
    async with running_node(database_url) as node:
        for name in ("reviewer", "enterprise_user"):
            async with Browser(node, name) as browser:
                assert "/console/audit" not in (await browser.page("/console")).links
                assert (await browser.get("/console/audit")).status == 403
                assert (await browser.get("/console/audit/act-1")).status == 403
