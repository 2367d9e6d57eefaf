from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.mapping import InvalidMapping, Mapping, objects_by_name

NAMES = ("name", "size", "weight")


def fault_codes(raised: pytest.ExceptionInfo[InvalidMapping]) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in raised.value.evidence["faults"]]


def test_a_pair_is_split_at_its_last_equals_sign() -> None:
    assert Mapping.parse(["E=mc²=name", "GTIN-14=suffix"]).pairs == (("E=mc²", "name"), ("GTIN-14", "suffix"))


@given(st.text(min_size=1), st.sampled_from(NAMES))
def test_a_column_may_contain_anything(column: str, target: str) -> None:
    assert Mapping.parse([f"{column}={target}"]).pairs == ((column, target),)


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
