"""Items of metadata and the values of instances, as the node keeps them."""

from __future__ import annotations

import pytest

from registry.api.idhub.dates import day_of, is_day, normal, pattern_of, shown_day


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("YYYY-MM-DD", "2030-01-02", "2030-01-02"),
        ("yyyy/MM/dd", "2030/1/2", "2030-01-02"),
        ("YYYY年MM月DD日", "2030年01月02日", "2030-01-02"),
        ("YYYYMMDD", "20300102", "2030-01-02"),
        ("DD.MM.YYYY", "31.02.2030", None),
        ("YYYY-MM-DD", "2030-01-02 10:00", None),
    ],
)
def test_a_day_is_read_by_its_format(form: str, text: str, day: str | None) -> None:
    assert is_day(normal(form))
    assert day_of(text, normal(form)) == day


def test_a_day_is_shown_by_its_format() -> None:
    assert shown_day("2030-01-02", "DD.MM.YYYY") == "02.01.2030"


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("yyyy-MM-dd HH:mm:ss", r"[0-9]{4}\-[0-9]{2}\-[0-9]{2}\ [0-9]{2}:[0-9]{2}:[0-9]{2}"),
        ("YYYY", "[0-9]{4}"),
        ("quarter", None),
        ("", None),
    ],
)
def test_a_format_that_is_no_day_makes_a_pattern(form: str, pattern: str | None) -> None:
    assert not is_day(normal(form))
    assert pattern_of(normal(form)) == pattern
