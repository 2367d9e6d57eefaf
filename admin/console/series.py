"""Series as pages draw them: every day, hour or minute has its row, also those that counted nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from node.china_time import CHINA


@dataclass(frozen=True, slots=True)
class Point:
    """A place of a series; ``row`` is what the operation answered for it, ``None`` where nothing was counted."""

    key: str
    row: Any


def every_day(found: Any) -> list[Point]:
    """An answer ``by=day`` from its first to its last day."""
    days = (found.until - found.since).days + 1
    return _placed(found.items, [(found.since + timedelta(days=passed)).isoformat() for passed in range(days)])


def every_hour(found: Any) -> list[Point]:
    """An answer ``by=hour`` of whole days."""
    begins = datetime.combine(found.since, datetime.min.time(), CHINA)
    hours = ((found.until - found.since).days + 1) * 24
    return _placed(found.items, [_minute(begins + timedelta(hours=passed)) for passed in range(hours)])


def last_minutes(found: Any, now: datetime, minutes: int) -> list[Point]:
    """The newest minutes of an answer ``by=minute``, up to the one before ``now``: the running one is not whole."""
    ends = now.astimezone(CHINA).replace(second=0, microsecond=0)
    return _placed(found.items, [_minute(ends - timedelta(minutes=ago)) for ago in range(minutes, 0, -1)])


def as_told(found: Any) -> list[Point]:
    """What is no series of time, or is told in months and years: the rows as they came."""
    return [Point(row.key, row) for row in found.items]


def points_of(by: str, found: Any) -> list[Point]:
    """An answer by whatever it was asked."""
    return {"day": every_day, "hour": every_hour}.get(by, as_told)(found)


def _placed(items: Sequence[Any], keys: Sequence[str]) -> list[Point]:
    rows = {item.key: item for item in items}
    return [Point(key, rows.get(key)) for key in keys]


def _minute(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
