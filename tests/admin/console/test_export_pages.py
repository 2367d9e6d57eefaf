"""The page of exports: what it holds is told first, then it is a file, in which nothing is a formula."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from python_calamine import load_workbook

from tests.support.console import Browser, Dom, dom_of
from tests.support.node import Node, running_node

PREFIX = "88.101.2001"


async def register(node: Node, suffix: str, **attributes: Any) -> None:
    body = {"prefix": PREFIX, "suffix": suffix, "template": "pump", "attributes": attributes}
    assert (await node("POST", "/v1/identifiers", by="enterprise_user", json=body)).status == 201


def link(page: Dom, part: str) -> str:
    return next(found for found in page.links if part in found)


async def test_what_is_chosen_is_counted_and_comes_as_a_table_of_its_template(database_url: str) -> None:
    async with running_node(database_url, node={"laboratory": True}) as node, Browser(node, "auditor") as browser:
        assert "选择前缀" in (await browser.page("/console/exports")).text
        for n, name in enumerate(("=HYPERLINK(1)", "泵", "+1")):
            await register(node, f"P-{n}", name=name, model="CP-12" if n else "CP-<15>")
        page = await browser.page(f"/console/exports?prefix={PREFIX}")
        assert page.tables[0][1][:2] == ["水泵 pump@1", "3"]
        assert "实验数据" in page.text
        table = await browser.get(link(page, "format=csv"))
        rows = list(csv.DictReader(io.StringIO(table.body.decode("utf-8-sig"))))
        assert [row["name"] for row in rows] == ["'=HYPERLINK(1)", "泵", "'+1"]
        assert "attachment" in table.headers["Content-Disposition"]
        book = load_workbook(io.BytesIO((await browser.get(link(page, "format=xlsx"))).body))
        cells = book.get_sheet_by_index(0).to_python()
        assert [row[cells[0].index("name")] for row in cells[1:]] == ["=HYPERLINK(1)", "泵", "+1"]
        everything = await browser.get(link(page, "format=ndjson"))
        assert len(everything.body.splitlines()) == 3
        some = f"prefix={PREFIX}&template=pump&attribute=model&how=equal&operand=CP-12&state=live"
        chosen = await browser.page(f"/console/exports?{some}")
        assert re.search(r"标识\s*2\s", chosen.text)
        part = await browser.get(link(chosen, "format=csv"))
        assert [row["suffix"] for row in csv.DictReader(io.StringIO(part.body.decode("utf-8-sig")))] == ["P-1", "P-2"]


async def test_an_increment_is_what_changed_since_a_position(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "enterprise_user") as browser:
        await register(node, "P-0", name="泵")
        position = (await node("GET", "/v1/exports/manifest", query={"prefix": PREFIX})).json["position"]
        await register(node, "P-1", name="泵")
        page = await browser.page(f"/console/exports?prefix={PREFIX}&since={position}")
        lines = (await browser.get(link(page, "format=ndjson"))).body.splitlines()
        assert [b'"suffix":"P-1"' in line for line in lines] == [True]
        refused = await browser.get(f"/console/exports?prefix={PREFIX}&since={position}&suffix_contains=x")
        assert refused.status == 422
        assert "增量导出不能加检索条件" in dom_of(refused).text
        nothing = await browser.page(f"/console/exports?prefix={PREFIX}&suffix_contains=nothing")
        assert "没有标识可导出" in nothing.text
        foreign = await browser.get("/console/exports?prefix=88.101.2002")
        assert foreign.status == 422
        assert "format=csv" not in foreign.body.decode()


async def test_reviewers_take_nothing_away(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "reviewer") as reviewer:
        assert (await reviewer.get("/console/exports")).status == 403
        assert (await reviewer.get(f"/console/v1/exports/rows?prefix={PREFIX}")).code == "not_allowed"
        assert "/console/exports" not in (await reviewer.page("/console/identifiers")).links
