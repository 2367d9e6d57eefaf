"""Attributes that take values and attributes that do not, decimals, and what definitions say of files and dates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.identifier import Prefix
from registry.rejection import Fault
from registry.templates.attributes import AttributeState
from registry.templates.encoder import Encoded, Entry
from registry.templates.media import Media, has_suffix, is_media
from registry.templates.template import Attribute, InvalidTemplate, Kind, Template

AT = b"\0\0\0\1"


def template(*attributes: Attribute) -> Template:
    return Template("pump", 1, "水泵", attributes=attributes)


NAME = Attribute("name", "名称", required=True)
OLD = Attribute("old", "旧编号", required=True, unique=True)
LATER = Attribute("later", "以后", state=AttributeState.PENDING)
BEFORE = template(NAME, OLD, replace(LATER, state=AttributeState.ENABLED))
AFTER = template(NAME, replace(OLD, state=AttributeState.DISABLED), LATER)


def codes(outcome: Any) -> list[tuple[str | None, str]]:
    assert isinstance(outcome, list), outcome
    return [(fault.field, str(fault.code)) for fault in outcome if isinstance(fault, Fault)]


def told(template: Template, outcome: Any) -> dict[str, Any]:
    assert isinstance(outcome, Encoded), outcome
    return template.attributes_of(outcome.record)


def test_a_new_record_has_no_values_of_disabled_and_pending_attributes_nor_misses_any() -> None:
    encoder = AFTER.compile()
    assert told(AFTER, encoder.named({"name": "泵"}, AT)) == {"name": "泵"}
    assert codes(encoder.named({"name": "泵", "old": "1", "later": "x"}, AT)) == [
        ("old", "attribute_disabled"), ("later", "attribute_pending"),
    ]  # fmt: skip
    assert codes(encoder.check({"old": "1", "name": "泵"})[1]) == [("old", "attribute_disabled")]


def test_stored_values_stay_through_every_update() -> None:
    encoder = AFTER.compile()
    stored = BEFORE.compile().named({"name": "泵", "old": "1"}, AT)
    assert isinstance(stored, Encoded)
    merged = encoder.merged(stored.record, {"name": "水泵"}, AT)
    assert told(AFTER, merged) == {"name": "水泵", "old": "1"}
    assert isinstance(merged, Encoded)
    assert merged.side == stored.side
    whole = encoder.merged(encoder.lasting(stored.record), {"name": "水泵"}, AT)
    assert told(AFTER, whole) == {"name": "水泵", "old": "1"}


def test_an_update_may_say_what_a_disabled_attribute_has_and_nothing_else() -> None:
    encoder = AFTER.compile()
    stored = BEFORE.compile().named({"name": "泵", "old": "1"}, AT)
    assert isinstance(stored, Encoded)
    assert encoder.merged(stored.record, {"old": "1", "later": None}, AT) == stored
    for changes in ({"old": "2"}, {"old": None}):
        assert codes(encoder.merged(stored.record, changes, AT)) == [("old", "attribute_disabled")]
    assert codes(encoder.merged(stored.record, {"later": "x"}, AT)) == [("later", "attribute_pending")]


def test_values_of_an_earlier_edition_are_carried_into_attributes_that_are_disabled_now() -> None:
    encoder = AFTER.compile()
    carried = encoder.merged(b"\0\0\0\0", {"name": "泵", "old": "1"}, AT, carried={"name", "old"})
    assert told(AFTER, carried) == {"name": "泵", "old": "1"}


def test_records_that_come_back_have_the_values_they_had() -> None:
    row = ("P-1", ["泵", "1", None], ())
    entry = AFTER.compile_as_stored().entry(Prefix.parse("88.101.1"), row, AT)
    assert isinstance(entry, Entry)
    assert AFTER.attributes_of(entry.record) == {"name": "泵", "old": "1"}


def test_a_number_has_no_more_decimals_than_its_attribute_says() -> None:
    encoder = template(Attribute("power", "功率", kind=Kind.NUMBER, decimals=2, unit="kW", maximum="100")).compile()
    for good in ("1.25", "1", 1.5, "1250 W", "-0.10"):
        assert isinstance(encoder.named({"power": good}, AT), Encoded), good
    for bad in ("1.250", "1.001", "1255 W", 0.125):
        assert codes(encoder.named({"power": bad}, AT)) == [("power", "too_many_decimals")], bad
    whole = template(Attribute("count", "数量", kind=Kind.NUMBER, decimals=0)).compile()
    assert codes(whole.named({"count": "1.0"}, AT)) == [("count", "too_many_decimals")]


def test_a_definition_comes_back_as_it_was_sent() -> None:
    said = template(
        Attribute("photo", "照片", kind=Kind.FILE, media=Media.IMAGE, suffixes=("png", "JPG"), code="c1"),
        Attribute("whole", "整机", kind=Kind.REFERENCE, template="pump"),
        Attribute("part", "零件", kind=Kind.REFERENCE, template="88.101.1/META_part"),
        Attribute("made_on", "生产日期", kind=Kind.DATE, date_format="YYYY年MM月DD日", definition="出厂\n日期"),
        Attribute("power", "功率", kind=Kind.NUMBER, decimals=3, comment="额定", state=AttributeState.DISABLED),
    )
    document = said.to_json()
    assert Template.from_json(document) == said
    photo = document["attributes"][0]
    assert photo == {
        "name": "photo", "title_zh": "照片", "kind": "file", "index": 2000, "type": "PHOTO", "media": "image",
        "suffixes": ["png", "JPG"], "code": "c1",
    }  # fmt: skip
    assert type(photo["media"]) is str


@pytest.mark.parametrize(
    ("attribute", "member", "code"),
    [
        (Attribute("a", "甲", decimals=2), "decimals", "not_for_kind"),
        (Attribute("a", "甲", kind=Kind.NUMBER, decimals=39), "decimals", "bad_length"),
        (Attribute("a", "甲", media=Media.AUDIO), "media", "not_for_kind"),
        (Attribute("a", "甲", kind=Kind.FILE, suffixes=(".pdf",)), "suffixes", "bad_suffix"),
        (Attribute("a", "甲", kind=Kind.FILE, suffixes=("a",) * 51), "suffixes", "bad_suffix"),
        (Attribute("a", "甲", template="pump"), "template", "not_for_kind"),
        (Attribute("a", "甲", kind=Kind.REFERENCE, template="a b"), "template", "bad_template"),
        (Attribute("a", "甲", kind=Kind.DATE, date_format="YYYY-YYYY"), "date_format", "bad_date_format"),
        (Attribute("a", "甲", kind=Kind.DATE, date_format="<YYYY>"), "date_format", "bad_date_format"),
        (Attribute("a", "甲", code="c" * 51), "code", "bad_text"),
        (Attribute("a", "甲", comment="\x00"), "comment", "bad_text"),
        (Attribute("a", "甲", definition="d" * 201), "definition", "bad_text"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(attribute: Attribute, member: str, code: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        template(attribute)
    assert [(fault["field"], fault["code"]) for fault in refused.value.evidence["faults"]] == [
        (f"attributes[0].{member}", code)
    ]


def test_an_unknown_state_or_kind_of_media_is_no_definition() -> None:
    for member in ({"state": "asleep"}, {"media": "smell"}):
        with pytest.raises(InvalidTemplate):
            Template.from_json(
                {
                    "name": "a",
                    "version": 1,
                    "title_zh": "甲",
                    "attributes": [{"name": "a", "title_zh": "甲", **member}],
                }
            )


def test_a_file_is_told_by_its_media_type_and_the_end_of_its_name() -> None:
    assert is_media(Media.IMAGE, "image/png", "a")
    assert not is_media(Media.IMAGE, "application/pdf", "a.png")
    assert is_media(Media.VIDEO, "video/mp4", "a.mp4")
    assert is_media(Media.AUDIO, "video/mp4", "song.MP4")
    assert not is_media(Media.AUDIO, "video/mp4", "film.mov")
    assert has_suffix(("pdf", "DOCX"), "说明书.docx")
    assert not has_suffix(("pdf",), "pdf")
