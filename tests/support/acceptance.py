"""Criteria and books of days made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from admin.acceptance.book import SERIES_DAYS, Book, Day, Gap, dates
from admin.acceptance.profiles import Criterion, Operator
from admin.statistics.enterprises import EnterpriseFigures


def criterion(figure: str, threshold: int, operator: Operator = Operator.GE) -> Criterion:
    """A criterion without much of a title."""
    return Criterion(
        id="asked", title_zh="指标", title_en="criterion", figure=figure, operator=operator, threshold=threshold
    )


def book_of(
    last: date,
    days: Mapping[date, Day],
    *,
    gaps: Sequence[Gap] = (),
    enterprises: Callable[[date], int] = lambda _: 0,
) -> Book:
    """The days as given, and on each of the last ones so many enterprises, all of every kind."""
    shown = dates(last - timedelta(days=SERIES_DAYS - 1), last)
    standing = {day: EnterpriseFigures(day, *[enterprises(day)] * 6) for day in shown}
    return Book(min(days, default=last), last, days, tuple(gaps), standing, laboratory=False)
