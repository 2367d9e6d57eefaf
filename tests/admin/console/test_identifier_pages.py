"""Pages of identifiers: found, looked at, registered, changed, brought back, taken out of resolution."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from tests.support.console import Browser, Dom, dom_of
from tests.support.node import Node, running_node

PREFIX = "88.101.2001"


async def register(node: Node, suffix: str, template: str = "pump", **attributes: Any) -> None:
    body = {"prefix": PREFIX, "suffix": suffix, "template": template, "attributes": attributes}
    answer = await node("POST", "/v1/identifiers", by="enterprise_user", json=body)
    assert answer.status == 201, answer.body


async def standing(node: Node, suffix: str) -> dict[str, Any]:
    found: dict[str, Any] = (await node("GET", f"/v1/identifiers/{PREFIX}/{quote(suffix, safe='')}")).json
    return found


def one(suffix: str, page: str = "one") -> str:
    return f"/console/identifiers/{page}?identifier={quote(f'{PREFIX}/{suffix}', safe='')}"


def rows(page: Dom, first: str) -> list[list[str]]:
    """The body of the table whose first heading this is."""
    return next(table[1:] for table in page.tables if table[0][0] == first)


def value_of(page: Dom, name: str) -> str | None:
    return page.all("input", name=name)[0].get("value")


async def test_a_search_shows_what_the_operation_finds_page_by_page(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        empty = await browser.page("/console/identifiers")
        assert "没有符合条件的标识" in empty.text
        for n in range(55):
            await register(node, f"P-{n:03}", name=f"泵 {n}", model="CP-12" if n % 5 else "CP-<15>")
        found = rows(await browser.page("/console/identifiers"), "标识")
        assert [row[0] for row in found] == [f"{PREFIX}/P-{n:03}" for n in range(50)]
        assert found[0][1:5] == ["pump v1", "name 泵 0 model CP-<15>", "正常", "1"]
        page = await browser.page(f"/console/identifiers?prefix={PREFIX}")
        following = next(link for link in page.links if "cursor=" in link)
        assert [row[0] for row in rows(await browser.page(following), "标识")] == [
            f"{PREFIX}/P-{n:03}" for n in range(50, 55)
        ]
        asked = f"prefix={PREFIX}&template=pump&attribute=model&how=begins&operand=CP-%3C&suffix_begins=p-0"
        page = await browser.page(f"/console/identifiers?{asked}")
        assert len(rows(page, "标识")) == 11
        counted = await browser.page(f"/console/identifiers/count?{asked}")
        assert re.search(r"共\s+11\s+个标识", counted.text)
        assert [link for link in page.links if link.startswith("/console/exports?") and "attribute=model" in link]
        later = await browser.page(f"/console/identifiers?prefix={PREFIX}&registered_from=2099-01-01T00:00")
        assert "没有符合条件的标识" in later.text
        refused = await browser.get(f"/console/identifiers?prefix={PREFIX}&registered_from=soon")
        assert refused.status == 422
        assert 'id="w-registered_from"' in refused.body.decode()


async def test_the_field_in_the_head_leads_to_the_page_of_what_is_known(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        await register(node, "A/B ..", name="泵")
        answer = await browser.get(f"/console/identifiers?q={quote(f' {PREFIX}/a/b .. ')}")
        assert answer.status == 303
        page = await browser.page(answer.headers["Location"])
        assert f"{PREFIX}/A/B .." in page.text
        answer = await browser.get(f"/console/identifiers?q={PREFIX}")
        assert answer.headers["Location"] == f"/console/identifiers?prefix={PREFIX}"
        text = await browser.page(f"/console/identifiers?q={quote('b .')}&prefix={PREFIX}")
        assert [row[0] for row in rows(text, "标识")] == [f"{PREFIX}/A/B .."]
        enterprise = await browser.page(f"/console/identifiers?q={quote('中山示例企业2001')}")
        assert f"/console/identifiers?prefix={PREFIX}" in enterprise.links
        unknown = await browser.get(one("NONE"))
        assert unknown.status == 404
        assert "标识不存在" in dom_of(unknown).text


async def test_an_identifier_is_shown_by_the_words_of_its_template_with_its_history(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        payload = "<img src=x onerror=alert(1)>"
        await register(node, "P-1", name=payload, weight_kg=38.5, passed=True)
        body = {"version": 1, "attributes": {"name": payload, "weight_kg": "39", "grade": "A"}}
        assert (await node("PUT", f"/v1/identifiers/{PREFIX}/P-1", by="enterprise_user", json=body)).status == 200
        page = await browser.page(one("P-1"))
        assert rows(page, "属性")[:2] == [
            ["名称 name", payload, "NAME", "2000"],
            ["重量 weight_kg", "39", "WEIGHT_KG", "2003"],
        ]
        assert not page.all("img")
        changed = [table for table in page.tables if table[0] == ["属性", "之前", "之后"]]
        assert changed[0][1:] == [
            ["重量 weight_kg", "38.5", "39"], ["等级 grade", "—", "A"], ["合格 passed", "true", "—"],
        ]  # fmt: skip
        assert changed[1][1:] == [
            ["名称 name", "—", payload], ["重量 weight_kg", "—", "38.5"], ["合格 passed", "—", "true"],
        ]  # fmt: skip
        assert f"/console/labels?identifier={quote(f'{PREFIX}/P-1', safe='/')}" in page.links
        assert f"/{PREFIX}/P-1" in page.links
        assert "账号 enterprise_user" in page.text
        async with Browser(node, "other") as stranger:
            public = await stranger.page(one("P-1"))
            assert "变更历史" not in public.text
            assert not public.all("form", action="/console/identifiers/delete")
        async with Browser(node, "reviewer") as reviewer:
            seen = await reviewer.page(one("P-1"))
            assert "变更历史" in seen.text
            assert not [link for link in seen.links if "/edit" in link]


async def test_what_the_public_gets_is_asked_for_and_shown_hop_by_hop(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "auditor") as browser:
        await register(node, "P 1", name="泵", model="CP-12")
        page = await browser.page(one("P 1", "resolve"))
        assert rows(page, "索引") == [
            [index, kind, data, "86400", rows(page, "索引")[0][4], "1110"]
            for index, kind, data in (("2000", "NAME", "泵"), ("2002", "MODEL", "CP-12"))
        ]
        assert "得到数据" in page.text
        assert page.all("a", **{"data-ask-public": f"/api/handles/{PREFIX}/P%201"})
        assert (await node("GET", f"/api/handles/{PREFIX}/P%201", by=None)).json["responseCode"] == 1
        missing = await browser.page(one("NONE", "resolve"))
        assert "没有这个标识" in missing.text


async def test_one_identifier_is_registered_by_a_form_of_its_template(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        page = await browser.page("/console/identifiers/new")
        names = {found.get("name") for tag in ("input", "select") for found in page.all(tag)}
        assert {"a-name", "a-serial", "a-weight_kg", "a-made_on", "a-passed", "a-grade", "suffix"} <= names
        fields = {"prefix": PREFIX, "template": "pump", "suffix": "P-1", "a-name": "离心泵", "a-weight_kg": "heavy"}
        refused = await browser.send("/console/identifiers/new", fields)
        assert refused.status == 422
        told = dom_of(refused)
        assert told.all("p", id="w-a-weight_kg")
        assert value_of(told, "a-name") == "离心泵"
        fields |= {"a-weight_kg": "38.50", "a-passed": "true", "a-made_on": "2026-11-02"}
        place, made = await browser.done("/console/identifiers/new", fields)
        assert place == one("P-1")
        assert "已注册" in made.text
        assert (await standing(node, "P-1"))["attributes"] == {
            "name": "离心泵", "weight_kg": "38.50", "made_on": "2026-11-02", "passed": "true",
        }  # fmt: skip
        again = await browser.send("/console/identifiers/new", fields)
        assert "标识已存在" in dom_of(again).text
        async with Browser(node, "auditor") as auditor:
            assert (await auditor.get("/console/identifiers/new")).status == 403


async def test_a_suffix_is_drawn_or_made_by_a_coding_rule(database_url: str) -> None:
    rule = {"segments": [{"kind": "value", "name": "model"}, {"kind": "serial", "width": 3}]}
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        made = await node("POST", "/v1/coding-rules", by="enterprise_user", json={"name": "号", "definition": rule})
        number = str(made.json["coding_rule_id"])
        fields = {"prefix": PREFIX, "template": "pump", "a-name": "泵", "a-model": "M", "coding_rule_id": number}
        drawn = await browser.send("/console/identifiers/draw", fields)
        assert drawn.status == 200
        assert value_of(dom_of(drawn), "suffix") == "M001"
        assert value_of(dom_of(drawn), "a-name") == "泵"
        _, page = await browser.done("/console/identifiers/new", fields)
        assert f"{PREFIX}/M002" in page.text
        refused = await browser.send("/console/identifiers/draw", {**fields, "a-model": ""})
        assert refused.status == 422


async def test_data_are_changed_and_an_older_version_is_brought_back(database_url: str) -> None:
    listed = {
        "name": "motor", "title_zh": "电机",
        "attributes": [{"name": "name", "title_zh": "名称"}, {"name": "colours", "title_zh": "颜色", "many": True}],
    }  # fmt: skip
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        made = await node("POST", "/v1/templates", by="enterprise_user", json=listed)
        await node("POST", f"/v1/templates/{made.json['template_id']}/publish", by="enterprise_user")
        await register(node, "M-1", "motor", name="一", colours=["red", "a\nb"])
        page = await browser.page(one("M-1", "edit"))
        assert '["red", "a\\nb"]' in page.text
        fields = {"identifier": f"{PREFIX}/M-1", "version": "1", "a-name": "二", "a-colours": "green\n\n blue "}
        place, _ = await browser.done("/console/identifiers/edit", fields)
        assert place == one("M-1")
        assert (await standing(node, "M-1"))["attributes"] == {"name": "二", "colours": ["green", "blue"]}
        stale = await browser.send("/console/identifiers/edit", fields)
        assert "标识已被他人修改" in dom_of(stale).text
        assert value_of(dom_of(stale), "version") == "1"
        history = await browser.page(place)
        restore = next(link for link in history.links if "of=1" in link)
        old = await browser.page(restore)
        assert value_of(old, "a-name") == "一"
        await browser.done("/console/identifiers/edit", {
            "identifier": f"{PREFIX}/M-1", "version": "2", "of": "1", "a-name": "一",
            "a-colours": '["red", "a\\nb"]',
        })  # fmt: skip
        assert (await standing(node, "M-1"))["attributes"] == {"name": "一", "colours": ["red", "a\nb"]}
        assert (await browser.get(one("M-1", "edit") + "&of=9")).status == 404


async def test_it_is_suspended_resumed_deleted_and_registered_again_with_its_data(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await register(node, "P-1", name="离心泵", model="CP-12")
        fields = {"identifier": f"{PREFIX}/P-1", "version": "1", "state": "suspended"}
        _, page = await browser.done("/console/identifiers/state", fields)
        assert "已停用，不再解析" in page.text
        assert (await node("GET", f"/api/handles/{PREFIX}/P-1", by=None)).json["responseCode"] == 100
        _, page = await browser.done("/console/identifiers/state", {**fields, "version": "2", "state": "live"})
        assert (await standing(node, "P-1"))["state"] == "live"
        asks = page.all("form", action="/console/identifiers/delete")
        assert "历史保留" in (asks[0]["data-ask"] or "")
        _, stale = await browser.done("/console/identifiers/delete", fields)
        assert "标识已被他人修改" in stale.text
        _, gone = await browser.done("/console/identifiers/delete", {**fields, "version": "3"})
        assert "已注销" in gone.text
        form = await browser.page(next(link for link in gone.links if "/new?" in link and "of=" in link))
        assert [value_of(form, name) for name in ("suffix", "a-name", "a-model")] == ["P-1", "离心泵", "CP-12"]
        again = {"prefix": PREFIX, "template": "pump", "suffix": "P-1", "a-name": "离心泵"}
        await browser.done("/console/identifiers/new", again)
        assert (await standing(node, "P-1"))["version"] == 5


async def test_pages_of_identifiers_speak_english_too(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await register(node, "P-1", name="pump")
        for path in (
            "/console/identifiers",
            one("P-1"),
            one("P-1", "resolve"),
            one("P-1", "edit"),
            "/console/identifiers/new",
        ):
            page = await browser.page(path + ("&" if "?" in path else "?") + "lang=en")
            headings = [cell for table in page.tables for cell in table[0]]
            assert not re.search(r"[\u4e00-\u9fff]", " ".join(headings)), path
