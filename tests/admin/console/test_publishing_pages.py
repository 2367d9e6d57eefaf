"""Documents and announcements: drafted, previewed, published for everybody, withdrawn."""

from __future__ import annotations

from tests.support.console import Browser, dom_of
from tests.support.node import running_node

RULES = {
    "name": "management-rules", "kind": "management", "title_zh": "标识管理规范", "title_en": "Rules",
    "body": "# 总则\r\n\r\n正文 <b>不是标记</b>\r\n\r\n- 甲\r\n- 乙", "coding_rule_id": "",
}  # fmt: skip
NOTICE = {"title_zh": "系统升级", "title_en": "Upgrade", "body": "周六升级。\r\n\r\n解析不受影响。"}


async def test_a_document_is_previewed_saved_published_superseded_and_withdrawn(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as staff:
        previewed = await staff.send("/console/documents/new", {**RULES, "preview": "yes"})
        page = dom_of(previewed)
        assert previewed.status == 200
        assert "总则" in page.text
        assert not page.all("b")
        assert page.all("input", name="title_zh")[0]["value"] == "标识管理规范"
        refused = await staff.send("/console/documents/new", {**RULES, "name": "Big Name", "title_zh": ""})
        assert refused.status == 422
        for name in ("name", "title_zh"):
            assert dom_of(refused).all("input", name=name)[0]["aria-invalid"] == "true"

        place, page = await staff.done("/console/documents/new", RULES)
        version = page.all("input", name="version")[0]["value"]
        shown = dom_of(await staff.send(place, {**RULES, "body": "改了", "version": version, "preview": "yes"}))
        assert "预览，尚未保存" in shown.text
        await staff.done(place, {**RULES, "body": "第一版", "version": version})
        assert (await node("GET", "/documents/management-rules", by=None)).status == 404
        await staff.done(f"{place}/publish")
        assert "第一版" in (await node("GET", "/documents/management-rules", by=None)).body.decode()

        page = await staff.page(f"/console/documents/new?from={place.rpartition('/')[2]}")
        assert page.all("input", name="name")[0]["value"] == "management-rules"
        second, _ = await staff.done("/console/documents/new", {**RULES, "body": "第二版"})
        rows = (await staff.page("/console/documents?state=draft")).tables[0]
        assert rows[1][:4] == ["标识管理规范", "management-rules", "管理规范", "2"]
        await staff.done(f"{second}/publish")
        assert "已被替代" in (await staff.page(place)).text
        _, page = await staff.done(f"{second}/withdraw")
        assert "已撤回" in page.text
        assert (await node("GET", "/documents/management-rules", by=None)).status == 404
        async with Browser(node, "auditor") as auditor:
            assert "变更历史" in (await auditor.page(second)).text
            assert (await auditor.send("/console/documents/new", RULES)).status == 403


async def test_an_announcement_is_written_published_read_by_everybody_and_withdrawn(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as staff:
        refused = await staff.send("/console/announcements/new", {**NOTICE, "title_zh": ""})
        assert refused.status == 422
        assert "周六升级。" in dom_of(refused).text
        place, page = await staff.done("/console/announcements/new", {**NOTICE, "title_zh": "升级"})
        version = page.all("input", name="version")[0]["value"]
        await staff.done(place, {**NOTICE, "version": version})
        assert "系统升级" not in (await node("GET", "/", by=None)).body.decode()
        await staff.done(f"{place}/publish")
        for public in ("/", "/announcements", f"/announcements/{place.rpartition('/')[2]}"):
            assert "系统升级" in (await node("GET", public, by=None)).body.decode()
        rows = (await staff.page("/console/announcements?state=published")).tables[0]
        assert rows[1][:2] == ["系统升级", "已发布"]
        await staff.done(f"{place}/withdraw")
        gone = await node("GET", f"/announcements/{place.rpartition('/')[2]}", by=None)
        assert gone.status == 404
        assert "没有此公告" in gone.body.decode()
