"""Two thousand identifiers in one call: every row has its own outcome, in the order in which the rows came."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.database import Pool
from node.errors import code_of
from registry.identifiers.many import MOST_ROWS, ManyIdentifiers, Outcome, TooManyRows, Wanted
from registry.templates.template import Template
from registry.transitions import Verb
from tests.support.world import PUMP, Holder, World, actor


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


@pytest.fixture
def many(world: World) -> ManyIdentifiers:
    return ManyIdentifiers(world.pool, world.clock)


def wanted(holder: Holder, suffix: str, template: str = "pump", **attributes: Any) -> Wanted:
    return Wanted(holder.identifier(suffix), template, {"name": "离心泵", **attributes})


def codes(outcomes: list[Outcome]) -> list[str | None]:
    return [None if outcome is None else code_of(type(outcome)) for outcome in outcomes]


async def test_bad_rows_are_told_one_by_one_and_the_good_ones_stand(
    world: World, holder: Holder, many: ManyIdentifiers
) -> None:
    other = await world.holder(2002)
    rows = [
        wanted(holder, "P-1", serial="S-1"),
        wanted(other, "P-1"),
        wanted(holder, "p-1"),
        wanted(holder, "P-2", serial="S-1"),
        wanted(holder, "P-3", weight_kg="heavy"),
        wanted(holder, "P-4", template="engine"),
        wanted(Holder(holder.account, other.prefix), "P-9"),
        wanted(holder, "P-5"),
    ]
    outcomes = await many.register(holder.account, holder.actor, rows)
    assert codes(outcomes) == [
        None, "not_allowed", "identifier_exists", "value_taken", "attributes_invalid", "template_unknown",
        "not_allowed", None,
    ]  # fmt: skip
    stand = await world.pool.fetch("SELECT suffix_key FROM identifier ORDER BY suffix_key")
    assert [row["suffix_key"] for row in stand] == ["P-1", "P-5"]


async def test_a_call_that_is_repeated_changes_nothing(world: World, holder: Holder, many: ManyIdentifiers) -> None:
    rows = [wanted(holder, f"P-{number:04d}") for number in range(300)]
    assert codes(await many.register(holder.account, holder.actor, rows)) == [None] * 300
    before = await world.traces()
    again = [row._replace(attributes={"name": "另一名称"}) for row in rows]
    assert codes(await many.register(holder.account, holder.actor, again)) == ["identifier_exists"] * 300
    assert await world.traces() == before


async def test_one_call_serves_several_prefixes_where_the_caller_may(world: World, many: ManyIdentifiers) -> None:
    holders = [await world.holder(number) for number in (2001, 2002)]
    admin = world.administrator
    rows = [wanted(holders[number % 2], f"P-{number}") for number in range(10)]
    assert codes(await many.register(admin, actor(admin), rows)) == [None] * 10
    prefix = holders[1].prefix
    await world.prefixes.move(admin, actor(admin), prefix, Verb.SUSPEND, "检查")
    outcomes = await many.delete(admin, actor(admin), [row.identifier for row in rows])
    assert codes(outcomes) == [None, "prefix_not_enabled"] * 5


async def test_a_batch_of_updates_replaces_all_data_and_names_what_is_missing(
    world: World, holder: Holder, many: ManyIdentifiers
) -> None:
    first = wanted(holder, "P-1", model="CP-1", serial="S-1")
    await many.register(holder.account, holder.actor, [first, wanted(holder, "P-2", serial="S-2")])
    outcomes = await many.update(
        holder.account,
        holder.actor,
        [
            wanted(holder, "P-1", model="CP-2"),
            wanted(holder, "P-9"),
            wanted(holder, "P-2", serial="S-1"),
            wanted(holder, "P-2", passed="vielleicht"),
            wanted(holder, "P-1", model="CP-3")._replace(version=9),
            wanted(holder, "P-1", model="CP-4")._replace(version=2),
        ],
    )
    assert codes(outcomes) == [
        None, "identifier_unknown", None, "attributes_invalid", "identifier_changed", None,
    ]  # fmt: skip
    found, stored = await world.identifiers.get(holder.account, holder.identifier("P-1"))
    assert (found.version, stored.template.attributes_of(found.record)) == (3, {"name": "离心泵", "model": "CP-4"})


async def test_an_update_is_read_by_the_newest_edition_and_what_it_cannot_say_stays(
    world: World, holder: Holder, many: ManyIdentifiers
) -> None:
    await many.register(holder.account, holder.actor, [wanted(holder, "P-1", model="CP-1", grade="A")])
    old = await world.pool.fetchval("SELECT template_id FROM template WHERE name = 'pump'")
    admin = world.administrator
    draft = await world.templates.revise(admin, actor(admin), old)
    members = draft.template.to_json()["attributes"]
    grade = next(member for member in members if member["name"] == "grade")
    grade["state"] = "disabled"
    newer = Template.from_json(
        {**PUMP, "version": 2, "attributes": [*members, {"name": "colour", "title_zh": "颜色", "required": True}]}
    )
    await world.templates.edit(admin, actor(admin), draft.template_id, newer, draft.version)
    await world.templates.publish(admin, actor(admin), draft.template_id)
    rows = [wanted(holder, "P-1", colour="红"), wanted(holder, "P-1", colour="红", grade="B"), wanted(holder, "P-1")]
    assert codes(await many.update(holder.account, holder.actor, rows)) == [
        None, "attributes_invalid", "attributes_invalid",
    ]  # fmt: skip
    found, stored = await world.identifiers.get(holder.account, holder.identifier("P-1"))
    assert stored.template.version == 2
    assert stored.template.attributes_of(found.record) == {"name": "离心泵", "grade": "A", "colour": "红"}


async def test_what_is_deleted_twice_in_one_call_was_there_once(
    world: World, holder: Holder, many: ManyIdentifiers
) -> None:
    await many.register(holder.account, holder.actor, [wanted(holder, "P-1")])
    identifiers = [holder.identifier(suffix) for suffix in ("P-1", "P-2", "p-1")]
    outcomes = await many.delete(holder.account, holder.actor, identifiers)
    assert codes(outcomes) == [None, "identifier_unknown", "identifier_unknown"]
    assert codes(await many.register(holder.account, holder.actor, [wanted(holder, "P-1")])) == [None]
    assert (await world.traces())[0] == 3


async def test_more_than_two_thousand_are_refused_before_anything_is_done(
    world: World, holder: Holder, many: ManyIdentifiers
) -> None:
    rows = [wanted(holder, f"P-{number}") for number in range(MOST_ROWS + 1)]
    for call in (
        many.register(holder.account, holder.actor, rows),
        many.update(holder.account, holder.actor, rows),
        many.delete(holder.account, holder.actor, [row.identifier for row in rows]),
    ):
        with pytest.raises(TooManyRows) as refusal:
            await call
        assert refusal.value.evidence == {"limit": 2000, "found": 2001}
    assert await world.pool.fetchval("SELECT count(*) FROM identifier") == 0


async def test_two_calls_with_the_same_rows_share_them(world: World, holder: Holder, many: ManyIdentifiers) -> None:
    rows = [wanted(holder, f"P-{number:04d}", serial=f"S-{number}") for number in range(400)]
    one, other = await asyncio.gather(
        many.register(holder.account, holder.actor, rows),
        ManyIdentifiers(world.pool, world.clock).register(holder.account, holder.actor, rows[::-1]),
    )
    assert sorted(map(str, codes(one + other))) == ["None"] * 400 + ["identifier_exists"] * 400
    assert await world.pool.fetchval("SELECT count(*) FROM identifier_history") == 400
