"""Quotas: no identifier beyond them, whoever registers and however many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from node.administration import RegistrationCountLimit
from node.auth import NotAllowed
from node.database import Pool
from registry.batches.request import BatchRequest
from registry.batches.store import Batch
from registry.commerce.quotas import Quota, QuotaUnknown
from registry.identifiers.admission import QuotaReached
from registry.identifiers.identifiers import IdentifierExists
from registry.identifiers.many import ManyIdentifiers, Wanted
from registry.rows.form import Form, Format
from registry.store import VersionChanged
from tests.support.registrar import opened, value
from tests.support.world import Clock, Holder, World, actor

NAME = {"name": "泵"}


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool, Clock(datetime(2026, 11, 21, 15, 0, tzinfo=UTC)))  # 23:00 in China
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


async def bound(world: World, holder: Holder, identifiers: int | None, daily: int | None = None) -> Quota:
    admin = world.administrator
    try:
        version = (await world.quotas.get(admin, holder.prefix)).version
    except QuotaUnknown:
        version = None
    return await world.quotas.set(admin, actor(admin), holder.prefix, identifiers, daily, version)


async def register(world: World, holder: Holder, suffix: str) -> None:
    await world.identifiers.register(holder.account, holder.actor, holder.identifier(suffix), "pump", NAME)


async def counted(world: World, holder: Holder) -> tuple[int, int]:
    quota = await world.quotas.get(holder.account, holder.prefix)
    return quota.registered, quota.registered_today


async def send(world: World, holder: Holder, suffixes: list[str], key: str = "key") -> Batch:
    body = "suffix,name\n" + "".join(f"{suffix},泵\n" for suffix in suffixes)

    async def blocks() -> AsyncIterator[bytes]:
        yield body.encode()

    request = BatchRequest(holder.prefix, Form(Format.CSV), template="pump")
    preview = await world.batches.preview(holder.account, request, blocks())
    batch, _ = await world.batches.run(holder.account, holder.actor, request, key, blocks())
    assert (preview.registered, preview.rejected) == (batch.registered, batch.rejected)
    return batch


async def test_single_registrations_end_at_the_bound(world: World, holder: Holder) -> None:
    await register(world, holder, "before")
    assert (await bound(world, holder, 3)).registered == 1
    await register(world, holder, "a")
    with pytest.raises(IdentifierExists):
        await register(world, holder, "a")
    await register(world, holder, "b")
    before = await world.traces()
    with pytest.raises(QuotaReached) as refusal:
        await register(world, holder, "c")
    assert refusal.value.evidence["faults"][0]["code"] == "quota_reached"
    assert "3" in refusal.value.evidence["faults"][0]["message"]
    assert await world.traces() == before
    assert await counted(world, holder) == (3, 2)
    await bound(world, holder, 4)
    await register(world, holder, "c")


async def test_a_batch_is_rejected_from_the_bound_on(world: World, holder: Holder) -> None:
    await bound(world, holder, 700)
    await register(world, holder, "N-0003")
    batch = await send(world, holder, [f"N-{number:04d}" for number in range(1, 1001)])
    assert (batch.registered, batch.unchanged, batch.rejected) == (699, 1, 300)
    found = await world.batches.rejections(holder.account, batch.batch_id, limit=1000)
    assert {one.code for _, one in found} == {"quota_reached"}
    assert [one.line for _, one in found] == list(range(702, 1002))
    assert await counted(world, holder) == (700, 700)


async def test_a_day_has_its_own_bound_and_begins_in_china(world: World, holder: Holder) -> None:
    await bound(world, holder, None, 2)
    await register(world, holder, "a")
    await register(world, holder, "b")
    with pytest.raises(QuotaReached) as refusal:
        await register(world, holder, "c")
    assert "每日 2 个" in refusal.value.evidence["faults"][0]["message"]
    world.clock.advance(hours=1)
    await register(world, holder, "c")
    assert await counted(world, holder) == (3, 1)


async def test_what_is_registered_again_counts_for_the_day_only(world: World, holder: Holder) -> None:
    await bound(world, holder, 1, 2)
    await register(world, holder, "a")
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("a"), 1)
    await register(world, holder, "a")
    assert await counted(world, holder) == (1, 2)
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("a"), 3)
    with pytest.raises(QuotaReached):
        await register(world, holder, "a")


async def test_fifty_at_once_do_not_pass_the_bound(world: World, holder: Holder) -> None:
    await bound(world, holder, 20)
    outcomes = await asyncio.gather(
        *(register(world, holder, f"N-{number}") for number in range(50)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 20
    assert sum(isinstance(outcome, QuotaReached) for outcome in outcomes) == 30
    assert await world.pool.fetchval("SELECT count(*) FROM identifier") == 20
    assert await counted(world, holder) == (20, 20)


async def test_many_in_one_call_have_outcomes_of_their_own(world: World, holder: Holder) -> None:
    await bound(world, holder, 2)
    many = ManyIdentifiers(world.pool, world.clock)
    rows = [Wanted(holder.identifier(f"N-{number}"), "pump", NAME) for number in range(4)]
    outcomes = await many.register(holder.account, holder.actor, rows)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), QuotaReached, QuotaReached]


async def test_the_handle_protocol_says_604(world: World) -> None:
    registrar = await opened(world, 2003)
    await bound(world, registrar.holder, 1)
    await registrar.create("a", value(2000, "NAME", "泵"))
    with pytest.raises(RegistrationCountLimit):
        await registrar.create("b", value(2000, "NAME", "泵"))
    await registrar.modify("a", value(2000, "NAME", "阀"))
    assert await registrar.standing("b") is None


async def test_without_a_quota_nothing_is_looked_up_or_counted(world: World, holder: Holder) -> None:
    admin = world.administrator
    quota = await bound(world, holder, 0)
    with pytest.raises(QuotaReached):
        await register(world, holder, "a")
    await world.quotas.remove(admin, actor(admin), holder.prefix, quota.version)
    await register(world, holder, "a")
    with pytest.raises(QuotaUnknown):
        await world.quotas.get(admin, holder.prefix)
    assert await world.pool.fetchval("SELECT limited FROM prefix WHERE prefix = $1", holder.prefix.key) is False


async def test_quotas_are_set_by_administrators_and_seen_by_their_enterprise(world: World, holder: Holder) -> None:
    quota = await bound(world, holder, 5, 5)
    assert await world.quotas.get(holder.account, holder.prefix) == quota
    stranger = await world.holder(2002)
    with pytest.raises(NotAllowed):
        await world.quotas.get(stranger.account, holder.prefix)
    for account in (holder.account, world.reviewer):
        with pytest.raises(NotAllowed):
            await world.quotas.set(account, actor(account), holder.prefix, 9, None, 1)
    admin = world.administrator
    with pytest.raises(VersionChanged):
        await world.quotas.set(admin, actor(admin), holder.prefix, 9, None, 7)
    acts = await world.prefixes.history(admin, holder.prefix, limit=1)
    assert (acts[0].action, acts[0].after) == (
        "quota.set", {"quota": {"identifiers": 5, "daily_registrations": 5, "version": 1}},
    )  # fmt: skip
