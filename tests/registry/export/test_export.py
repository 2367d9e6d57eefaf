"""Exports: everything that stands, what changed since a position, complete whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from node.auth import Action, NotAllowed, Role
from node.database import Pool, transaction
from node.founding import found
from node.identifier import Prefix
from registry.export import exports as export
from registry.export import pages as export_pages
from registry.export.exports import Overview, PositionUnsettled
from registry.export.forms import as_ndjson
from registry.export.pages import EVERYTHING, FilterWithPosition, PositionAhead, Selection
from registry.export.restored_rows import Restored, RestoredRows
from registry.export.row import templates_by_mark
from registry.identifiers.changes import Asked, change_many
from registry.identifiers.leaves import Change
from registry.identifiers.state import IdentifierState
from registry.identifiers.writing import write_new
from registry.prefixes import PrefixUnknown, writable_prefix
from registry.search.filters import Filters
from registry.templates.encoder import Entry, timestamp_of
from registry.templates.stored import TemplateUnknown
from registry.templates.template import Template
from tests.support.world import PUMP, Holder, World, actor, staff, user_of


@pytest.fixture
async def world(database_url: str, pool: Pool) -> World:
    world = World(pool)
    await found(database_url, laboratory=False, at=world.clock())
    return world


async def register(world: World, holder: Holder, suffix: str, template: str = "pump", **attributes: Any) -> None:
    said = {"name": "多级离心泵", **attributes}
    await world.identifiers.register(holder.account, holder.actor, holder.identifier(suffix), template, said)


async def exported(world: World, holder: Holder, **chosen: Any) -> list[dict[str, Any]]:
    """The rows of an export as objects."""
    opened = await world.exports.open(holder.account, Selection(holder.prefix, **chosen))
    return [json.loads(line) for line in b"".join([block async for block in as_ndjson(opened)]).splitlines()]


async def overview(world: World, holder: Holder, **chosen: Any) -> Overview:
    return await world.exports.overview(holder.account, Selection(holder.prefix, **chosen))


async def test_a_row_says_everything_that_an_identifier_is(world: World) -> None:
    holder = await world.holder()
    await world.template()
    world.clock.advance(microseconds=7)
    await register(world, holder, "Pump-1", serial="S1", weight_kg="12.50", passed=True, made_on="2026-03-01")
    assert await exported(world, holder) == [
        {
            "suffix": "Pump-1", "name": "多级离心泵", "serial": "S1", "weight_kg": "12.50", "made_on": "2026-03-01",
            "passed": "true", "biaoshi_template": "pump@1", "biaoshi_version": 1, "biaoshi_state": "live",
            "biaoshi_registered_at": "2026-11-21T09:30:00.000007+00:00",
            "biaoshi_updated_at": "2026-11-21T09:30:00.000007+00:00",
        }
    ]  # fmt: skip


async def test_a_full_export_holds_what_stands_and_nothing_that_is_gone(world: World) -> None:
    holder, other = await world.holder(), await world.holder(2002)
    await world.template()
    for suffix in ("B", "a", "C", "D"):
        await register(world, holder, suffix)
    await register(world, other, "E")
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("C"), 1)
    await suspend(world, holder, "D")
    rows = await exported(world, holder)
    assert [(row["suffix"], row["biaoshi_state"], row["biaoshi_version"]) for row in rows] == [
        ("a", "live", 1), ("B", "live", 1), ("D", "suspended", 2),
    ]  # fmt: skip


async def suspend(world: World, holder: Holder, suffix: str, version: int = 1) -> None:
    identifier = holder.identifier(suffix)
    await world.identifiers.turn(holder.account, holder.actor, identifier, version, IdentifierState.SUSPENDED)


async def test_rows_come_by_pages_without_gap_or_repetition(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_pages, "PAGE", 3)
    monkeypatch.setattr(export_pages, "_STRETCH", 4)
    holder = await world.holder()
    await world.template()
    suffixes = [f"P{number:02}" for number in range(11)]
    for suffix in reversed(suffixes):
        await register(world, holder, suffix)
    assert [row["suffix"] for row in await exported(world, holder)] == suffixes
    assert [row["suffix"] for row in await exported(world, holder, since=0)] == suffixes[::-1]


async def test_an_increment_holds_each_changed_identifier_once_and_tombstones(world: World) -> None:
    holder = await world.holder()
    await world.template()
    for suffix in ("A", "B", "C", "D"):
        await register(world, holder, suffix, serial=suffix)
    first = await overview(world, holder)
    assert await exported(world, holder, since=first.position) == []
    for version in (1, 2, 3):
        world.clock.advance(seconds=1)
        await world.identifiers.update(
            holder.account, holder.actor, holder.identifier("B"), version, {"name": f"name {version}"}
        )
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("C"), 1)
    await register(world, holder, "E")
    second = await overview(world, holder, since=first.position)
    assert second.identifiers == 3
    rows = await exported(world, holder, since=first.position)
    assert [(row["suffix"], row["biaoshi_version"], row["biaoshi_state"], row.get("name")) for row in rows] == [
        ("B", 4, "live", "name 3"), ("C", 2, "deleted", None), ("E", 1, "live", "多级离心泵"),
    ]  # fmt: skip
    await suspend(world, holder, "E")
    until = await exported(world, holder, since=first.position, until=second.position)
    assert [row["suffix"] for row in until] == ["B", "C", "E"]
    assert [row["suffix"] for row in await exported(world, holder, since=second.position)] == ["E"]


async def test_a_position_waits_for_the_change_under_way_and_keeps_nobody_from_writing(world: World) -> None:
    holder = await world.holder()
    stored = await world.template()
    async with world.pool.acquire() as connection:
        changing = connection.transaction()
        await changing.start()
        grant = await writable_prefix(connection, holder.account, Action.IDENTIFIER_REGISTER, holder.prefix)
        values = ["slow", *[None] * (len(stored.template.names) - 1)]
        row = stored.template.compile().entry(holder.prefix, ("SLOW", values, ()), timestamp_of(world.clock()))
        assert isinstance(row, Entry)
        await write_new(
            connection, grant, stored.template_id, [row], account_id=holder.account.account_id,
            interface=holder.actor.interface, at=world.clock(), batch_id=None,
        )  # fmt: skip
        asking = asyncio.create_task(overview(world, holder))
        await asyncio.sleep(0.2)
        assert not asking.done()
        await asyncio.wait_for(register(world, holder, "QUICK"), 1)
        assert not asking.done()
        await changing.commit()
    told = await asyncio.wait_for(asking, 5)
    later = {row["suffix"] for row in await exported(world, holder, since=told.position)}
    assert "SLOW" not in later
    assert "SLOW" in {row["suffix"] for row in await exported(world, holder, since=0, until=told.position)}


async def test_registrations_during_exports_are_in_this_one_or_the_next(world: World) -> None:
    holder = await world.holder()
    await world.template()
    over = asyncio.Event()
    versions: dict[str, int] = {}

    async def write(worker: int) -> None:
        number = 0
        while not over.is_set():
            suffix = f"W{worker}-{number}"
            await register(world, holder, suffix)
            versions[suffix] = 1
            if number % 3 == 0:
                await suspend(world, holder, suffix)
                versions[suffix] = 2
            number += 1

    seen: dict[str, int] = {}
    position = None
    writers = [asyncio.create_task(write(worker)) for worker in range(5)]
    for _ in range(12):
        told = await overview(world, holder, since=position)
        until = {} if position is None else {"until": told.position}
        for row in await exported(world, holder, since=position, **until):
            seen[row["suffix"]] = row["biaoshi_version"]
        position = told.position
        await asyncio.sleep(0.02)
    over.set()
    await asyncio.gather(*writers)
    for row in await exported(world, holder, since=position):
        seen[row["suffix"]] = row["biaoshi_version"]
    assert len(versions) > 100
    assert seen == versions


async def test_values_written_at_another_time_than_the_last_change_say_so(world: World) -> None:
    holder = await world.holder()
    stored = await world.template()
    await register(world, holder, "A", serial="S1")
    world.clock.advance(seconds=61)
    async with transaction(world.pool) as connection:
        grant = await writable_prefix(connection, holder.account, Action.IDENTIFIER_UPDATE, holder.prefix)
        await change_many(
            connection, grant, Change.UPDATE, [Asked("A", 1, {"serial": "S2"})],
            account_id=holder.account.account_id, interface=holder.actor.interface, at=world.clock(), batch_id=None,
        )  # fmt: skip
    [row] = await exported(world, holder)
    assert json.loads(row["biaoshi_written_at"]) == {
        "name": "2026-11-21T09:30:00+00:00",
        "serial": "2026-11-21T09:31:01+00:00",
    }
    await register(world, holder, "B")
    world.clock.advance(seconds=60)
    await suspend(world, holder, "B")
    assert (await exported(world, holder))[1]["biaoshi_written_at"] == "2026-11-21T09:31:01+00:00"
    for marked in (await exported(world, holder), await exported(world, holder, since=0)):
        back = RestoredRows(holder.prefix, {"pump@1": stored})
        for one in marked:
            restored = back.row(one)
            assert isinstance(restored, Restored)
            kept = await world.pool.fetchval(
                "SELECT record FROM identifier WHERE suffix_key = $1", one["suffix"].upper()
            )
            assert restored.entry.record == kept


async def test_an_overview_counts_by_template_and_names_the_editions_before(world: World) -> None:
    holder = await world.holder()
    first = await world.template()
    second = await world.templates.revise(world.administrator, actor(world.administrator), first.template_id)
    await world.templates.publish(world.administrator, actor(world.administrator), second.template_id)
    await world.template({**PUMP, "name": "unused"})
    await register(world, holder, "A")
    await register(world, holder, "B")
    told = await overview(world, holder)
    assert [(use.mark, use.identifiers) for use in told.templates] == [("pump@1", 0), ("pump@2", 2)]
    assert (told.identifiers, told.exact, told.prefix) == (2, True, holder.prefix.key)
    assert told.node_id == await world.pool.fetchval("SELECT node_id FROM node_state")


async def test_an_enterprise_s_own_template_hides_the_node_s_of_the_same_name(world: World) -> None:
    holder = await world.holder()
    shared = await world.template()
    await register(world, holder, "A")
    made = await world.templates.create(
        holder.account, holder.actor, holder.account.enterprise_id, Template.from_json(PUMP)
    )
    own = await world.templates.publish(holder.account, holder.actor, made.template_id)
    await register(world, holder, "B")
    rows = await exported(world, holder)
    assert [row["biaoshi_template"] for row in rows] == ["pump@1@node", "pump@1"]
    meant = templates_by_mark(holder.account.enterprise_id, [own, shared])
    assert [meant[row["biaoshi_template"]] for row in rows] == [shared, own]


async def test_only_those_who_may_take_a_prefix_away_export_it(world: World) -> None:
    holder, other = await world.holder(), await world.holder(2002)
    own = await world.templates.create(
        other.account, other.actor, other.account.enterprise_id, Template.from_json(PUMP)
    )
    await world.templates.publish(other.account, other.actor, own.template_id)
    auditor, reviewer = staff(Role.AUDITOR), staff(Role.REVIEWER)
    assert (await world.exports.overview(auditor, Selection(holder.prefix))).identifiers == 0
    for stranger in (reviewer, other.account, user_of(other.account.account_id)):
        with pytest.raises(NotAllowed):
            await world.exports.overview(stranger, Selection(holder.prefix))
        with pytest.raises(NotAllowed):
            await world.exports.open(stranger, Selection(holder.prefix))
    with pytest.raises(PrefixUnknown):
        await world.exports.overview(auditor, Selection(Prefix.parse("88.101.9999")))
    with pytest.raises(TemplateUnknown):
        await world.exports.open(
            holder.account, Selection(holder.prefix, replace(EVERYTHING, template_id=own.template_id))
        )


async def test_an_increment_takes_no_filter_and_no_position_that_is_not_reached(world: World) -> None:
    holder = await world.holder()
    filtered = Selection(holder.prefix, Filters(suffix_begins="A"), since=0)
    ahead = Selection(holder.prefix, since=1)
    for ask in (world.exports.overview, world.exports.open):
        with pytest.raises(FilterWithPosition):
            await ask(holder.account, filtered)
        with pytest.raises(PositionAhead) as refused:
            await ask(holder.account, ahead)
        assert refused.value.evidence == {"field": "since", "asked": 1, "position": 0}


async def test_a_change_that_does_not_end_is_told_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_SETTLING_SECONDS", 0.2)
    holder = await world.holder()
    async with world.pool.acquire() as connection:
        changing = connection.transaction()
        await changing.start()
        await connection.execute("INSERT INTO event (leaf) VALUES ('other tables do not matter')")
        assert (await overview(world, holder)).position == 0
        await connection.execute(
            "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
            " VALUES (1, 1, 1, 1, now(), gen_random_uuid(), 'X')"
        )
        with pytest.raises(PositionUnsettled):
            await overview(world, holder)
        await changing.rollback()
    assert (await overview(world, holder)).position == 1
