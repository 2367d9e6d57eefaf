"""``/v1/labels``: codes of single identifiers, sheets of a list, a search, a batch."""

from __future__ import annotations

import json
import re
from typing import Any

from admin.labels.selection import MOST
from tests.support.node import Answer, Node, running_node
from tests.support.pictures import code_in

PREFIX = "88.101.2001"
GOODS: dict[str, Any] = {
    "name": "goods", "title_zh": "商品", "attributes": [
        {"name": "name", "title_zh": "名称"}, {"name": "gtin", "title_zh": "GTIN"},
        {"name": "serial", "title_zh": "序列号"}, {"name": "price", "title_zh": "价格"},
    ],
}  # fmt: skip


async def register(node: Node, suffix: str, **attributes: str) -> None:
    holder = node.holder
    await node.world.identifiers.register(
        holder.account, holder.actor, holder.identifier(suffix), node.template.template_id, attributes
    )


async def goods(node: Node, suffix: str, **attributes: str) -> None:
    """One with the keys of GS1."""
    made = await node("POST", "/v1/templates", by="enterprise_user", json=GOODS)
    if made.status == 201:
        await node("POST", f"/v1/templates/{made.json['template_id']}/publish", by="enterprise_user")
    body = {"prefix": PREFIX, "suffix": suffix, "template": "goods", "attributes": attributes}
    registered = await node("POST", "/v1/identifiers", by="enterprise_user", json=body)
    assert registered.status == 201, registered.body


async def picture(node: Node, path: str, by: str = "enterprise_user", **query: str | int) -> Answer:
    return await node("GET", f"/v1/labels/{path}", by=by, query=query)


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


async def test_the_code_of_an_identifier_leads_to_its_public_page(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "泵/1 a", name="离心泵")
        path = f"{PREFIX}/%E6%B3%B5%2F1%20a"
        drawn = await picture(node, path, format="png")
        assert drawn.headers["Content-Type"] == "image/png"
        address = code_in(drawn.body).text
        assert address == f"{node.url}/{PREFIX}/%E6%B3%B5/1%20a"
        page = await node("GET", address.removeprefix(node.url), by=None, headers={"Accept": "text/html"})
        assert page.status == 200
        assert "离心泵" in page.body.decode()
        said = await picture(node, path, format="png", content="identifier", kind="datamatrix", scale=3)
        assert code_in(said.body).text == f"{PREFIX}/泵/1 a"


async def test_an_svg_is_a_picture_that_runs_nothing(database_url: str) -> None:
    async with running_node(database_url, labels={"address": "https://id.example.cn/x"}) as node:
        await register(node, "A<b>&\"'", name="离心泵")
        drawn = await picture(node, f"{PREFIX}/A%3Cb%3E&%22'", content="identifier")
        assert drawn.headers["Content-Type"] == "image/svg+xml"
        assert drawn.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert drawn.headers["X-Content-Type-Options"] == "nosniff"
        assert b"A&lt;b&gt;&amp;&quot;&#x27;" in drawn.body
        named = await picture(node, f"{PREFIX}/A%3Cb%3E&%22'", format="png")
        assert code_in(named.body).text == f"https://id.example.cn/x/{PREFIX}/A%3Cb%3E%26%22%27"


async def test_records_with_a_gtin_have_labels_of_gs1(database_url: str) -> None:
    async with running_node(database_url) as node:
        await goods(node, "G-1", name="离心泵", gtin="9506000134352", serial="S/7")
        await goods(node, "G-2", name="离心泵", gtin="9506000134353")
        link = await picture(node, f"{PREFIX}/G-1", content="digital_link", format="png")
        assert code_in(link.body).text == "https://id.gs1.org/01/09506000134352/21/S%2F7"
        asked = {"content": "element_string", "format": "png"}
        elements = await picture(node, f"{PREFIX}/G-1", kind="datamatrix", **asked)
        assert code_in(elements.body).bytes == b"010950600013435221S/7"
        assert (await picture(node, f"{PREFIX}/G-1", **asked)).code == "content_unfit"
        refused = await picture(node, f"{PREFIX}/G-2", content="digital_link")
        assert (refused.code, refused.json["field"]) == ("no_gtin", "gtin")
        sheet = {"identifiers": [f"{PREFIX}/G-1", f"{PREFIX}/G-2"], "content": "digital_link"}
        refused = await node("POST", "/v1/labels/sheets", by="enterprise_user", json=sheet)
        assert refused.code == "labels_refused"
        assert [(fault["field"], fault["code"]) for fault in refused.json["faults"]] == [(f"{PREFIX}/G-2", "no_gtin")]


async def test_a_sheet_has_a_label_of_everything_that_was_named(database_url: str) -> None:
    async with running_node(database_url) as node:
        for number in range(30):
            await register(node, f"P-{number:02}", name=f"离心泵 {number}")
        names = [f"{PREFIX}/p-{number:02}" for number in reversed(range(30))]
        selection = {"identifiers": names}
        shown = await node("POST", "/v1/labels/selections", by="enterprise_user", json=selection)
        assert [item["identifier"] for item in shown.json["items"]] == [name.upper() for name in names]
        assert shown.json["items"][0]["product"] == "离心泵 29"
        assert shown.json["items"][0]["enterprise"]
        sheet = await node("POST", "/v1/labels/sheets", by="enterprise_user", json=selection)
        assert (sheet.status, sheet.headers["Content-Type"]) == (200, "application/pdf"), sheet.body
        assert sheet.headers["Content-Disposition"] == 'attachment; filename="labels-a4-70x37.pdf"'
        assert sheet.body.startswith(b"%PDF-")
        assert pages(sheet.body) == 2
        rolls = {**selection, "layout": "roll-50x30", "kind": "datamatrix"}
        assert pages((await node("POST", "/v1/labels/sheets", by="enterprise_user", json=rolls)).body) == 30


async def test_what_is_not_there_is_told_by_its_place(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "A", name="离心泵")
        names = [f"{PREFIX}/A", f"{PREFIX}/none", "no slash", f"{PREFIX}/ x"]
        refused = await node("POST", "/v1/labels/sheets", by="enterprise_user", json={"identifiers": names})
        assert (refused.status, refused.code) == (400, "labels_refused")
        assert [(fault["field"], fault["code"]) for fault in refused.json["faults"]] == [
            ("identifiers[1]", "identifier_unknown"), ("identifiers[2]", "invalid_identifier"),
            ("identifiers[3]", "invalid_suffix"),
        ]  # fmt: skip
        for body, code in (
            ({}, "selection_ambiguous"),
            ({"identifiers": [f"{PREFIX}/A"], "search": {"prefix": PREFIX}}, "selection_ambiguous"),
            ({"search": {"prefix": PREFIX, "filters": {"suffix_begins": "Z"}}}, "nothing_to_label"),
            ({"batch_id": "00000000-0000-7000-8000-000000000001"}, "batch_unknown"),
            ({"identifiers": [f"{PREFIX}/A"], "layout": "a4-1x1"}, "layout_unknown"),
            ({"identifiers": []}, "invalid_input"),
            ({"identifiers": [f"{PREFIX}/A"] * (MOST + 1)}, "invalid_input"),
        ):
            assert (await node("POST", "/v1/labels/sheets", by="enterprise_user", json=body)).code == code


async def test_what_a_search_finds_comes_in_portions(database_url: str) -> None:
    async with running_node(database_url) as node:
        rows = "".join(json.dumps({"suffix": f"S-{number:04}", "name": "泵"}) + "\n" for number in range(1100))
        done = await node(
            "POST", "/v1/batches", by="enterprise_user", query={"prefix": PREFIX, "template": "pump"},
            data=rows.encode(), headers={"Content-Type": "application/x-ndjson", "Idempotency-Key": "labels"},
        )  # fmt: skip
        assert done.json["registered"] == 1100, done.body
        await register(node, "T-1", name="离心泵")
        for selection in (
            {"search": {"prefix": PREFIX, "filters": {"suffix_begins": "S-"}}}, {"batch_id": done.json["batch_id"]},
        ):  # fmt: skip
            first = await node("POST", "/v1/labels/selections", by="enterprise_user", json=selection)
            cursor = first.json["next_cursor"]
            rest = await node(
                "POST", "/v1/labels/selections", by="enterprise_user", json={**selection, "cursor": cursor}
            )
            found = [item["identifier"] for answer in (first, rest) for item in answer.json["items"]]
            assert found == [f"{PREFIX}/S-{number:04}" for number in range(1100)]
            assert rest.json["next_cursor"] is None
            sheet = await node(
                "POST", "/v1/labels/sheets", by="enterprise_user", json={**selection, "cursor": cursor}
            )
            assert (pages(sheet.body), "Next-Cursor" in sheet.headers) == (5, False)
        whole = await node("POST", "/v1/labels/sheets", by="enterprise_user", json=selection)
        assert (pages(whole.body), whole.headers["Next-Cursor"]) == (42, cursor)


async def test_labels_are_for_whoever_may_read_the_identifiers(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "A", name="离心泵")
        selection = {"identifiers": [f"{PREFIX}/A"]}
        for by, status in (("enterprise_user", 200), ("auditor", 200), ("reviewer", 200), ("other", 403)):
            assert (await node("POST", "/v1/labels/selections", by=by, json=selection)).status == status
        # What is public everybody with an account may print, as everybody may read it.
        assert (await picture(node, f"{PREFIX}/A", by="other")).status == 200
        assert (await picture(node, f"{PREFIX}/B", by="other")).status == 404
        assert (await node("GET", f"/v1/labels/{PREFIX}/A", by=None)).status == 401


async def test_only_what_can_be_a_host_is_printed_as_the_address_of_the_node(database_url: str) -> None:
    async with running_node(database_url) as node:
        await register(node, "A", name="离心泵")
        for host, printed in (
            ("node.example.cn:8443", "http://node.example.cn:8443"), ("[::1]:80", "http://[::1]:80"), ("", ""),
            ("a b", ""), ("a/b?c", ""), ("[bad", ""), ("user@evil.example", ""), ('a"<b>', ""), ("a:b:c", ""),
        ):  # fmt: skip
            asked = (
                f"GET /v1/labels/{PREFIX}/A HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
                f"Authorization: Bearer {node.tokens['enterprise_user']}\r\n\r\n"
            )
            answer = (await node.raw(asked.encode())).decode()
            assert answer.startswith("HTTP/1.1 200" if printed else "HTTP/1.1 400"), host
            assert (f"<title>{printed}/{PREFIX}/A</title>" if printed else "own_address_unknown") in answer


async def test_without_fonts_a_sheet_says_what_is_missing_and_single_codes_work(
    database_url: str, tmp_path: Any
) -> None:
    async with running_node(database_url, typesetting={"fonts": str(tmp_path)}) as node:
        await register(node, "A", name="离心泵")
        sheet = await node("POST", "/v1/labels/sheets", json={"identifiers": [f"{PREFIX}/A"]})
        assert (sheet.status, sheet.code) == (503, "font_missing")
        assert (await picture(node, f"{PREFIX}/A")).status == 200


async def test_layouts_are_listed_with_their_measures(database_url: str) -> None:
    async with running_node(database_url) as node:
        listed = (await node("GET", "/v1/labels/layouts", by="enterprise_user")).json["items"]
        assert listed[0] == {
            "name": "a4-70x37", "title_zh": "A4，70 × 37 毫米，每页 3 列 8 行",
            "title_en": "A4, 70 × 37 mm, 3 columns of 8",
            "page": [210, 297], "label": [70, 37], "columns": 3, "rows": 8,
        }  # fmt: skip
