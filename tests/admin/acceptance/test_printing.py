"""The table for people: every kind of value, forecast and light in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from admin.acceptance.book import Day, Digested, dates
from admin.acceptance.evaluation import Evaluation, judge
from admin.acceptance.forecast import Forecast, Method
from admin.acceptance.printing import acceptance_table
from admin.acceptance.profiles import read_profiles
from admin.acceptance.views import EvaluationView
from tests.support.acceptance import book_of, criterion

LAST = date(2026, 11, 20)
DAY = Day(raw=1100, valid=1000, digested=Digested(1000, 900, 250))


def printed(figure: str, threshold: int, *, day: Day = DAY, forecast: Forecast | None = None) -> str:
    """One criterion on a node that does the same every day."""
    book = book_of(LAST, dict.fromkeys(dates(LAST - timedelta(days=99), LAST), day))
    judged = judge(book, criterion(figure, threshold))
    if forecast is not None:
        judged = replace(judged, forecast=forecast)
    evaluation = Evaluation(
        read_profiles(None)["zhongshan"], LAST + timedelta(days=1), provisional=False, laboratory=True,
        as_of=datetime(2026, 11, 21, tzinfo=UTC), rule=None, judged=(judged,),
    )  # fmt: skip
    said = StringIO()
    Console(file=said, width=200).print(acceptance_table(EvaluationView.of(evaluation).model_dump(mode="json")))
    return said.getvalue()


def test_what_is_met_with_flags_is_shown_with_its_net_value_and_why_it_is_yellow() -> None:
    said = printed("resolutions.daily_mean_30", 1000)
    for words in (
        "实验数据",
        "≥ 1,000",
        "剔除异常 net 750",
        "已达到 met",
        "▲ 关注",
        "25.0% of the valid",
        "需人工提供",
    ):
        assert words in said


def test_a_net_value_is_unknown_without_event_files() -> None:
    assert "剔除异常 net 未知 unknown" in printed("resolutions.daily", 1, day=replace(DAY, digested=None))


def test_registrations_have_no_net_value() -> None:
    assert "net" not in printed("registrations.live", 1)


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (None, "2027-02-28"),
        (Forecast(LAST, date(2026, 11, 19), None, Method.LINE), "2026-11-19 … ?"),
        (Forecast(None, date(2027, 1, 2), None, Method.LINE), "不早于 not before 2027-01-02"),
        (Forecast(None, None, None, Method.PACE), "不可预计 not foreseeable"),
    ],
)
def test_a_forecast_says_its_interval_as_far_as_there_is_one(forecast: Forecast | None, words: str) -> None:
    said = printed("resolutions.total", 200_000, forecast=forecast)
    assert words in said
    assert "met" not in said.replace("method", "")
