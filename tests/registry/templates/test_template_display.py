"""Display templates: what they may say, and the page they make, as data."""

from __future__ import annotations

import pytest

from registry.templates.display import Display, Section, layout
from registry.templates.media import Media
from registry.templates.template import Attribute, InvalidTemplate, Kind, Template

ATTRIBUTES = (
    Attribute("name", "名称", title_en="Name"),
    Attribute("photo", "照片", kind=Kind.FILE, media=Media.IMAGE),
    Attribute("power", "功率", kind=Kind.NUMBER, unit="kW"),
    Attribute("price", "价格"),
    Attribute("model", "型号"),
)
DISPLAY = Display(
    title="model",
    image="photo",
    sections=(Section("性能", "Performance", ("power", "name")),),
    hidden=("price",),
)


def test_it_is_part_of_the_definition_and_left_out_where_there_is_none() -> None:
    template = Template("pump", 1, "水泵", attributes=ATTRIBUTES, display=DISPLAY)
    document = template.to_json()
    assert document["display"] == {
        "title": "model",
        "image": "photo",
        "sections": [{"title_zh": "性能", "title_en": "Performance", "attributes": ["power", "name"]}],
        "hidden": ["price"],
    }
    assert Template.from_json(document) == template
    assert "display" not in Template("pump", 1, "水泵", attributes=ATTRIBUTES).to_json()


def test_the_layout_has_every_attribute_that_is_not_hidden_once() -> None:
    shown = layout(Display(sections=(Section("性能", "Performance", ("power",)),), hidden=("price",)), ATTRIBUTES)
    assert (shown["title"], shown["image"], shown["hidden"]) == ("name", None, ["price"])
    assert [(one["title_zh"], [a["name"] for a in one["attributes"]]) for one in shown["sections"]] == [
        ("性能", ["power"]), ("其他信息", ["photo", "model"]),
    ]  # fmt: skip
    assert shown["sections"][0]["attributes"][0]["unit"] == "kW"
    assert layout(DISPLAY, ATTRIBUTES)["title"] == "model"
    plain = layout(None, ATTRIBUTES)
    assert [a["name"] for a in plain["sections"][0]["attributes"]] == ["photo", "power", "price", "model"]


@pytest.mark.parametrize(
    ("display", "field", "code"),
    [
        (Display(title="none"), "display.title", "unknown_attribute"),
        (Display(image="power"), "display.image", "not_an_image"),
        (Display(sections=(Section("甲", "", ("none",)),)), "display.sections[0].attributes", "unknown_attribute"),
        (Display(sections=(Section("", "", ()),)), "display.sections[0].title_zh", "bad_title"),
        (Display(sections=(Section("甲"),) * 21), "display.sections", "too_many_sections"),
        (Display(sections=(Section("甲", "", ("name", "name")),)), "display.sections[0].attributes",
         "duplicate_attribute"),
        (Display(sections=(Section("甲", "", ("name",)),), hidden=("name",)), "display.hidden",
         "duplicate_attribute"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_with_its_place(display: Display, field: str, code: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        Template("pump", 1, "水泵", attributes=ATTRIBUTES, display=display)
    assert [(fault["field"], fault["code"]) for fault in refused.value.evidence["faults"]] == [(field, code)]
