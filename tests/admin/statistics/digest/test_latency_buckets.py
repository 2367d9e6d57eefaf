"""Percentiles from buckets are a little too long at most, never too short."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from admin.statistics.digest.latency import ERROR, added, bucket_of, most_of, percentile

MICROS = st.one_of(st.integers(0, 5_000), st.integers(0, 2**32 - 1))


@given(MICROS)
def test_a_bucket_ends_at_most_a_sixteenth_above_what_it_holds(micros: int) -> None:
    longest = most_of(bucket_of(micros))
    assert micros <= longest <= micros * (1 + ERROR)


@given(MICROS)
def test_a_bucket_follows_the_one_before(micros: int) -> None:
    bucket = bucket_of(micros)
    assert bucket_of(most_of(bucket)) == bucket
    assert bucket_of(most_of(bucket) + 1) == bucket + 1


@given(st.lists(MICROS, min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_percentile_is_that_of_the_times_to_within_the_error(times: list[int], share: float) -> None:
    told = percentile(Counter(map(bucket_of, times)), share)
    true = next(time for at, time in enumerate(sorted(times), 1) if at >= share * len(times))
    assert told is not None
    assert true <= told <= true * (1 + ERROR)


def test_no_answers_have_no_percentile() -> None:
    assert percentile({}, 0.5) is None


def test_histograms_are_added_interface_by_interface() -> None:
    assert added([{1: {5: 2, 6: 1}}, {1: {5: 3}, 2: {9: 1}}]) == {1: {5: 5, 6: 1}, 2: {9: 1}}
