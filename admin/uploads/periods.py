"""Which periods are due: days, weeks from Monday on, or months of China, once they are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from node.china_time import CHINA, day_of

Every = Literal["day", "week", "month"]
MOST_AT_ONCE = 62
"""Periods that are made up for after a long silence."""


@dataclass(frozen=True, slots=True)
class Period:
    """From ``since`` to before ``until``."""

    since: date
    until: date


def last_finished(every: Every, at: datetime, hour: int) -> Period:
    """The newest period that was over when ``hour`` of China time struck last."""
    china = at.astimezone(CHINA)
    today = day_of(at) if china.hour >= hour else day_of(at) - timedelta(days=1)
    begin = _beginning(every, today)
    return Period(_beginning(every, begin - timedelta(days=1)), begin)


def due(every: Every, at: datetime, hour: int, uploaded_until: date | None) -> list[Period]:
    """Finished periods after ``uploaded_until``, the oldest first; of a node that never uploaded only the newest."""
    newest = last_finished(every, at, hour)
    if uploaded_until is None:
        return [newest]
    found: list[Period] = []
    period = newest
    while period.since >= uploaded_until and len(found) < MOST_AT_ONCE:
        found.append(period)
        period = Period(_beginning(every, period.since - timedelta(days=1)), period.since)
    return found[::-1]


def _beginning(every: Every, day: date) -> date:
    if every == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if every == "week" else day
