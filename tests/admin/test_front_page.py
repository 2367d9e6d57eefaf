"""The front page: an identifier or a prefix leads on, announcements are read, two languages."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest

from tests.support.console import dom_of
from tests.support.node import Answer, Node, running_node

LONG = "中山市高新技术产业开发区火炬智能制造与工业互联网标识解析应用创新示范联合体有限责任公司" * 2


async def search(node: Node, words: str, **headers: str) -> Answer:
    return await node("GET", "/", by=None, query={"identifier": words}, headers=headers)


async def announce(node: Node, **text: str) -> int:
    written = {"title_zh": "升级", "title_en": "", "body": "一\n\n二", **text}
    made = (await node("POST", "/v1/managed-announcements", json=written)).json["announcement_id"]
    await node("POST", f"/v1/managed-announcements/{made}/publish")
    return int(made)


@pytest.mark.parametrize("asked", ["88.101.2001", " 88.101.2001 ", "88.101.2001/PUMP-1"])
async def test_a_prefix_leads_to_its_filing_and_an_identifier_to_its_page(database_url: str, asked: str) -> None:
    async with running_node(database_url) as node:
        holder = node.holder
        await node.world.identifiers.register(
            holder.account, holder.actor, holder.identifier("PUMP-1"), node.template.template_id, {"name": "离心泵"}
        )
        answer = await search(node, asked)
        assert answer.status == 303
        page = await node("GET", answer.headers["Location"], by=None, headers={"Accept": "text/html"})
        assert page.status == 200
        assert ("离心泵" if "/" in asked else "中山示例企业2001") in page.body.decode()


async def test_the_language_is_chosen_once_and_goes_along(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node:
        first = dom_of(await node("GET", "/", by=None))
        assert first.all("html")[0]["lang"] == "zh-CN"
        assert "登录控制台" in first.text
        (switch,) = [link for link in first.links if "lang=en" in link]
        chosen = await node("GET", switch, by=None)
        assert "Announcements" in dom_of(chosen).text
        cookie = SimpleCookie(chosen.headers["Set-Cookie"])["language"]
        assert (cookie.value, cookie["path"], cookie["httponly"]) == ("en", "/", True)
        english = {"Cookie": f"language={cookie.value}"}
        for path in ("/", "/filing", "/documents", "/announcements", "/complaints", "/documents/none"):
            page = dom_of(await node("GET", path, by=None, headers=english))
            assert page.all("html")[0]["lang"] == "en", path
            assert "Laboratory data" in page.text
            assert "备案" not in page.text
        led = await search(node, "88.101.2001/PUMP-1", **english)
        assert led.headers["Location"].endswith("?lang=en")
        assert "This is no valid identifier or prefix" in dom_of(await search(node, "nonsense", **english)).text


async def test_announcements_are_listed_newest_first_and_read_as_text(database_url: str) -> None:
    async with running_node(database_url) as node:
        assert "暂无公告" in dom_of(await node("GET", "/", by=None)).text
        numbers = [await announce(node, title_zh=f"第 {number:02} 号") for number in range(1, 23)]
        last = await announce(node, title_zh=LONG[:120], title_en="Maintenance", body="<b>甲</b>\n\n{{ 7 * 7 }}")
        front = dom_of(await node("GET", "/", by=None))
        shown = [link for link in front.links if link.startswith("/announcements/")]
        assert shown == [f"/announcements/{number}" for number in [last, *numbers[:-5:-1]]]
        listed = dom_of(await node("GET", "/announcements", by=None))
        assert len([link for link in listed.links if link.startswith("/announcements/")]) == 20
        (more,) = [link for link in listed.links if link.startswith("/announcements?before=")]
        rest = dom_of(await node("GET", more, by=None))
        assert "第 01 号" in rest.text
        assert not [link for link in rest.links if link.startswith("/announcements?before=")]
        one = dom_of(await node("GET", f"/announcements/{last}?lang=en", by=None))
        assert "Maintenance" in one.text
        assert "<b>甲</b>\n\n{{ 7 * 7 }}" in one.text
        assert (await node("GET", "/announcements/999", by=None)).status == 404
        for odd in ("x", "%D9%A3", "0", "9" * 30):
            whole = await node("GET", f"/announcements?before={odd}", by=None)
            assert LONG[:120] in whole.body.decode()
        draft = (await node("POST", "/v1/managed-announcements", json={"title_zh": "草稿", "body": "x"})).json
        assert (await node("GET", f"/announcements/{draft['announcement_id']}", by=None)).status == 404


async def test_the_front_page_stands_while_the_database_is_away(database_url: str) -> None:
    async with running_node(database_url) as node:
        await announce(node, title_zh="升级")
        node.world.pool.terminate()
        page = dom_of(await node("GET", "/", by=None))
        assert "查询标识或前缀" in page.text
        assert "暂无公告" in page.text


async def test_browsers_find_a_mark_where_they_look_for_one(database_url: str) -> None:
    async with running_node(database_url, populated=False) as node:
        answer = await node("GET", "/favicon.ico", by=None)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
        assert (await node("GET", "/desk/icon.svg", by=None)).body == answer.body
