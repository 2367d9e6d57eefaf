"""Days as the national system counts them: of Asia/Shanghai. Mainland China keeps no summer time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


def day_of(at: datetime) -> date:
    """The day on which a moment falls."""
    return at.astimezone(CHINA).date()


def midnight(day: date) -> datetime:
    """When a day begins."""
    return datetime.combine(day, time(), CHINA)
