from __future__ import annotations

from datetime import date

import pytest

from admin.uploads.masks import MaskUnknown, Scalar, parse_mask


def digest(text: str) -> bytes:
    return (text.encode() * 32)[:32]


@pytest.mark.parametrize(
    ("mask", "value", "masked"),
    [
        ("keep", "示例泵业", "示例泵业"),
        ("keep", True, True),
        ("keep", date(2026, 3, 1), "2026-03-01"),
        ("stars:2", "示例泵业", "示例**"),
        ("stars:2", "示", "示"),
        ("first:3", "914420", "914"),
        ("last:4", "914420", "4420"),
        ("region", "442001", "442000"),
        ("category", "3443", "34"),
        ("month", date(2026, 3, 1), "2026-03"),
        ("band", 0, "0"),
        ("band", 9, "1-9"),
        ("band", 10, "10-99"),
        ("band", 123_456, "100000-999999"),
        ("round:100", 149, 100),
        ("round:100", 150, 200),
        ("pseudonym", "ab", digest("ab").hex()[:16]),
    ],
)
def test_a_value_leaves_as_its_mask_says(mask: str, value: Scalar, masked: object) -> None:
    assert parse_mask(mask).apply(value, digest) == masked
    assert str(parse_mask(mask)) == mask


@pytest.mark.parametrize("mask", ["keep", "stars:2", "pseudonym", "band", "region"])
def test_what_is_missing_stays_missing(mask: str) -> None:
    assert parse_mask(mask).apply(None, digest) is None


@pytest.mark.parametrize("mask", ["", "hide", "stars", "stars:0", "stars:x", "keep:1", "pseudonym:2", "last:-1"])
def test_a_mask_that_is_none_is_refused_with_those_that_there_are(mask: str) -> None:
    with pytest.raises(MaskUnknown, match="stars:N"):
        parse_mask(mask)
