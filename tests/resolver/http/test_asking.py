"""Decoding what stands in a path, and what a client would rather have."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.identifier import InvalidIdentifier
from resolver.http.asking import spelling
from resolver.http.negotiation import Wish, prefers_english, wish


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_one_encoding_and_one_decoding(text: str) -> None:
    assert spelling(quote(text, safe="/")) == text


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("88.101.1/a%2Fb", "88.101.1/a/b"),
        ("88.101.1%2Fa", "88.101.1/a"),
        ("88.101.1/a%252Fb", "88.101.1/a%2Fb"),
        ("88.101.1/a+b", "88.101.1/a+b"),
        ("88.101.1/%E6%B0%B4", "88.101.1/水"),
        ("88.101.1/%e6%b0%b4", "88.101.1/水"),
    ],
)
def test_a_path_is_decoded_exactly_once(raw: str, decoded: str) -> None:
    assert spelling(raw) == decoded


@pytest.mark.parametrize("raw", ["a/%FF", "a/%C0%AF", "a/%ED%A0%80", "a/%", "a/%4", "a/%zz", "a/\udcff"])
def test_what_is_not_utf_8_is_refused(raw: str) -> None:
    with pytest.raises(InvalidIdentifier):
        spelling(raw)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", Wish.ANY),
        ("*/*", Wish.ANY),
        ("application/json", Wish.JSON),
        ("application/json, */*;q=0.1", Wish.JSON),
        ("application/ld+json", Wish.JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Wish.PAGE),
        ("TEXT/HTML ; Q=0.4 , application/json;q=0.5", Wish.JSON),
        ("application/json;q=0.5, text/html;q=0.5", Wish.JSON),
        ("text/html;q=0", Wish.ANY),
        ("text/html;q=nan", Wish.ANY),
        ("text/html;q=much, application/json;q=0.1", Wish.JSON),
        (";;;,,q=1", Wish.ANY),
    ],
)
def test_the_better_liked_dress_is_chosen(accept: str, wanted: Wish) -> None:
    assert wish(accept) is wanted


@pytest.mark.parametrize(
    ("header", "english"),
    [
        ("", False),
        ("en", True),
        ("en-GB,en;q=0.9,zh-CN;q=0.8", True),
        ("zh-CN,zh;q=0.9,en;q=0.8", False),
        ("de-DE, en;q=0.5", False),
        ("zh;q=0.3,en;q=0.8", True),
        ("eno", False),
    ],
)
def test_english_is_for_those_who_like_it_best(header: str, english: bool) -> None:
    assert prefers_english(header) is english


@given(st.text())
def test_no_header_breaks_the_choice(header: str) -> None:
    wish(header)
    prefers_english(header)
