"""How many different ones there were, to within the bound that is printed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.statistics.digest.sketch import (
    BOUND,
    REGISTERS,
    STANDARD_ERROR,
    estimate,
    mark_of,
    sketch_of,
    union,
)


def of_numbers(numbers: range | list[int], salt: int = 0) -> bytes:
    return sketch_of(mark_of(b"%d/%d" % (salt, number)) for number in numbers)


def test_nothing_is_estimated_as_nothing_and_takes_no_room() -> None:
    assert sketch_of([]) == b""
    assert union([]) == b""
    assert estimate(b"") == 0


@pytest.mark.parametrize("different", [1, 10, 100, 1_000, 10_000, 40_000, 80_000, 300_000])
def test_an_estimate_is_within_three_standard_errors_of_the_truth(different: int) -> None:
    told = estimate(of_numbers(range(different), different))
    assert abs(told - different) <= max(3 * STANDARD_ERROR * different, 0.5)


def test_a_million_is_estimated_within_three_standard_errors() -> None:
    parts = [of_numbers(range(start, start + 250_000)) for start in range(0, 1_000_000, 250_000)]
    assert abs(estimate(union(parts)) - 1_000_000) <= 3 * STANDARD_ERROR * 1_000_000


def test_errors_scatter_as_the_standard_error_says() -> None:
    """The root mean square of forty is that of the theory to within a third, and they lean to neither side."""
    different, rounds = 20_000, 40
    errors = [estimate(of_numbers(range(different), salt)) / different - 1 for salt in range(rounds)]
    scatter = (sum(error * error for error in errors) / rounds) ** 0.5
    assert scatter <= 1.33 * STANDARD_ERROR
    assert abs(sum(errors) / rounds) <= 3 * STANDARD_ERROR / rounds**0.5
    assert STANDARD_ERROR < BOUND / 2


@given(st.lists(st.integers(0, 30_000), max_size=300), st.randoms())
def test_order_and_repetition_change_nothing(numbers: list[int], chance: random.Random) -> None:
    again = numbers + numbers[: len(numbers) // 2]
    chance.shuffle(again)
    assert of_numbers(again) == of_numbers(numbers)


@given(st.lists(st.lists(st.integers(0, 30_000), max_size=200), max_size=5))
def test_a_union_is_the_sketch_of_all_texts(parts: list[list[int]]) -> None:
    together = [number for part in parts for number in part]
    assert union(of_numbers(part) for part in parts) == of_numbers(together)


def test_a_small_and_a_large_sketch_have_a_union() -> None:
    small, large = of_numbers(range(50_000, 50_100)), of_numbers(range(50_000))
    assert len(small) == 300
    assert len(large) == REGISTERS
    assert union([small, large]) == union([large, small]) == of_numbers(range(50_100))
