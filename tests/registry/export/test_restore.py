"""Restoring: what an export holds stands again as it stood, and nothing newer is lost by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.auth import Action
from node.database import Pool, open_pool, transaction
from registry.export.forms import as_ndjson
from registry.export.pages import Selection
from registry.export.restore import Restored, RestoredRows, RestoreOutcome, restorable_templates, restore_many
from registry.export.row import RESERVED_MEMBERS
from registry.identifiers.changes import Asked, change_many
from registry.identifiers.leaves import Change
from registry.identifiers.state import IdentifierState
from registry.prefixes import writable_prefix
from tests.support.notices import Notices
from tests.support.world import PUMP, Clock, Holder, World, actor

KINDS: dict[str, Any] = {
    "name": "kinds",
    "version": 1,
    "title_zh": "各类",
    "attributes": [
        {"name": "serial", "title_zh": "编号", "unique": True},
        {"name": "model", "title_zh": "型号", "listed": True},
        {"name": "weight", "title_zh": "重量", "kind": "number", "listed": True},
        {"name": "tags", "title_zh": "标签", "many": True},
        {"name": "part_of", "title_zh": "所属", "kind": "reference"},
        {"name": "manual", "title_zh": "手册", "kind": "file"},
    ],
}


@pytest.fixture
def source(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def target(other_database_url: str) -> AsyncIterator[World]:
    pool = await open_pool(other_database_url, "biaoshi_writer", size=4, seconds=10, name="test target")
    clock = Clock()
    clock.advance(days=3)
    yield World(pool, clock)
    pool.terminate()


async def register(world: World, holder: Holder, suffix: str, **attributes: Any) -> None:
    identifier = holder.identifier(suffix)
    admin = world.administrator  # the same enterprise has an account of its own in each database
    await world.identifiers.register(admin, actor(admin), identifier, "kinds", attributes)


async def change(world: World, holder: Holder, kind: Change, suffix: str, **values: Any) -> None:
    async with transaction(world.pool) as connection:
        grant = await writable_prefix(connection, world.administrator, Action.IDENTIFIER_UPDATE, holder.prefix)
        asked = [Asked(holder.identifier(suffix).key, None, values or None)]
        changed = await change_many(
            connection, grant, kind, asked, account_id=world.administrator.account_id,
            interface=holder.actor.interface, at=world.clock(), batch_id=None,
        )  # fmt: skip
        assert changed.changed == 1


async def exported(world: World, holder: Holder, since: int | None = None) -> list[dict[str, Any]]:
    opened = await world.exports.open(world.administrator, Selection(holder.prefix, since=since))
    return [json.loads(line) for line in b"".join([block async for block in as_ndjson(opened)]).splitlines()]


async def restore(world: World, holder: Holder, rows: list[dict[str, Any]]) -> RestoreOutcome:
    """All rows in one chunk, as a batch would write them."""
    async with transaction(world.pool) as connection:
        grant = await writable_prefix(connection, world.administrator, Action.IDENTIFIER_RESTORE, holder.prefix)
        back = RestoredRows(holder.prefix, await restorable_templates(connection, grant))
        read = [back.row(row, origin=number) for number, row in enumerate(rows)]
        sound = [row for row in read if isinstance(row, Restored)]
        assert len(sound) == len(rows), read
        return await restore_many(
            connection, grant, sound, account_id=world.administrator.account_id, interface=holder.actor.interface,
            at=world.clock(), batch_id=None,
        )  # fmt: skip


def counts(outcome: RestoreOutcome) -> tuple[int, int, int, list[tuple[str, str | None, str]]]:
    refused = [(row.entry.suffix, fault.field, str(fault.code)) for row, fault in outcome.refused]
    return outcome.registered, outcome.changed, outcome.unchanged, refused


async def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    """What stands of identifiers, without the ids that are each database's own."""
    pool = world.pool
    wanted = {
        "identifiers": "SELECT t.name, t.template_version, i.version, i.state, i.registered_at, i.updated_at, "
        "i.suffix_key, i.suffix, i.record FROM identifier i JOIN template t USING (template_id) ORDER BY suffix_key",
        "side": "SELECT attribute_index, is_unique, value, number, suffix_key FROM attribute_index ORDER BY 5, 1",
        "references": "SELECT attribute_index, suffix_key, target_prefix, target_suffix_key "
        "FROM identifier_reference ORDER BY 2, 1, 3, 4",
    }
    return {name: [dict(row) for row in await pool.fetch(sql)] for name, sql in wanted.items()}


async def filled(source: World, target: World) -> Holder:
    """The same enterprise, prefix and template in both; six identifiers of every sort in the first."""
    holder = await source.holder()
    await target.holder()
    for world in (source, target):
        await world.template({**PUMP, "name": "another"})
        await world.template(KINDS)
    await register(source, holder, "Plain", serial="S1", model="M")
    await register(source, holder, "lists", tags=["红", "b"], part_of=f"{holder.prefix.text}/Plain")
    await register(source, holder, "SUSPENDED", serial="S3", weight="12.50")
    await register(source, holder, "GONE", serial="S4")
    await register(source, holder, "MERGED", serial="S5", model="M", weight="1")
    source.clock.advance(seconds=90, microseconds=17)
    await change(source, holder, Change.SUSPEND, "SUSPENDED")
    await change(source, holder, Change.DELETE, "GONE")
    await change(source, holder, Change.UPDATE, "MERGED", weight="2")
    return holder


async def test_what_was_exported_stands_again_exactly_so(source: World, target: World) -> None:
    holder = await filled(source, target)
    assert counts(await restore(target, holder, await exported(source, holder))) == (4, 0, 0, [])
    stands = await everything(target)
    expected = await everything(source)
    expected["identifiers"] = [row for row in expected["identifiers"] if row["suffix_key"] != "GONE"]
    assert stands == expected
    assert await exported(target, holder) == await exported(source, holder)


async def test_restoring_again_changes_nothing_and_leaves_no_trace(source: World, target: World) -> None:
    holder = await filled(source, target)
    rows = await exported(source, holder)
    await restore(target, holder, rows)
    before = await target.traces()
    assert counts(await restore(target, holder, rows)) == (0, 0, 4, [])
    assert await target.traces() == before


async def test_an_increment_brings_forward_what_is_older_and_deletes_what_is_gone(
    source: World, target: World
) -> None:
    holder = await filled(source, target)
    await restore(target, holder, await exported(source, holder))
    position = await source.pool.fetchval("SELECT max(history_id) FROM identifier_history")
    source.clock.advance(hours=1)
    await change(source, holder, Change.UPDATE, "PLAIN", serial="S9")
    await change(source, holder, Change.UPDATE, "MERGED", serial="S1")
    await change(source, holder, Change.RESUME, "SUSPENDED")
    await change(source, holder, Change.DELETE, "LISTS")
    await register(source, holder, "NEW", serial="S5")
    await register(source, holder, "gone", serial="S4")
    await register(source, holder, "BRIEF", serial="S7")
    await change(source, holder, Change.DELETE, "BRIEF")
    increment = await exported(source, holder, since=position)
    assert counts(await restore(target, holder, increment)) == (2, 5, 0, [])
    assert await everything(target) == await everything(source)
    assert counts(await restore(target, holder, increment)) == (0, 0, 7, [])


async def test_a_newer_version_that_stands_is_not_undone(source: World, target: World) -> None:
    holder = await filled(source, target)
    rows = await exported(source, holder)
    await restore(target, holder, rows)
    await change(target, holder, Change.UPDATE, "PLAIN", serial="S8")
    await change(target, holder, Change.DELETE, "LISTS")
    before = await everything(target)
    assert counts(await restore(target, holder, rows)) == (
        0, 0, 2, [("lists", "biaoshi_version", "version_changed"), ("Plain", "biaoshi_version", "version_changed")],
    )  # fmt: skip
    assert await everything(target) == before


async def test_the_same_version_with_other_content_is_refused(source: World, target: World) -> None:
    holder = await filled(source, target)
    await register(target, holder, "PLAIN", serial="S1", model="M")
    [row] = [row for row in await exported(source, holder) if row["suffix"] == "Plain"]
    assert counts(await restore(target, holder, [row])) == (0, 0, 0, [("Plain", "suffix", "identifier_exists")])


async def test_a_tombstone_keeps_an_older_export_from_bringing_an_identifier_back(
    source: World, target: World
) -> None:
    holder = await filled(source, target)
    old = await exported(source, holder)
    await change(source, holder, Change.DELETE, "PLAIN")
    [tombstone] = [row for row in await exported(source, holder, since=0) if row["suffix"] == "Plain"]
    assert (tombstone["biaoshi_state"], tombstone["biaoshi_version"], "serial" in tombstone) == ("deleted", 2, False)
    assert counts(await restore(target, holder, [tombstone])) == (0, 1, 0, [])
    assert counts(await restore(target, holder, [row for row in old if row["suffix"] == "Plain"])) == (
        0, 0, 0, [("Plain", "biaoshi_version", "version_changed")],
    )  # fmt: skip
    await register(target, holder, "plain", serial="S1")
    assert await target.pool.fetchval("SELECT version FROM identifier") == 3


async def test_a_value_that_another_identifier_holds_is_refused_by_the_name_of_its_attribute(
    source: World, target: World
) -> None:
    holder = await filled(source, target)
    await register(target, holder, "STRANGER", serial="S5")
    outcome = await restore(target, holder, await exported(source, holder))
    assert counts(outcome) == (3, 0, 0, [("MERGED", "serial", "value_taken")])
    assert [row.origin for row, _ in outcome.refused] == [1]


async def test_a_file_that_the_enterprise_does_not_have_is_refused(source: World, target: World) -> None:
    holder = await filled(source, target)
    row = (await exported(source, holder))[0]
    row["manual"] = f"sha256-{'ab' * 32}"
    assert counts(await restore(target, holder, [row])) == (0, 0, 0, [(row["suffix"], "manual", "file_unknown")])


async def test_each_restored_identifier_leaves_its_traces(
    source: World, target: World, other_database_url: str
) -> None:
    holder = await filled(source, target)
    rows = await exported(source, holder)
    histories, leaves, reports = await target.traces()
    async with Notices.of(other_database_url) as notices:
        await restore(target, holder, rows)
        assert await notices() == [f"a{holder.prefix.key}/"]
    assert await target.traces() == (histories + 4, leaves + 4, reports + 1)
    history = await target.pool.fetch(
        "SELECT suffix_key, version, action, at, before, before_state FROM identifier_history ORDER BY suffix_key"
    )
    at = target.clock()
    assert [tuple(row) for row in history] == [
        ("LISTS", 1, 1, at, None, None), ("MERGED", 2, 1, at, None, None), ("PLAIN", 1, 1, at, None, None),
        ("SUSPENDED", 2, 1, at, None, None),
    ]  # fmt: skip
    report = json.loads(await target.pool.fetchval("SELECT body FROM outbox ORDER BY outbox_id DESC LIMIT 1"))
    assert (report["registered"], report["suspended"]) == (4, 1)
    kept = await target.pool.fetchval("SELECT record FROM identifier WHERE suffix_key = 'MERGED'")
    source.clock.advance(seconds=5)
    await change(source, holder, Change.UPDATE, "MERGED", weight="3")
    await change(source, holder, Change.RESUME, "SUSPENDED")
    async with Notices.of(other_database_url) as notices:
        await restore(target, holder, await exported(source, holder))
        assert await notices() == [f"k{holder.prefix.key}/MERGED\nSUSPENDED"]
    later = await target.pool.fetch(
        "SELECT suffix_key, version, action, before, before_state FROM identifier_history WHERE version = 3"
        " ORDER BY suffix_key"
    )
    assert [tuple(row) for row in later] == [("MERGED", 3, 2, kept, 1), ("SUSPENDED", 3, 5, None, 3)]


SOUND: dict[str, Any] = {
    "suffix": "A-1", "serial": "S", "biaoshi_template": "kinds@1", "biaoshi_version": 3, "biaoshi_state": "live",
    "biaoshi_registered_at": "2026-01-02T03:04:05.000006+00:00",
    "biaoshi_updated_at": "2026-01-02T03:04:05.000006+00:00",
}  # fmt: skip
WRONG: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"biaoshi_template": "kinds@2"}, [("biaoshi_template", "not_an_exported_row")]),
    ({"biaoshi_template": None}, [("biaoshi_template", "not_an_exported_row")]),
    ({"biaoshi_template": ["kinds@1"]}, [("biaoshi_template", "not_an_exported_row")]),
    ({"biaoshi_version": 0, "biaoshi_state": "dead"},
     [("biaoshi_version", "not_an_exported_row"), ("biaoshi_state", "not_an_exported_row")]),
    ({"biaoshi_version": 2**31}, [("biaoshi_version", "not_an_exported_row")]),
    ({"biaoshi_version": "9" * 5000}, [("biaoshi_version", "not_an_exported_row")]),
    ({"biaoshi_version": True}, [("biaoshi_version", "not_an_exported_row")]),
    ({"biaoshi_registered_at": "2026-01-02T03:04:05"}, [("biaoshi_registered_at", "not_an_exported_row")]),
    ({"biaoshi_updated_at": "yesterday"}, [("biaoshi_updated_at", "not_an_exported_row")]),
    ({"biaoshi_updated_at": "0001-01-01T00:00:00+23:59"}, [("biaoshi_updated_at", "not_an_exported_row")]),
    ({"biaoshi_updated_at": "1969-12-31T23:59:59+00:00"}, [("biaoshi_updated_at", "not_an_exported_row")]),
    ({"biaoshi_written_at": "{"}, [("biaoshi_written_at", "not_an_exported_row")]),
    ({"biaoshi_written_at": '{"serial": 5}'}, [("biaoshi_written_at", "not_an_exported_row")]),
    ({"biaoshi_written_at": '{"color": "2026-01-02T03:04:05+00:00"}'},
     [("biaoshi_written_at", "not_an_exported_row")]),
    ({"biaoshi_written_at": "9999-01-02T03:04:05+00:00"}, [("biaoshi_written_at", "not_an_exported_row")]),
    ({"biaoshi_written_at": "[" * 9000}, [("biaoshi_written_at", "not_an_exported_row")]),
    ({"color": "red"}, [("color", "unknown_attribute")]),
    ({"weight": "heavy"}, [("weight", "not_a_number")]),
    ({"suffix": ""}, [("suffix", "suffix_missing")]),
    ({"suffix": "", "biaoshi_state": "deleted"}, [("suffix", "suffix_missing")]),
    ({"suffix": 5, "biaoshi_state": "deleted"}, [("suffix", "suffix_not_text")]),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), WRONG, ids=lambda part: str(part)[:60])
async def test_a_row_that_no_export_wrote_is_refused_by_its_column(
    source: World, said: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    back = await kinds_under(source)
    faults = back.row({**SOUND, **said})
    assert isinstance(faults, list)
    assert [(fault.field, str(fault.code)) for fault in faults] == expected


async def kinds_under(world: World) -> RestoredRows:
    holder = await world.holder()
    return RestoredRows(holder.prefix, {"kinds@1": await world.template(KINDS)})


async def test_the_cells_of_a_table_say_what_the_members_of_an_object_say(source: World) -> None:
    back = await kinds_under(source)
    as_object = back.row({**SOUND, "tags": ["a", "b"], "biaoshi_line": 7})
    empty = dict.fromkeys(("model", "weight", "part_of", "manual", *RESERVED_MEMBERS, "biaoshi_message"), "")
    as_cells = back.row({**empty, **SOUND, "tags": '["a","b"]', "biaoshi_version": "3"})
    assert isinstance(as_object, Restored)
    assert as_object == as_cells
    assert (as_object.version, as_object.state) == (3, IdentifierState.LIVE)


async def test_two_restores_at_once_write_each_identifier_once(source: World, target: World) -> None:
    holder = await source.holder()
    await target.holder()
    for world in (source, target):
        await world.template(KINDS)
    for number in range(60):
        await register(source, holder, f"R{number:02}", serial=f"S{number}")
    rows = await exported(source, holder)
    outcomes = await asyncio.gather(*(restore(target, holder, rows[start:]) for start in (0, 20, 10)))
    assert sum(outcome.registered for outcome in outcomes) == 60
    assert sum(outcome.unchanged for outcome in outcomes) == 90
    assert all(counts(outcome)[3] == [] for outcome in outcomes)
    assert await everything(target) == await everything(source)
