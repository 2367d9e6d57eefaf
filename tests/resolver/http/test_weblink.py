"""Only whole http and https addresses become links and redirects."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.http.weblink import address_of, appended, page_of, web_address
from tests.support.shelf import values

HOSTILE = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://a.example/",
    "//a.example/",
    "http:/a.example",
    "http:a.example",
    "http://",
    "https:///path",
    "http://user:password@a.example/",
    "http://good.example@evil.example/",
    "http://good.example\\@evil.example/",
    "http://a.example/\r\nSet-Cookie: a=b",
    "http://a.example/\tx",
    "http://a.example/ x",
    "http://a.example:port/",
    "http://[::1",
    "see http://a.example/",
    "http://a.example/\u202etxt",
    "http://" + "a" * 5000,
    "http://..example/ä" + "ö" * 3 + "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_web_address_is_none(text: str) -> None:
    assert web_address(text) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/p?q=1&r=2#top", "https://a.example/p?q=1&r=2#top"),
        ("HTTP://A.Example:8080/x", "http://A.Example:8080/x"),
        ("https://a.example/水泵", "https://a.example/%E6%B0%B4%E6%B3%B5"),
        ("https://a.example/%E6%B0%B4", "https://a.example/%E6%B0%B4"),
        ("https://例子.example/", "https://xn--fsqu00a.example/"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]/"),
        ('https://a.example/"onmouseover=x<b>', "https://a.example/%22onmouseover=x%3Cb%3E"),
    ],
)
def test_a_web_address_is_written_in_ascii(text: str, address: str) -> None:
    assert web_address(text) == address


@given(st.text() | st.text().map(lambda tail: "https://a.example/" + tail))
def test_an_address_never_ends_a_header_or_an_attribute(text: str) -> None:
    address = web_address(text)
    assert address is None or re.fullmatch(r"https?://[!#-;=?-~]+", address)
    assert address is None or '"' not in address


def test_a_value_that_is_no_text_has_no_address() -> None:
    assert address_of(values((1, "URL", "https://a.example/"))[0]) == "https://a.example/"
    assert address_of(values((1, "URL", b"\xff\xfe"))[0]) is None


@pytest.mark.parametrize(
    ("text", "suffix", "address"),
    [
        ("https://a.example/", "p/q?r=1#s", "https://a.example/p/q?r=1#s"),
        ("https://a.example", "/p", "https://a.example/p"),
        ("https://a.example", "?x=1", "https://a.example?x=1"),
        ("https://a.example/r?", "id=../x", "https://a.example/r?id=../x"),
        ("https://a.example/r?id=", "水 泵"[:1], "https://a.example/r?id=%E6%B0%B4"),
        ("https://a.example/p", ".html", "https://a.example/p.html"),
        ("https://a.example/p#", "/../x", "https://a.example/p#/../x"),
    ],
)
def test_a_suffix_is_put_behind_an_address(text: str, suffix: str, address: str) -> None:
    assert appended(text, suffix) == address


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("https://a.example", ".evil.example/"),
        ("https://a.example", "@evil.example/"),
        ("https://a.example", ":80@evil.example/"),
        ("https://a.example", ":8443/"),
        ("https://a.example", "\\@evil.example"),
        ("https://a.example/shop/", "../"),
        ("https://a.example/shop/", "..%2f../x/../../y"),
        ("https://a.example/shop/", "x/%2E%2e/y"),
        ("https://a.example/shop/", "x/.%2E?y"),
        ("https://a.example/shop/.", "./evil"),
        ("https://a.example/", "\r\nSet-Cookie: a=b"),
        ("https://a.example/", "a b"),
        ("https://a.example/", "\x00"),
        ("https://a.example/", "x" * 5000),
        ("javascript:alert(1)//", "https://a.example/"),
        ("", "https://evil.example/"),
        ("https:", "//evil.example/"),
    ],
)
def test_a_suffix_never_leads_elsewhere(text: str, suffix: str) -> None:
    assert appended(text, suffix) is None


@given(st.sampled_from(["https://a.example", "https://a.example/p", "http://a.example:81/p?q="]), st.text())
def test_whatever_is_appended_the_host_stays(text: str, suffix: str) -> None:
    joined = appended(text, suffix)
    assert joined is None or urlsplit(joined).netloc == urlsplit(text).netloc


@pytest.mark.parametrize(
    ("handle", "path"),
    [
        ("88.101.1/a/../b", "/88.101.1/a%2F..%2Fb"),
        ("0.NA/88.101.1", "/0.NA/88.101.1"),
        ("0.na/88.101.1", "/0.NA/88.101.1"),
        ("88.101.1.7/x", "/88.101.1.7/x"),
        ("88.101.1/<b>", "/88.101.1/%3Cb%3E"),
        ("88.101.1", None),
        ("10.1000/1", None),
        ("0.NA/0.NA", None),
        ("0.SITE/status", None),
        ("javascript:alert(1)//x", None),
        ("//evil.example/x", None),
        ("88.101.1/", None),
    ],
)
def test_only_what_this_node_has_pages_of_becomes_a_link(handle: str, path: str | None) -> None:
    assert page_of(handle) == path
