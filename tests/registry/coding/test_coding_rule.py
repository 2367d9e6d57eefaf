"""Coding rules without a database: definitions, check characters, suffixes."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.coding.check_digits import LETTERS_AND_DIGITS, Check, check_characters
from registry.coding.definition import InvalidCodingRule, read_coding_rule
from registry.coding.rule import CodingRule
from registry.coding.segments import UNMISTAKABLE, Period
from registry.mappings.transforms import Unfit

# 7 a.m. on the 21st in China
AT = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)


def rule(*segments: dict[str, Any]) -> CodingRule:
    return read_coding_rule({"segments": list(segments)})


def made(*segments: dict[str, Any], serial: int = 1, at: datetime = AT, seed: int = 1, **values: Any) -> str:
    return rule(*segments).suffix(values, serial, at, Random(seed))


def refused(*segments: dict[str, Any]) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidCodingRule) as raised:
        rule(*segments)
    return [(fault["field"], fault["code"]) for fault in raised.value.evidence["faults"]]


LITERAL: dict[str, Any] = {"kind": "literal", "text": "P-"}
SERIAL: dict[str, Any] = {"kind": "serial", "width": 6}

# Check characters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "text", "check"),
    [
        # GS1 General Specifications, section 7.9: a GTIN-13 and an SSCC.
        (Check.GS1, "629104150021", "3"),
        (Check.GS1, "37610425002123456", "9"),
        (Check.GS1, "6-29104-15002-1", "3"),
        # ISO/IEC 7064 MOD 37,36: the GRid standard's example, two ISANs.
        (Check.MOD_37_36, "A1-2425G-ABC1234002", "M"),
        (Check.MOD_37_36, "0000-0000-D07A-0090", "Q"),
        (Check.MOD_37_36, "0000-0000-3A8D-0000", "Z"),
        # ISO/IEC 7064 MOD 97-10: the standard's own example, two LEIs of ISO 17442, the IBAN register's example.
        (Check.MOD_97_10, "794", "44"),
        (Check.MOD_97_10, "5493001KJTIIGC8Y1R", "12"),
        (Check.MOD_97_10, "54930084UKLVMY22DS", "16"),
        (Check.MOD_97_10, "WEST12345698765432GB", "82"),
    ],
)
def test_check_characters_are_those_of_the_published_examples(method: Check, text: str, check: str) -> None:
    assert check_characters(method, text) == check
    assert check_characters(method, text.lower()) == check


@given(st.text(LETTERS_AND_DIGITS, min_size=1, max_size=30), st.data())
def test_one_wrong_character_changes_the_check_characters(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from([other for other in LETTERS_AND_DIGITS if other != text[place]]))
    spoilt = text[:place] + wrong + text[place + 1 :]
    assert check_characters(Check.MOD_37_36, spoilt) != check_characters(Check.MOD_37_36, text)
    if wrong.isdigit() == text[place].isdigit():
        assert check_characters(Check.MOD_97_10, spoilt) != check_characters(Check.MOD_97_10, text)


@given(st.text("0123456789", min_size=1, max_size=30), st.data())
def test_one_wrong_digit_changes_the_gs1_digit(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from([other for other in "0123456789" if other != text[place]]))
    spoilt = text[:place] + wrong + text[place + 1 :]
    assert check_characters(Check.GS1, spoilt) != check_characters(Check.GS1, text)


@pytest.mark.parametrize(
    ("method", "text"), [(Check.GS1, "12A4"), (Check.GS1, "12四"), (Check.MOD_37_36, "Ä1"), (Check.MOD_97_10, "٣")]
)
def test_what_a_check_cannot_count_is_refused_rather_than_left_out(method: Check, text: str) -> None:
    with pytest.raises(Unfit) as raised:
        check_characters(method, text)
    assert str(raised.value.code) == "not_for_check_digit"


# Suffixes ------------------------------------------------------------------------------------------------


def test_segments_stand_one_after_the_other() -> None:
    segments: list[dict[str, Any]] = [
        LITERAL,
        {"kind": "value", "name": "model", "width": 6, "pad": "0", "case": "upper"},
        {"kind": "literal", "text": "-"},
        {"kind": "date", "format": "YYMM"},
        SERIAL,
        {"kind": "check", "method": "mod_37_36"},
    ]
    body = "P-00DN50-2611000042"
    assert made(*segments, serial=42, model=" dn50 ") == body + check_characters(Check.MOD_37_36, body)


def test_dates_are_those_of_china() -> None:
    segments: list[dict[str, Any]] = [{"kind": "date", "format": "YYYY-MM.DD/YY"}, SERIAL]
    assert made(*segments) == "2026-11.21/26000001"
    assert [period.of(AT) for period in Period] == ["", "2026", "2026-11", "2026-11-21"]


def test_random_characters_come_from_the_given_source() -> None:
    segment = {"kind": "random", "length": 12}
    text = made(segment, seed=5)
    assert re.fullmatch(f"[{UNMISTAKABLE}]{{12}}", text)
    assert text == made(segment, seed=5) != made(segment, seed=6)
    assert set(made({"kind": "random", "length": 32, "alphabet": "甲乙"})) == {"甲", "乙"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "coding_value_missing"), ("", "coding_value_missing"), ("  ", "coding_value_missing"),
        ("1234567", "coding_value_too_long"), (["a"], "not_text"), ("a\0b", "control_character"),
        ("a\ud800", "control_character"), (10**60, "too_many_digits"),
    ],
)  # fmt: skip
def test_a_value_that_the_rule_cannot_take_is_named(value: Any, code: str) -> None:
    with pytest.raises(Unfit) as raised:
        made({"kind": "value", "name": "model", "width": 6}, model=value)
    assert str(raised.value.code) == code
    assert raised.value.fault("suffix").field == "suffix"


def test_serial_numbers_end_with_their_digits() -> None:
    assert made({"kind": "serial", "width": 2}, serial=99) == "99"
    with pytest.raises(Unfit) as raised:
        made({"kind": "serial", "width": 2}, serial=100)
    assert str(raised.value.code) == "serials_spent"


# Definitions ---------------------------------------------------------------------------------------------


def test_everything_wrong_with_a_rule_is_said_at_once() -> None:
    assert refused(
        {"kind": "literal", "text": " x"},
        {"kind": "value", "width": 0, "pad": "00", "case": "title"},
        {"kind": "date", "format": "YYYY年"},
        {"kind": "serial", "width": 19, "start": -1, "period": "week"},
        {"kind": "random", "length": 0, "alphabet": "aA"},
        {"kind": "check", "method": "luhn", "colour": "red"},
        {"kind": "colour"},
        "x",  # type: ignore[arg-type]  # what no segment looks like
    ) == [
        ("segments[0].text", "bad_text"),
        ("segments[1].name", "bad_name"),
        ("segments[1].width", "bad_number"),
        ("segments[1].pad", "bad_pad"),
        ("segments[1].case", "bad_word"),
        ("segments[2].format", "bad_date_format"),
        ("segments[3].width", "bad_number"),
        ("segments[3].start", "bad_number"),
        ("segments[3].period", "bad_word"),
        ("segments[4].length", "bad_number"),
        ("segments[4].alphabet", "bad_alphabet"),
        ("segments[5].colour", "unknown_member"),
        ("segments[5].method", "bad_word"),
        ("segments[6].kind", "unknown_kind"),
        ("segments[7].kind", "unknown_kind"),
    ]


def test_segments_that_do_not_go_together_are_told() -> None:
    check = {"kind": "check", "method": "gs1"}
    assert refused(check, LITERAL) == [("segments", "always_same"), ("segments[0].kind", "nothing_to_check")]
    assert refused(SERIAL, SERIAL, check, check) == [
        ("segments[1].kind", "segment_twice"),
        ("segments[3].kind", "segment_twice"),
    ]
    assert refused(LITERAL, SERIAL, check) == [("segments[2].method", "not_for_check_digit")]
    assert refused({"kind": "random", "length": 4}, check) == [("segments[1].method", "not_for_check_digit")]
    assert refused(*[{"kind": "literal", "text": "x" * 64}] * 3, SERIAL, {"kind": "random", "length": 32}) == [
        ("segments", "too_long")
    ]
    assert refused({"kind": "serial", "width": 2, "start": 100}) == [("segments[0].start", "bad_number")]


@pytest.mark.parametrize(
    ("period", "form", "sound"),
    [
        ("year", "YY", True), ("year", "MM", False), ("month", "YYYYMM", True), ("month", "YYYY", False),
        ("day", "YYMMDD", True), ("day", "YYMM", False), ("none", "MM", True),
    ],
)  # fmt: skip
def test_numbers_that_begin_anew_need_their_period_in_the_suffix(period: str, form: str, sound: bool) -> None:
    segments: list[dict[str, Any]] = [{"kind": "date", "format": form}, {**SERIAL, "period": period}]
    if sound:
        assert rule(*segments).serial is not None
    else:
        assert refused(*segments) == [("segments[1].period", "period_not_shown")]


@pytest.mark.parametrize("said", [None, [], {}, {"segments": []}, {"segments": [LITERAL] * 21}, {"segments": "x"}])
def test_what_is_no_rule_is_refused(said: Any) -> None:
    with pytest.raises(InvalidCodingRule) as raised:
        read_coding_rule(said)
    assert raised.value.evidence["faults"][-1]["code"] == "wrong_shape"


SEGMENTS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("literal"), "text": st.sampled_from(["A", "甲-", "x y"])}),
    st.fixed_dictionaries(
        {"kind": st.just("value"), "name": st.sampled_from(["model", "line"])},
        optional={"width": st.integers(1, 9), "case": st.sampled_from(["upper", "lower"])},
    ),
    st.fixed_dictionaries({"kind": st.just("date"), "format": st.sampled_from(["YYYYMMDD", "YY-MM"])}),
    st.fixed_dictionaries(
        {"kind": st.just("random"), "length": st.integers(1, 5)}, optional={"alphabet": st.just("AB")}
    ),
)


@given(st.lists(SEGMENTS, max_size=5), st.integers(1, 8), st.integers(0, 10**8 - 1), st.dictionaries(
    st.sampled_from(["model", "line"]), st.one_of(st.text(max_size=12), st.none(), st.integers(), st.booleans())
))  # fmt: skip
def test_any_rule_reads_back_and_makes_a_suffix_unless_a_value_is_unfit(
    segments: list[dict[str, Any]], width: int, serial: int, values: dict[str, Any]
) -> None:
    definition = {"segments": [*segments, {"kind": "serial", "width": width, "start": 0}]}
    found = read_coding_rule(definition)
    written = json.loads(json.dumps(found.to_json()))
    assert read_coding_rule(written) == found
    with suppress(Unfit):
        text = found.suffix(values, serial, AT, Random(1))
        assert text.isprintable()
        assert text.endswith(str(serial).rjust(width, "0"))
