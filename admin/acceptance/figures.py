"""Every figure that a criterion can name, out of the book of days.

A figure of a day is what it was at the end of that day. Calendar years begin anew on 1 January of China; the mean of
a year is that of its days so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate, pairwise

from admin.acceptance.book import SERIES_DAYS, Book, Day, dates
from admin.acceptance.forecast import FITTED_DAYS, Coming, Forecast, Met, by_line, by_pace
from admin.statistics.enterprises import EnterpriseFigures

Span = Callable[[Book, date], date]
"""The first day that a figure of a day is made of."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What event files say of resolutions: how many are ``valid``, repeat nothing, are conspicuous.

    ``known_days`` have such files, of ``data_days`` with resolutions.
    """

    valid: int
    deduplicated: int
    flagged: int
    known_days: int
    data_days: int

    @property
    def flagged_share(self) -> Fraction:
        """Of the valid ones, 0 to 1."""
        return Fraction(self.flagged, self.valid) if self.valid else Fraction(0)


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and where it comes from: ``sum`` over the days ``first`` to ``last``; a mean divides it by ``days``.

    ``net`` is the value without what is conspicuous, ``None`` where event files do not say it of every resolution.
    ``series`` are the values of the last 60 days.
    """

    value: Fraction
    sum: int
    days: int
    first: date
    last: date
    series: tuple[tuple[date, Fraction], ...]
    missing: tuple[date, ...]
    beside: Beside | None
    net: Fraction | None


@dataclass(frozen=True, slots=True)
class Sum:
    """A figure that adds up what each day has, over all days or those of a year, or takes the mean of them."""

    title_zh: str
    title_en: str
    what: Callable[[Day], int]
    span: Span
    mean: bool = False
    of_resolutions: bool = True
    yearly: bool = False

    def measure(self, book: Book) -> Measured:
        """The figure of the book's last day."""
        first = self.span(book, book.last)
        total, days = book.sum(self.what, first, book.last), _count(first, book.last)
        divisor = days if self.mean else 1
        beside = _beside(book, first) if self.of_resolutions else None
        return Measured(
            value=Fraction(total, divisor),
            sum=total,
            days=days,
            first=first,
            last=book.last,
            series=self._series(book),
            missing=self._missing(book, first),
            beside=beside,
            net=Fraction(total - beside.flagged, divisor) if beside and beside.valid == total else None,
        )

    def forecast(self, book: Book, measured: Measured, met: Met) -> Forecast | None:
        """When it will be enough."""
        shown = _shown(book)[-FITTED_DAYS:]
        daily = [self.what(book.day(day)) for day in shown]
        until = _end_of_year(book.last) if self.yearly else None
        if not self.mean:
            return by_pace(book.last, measured.sum, daily, met, until)

        def coming(ahead: int) -> Coming:
            """By then as many of the oldest days have left the mean."""
            last = book.last + timedelta(days=ahead)
            first = self.span(book, last)
            known = book.sum(self.what, first, book.last) if first <= book.last else 0
            return Coming(known, max(1, (first - book.last).days), _count(first, last))

        return by_line(book.last, daily, coming, met, until)

    def _missing(self, book: Book, first: date) -> tuple[date, ...]:
        """Days without data: a mean divides by all of them, a sum lacks none before there was anything."""
        if not self.of_resolutions:
            return ()
        begins = first if self.mean else max(first, book.first)
        return tuple(day for day in dates(begins, book.last) if not book.day(day).raw)

    def _series(self, book: Book) -> tuple[tuple[date, Fraction], ...]:
        shown = _shown(book)
        earliest = self.span(book, shown[0])
        sums = dict(
            zip(
                dates(earliest - timedelta(days=1), book.last),
                accumulate((self.what(book.day(day)) for day in dates(earliest, book.last)), initial=0),
                strict=True,
            )
        )

        def value(last: date) -> Fraction:
            first = self.span(book, last)
            total = sums[last] - sums[first - timedelta(days=1)]
            return Fraction(total, _count(first, last) if self.mean else 1)

        return tuple((day, value(day)) for day in shown)


@dataclass(frozen=True, slots=True)
class Level:
    """How many enterprises there are of a kind."""

    title_zh: str
    title_en: str
    what: Callable[[EnterpriseFigures], int]
    yearly: bool = False

    def measure(self, book: Book) -> Measured:
        """The figure of the book's last day."""
        now = self.what(book.enterprises[book.last])
        series = tuple((day, Fraction(self.what(book.enterprises[day]))) for day in _shown(book))
        return Measured(
            value=Fraction(now), sum=now, days=1, first=book.last, last=book.last, series=series, missing=(),
            beside=None, net=None,
        )  # fmt: skip

    def forecast(self, book: Book, measured: Measured, met: Met) -> Forecast | None:
        """When it will be enough."""
        until = _end_of_year(book.last) if self.yearly else None
        same = [value for day, value in measured.series if not self.yearly or day.year == book.last.year]
        added = [float(after - before) for before, after in pairwise(same)]
        return by_pace(book.last, measured.sum, added, met, until)


Figure = Sum | Level


def _shown(book: Book) -> list[date]:
    return list(dates(book.last - timedelta(days=SERIES_DAYS - 1), book.last))


def _beside(book: Book, first: date) -> Beside:
    days = [book.day(day) for day in dates(first, book.last)]
    known = [day.digested for day in days if day.digested is not None]
    return Beside(
        valid=sum(digested.valid for digested in known),
        deduplicated=sum(digested.deduplicated for digested in known),
        flagged=sum(digested.flagged for digested in known),
        known_days=len(known),
        data_days=sum(day.raw > 0 for day in days),
    )


def _count(first: date, last: date) -> int:
    return (last - first).days + 1


def _end_of_year(day: date) -> date:
    return date(day.year, 12, 31)


def _ever(book: Book, last: date) -> date:
    return min(book.first, last)


def _year(_: Book, last: date) -> date:
    return date(last.year, 1, 1)


def _thirty_days(_: Book, last: date) -> date:
    return last - timedelta(days=29)


def _one_day(_: Book, last: date) -> date:
    return last


def _valid(day: Day) -> int:
    return day.valid


FIGURES: Mapping[str, Figure] = {
    "enterprises.connected": Level("接入企业数", "connected enterprises", lambda one: one.connected),
    "enterprises.enterprise_nodes": Level("企业节点数", "enterprise nodes", lambda one: one.enterprise_nodes),
    "enterprises.new_in_year": Level(
        "本年新增接入企业数", "enterprises newly connected in the year", lambda one: one.new_in_year, yearly=True
    ),
    "registrations.live": Sum(
        "标识注册量（现存）", "identifiers that stand", lambda day: day.net_registered, _ever, of_resolutions=False
    ),
    "registrations.new_in_year": Sum(
        "本年新增标识注册量", "first registrations in the year", lambda day: day.first_registered, _year,
        of_resolutions=False, yearly=True,
    ),
    "resolutions.daily_mean_30": Sum(
        "近30日日均解析量", "resolutions a day, mean of the last 30 days", _valid, _thirty_days, mean=True
    ),
    "resolutions.daily_mean_year": Sum(
        "本年日均解析量", "resolutions a day, mean of the year so far", _valid, _year, mean=True, yearly=True
    ),
    "resolutions.total": Sum("累计解析量", "resolutions in all", _valid, _ever),
    "resolutions.total_in_year": Sum("本年解析量", "resolutions in the year", _valid, _year, yearly=True),
    "resolutions.daily": Sum("日解析量", "resolutions of the last day", _valid, _one_day, mean=True),
}  # fmt: skip
"""By the names that criteria use. Resolutions are valid ones."""
