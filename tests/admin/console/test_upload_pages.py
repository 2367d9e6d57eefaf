"""Uploads to the city authority: previewed, made by hand, shown with their receipts."""

from __future__ import annotations

from uuid import uuid4

from tests.support.console import Browser, dom_of
from tests.support.node import running_node


async def test_an_administrator_previews_a_period_and_sends_it_once(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        assert "还没有上报" in (await browser.page("/console/uploads")).text
        preview = await browser.page("/console/uploads/preview?since=2026-11-01&until=2026-11-03")
        assert "尚未保存，也没有发出" in preview.text
        days = next(table for table in preview.tables if table[0][0] == "日期")
        assert [row[0] for row in days[1:]] == ["2026-11-01", "2026-11-02", "2026-11-03"]
        fields = {name: preview.all("input", name=name)[0]["value"] for name in ("since", "until", "profile")}
        assert fields == {"since": "2026-11-01", "until": "2026-11-03", "profile": "city"}
        assert "还没有上报" in (await browser.page("/console/uploads")).text

        place, made = await browser.done("/console/uploads", fields)
        assert "已生成，等待发送" in made.text
        again, page = await browser.done("/console/uploads", fields)
        assert again == place
        assert "该周期已生成过" in page.text
        (table,) = (await browser.page("/console/uploads")).tables
        assert table[1][:3] == ["2026-11-01 – 2026-11-03", "city", "等待发送"]

        await node.world.pool.execute(
            "UPDATE authority_upload SET sent_at = $1, status = 200, attempts = 2, receipt = $2",
            node.world.clock(), b"<script>receipt 7</script>",
        )  # fmt: skip
        sent = await browser.page(place)
        assert "已接收" in sent.text
        assert "<script>receipt 7</script>" in sent.text
        await browser.done("/console/language", {"lang": "en"})
        assert (await browser.page("/console/uploads")).tables[0][1][2] == "received"


async def test_a_period_that_is_not_over_is_refused_and_auditors_only_look(database_url: str) -> None:
    async with running_node(database_url) as node:
        async with Browser(node, "administrator") as browser:
            for query in (
                "since=2026-11-01",
                "since=2026-11-01&until=2027-01-01",
                "since=x&until=y",
                "profile=other",
            ):
                answer = await browser.get(f"/console/uploads/preview?{query}")
                assert answer.status == 422, query
                assert dom_of(answer).all("div", role="alert")
            assert (await browser.get(f"/console/uploads/{uuid4()}")).status == 404
        async with Browser(node, "auditor") as auditor:
            preview = await auditor.page("/console/uploads/preview")
            assert not preview.all("form", action="/console/uploads")
            assert "补充上报由平台管理员进行" in (await auditor.page("/console/uploads")).text
            assert (await auditor.send("/console/uploads", {})).status == 403
        for name in ("reviewer", "enterprise_user"):
            async with Browser(node, name) as other:
                assert (await other.get("/console/uploads")).status == 403
