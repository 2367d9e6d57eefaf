"""Counting again as auditors and administrators ask for it."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

from admin.statistics.day_recount import Kept
from admin.statistics.recounting import Recounter
from node.founding import node_id_of
from resolver.counting.folder import open_folder
from tests.support.console import Browser, dom_of
from tests.support.node import Node, running_node


async def steward(node: Node, folder: Path) -> None:
    """One turn of whoever counts."""
    place = open_folder(folder, await node_id_of(node.world.pool))
    assert await Recounter(node.world.pool, place, Kept(400, 400), node.world.clock).turn(asyncio.Event())


async def test_an_auditor_has_days_counted_again_and_sees_that_they_are_equal(
    database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        page = await browser.page("/console/recount")
        assert "还没有做过复核" in page.text
        assert not page.all("input", name="correct")
        place, waiting = await browser.done("/console/recount", {"since": "2026-11-20", "until": "2026-11-21"})
        assert "已发起复核" in waiting.text
        assert "等待中" in waiting.text
        assert waiting.all("section", id="outcome")[0]["hx-trigger"] == "every 3s"
        await steward(node, tmp_path)
        done = await browser.page(place)
        assert "重新计数与记录完全相同" in done.text
        assert "hx-trigger" not in done.all("section", id="outcome")[0]
        days = next(table for table in done.tables if table[0][0] == "日期")
        assert [row[0] for row in days[1:]] == ["2026-11-20", "2026-11-21"]
        assert {row[3] for row in days[1:]} == {"一致"}
        (table,) = (await browser.page("/console/recount")).tables
        assert table[1][:4] == ["2026-11-20 – 2026-11-21", "一致", "0", "auditor"]
        await browser.done("/console/language", {"lang": "en"})
        assert "exactly what is recorded" in (await browser.page(place)).text


async def test_a_difference_shows_where_it_is_and_an_administrator_corrects_it(
    database_url: str, tmp_path: Path
) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        await node.world.pool.execute(
            "INSERT INTO registration_day VALUES ($1, 1, 1, 500, 500, 0, 0, 0, 0, 0, 0)", date(2026, 11, 20)
        )
        days = {"since": "2026-11-20", "until": "2026-11-20"}
        place, _ = await browser.done("/console/recount", {**days, "correct": "yes"})
        await steward(node, tmp_path)
        page = await browser.page(place)
        assert "处与证据不符" in page.text
        told = next(table for table in page.tables if table[0][1:3] == ["对象", "项"])
        assert ["2026-11-20", "注册量", "registered 88.101.2001", "500", "0", ""] in told
        assert "按证据更正" in page.text


async def test_what_cannot_be_counted_again_is_said_beside_its_field(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        answer = await browser.send("/console/recount", {"since": "2026-11-21", "until": "2026-11-01"})
        page = dom_of(answer)
        assert answer.status == 422
        assert page.all("p", class_="invalid-feedback")[0]["id"] == "w-until"
        assert page.all("input", name="since")[0]["value"] == "2026-11-21"
        assert dom_of(await browser.send("/console/recount", {"since": "", "until": "x"})).all("p", id="w-since")
        refused = await browser.send(
            "/console/recount", {"since": "2026-11-20", "until": "2026-11-20", "correct": "yes"}
        )
        assert refused.status == 422
        assert "没有权限" in dom_of(refused).text
        for name in ("reviewer", "enterprise_user"):
            async with Browser(node, name) as other:
                assert (await other.get("/console/recount")).status == 403
                assert (await other.send("/console/recount", {})).status == 403
