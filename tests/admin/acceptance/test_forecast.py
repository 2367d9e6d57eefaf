"""Forecasts reach the right day, and the interval is as sure as it says."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest

from admin.acceptance.forecast import HORIZON_DAYS, LEAST_DAYS, Coming, Method, by_line, by_pace, slope_of

LAST = date(2026, 11, 20)


def days_from(day: date | None) -> int | None:
    return None if day is None else (day - LAST).days


def one_day(ahead: int) -> Coming:
    return Coming(0, ahead, 1)


def test_a_steady_pace_reaches_the_threshold_on_the_day_it_adds_up_to() -> None:
    found = by_pace(LAST, 1000, [25] * 60, lambda value: value >= 1500)
    assert found is not None
    assert (found.day, found.earliest, found.latest) == (LAST + timedelta(days=20),) * 3
    assert found.method is Method.PACE


def test_more_than_the_threshold_takes_a_day_longer() -> None:
    found = by_pace(LAST, 1000, [25] * 60, lambda value: value > 1500)
    assert found is not None
    assert days_from(found.day) == 21


def test_days_before_there_was_anything_do_not_slow_the_pace() -> None:
    found = by_pace(LAST, 100, [0] * 20 + [10] * 10, lambda value: value >= 200)
    assert found is not None
    assert days_from(found.day) == 10


@pytest.mark.parametrize("added", [[0.0] * 60, [-1.0] * 60, [5.0] * (LEAST_DAYS - 1), []])
def test_what_does_not_grow_or_is_too_new_is_not_foretold(added: list[float]) -> None:
    assert by_pace(LAST, 10, added, lambda value: value >= 1000) is None


def test_a_sum_of_the_year_is_not_foretold_past_its_end() -> None:
    found = by_pace(LAST, 0, [1.0] * 30, lambda value: value >= 42, date(2026, 12, 31))
    assert found is not None
    assert (found.day, found.latest) == (None, None)
    nearer = by_pace(LAST, 0, [1.0] * 30, lambda value: value >= 41, date(2026, 12, 31))
    assert nearer is not None
    assert nearer.day == date(2026, 12, 31)


def test_the_interval_of_a_pace_holds_the_true_day_four_times_in_five() -> None:
    random = Random(7)
    held = rounds = 0
    for _ in range(400):
        walk = [max(0.0, random.gauss(100, 60)) for _ in range(60 + HORIZON_DAYS)]
        found = by_pace(LAST, 0, walk[:60], lambda value: value >= 3000)
        assert found is not None
        total, truth = 0.0, 0
        while total < 3000:
            total += walk[60 + truth]
            truth += 1
        early, late = days_from(found.earliest), days_from(found.latest)
        held += early is not None and early <= truth and (late is None or truth <= late)
        rounds += 1
    assert 0.74 <= held / rounds <= 0.93  # days are whole: the interval is a little wider than 80 %


def test_a_line_goes_on() -> None:
    found = by_line(LAST, [float(n) for n in range(1, 61)], one_day, lambda value: value >= 75)
    assert found is not None
    assert (found.day, found.earliest, found.latest) == (LAST + timedelta(days=15),) * 3
    assert found.method is Method.LINE


def test_a_line_that_falls_is_not_foretold() -> None:
    assert by_line(LAST, [float(100 - n) for n in range(60)], one_day, lambda value: value >= 101) is None


def test_the_interval_of_a_line_is_wider_the_less_is_known() -> None:
    random = Random(3)
    values = [10 * n + random.gauss(0, 40) for n in range(1, 31)]

    def width(fitted: list[float]) -> int:
        found = by_line(LAST, fitted, one_day, lambda value: value >= 600)
        assert found is not None
        early, late = days_from(found.earliest), days_from(found.latest)
        assert early is not None
        return (late if late is not None else HORIZON_DAYS) - early

    assert width(values) < width(values[-10:])


def test_neighbours_that_are_alike_widen_the_interval() -> None:
    alternating = [100 + n + (20 if n % 2 else -20) for n in range(30)]
    swelling = [100 + n + (20 if n % 16 < 8 else -20) for n in range(30)]

    def earliest(values: list[float]) -> int:
        found = by_line(LAST, values, one_day, lambda value: value >= 200)
        assert found is not None
        days = days_from(found.earliest)
        assert days is not None
        return days

    assert earliest([float(one) for one in swelling]) < earliest([float(one) for one in alternating])


def test_a_mean_that_fills_with_steady_days_is_not_taken_for_one_that_rises_for_ever() -> None:
    """Fifteen days of 40,000: the mean of 30 days rises by 1,333 a day now, and ends at 40,000."""

    def coming(ahead: int) -> Coming:
        known = 40_000 * max(0, min(15, 30 - ahead))
        return Coming(known, max(1, ahead - 29), 30)

    daily = [0.0] * 15 + [40_000.0] * 15
    assert by_line(LAST, daily, coming, lambda value: value >= 50_000) is None
    found = by_line(LAST, daily, coming, lambda value: value >= 39_999)
    assert found is not None
    assert days_from(found.day) == 15


def test_the_slope_is_that_of_the_last_thirty_values() -> None:
    assert slope_of([0.0] * 30 + [float(5 * n) for n in range(30)]) == pytest.approx(5)
    assert slope_of([1.0] * (LEAST_DAYS - 1)) is None
