"""A node whose days of counting go by in moments: what is asked is booked by the real counter, and the steward's own
turns adopt, seal, sum, digest and close, all by a clock that the test turns.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg

from admin.statistics.closing import Closing, closings
from admin.statistics.comparing import Difference
from admin.statistics.day_recount import Kept
from admin.statistics.keeping import FigureKeeper
from admin.statistics.recount import Recount, recount
from admin.statistics.rules import definition_of
from node.china_time import midnight
from node.config import FlagSettings
from node.database import Pool
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.counter import ResolutionCounter
from resolver.counting.folder import CountingFolder, keeping
from resolver.counting.keeping import keep_once
from resolver.counting.never import NeverCounts
from tests.support.counting import MINUTE_DAYS

DAY = date(2026, 11, 18)
NEXT = DAY + timedelta(days=1)
PREFIX = "88.101.2001"


@dataclass(frozen=True, slots=True)
class Asked:
    """One resolution, ``second`` seconds after midnight; ``tenant`` acted from its source just before."""

    second: float
    suffix: str
    source: str
    outcome: Outcome = Outcome.HIT
    tenant: UUID | None = None


def honest(count: int = 1500, day: int = 0) -> list[Asked]:
    """What many ask, each a little, over a whole day: nothing of it is conspicuous."""
    chance = random.Random(day)
    sources = [f"203.{number % 200}.{number // 200}.{chance.randrange(1, 250)}" for number in range(count // 5)]
    return [
        Asked(chance.uniform(60, 86_300), f"PUMP-{chance.randrange(100_000):05d}", chance.choice(sources))
        for _ in range(count)
    ]


@dataclass(slots=True)
class Ledger:
    """``flags`` is what the settings say, ``at`` the time of everything."""

    url: str
    pool: Pool
    folder: CountingFolder
    at: datetime = field(default_factory=lambda: midnight(DAY))
    flags: FlagSettings = field(default_factory=FlagSettings)

    async def resolve(self, asked: Iterable[Asked], day: date = DAY) -> None:
        """By one process that starts, answers and stops in order."""
        async with self.counter() as counter:
            self.book(counter, asked, day)

    def counter(self) -> ResolutionCounter:
        """Of a new process of this node."""
        return ResolutionCounter(
            self.pool, self.folder, never=NeverCounts(()), seconds=3600, clock=lambda: self.at.timestamp()
        )

    def book(self, counter: ResolutionCounter, asked: Iterable[Asked], day: date = DAY) -> None:
        """What is asked at the same moment is booked together."""
        for one in sorted(asked, key=lambda one: one.second):
            moment = midnight(day) + timedelta(seconds=one.second)
            if moment != self.at:
                counter.settle()
                self.at = moment
            if one.tenant is not None:
                counter.note_tenant(one.source, one.tenant)
            counter.count((PREFIX, one.suffix), Interface.HANDLE_JSON, one.outcome, one.source, 150)
        counter.settle()

    async def steward(self, at: datetime | None = None) -> None:
        """One turn of everything that a steward does by itself."""
        self.at = at or self.at
        now = self.at.astimezone(UTC)
        with keeping(self.folder) as mine:
            assert mine
            await keep_once(self.pool, self.folder, lambda: now)
        await self.sum_and_close(now)

    async def sum_and_close(self, at: datetime) -> None:
        """The part of it that keeps the figures."""
        definition = definition_of((), self.flags, b"")
        await FigureKeeper(self.pool, self.folder, definition, MINUTE_DAYS, lambda: at).turn()

    async def end(self, day: date = DAY) -> Closing:
        """The day is over and closed: what was said of it."""
        await self.steward(midnight(day + timedelta(days=1)) + timedelta(minutes=11))
        return (await self.editions(day))[-1]

    async def editions(self, day: date = DAY) -> list[Closing]:
        async with self.pool.acquire() as connection:
            return await closings(connection, day, day + timedelta(days=1))

    async def recount(self, since: date = DAY, until: date | None = None) -> Recount:
        """As ``biaoshi recount`` does it, now."""
        return await recount(
            self.pool, self.folder, since, until or since, self.at.astimezone(UTC), Kept(MINUTE_DAYS, 400)
        )

    async def differences(self, since: date = DAY, until: date | None = None) -> list[Difference]:
        return (await self.recount(since, until)).differences

    async def as_owner(self, *statements: str) -> None:
        """What somebody can do who has the database itself, triggers and rights notwithstanding."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("SET session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
