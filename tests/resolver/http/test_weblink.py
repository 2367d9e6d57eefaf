"""Only whole http and https addresses become links and redirects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.http.weblink import address_of, first_address, web_address
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


def test_the_first_usable_address_counts() -> None:
    record = values(
        (1, "URL", "javascript:alert(1)"),
        (2, "DESC", "https://not-a-url-value.example/"),
        (3, "url", "https://a.example/"),
        (4, "URL", "https://b.example/"),
    )
    first = first_address(record)
    assert first is not None
    assert first == ("https://a.example/", record[2])
    assert first_address(record[:2]) is None
    assert address_of(values((1, "URL", b"\xff\xfe"))[0]) is None
