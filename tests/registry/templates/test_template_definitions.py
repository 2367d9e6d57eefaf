import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.templates.template import Attribute, InvalidTemplate, Kind, Landing, Template

NAME = Attribute("name", "名称")


def faults_of(*attributes: Attribute, **members: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidTemplate) as raised:
        Template(**{"name": "test", "version": 1, "title_zh": "测试", "attributes": attributes, **members})
    return [(fault["field"], fault["code"]) for fault in raised.value.evidence["faults"]]


def test_indexes_are_given_in_order_and_types_from_names() -> None:
    template = Template(
        "test",
        1,
        "测试",
        attributes=(
            NAME,
            Attribute("site", "网址", index=1, type="URL"),
            Attribute("b", "乙", index=2001),
            Attribute("c", "丙"),
        ),
    )
    assert [(each.index, each.type) for each in template.attributes] == [
        (2000, "NAME"),
        (1, "URL"),
        (2001, "B"),
        (2002, "C"),
    ]
    assert template.names == ("name", "site", "b", "c")


def test_locations_for_the_proxy_may_be_an_attribute() -> None:
    places = Attribute("places", "地址", type="10320/loc", max_length=4000)
    template = Template("pump", 1, "水泵", attributes=(places,))
    assert template.attributes[0].type == "10320/loc"


@pytest.mark.parametrize(
    ("attribute", "fault"),
    [
        (Attribute("Name", "名称"), ("name", "bad_name")),
        (Attribute("9a", "名称"), ("name", "bad_name")),
        (Attribute("a" * 65, "名称"), ("name", "bad_name")),
        (Attribute("a\n", "名称", type="A"), ("name", "bad_name")),
        (Attribute("suffix", "名称"), ("name", "bad_name")),
        (Attribute("a", ""), ("title_zh", "bad_title")),
        (Attribute("a", "名\n称"), ("title_zh", "bad_title")),
        (Attribute("a", "名称", "x" * 256), ("title_en", "bad_title")),
        (Attribute("a", "名称", type="a b"), ("type", "bad_type")),
        (Attribute("a", "名称", type="10320/locations"), ("type", "bad_type")),
        (Attribute("a", "名称", type="HS_ADMIN"), ("type", "reserved_type")),
        (Attribute("hs_pubkey", "名称"), ("type", "reserved_type")),
        (Attribute("a", "名称", type="Url", kind=Kind.NUMBER), ("kind", "url_not_string")),
        (Attribute("a", "名称", index=1), ("index", "reserved_index")),
        (Attribute("a", "名称", index=100, type="URL"), ("index", "reserved_index")),
        (Attribute("a", "名称", index=1001), ("index", "reserved_index")),
        (Attribute("a", "名称", index=1999), ("index", "reserved_index")),
        (Attribute("a", "名称", index=-1), ("index", "reserved_index")),
        (Attribute("a", "名称", index=2**31), ("index", "reserved_index")),
        (Attribute("a", "名称", minimum="1"), ("minimum", "not_for_kind")),
        (Attribute("a", "名称", choices=("A",)), ("choices", "not_for_kind")),
        (Attribute("a", "名称", kind=Kind.DATE, pattern="a"), ("pattern", "not_for_kind")),
        (Attribute("a", "名称", kind=Kind.NUMBER, max_length=5), ("max_length", "not_for_kind")),
        (Attribute("a", "名称", max_length=0), ("max_length", "bad_length")),
        (Attribute("a", "名称", max_length=8193), ("max_length", "bad_length")),
        (Attribute("a", "名称", min_length=6, max_length=5), ("min_length", "bad_length")),
        (Attribute("a", "名称", listed=True, max_length=256), ("max_length", "too_long_to_index")),
        (Attribute("a", "名称", pattern="(a+)+"), ("pattern", "invalid_pattern")),
        (Attribute("a", "名称", kind=Kind.NUMBER, minimum="x"), ("minimum", "bad_limit")),
        (Attribute("a", "名称", kind=Kind.NUMBER, maximum="+1"), ("maximum", "bad_limit")),
        (Attribute("a", "名称", kind=Kind.NUMBER, minimum="10", maximum="9"), ("minimum", "bad_limit")),
        (Attribute("a", "名称", kind=Kind.DATE, maximum="2024-02-30"), ("maximum", "bad_limit")),
        (
            Attribute("a", "名称", kind=Kind.DATE, minimum="2024-02-02", maximum="2024-02-01"),
            ("minimum", "bad_limit"),
        ),
        (Attribute("a", "名称", kind=Kind.ENUM), ("choices", "bad_choices")),
        (Attribute("a", "名称", kind=Kind.ENUM, choices=("A", "A")), ("choices", "bad_choices")),
        (Attribute("a", "名称", kind=Kind.ENUM, choices=(" A",)), ("choices", "bad_choices")),
        (Attribute("a", "名称", kind=Kind.ENUM, choices=("",)), ("choices", "bad_choices")),
    ],
)
def test_a_faulty_attribute_is_named(attribute: Attribute, fault: tuple[str, str]) -> None:
    member, code = fault
    assert faults_of(NAME, attribute) == [(f"attributes[1].{member}", code)]


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"name": "产品"}, ("name", "bad_name")),
        ({"title_zh": " "}, ("title_zh", "bad_title")),
        ({"version": 0}, ("version", "bad_version")),
        ({"ttl": 59}, ("ttl", "bad_ttl")),
        ({"ttl": 30 * 86400 + 1}, ("ttl", "bad_ttl")),
        ({"attributes": ()}, ("attributes", "bad_attribute_count")),
        ({"landing": Landing.REDIRECT}, ("landing", "redirect_without_url")),
    ],
)
def test_a_faulty_template_is_named(members: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults_of(NAME, **members) == [fault]


def test_all_faults_are_reported_together() -> None:
    twice = replace(NAME, index=2005)
    faults = faults_of(twice, replace(twice, min_length=-1), Attribute("B", "乙", kind=Kind.ENUM), ttl=1, version=-1)
    assert faults == [
        ("version", "bad_version"),
        ("ttl", "bad_ttl"),
        ("attributes[1].name", "duplicate_name"),
        ("attributes[1].index", "duplicate_index"),
        ("attributes[1].min_length", "bad_length"),
        ("attributes[2].name", "bad_name"),
        ("attributes[2].choices", "bad_choices"),
    ]


def test_there_are_at_most_200_attributes() -> None:
    many = [Attribute(f"a{number}", "属性") for number in range(201)]
    assert faults_of(*many) == [("attributes", "bad_attribute_count")]
    assert Template("test", 1, "测试", attributes=tuple(many[:200])).attributes[199].index == 2199


FULL = Template(
    "valve-1",
    3,
    "阀门",
    "Valve",
    (
        Attribute("name", "名称", "Name", required=True, listed=True, min_length=1, max_length=100, pattern=r"\w+"),
        Attribute("weight", "重量", kind=Kind.NUMBER, minimum="0.10", maximum="12345678901234567890"),
        Attribute("made_on", "日期", kind=Kind.DATE, minimum="2000-01-01"),
        Attribute("ok", "合格", kind=Kind.BOOLEAN),
        Attribute("grade", "等级", kind=Kind.ENUM, choices=("A", "B"), unique=True),
        Attribute("url", "网址", index=1, type="URL"),
    ),
    600,
    Landing.REDIRECT,
)


def test_a_template_survives_json() -> None:
    document = FULL.to_json()
    assert Template.from_json(json.loads(json.dumps(document))) == FULL
    assert document["attributes"][3] == {
        "name": "ok",
        "title_zh": "合格",
        "kind": "boolean",
        "index": 2003,
        "type": "OK",
    }
    assert document["landing"] == "redirect"


def test_limits_may_come_as_json_numbers_and_absent_members_as_null() -> None:
    attribute = {"name": "w", "title_zh": "重量", "kind": "number", "minimum": 0.5, "maximum": 10, "index": None}
    template = Template.from_json({"name": "t", "version": 1, "title_zh": "测试", "attributes": [attribute]})
    assert (template.attributes[0].minimum, template.attributes[0].maximum) == ("0.5", "10")
    assert template.attributes[0].index == 2000


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "attributes"),
        ({"attributes": "abc"}, "attributes"),
        ({"attributes": []}, None),
        ({"name": "t", "version": "1", "title_zh": "测试", "attributes": []}, None),
        ({"name": "t", "version": 1, "title_zh": "测试", "attributes": [], "colour": 1}, None),
        ({"name": "t", "version": 1, "title_zh": "测试", "attributes": [], "landing": "x"}, None),
        ({"name": "t", "version": 1, "title_zh": "测试", "attributes": [5]}, "attributes[0]"),
        ({"name": "t", "version": 1, "title_zh": "测试", "attributes": [{"name": "a"}]}, "attributes[0]"),
        (
            {
                "name": "t",
                "version": 1,
                "title_zh": "测试",
                "attributes": [{"name": "a", "title_zh": "甲", "kind": "x"}],
            },
            "attributes[0]",
        ),
        (
            {
                "name": "t",
                "version": 1,
                "title_zh": "测试",
                "attributes": [{"name": "a", "title_zh": "甲", "default": 1}],
            },
            "attributes[0].default",
        ),
    ],
)
def test_a_document_of_another_shape_is_refused(document: dict[str, Any], field: str | None) -> None:
    with pytest.raises(InvalidTemplate) as raised:
        Template.from_json(document)
    assert raised.value.evidence["faults"][0]["field"] == field


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_no_document_does_anything_but_stand_or_be_refused(data: st.DataObject) -> None:
    document = json.loads(json.dumps(FULL.to_json()))
    for _ in range(data.draw(st.integers(1, 3))):
        target = (
            data.draw(st.sampled_from([document, *document["attributes"]])) if document["attributes"] else document
        )
        target[data.draw(st.sampled_from([*target, "more"]))] = data.draw(json_values)
        if not isinstance(document["attributes"], list) or not all(
            isinstance(each, dict) for each in document["attributes"]
        ):
            break
    try:
        template = Template.from_json(document)
    except InvalidTemplate as error:
        json.dumps(error.evidence)
    else:
        assert Template.from_json(template.to_json()) == template
        template.compile()
