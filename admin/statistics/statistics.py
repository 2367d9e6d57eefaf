"""The statistics of the node, for whoever may see them: the staff all, an enterprise what is its own.

Everything is read from sums, digests and closings that the steward makes; nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from admin.statistics import counts, digests, registrations, resolutions
from admin.statistics.closing import Closing, closings
from admin.statistics.counts import MeanOfDays, Totals, prefixes_meant
from admin.statistics.digest.digest import PrefixDigest
from admin.statistics.enterprises import (
    EnterpriseFigures,
    EnterpriseStanding,
    enterprise_figures,
    enterprise_standings,
)
from admin.statistics.questions import ResolutionQuestion, ResolutionsBy, Span
from admin.statistics.registrations import RegistrationQuestion, RegistrationRow
from admin.statistics.resolutions import ResolutionRow
from admin.statistics.rules import Rule, rules
from node.auth import Account, Action, require
from node.china_time import CHINA, day_of
from node.database import Connection, Pool
from registry.store import reading

Clock = Callable[[], datetime]


class TopOf(StrEnum):
    """Who or what was asked for, or asked, the most."""

    IDENTIFIER = "identifier"
    CLIENT = "client"
    NETWORK = "network"
    PREFIX = "prefix"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Frame:
    """What every answer says of itself; ``rule_version`` is ``None`` before any rule was recorded."""

    founded_on: date
    laboratory: bool
    rule_version: int | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Leader:
    """One of the most asked: ``valid`` resolutions."""

    key: str
    name: str
    valid: int


@dataclass(frozen=True, slots=True)
class HourOfDay:
    """An hour of the day (0 to 23) on all days together."""

    hour: int
    raw: int
    valid: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which resolutions may have gone uncounted; ``cause`` as in the table of gaps."""

    gap_id: int
    recorder_id: UUID
    boot_id: UUID
    cause: str
    began_at: datetime
    ended_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """Where things stand; ``enterprises`` is ``None`` for an enterprise's own view."""

    today: date
    resolutions_today: Totals
    resolutions_yesterday: Totals
    last_30_days: MeanOfDays
    resolutions_ever: Totals
    registrations_live: int
    registrations_today: int
    registrations_new_in_year: int
    enterprises: EnterpriseFigures | None


class Statistics:
    """The use case. Everything raises ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @property
    def today(self) -> date:
        return day_of(self._clock())

    async def frame(self, day: date) -> Frame:
        """What an answer about days up to this one says of itself."""
        async with reading(self._pool) as connection:
            return await frame_of(connection, day, self._clock())

    async def resolutions(self, account: Account, question: ResolutionQuestion) -> list[ResolutionRow]:
        """A series; an enterprise's is about its own prefixes."""
        _whose(account, question.enterprise_id)
        async with reading(self._pool) as connection:
            return await resolutions.series(connection, question)

    async def registrations(self, account: Account, question: RegistrationQuestion) -> list[RegistrationRow]:
        """The same of registrations."""
        _whose(account, question.enterprise_id)
        async with reading(self._pool) as connection:
            return await registrations.series(connection, question)

    async def top(
        self, account: Account, of: TopOf, span: Span, enterprise_id: UUID | None, prefix: str | None, limit: int
    ) -> list[Leader]:
        """The most asked, at most ``limit``. Raises ``TooManyDigests``."""
        _whose(account, enterprise_id)
        async with reading(self._pool) as connection:
            if of in (TopOf.PREFIX, TopOf.ENTERPRISE):
                question = ResolutionQuestion(ResolutionsBy(of), span, enterprise_id, prefix)
                rows = await resolutions.series(connection, question)
                return [Leader(row.key, row.name, row.valid) for row in rows if row.key and row.valid][:limit]
            prefixes = await prefixes_meant(connection, enterprise_id, prefix)
            digest = await digests.digest_of(connection, span, prefixes)
        found = {
            TopOf.IDENTIFIER: digest.top_identifiers,
            TopOf.CLIENT: digest.top_clients,
            TopOf.NETWORK: digest.top_networks,
        }[of]
        return [Leader(key, "", valid) for key, valid in found[:limit]]

    async def hours(
        self, account: Account, span: Span, enterprise_id: UUID | None, prefix: str | None
    ) -> list[HourOfDay]:
        """All 24 hours of the day."""
        _whose(account, enterprise_id)
        async with reading(self._pool) as connection:
            prefixes = await prefixes_meant(connection, enterprise_id, prefix)
            found = await counts.counted(connection, "resolution_hours", span, prefixes)
        raw, valid = [0] * 24, [0] * 24
        for part in found:
            hour = part["key"].astimezone(CHINA).hour
            raw[hour] += part["resolutions"]
            valid[hour] += part["resolutions"] if counts.is_valid(part) else 0
        return [HourOfDay(hour, raw[hour], valid[hour]) for hour in range(24)]

    async def digest(
        self, account: Account, span: Span, enterprise_id: UUID | None, prefix: str | None, *, sketches: bool = False
    ) -> PrefixDigest:
        """What the event files say of all days together. Raises ``TooManyDigests``."""
        _whose(account, enterprise_id)
        async with reading(self._pool) as connection:
            prefixes = await prefixes_meant(connection, enterprise_id, prefix)
            return await digests.digest_of(connection, span, prefixes, sketches=sketches)

    async def digests_by_day(
        self, account: Account, span: Span, enterprise_id: UUID | None, prefix: str | None
    ) -> dict[date, PrefixDigest]:
        """The same day by day, without clients and identifiers. Raises ``TooManyDigests``."""
        _whose(account, enterprise_id)
        async with reading(self._pool) as connection:
            prefixes = await prefixes_meant(connection, enterprise_id, prefix)
            return await digests.digests_by_day(connection, span, prefixes)

    async def gaps(self, span: Span, *, before: int, limit: int) -> list[Gap]:
        """Gaps that touch these days, the newest first, before a ``gap_id``. They concern everybody."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                counts.SQL["counting_gaps"], span.begins_at, span.ends_at, before, limit, timeout=counts.SECONDS
            )
        return [Gap(**row) for row in rows]

    async def days(self, account: Account, span: Span) -> list[Closing]:
        """Closed days with every edition."""
        require(account, Action.NODE_STATISTICS_READ, None)
        async with reading(self._pool) as connection:
            return await closings(connection, *span.half_open)

    async def rules(self) -> list[Rule]:
        """By what days are counted, the newest first. They concern everybody."""
        async with reading(self._pool) as connection:
            return await rules(connection)

    async def enterprises(self, account: Account, day: date) -> tuple[EnterpriseFigures, list[EnterpriseStanding]]:
        """How many enterprises there were at the end of a day, and each of them."""
        require(account, Action.NODE_STATISTICS_READ, None)
        async with reading(self._pool) as connection:
            return await enterprise_figures(connection, day), await enterprise_standings(connection, day)

    async def summary(self, account: Account, enterprise_id: UUID | None) -> Summary:
        """Where the node, or an enterprise, stands now."""
        _whose(account, enterprise_id)
        async with reading(self._pool) as connection:
            return await summary_of(connection, self.today, enterprise_id)


async def frame_of(connection: Connection, day: date, at: datetime) -> Frame:
    """What an answer about days up to this one says of itself."""
    row = await connection.fetchrow(counts.SQL["frame_of_figures"], day, timeout=counts.SECONDS)
    return Frame(day_of(row["created_at"]), row["laboratory"], row["rule_version"], at)


async def summary_of(connection: Connection, today: date, enterprise_id: UUID | None) -> Summary:
    """Where the node, or an enterprise, stands on a day."""
    prefixes = await prefixes_meant(connection, enterprise_id, None)
    month = counts.days_before(today, 30)
    days = await counts.by_day(connection, Span(month.since, today), prefixes)
    question = RegistrationQuestion(registrations.RegistrationsBy.DAY, today, today, enterprise_id)
    registered = sum(row.counts.registered for row in await registrations.series(connection, question))
    return Summary(
        today=today,
        resolutions_today=days.get(today, Totals()),
        resolutions_yesterday=days.get(month.until, Totals()),
        last_30_days=counts.mean_of(days, month),
        resolutions_ever=await counts.ever(connection, prefixes),
        registrations_live=await registrations.live_total(connection, today, enterprise_id),
        registrations_today=registered,
        registrations_new_in_year=await registrations.new_in_year(connection, today.year, today, enterprise_id),
        enterprises=await enterprise_figures(connection, today) if enterprise_id is None else None,
    )


def _whose(account: Account, enterprise_id: UUID | None) -> None:
    """Raises ``NotAllowed`` when an enterprise asks for more than its own; ``None`` is the whole node."""
    require(account, Action.STATISTICS_READ, enterprise_id)
