from __future__ import annotations

import contextlib
import sys
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from node.identifier import (
    Identifier,
    InvalidIdentifier,
    InvalidPrefix,
    InvalidSuffix,
    Prefix,
    fold,
    suffix_key,
)

PREFIX = Prefix.parse("88.111.1")
EVERY_CHARACTER = [chr(point) for point in range(sys.maxunicode + 1)]
ALLOWED = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No"} | {
    "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So",
}  # fmt: skip

suffixes = (
    st.text(min_size=1, max_size=60)
    .map(lambda text: unicodedata.normalize("NFC", text))
    .filter(lambda text: all(unicodedata.category(c) in ALLOWED or c == " " for c in text))
    .filter(lambda text: text[0] != " " and text[-1] != " ")
)


def test_folding_changes_the_ascii_letters_and_no_other_character_of_unicode() -> None:
    for character in EVERY_CHARACTER:
        expected = chr(ord(character) - 32) if "a" <= character <= "z" else character
        assert fold(character) == expected
        assert fold(character + "é") == expected + "é"


@given(st.text(st.characters()))
def test_folding_twice_is_folding_once_and_keeps_the_length(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize("character", ["ſ", "İ", "ı", "ß", "ﬁ", "ǆ", "ａ", "é"])
def test_letters_that_unicode_upper_cases_to_ascii_or_to_several_stay_themselves(character: str) -> None:
    assert fold(character) == character
    assert suffix_key(PREFIX, "x" + character) == "X" + character


def test_the_kelvin_sign_is_no_k_and_no_nfc() -> None:
    assert fold("\u212a") == "\u212a"
    with pytest.raises(InvalidSuffix) as caught:
        suffix_key(PREFIX, "x\u212a")
    assert caught.value.evidence["reason"] == "not_normalized"


@pytest.mark.parametrize(
    "text", ["88.111", "86.1000", "88.111.1", "88.0086.007", "86.00", "88.1.Ab9z", "88.100.000", "86.1.A"]
)
def test_a_prefix_of_two_or_three_segments_keeps_its_spelling(text: str) -> None:
    assert Prefix.parse(text).text == text
    assert str(Prefix.parse_derived(text)) == text


def test_a_lower_case_prefix_is_the_same_prefix() -> None:
    assert Prefix.parse("88.111.ab") == Prefix.parse("88.111.AB")
    assert len({Prefix.parse("88.111.ab"), Prefix.parse("88.111.Ab")}) == 1
    assert Prefix.parse("88.111.ab").text == "88.111.ab"


def test_a_leading_zero_makes_another_prefix() -> None:
    assert Prefix.parse("88.0111") != Prefix.parse("88.111")


def test_a_prefix_is_not_its_text() -> None:
    assert Prefix.parse("88.111") != "88.111"
    assert Identifier.parse("88.111/x") != "88.111/x"


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("", "root", 1),
        ("88", "segments", None),
        ("10.1000", "root", 1),
        ("87.1", "root", 1),
        ("088.1", "root", 1),
        (" 88.1", "root", 1),
        ("88.", "empty_segment", 4),
        ("88..1", "empty_segment", 4),
        ("88.1.", "empty_segment", 6),
        ("88.a", "character", 4),
        ("88.1a", "character", 5),
        ("88.1.a-b", "character", 7),
        ("88.1.厂", "character", 6),
        ("88.١", "character", 4),
        ("88.1.é", "character", 6),
        ("88.1\n", "character", 5),
        ("88.1.2.3", "segments", None),
        ("0.NA", "root", 1),
    ],
)
def test_a_faulty_prefix_is_refused_with_the_place(text: str, reason: str, position: int | None) -> None:
    with pytest.raises(InvalidPrefix) as caught:
        Prefix.parse(text)
    assert caught.value.evidence["reason"] == reason
    assert caught.value.evidence.get("position") == position
    assert caught.value.code == "invalid_prefix"


def test_the_code_point_at_fault_is_named() -> None:
    with pytest.raises(InvalidPrefix, match=r"character 6 is U\+5382"):
        Prefix.parse("88.1.厂")


def test_a_prefix_has_64_characters_at_most() -> None:
    assert Prefix.parse("88.1." + "9" * 59)
    with pytest.raises(InvalidPrefix) as caught:
        Prefix.parse("88.1." + "9" * 60)
    assert caught.value.evidence == {"reason": "too_long", "length": 65, "limit": 64}
    assert Prefix.parse("88.1." + "9" * 60, limit=65)


def test_a_fourth_segment_is_for_derived_prefixes_only() -> None:
    assert Prefix.parse_derived("88.1.2.3.x").text == "88.1.2.3.x"
    with pytest.raises(InvalidPrefix):
        Prefix.parse_derived("88.1.2..3")
    with pytest.raises(InvalidPrefix):
        Prefix.parse("88.1.2.3.x")


@given(st.text(st.sampled_from("8867.aZ-é"), max_size=14))
def test_parsing_any_text_gives_a_prefix_or_says_what_is_wrong(text: str) -> None:
    for parse in (Prefix.parse, Prefix.parse_derived):
        with contextlib.suppress(InvalidPrefix):
            assert parse(text).text == text


def test_being_under_a_prefix_goes_by_whole_segments() -> None:
    parent = Prefix.parse("88.111")
    assert Prefix.parse("88.111.1").is_under(parent)
    assert Prefix.parse_derived("88.111.1.x").is_under(parent)
    assert parent.is_under(parent)
    assert Prefix.parse("88.111.AB").is_under(Prefix.parse("88.111.ab"))
    assert not Prefix.parse("88.1111").is_under(parent)
    assert not Prefix.parse("88.1111.1").is_under(parent)
    assert not parent.is_under(Prefix.parse("88.111.1"))


def test_the_parent_is_one_segment_shorter_and_ends_at_two() -> None:
    derived = Prefix.parse_derived("88.111.a.b")
    assert derived.parent == Prefix.parse("88.111.A")
    assert Prefix.parse("88.111.1").parent == Prefix.parse("88.111")
    assert Prefix.parse("88.111").parent is None


def test_an_identifier_splits_at_the_first_slash() -> None:
    identifier = Identifier.parse("88.111.1/a/b//c")
    assert identifier.prefix == PREFIX
    assert identifier.suffix == "a/b//c"
    assert identifier.key == "A/B//C"
    assert str(identifier) == identifier.text == "88.111.1/a/b//c"


def test_two_spellings_in_ascii_case_are_one_identifier() -> None:
    one, other = Identifier.parse("88.111.ab/Prod-001产品"), Identifier.parse("88.111.AB/PROD-001产品")
    assert one == other
    assert hash(one) == hash(other)
    assert one.text != other.text


def test_identifiers_of_different_prefixes_differ() -> None:
    assert Identifier.parse("88.111.1/x") != Identifier.parse("88.111.2/x")
    assert Identifier.parse("88.111.1/x") != Identifier.parse("88.111.1/y")


def test_without_a_slash_there_is_no_identifier() -> None:
    for text in ("", "88.111.1", "x"):
        with pytest.raises(InvalidIdentifier) as caught:
            Identifier.parse(text)
        assert caught.value.evidence["reason"] == "no_slash"


def test_a_faulty_part_is_named_as_that_part() -> None:
    with pytest.raises(InvalidPrefix):
        Identifier.parse("99.1/x")
    with pytest.raises(InvalidSuffix):
        Identifier.parse("88.1/")


def test_exactly_the_allowed_categories_and_the_inner_space_may_stand_in_a_suffix() -> None:
    for character in EVERY_CHARACTER:
        text = f"x{character}x"
        normal = unicodedata.is_normalized("NFC", text)
        allowed = unicodedata.category(character) in ALLOWED or character == " "
        try:
            key = suffix_key(PREFIX, text)
        except InvalidSuffix:
            key = None
        assert key == (f"X{fold(character)}X" if allowed and normal else None)


@pytest.mark.parametrize(
    ("character", "category"),
    [
        ("\x00", "Cc"),
        ("\t", "Cc"),
        ("\x7f", "Cc"),
        ("\x85", "Cc"),
        ("\u00ad", "Cf"),
        ("\u061c", "Cf"),
        ("\u200b", "Cf"),
        ("\u200e", "Cf"),
        ("\u202e", "Cf"),
        ("\u2066", "Cf"),
        ("\u2069", "Cf"),
        ("\ufeff", "Cf"),
        ("\ud800", "Cs"),
        ("\ue000", "Co"),
        ("\U00100000", "Co"),
        ("\uffff", "Cn"),
        ("\u0378", "Cn"),
        ("\u00a0", "Zs"),
        ("\u3000", "Zs"),
        ("\u2028", "Zl"),
        ("\u2029", "Zp"),
    ],
)
def test_a_character_that_cannot_be_seen_or_told_apart_is_refused_by_name(character: str, category: str) -> None:
    with pytest.raises(InvalidSuffix) as caught:
        Identifier.of(PREFIX, f"ab{character}c")
    assert caught.value.evidence == {
        "reason": "character",
        "position": 3,
        "code_point": f"U+{ord(character):04X}",
        "category": category,
    }


@pytest.mark.parametrize("suffix", [" a", "a ", " ", " 标识", "标识 "])
def test_a_suffix_neither_begins_nor_ends_with_a_space(suffix: str) -> None:
    with pytest.raises(InvalidSuffix) as caught:
        suffix_key(PREFIX, suffix)
    assert caught.value.evidence["reason"] == "edge_space"


def test_an_inner_space_is_kept() -> None:
    assert suffix_key(PREFIX, "Model  7 b") == "MODEL  7 B"


def test_a_suffix_in_another_normal_form_is_refused_not_repaired() -> None:
    with pytest.raises(InvalidSuffix) as caught:
        suffix_key(PREFIX, "cafe\u0301")
    assert caught.value.evidence["reason"] == "not_normalized"
    assert caught.value.evidence["position"] == 4
    assert caught.value.evidence["normalized"] == "café"
    assert suffix_key(PREFIX, "café") == "CAFé"


@given(st.text(max_size=20), st.sampled_from("aeiouAEIOU가ーカ"), st.sampled_from("\u0300\u0301\u0308\u11a8\u3099"))
def test_text_that_is_not_nfc_never_becomes_an_identifier(text: str, letter: str, mark: str) -> None:
    whole = text + unicodedata.normalize("NFD", letter + mark) + "x"
    assume(not unicodedata.is_normalized("NFC", whole))
    with pytest.raises(InvalidSuffix) as caught:
        suffix_key(PREFIX, whole)
    assert 1 <= caught.value.evidence["position"] <= len(whole)


def test_every_character_whose_normal_form_is_another_is_refused_at_its_place() -> None:
    others = [c for c in EVERY_CHARACTER if c.isprintable() and not unicodedata.is_normalized("NFC", c)]
    assert len(others) > 1000
    for character in others:
        with pytest.raises(InvalidSuffix) as caught:
            suffix_key(PREFIX, "标" + character)
        assert caught.value.evidence["position"] == 2


def test_the_key_of_a_letter_with_a_mark_is_not_joined_to_the_composed_letter() -> None:
    assert suffix_key(PREFIX, "i\u0307") == "I\u0307"
    assert suffix_key(PREFIX, "İ") == "İ"


def test_an_identifier_has_255_characters_at_most() -> None:
    longest = "88.111.1/" + "a" * 246
    assert Identifier.parse(longest).text == longest
    assert Identifier.parse("88.111.1/" + "标" * 246)
    for character in "a标":
        with pytest.raises(InvalidIdentifier) as caught:
            Identifier.parse("88.111.1/" + character * 247)
        assert caught.value.evidence == {
            "reason": "too_long",
            "length": 256,
            "limit": 255,
            "unit": "characters",
        }
        with pytest.raises(InvalidIdentifier):
            suffix_key(PREFIX, character * 247)


@pytest.mark.parametrize(("character", "size"), [("a", 1), ("é", 2), ("标", 3), ("𠀀", 4)])
def test_the_protocol_allows_2048_bytes_whatever_the_limit_of_characters(character: str, size: int) -> None:
    most = (2048 - len("88.111.1/")) // size
    assert Identifier.of(PREFIX, character * most, limit=100_000).suffix == character * most
    with pytest.raises(InvalidIdentifier) as caught:
        Identifier.of(PREFIX, character * (most + 1), limit=100_000)
    assert caught.value.evidence["unit"] == "bytes"
    assert caught.value.evidence["limit"] == 2048


def test_an_identifier_of_exactly_2048_bytes_is_allowed() -> None:
    suffix = "aa" + "标" * 679
    assert len(Identifier.of(PREFIX, suffix, limit=2048).text.encode()) == 2048
    with pytest.raises(InvalidIdentifier):
        Identifier.of(PREFIX, "a" + suffix, limit=2048)


@given(suffixes)
def test_every_allowed_suffix_survives_as_it_was_spelled(suffix: str) -> None:
    identifier = Identifier.parse(f"88.111.1/{suffix}")
    assert identifier.text == f"88.111.1/{suffix}"
    assert identifier.key == suffix_key(PREFIX, suffix) == fold(suffix)
    assert identifier == Identifier.of(PREFIX, suffix)


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_an_identifier_or_is_refused_by_a_named_error(text: str) -> None:
    for whole in (text, f"88.111.1/{text}"):
        with contextlib.suppress(InvalidIdentifier, InvalidPrefix, InvalidSuffix):
            assert Identifier.parse(whole).text == whole
