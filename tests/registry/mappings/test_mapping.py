import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identifier import Prefix
from registry.mappings.mapping import (
    RESERVED,
    InvalidMapping,
    Mapping,
    RowChange,
    object_changes_by_name,
    objects_by_name,
)
from registry.rejection import Fault
from registry.templates.template import Template

NAMES = ("name", "size", "weight")


def fault_codes(raised: pytest.ExceptionInfo[InvalidMapping]) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in raised.value.evidence["faults"]]


def test_a_pair_is_split_at_its_last_equals_sign() -> None:
    mapping = Mapping.parse(["E=mc²=name", "GTIN-14=suffix"])
    assert mapping.to_json() == {"suffix": "GTIN-14", "attributes": {"name": "E=mc²"}}


@given(st.text(min_size=1).filter(lambda text: not text.lstrip().startswith("{")), st.sampled_from(NAMES))
def test_a_column_may_contain_anything(column: str, target: str) -> None:
    assert Mapping.parse([f"{column}={target}"]).to_json() == {"attributes": {target: column}}


def test_every_text_that_is_no_pair_is_named() -> None:
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse(["name", "a=name", "=name", "a="])
    assert fault_codes(raised) == [("name", "not_a_pair"), ("=name", "not_a_pair"), ("a=", "not_a_pair")]


def test_columns_go_where_the_mapping_says_and_the_others_are_ignored() -> None:
    mapping = Mapping.parse(["GTIN-14=suffix", "Name=name", "Weight (g)=weight"])
    mapped = mapping.table(["Weight (g)", "Colour", "GTIN-14", "Name"], NAMES)
    assert mapped(["5", "red", "0001", "Valve"]) == ("0001", ("Valve", "", "5", "0001"), ())


def test_one_column_may_be_suffix_and_attribute() -> None:
    mapping = Mapping.parse(["GTIN=suffix", "GTIN=name"])
    suffix, values, _ = mapping.table(["GTIN"], ("name",))(["0001"])
    assert (suffix, values[0]) == ("0001", "0001")


def test_without_mapping_columns_are_named_like_attributes() -> None:
    header = ["weight", "suffix", "name", "size"]
    suffix, values, _ = Mapping.by_name(header).table(header, NAMES)(["5", "A", "Valve", "DN50"])
    assert (suffix, *values[:3]) == ("A", "Valve", "DN50", "5")


def test_everything_wrong_with_a_mapping_is_said_at_once() -> None:
    mapping = Mapping.parse(["a=name", "b=name", "c=colour", "d=size"])
    with pytest.raises(InvalidMapping) as raised:
        mapping.table(["a", "b", "c"], NAMES)
    assert fault_codes(raised) == [
        ("name", "target_twice"),
        ("colour", "unknown_attribute"),
        ("suffix", "no_suffix"),
        ("d", "missing_column"),
    ]
    assert "a, b, c" in raised.value.detail


def test_an_unknown_column_without_mapping_is_refused() -> None:
    header = ["suffix", "name", "colour"]
    with pytest.raises(InvalidMapping) as raised:
        Mapping.by_name(header).table(header, NAMES)
    assert fault_codes(raised) == [("colour", "unknown_attribute")]


def test_keys_of_objects_are_mapped_like_columns() -> None:
    mapped = Mapping.parse(["id=suffix", "label=name", "g=weight"]).objects(NAMES)
    assert mapped({"id": "A", "g": Decimal("1.10"), "other": True}) == ("A", [None, None, Decimal("1.10")], ())


def test_a_mapping_of_objects_is_checked_too() -> None:
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse(["label=name"]).objects(NAMES)
    assert fault_codes(raised) == [("suffix", "no_suffix")]


def test_an_unknown_key_is_a_fault_of_its_row() -> None:
    mapped = objects_by_name(NAMES)
    assert mapped({"suffix": "A", "name": "x", "size": None, "weight": 5})[2] == ()
    assert list(mapped({"suffix": "A", "name": "x", "size": "y", "weight": 5})[1])[:3] == ["x", "y", 5]
    suffix, values, faults = mapped({"suffix": "A", "name": "x", "colour": "red", "\x00": 1})
    assert (suffix, list(values)) == ("A", ["x", None, None])
    assert [(fault.field, fault.code) for fault in faults] == [
        ("colour", "unknown_attribute"),
        ("\\u0000", "unknown_attribute"),
    ]


@given(st.dictionaries(st.sampled_from([*NAMES, "suffix", "more"]), st.integers()))
def test_any_object_maps_to_its_members(fields: dict[str, int]) -> None:
    suffix, values, faults = objects_by_name(NAMES)(fields)
    assert suffix == fields.get("suffix")
    assert list(values)[:3] == [fields.get(name) for name in NAMES]
    assert len(faults) == ("more" in fields)


# The rich form -------------------------------------------------------------------------------------------

RICH: dict[str, Any] = {
    "suffix": {"columns": ["厂区", "编号"], "join": "-", "trim": True, "case": "upper"},
    "attributes": {
        "name": "品名",
        "size": {"column": "规格", "lookup": {"大": "L", "小": "S"}, "otherwise": "M"},
        "weight": {"constant": 5},
    },
}
HEADER = ["编号", "厂区", "品名", "规格", "备注"]


def faults_of(row: tuple[Any, Any, Any] | RowChange) -> list[tuple[str | None, str]]:
    return [(fault.field, str(fault.code)) for fault in row[2]]


def test_columns_are_joined_looked_up_and_made_up() -> None:
    mapped = Mapping.parse(RICH).table(HEADER, NAMES)
    assert mapped(["007", " zs ", "阀门", "大", "x"])[0] == "ZS-007"
    assert list(mapped(["007", "zs", "阀门", "大", "x"])[1])[:3] == ["阀门", "L", 5]
    assert list(mapped(["007", "zs", "阀门", "中", "x"])[1])[:3] == ["阀门", "M", 5]
    assert mapped(["007", "zs", "阀门", "", "x"])[1][1] == ""


def test_objects_are_worked_on_like_tables() -> None:
    table, objects = Mapping.parse(RICH).table(HEADER, NAMES), Mapping.parse(RICH).objects(NAMES)
    row = ["007", " zs ", "阀门", "小", "x"]
    suffix, values, faults = objects(dict(zip(HEADER, row, strict=True)))
    assert (suffix, list(values)[:3], list(faults)) == ("ZS-007", ["阀门", "S", 5], [])
    assert list(table(row)[1])[:3] == list(values)[:3]
    assert objects({"编号": 7, "厂区": "zs"})[0] == "ZS-7"


def test_a_suffix_of_which_a_part_is_missing_is_a_fault_of_its_row() -> None:
    mapped = Mapping.parse(RICH).table(HEADER, NAMES)
    assert faults_of(mapped(["007", " ", "阀门", "大", ""])) == [("suffix", "join_incomplete")]
    assert mapped(["", " ", "阀门", "大", ""])[0] == ""


def test_an_attribute_is_joined_of_the_parts_that_there_are() -> None:
    said = {"suffix": "id", "attributes": {"name": {"columns": ["a", "b", "c"], "join": "/"}}}
    mapped = Mapping.parse(said).table(["id", "a", "b", "c"], NAMES)
    assert mapped(["1", "x", "", "z"])[1][0] == "x/z"
    assert mapped(["1", "", "", ""])[1][0] == ""


@pytest.mark.parametrize(
    ("cell", "code"),
    [("2024/13/1", "date_format_mismatch"), ("24/1/1", "date_format_mismatch"), ("下周", "date_format_mismatch")],
)
def test_a_transform_that_fails_is_a_fault_of_its_row(cell: str, code: str) -> None:
    mapping = Mapping.parse({"suffix": "id", "attributes": {"name": {"column": "d", "date_format": "YYYY/M/D"}}})
    assert faults_of(mapping.table(["id", "d"], NAMES)(["1", cell])) == [("name", code)]
    assert faults_of(mapping.objects(NAMES)({"id": "1", "d": cell})) == [("name", code)]
    changed = mapping.table_changes(["id", "d"], NAMES)(["1", cell])
    assert (faults_of(changed), changed.values) == ([("name", code)], {})


def test_a_value_that_the_lookup_does_not_name_is_a_fault_without_otherwise() -> None:
    mapping = Mapping.parse({"suffix": "id", "attributes": {"size": {"column": "s", "lookup": {"大": "L"}}}})
    row = mapping.table(["id", "s"], NAMES)(["1", "中"])
    assert faults_of(row) == [("size", "not_in_lookup")]
    assert "中" in row[2][0].message


def test_a_row_that_could_not_be_mapped_is_not_blamed_again_for_the_missing_value() -> None:
    template = Template.from_json(
        {
            "name": "valve",
            "version": 1,
            "title_zh": "阀门",
            "attributes": [{"name": "size", "title_zh": "规格", "required": True}],
        }
    )
    mapping = Mapping.parse({"suffix": "id", "attributes": {"size": {"column": "s", "lookup": {"大": "L"}}}})
    mapped = mapping.table(["id", "s"], template.names)
    encode = template.compile().entry
    prefix = Prefix.parse("88.101.1")
    faults = encode(prefix, mapped(["1", "中"]), bytes(4))
    assert isinstance(faults, list)
    assert [(fault.field, str(fault.code)) for fault in faults] == [("size", "not_in_lookup")]
    assert not isinstance(encode(prefix, mapped(["1", "大"]), bytes(4)), list)


def test_arrays_are_split_and_their_elements_worked_on() -> None:
    source = {"column": "tags", "split": ";", "trim": True, "case": "lower"}
    mapping = Mapping.parse({"suffix": "id", "attributes": {"name": source}})
    assert mapping.table(["id", "tags"], NAMES)(["1", " A; b ;;C"])[1][0] == ["a", "b", "c"]
    assert mapping.objects(NAMES)({"id": "1", "tags": ["X ", None, "y"]})[1][0] == ["x", "y"]
    assert mapping.table_changes(["id", "tags"], NAMES)(["1", " ; "]).values == {"name": None}
    dated = {"column": "tags", "split": ",", "date_format": "D.M.YYYY"}
    row = Mapping.parse({"suffix": "id", "attributes": {"name": dated}}).table(["id", "tags"], NAMES)
    assert row(["1", "1.2.2024,29.2.2024"])[1][0] == ["2024-02-01", "2024-02-29"]
    assert "第 2 项" in row(["1", "1.2.2024,30.2.2024"])[2][0].message


def test_the_json_text_of_a_mapping_is_taken_as_one_text() -> None:
    assert Mapping.parse([json.dumps(RICH)]) == Mapping.parse(RICH)
    for text, code in (('{"suffix": ', "bad_json"), ('{"suffix": "a=b', "bad_json"), ("{}x", "bad_json")):
        with pytest.raises(InvalidMapping) as raised:
            Mapping.parse([text])
        assert [fault["code"] for fault in raised.value.evidence["faults"]] == [code]
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse(['{"suffix": "a", "suffix": "b", "attributes": {"x": {"column": "a", "column": "b"}}}'])
    assert sorted(fault_codes(raised)) == [("column", "member_twice"), ("suffix", "member_twice")]


def test_everything_wrong_with_a_rich_mapping_is_said_at_once() -> None:
    said = {
        "prefix": "x",
        "suffix": {"column": "a", "split": ","},
        "attributes": {
            "suffix": "b",
            "a": {},
            "b": {"column": "x", "columns": ["y"]},
            "c": {"constant": "x", "trim": True},
            "d": {"column": "x", "join": "-"},
            "e": {"column": "x", "otherwise": "-"},
            "f": {"column": "x", "case": "title", "trim": "yes", "date_format": "YY/MM/DD", "lookup": ["x"]},
            "g": {"columns": ["x", ""], "split": ",", "colour": "red"},
            "h": 5,
            "i": {"constant": 1.5},
            "j": {"column": "x\x00"},
            "k": {"constant": 10**20},
        },
    }
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse(said)
    assert sorted(fault_codes(raised)) == sorted(
        [
            ("prefix", "unknown_member"),
            ("suffix.split", "suffix_is_one"),
            ("attributes.suffix", "bad_target"),
            ("attributes.a", "one_origin"),
            ("attributes.b", "one_origin"),
            ("attributes.c.trim", "not_for_constant"),
            ("attributes.d.join", "join_without_columns"),
            ("attributes.e.otherwise", "otherwise_without_lookup"),
            ("attributes.f.case", "bad_case"),
            ("attributes.f.trim", "wrong_shape"),
            ("attributes.f.date_format", "bad_date_format"),
            ("attributes.f.lookup", "wrong_shape"),
            ("attributes.g.columns[1]", "wrong_shape"),
            ("attributes.g.split", "split_after_join"),
            ("attributes.g.colour", "unknown_member"),
            ("attributes.h", "wrong_shape"),
            ("attributes.i.constant", "wrong_shape"),
            ("attributes.j.column", "wrong_shape"),
            ("attributes.k.constant", "wrong_shape"),
        ]
    )


def test_a_missing_column_of_any_source_is_told() -> None:
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse(RICH).table(["编号", "品名"], ("name", "size"))
    assert fault_codes(raised) == [
        ("weight", "unknown_attribute"),
        ("厂区", "missing_column"),
        ("规格", "missing_column"),
    ]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
COLUMNS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
TRANSFORMS: dict[str, st.SearchStrategy[Any]] = {
    "trim": st.just(True),
    "case": st.sampled_from(["upper", "lower"]),
    "date_format": st.sampled_from(["YYYY/M/D", "DD.MM.YYYY hh:mm:ss", "YYYY年M月D日"]),
    "lookup": st.dictionaries(TEXTS, TEXTS, max_size=3),
}
SOURCES = st.one_of(
    COLUMNS,
    st.fixed_dictionaries({"constant": st.one_of(COLUMNS, st.booleans(), st.integers(-9, 9))}),
    st.fixed_dictionaries({"column": COLUMNS}, optional={**TRANSFORMS, "split": st.just(";")}),
    st.fixed_dictionaries({"columns": st.lists(COLUMNS, min_size=1, max_size=3), "join": TEXTS}, optional=TRANSFORMS),
)
DEFINITIONS = st.fixed_dictionaries(
    {"attributes": st.dictionaries(st.sampled_from(NAMES), SOURCES)},
    optional={"suffix": SOURCES.filter(lambda source: not (isinstance(source, dict) and "split" in source))},
)


@given(DEFINITIONS)
def test_a_mapping_is_read_back_as_it_was_written(said: dict[str, Any]) -> None:
    mapping = Mapping.parse(said)
    written = json.loads(json.dumps(mapping.to_json()))
    assert Mapping.parse(written) == mapping
    assert Mapping.parse(written).to_json() == written


@given(DEFINITIONS, st.data())
def test_any_mapping_makes_something_of_any_row(said: dict[str, Any], data: st.DataObject) -> None:
    mapping = Mapping.parse({"suffix": "s", **said})
    header = sorted(mapping.columns)
    values = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False), st.lists(TEXTS))
    cells = data.draw(st.lists(TEXTS, min_size=len(header), max_size=len(header)))
    fields = data.draw(st.dictionaries(st.sampled_from([*header, "s", "?"]), values))
    for _, found, faults in (mapping.table(header, NAMES)(cells), mapping.objects(NAMES)(fields)):
        assert len(found) >= len(NAMES)
        assert all(isinstance(fault, Fault) for fault in faults)
    changed = mapping.table_changes(header, NAMES)(cells)
    assert changed.values.keys() <= set(NAMES)
    assert "" not in changed.values.values()
    assert mapping.object_changes(NAMES)(fields).values.keys() <= set(NAMES)


def test_a_target_given_twice_survives_being_stored() -> None:
    mapping = Mapping.parse(["a=name", "b=name", "c=suffix"])
    assert Mapping.parse(mapping.to_json()) == mapping


# Reserved names ------------------------------------------------------------------------------------------


def test_what_rejections_and_exports_add_is_passed_over() -> None:
    header = ["suffix", "name", "biaoshi_line", "biaoshi_message", "biaoshi_version"]
    mapped = Mapping.by_name(header).table(header, NAMES)
    suffix, values, faults = mapped(["A", "x", "5", "too long", "3"])
    assert (suffix, list(values)[:3], faults) == ("A", ["x", "", ""], ())
    fields = {"suffix": "A", "name": "x", "biaoshi_line": 5, "biaoshi_version": 3}
    suffix, values, faults = objects_by_name(NAMES)(fields)
    assert (suffix, list(values)[:3], list(faults)) == ("A", ["x", None, None], [])
    assert "biaoshi_state" in RESERVED


# Changes -------------------------------------------------------------------------------------------------


def test_a_change_names_only_what_the_table_has() -> None:
    changed = Mapping.by_name(["suffix", "size"]).table_changes(["suffix", "size"], NAMES)
    assert changed(["A", "DN50"]) == RowChange("A", {"size": "DN50"}, (), None)
    assert changed(["A", ""]).values == {"size": None}


def test_a_change_of_an_object_names_only_its_keys() -> None:
    changed = object_changes_by_name(NAMES)
    assert changed({"suffix": "A", "size": None, "weight": 5}) == RowChange(
        "A", {"size": None, "weight": 5}, [], None
    )
    assert changed({"suffix": "A", "size": ""}).values == {"size": None}
    assert faults_of(changed({"suffix": "A", "colour": "red"})) == [("colour", "unknown_attribute")]
    assert changed({"suffix": "A", "biaoshi_version": 7, "biaoshi_line": 1}) == RowChange("A", {}, [], 7)


def test_a_saved_mapping_changes_what_the_input_has() -> None:
    mapping = Mapping.parse(RICH)
    changed = mapping.table_changes(["编号", "厂区", "规格"], NAMES)(["007", "zs", "小"])
    assert (changed.suffix, changed.values) == ("ZS-007", {"size": "S", "weight": 5})
    by_object = mapping.object_changes(NAMES)({"编号": "007", "厂区": "zs", "品名": None})
    assert (by_object.suffix, by_object.values) == ("ZS-007", {"name": None, "weight": 5})


def test_columns_to_join_come_together_or_not_at_all() -> None:
    said = {"suffix": "id", "attributes": {"name": {"columns": ["a", "b"], "join": "-"}}}
    mapping = Mapping.parse(said)
    with pytest.raises(InvalidMapping) as raised:
        mapping.table_changes(["id", "a"], NAMES)
    assert fault_codes(raised) == [("b", "missing_column")]
    assert mapping.table_changes(["id"], NAMES)(["1"]).values == {}
    assert faults_of(mapping.object_changes(NAMES)({"id": "1", "a": "x"})) == [("name", "join_incomplete")]
    assert mapping.object_changes(NAMES)({"id": "1"}) == RowChange("1", {}, [], None)


def test_everything_wrong_with_a_mapping_of_changes_is_said_at_once() -> None:
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse(["key=suffix", "a=colour"]).table_changes(["a"], NAMES)
    assert fault_codes(raised) == [("colour", "unknown_attribute"), ("key", "missing_column")]
    with pytest.raises(InvalidMapping) as raised:
        Mapping.parse({"suffix": {"coding_rule": "pump"}, "attributes": {"colour": "a"}}).object_changes(NAMES)
    assert fault_codes(raised) == [("colour", "unknown_attribute"), ("suffix", "coding_rule_for_change")]


@pytest.mark.parametrize(
    ("said", "version"), [("3", 3), (" 12 ", 12), ("", None), (None, None), (7, 7), ("2147483647", 2**31 - 1)]
)
def test_a_change_may_name_the_version_that_it_expects(said: Any, version: int | None) -> None:
    assert object_changes_by_name(NAMES)({"suffix": "A", "biaoshi_version": said}).version == version
    if isinstance(said, str):
        header = ["suffix", "biaoshi_version"]
        assert Mapping.by_name(header).table_changes(header, NAMES)(["A", said]) == RowChange("A", {}, [], version)


@pytest.mark.parametrize("said", ["x", "1.0", "-1", "0", "٣", "2147483648", True, 0, -1, 2**80, 1.5, ["1"]])
def test_what_is_no_version_is_a_fault(said: Any) -> None:
    changed = object_changes_by_name(NAMES)({"suffix": "A", "biaoshi_version": said})
    assert (faults_of(changed), changed.version) == ([("biaoshi_version", "not_a_version")], None)


# Migration -----------------------------------------------------------------------------------------------


def test_old_attributes_become_new_ones_and_the_others_stay() -> None:
    mapping = Mapping.parse(
        {"attributes": {"size": {"column": "old_size", "case": "upper"}, "weight": {"constant": 5}}}
    )
    values = mapping.completed(NAMES).values(NAMES)
    found, faults = values({"name": "阀门", "old_size": "dn50", "gone": "x"})
    assert (list(found)[:3], list(faults)) == (["阀门", "DN50", 5], [])


def test_a_mapping_of_coding_rules_gives_what_the_rule_needs() -> None:
    said = {"suffix": {"coding_rule": "pump", "values": {"line": {"column": "线", "trim": True}}}, "attributes": {}}
    mapping = Mapping.parse(said)
    assert (mapping.coding_rule, mapping.rule_values) == ("pump", ("line",))
    assert mapping.table(["线"], NAMES)([" 3 "])[0] == {"line": "3"}
    assert mapping.to_json() == said
    assert Mapping.parse(RICH).coding_rule is None
