"""Arrays, units, references and files on the page and in the record for programs."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from resolver.http.meaning import Item, items_of
from resolver.local import AttributeFace
from tests.support.dom import BROWSER, ENGLISH, dom
from tests.support.shelf import Front, Shelf, values

FILE = "sha256-" + "0f" * 32
MOTOR: dict[str, Any] = {
    "name": "motor",
    "version": 1,
    "title_zh": "电机",
    "title_en": "Motor",
    "attributes": [
        {"name": "name", "index": 2000, "type": "NAME", "title_zh": "名称", "kind": "string"},
        {"name": "power", "index": 2001, "type": "POWER", "title_zh": "功率", "kind": "number", "unit": "kW"},
        {"name": "colours", "index": 2002, "type": "COLOURS", "title_zh": "颜色", "kind": "string", "many": True},
        {"name": "pump", "index": 2003, "type": "PUMP", "title_zh": "所属水泵", "kind": "reference"},
        {"name": "spares", "index": 2004, "type": "SPARES", "title_zh": "备件", "kind": "reference", "many": True},
        {"name": "manual", "index": 2005, "type": "MANUAL", "title_zh": "说明书", "kind": "file"},
        {"name": "sizes", "index": 2006, "type": "SIZES", "title_zh": "尺寸", "kind": "number", "many": True,
         "unit": "mm"},
    ],
}  # fmt: skip
RECORD = values(
    (2000, "NAME", "电机一号"), (2001, "POWER", "5.50"), (2002, "COLOURS", '["红","<b>蓝</b>"]'),
    (2003, "PUMP", "88.101.1/a/../b"), (2004, "SPARES", '["86.1/x y","88.101.1/<s>"]'), (2005, "MANUAL", FILE),
    (2006, "SIZES", '["1","2.50"]'),
)  # fmt: skip


@pytest.fixture
async def motor(shelf: Shelf) -> str:
    await shelf.prefix()
    await shelf.register("88.101.1/Motor-1", RECORD, await shelf.template(MOTOR))
    return "88.101.1/Motor-1"


async def test_the_page_shows_what_values_stand_for(front: Front, motor: str) -> None:
    page = await dom(front, f"/{motor}")
    for said in ("5.50 kW", "1 mm", "2.50 mm", "红", "<b>蓝</b>", "88.101.1/a/../b", "下载文件 sha256-0f0f0f0f…"):
        assert said in page.text
    assert '["' not in page.text
    assert {"b", "s"}.isdisjoint(tag for tag, _ in page.elements)
    assert {"/88.101.1/a%2F..%2Fb", "/86.1/x%20y", "/88.101.1/%3Cs%3E", f"/v1/files/{FILE}/content"} <= set(
        page.links
    )
    assert "Download file" in (await dom(front, f"/{motor}", ENGLISH)).text


async def test_a_reference_leads_to_this_node_s_page_of_it(front: Front, shelf: Shelf, motor: str) -> None:
    await shelf.register("88.101.1/a/../b", values((2000, "NAME", "水泵")), await shelf.template(MOTOR))
    page = await dom(front, f"/{motor}")
    link = next(link for link in page.links if link and link.endswith("b") and "a%2F" in link)
    async with front.session.get(URL(link, encoded=True), headers=BROWSER) as answer:
        assert answer.status == 200
        assert "水泵" in await answer.text()


async def test_a_language_that_was_chosen_goes_along_to_other_pages(front: Front, motor: str) -> None:
    chosen = await dom(front, f"/{motor}?lang=en")
    assert {"/?lang=en", "/88.101.1/a%2F..%2Fb?lang=en", f"/v1/files/{FILE}/content"} <= set(chosen.links)
    assert "/" in (await dom(front, f"/{motor}", ENGLISH)).links


async def test_a_program_gets_the_values_as_they_are_and_what_they_stand_for(front: Front, motor: str) -> None:
    async with front.session.get(f"/{motor}", headers={"Accept": "application/json"}) as answer:
        record = await answer.json()
    assert record["attributes"] == {
        "name": {"title": "名称", "value": "电机一号"},
        "power": {"title": "功率", "value": "5.50", "unit": "kW"},
        "colours": {"title": "颜色", "value": ["红", "<b>蓝</b>"]},
        "pump": {"title": "所属水泵", "value": "88.101.1/a/../b", "link": "/88.101.1/a%2F..%2Fb"},
        "spares": {"title": "备件", "value": ["86.1/x y", "88.101.1/<s>"],
                   "link": ["/86.1/x%20y", "/88.101.1/%3Cs%3E"]},
        "manual": {"title": "说明书", "value": FILE, "link": f"/v1/files/{FILE}/content"},
        "sizes": {"title": "尺寸", "value": ["1", "2.50"], "unit": "mm"},
    }  # fmt: skip
    async with front.session.get(f"/api/handles/{motor}") as answer:
        plain = await answer.json()
    assert "attributes" not in plain
    assert {**record, "attributes": None} == {**plain, "attributes": None}
    assert plain["values"][2]["data"] == {"format": "string", "value": '["红","<b>蓝</b>"]'}


async def test_a_title_may_be_an_array_and_a_long_one_is_cut(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    many = {**MOTOR, "attributes": [{**MOTOR["attributes"][0], "many": True}, MOTOR["attributes"][2]]}
    long = '["' + '","'.join("x" * 5000 for _ in range(6)) + '"]'
    record = values((2000, "NAME", '["一","二"]'), (2002, "COLOURS", long))
    await shelf.register("88.101.1/A", record, await shelf.template(many))
    page = await dom(front, "/88.101.1/A")
    assert "一, 二" in page.text
    assert page.text.count("x" * 5000) == 4
    assert "…" in page.text


@pytest.mark.parametrize(
    ("attribute", "data", "expected"),
    [
        (None, b"https://a.example/", (Item("https://a.example/", "https://a.example/"),)),
        (None, b"\xff", None),
        (AttributeFace("a", 1, "属性", many=True), b'["a","https://b/"]',
         (Item("a", None), Item("https://b/", "https://b/"))),
        (AttributeFace("a", 1, "属性", many=True), b"[1]", (Item("[1]", None),)),
        (AttributeFace("a", 1, "属性", many=True), b"plain", (Item("plain", None),)),
        (AttributeFace("a", 1, "属性", kind="reference"), b"data:,x", (Item("data:,x", None),)),
        (AttributeFace("a", 1, "属性", kind="reference"), b"88.1/A", (Item("88.1/A", "/88.1/A"),)),
        (AttributeFace("a", 1, "属性", kind="file"), b"../../x", (Item("../../x", None),)),
        (AttributeFace("a", 1, "属性", kind="file"), FILE.encode(), (Item(FILE, f"/v1/files/{FILE}/content"),)),
    ],
)  # fmt: skip
def test_what_does_not_read_as_its_template_says_is_the_text_it_is(
    attribute: AttributeFace | None, data: bytes, expected: tuple[Item, ...] | None
) -> None:
    assert items_of(data, attribute) == expected
