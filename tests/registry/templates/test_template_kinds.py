"""Arrays, references and files in a template: what is stored, what stands beside it, what is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identifier import Prefix
from node.record import Reference, Value, decode_values, encode_values
from registry.rejection import Fault
from registry.templates.attributes import Attribute, Kind
from registry.templates.record_pieces import pieces
from registry.templates.template import Encoded, Encoder, InvalidTemplate, NamedFile, SideEntry, Target, Template

PREFIX = Prefix.parse("88.111.1")
STAMP = (1_700_000_000).to_bytes(4, "big")
LATER = (1_800_000_000).to_bytes(4, "big")
FILE = "sha256-" + "0f" * 32
OTHER_FILE = "sha256-" + "a0" * 32

PART = Template(
    "part",
    1,
    "零件",
    attributes=(
        Attribute("name", "名称", required=True, listed=True),
        Attribute("colours", "颜色", many=True, max_items=3),
        Attribute("sizes", "尺寸", kind=Kind.NUMBER, many=True, unit="mm", minimum="0"),
        Attribute("weight", "重量", kind=Kind.NUMBER, listed=True, unit="kg"),
        Attribute("pump", "所属水泵", kind=Kind.REFERENCE),
        Attribute("spares", "备件", kind=Kind.REFERENCE, many=True),
        Attribute("manual", "说明书", kind=Kind.FILE, unique=True),
        Attribute("drawings", "图纸", kind=Kind.FILE, many=True),
    ),
)
ENCODER = PART.compile()


def encoded(**attributes: Any) -> Encoded:
    found = ENCODER.row([attributes.get(name) for name in PART.names], STAMP)
    assert isinstance(found, Encoded), found
    return found


def faults_of(encoder: Encoder, **attributes: Any) -> list[Fault]:
    _, faults = encoder.check(attributes)
    row = encoder.row([attributes.get(attribute.name) for attribute in PART.attributes], STAMP)
    assert row == faults
    return faults


def refused(**attributes: Any) -> list[tuple[str | None, str]]:
    return [(fault.field, str(fault.code)) for fault in faults_of(ENCODER, **{"name": "x", **attributes})]


# Arrays -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        (["红", "蓝"], '["红","蓝"]'),
        ('["红", "蓝"]', '["红","蓝"]'),
        (' [ "红" ]', '["红"]'),
        ("红", '["红"]'),
        ("[红", '["[红"]'),
        ('say "hi"', '["say \\"hi\\""]'),
        (["a\nb"], '["a\\nb"]'),
        (["红", "红"], '["红","红"]'),
    ],
)
def test_an_array_is_one_compact_value(said: Any, stored: str) -> None:
    record = encoded(name="x", colours=said).record
    assert decode_values(record)[1].data.decode() == stored
    assert PART.attributes_of(record) == {"name": "x", "colours": json.loads(stored)}


def test_every_item_obeys_the_attribute_s_rules() -> None:
    sizes = encoded(name="x", sizes=["1.10", 2, Decimal("3.0"), "4 cm"]).record
    assert PART.attributes_of(sizes)["sizes"] == ["1.10", "2", "3.0", "40"]
    assert PART.attributes_of(encoded(name="x", sizes="[1.10, 2e1]").record)["sizes"] == ["1.10", "20"]
    faults = faults_of(ENCODER, name="x", sizes=[1, "x", -1, "1 kg"])
    assert [(fault.field, fault.code) for fault in faults] == [
        ("sizes", "not_a_number"), ("sizes", "too_small"), ("sizes", "unknown_unit"),
    ]  # fmt: skip
    assert faults[0].message == "第 2 项：不是数字：x / item 2: not a plain decimal number: x"


@pytest.mark.parametrize("nothing", [[], "[]", " [ ] ", None, ""])
def test_an_empty_array_is_absent(nothing: Any) -> None:
    assert PART.attributes_of(encoded(name="x", colours=nothing).record) == {"name": "x"}
    needed = Template("t", 1, "测试", attributes=(Attribute("a", "属性", many=True, required=True),)).compile()
    assert [fault.code for fault in needed.check({"a": nothing})[1]] == ["required"]
    assert needed.row([nothing], STAMP) == needed.check({"a": nothing})[1]


def test_arrays_have_bounds_and_no_holes() -> None:
    assert refused(colours=["a", "b", "c", "d"]) == [("colours", "too_many_items")]
    assert refused(colours=["a", None, ""]) == [("colours", "empty_item"), ("colours", "empty_item")]
    assert refused(colours=[["a"]]) == [("colours", "not_text")]
    assert refused(colours=[{"a": 1}]) == [("colours", "not_text")]
    assert refused(colours=5) == [("colours", "not_text")]
    assert refused(sizes=["x"] * 100) == [("sizes", "not_a_number")] * 10
    assert refused(sizes="[" * 100_000) == [("sizes", "not_a_number")]
    assert refused(sizes="[1e999999999999999999999]") == [("sizes", "not_a_number")]


def test_one_value_is_no_array() -> None:
    assert refused(weight=[1], pump=["88.1.1/A"], manual=[]) == [
        ("weight", "one_value"), ("pump", "one_value"), ("manual", "one_value"),
    ]  # fmt: skip


@given(st.lists(st.text(max_size=20), max_size=4) | st.text(max_size=30))
def test_whatever_is_stored_passes_again(colours: Any) -> None:
    values = ["x", colours, *[None] * 6]
    first = ENCODER.row(values, STAMP)
    checked, faults = ENCODER.check({"name": "x", "colours": colours})
    if faults:
        assert first == faults
        return
    assert isinstance(first, Encoded)
    assert ENCODER.encode(checked, STAMP) == first
    told = PART.attributes_of(first.record)
    assert ENCODER.row(["x", told.get("colours"), *[None] * 6], STAMP) == first


# References and files -----------------------------------------------------------------------------------


def test_references_and_files_are_told_beside_the_record() -> None:
    found = encoded(
        name="x", weight="1500 g", pump="88.101.1/Pump-1", spares=["88.101.1/a/b", "88.101.1/A/B", "86.5/c"],
        manual=FILE, drawings=[OTHER_FILE, FILE, FILE],
    )  # fmt: skip
    assert found.references == (
        Target(2004, "88.101.1", "PUMP-1"), Target(2005, "88.101.1", "A/B"), Target(2005, "86.5", "C"),
    )  # fmt: skip
    assert found.files == (
        NamedFile(2006, bytes.fromhex("0f" * 32)), NamedFile(2007, bytes.fromhex("a0" * 32)),
        NamedFile(2007, bytes.fromhex("0f" * 32)),
    )  # fmt: skip
    assert found.side == [
        SideEntry(2000, False, "x"), SideEntry(2003, False, "1.5", "1.5"), SideEntry(2006, True, FILE),
    ]  # fmt: skip
    assert PART.attributes_of(found.record)["pump"] == "88.101.1/Pump-1"
    assert ENCODER.side_of(found.record) == (found.side, found.references)


def test_an_entry_carries_them() -> None:
    entry = ENCODER.entry(PREFIX, ("A", ["x", None, None, None, "88.1/b", None, FILE, None], ()), STAMP)
    assert not isinstance(entry, list)
    assert entry.references == (Target(2004, "88.1", "B"),)
    assert entry.files == (NamedFile(2006, bytes.fromhex("0f" * 32)),)


@pytest.mark.parametrize(
    "wrong", ["88.101.1", "88.101.1/", "99.1/a", "a/b", "88.101.1/a\u202e", " 88.1/ a", 5, "88.1/" + "x" * 255]
)
def test_a_reference_is_an_identifier(wrong: Any) -> None:
    if wrong == " 88.1/ a":
        assert refused(pump=wrong) == [("pump", "not_an_identifier")]
    else:
        assert refused(pump=wrong, spares=[wrong]) == [
            ("pump", "not_an_identifier"), ("spares", "not_an_identifier"),
        ]  # fmt: skip


@pytest.mark.parametrize("wrong", [FILE.upper(), FILE[:-1], FILE + "0", "../x", "sha256-" + "g" * 64, 5])
def test_a_file_is_named_by_its_digest(wrong: Any) -> None:
    assert refused(manual=wrong) == [("manual", "not_a_file")]


# Changes of stored records ------------------------------------------------------------------------------


def test_a_merge_keeps_what_it_does_not_name_octet_for_octet() -> None:
    first = encoded(name="x", colours=["a"], weight="1", pump="88.1/a")
    merged = ENCODER.merged(first.record, {"weight": "2", "pump": None, "manual": FILE, "colours": "a"}, LATER)
    assert isinstance(merged, Encoded)
    assert PART.attributes_of(merged.record) == {"name": "x", "colours": ["a"], "weight": "2", "manual": FILE}
    times = {value.index: value.timestamp for value in decode_values(merged.record)}
    assert times == {2000: 1_700_000_000, 2001: 1_700_000_000, 2003: 1_800_000_000, 2006: 1_800_000_000}
    whole = ENCODER.row(["x", ["a"], None, "2", None, None, FILE, None], STAMP)
    assert isinstance(whole, Encoded)
    assert merged[1:] == whole[1:]


def test_a_merge_that_changes_nothing_gives_the_same_record() -> None:
    first = encoded(name="x", colours=["a", "b"], sizes=[1, 2], weight="1.50")
    for nothing in ({}, {"name": "x"}, {"colours": '["a", "b"]', "weight": "1500.0 g"}, {"pump": ""}):
        merged = ENCODER.merged(first.record, nothing, LATER)
        assert isinstance(merged, Encoded)
        if "weight" in nothing:
            assert PART.attributes_of(merged.record)["weight"] == "1.5"  # digits are the sender's
        else:
            assert merged.record == first.record
        assert merged.side[0] == SideEntry(2000, False, "x")


def test_all_faults_of_a_merge_are_told() -> None:
    first = encoded(name="x")
    faults = ENCODER.merged(first.record, {"name": None, "weight": "y", "surprise": 1, "pump": "z"}, LATER)
    assert isinstance(faults, list)
    assert [(fault.field, fault.code) for fault in faults] == [
        ("name", "required"), ("weight", "not_a_number"), ("surprise", "unknown_attribute"),
        ("pump", "not_an_identifier"),
    ]  # fmt: skip


def test_a_merge_of_another_template_s_record_is_checked_and_loses_nothing() -> None:
    foreign = encode_values(
        [Value(1, "URL", b"https://a/"), Value(9, "X", b"y", references=(Reference("88.1/a", 2),))]
    )
    assert ENCODER.merged(foreign, {"weight": 1}, LATER) == [Fault("name", "required", "必填 / a value is required")]
    merged = ENCODER.merged(foreign, {"name": "x"}, LATER)
    assert isinstance(merged, Encoded)
    assert [value.index for value in decode_values(merged.record)] == [1, 9, 2000]
    assert decode_values(merged.record)[1].references == (Reference("88.1/a", 2),)


def test_a_merge_may_not_empty_or_overfill_a_record() -> None:
    loose = Template("t", 1, "测试", attributes=tuple(Attribute(f"a{n}", "属性", max_length=8192) for n in range(33)))
    encoder = loose.compile()
    first = encoder.row(["x", *[None] * 32], STAMP)
    assert isinstance(first, Encoded)
    emptied = encoder.merged(first.record, {"a0": None}, LATER)
    assert isinstance(emptied, list)
    assert [fault.code for fault in emptied] == ["no_values"]
    filled = encoder.merged(first.record, dict.fromkeys(loose.names, "x" * 8192), LATER)
    assert isinstance(filled, list)
    assert [fault.code for fault in filled] == ["record_too_large"]


values_of_records = st.lists(
    st.builds(
        Value,
        index=st.integers(1, 2**31 - 1),
        type=st.text("ABC_中", min_size=0, max_size=5),
        data=st.binary(max_size=50),
        timestamp=st.integers(0, 2**31 - 1),
        references=st.lists(st.builds(Reference, st.text(max_size=5), st.integers(0, 9)), max_size=2).map(tuple),
    ),
    max_size=6,
)


@given(values_of_records)
def test_pieces_are_the_record_again(values: list[Value]) -> None:
    record = encode_values(values)
    found = pieces(record)
    assert [(index, data) for index, _, data in found] == [(value.index, value.data) for value in values]
    assert len(values).to_bytes(4, "big") + b"".join(octets for _, octets, _ in found) == record


# Definitions --------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"many": True, "unique": True}, "unique", "array_not_indexed"),
    ({"many": True, "listed": True}, "listed", "array_not_indexed"),
    ({"many": True, "max_items": 1001}, "max_items", "bad_length"),
    ({"many": True, "max_items": 0}, "max_items", "bad_length"),
    ({"max_items": 5}, "max_items", "not_for_kind"),
    ({"many": True, "type": "URL"}, "many", "url_not_one"),
    ({"unit": "kW"}, "unit", "not_for_kind"),
    ({"kind": "number", "unit": "horse"}, "unit", "unknown_unit"),
    ({"kind": "reference", "max_length": 5}, "max_length", "not_for_kind"),
    ({"kind": "file", "choices": ["a"]}, "choices", "not_for_kind"),
    ({"kind": "file", "type": "URL"}, "kind", "url_not_string"),
    ({"name": "biaoshi_line"}, "name", "reserved_name"),
    ({"name": "biaoshi_version"}, "name", "reserved_name"),
]


def test_everything_wrong_with_a_definition_is_told_at_once() -> None:
    attributes = [{"name": f"a{place}", "title_zh": "属性", **said} for place, (said, _, _) in enumerate(WRONG)]
    with pytest.raises(InvalidTemplate) as raised:
        Template.from_json({"name": "t", "version": 1, "title_zh": "测试", "attributes": attributes})
    told = [(fault["field"], fault["code"]) for fault in raised.value.evidence["faults"]]
    assert told == [(f"attributes[{place}].{member}", code) for place, (_, member, code) in enumerate(WRONG)]


def test_an_unknown_unit_of_a_definition_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidTemplate) as raised:
        Template("t", 1, "测试", attributes=(Attribute("a", "属性", kind=Kind.NUMBER, unit="hp"),))
    message = raised.value.evidence["faults"][0]["message"]
    assert "kW" in message
    assert "m³/h" in message


def test_a_definition_comes_back_from_its_json() -> None:
    assert Template.from_json(json.loads(json.dumps(PART.to_json()))) == PART
    said = PART.to_json()["attributes"]
    assert said[2]["unit"] == "mm"
    assert said[1]["many"] is True
    assert "many" not in said[0]
