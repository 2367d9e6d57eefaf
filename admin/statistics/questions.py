"""Questions about resolutions: by what, over which days, about whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from node.china_time import midnight
from node.errors import Malformed


class SpanUnfit(Malformed):
    """Evidence: ``since``, ``until``; ``most_days`` when there are too many."""

    title_zh = "统计日期范围有误"


class ResolutionsBy(StrEnum):
    """What the rows of a series are about."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    INTERFACE = "interface"
    OUTCOME = "outcome"
    PREFIX = "prefix"
    ENTERPRISE = "enterprise"
    INDUSTRY = "industry"


MOST_DAYS = 3660
"""Of any question: ten years."""
USUAL_DAYS = 30
_FINE: dict[ResolutionsBy, tuple[int, int]] = {ResolutionsBy.MINUTE: (1, 2), ResolutionsBy.HOUR: (7, 31)}
"""Days meant when none is said, and most days, where rows are many."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days of China, both included."""

    since: date
    until: date

    @property
    def begins_at(self) -> datetime:
        return midnight(self.since)

    @property
    def ends_at(self) -> datetime:
        """The first moment that is no longer part of it."""
        return midnight(self.until + timedelta(days=1))

    @property
    def half_open(self) -> tuple[date, date]:
        """The first day, and the first that is no longer part of it."""
        return self.since, self.until + timedelta(days=1)

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def months(self) -> tuple[date, date]:
        """The first days of the first whole month and of the one after the last; between them none, where there is no
        whole one: both are the day after the end then.
        """
        _, end = self.half_open
        first = self.since if self.since.day == 1 else next_month(self.since)
        last = end.replace(day=1)
        return (first, last) if first < last else (end, end)


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, slots=True)
class ResolutionQuestion:
    """What is ``None`` does not narrow the question; interface and outcome are numbers as stored."""

    by: ResolutionsBy
    span: Span
    enterprise_id: UUID | None = None
    prefix: str | None = None
    interface: int | None = None
    outcome: int | None = None


def span_of(
    since: date | None, until: date | None, today: date, *, usual: int = USUAL_DAYS, most: int = MOST_DAYS
) -> Span:
    """The days that are meant: up to today and ``usual`` days unless said otherwise. Raises ``SpanUnfit``."""
    if until is None:
        until = today if since is None or since <= today else since
    if since is None:
        since = until - timedelta(days=usual - 1)
    span = Span(since, until)
    if until < since:
        raise SpanUnfit(f"{until} comes before {since}", since=str(since), until=str(until))
    if span.days > most:
        raise SpanUnfit(f"at most {most} days are told at once", since=str(since), until=str(until), most_days=most)
    return span


def span_by(by: ResolutionsBy, since: date | None, until: date | None, today: date) -> Span:
    """The same with the bounds of a dimension. Raises ``SpanUnfit``."""
    usual, most = _FINE.get(by, (USUAL_DAYS, MOST_DAYS))
    return span_of(since, until, today, usual=usual, most=most)
