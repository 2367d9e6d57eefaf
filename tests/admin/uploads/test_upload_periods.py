from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from admin.uploads.periods import MOST_AT_ONCE, Period, due, last_finished
from node.china_time import CHINA


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("every", "moment", "since", "until"),
    [
        ("day", "2026-03-02 02:00", "2026-03-01", "2026-03-02"),
        ("day", "2026-03-02 01:59", "2026-02-28", "2026-03-01"),
        ("week", "2026-03-02 02:00", "2026-02-23", "2026-03-02"),  # a Monday
        ("week", "2026-03-02 01:00", "2026-02-16", "2026-02-23"),
        ("month", "2026-03-31 23:00", "2026-02-01", "2026-03-01"),
        ("month", "2026-03-01 01:00", "2026-01-01", "2026-02-01"),
    ],
)
def test_a_period_is_finished_when_the_hour_has_struck(every: str, moment: str, since: str, until: str) -> None:
    finished = last_finished(every, at(moment), 2)  # type: ignore[arg-type]
    assert finished == Period(date.fromisoformat(since), date.fromisoformat(until))


def test_a_node_that_never_uploaded_begins_with_the_newest_period() -> None:
    assert due("month", at("2026-03-15 12:00"), 2, None) == [Period(date(2026, 2, 1), date(2026, 3, 1))]


def test_nothing_is_due_twice_and_after_a_silence_everything_is_made_up_for_in_order() -> None:
    assert due("month", at("2026-03-15 12:00"), 2, date(2026, 3, 1)) == []
    assert [str(period.since) for period in due("month", at("2026-03-15 12:00"), 2, date(2025, 12, 1))] == [
        "2025-12-01", "2026-01-01", "2026-02-01",
    ]  # fmt: skip


def test_what_is_made_up_for_is_bounded_and_the_newest_of_it() -> None:
    moment = at("2026-03-15 12:00")
    periods = due("day", moment, 2, moment.date() - timedelta(days=400))
    assert len(periods) == MOST_AT_ONCE
    assert periods[-1].until == moment.date()
