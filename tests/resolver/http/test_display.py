"""The public page by its display template: sections, picture, dates, what is hidden; escaped as ever."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.dom import BROWSER, ENGLISH, Dom, dom
from tests.support.shelf import PUMP, Front, Shelf, values

PHOTO = f"sha256-{'a1' * 32}"
SHOWN: dict[str, Any] = {
    **PUMP,
    "attributes": [
        {"name": "name", "index": 2000, "type": "NAME", "title_zh": "名称", "title_en": "Name"},
        {"name": "model", "index": 2001, "type": "MODEL", "title_zh": "型号", "title_en": "Model"},
        {"name": "photo", "index": 2002, "type": "PHOTO", "title_zh": "照片", "kind": "file", "media": "image"},
        {"name": "made_on", "index": 2003, "type": "MADE_ON", "title_zh": "生产日期", "kind": "date",
         "date_format": "YYYY年MM月DD日", "state": "disabled"},
        {"name": "price", "index": 2004, "type": "PRICE", "title_zh": "价格"},
        {"name": "weight", "index": 2005, "type": "WEIGHT", "title_zh": "重量", "kind": "number", "unit": "kg"},
    ],
    "display": {
        "title": "model",
        "image": "photo",
        "sections": [
            {"title_zh": "外形", "title_en": "Shape", "attributes": ["weight", "name"]},
            {"title_zh": "空的", "title_en": "Empty", "attributes": []},
            {"title_zh": "生产", "title_en": "", "attributes": ["made_on"]},
        ],
        "hidden": ["price"],
    },
}  # fmt: skip
RECORD = values(
    (2000, "NAME", "多级离心泵"), (2001, "MODEL", "DL-50"), (2002, "PHOTO", PHOTO), (2003, "MADE_ON", "2026-03-01"),
    (2004, "PRICE", "一百元"), (2005, "WEIGHT", "38.5"), (5000, "EXTRA", "beyond the template"),
)  # fmt: skip


async def shown(front: Front, shelf: Shelf, definition: dict[str, Any], *, english: bool = False) -> Dom:
    await shelf.prefix()
    await shelf.register("88.101.1/A", RECORD, await shelf.template(definition))
    return await dom(front, "/88.101.1/A", ENGLISH if english else BROWSER)


def images(page: Dom) -> list[str | None]:
    return [attributes.get("src") for tag, attributes in page.elements if tag == "img"]


async def test_the_page_is_laid_out_as_the_template_says(front: Front, shelf: Shelf) -> None:
    page = await shown(front, shelf, SHOWN)
    order = ["DL-50", "外形", "重量", "38.5 kg", "名称", "多级离心泵", "生产", "2026年03月01日", "其他信息", "EXTRA"]
    body = page.text[page.text.index("DL-50", page.text.index("DL-50") + 1) :]  # the window's title comes first
    places = [body.index(said) for said in order]
    assert places == sorted(places)
    for absent in ("价格", "一百元", "空的", "型号", "照片"):
        assert absent not in page.text
    assert images(page) == [f"/v1/files/{PHOTO}/content"]
    assert page.text.count("以上内容由注册企业提供。") == 1
    async with front.session.get("/api/handles/88.101.1/A") as answer:  # hidden from the page, not from programs
        assert "一百元" in await answer.text()


async def test_titles_without_english_are_the_chinese_ones(front: Front, shelf: Shelf) -> None:
    page = await shown(front, shelf, SHOWN, english=True)
    for said in ("Shape", "生产", "Other details"):
        assert said in page.text
    assert "外形" not in page.text


async def test_without_a_picture_s_file_there_is_none_and_the_value_is_a_line(front: Front, shelf: Shelf) -> None:
    await shelf.prefix()
    template_id = await shelf.template(SHOWN)
    await shelf.register("88.101.1/A", values((2001, "MODEL", "M"), (2002, "PHOTO", "data:image/png,x")), template_id)
    page = await dom(front, "/88.101.1/A")
    assert images(page) == []
    assert "data:image/png,x" in page.text


async def test_nothing_that_a_display_template_says_is_believed(front: Front, shelf: Shelf) -> None:
    hostile = copy.deepcopy(SHOWN)
    hostile["display"]["sections"][0]["title_zh"] = "<script>alert(1)</script>\u202e"
    hostile["attributes"][3]["date_format"] = "<img src=x>YYYY"
    page = await shown(front, shelf, hostile)
    assert not [tag for tag, _ in page.elements if tag == "script"]
    assert "<script>alert(1)</script>\ufffd" in page.text
    assert images(page) == [f"/v1/files/{PHOTO}/content"]
