"""Public resolution monitoring (解析监测): how the node fares, for everybody, with the names of enterprises masked.

What it shows is made at most once a minute in each process, however many ask; answers carry its hash as their tag.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec

from admin.statistics import counts, resolutions
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.resolutions import ResolutionRow
from admin.statistics.statistics import Frame, Summary, frame_of, summary_of
from node.china_time import day_of
from node.database import Connection, Pool
from registry.reference_data import industries
from registry.store import reading

KEPT_SECONDS = 60
SERIES_DAYS = 30
_LEADERS = 10


@dataclass(frozen=True, slots=True)
class PublicDay:
    """Valid resolutions of a day."""

    day: date
    resolutions: int


@dataclass(frozen=True, slots=True)
class Share:
    """Valid resolutions of the last 30 days of an interface, an industry or an enterprise with its masked name."""

    name: str
    resolutions: int


@dataclass(frozen=True, slots=True)
class PublicFigures:
    """What everybody may see. The series ends with today, the shares with it too."""

    frame: Frame
    summary: Summary
    series: list[PublicDay]
    by_interface: list[Share]
    top_industries: list[Share]
    top_enterprises: list[Share]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Public figures with the tag of their contents but for ``as_of``, a weak one (RFC 9110 section 8.8.3)."""

    figures: PublicFigures
    tag: str


class Monitoring:
    """The use case; ``clock`` tells the time of day, ``ticks`` seconds that never go back."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime], ticks: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._ticks = ticks
        self._making = asyncio.Lock()
        self._kept: Snapshot | None = None
        self._kept_until = 0.0

    async def snapshot(self) -> Snapshot:
        """The figures of at most a minute ago. Raises ``DatabaseAway``."""
        async with self._making:  # whoever comes meanwhile waits for the one who asks the database
            if self._kept is None or self._ticks() >= self._kept_until:
                async with reading(self._pool) as connection:
                    figures = await public_figures(connection, self._clock())
                self._kept = Snapshot(figures, _tag(figures))
                self._kept_until = self._ticks() + KEPT_SECONDS
            return self._kept


def masked(name: str) -> str:
    """An enterprise's name as everybody may see it: its first two characters."""
    return f"{name[:2]}***"


async def public_figures(connection: Connection, at: datetime) -> PublicFigures:
    """The figures as they stand."""
    today = day_of(at)
    span = Span(today - timedelta(days=SERIES_DAYS - 1), today)
    days = await counts.by_day(connection, span, None)
    wanted = [span.since + timedelta(days=passed) for passed in range(span.days)]

    async def rows(by: ResolutionsBy) -> list[ResolutionRow]:
        found = await resolutions.series(connection, ResolutionQuestion(by, span))
        return [row for row in found if row.valid and row.key]

    return PublicFigures(
        frame=await frame_of(connection, today, at),
        summary=await summary_of(connection, today, None),
        series=[PublicDay(day, days[day].valid if day in days else 0) for day in wanted],
        by_interface=[Share(row.key, row.valid) for row in await rows(ResolutionsBy.INTERFACE)],
        top_industries=_industries(await rows(ResolutionsBy.INDUSTRY)),
        top_enterprises=[
            Share(masked(row.name), row.valid) for row in (await rows(ResolutionsBy.ENTERPRISE))[:_LEADERS]
        ],
    )


def _industries(rows: list[ResolutionRow]) -> list[Share]:
    """By category (门类), so that no single enterprise is known by its rare trade."""
    sums: dict[str, int] = {}
    for row in rows:
        known = industries().get(row.key)
        name = industries()[known.category].name if known else ""
        sums[name] = sums.get(name, 0) + row.valid
    return [Share(name, valid) for name, valid in sorted(sums.items(), key=lambda sum_: (-sum_[1], sum_[0]))][
        :_LEADERS
    ]


def _tag(figures: PublicFigures) -> str:
    content = msgspec.to_builtins(figures)
    del content["frame"]["as_of"]
    return f'W/"{hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:32]}"'
