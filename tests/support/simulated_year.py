"""Thirteen months of 30 enterprises by an injected clock, and a diary of what happened.

Who joins, registers and resolves is drawn by a seeded generator and done through the registry's use cases, the
statements of the counter, the steward's sums and closings. The diary knows nothing of these: it holds plain rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from random import Random
from typing import NamedTuple
from uuid import UUID

from admin.statistics.rollup import sum_all
from node.database import Pool, transaction
from node.journal import Interface
from node.resolutions import Outcome
from registry.hosting.sites import RouteSite
from registry.identifiers.writing import report_changes
from registry.prefixes import held_prefix
from registry.tallies import RegistrationCounts, Tally
from registry.transitions import Verb
from resolver.counting.counters_format import Total
from resolver.counting.writing import Gap, note_gap, write_totals
from tests.support.counting import close_days
from tests.support.world import Clock, Holder, World, actor

FIRST, LAST = date(2025, 12, 1), date(2026, 12, 31)
SILENT = frozenset({date(2026, 3, 3), date(2026, 9, 8), date(2026, 9, 9), date(2026, 12, 24)})
"""Days on which the node stood still."""

_ENTERPRISES = 30
_INTERFACES = (Interface.HANDLE_JSON, Interface.PAGE, Interface.HANDLE_UDP)
_OUTCOMES = (Outcome.HIT, Outcome.HIT, Outcome.HIT, Outcome.STALE_HIT, Outcome.MISSING, Outcome.DENIED)


class Resolved(NamedTuple):
    at: datetime
    found: bool
    resolutions: int


class Registered(NamedTuple):
    at: datetime
    enterprise: int
    registered: int
    first: int
    deleted: int


@dataclass(slots=True)
class Enterprise:
    """When something became of it, in UTC; ``None``: never."""

    number: int
    joins: datetime
    registers: datetime | None
    routed: datetime | None = None
    suspended: datetime | None = None
    prefix_suspended: datetime | None = None


@dataclass(slots=True)
class Diary:
    """What an onlooker wrote down."""

    enterprises: list[Enterprise] = field(default_factory=list)
    resolved: list[Resolved] = field(default_factory=list)
    registered: list[Registered] = field(default_factory=list)


def in_china(at: datetime) -> date:
    """The day of Asia/Shanghai, by plain arithmetic."""
    return (at.astimezone(UTC).replace(tzinfo=None) + timedelta(hours=8)).date()


class SimulatedYear:
    """``lived`` does everything; then ``diary`` is full."""

    def __init__(self, pool: Pool, random: Random) -> None:
        self.diary = Diary()
        self.begins, self.ends = _china(FIRST, 0), _china(LAST, 48)
        self._pool = pool
        self._random = random
        self._world = World(pool, Clock(_china(FIRST, 1)))
        self._holders: dict[int, Holder] = {}
        self._template_id = 0
        self._acts: defaultdict[date, list[tuple[datetime, Callable[[], Awaitable[None]]]]] = defaultdict(list)
        self._late: defaultdict[date, list[tuple[UUID, list[Total]]]] = defaultdict(list)

    async def lived(self) -> None:
        """Day by day; the steward comes on Sundays, and once more at the end."""
        self._template_id = (await self._world.template()).template_id
        self._draw()
        day = FIRST
        while day <= LAST:
            for at, act in sorted(self._acts.pop(day, []), key=lambda due: due[0]):
                self._world.clock.now = at
                await act()
            await self._write_many(day)
            if day not in SILENT:
                await self._resolve(day)
            await self._write_late(day)
            if day.weekday() == 6:
                await self._steward(_china(day, 24))
            day += timedelta(days=1)
        for late in sorted(self._late):
            await self._write_late(late)
        await self._steward(_china(day, 24))

    def _draw(self) -> None:
        """Most join by summer, three never register, six answer for themselves, two are suspended."""
        for number in range(_ENTERPRISES):
            joins = _china(FIRST, 9) + timedelta(days=self._random.randrange(250), minutes=number)
            later = timedelta(days=self._random.randrange(40), minutes=7)
            self.diary.enterprises.append(Enterprise(number, joins, None if number % 10 == 9 else joins + later))
        for number in range(0, 12, 2):
            self.diary.enterprises[number].routed = _china(date(2026, 10, 1 + 2 * number), 0)
        self.diary.enterprises[1].suspended = _china(date(2026, 11, 3), 0)
        self.diary.enterprises[3].prefix_suspended = _china(date(2026, 11, 6), 0) - timedelta(microseconds=1)
        for one in self.diary.enterprises:
            self._due(one.joins, lambda one=one: self._join(one))
            self._due(one.registers, lambda one=one: self._register(one))
            self._due(one.routed, lambda one=one: self._route(one))
            self._due(one.suspended, lambda one=one: self._suspend(one))
            self._due(one.prefix_suspended, lambda one=one: self._suspend_prefix(one))

    def _due(self, at: datetime | None, act: Callable[[], Awaitable[None]]) -> None:
        if at is not None:
            self._acts[in_china(at)].append((at, act))

    async def _join(self, one: Enterprise) -> None:
        self._holders[one.number] = await self._world.holder(2001 + one.number)

    async def _register(self, one: Enterprise) -> None:
        """Its first identifier is registered, deleted and registered again."""
        holder, identifiers = self._holders[one.number], self._world.identifiers
        identifier, attributes = holder.identifier("PUMP-1"), {"name": "P1"}
        by = (holder.account, holder.actor, identifier)
        made, _ = await identifiers.register(*by, self._template_id, attributes)
        await identifiers.delete(*by, made.version)
        await identifiers.register(*by, self._template_id, attributes)
        self.diary.registered.append(Registered(self._world.clock.now, one.number, 2, 1, 1))

    async def _route(self, one: Enterprise) -> None:
        holder = self._holders[one.number]
        site = RouteSite(ip_address("203.0.113.10"), tcp_port=2641)
        await self._world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [site])

    async def _suspend(self, one: Enterprise) -> None:
        world, enterprise_id = self._world, self._holders[one.number].account.enterprise_id
        assert enterprise_id is not None
        await world.enterprises.move(
            world.administrator, actor(world.administrator), enterprise_id, Verb.SUSPEND, "证照过期"
        )

    async def _suspend_prefix(self, one: Enterprise) -> None:
        world = self._world
        await world.prefixes.move(
            world.administrator, actor(world.administrator), self._holders[one.number].prefix, Verb.SUSPEND, "检查"
        )

    async def _write_many(self, day: date) -> None:
        """Batches of those who have registered something, with the tallies that the registry writes for them."""
        begun = {row.enterprise for row in self.diary.registered}
        for number in sorted(begun):
            if self._random.random() > 0.08:
                continue
            at = self._moment(day)
            first, again = self._random.randrange(9000), self._random.randrange(300)
            counts = RegistrationCounts(
                registered=first + again, first_registered=first, updated=self._random.randrange(50),
                deleted=self._random.randrange(again + 1),
            )  # fmt: skip
            async with transaction(self._pool) as connection:
                grant = await held_prefix(connection, self._holders[number].prefix)
                await report_changes(connection, grant, at, [Tally(at, self._template_id, counts)])
            self.diary.registered.append(Registered(at, number, first + again, first, counts.deleted))

    async def _resolve(self, day: date) -> None:
        """What two processes counted: most is written at once, then an older total; some comes days later."""
        growth = 1 + (day - FIRST).days / 100
        for boot_id in (self._uuid(), self._uuid()):
            totals = {
                (total.minute, total.prefix, total.interface, total.outcome): total
                for number in [*self._holders, None]
                for total in [self._counted(day, number, growth)]
            }
            for total in totals.values():
                at = datetime.fromtimestamp(total.minute * 60, UTC)
                found = total.outcome in (1, 2)
                self.diary.resolved.append(Resolved(at, found, total.resolutions))
            later = self._random.sample(sorted(totals.values()), 2 if day.day % 5 == 0 else 0)
            if later:
                self._late[day + timedelta(days=self._random.randrange(1, 30))].append((boot_id, later))
            async with transaction(self._pool) as connection:
                sooner = [total for total in totals.values() if total not in later]
                half = [total._replace(resolutions=total.resolutions // 2) for total in sooner]
                for written in (sooner, half):
                    await write_totals(connection, boot_id, written)

    def _counted(self, day: date, number: int | None, growth: float) -> Total:
        prefix = "" if number is None else self._holders[number].prefix.key
        outcome = Outcome.MISSING if number is None else self._random.choice(_OUTCOMES)
        minute = int(self._moment(day).timestamp()) // 60
        return Total(
            minute, prefix, self._random.choice(_INTERFACES), outcome, int(self._random.randrange(1, 2000) * growth)
        )

    async def _write_late(self, day: date) -> None:
        for boot_id, totals in self._late.pop(day, []):
            async with transaction(self._pool) as connection:
                await write_totals(connection, boot_id, totals)

    async def _steward(self, at: datetime) -> None:
        await sum_all(self._pool, at, minute_days=400)
        await close_days(self._pool, at)

    async def note_silence(self) -> None:
        """The gap of the two days in September."""
        gap = Gap(self._uuid(), self._uuid(), "machine", _china(date(2026, 9, 8), 0), _china(date(2026, 9, 10), 0))
        async with transaction(self._pool) as connection:
            await note_gap(connection, gap, _china(date(2026, 9, 10), 1))

    def _moment(self, day: date) -> datetime:
        """Any second of a day, its first and its last among them."""
        second = self._random.choice([0, 86_399, self._random.randrange(86_400), self._random.randrange(86_400)])
        return _china(day, 0) + timedelta(seconds=second)

    def _uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)


def _china(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour - 8)
