"""The most asked, and how evenly all are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from admin.statistics.digest.tops import MOST, bands_of, joined_bands, joined_tops, most_asked

TIED = st.permutations(range(MOST + 9)).map(lambda keys: dict.fromkeys(keys, 2) | {keys[0]: 3, keys[1]: 1})
"""More than a top names, nearly all of them equal."""


@given(st.dictionaries(st.integers(0, 500), st.integers(1, 6), max_size=120) | TIED)
def test_the_most_asked_are_the_first_by_count_then_by_name(counts: dict[int, int]) -> None:
    ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    assert most_asked(counts) == ranked[:MOST]


def test_tops_of_two_days_add_up_name_by_name() -> None:
    assert joined_tops([[("a", 3), ("b", 2)], [("b", 2), ("c", 1)]]) == [("b", 4), ("a", 3), ("c", 1)]


def test_a_loop_fills_one_band() -> None:
    assert bands_of([100] * 50) == [(0, 0)] * 7 + [(50, 5000)]


def test_bands_end_at_powers_of_two() -> None:
    assert bands_of([1, 1, 2, 3, 4, 5, 8]) == [(2, 2), (1, 2), (2, 7), (2, 13)]
    assert bands_of([]) == []


@given(st.lists(st.lists(st.integers(1, 1000), max_size=20), max_size=4))
def test_bands_of_several_days_hold_all_members_and_resolutions(days: list[list[int]]) -> None:
    joined = joined_bands(bands_of(day) for day in days)
    assert joined == bands_of(count for day in days for count in day)
