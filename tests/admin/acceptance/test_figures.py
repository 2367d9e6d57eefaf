"""Figures out of a book of days: windows, means, years, what lacks, what stands beside."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from random import Random

import pytest

from admin.acceptance.book import Book, Day, Digested, dates
from admin.acceptance.figures import FIGURES, Measured
from tests.support.acceptance import book_of

FIRST, LAST = date(2025, 9, 3), date(2026, 2, 10)


def random_days() -> dict[date, Day]:
    """Half a year across a new year; now and then nothing."""
    random = Random(11)
    return {
        day: Day(
            raw=valid + random.randrange(50), valid=valid, first_registered=random.randrange(40),
            net_registered=random.randrange(-20, 40), digested=Digested(valid, valid // 2, valid // 3),
        )
        for day in dates(FIRST, LAST)
        if random.random() < 0.9 and (valid := random.randrange(1, 1000))
    }  # fmt: skip


def days_since_the_first(day: date) -> int:
    return (day - FIRST).days


DAYS = random_days()
BOOK = book_of(LAST, DAYS, enterprises=days_since_the_first)


def measured(figure: str, book: Book = BOOK) -> Measured:
    return FIGURES[figure].measure(book)


def test_the_mean_of_thirty_days_divides_by_thirty_whatever_lacks() -> None:
    found = measured("resolutions.daily_mean_30")
    window = [LAST - timedelta(days=n) for n in range(30)]
    assert found.value == Fraction(sum(DAYS[day].valid for day in window if day in DAYS), 30)
    assert (found.first, found.last, found.days) == (date(2026, 1, 12), LAST, 30)
    assert set(found.missing) == {day for day in window if day not in DAYS}
    assert found.missing
    assert found.beside is not None
    assert found.beside.known_days == 30 - len(found.missing)
    assert found.net == found.value - Fraction(found.beside.flagged, 30)


def test_a_year_begins_on_its_first_of_january() -> None:
    january = [day for day in DAYS if day.year == 2026]
    assert measured("registrations.new_in_year").value == sum(DAYS[day].first_registered for day in january)
    assert measured("resolutions.total_in_year").value == sum(DAYS[day].valid for day in january)
    assert measured("resolutions.daily_mean_year").value == Fraction(sum(DAYS[day].valid for day in january), 41)


def test_totals_take_every_day() -> None:
    assert measured("resolutions.total").value == sum(day.valid for day in DAYS.values())
    live = measured("registrations.live")
    assert live.value == sum(day.net_registered for day in DAYS.values())
    assert (live.beside, live.net, live.missing) == (None, None, ())


def test_a_sum_lacks_no_days_before_there_was_anything_but_a_mean_divides_by_them() -> None:
    young = book_of(LAST, {day: Day(raw=1, valid=1) for day in dates(LAST - timedelta(days=4), LAST)})
    assert measured("resolutions.total_in_year", young).missing == ()
    assert len(measured("resolutions.daily_mean_year", young).missing) == 41 - 5


def test_the_resolutions_of_a_day_are_those_of_the_last_whole_one() -> None:
    assert measured("resolutions.daily").value == DAYS[LAST].valid


def test_enterprises_are_those_at_the_end_of_the_last_day() -> None:
    assert measured("enterprises.connected").value == (LAST - FIRST).days


@pytest.mark.parametrize("figure", FIGURES)
def test_every_value_of_a_series_is_the_figure_of_that_day(figure: str) -> None:
    series = measured(figure).series
    assert [day for day, _ in series] == list(dates(LAST - timedelta(days=59), LAST))
    assert series[-1][1] == measured(figure).value
    for day, value in series[::7]:
        before = {one: known for one, known in DAYS.items() if one <= day}
        assert value == measured(figure, book_of(day, before, enterprises=days_since_the_first)).value


@pytest.mark.parametrize("figure", FIGURES)
def test_a_node_without_any_data_has_nothing(figure: str) -> None:
    found = measured(figure, book_of(LAST, {}))
    assert found.value == 0
    assert FIGURES[figure].forecast(book_of(LAST, {}), found, lambda value: value >= 1) is None


def test_a_mean_of_a_young_node_is_foretold_from_its_days_and_not_from_the_mean() -> None:
    steady = book_of(LAST, {LAST - timedelta(days=n): Day(raw=900, valid=900) for n in range(15)})
    figure = FIGURES["resolutions.daily_mean_30"]
    found = figure.measure(steady)
    assert found.value == 450
    reached = figure.forecast(steady, found, lambda value: value >= 900)
    assert reached is not None
    assert reached.day == LAST + timedelta(days=15)
    assert figure.forecast(steady, found, lambda value: value >= 901) is None


def test_a_mean_of_the_year_is_not_foretold_past_its_end() -> None:
    rising = {day: Day(raw=n, valid=n) for n, day in enumerate(dates(date(2026, 1, 1), LAST), 1)}
    figure = FIGURES["resolutions.daily_mean_year"]
    book = book_of(LAST, rising)
    found = figure.measure(book)
    within = figure.forecast(book, found, lambda value: value >= 183)
    assert within is not None
    assert within.day == date(2026, 12, 31)
    assert figure.forecast(book, found, lambda value: value > 183) is None


def test_enterprises_of_a_year_are_foretold_from_that_year_alone() -> None:
    def connected(day: date) -> int:
        return 500 if day.year == 2025 else day.timetuple().tm_yday

    book = book_of(LAST, DAYS, enterprises=connected)
    figure = FIGURES["enterprises.new_in_year"]
    reached = figure.forecast(book, figure.measure(book), lambda value: value >= 100)
    assert reached is not None
    assert reached.day == date(2026, 4, 10)
