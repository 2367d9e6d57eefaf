"""Registrations that come together: one transaction, and yet each by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from node.auth import Account, NotAllowed, Role
from node.database import DatabaseAway, Pool
from node.errors import NodeError
from node.journal import Actor, Interface
from node.record import decode_values
from registry.identifiers.identifiers import AttributesInvalid, IdentifierExists, StoredIdentifier, ValueTaken
from registry.identifiers.writing import SQL
from registry.prefixes import PrefixNotEnabled
from registry.templates.stored import TemplateNotPublished, TemplateUnknown
from registry.transitions import Verb
from tests.support.notices import Notices
from tests.support.plans import rows_read, steps_on
from tests.support.world import PUMP, Holder, World, actor

TREE: dict[str, Any] = {
    "name": "tree",
    "version": 1,
    "title_zh": "部件",
    "title_en": "Part",
    "attributes": [
        {"name": "name", "title_zh": "名称", "required": True},
        {"name": "rank", "title_zh": "序号", "kind": "number", "listed": True},
        {"name": "part_of", "title_zh": "属于", "kind": "reference"},
        {"name": "manual", "title_zh": "说明书", "kind": "file"},
    ],
}


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def holder(world: World) -> Holder:
    return await world.holder()


def good(number: int, **changes: object) -> dict[str, object]:
    return {"name": f"离心泵 {number}", "serial": f"S-{number}", **changes}


async def register(
    world: World, holder: Holder, suffix: str, attributes: dict[str, object], *, by: Account | None = None,
    template: str | int = "pump",
) -> StoredIdentifier:  # fmt: skip
    account = by or holder.account
    found, _ = await world.identifiers.register(
        account, actor(account), holder.identifier(suffix), template, attributes
    )
    return found


async def outcomes(registrations: Sequence[Awaitable[StoredIdentifier]]) -> list[str]:
    """Versions as numbers, refusals as codes."""
    told = await asyncio.gather(*registrations, return_exceptions=True)
    for one in told:
        assert isinstance(one, StoredIdentifier | NodeError), one
    return [str(one.version) if isinstance(one, StoredIdentifier) else one.code for one in told]  # type: ignore[union-attr]  # see above


async def transactions(world: World) -> int:
    return int(await world.pool.fetchval("SELECT count(DISTINCT xmin::text) FROM identifier"))


async def test_many_at_once_are_few_transactions_with_everything_that_belongs_to_each(
    world: World, holder: Holder
) -> None:
    histories, leaves, reports = await world.traces()
    assert await outcomes([register(world, holder, f"P-{n}", good(n)) for n in range(60)]) == ["1"] * 60
    now = await world.traces()
    written = await transactions(world)
    assert written <= 3
    assert now == (histories + 60, leaves + 60, reports + written)
    summaries = await world.pool.fetch("SELECT body FROM outbox WHERE kind = 'registration.summary'")
    assert sum(json.loads(row["body"])["registered"] for row in summaries) == 60
    assert await world.pool.fetchval("SELECT count(*) FROM attribute_index WHERE is_unique") == 60


async def test_resolvers_are_told_once_by_each_transaction(world: World, holder: Holder, notices: Notices) -> None:
    await outcomes([register(world, holder, f"P-{n}", good(n)) for n in range(20)])
    assert await notices() == [f"a{holder.prefix.key}/"] * await transactions(world)


async def test_each_keeps_its_own_account_interface_and_time(world: World, holder: Holder) -> None:
    begun = world.clock.now
    accounts = [Account(uuid4(), f"user{n}", Role.APPLICATION, holder.account.enterprise_id) for n in range(6)]
    doors = [Interface.V1, Interface.COMMAND, Interface.HANDLE_JSON] * 2
    tasks = []
    for number, (account, door) in enumerate(zip(accounts, doors, strict=True)):
        tasks.append(
            asyncio.create_task(
                world.identifiers.register(
                    account, Actor(account.account_id, door), holder.identifier(f"P-{number}"), "pump", good(number)
                )
            )
        )
        await asyncio.sleep(0)
        world.clock.advance(seconds=1)
    registered = [found for found, _ in await asyncio.gather(*tasks)]
    assert await transactions(world) < 6
    rows = await world.pool.fetch(
        "SELECT h.account_id, h.interface, h.at, i.registered_at, i.updated_at, i.record FROM identifier_history h"
        " JOIN identifier i USING (prefix_id, suffix_key) ORDER BY suffix_key"
    )
    for number, (row, found) in enumerate(zip(rows, registered, strict=True)):
        at = begun + timedelta(seconds=number)
        assert (row["account_id"], row["interface"]) == (accounts[number].account_id, doors[number])
        assert row["at"] == row["registered_at"] == row["updated_at"] == found.registered_at == at
        assert {value.timestamp for value in decode_values(row["record"])} == {int(at.timestamp())}
        assert row["record"] == found.record
    leaves = {json.loads(leaf)["by"]: json.loads(leaf)["ts"] for (leaf,) in await world.pool.fetch(
        "SELECT leaf FROM event ORDER BY event_id DESC LIMIT 6")}  # fmt: skip
    assert leaves == {
        str(account.account_id): (begun + timedelta(seconds=n)).isoformat() for n, account in enumerate(accounts)
    }


async def test_what_is_wrong_with_one_does_not_touch_the_others(world: World, holder: Holder) -> None:
    await register(world, holder, "OLD", good(1))
    await register(world, holder, "GONE", good(2))
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("GONE"), 1)
    stranger = (await world.holder(2002)).account
    before = await world.traces()
    told = await outcomes([
        register(world, holder, "A", good(10)),
        register(world, holder, "OLD", good(11)),
        register(world, holder, "B", good(1)),
        register(world, holder, "C", {"serial": "S-12", "weight_kg": "heavy"}),
        register(world, holder, "D", good(13), by=stranger),
        register(world, holder, "GONE", good(14)),
        register(world, holder, "E", good(15)),
        register(world, holder, "F", good(15)),
        register(world, holder, "a", good(16)),
        register(world, holder, "G", good(17)),
    ])  # fmt: skip
    assert told == [
        "1", "identifier_exists", "value_taken", "attributes_invalid", "not_allowed", "3", "1", "value_taken",
        "identifier_exists", "1",
    ]  # fmt: skip
    now = await world.traces()
    assert (now[0] - before[0], now[1] - before[1]) == (4, 4)


@pytest.mark.parametrize(
    ("template", "error"), [("bolt", TemplateUnknown), (2**31 - 1, TemplateUnknown), ("draft", TemplateNotPublished)]
)
async def test_a_template_that_cannot_be_used_refuses_all_who_name_it(
    world: World, holder: Holder, template: str | int, error: type[NodeError]
) -> None:
    from registry.templates.template import Template

    admin = world.administrator
    await world.templates.create(admin, actor(admin), None, Template.from_json({**PUMP, "name": "draft"}))
    stranger = (await world.holder(2002)).account
    told = await asyncio.gather(
        register(world, holder, "A", good(1), template=template),
        register(world, holder, "B", good(2), template=template, by=stranger),
        register(world, holder, "C", good(3), template=template),
        register(world, holder, "D", good(4)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [error, NotAllowed, error, StoredIdentifier]


async def test_a_prefix_suspended_while_they_wait_refuses_them_all(world: World, holder: Holder) -> None:
    admin = world.administrator
    blocker = await world.pool.acquire()
    change = blocker.transaction()
    await change.start()
    await blocker.execute("UPDATE prefix SET purpose = 'held' WHERE prefix = $1", holder.prefix.key)
    waiting = [asyncio.create_task(register(world, holder, f"P-{n}", good(n))) for n in range(5)]
    await asyncio.sleep(0.1)
    await blocker.execute("UPDATE prefix SET state = 'suspended' WHERE prefix = $1", holder.prefix.key)
    await change.commit()
    await world.pool.release(blocker)
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in told} == {PrefixNotEnabled}
    await world.prefixes.move(admin, actor(admin), holder.prefix, Verb.RESUME)
    assert (await register(world, holder, "P-1", good(1))).version == 1


async def test_one_that_the_database_refuses_for_a_reason_of_its_own_fails_alone(
    world: World, holder: Holder, database_url: str
) -> None:
    owner = await asyncpg.connect(database_url)
    await owner.execute(
        "CREATE FUNCTION no_bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.suffix_key = 'BAD' THEN RAISE EXCEPTION 'bad'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER no_bad BEFORE INSERT ON identifier FOR EACH ROW EXECUTE FUNCTION no_bad()"
    )
    await owner.close()
    told = await asyncio.gather(
        *(register(world, holder, suffix, good(n)) for n, suffix in enumerate(["A", "BAD", "C", "D"])),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [
        StoredIdentifier, asyncpg.RaiseError, StoredIdentifier, StoredIdentifier,
    ]  # fmt: skip


async def test_if_the_database_goes_away_all_are_told_so(world: World, holder: Holder, database_url: str) -> None:
    owner = await asyncpg.connect(database_url)
    holding = owner.transaction()
    await holding.start()
    await owner.execute("SELECT FROM prefix FOR UPDATE")
    waiting = [asyncio.create_task(register(world, holder, f"P-{n}", good(n))) for n in range(5)]
    await asyncio.sleep(0.2)
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'test writer' AND datname = current_database()"
    )
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in told} == {DatabaseAway}
    await holding.rollback()
    await owner.close()
    assert (await register(world, holder, "P-1", good(1))).version == 1


async def test_what_is_answered_is_what_stands(world: World, holder: Holder) -> None:
    for suffix in ("Pump-a", "PUMP-B"):
        found = await register(world, holder, suffix, good(ord(suffix[-1])))
        assert (found,) == ((await world.identifiers.get(holder.account, holder.identifier(suffix)))[0],)
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("pump-a"), 1)
    world.clock.advance(days=1)
    again = await register(world, holder, "pump-A", good(3))
    assert again == (await world.identifiers.get(holder.account, holder.identifier("PUMP-A")))[0]
    assert (again.version, again.suffix) == (3, "pump-A")


async def test_history_says_what_a_revived_identifier_was(world: World, holder: Holder) -> None:
    other = await world.template({**PUMP, "name": "other"})
    first = await register(world, holder, "P-1", good(1), template="other")
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("P-1"), 1)
    await register(world, holder, "P-1", good(1))
    rows = await world.pool.fetch(
        "SELECT version, before, before_state, before_template_id FROM identifier_history ORDER BY version"
    )
    assert first.template_id == other.template_id
    assert tuple(rows[0]) == (1, None, None, None)
    assert tuple(rows[2]) == (3, None, 2, other.template_id)
    assert await world.pool.fetch("SELECT DISTINCT template_id FROM attribute_index") != []
    assert (
        await world.pool.fetchval("SELECT count(*) FROM attribute_index WHERE template_id = $1", other.template_id)
        == 0
    )


async def test_fifty_revivals_at_once_bring_it_back_once(world: World, holder: Holder) -> None:
    for turn in range(10):
        suffix = f"P-{turn}"
        await register(world, holder, suffix, good(turn))
        await world.identifiers.delete(holder.account, holder.actor, holder.identifier(suffix), 1)
        others = [world, *(World(world.pool, world.clock) for _ in range(3))]  # as many processes would
        told = await outcomes([register(others[n % 4], holder, suffix, good(100 + turn * 50 + n)) for n in range(50)])
        assert sorted(told) == ["3"] + ["identifier_exists"] * 49


async def test_crossing_wishes_for_unique_values_never_lock_each_other_up(world: World, holder: Holder) -> None:
    """Four processes register in opposite orders of key and value."""
    desks = [World(world.pool, world.clock) for _ in range(4)]
    for turn in range(20):
        tasks = []
        for number, desk in enumerate(desks):
            for n in range(10):
                serial = f"{turn}-{n if number % 2 else 9 - n}"
                tasks.append(register(desk, holder, f"T{turn}-{number}-{n}", good(0, serial=serial)))
        told = await outcomes(tasks)
        assert sorted(told) == ["1"] * 10 + ["value_taken"] * 30


async def test_numbers_references_and_files_stand_beside_a_registration(world: World, holder: Holder) -> None:
    await world.template(TREE)
    file, _ = await world.files.add(
        holder.account, holder.actor, holder.account.enterprise_id, "m.txt", "text/plain", "说明".encode()
    )
    target = f"{holder.prefix.text}/Whole"
    told = await asyncio.gather(
        register(world, holder, "PART", {"name": "叶轮", "rank": "2.50", "part_of": target, "manual": file.file_id},
                 template="tree"),
        register(world, holder, "OTHER", {"name": "轴", "manual": "sha256-" + "0" * 64}, template="tree"),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(told[0], StoredIdentifier)
    assert isinstance(told[1], AttributesInvalid)
    assert [(fault["field"], fault["code"]) for fault in told[1].evidence["faults"]] == [("manual", "file_unknown")]
    side = await world.pool.fetch(
        "SELECT value, number::text, suffix_key FROM attribute_index WHERE number IS NOT NULL"
    )
    assert [tuple(row) for row in side] == [("2.50", "2.50", "PART")]
    references = await world.pool.fetch(
        "SELECT suffix_key, target_prefix, target_suffix_key FROM identifier_reference"
    )
    assert [tuple(row) for row in references] == [("PART", holder.prefix.key, "WHOLE")]
    with pytest.raises(IdentifierExists):
        await register(world, holder, "part", {"name": "叶轮"}, template="tree")
    with pytest.raises(ValueTaken):
        await asyncio.gather(register(world, holder, "X", good(1)), register(world, holder, "Y", good(1)))


async def test_a_unique_value_is_found_by_its_key_also_by_a_plan_of_before_the_first_import(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE taken (int, int, int[], text[]) AS {SQL['find_taken_values']}")
        asked = "EXECUTE taken(1, 1, ARRAY[2, 2, 2], ARRAY['S-7', 'S-2000', 'none'])"
        assert await connection.fetch(asked) == []
        await connection.execute(
            "INSERT INTO attribute_index (prefix_id, template_id, attribute_index, is_unique, value, suffix_key)"
            " SELECT 1, 1, 2, true, 'S-' || n, 'P-' || n FROM generate_series(1, 3000) AS n"
        )
        found = {(row["value"], row["suffix_key"]) for row in await connection.fetch(asked)}
        assert found == {("S-7", "P-7"), ("S-2000", "P-2000")}
        explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}")
    [looked] = steps_on("attribute_index", explained)
    assert rows_read(looked) < 10, "those that were asked for, not all of them"
