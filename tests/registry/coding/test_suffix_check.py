"""Whether a suffix is one that a rule could have made: by hand, and by what rules make."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.coding.check_digits import Check, check_characters
from registry.coding.definition import InvalidCodingRule, read_coding_rule
from registry.coding.rule import CodingRule
from registry.coding.scope import Scope
from registry.mappings.transforms import Unfit

AT = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
SERIAL: dict[str, Any] = {"kind": "serial", "width": 4}


def rule(*segments: dict[str, Any], **more: Any) -> CodingRule:
    return read_coding_rule({"segments": list(segments), **more})


def fits(found: CodingRule, suffix: str) -> bool:
    faults = found.check(suffix)
    assert all((fault.field, str(fault.code)) == ("suffix", "suffix_not_by_rule") for fault in faults)
    return not faults


def test_each_kind_of_segment_is_recognised() -> None:
    found = rule(
        {"kind": "literal", "text": "P-"},
        {"kind": "choice", "name": "line", "choices": ["L1", "L22", "备"]},
        {"kind": "value", "name": "model", "width": 4, "pad": "0", "charset": "letters_digits"},
        {"kind": "date", "format": "YYMM"},
        {"kind": "serial", "width": 3, "start": 5},
        {"kind": "random", "length": 2, "alphabet": "AB"},
    )
    for suffix in ("P-L100D52611005AB", "p-l2200d52611999ba", "P-备00D52611005AA"):
        assert fits(found, suffix), suffix
    for suffix in (
        "Q-L100D52611005AB", "P-L300D52611005AB", "P-L10_D52611005AB", "P-L100D52613005AB", "P-L100D52611004AB",
        "P-L100D52611005AC", "P-L100D52611005A", "P-L100D52611005ABB", "", "P-",
    ):  # fmt: skip
        assert not fits(found, suffix), suffix


def test_the_first_segment_that_does_not_fit_is_named() -> None:
    found = rule({"kind": "literal", "text": "P-"}, {"kind": "date", "format": "YYYYMMDD"}, SERIAL)
    messages = [found.check(suffix)[0].message for suffix in ("X", "P-20260230x", "P-20260228x", "P-202602280001+")]
    assert ["第 1 段" in messages[0], "第 2 段" in messages[1], "第 3 段" in messages[2], "末尾" in messages[3]] == [
        True
    ] * 4
    assert "segment 2 must be a day of the form YYYYMMDD" in messages[1]


def test_a_day_has_to_be_one_of_the_calendar_and_the_same_everywhere() -> None:
    found = rule({"kind": "date", "format": "YYYY"}, {"kind": "literal", "text": "-"},
                 {"kind": "date", "format": "MMDD"}, {"kind": "date", "format": "YY"}, SERIAL)  # fmt: skip
    assert fits(found, "2024-0229240001")
    for suffix in ("2026-0229260001", "2100-0229000001", "2024-0431240001", "2024-0229250001", "2024-1301240001"):
        assert not fits(found, suffix), suffix
    made_on = rule(
        {"kind": "date", "format": "YYMMDD", "name": "made_on"}, {"kind": "date", "format": "YYMM"}, SERIAL
    )
    assert fits(made_on, "26010226110001")  # two different days
    assert made_on.suffix({"made_on": "2026-01-02"}, 1, AT, Random(1)) == "26010226110001"
    for wrong in ("2026-1-2", "2026-02-30", "20260102", 20260102):
        with pytest.raises(Unfit):
            made_on.suffix({"made_on": wrong}, 1, AT, Random(1))


def test_check_characters_are_computed_over_everything_before_them() -> None:
    found = rule({"kind": "value", "name": "any"}, {"kind": "check", "method": "mod_37_36"}, SERIAL)
    good = f"AB-7{check_characters(Check.MOD_37_36, 'AB-7')}0001"
    assert fits(found, good)
    assert not fits(found, f"AB-7{'0' if good[4] != '0' else '1'}0001")
    # A check cannot be computed over a Chinese character, and so it is none.
    assert not fits(found, "泵X0001")


def test_a_value_may_carry_its_own_check_characters() -> None:
    found = rule({"kind": "value", "name": "gtin", "width": 14, "pad": "0", "charset": "digits", "check": "gs1"},
                 {"kind": "literal", "text": "."}, SERIAL)  # fmt: skip
    assert found.suffix({"gtin": "6291041500213"}, 7, AT, Random(1)) == "06291041500213.0007"
    assert fits(found, "06291041500213.0007")
    assert not fits(found, "06291041500214.0007")
    for wrong in ("6291041500214", "629104150021x", "123456789012345"):
        with pytest.raises(Unfit):
            found.suffix({"gtin": wrong}, 7, AT, Random(1))


def test_values_are_bounded_in_length_and_characters() -> None:
    found = rule({"kind": "value", "name": "class", "width": 6, "least": 6, "charset": "digits"}, SERIAL)
    assert found.suffix({"class": "010203"}, 1, AT, Random(1)) == "0102030001"
    codes = []
    for wrong in ("01020", "0102034", "01020A"):
        with pytest.raises(Unfit) as raised:
            found.suffix({"class": wrong}, 1, AT, Random(1))
        codes.append(str(raised.value.code))
    assert codes == ["coding_value_too_short", "coding_value_too_long", "coding_value_characters"]


def test_a_choice_is_taken_in_its_own_spelling() -> None:
    found = rule({"kind": "choice", "name": "line", "choices": ["Ab", "C"]}, SERIAL)
    assert found.names == ("line",)
    assert found.suffix({"line": " aB "}, 1, AT, Random(1)) == "Ab0001"
    with pytest.raises(Unfit) as raised:
        found.suffix({"line": "D"}, 1, AT, Random(1))
    assert str(raised.value.code) == "not_a_choice"


def test_whatever_can_be_cut_in_some_way_fits() -> None:
    open_ended = rule({"kind": "value", "name": "a", "charset": "digits"}, {"kind": "check", "method": "gs1"},
                      {"kind": "value", "name": "b", "charset": "digits"}, SERIAL)  # fmt: skip
    made = open_ended.suffix({"a": "1", "b": "99999"}, 1, AT, Random(1))
    assert fits(open_ended, made)
    several = rule(*({"kind": "value", "name": name, "width": 8} for name in "abcd"), SERIAL)
    assert fits(several, several.suffix(dict.fromkeys("abcd", "x7"), 1, AT, Random(1)))


def test_a_hostile_suffix_costs_little() -> None:
    several = rule(
        *({"kind": "value", "name": f"v{number}"} for number in range(18)), {"kind": "literal", "text": "!"}, SERIAL
    )
    began = time.perf_counter()
    assert not fits(several, "7" * 200)
    assert time.perf_counter() - began < 1.0


@given(
    st.lists(
        st.sampled_from([
            {"kind": "literal", "text": "a.b"},
            {"kind": "literal", "text": "7"},
            {"kind": "value", "name": "x", "width": 3},
            {"kind": "value", "name": "y", "width": 5, "pad": "0"},
            {"kind": "value", "name": "z", "least": 2, "charset": "code", "width": 9},
            {"kind": "choice", "name": "c", "choices": ["A", "BB", "77"]},
            {"kind": "date", "format": "YYYYMMDD"},
            {"kind": "date", "format": "YY-MM", "name": "d"},
            {"kind": "random", "length": 2},
        ]), max_size=5, unique_by=str),
    st.sampled_from([*Check]), st.integers(0, 9999),
    st.fixed_dictionaries({
        "x": st.text("a7", min_size=1, max_size=3), "y": st.text("07b", min_size=1, max_size=5),
        "z": st.text("A7_-", min_size=2, max_size=9), "c": st.sampled_from(["a", "bb", "77"]),
        "d": st.dates().map(str),
    }),
)  # fmt: skip
def test_whatever_a_rule_makes_it_accepts(
    segments: list[dict[str, Any]], method: Check, serial: int, values: dict[str, str]
) -> None:
    checked = {"kind": "check", "method": str(method)}
    try:
        found = rule(*segments, {"kind": "serial", "width": 4, "start": 0}, checked)
    except InvalidCodingRule:
        return  # letters before a check over digits
    with suppress(Unfit):
        made = found.suffix(values, serial, AT, Random(serial))
        assert fits(found, made)
        assert fits(found, made.swapcase())


def test_the_new_members_read_back_as_they_were_said() -> None:
    said = {
        "segments": [
            {"kind": "value", "name": "a", "width": 8, "least": 2, "charset": "code", "check": "mod_37_36"},
            {"kind": "choice", "name": "c", "choices": ["A", "B"]},
            {"kind": "date", "format": "YYMM", "name": "made_on"},
        ],
        "scope": {"industry": "39", "division": "440000"},
    }
    assert read_coding_rule(said).to_json() == said


@pytest.mark.parametrize(
    ("segment", "field", "code"),
    [
        ({"kind": "value", "name": "a", "width": 4, "pad": "x", "charset": "digits"}, "pad", "pad_not_in_charset"),
        ({"kind": "value", "name": "a", "width": 4, "least": 5}, "least", "bad_number"),
        ({"kind": "value", "name": "a", "charset": "greek"}, "charset", "bad_word"),
        ({"kind": "choice", "name": "c", "choices": ["a", "A"]}, "choices", "bad_choices"),
        ({"kind": "choice", "name": "c", "choices": []}, "choices", "bad_choices"),
        ({"kind": "choice", "choices": ["a"]}, "name", "bad_name"),
        ({"kind": "date", "format": "YY", "name": ""}, "name", "bad_name"),
    ],
)
def test_what_is_wrong_with_a_segment_is_said(segment: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(InvalidCodingRule) as raised:
        rule(segment, SERIAL)
    assert [(fault["field"], fault["code"]) for fault in raised.value.evidence["faults"]] == [
        (f"segments[0].{field}", code)
    ]


def test_numbers_that_begin_anew_need_the_day_of_registration() -> None:
    daily = {"kind": "serial", "width": 4, "period": "day"}
    with pytest.raises(InvalidCodingRule):
        rule({"kind": "date", "format": "YYMMDD", "name": "made_on"}, daily)
    assert rule({"kind": "date", "format": "YYMMDD"}, daily).serial is not None


@pytest.mark.parametrize(
    ("scope", "industry", "division", "meant"),
    [
        (Scope(), "3441", "442000", True),
        (Scope(industry="34"), "3441", "442000", True),
        (Scope(industry="39"), "3441", "442000", False),
        (Scope(industry="C"), "3441", "442000", True),
        (Scope(industry="A"), "3441", "442000", False),
        (Scope(division="440000"), "3441", "442000", True),
        (Scope(division="442000"), "3441", "442000", True),
        (Scope(division="330000"), "3441", "442000", False),
        (Scope(industry="34", division="330000"), "3441", "442000", False),
    ],
)
def test_a_rule_is_meant_for_an_industry_and_a_region(
    scope: Scope, industry: str, division: str, meant: bool
) -> None:
    assert scope.fits(industry, division) is meant


def test_a_scope_takes_codes_only() -> None:
    with pytest.raises(InvalidCodingRule) as raised:
        rule(SERIAL, scope={"industry": "Z9", "division": "1"})
    assert [fault["field"] for fault in raised.value.evidence["faults"]] == ["scope.industry", "scope.division"]
    with pytest.raises(InvalidCodingRule):
        rule(SERIAL, scope={"city": "442000"})
