"""Enterprises as of a day: what makes one connected, active or a node of its own, and how it was in the past."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from admin.statistics.enterprises import (
    EnterpriseFigures,
    EnterpriseStanding,
    enterprise_figures,
    enterprise_series,
    enterprise_standings,
)
from node.china_time import day_of
from node.database import Pool, transaction
from node.errors import NodeError
from node.identifier import Prefix
from node.journal import Interface
from node.resolutions import Outcome
from registry.credit_code import complete
from registry.hosting.sites import read_site
from registry.tallies import sum_registrations
from registry.transitions import Verb
from tests.support.world import Clock, Holder, World, actor

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool, Clock(NOON))


async def standing(world: World, holder: Holder, day: date | None = None) -> EnterpriseStanding:
    async with transaction(world.pool) as connection:
        found = await enterprise_standings(connection, day or day_of(world.clock()))
    return next(one for one in found if one.enterprise_id == holder.account.enterprise_id)


async def figures(world: World, day: date | None = None) -> EnterpriseFigures:
    async with transaction(world.pool) as connection:
        return await enterprise_figures(connection, day or day_of(world.clock()))


async def series(world: World, since: date, until: date) -> list[EnterpriseFigures]:
    async with transaction(world.pool) as connection:
        return await enterprise_series(connection, since, until)


async def register(world: World, holder: Holder, suffix: str) -> None:
    await world.identifiers.register(holder.account, holder.actor, holder.identifier(suffix), "pump", {"name": "泵"})


def owner(holder: Holder) -> UUID:
    assert holder.account.enterprise_id is not None
    return holder.account.enterprise_id


async def resolve(world: World, prefix: str, day: date, outcome: Outcome, resolutions: int = 1) -> None:
    """As minutes are summed up."""
    await world.pool.execute(
        "INSERT INTO resolution_day (day, prefix, interface, outcome, resolutions) VALUES ($1, $2, $3, $4, $5)",
        day, prefix, Interface.HANDLE_JSON, outcome, resolutions,
    )  # fmt: skip


async def move(world: World, holder: Holder, verb: Verb) -> None:
    who = world.reviewer if verb is Verb.APPROVE else world.administrator
    await world.enterprises.move(who, actor(who), owner(holder), verb, "有理由")


async def move_prefix(world: World, prefix: Prefix, verb: Verb) -> None:
    await world.prefixes.move(world.administrator, actor(world.administrator), prefix, verb, "有理由")


async def test_an_enterprise_is_connected_from_its_first_registration_on(world: World) -> None:
    await world.template()
    holder = await world.holder()
    before = await standing(world, holder)
    assert (before.approved, before.prefixes, before.connected, before.connected_on) == (True, 1, False, None)
    world.clock.advance(days=1)
    await register(world, holder, "P-0")
    after = await standing(world, holder)
    assert (after.connected, after.active, after.new_in_year) == (True, True, True)
    assert after.connected_on == date(2026, 11, 21)
    async with transaction(world.pool) as connection:
        await sum_registrations(connection)
    assert await standing(world, holder) == after
    assert await standing(world, holder, DAY) == before
    assert (await figures(world, DAY)).connected == 0
    assert await figures(world) == EnterpriseFigures(date(2026, 11, 21), 1, 1, 1, 1, 0, 1)


async def test_identifiers_that_were_deleted_since_made_their_enterprise_connected_too(world: World) -> None:
    await world.template()
    holder = await world.holder()
    await register(world, holder, "P-0")
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("P-0"), 1)
    assert (await standing(world, holder)).connected


@pytest.mark.parametrize(
    ("verb", "approved", "prefixes"), [(Verb.SUSPEND, False, 0), (Verb.CLOSE, False, 0), (Verb.WITHDRAW, True, 0)]
)
async def test_a_suspended_closed_or_prefixless_enterprise_is_not_connected(
    world: World, verb: Verb, approved: bool, prefixes: int
) -> None:
    await world.template()
    holder = await world.holder()
    await register(world, holder, "P-0")
    was = await figures(world)
    world.clock.advance(days=1)
    await (move_prefix(world, holder.prefix, verb) if verb is Verb.WITHDRAW else move(world, holder, verb))
    now = await standing(world, holder)
    assert (now.approved, now.prefixes, now.connected) == (approved, prefixes, False)
    assert (await figures(world)).connected == (await figures(world)).new_in_year == 0
    assert (await figures(world)).total == (0 if verb is Verb.CLOSE else 1)
    assert was.connected == (await figures(world, DAY)).connected == 1


async def test_an_enterprise_without_an_approved_record_counts_in_the_total_at_most(world: World) -> None:
    holder, admin = await world.holder(), world.administrator
    facts = (await world.enterprises.get(admin, owner(holder))).facts
    facts = replace(facts, credit_code=complete("91442000MAD07777"), name="中山草稿企业")
    made = await world.enterprises.create(admin, actor(admin), facts)
    assert (await figures(world)).total == 1
    world.clock.advance(days=1)
    await world.enterprises.move(admin, actor(admin), made.enterprise_id, Verb.SUBMIT)
    told = await series(world, DAY - timedelta(days=1), DAY + timedelta(days=1))
    assert [(one.total, one.approved) for one in told] == [(0, 0), (1, 1), (2, 1)]
    async with transaction(world.pool) as connection:
        assert await enterprise_standings(connection, DAY - timedelta(days=1)) == []


async def test_an_enterprise_is_active_for_thirty_days_after_a_registration_or_a_valid_resolution(
    world: World,
) -> None:
    await world.template()
    holder, silent = await world.holder(), await world.holder(2002)
    await register(world, holder, "P-0")
    await resolve(world, holder.prefix.key, DAY + timedelta(days=40), Outcome.STALE_HIT)
    for passed, outcome in enumerate((Outcome.MISSING, Outcome.DENIED, Outcome.REVALIDATED)):
        await resolve(world, silent.prefix.key, DAY + timedelta(days=passed), outcome)
    await resolve(world, silent.prefix.key, DAY, Outcome.HIT, 0)
    await resolve(world, "", DAY, Outcome.MISSING, 9)
    told = await series(world, DAY, DAY + timedelta(days=80))
    active = [(one.day - DAY).days for one in told if one.active]
    assert active == [*range(30), *range(40, 70)]
    for passed in (29, 30, 39, 40, 69, 70):
        assert (await figures(world, DAY + timedelta(days=passed))).active == int(passed in active)


async def test_a_self_hosted_prefix_with_a_route_makes_an_enterprise_node(world: World) -> None:
    holder, admin = await world.holder(), world.administrator
    expected = [0]
    world.clock.advance(days=1)
    site = read_site("127.0.0.1", tcp_port=2641)
    await world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [site])
    expected.append(1)
    world.clock.advance(days=1)
    await world.prefix_routes.remove(holder.account, holder.actor, holder.prefix)
    expected.append(0)  # self-hosted still, but nobody knows where
    world.clock.advance(days=1)
    await world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [site])
    expected.append(1)
    world.clock.advance(days=1)
    await move(world, holder, Verb.SUSPEND)
    expected.append(0)
    world.clock.advance(days=1)
    await move(world, holder, Verb.RESUME)
    expected.append(1)
    world.clock.advance(days=1)
    await world.hosting.host(admin, actor(admin), holder.prefix)
    expected.append(0)
    told = await series(world, DAY, DAY + timedelta(days=6))
    assert [one.enterprise_nodes for one in told] == expected
    assert not any(one.connected for one in told)  # nothing was registered here


async def test_new_in_the_year_is_who_connected_in_it(world: World) -> None:
    await world.template()
    old, new = await world.holder(), await world.holder(2002)
    await register(world, old, "P-0")
    world.clock.now = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)  # the last minute of the year in China
    assert [one.new_in_year for one in await series(world, DAY, date(2026, 12, 31))] == [1] * 42
    world.clock.advance(minutes=1)
    await register(world, new, "P-0")
    await register(world, old, "P-1")
    told = await series(world, date(2026, 12, 31), date(2027, 1, 1))
    assert [(one.connected, one.new_in_year) for one in told] == [(1, 1), (2, 1)]


async def test_a_prefix_that_was_handed_over_counts_for_its_holder(world: World) -> None:
    await world.template()
    giver = await world.holder()
    await register(world, giver, "P-0")
    world.clock.advance(days=400)
    receiver = await world.holder(2002)
    reviewer = world.reviewer
    offered = await world.transfers.offer(giver.account, giver.actor, giver.prefix, owner(receiver))
    await world.transfers.answer(receiver.account, receiver.actor, offered.transfer_id, Verb.ACCEPT)
    await world.transfers.decide(reviewer, actor(reviewer), offered.transfer_id, Verb.APPROVE)
    given, got = await standing(world, giver), await standing(world, receiver)
    assert (given.connected, given.prefixes, got.connected, got.prefixes) == (False, 0, True, 2)
    assert got.new_in_year
    assert got.connected_on == day_of(world.clock())  # it is not older than itself


async def test_active_is_who_was_used_in_thirty_days_whenever_it_was(world: World) -> None:
    chance, holders = Random(9), [await world.holder(2001 + number) for number in range(4)]
    uses: list[set[date]] = [set() for _ in holders]
    for number, used in enumerate(uses):
        used.update(DAY + timedelta(days=chance.randrange(150)) for _ in range(2 + 2 * number))
        for day in used:
            if chance.random() < 0.5:
                await resolve(world, f"88.101.{2001 + number}", day, Outcome.HIT)
            else:
                await world.pool.execute(
                    "INSERT INTO registration_day SELECT $1, prefix_id, 1, 1, 1, 0, 0, 0, 0, 0, 0 FROM prefix"
                    " WHERE prefix = $2",
                    day, f"88.101.{2001 + number}",
                )  # fmt: skip
    for since, until in ((0, 160), (31, 90), (60, 60), (7, 69)):
        told = await series(world, DAY + timedelta(days=since), DAY + timedelta(days=until))
        assert [one.active for one in told] == [
            sum(any(one.day - timedelta(days=30) < day <= one.day for day in used) for used in uses) for one in told
        ]


def acts(world: World, holder: Holder) -> list[Callable[[], Awaitable[object]]]:
    """What may happen to an enterprise; each is refused in some states."""
    admin, site = world.administrator, read_site("127.0.0.1", tcp_port=2641)
    return [
        lambda: register(world, holder, f"P-{world.clock()}"),
        lambda: world.prefix_routes.set(holder.account, holder.actor, holder.prefix, [site]),
        lambda: world.hosting.host(admin, actor(admin), holder.prefix),
        lambda: move_prefix(world, holder.prefix, Verb.SUSPEND),
        lambda: move_prefix(world, holder.prefix, Verb.RESUME),
        lambda: move(world, holder, Verb.SUSPEND),
        lambda: move(world, holder, Verb.RESUME),
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_the_past_is_told_as_it_was(world: World, seed: int) -> None:
    rng = Random(seed)
    await world.template()
    holders = [await world.holder(2001 + number) for number in range(3)]
    as_it_was = []
    for day in range(DAY.toordinal(), DAY.toordinal() + 20):
        for _ in range(6):
            try:
                await rng.choice(acts(world, rng.choice(holders)))()
            except NodeError:
                continue  # not possible as things stand
        async with transaction(world.pool) as connection:
            as_it_was.append(await enterprise_standings(connection, date.fromordinal(day)))
        world.clock.advance(days=1)
    await move(world, holders[0], Verb.CLOSE)
    assert len({str(one) for one in as_it_was}) > 5
    async with transaction(world.pool) as connection:
        for passed, told in enumerate(as_it_was):
            assert await enterprise_standings(connection, DAY + timedelta(days=passed)) == told
    kinds = ("approved", "connected", "active", "enterprise_node", "new_in_year")
    for one, told in zip(await series(world, DAY, DAY + timedelta(days=19)), as_it_was, strict=True):
        assert (one.approved, one.connected, one.active, one.enterprise_nodes, one.new_in_year) == tuple(
            sum(getattr(enterprise, kind) for enterprise in told) for kind in kinds
        )
