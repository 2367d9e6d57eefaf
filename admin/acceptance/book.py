"""The book of a node's days: what was counted, registered and closed on each, read once for an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from admin.statistics.enterprises import EnterpriseFigures, enterprise_series
from node.china_time import midnight
from node.database import Connection
from node.resolutions import VALID
from node.sql import statements_beside

SQL = statements_beside(__file__, "acceptance.sql")

SERIES_DAYS = 60
"""So many days of every figure are shown."""

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Closed:
    """The newest closing of a day, and what it says."""

    edition: int
    sha256: bytes
    valid: int
    first_registered: int
    net_registered: int


@dataclass(frozen=True, slots=True)
class Digested:
    """What event files say of a day: its valid resolutions, and which of them repeat nothing or are conspicuous."""

    valid: int
    deduplicated: int
    flagged: int


@dataclass(frozen=True, slots=True)
class Day:
    """``raw`` is 0 when there are no data; ``digested`` is ``None`` without event files."""

    raw: int = 0
    valid: int = 0
    first_registered: int = 0
    net_registered: int = 0
    digested: Digested | None = None
    closed: Closed | None = None

    @property
    def differs(self) -> bool:
        """Whether it was closed with other figures than it has now."""
        now = (self.valid, self.first_registered, self.net_registered)
        closed = self.closed
        return closed is not None and now != (closed.valid, closed.first_registered, closed.net_registered)


NOTHING = Day()


@dataclass(frozen=True, slots=True)
class Gap:
    """When resolutions may have gone uncounted, and why."""

    cause: str
    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """The days from the first that has anything to ``last``; enterprises at the end of each of the last 60 days."""

    first: date
    last: date
    days: Mapping[date, Day]
    gaps: tuple[Gap, ...]
    enterprises: Mapping[date, EnterpriseFigures]
    laboratory: bool

    def day(self, day: date) -> Day:
        """What is known of a day."""
        return self.days.get(day, NOTHING)

    def sum(self, what: Callable[[Day], int], first: date, last: date) -> int:
        """Over the days from ``first`` to ``last``, both included."""
        return sum(what(self.day(day)) for day in dates(first, last))

    def gaps_within(self, first: date, last: date) -> tuple[Gap, ...]:
        """Those that touch these days."""
        begin, end = midnight(first), midnight(last + timedelta(days=1))
        return tuple(gap for gap in self.gaps if gap.began_at < end and gap.ended_at >= begin)


def dates(first: date, last: date) -> Iterator[date]:
    """Both included."""
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


async def read_book(connection: Connection, at: date) -> Book:
    """The whole days before ``at``, as they stand in one moment. Raises ``DatabaseAway`` at the pool's border."""
    last = at - timedelta(days=1)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        resolved = await connection.fetch(
            SQL["resolutions_of_days"], at, [int(one) for one in VALID], timeout=_SECONDS
        )
        registered = await connection.fetch(SQL["registrations_of_days"], at, timeout=_SECONDS)
        digests = await connection.fetch(SQL["digests_of_days"], at, timeout=_SECONDS)
        closings = await connection.fetch(SQL["closings_of_days"], at, timeout=_SECONDS)
        gaps = await connection.fetch(SQL["gaps_before"], midnight(at), timeout=_SECONDS)
        enterprises = await enterprise_series(connection, last - timedelta(days=SERIES_DAYS - 1), last)
        laboratory = await connection.fetchval(SQL["is_laboratory"])
    resolutions = {row["day"]: row for row in resolved}
    registrations = {row["day"]: row for row in registered}
    digested = {row["day"]: row for row in digests}
    closed = {
        row["day"]: Closed(row["edition"], row["sha256"], row["valid"], row["first_registered"], row["net"])
        for row in closings
    }
    known = resolutions.keys() | registrations.keys() | digested.keys() | closed.keys()

    def day(one: date) -> Day:
        counted, written, digest = resolutions.get(one), registrations.get(one), digested.get(one)
        return Day(
            raw=counted["raw"] if counted else 0,
            valid=counted["valid"] if counted else 0,
            first_registered=written["first_registered"] if written else 0,
            net_registered=written["net"] if written else 0,
            digested=Digested(digest["valid"], digest["deduplicated"], digest["flagged"]) if digest else None,
            closed=closed.get(one),
        )

    return Book(
        first=min(known, default=last),
        last=last,
        days={one: day(one) for one in known},
        gaps=tuple(Gap(row["cause"], row["began_at"], row["ended_at"]) for row in gaps),
        enterprises={figures.day: figures for figures in enterprises},
        laboratory=bool(laboratory),
    )
