"""Quotas: changes a day in China, registrations; what is counted, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from node.administration import (
    DailyRequestLimit,
    HandleExists,
    Identity,
    InvalidAdministrator,
    RegistrationCountLimit,
)
from node.database import Pool
from tests.support.registrar import Registrar, opened, value
from tests.support.world import Clock, World

NAME = value(2000, "NAME", "泵")


@pytest.fixture
async def registrar(pool: Pool) -> Registrar:
    clock = Clock(datetime(2026, 11, 21, 15, 0, tzinfo=UTC))  # 23:00 in China
    return await opened(World(pool, clock))


async def counted(registrar: Registrar) -> tuple[int, int]:
    row = await registrar.world.pool.fetchrow("SELECT requests, registered FROM handle_policy")
    return row["requests"], row["registered"]


async def test_every_change_counts_and_reading_does_not(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    await registrar.modify("a", value(2000, "NAME", "阀"))
    await registrar.add("a", value(2001, "SERIAL", "S"))
    await registrar.remove("a", 2001)
    await registrar.read("a")
    await registrar.delete("a")
    assert await counted(registrar) == (5, 1)


async def test_registrations_are_those_that_are_new_or_stand_again(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    await registrar.create("a", NAME, overwrite=True)
    await registrar.delete("a")
    await registrar.create("a", NAME)
    await registrar.create("", NAME, mint=True)
    assert await counted(registrar) == (5, 3)


async def test_what_is_refused_counts_nothing(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    with pytest.raises(HandleExists):
        await registrar.create("a", NAME)
    registrar.me = Identity("0.NA/88.101.2002", 300)
    with pytest.raises(InvalidAdministrator):
        await registrar.create("b", NAME)
    assert await counted(registrar) == (1, 1)


async def test_the_day_s_changes_are_bounded_and_a_day_begins_in_china(registrar: Registrar) -> None:
    await registrar.policy(daily_requests=2)
    await registrar.create("a", NAME)
    await registrar.create("b", NAME)
    for attempt in (registrar.create("c", NAME), registrar.delete("a")):
        with pytest.raises(DailyRequestLimit) as refusal:
            await attempt
        assert refusal.value.evidence == {"limit": 2, "used": 2}
    registrar.world.clock.advance(minutes=59)  # 23:59 in China
    with pytest.raises(DailyRequestLimit):
        await registrar.create("c", NAME)
    registrar.world.clock.advance(minutes=1)
    await registrar.create("c", NAME)
    assert await counted(registrar) == (1, 3)


async def test_registrations_are_bounded_for_good_and_changes_go_on(registrar: Registrar) -> None:
    await registrar.create("a", NAME)
    await registrar.create("b", NAME)
    await registrar.policy(identifiers=2)
    registrar.world.clock.advance(days=1)
    for attempt in (registrar.create("c", NAME), registrar.create("", NAME, mint=True)):
        with pytest.raises(RegistrationCountLimit) as refusal:
            await attempt
        assert refusal.value.evidence == {"limit": 2, "used": 2}
    await registrar.create("a", value(2000, "NAME", "阀"), overwrite=True)
    await registrar.policy(identifiers=1)  # fewer than there are
    await registrar.modify("a", NAME)
    await registrar.delete("b")
    with pytest.raises(RegistrationCountLimit):
        await registrar.create("b", NAME)


async def test_what_v1_registers_takes_no_place(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    await registrar.policy(identifiers=1)
    await world.identifiers.register(holder.account, holder.actor, holder.identifier("v"), "thing", {"name": "V"})
    await registrar.create("a", NAME)
    await registrar.modify("v", NAME)
    assert await counted(registrar) == (2, 1)


async def test_each_prefix_has_its_own_quotas(pool: Pool) -> None:
    world = World(pool)
    first, second = await opened(world, 2001), await opened(world, 2002)
    await first.policy(daily_requests=1)
    await second.policy(daily_requests=1)
    await first.create("a", NAME)
    await second.create("a", NAME)
    for registrar in (first, second):
        with pytest.raises(DailyRequestLimit):
            await registrar.create("b", NAME)


async def test_over_the_limit_nothing_is_written(registrar: Registrar) -> None:
    await registrar.policy(daily_requests=1)
    await registrar.create("a", NAME)
    before = await registrar.world.traces()
    with pytest.raises(DailyRequestLimit):
        await registrar.modify("a", value(2000, "NAME", "阀"))
    assert await registrar.world.traces() == before
    assert (await registrar.stored("a"))[2000] == ("NAME", "泵".encode())
