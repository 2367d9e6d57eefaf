"""What was counted, as it stands in the tables of sums: by minute, hour or day, in all, and the mean of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from admin.statistics.questions import Span
from node.database import Connection
from node.resolutions import VALID
from node.sql import statements_beside

SQL = statements_beside(__file__, "resolutions.sql")
SECONDS = 20.0
"""How long a statement may take."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a prefix now."""

    enterprise_id: UUID
    name: str
    industry_code: str


async def holders(connection: Connection, enterprise_id: UUID | None = None) -> dict[str, Holder]:
    """Prefixes by key with their holders, of all enterprises or of one."""
    rows = await connection.fetch(SQL["prefixes_with_holders"], enterprise_id, timeout=SECONDS)
    return {row["prefix"]: Holder(row["enterprise_id"], row["name"], row["industry_code"]) for row in rows}


async def prefixes_meant(connection: Connection, enterprise_id: UUID | None, prefix: str | None) -> list[str] | None:
    """The prefixes that a question is about; ``None`` is the whole node."""
    if enterprise_id is None:
        return None if prefix is None else [prefix]
    own = await holders(connection, enterprise_id)
    return [one for one in own if prefix is None or one == prefix]


# Sums ------------------------------------------------------------------------------------------------

_SUMS = {
    "resolution_minutes": (SQL["resolution_minutes"], SQL["resolution_minutes_of_prefixes"]),
    "resolution_hours": (SQL["resolution_hours"], SQL["resolution_hours_of_prefixes"]),
    "resolution_days": (SQL["resolution_days"], SQL["resolution_days_of_prefixes"]),
}


async def counted(
    connection: Connection, source: str, span: Span, prefixes: Sequence[str] | None
) -> list[Mapping[str, Any]]:
    """Rows of ``key``, ``interface``, ``outcome``, ``resolutions``; ``source`` is a name of ``_SUMS``."""
    whole, some = _SUMS[source]
    bounds = (span.since, span.until) if source == "resolution_days" else (span.begins_at, span.ends_at)
    if prefixes is None:
        return list(await connection.fetch(whole, *bounds, timeout=SECONDS))
    return list(await connection.fetch(some, *bounds, list(prefixes), timeout=SECONDS))


def is_valid(part: Mapping[str, Any]) -> bool:
    """Whether a row of ``counted`` is of the headline."""
    return part["outcome"] in VALID


# In all -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Totals:
    """``raw`` and ``valid`` resolutions."""

    raw: int = 0
    valid: int = 0


@dataclass(frozen=True, slots=True)
class MeanOfDays:
    """``valid`` resolutions of ``days`` whole days together; ``missing`` are those on which nothing was counted."""

    span: Span
    valid: int
    missing: tuple[date, ...]

    @property
    def mean(self) -> float:
        """A day's; days on which nothing was counted are counted as 0."""
        return self.valid / self.span.days


async def by_day(connection: Connection, span: Span, prefixes: Sequence[str] | None) -> dict[date, Totals]:
    """The days on which anything was counted."""
    raw: dict[date, int] = {}
    valid: dict[date, int] = {}
    for part in await counted(connection, "resolution_days", span, prefixes):
        day = part["key"]
        raw[day] = raw.get(day, 0) + part["resolutions"]
        valid[day] = valid.get(day, 0) + (part["resolutions"] if is_valid(part) else 0)
    return {day: Totals(raw[day], valid[day]) for day in raw}


def days_before(today: date, number: int) -> Span:
    """So many whole days before today."""
    return Span(today - timedelta(days=number), today - timedelta(days=1))


def mean_of(days: Mapping[date, Totals], span: Span) -> MeanOfDays:
    """The mean of whole days, of which ``days`` says what was counted."""
    wanted = [span.since + timedelta(days=passed) for passed in range(span.days)]
    return MeanOfDays(
        span,
        sum(days[day].valid for day in wanted if day in days),
        tuple(day for day in wanted if day not in days),
    )


async def ever(connection: Connection, prefixes: Sequence[str] | None) -> Totals:
    """Everything that was ever counted."""
    if prefixes is None:
        row = await connection.fetchrow(SQL["resolutions_ever"], timeout=SECONDS)
    else:
        row = await connection.fetchrow(SQL["resolutions_ever_of_prefixes"], list(prefixes), timeout=SECONDS)
    return Totals(row["raw"], row["valid"])
