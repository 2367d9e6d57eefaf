"""Suffixes drawn in bulk: one after the other, none twice, and lost only where that is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from node.auth import NotAllowed
from node.database import Pool, transaction
from registry.coding.definition import read_coding_rule
from registry.coding.draws import Draw, NothingToDraw
from registry.coding.rules import CodingRuleElsewhere, CodingRuleUnknown, StoredCodingRule, SuffixNotMade
from registry.coding.serials import SuffixesTaken, take_serials
from registry.prefixes import PrefixNotEnabled
from registry.transitions import Verb
from tests.support.drawers import drawn_by_processes, serials_of
from tests.support.world import Clock, Holder, World, actor

SERIAL: dict[str, Any] = {"kind": "serial", "width": 6}


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


async def stored(
    world: World, holder: Holder | None, *segments: dict[str, Any], name: str = "number", **more: Any
) -> StoredCodingRule:
    """A rule of the holder's, or of the node's own."""
    definition = read_coding_rule({"segments": list(segments), **more})
    account = holder.account if holder else world.administrator
    return await world.coding_rules.create(account, actor(account), account.enterprise_id, name, definition)


async def draw(world: World, holder: Holder, rule: StoredCodingRule, count: int, **values: Any) -> Draw:
    return await world.draws.draw(holder.account, holder.actor, rule.number, holder.prefix, count, values)


async def register(world: World, holder: Holder, *suffixes: str) -> None:
    """Identifiers as they might stand, whatever wrote them."""
    await world.pool.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key,"
        " record) SELECT prefix_id, 1, 1, 1, now(), now(), unnest($2::text[]), '' FROM prefix WHERE prefix = $1",
        holder.prefix.key, list(suffixes),
    )  # fmt: skip


async def test_draws_follow_one_another_and_leave_an_act(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, {"kind": "literal", "text": "A-"}, SERIAL)
    first = await draw(world, holder, rule, 3)
    assert (first.suffixes, first.first_serial, first.last_serial) == (("A-000001", "A-000002", "A-000003"), 1, 3)
    second = await draw(world, holder, rule, 2)
    assert second.suffixes == ("A-000004", "A-000005")
    acts = await world.coding_rules.history(holder.account, rule.number)
    assert [act.action for act in acts] == ["coding_rule.draw", "coding_rule.draw", "coding_rule.create"]
    assert acts[0].after == {"prefix": holder.prefix.key, "count": 2, "first_serial": 4, "last_serial": 5}


async def test_registered_suffixes_are_passed_over_and_nothing_else_is_lost(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, SERIAL)
    await register(world, holder, "000002", "000003", "000007")
    first = await draw(world, holder, rule, 4)
    assert first.suffixes == ("000001", "000004", "000005", "000006")
    assert (await draw(world, holder, rule, 2)).suffixes == ("000008", "000009")


async def test_a_long_row_of_registered_suffixes_is_passed_over_too(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, SERIAL)
    await register(world, holder, *(f"{number:06d}" for number in range(1, 9001)))
    assert (await draw(world, holder, rule, 1)).suffixes == ("009001",)
    assert (await draw(world, holder, rule, 1)).suffixes == ("009002",)


async def test_a_draw_that_fails_gives_its_numbers_back(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, {"kind": "value", "name": "model", "width": 4}, {"kind": "serial", "width": 1})
    with pytest.raises(SuffixNotMade):
        await draw(world, holder, rule, 3, model="toolong")
    with pytest.raises(SuffixNotMade) as spent:
        await draw(world, holder, rule, 10, model="x")
    assert spent.value.evidence["faults"][0]["code"] == "serials_spent"
    assert (await draw(world, holder, rule, 9, model="x")).suffixes[-1] == "x9"
    with pytest.raises(SuffixNotMade):
        await draw(world, holder, rule, 1, model="x")


async def test_numbers_begin_anew_with_the_period(pool: Pool) -> None:
    clock = Clock(datetime(2026, 11, 21, 15, 0, tzinfo=UTC))  # 23:00 in China
    world = World(pool, clock)
    holder = await world.holder()
    daily = {"kind": "serial", "width": 3, "period": "day"}
    rule = await stored(world, holder, {"kind": "date", "format": "YYYYMMDD"}, daily)
    assert (await draw(world, holder, rule, 2)).suffixes == ("20261121001", "20261121002")
    clock.advance(hours=1)
    assert (await draw(world, holder, rule, 1)).suffixes == ("20261122001",)


async def test_random_suffixes_are_drawn_too_and_differ(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, {"kind": "random", "length": 2, "alphabet": "AB"})
    await register(world, holder, "AB")
    drawn = await draw(world, holder, rule, 3)
    assert (sorted(drawn.suffixes), drawn.first_serial) == (["AA", "BA", "BB"], None)
    with pytest.raises(SuffixesTaken):
        await draw(world, holder, rule, 4)


async def test_a_rule_that_makes_one_suffix_draws_nothing(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, {"kind": "value", "name": "model"})
    with pytest.raises(NothingToDraw):
        await draw(world, holder, rule, 1, model="x")


async def test_only_rules_that_are_ones_own_or_fit_are_drawn_from(world: World, holder: Holder) -> None:
    other = await world.holder(2002)
    foreign = await stored(world, other, SERIAL)
    here = await stored(world, None, SERIAL, name="here", scope={"division": "440000", "industry": "C"})
    there = await stored(world, None, SERIAL, name="there", scope={"division": "330000"})
    with pytest.raises(CodingRuleUnknown):
        await draw(world, holder, foreign, 1)
    with pytest.raises(CodingRuleElsewhere):
        await draw(world, holder, there, 1)
    with pytest.raises(NotAllowed):
        await world.draws.draw(other.account, other.actor, here.number, holder.prefix, 1, {})
    assert (await draw(world, holder, here, 1)).suffixes == (await draw(world, other, here, 1)).suffixes
    admin = world.administrator
    await world.prefixes.move(admin, actor(admin), holder.prefix, Verb.SUSPEND, "停用")
    with pytest.raises(PrefixNotEnabled):
        await draw(world, holder, here, 1)


async def test_a_rule_of_the_node_is_everybodys_to_see_and_copy_but_the_administrators_to_change(
    world: World, holder: Holder
) -> None:
    shipped = await stored(world, None, SERIAL, name="shipped", scope={"industry": "C"})
    account = holder.account
    assert await world.coding_rules.get(account, shipped.number) == shipped
    assert await world.coding_rules.list(account) == [shipped]
    with pytest.raises(NotAllowed):
        await world.coding_rules.delete(account, holder.actor, shipped.number, 1)
    with pytest.raises(NotAllowed):
        await world.coding_rules.create(account, holder.actor, None, "mine", shipped.definition)
    assert account.enterprise_id is not None
    copied = await world.coding_rules.copy(account, holder.actor, shipped.number, account.enterprise_id, "shipped")
    assert copied.definition.segments == shipped.definition.segments
    assert copied.definition.scope.to_json() == {}
    assert (await draw(world, holder, shipped, 2)).last_serial == 2
    assert (await draw(world, holder, copied, 1)).last_serial == 1


async def test_whoever_takes_numbers_waits_for_the_draw_under_way(world: World, holder: Holder) -> None:
    rule = await stored(world, holder, SERIAL)
    await register(world, holder, "000002")
    prefix_id = await world.pool.fetchval("SELECT prefix_id FROM prefix WHERE prefix = $1", holder.prefix.key)
    async with transaction(world.pool) as connection:
        assert await take_serials(connection, rule.number, prefix_id, "", 1) == 1
        waiting = asyncio.create_task(draw(world, holder, rule, 2))
        while not await world.pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not waiting.done()
    assert (await waiting).suffixes == ("000003", "000004")


async def test_twenty_processes_draw_a_hundred_thousand_numbers_without_gap_or_double(
    pool: Pool, database_url: str
) -> None:
    world = World(pool)
    holder = await world.holder()
    rule = await stored(world, holder, SERIAL)
    assert holder.account.enterprise_id is not None
    job = (database_url, holder.account.enterprise_id, rule.number, holder.prefix.text, 5, 1000)
    drawn = await asyncio.to_thread(drawn_by_processes, job, 20)
    for draws in drawn:
        for one in draws:
            numbers = serials_of([one])
            assert numbers == list(range(numbers[0], numbers[0] + 1000))
        assert serials_of(draws) == sorted(serials_of(draws))
    assert sorted(number for draws in drawn for number in serials_of(draws)) == list(range(1, 100_001))
