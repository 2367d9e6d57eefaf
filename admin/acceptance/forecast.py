"""When a figure reaches its threshold, and how sure that is.

Two models, both fitted to at most the last 30 days and told with an 80 % prediction interval (Student's t):

* pace, for what adds up (totals, numbers of enterprises): every coming day adds the mean of the last ones; after n
  days the sum is uncertain by t · s · √(n + n²/m), where m days were fitted;
* line, for daily values and their means: a line of least squares goes on, and a mean takes the place of its oldest
  days by what the line says; a sum of k coming days is uncertain by t · s · √(k + k²/m + k²(x̄ − d̄)²/Σ(d − d̄)²)
  (Draper and Smith, Applied Regression Analysis, chapter 1).

Neighbouring days are alike, so s is widened by √((1 + r) / (1 − r)), r the autocorrelation of the residuals at lag
one. What stands before the first value that is not 0 is left out: there was nothing to count yet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import NormalDist, fmean

FITTED_DAYS = 30
LEAST_DAYS = 7
"""Fewer values than these say nothing about the next ones."""

HORIZON_DAYS = 1095
"""Nothing is foretold for a later day."""

SURENESS = 0.8
_MOST_ALIKE = 0.95

Met = Callable[[float], bool]
"""Whether a value suffices."""


class Method(StrEnum):
    PACE = "pace"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Forecast:
    """The day at whose end the threshold is reached, and the first and the last day that the interval allows.

    ``None`` is an open end: not within ``HORIZON_DAYS``, or not before the figure begins anew.
    """

    day: date | None
    earliest: date | None
    latest: date | None
    method: Method


@dataclass(frozen=True, slots=True)
class Coming:
    """What a mean is made of, so many days ahead: known values, and the days from ``first`` on that are foretold."""

    known: float
    first: int
    days: int


def by_pace(
    last_day: date, value: float, added: Sequence[float], met: Met, until: date | None = None
) -> Forecast | None:
    """When ``value``, that of ``last_day``, is enough if days go on adding what the last ones did.

    ``None`` if they add nothing, or were too few; ``until`` is the last day before the figure begins anew.
    """
    fitted = _since_the_first(added)
    if len(fitted) < LEAST_DAYS or (pace := fmean(fitted)) <= 0:
        return None
    residuals = [one - pace for one in fitted]
    error = _error(residuals, len(fitted) - 1)

    def foretold(ahead: int, side: int) -> float:
        return value + pace * ahead + side * error * math.sqrt(ahead + ahead**2 / len(fitted))

    return _reached(last_day, foretold, met, Method.PACE, until)


def by_line(
    last_day: date, daily: Sequence[float], coming: Callable[[int], Coming], met: Met, until: date | None = None
) -> Forecast | None:
    """When a mean of daily values is enough if their line goes on; ``coming`` says what it is made of by then.

    ``None`` if it is never reached, or the values were too few.
    """
    fitted = _since_the_first(daily)
    if len(fitted) < LEAST_DAYS:
        return None
    days = range(1 - len(fitted), 1)  # the last day is 0
    middle, mean = fmean(days), fmean(fitted)
    spread = sum((day - middle) ** 2 for day in days)
    slope = sum((day - middle) * (one - mean) for day, one in zip(days, fitted, strict=True)) / spread
    residuals = [one - mean - slope * (day - middle) for day, one in zip(days, fitted, strict=True)]
    error = _error(residuals, len(fitted) - 2)

    def foretold(ahead: int, side: int) -> float:
        made_of = coming(ahead)
        count, centre = ahead - made_of.first + 1, (ahead + made_of.first) / 2
        total = count * (mean + slope * (centre - middle))
        unsure = math.sqrt(count + count**2 / len(fitted) + (count * (centre - middle)) ** 2 / spread)
        return (made_of.known + total + side * error * unsure) / made_of.days

    reached = _reached(last_day, foretold, met, Method.LINE, until)
    return reached if reached.day or reached.earliest else None


def slope_of(values: Sequence[float]) -> float | None:
    """How much the last 30 values rise in a day, by least squares; ``None`` if they are too few."""
    fitted = values[-FITTED_DAYS:]
    if len(fitted) < LEAST_DAYS:
        return None
    middle, mean = (len(fitted) - 1) / 2, fmean(fitted)
    rise = sum((day - middle) * (one - mean) for day, one in enumerate(fitted))
    return rise / sum((day - middle) ** 2 for day in range(len(fitted)))


def _since_the_first(values: Sequence[float]) -> Sequence[float]:
    began = next((n for n, value in enumerate(values) if value), len(values))
    return values[max(began, len(values) - FITTED_DAYS) :]


def _reached(
    last_day: date, foretold: Callable[[int, int], float], met: Met, method: Method, until: date | None
) -> Forecast:
    ahead = HORIZON_DAYS if until is None else (until - last_day).days

    def first(side: int) -> date | None:
        found = next((day for day in range(1, ahead + 1) if met(foretold(day, side))), None)
        return None if found is None else last_day + timedelta(days=found)

    return Forecast(first(0), first(1), first(-1), method)


def _error(residuals: Sequence[float], freedom: int) -> float:
    """Half of the interval of one value: t · s, widened for neighbours that are alike."""
    squares = sum(residual**2 for residual in residuals)
    if squares == 0:
        return 0.0
    alike = sum(one * other for one, other in pairwise(residuals)) / squares
    alike = min(max(alike, 0.0), _MOST_ALIKE)
    return _student(freedom) * math.sqrt(squares / freedom * (1 + alike) / (1 - alike))


def _student(freedom: int) -> float:
    """Student's t that a value exceeds with probability (1 - 80 %) / 2.

    The expansion of Abramowitz and Stegun 26.7.5; from 5 degrees of freedom on it is right to three digits.
    """
    z = NormalDist().inv_cdf((1 + SURENESS) / 2)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
