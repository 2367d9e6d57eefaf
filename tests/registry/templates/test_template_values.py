import unicodedata
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identifier import Prefix
from node.record import MAX_RECORD_BYTES, Value, decode_values, encode_values
from registry.mappings.mapping import Mapping
from registry.rejection import Fault
from registry.templates.template import Attribute, Encoded, Encoder, Entry, Kind, SideEntry, Template

PREFIX = Prefix.parse("88.111.1")
AT = 1_700_000_000
STAMP = AT.to_bytes(4, "big")


def encoder_of(*attributes: Attribute, ttl: int = 86400) -> Encoder:
    return Template("test", 1, "测试", attributes=attributes, ttl=ttl).compile()


def stored(attribute: Attribute, value: Any) -> str:
    """The text that one value of an attribute is stored as."""
    encoded = encoder_of(attribute).row([value], STAMP)
    assert isinstance(encoded, tuple), encoded
    return decode_values(encoded[0])[0].data.decode()


def refusal(attribute: Attribute, value: Any) -> str:
    """The code of the only fault of one value of an attribute, the same by both ways in."""
    faults = encoder_of(attribute).row([value], STAMP)
    assert isinstance(faults, list), faults
    assert encoder_of(attribute).check({attribute.name: value}) == ([], faults)
    assert [fault.field for fault in faults] == [attribute.name]
    return faults[0].code


def string(**limits: Any) -> Attribute:
    return Attribute("a", "属性", **limits)


def number(**limits: Any) -> Attribute:
    return Attribute("a", "属性", kind=Kind.NUMBER, **limits)


class TestString:
    @given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255))
    def test_text_in_normal_form_is_kept_exactly(self, text: str) -> None:
        normal = unicodedata.normalize("NFC", text)[:255]
        if unicodedata.is_normalized("NFC", normal):
            assert stored(string(), normal) == normal

    @given(st.text(min_size=1, max_size=20))
    def test_any_text_is_kept_or_refused(self, text: str) -> None:
        encoded = encoder_of(string()).row([text], STAMP)
        assert isinstance(encoded, list) or decode_values(encoded[0])[0].data.decode() == text

    @pytest.mark.parametrize("text", [" A ", "two\r\nlines\tand a tab", "标识\u3000", "5" * 255, "\U0001f3ed"])
    def test_spaces_and_line_breaks_are_text(self, text: str) -> None:
        assert stored(string(), text) == text

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("a\x00", "control_character"),
            ("阀\x85", "control_character"),
            ("\ud83c", "not_unicode"),
            ("e\u0301", "not_nfc"),
            ("x" * 256, "too_long"),
            (5, "not_text"),
            (Decimal("1.10"), "not_text"),
            (True, "not_text"),
        ],
    )
    def test_what_is_no_text_is_refused(self, text: Any, code: str) -> None:
        assert refusal(string(), text) == code

    def test_lengths_are_in_characters(self) -> None:
        assert stored(string(min_length=2, max_length=3), "闸阀门") == "闸阀门"
        assert refusal(string(min_length=2, max_length=3), "闸") == "too_short"
        assert refusal(string(min_length=2, max_length=3), "闸阀闸阀") == "too_long"

    def test_a_pattern_matches_the_whole_value(self) -> None:
        gtin = string(pattern=r"\d{8}|\d{14}")
        assert stored(gtin, "00000000959742") == "00000000959742"
        assert refusal(gtin, "000000009597") == "pattern_mismatch"
        assert refusal(gtin, "00000000\n") == "pattern_mismatch"
        assert refusal(gtin, "٠٠٠٠٠٠٠٠") == "pattern_mismatch"

    @pytest.mark.parametrize("address", ["http://a", "HTTPS://例子.中国/路径?x=1#y", "https://a.b/c%20d"])
    def test_a_web_address_is_kept(self, address: str) -> None:
        assert stored(string(type="URL"), address) == address

    @pytest.mark.parametrize(
        "address",
        ["javascript:alert(1)", "//a", "https://", "https:///x", "http://a b", 'http://a"', "http://a\n", "a"],
    )
    def test_what_a_browser_must_not_be_sent_to_is_refused(self, address: str) -> None:
        assert refusal(string(type="URL"), address) == "not_a_url"
        assert refusal(string(type="url"), address) == "not_a_url"


class TestNumber:
    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("5", "5"),
            ("+5", "5"),
            ("-0", "0"),
            ("-0.00", "0.00"),
            ("-0.10", "-0.10"),
            ("007", "007"),
            (" 1.50 ", "1.50"),
            ("9" * 38, "9" * 38),
            (5, "5"),
            (-5, "-5"),
            (12345678901234567890123, "12345678901234567890123"),
            (Decimal("1.10"), "1.10"),
            (Decimal("1E+3"), "1000"),
            (Decimal("1E-9"), "0.000000001"),
            (1.5, "1.5"),
            (1e22, "10000000000000000000000"),
            (-0.0, "0.0"),
        ],
    )
    def test_a_number_is_kept_as_written(self, sent: Any, kept: str) -> None:
        assert stored(number(), sent) == kept

    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            ("About 3", "not_a_number"),
            ("1,000", "not_a_number"),
            ("1e5", "not_a_number"),
            (".5", "not_a_number"),
            ("5.", "not_a_number"),
            ("--5", "not_a_number"),
            (" ", "not_a_number"),
            ("٣", "not_a_number"),
            ("５", "not_a_number"),
            ("1\n", "not_a_number"),
            (True, "not_a_number"),
            (float("nan"), "not_a_number"),
            (float("-inf"), "not_a_number"),
            ("9" * 39, "too_many_digits"),
            ("1." + "9" * 38, "too_many_digits"),
            (10**38, "too_many_digits"),
            pytest.param(10**100_000, "too_many_digits", id="a number of 100,000 digits"),
            (Decimal("1E+999999"), "too_many_digits"),
            (Decimal("1E-999999"), "too_many_digits"),
        ],
    )
    def test_what_is_no_plain_number_is_refused(self, sent: Any, code: str) -> None:
        assert refusal(number(), sent) == code

    def test_limits_are_exact_and_included(self) -> None:
        limited = number(minimum="-0.1", maximum="12345678901234567890.1")
        assert stored(limited, "-0.10") == "-0.10"
        assert stored(limited, "12345678901234567890.1") == "12345678901234567890.1"
        assert refusal(limited, "-0.11") == "too_small"
        assert refusal(limited, "12345678901234567890.2") == "too_large"

    @given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
    def test_the_value_never_changes(self, value: Decimal) -> None:
        assert Decimal(stored(number(), value)) == value
        assert stored(number(), str(value)) == stored(number(), value)


class TestDate:
    DATE = Attribute("a", "日期", kind=Kind.DATE, minimum="2000-01-01", maximum="2099-12-31")

    @given(st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)))
    def test_a_day_of_the_calendar_is_kept(self, day: date) -> None:
        assert stored(self.DATE, f" {day.isoformat()} ") == day.isoformat()

    @pytest.mark.parametrize(
        "sent", ["2023-02-29", "2024-1-2", "20240102", "2024-W01-1", "2024-01-02T00:00:00", "２024-01-02", 20240102]
    )
    def test_no_day_of_the_calendar_is_refused(self, sent: Any) -> None:
        assert refusal(self.DATE, sent) == "not_a_date"

    def test_limits_are_included(self) -> None:
        assert refusal(self.DATE, "1999-12-31") == "too_small"
        assert refusal(self.DATE, "2100-01-01") == "too_large"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        *((word, "true") for word in ("true", "TRUE", " Yes ", "是", "1", True, 1)),
        *((word, "false") for word in ("false", "No", "否", "0", False, 0)),
    ],
)
def test_a_boolean_has_several_spellings_and_one_text(sent: Any, kept: str) -> None:
    assert stored(Attribute("a", "属性", kind=Kind.BOOLEAN), sent) == kept


@pytest.mark.parametrize("sent", ["maybe", "2", 2, 1.0, " "])
def test_what_is_no_boolean_is_refused(sent: Any) -> None:
    assert refusal(Attribute("a", "属性", kind=Kind.BOOLEAN), sent) == "not_a_boolean"


def test_a_choice_is_exact() -> None:
    grade = Attribute("a", "等级", kind=Kind.ENUM, choices=("A", "一级品"))
    assert stored(grade, " 一级品 ") == "一级品"
    assert refusal(grade, "a") == "not_a_choice"
    assert refusal(grade, 1) == "not_a_choice"


def test_what_is_nested_is_refused_however_deep() -> None:
    bomb: list[Any] = []
    for _ in range(100_000):
        bomb = [bomb]
    for kind in Kind:
        attribute = Attribute("a", "属性", kind=kind, choices=("A",) if kind is Kind.ENUM else ())
        assert refusal(attribute, bomb) == "one_value"
        assert refusal(replace(attribute, many=True), [bomb]).startswith("not_")


PRODUCT = Template(
    "product",
    1,
    "产品",
    attributes=(
        Attribute("name", "名称", required=True, listed=True, max_length=100),
        Attribute("weight", "重量", kind=Kind.NUMBER, minimum="0"),
        Attribute("serial", "序列号", unique=True),
        Attribute("url", "网址", index=1, type="URL"),
        Attribute("ok", "合格", kind=Kind.BOOLEAN),
    ),
    ttl=3600,
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["阀", "e\u0301", "1.5"])
attribute_values = st.fixed_dictionaries(
    {},
    optional={
        "name": words | st.none(),
        "weight": words | st.integers() | st.decimals() | st.floats() | st.booleans(),
        "serial": words,
        "url": st.just("https://example.com/1") | words,
        "ok": st.booleans() | words,
    },
)


class TestEncoder:
    @given(attribute_values)
    def test_the_fast_way_and_the_slow_way_agree(self, attributes: dict[str, Any]) -> None:
        encoder = PRODUCT.compile()
        checked, faults = encoder.check(attributes)
        fast = encoder.row([attributes.get(name) for name in PRODUCT.names], STAMP)
        if faults:
            assert fast == faults
            return
        assert fast == encoder.encode(checked, STAMP)
        described = [(PRODUCT.attributes[position], text) for position, text in checked]
        values = [
            Value(attribute.index, attribute.type, text.encode(), ttl=3600, timestamp=AT)
            for attribute, text in sorted(described, key=lambda pair: pair[0].index)
        ]
        side = [
            SideEntry(attribute.index, attribute.unique, text, text if attribute.kind is Kind.NUMBER else None)
            for attribute, text in sorted(described, key=lambda pair: pair[0].index)
            if attribute.indexed
        ]
        assert fast == Encoded(encode_values(values), side)

    def test_values_are_sorted_by_index_and_empty_ones_are_absent(self) -> None:
        encoded = PRODUCT.compile().row(["Valve", "", None, "https://a/", False], STAMP)
        assert isinstance(encoded, tuple)
        assert [(value.index, value.type, value.data) for value in decode_values(encoded[0])] == [
            (1, "URL", b"https://a/"),
            (2000, "NAME", b"Valve"),
            (2003, "OK", b"false"),
        ]
        assert encoded[1] == [SideEntry(2000, False, "Valve")]

    def test_all_faults_of_a_row_are_reported(self) -> None:
        faults = PRODUCT.compile().row(["", "About 3", "x" * 256, "ftp://a", ""], STAMP)
        assert isinstance(faults, list)
        assert [(fault.field, fault.code) for fault in faults] == [
            ("name", "required"),
            ("weight", "not_a_number"),
            ("serial", "too_long"),
            ("url", "not_a_url"),
        ]
        assert faults[1].message == "不是数字：About 3 / not a plain decimal number: About 3"

    def test_an_unknown_attribute_is_a_fault(self) -> None:
        _, faults = PRODUCT.compile().check({"name": "Valve", "colour": "red", "suffix": "A"})
        assert [(fault.field, fault.code) for fault in faults] == [
            ("colour", "unknown_attribute"),
            ("suffix", "unknown_attribute"),
        ]

    def test_a_record_without_values_is_refused(self) -> None:
        encoder = encoder_of(string())
        assert [fault.code for fault in encoder.check({})[1]] == ["no_values"]
        assert encoder.row([""], STAMP) == encoder.check({})[1]

    def test_a_record_beyond_the_protocol_is_refused(self) -> None:
        attributes = [Attribute(f"a{number}", "属性", max_length=8192) for number in range(32)]
        encoder = encoder_of(*attributes)
        values = {attribute.name: "x" * 8192 for attribute in attributes}
        assert [fault.code for fault in encoder.check(values)[1]] == ["record_too_large"]
        assert encoder.row(list(values.values()), STAMP) == encoder.check(values)[1]
        values.popitem()
        encoded = encoder.encode(encoder.check(values)[0], STAMP)
        assert len(encoded[0]) < MAX_RECORD_BYTES

    def test_a_mapped_row_becomes_an_entry(self) -> None:
        header = ["GTIN", "Name"]
        mapped = Mapping.parse(["GTIN=suffix", "GTIN=serial", "Name=name"]).table(header, PRODUCT.names)
        entry = PRODUCT.compile().entry(PREFIX, mapped(["abc-1", "Valve"]), STAMP)
        assert isinstance(entry, Entry)
        assert (entry.suffix, entry.suffix_key) == ("abc-1", "ABC-1")
        assert entry.side == [SideEntry(2000, False, "Valve"), SideEntry(2002, True, "abc-1")]
        assert decode_values(entry.record)[0].data == b"Valve"

    @pytest.mark.parametrize(
        ("suffix", "code", "reason"),
        [
            ("", "suffix_missing", "缺少后缀"),
            (None, "suffix_missing", "缺少后缀"),
            (95_974_2, "suffix_not_text", "前导零"),
            (" A", "invalid_suffix", "首尾不能有空格"),
            ("A\u200b", "invalid_suffix", "含有不允许的字符"),
            ("e\u0301", "invalid_suffix", "NFC"),
            ("x" * 255, "invalid_suffix", "太长"),
        ],
    )
    def test_faults_of_the_suffix_stand_beside_those_of_the_values(self, suffix: Any, code: str, reason: str) -> None:
        encoder = PRODUCT.compile()
        values = ("Valve", "", "", "", "")
        alone = encoder.entry(PREFIX, (suffix, values, ()), STAMP)
        assert isinstance(alone, list)
        assert [(fault.field, fault.code) for fault in alone] == [("suffix", code)]
        assert reason in alone[0].message
        mapping_fault = Fault("colour", "unknown_attribute", "…")
        together = encoder.entry(PREFIX, (suffix, ("", *values[1:]), (mapping_fault,)), STAMP)
        assert isinstance(together, list)
        assert [fault.code for fault in together] == [code, "unknown_attribute", "required"]

    def test_a_fault_of_the_mapping_alone_refuses_the_row(self) -> None:
        fault = Fault("colour", "unknown_attribute", "…")
        mapped = ("A", ("Valve", "", "", "", ""), (fault,))
        assert PRODUCT.compile().entry(PREFIX, mapped, STAMP) == [fault]


def test_messages_are_fit_for_a_database_and_a_terminal() -> None:
    _, faults = PRODUCT.compile().check({"name": "x", "weight": "\x00\x1b[31m" + "9" * 500, "\x00\ud800": 1})
    for fault in faults:
        assert fault.message.isprintable()
        assert fault.field is not None
        assert fault.field.isprintable()
        assert len(fault.message) < 400
