"""Lights, doubts and evidence of single criteria, from books of days made by hand."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from admin.acceptance.book import Closed, Day, Digested, Gap, dates
from admin.acceptance.evaluation import Light, judge
from node.china_time import CHINA
from tests.support.acceptance import book_of, criterion

LAST = date(2026, 11, 20)
MEAN = "resolutions.daily_mean_30"


def closed(day: Day) -> Day:
    """As it was closed."""
    return replace(day, closed=Closed(1, bytes(32), day.valid, day.first_registered, day.net_registered))


FINE = closed(Day(raw=1100, valid=1000, net_registered=5, first_registered=6, digested=Digested(1000, 900, 10)))


def flagged(resolutions: int) -> Day:
    """A fine day with so many conspicuous resolutions."""
    return replace(FINE, digested=Digested(1000, 900, resolutions))


def month(**changed: Day) -> dict[date, Day]:
    """Ninety fine days, some of them changed: ``minus_3`` is the third before the last."""
    days = dict.fromkeys(dates(LAST - timedelta(days=89), LAST), FINE)
    for name, day in changed.items():
        days[LAST - timedelta(days=int(name.removeprefix("minus_")))] = day
    return days


def codes(days: dict[date, Day], figure: str = MEAN, threshold: int = 500, gaps: tuple[Gap, ...] = ()) -> list[str]:
    judged = judge(book_of(LAST, days, gaps=gaps), criterion(figure, threshold))
    assert judged.met
    assert judged.light is (Light.YELLOW if judged.doubts else Light.GREEN)
    return [doubt.code for doubt in judged.doubts]


def test_what_is_met_and_whole_is_green() -> None:
    judged = judge(book_of(LAST, month()), criterion(MEAN, 1000))
    assert (judged.met, judged.light, judged.doubts, judged.forecast) == (True, Light.GREEN, (), None)
    assert judged.per_day == 0


def test_a_day_without_data_is_a_doubt_and_counts_nothing() -> None:
    assert codes(month(minus_3=closed(Day()))) == ["missing_days"]
    judged = judge(book_of(LAST, month(minus_3=closed(Day()))), criterion(MEAN, 1000))
    assert not judged.met
    assert judged.measured.sum == 29_000


def test_a_day_without_data_matters_to_the_windows_it_is_in() -> None:
    assert codes(month(minus_30=closed(Day()))) == []
    assert codes(month(minus_30=closed(Day())), "resolutions.total") == ["missing_days"]
    assert codes(month(minus_3=closed(Day(net_registered=5))), "registrations.live", 400) == []


def test_many_conspicuous_resolutions_are_a_doubt() -> None:
    looped = flagged(250)
    assert codes(dict.fromkeys(month(), looped)) == ["flags"]
    fifth = flagged(200)
    assert codes(dict.fromkeys(month(), fifth)) == []
    assert codes(month(minus_0=flagged(1000))) == []


def test_what_conspicuous_resolutions_leave_stands_beside_the_value() -> None:
    looped = flagged(250)
    judged = judge(book_of(LAST, dict.fromkeys(month(), looped)), criterion(MEAN, 1000))
    assert judged.measured.beside is not None
    assert (judged.measured.value, judged.measured.net) == (1000, 750)
    assert (judged.measured.beside.flagged, judged.measured.beside.deduplicated) == (7500, 27_000)


def test_days_without_event_files_are_not_taken_for_clean_ones() -> None:
    unknown = closed(replace(FINE, digested=None))
    looped = flagged(900)
    days = dict.fromkeys(month(), unknown) | {LAST: looped}
    judged = judge(book_of(LAST, days), criterion(MEAN, 500))
    assert judged.measured.beside is not None
    assert (judged.measured.beside.known_days, judged.measured.beside.data_days) == (1, 30)
    assert judged.measured.net is None
    assert [doubt.code for doubt in judged.doubts] == ["flags"]


def gap(day: date, hour: int) -> Gap:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=CHINA)
    return Gap("killed", at, at + timedelta(seconds=90))


def test_a_gap_within_the_window_is_a_doubt_and_nothing_is_put_in_its_place() -> None:
    assert codes(month(), gaps=(gap(LAST, 12), gap(LAST, 15))) == ["gaps"]
    judged = judge(book_of(LAST, month(), gaps=[gap(LAST, 12), gap(LAST, 15)]), criterion(MEAN, 1000))
    assert judged.measured.value == 1000
    assert "180" in judged.doubts[0].text_en
    before = LAST - timedelta(days=30)
    assert codes(month(), gaps=(gap(before, 23), gap(LAST + timedelta(days=1), 0))) == []


def test_gaps_of_counting_say_nothing_of_registrations() -> None:
    assert codes(month(), "registrations.live", 400, gaps=(gap(LAST, 12),)) == []


def test_a_day_that_is_not_closed_is_a_doubt() -> None:
    assert codes(month(minus_0=replace(FINE, closed=None))) == ["unclosed_days"]
    assert codes(month(minus_0=replace(FINE, closed=None)), "registrations.live", 400) == ["unclosed_days"]
    assert codes(month(minus_0=replace(FINE, closed=None)), "enterprises.connected", 0) == []


@pytest.mark.parametrize(
    ("figure", "changed"),
    [
        (MEAN, replace(FINE, valid=1001)),
        ("registrations.live", replace(FINE, net_registered=4)),
        ("registrations.new_in_year", replace(FINE, first_registered=7)),
    ],
)
def test_a_day_whose_figures_are_not_those_it_was_closed_with_is_a_doubt(figure: str, changed: Day) -> None:
    assert codes(month(minus_7=changed), figure, 400) == ["differing_days"]


def test_evidence_can_be_computed_by_anyone() -> None:
    days = {
        day: replace(FINE, closed=Closed(n % 3 + 1, bytes([n]) * 32, 1000, 6, 5))
        for n, day in enumerate(dates(LAST - timedelta(days=89), LAST))
    }
    evidence = judge(book_of(LAST, days), criterion(MEAN, 1)).evidence
    lines = "".join(f"{LAST - timedelta(days=89 - n)} {n % 3 + 1} {(bytes([n]) * 32).hex()}\n" for n in range(60, 90))
    assert evidence.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert (evidence.closed, evidence.unclosed) == (30, ())
    assert evidence.newest == (LAST, 3, (bytes([89]) * 32).hex())


def test_what_will_be_met_within_ninety_days_is_yellow_and_what_takes_longer_is_red() -> None:
    book = book_of(LAST, month())
    soon = judge(book, criterion("resolutions.total", 90_000 + 90 * 1000))
    assert soon.forecast is not None
    assert (soon.light, soon.forecast.day) == (Light.YELLOW, LAST + timedelta(days=90))
    late = judge(book, criterion("resolutions.total", 90_000 + 90 * 1000 + 1))
    assert late.forecast is not None
    assert (late.light, late.forecast.day) == (Light.RED, LAST + timedelta(days=91))
    assert judge(book, criterion(MEAN, 1001)).light is Light.RED
