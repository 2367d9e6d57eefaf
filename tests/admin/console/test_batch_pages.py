"""Pages of batches: what is under way, what came of it, and the buttons that stop it or take it back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.support.console import Browser
from tests.support.node import Answer, Node, running_node

PREFIX = "88.101.2001"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


def rows(count: int) -> bytes:
    lines = ["suffix,name,weight_kg", *(f"P-{n:05},泵 {n},{n}" for n in range(count))]
    return ("\n".join(lines) + "\n").encode()


async def send(node: Node, body: bytes | AsyncIterator[bytes], key: str = "key") -> Answer:
    return await node(
        "POST", "/v1/batches", by="enterprise_user", query={"prefix": PREFIX, "template": "pump"}, data=body,
        headers={"Content-Type": "text/csv", "Idempotency-Key": key},
    )  # fmt: skip


async def newest(node: Node) -> dict[str, object]:
    """The newest batch, once something of it is settled."""
    for _ in range(200):
        found = (await node("GET", "/v1/batches", by="enterprise_user")).json["items"]
        if found and found[0]["registered"]:
            return dict(found[0])
        await asyncio.sleep(0.02)
    raise AssertionError("nothing was settled")


async def test_a_finished_batch_shows_its_counts_and_first_rejections(node: Node) -> None:
    async with Browser(node, "enterprise_user") as browser:
        assert "还没有批次" in (await browser.page("/console/batches")).text
        bad = b"suffix,name,weight_kg\nA,=1+1,1\nB,<b>two</b>,heavy\nB,three,-1\nC,four,4\n"
        done = (await send(node, bad)).json
        page = await browser.page("/console/batches")
        assert page.tables[0][1][1:] == ["注册", PREFIX, "pump", "已完成", "4", "2", "2"]
        shown = await browser.page(f"/console/batches/{done['batch_id']}")
        assert [row[:4] for row in shown.tables[0][1:]] == [
            ["3", "weight_kg", "不是数字：heavy", "B,<b>two</b>,heavy"],
            ["4", "weight_kg", "小于最小值 0", "B,three,-1"],
        ]  # fmt: skip
        assert not shown.all("b")
        assert f"/console/v1/batches/{done['batch_id']}/rejections?format=input" in shown.links
        english = await browser.page(f"/console/batches/{done['batch_id']}?lang=en")
        assert english.tables[0][1][2] == "not a plain decimal number: heavy"
    async with Browser(node, "auditor") as auditor:
        seen = await auditor.page(f"/console/batches/{done['batch_id']}")
        assert not [form for form in seen.all("form") if "/undo" in (form.get("action") or "")]
        assert (await auditor.send(f"/console/batches/{done['batch_id']}/undo")).status == 403
    async with Browser(node, "other") as other:
        assert (await other.get(f"/console/batches/{done['batch_id']}")).status == 404


async def test_a_batch_is_undone_once_and_its_page_leads_to_what_did_it(node: Node) -> None:
    async with Browser(node, "enterprise_user") as browser:
        done = (await send(node, rows(3))).json
        here = f"/console/batches/{done['batch_id']}"
        asked = (await browser.page(here)).all("form", action=f"{here}/undo")[0]
        assert "恢复原状" in (asked["data-ask"] or "")
        place, undoing = await browser.done(f"{here}/undo")
        assert place.startswith("/console/batches/")
        assert place != here
        assert here in undoing.links
        assert (await node("GET", f"/v1/identifiers/{PREFIX}/P-00000", by="enterprise_user")).status == 404
        after = await browser.page(here)
        assert place in after.links
        assert not after.all("form", action=f"{here}/undo")
        pressed_again, _ = await browser.done(f"{here}/undo")
        assert pressed_again == place
        _, refused = await browser.done(f"{place}/undo")
        assert refused.all("p", role="alert")


async def test_a_batch_under_way_is_watched_paused_continued_and_cancelled(node: Node) -> None:
    body, go_on = rows(9_000), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await go_on.wait()
        yield body[len(body) // 2 :]

    async with Browser(node, "enterprise_user") as browser:
        sending = asyncio.create_task(send(node, slow()))
        here = f"/console/batches/{(await newest(node))['batch_id']}"
        page = await browser.page(here)
        assert page.all("script", src="/desk/batches.js")
        events = await browser._session.get(node.url + here.replace("/console/", "/console/v1/") + "/events")
        assert events.headers["Content-Type"] == "text/event-stream"
        assert await events.content.readline() == b"event: batch\n"
        told = json.loads((await events.content.readline()).removeprefix(b"data: "))
        assert told["state"] == "running"
        events.close()
        _, paused = await browser.done(f"{here}/pause")
        assert "已暂停" in paused.text
        go_on.set()
        assert (await sending).json["state"] == "paused"
        _, resumed = await browser.done(f"{here}/resume")
        assert "请用同一文件再次导入" in resumed.text
        _, cancelled = await browser.done(f"{here}/cancel")
        assert "已取消，已完成的行保留" in cancelled.text
        assert not cancelled.all("form", action=f"{here}/cancel")
        _, late = await browser.done(f"{here}/pause")
        assert "批次状态不允许此操作" in late.text
        assert (await send(node, body)).json["state"] == "cancelled"
