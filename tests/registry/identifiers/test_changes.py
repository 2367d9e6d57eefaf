"""Changes by the thousand: what becomes of identifiers, what each change leaves behind, and how it is undone."""

from __future__ import annotations

import asyncio
import hmac
import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from node.auth import Action
from node.database import Pool, transaction
from node.notices import Notice, NoticeKind
from node.record import decode_values
from registry.identifiers.changes import Asked, Change, Migration, weigh_many
from registry.identifiers.leaves import Change as Kind
from registry.prefixes import writable_prefix
from registry.templates.stored import StoredTemplate
from tests.support.bench import Bench
from tests.support.notices import Notices
from tests.support.world import PUMP, World

PUMPS = {f"P-{number}": {"name": "离心泵", "serial": f"S-{number}", "model": "CP-7"} for number in range(6)}


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def pump(world: World) -> StoredTemplate:
    return await world.template()


@pytest.fixture
async def bench(world: World, pump: StoredTemplate) -> Bench:
    bench = Bench(world, await world.holder())
    await bench.register(pump, PUMPS)
    return bench


def codes(outcome: Any) -> list[tuple[Any, str | None, str]]:
    """Who was refused, over which field, why."""
    return [
        (asked.suffix_key if isinstance(asked, Asked) else asked, fault.field, str(fault.code))
        for asked, fault in outcome.refused
    ]


def counts(outcome: Any) -> tuple[int, int, int]:
    return outcome.changed, outcome.unchanged, len(outcome.refused)


def wanting(**serials: str | None) -> list[Asked]:
    """Rows P_0="S-1" that ask for serials."""
    return [Asked(key.replace("_", "-"), values={"serial": serial}) for key, serial in serials.items()]


# Update ---------------------------------------------------------------------------------------------


async def test_an_update_changes_what_it_names_and_nothing_else(bench: Bench) -> None:
    outcome = await bench.change(Change.UPDATE, [Asked("P-0", values={"weight_kg": "12.50", "model": None})])
    assert counts(outcome) == (1, 0, 0)
    standing = await bench.standing()
    assert standing["P-0"][1:2] + standing["P-0"][3:] == (
        2, {"name": "离心泵", "serial": "S-0", "weight_kg": "12.50"},
    )  # fmt: skip
    assert standing["P-1"][1] == 1
    assert {(key, value) for key, _, _, _, value in await bench.side() if key == "P-0"} == {("P-0", "S-0")}


async def test_an_update_that_says_what_stands_changes_nothing(bench: Bench) -> None:
    before = await bench.world.traces()
    rows = [Asked(key, values=values) for key, values in PUMPS.items()]
    assert counts(await bench.change(Change.UPDATE, rows)) == (0, 6, 0)
    assert await bench.world.traces() == before


async def test_every_bad_row_is_handed_back_with_what_is_wrong_and_the_others_go_on(bench: Bench) -> None:
    rows = [
        Asked("P-0", values={"weight_kg": "heavy", "made_on": "gestern"}, origin="line 2"),
        Asked("P-1", values={"colour": "red"}),
        Asked("P-2", values={"name": None}),
        Asked("NOBODY", values={"model": "X"}),
        Asked("P-3", 7, values={"model": "X"}),
        Asked("P-4", 1, values={"model": "X"}),
        Asked("P-4", values={"model": "Y"}),
        Asked("P-5", values={"serial": "S-0"}),
    ]
    outcome = await bench.change(Change.UPDATE, rows)
    assert codes(outcome) == [
        ("P-0", "weight_kg", "not_a_number"), ("P-0", "made_on", "not_a_date"),
        ("P-1", "colour", "unknown_attribute"), ("P-2", "name", "required"),
        ("NOBODY", "suffix", "identifier_unknown"), ("P-3", "biaoshi_version", "version_changed"),
        ("P-4", "suffix", "duplicate_row"), ("P-5", "serial", "value_taken"),
    ]  # fmt: skip
    assert outcome.refused[0][0].origin == "line 2"
    assert (outcome.changed, outcome.unchanged) == (1, 0)
    assert (await bench.standing())["P-4"][3]["model"] == "X"


async def test_two_rows_of_a_chunk_exchange_their_unique_values(bench: Bench) -> None:
    assert counts(await bench.change(Change.UPDATE, wanting(P_0="S-1", P_1="S-2", P_2="S-0"))) == (3, 0, 0)
    standing = await bench.standing()
    assert [standing[key][3]["serial"] for key in ("P-0", "P-1", "P-2")] == ["S-1", "S-2", "S-0"]


async def test_nobody_gets_the_value_of_one_that_is_refused(bench: Bench) -> None:
    outcome = await bench.change(Change.UPDATE, wanting(P_0="S-1", P_1="S-5", P_2="NEW", P_3="NEW", P_4="S-2"))
    assert sorted(codes(outcome)) == [
        ("P-0", "serial", "value_taken"), ("P-1", "serial", "value_taken"), ("P-3", "serial", "value_taken"),
    ]  # fmt: skip
    assert (await bench.standing())["P-4"][3]["serial"] == "S-2"


async def test_a_value_given_up_is_free_at_once(bench: Bench) -> None:
    assert counts(await bench.change(Change.UPDATE, wanting(P_0=None, P_1="S-0"))) == (2, 0, 0)


async def test_two_changes_at_once_that_want_one_value_do_not_both_get_it(bench: Bench) -> None:
    outcomes = await asyncio.gather(
        *(bench.change(Change.UPDATE, [Asked(f"P-{number}", values={"serial": "ONE"})]) for number in range(6))
    )
    assert sorted(outcome.changed for outcome in outcomes) == [0] * 5 + [1]
    assert {code for outcome in outcomes for _, _, code in codes(outcome)} == {"value_taken"}


# Delete, suspend, resume ------------------------------------------------------------------------------


async def test_what_is_deleted_leaves_the_side_index_and_keeps_its_history(bench: Bench) -> None:
    assert counts(await bench.change(Change.DELETE, ["P-0", "P-1", "NOBODY"])) == (2, 0, 1)
    assert {key for key, *_ in await bench.side()} == {"P-2", "P-3", "P-4", "P-5"}
    assert (await bench.standing())["P-0"] == ("deleted", 2, 1, {})
    kept = await bench.world.pool.fetchrow(
        "SELECT before, before_state, before_template_id FROM identifier_history"
        " WHERE suffix_key = 'P-0' AND version = 2"
    )
    assert [value.data.decode() for value in decode_values(kept["before"])] == ["离心泵", "S-0", "CP-7"]
    assert (kept["before_state"], kept["before_template_id"]) == (1, 1)


async def test_the_same_deletion_again_changes_nothing(bench: Bench) -> None:
    await bench.change(Change.DELETE, ["P-0"])
    before = await bench.world.traces()
    assert counts(await bench.change(Change.DELETE, ["P-0", Asked("P-0", 1)])) == (0, 1, 1)
    assert await bench.world.traces() == before
    assert codes(await bench.change(Change.SUSPEND, ["P-0"])) == [("P-0", "suffix", "identifier_unknown")]


async def test_a_suspended_identifier_keeps_its_data_and_its_unique_values(bench: Bench) -> None:
    assert counts(await bench.change(Change.SUSPEND, ["P-0", "P-1"])) == (2, 0, 0)
    assert counts(await bench.change(Change.SUSPEND, ["P-0", "P-1", "P-2"])) == (1, 2, 0)
    assert (await bench.standing())["P-0"] == ("suspended", 2, 1, PUMPS["P-0"])
    assert codes(await bench.change(Change.UPDATE, wanting(P_4="S-0"))) == [("P-4", "serial", "value_taken")]


async def test_a_suspended_identifier_can_be_updated_deleted_and_resumed(bench: Bench) -> None:
    await bench.change(Change.SUSPEND, ["P-0", "P-1", "P-2"])
    assert counts(await bench.change(Change.UPDATE, [Asked("P-0", values={"model": "X"})])) == (1, 0, 0)
    assert (await bench.standing())["P-0"][:2] == ("suspended", 3)
    assert counts(await bench.change(Change.DELETE, ["P-1"])) == (1, 0, 0)
    assert counts(await bench.change(Change.RESUME, ["P-0", "P-2", "P-3"])) == (2, 1, 0)
    assert await bench.kinds("P-0") == [Kind.REGISTER, Kind.SUSPEND, Kind.UPDATE, Kind.RESUME]
    assert (await bench.standing())["P-2"] == ("live", 3, 1, PUMPS["P-2"])


# Migrate ----------------------------------------------------------------------------------------------

PUMP_2: dict[str, Any] = {
    "name": "pump-2",
    "version": 1,
    "title_zh": "水泵",
    "attributes": [
        {"name": "title", "title_zh": "名称", "required": True},
        {"name": "serial", "title_zh": "出厂编号", "unique": True},
        {"name": "weight", "title_zh": "重量", "kind": "number", "unit": "g"},
        {"name": "maker", "title_zh": "制造商", "required": True, "listed": True},
    ],
}


async def test_a_migration_maps_the_old_attributes_and_fills_the_new_ones(bench: Bench) -> None:
    target = await bench.world.template(PUMP_2)
    await bench.change(Change.UPDATE, [Asked("P-0", values={"weight_kg": "12.5"})])
    migration = Migration(target, {"name": "title", "model": None, "weight_kg": "weight"}, {"maker": "示例"})
    assert counts(await bench.change(Change.MIGRATE, ["P-0", "P-1"], migration)) == (2, 0, 0)
    standing = await bench.standing()
    assert standing["P-0"][2:] == (
        target.template_id, {"title": "离心泵", "serial": "S-0", "weight": "12.5", "maker": "示例"},
    )  # fmt: skip
    assert ("P-1", target.template_id, 2003, False, "示例") in await bench.side()
    assert ("P-1", 1, 2001, True, "S-1") not in await bench.side()
    assert counts(await bench.change(Change.MIGRATE, ["P-0"], migration)) == (0, 1, 0)


async def test_numbers_migrate_with_their_unit(bench: Bench) -> None:
    measured = {**PUMP, "name": "measured", "attributes": [
        {"name": "name", "title_zh": "名称"}, {"name": "weight", "title_zh": "重量", "kind": "number", "unit": "kg"},
    ]}  # fmt: skip
    stored = await bench.world.template(measured)
    await bench.register(stored, {"M-1": {"name": "x", "weight": "12.5"}})
    migration = Migration(await bench.world.template(PUMP_2), {"name": "title"}, {"maker": "示例"})
    assert counts(await bench.change(Change.MIGRATE, ["M-1"], migration)) == (1, 0, 0)
    assert (await bench.standing())["M-1"][3]["weight"] == "12500"


async def test_a_row_that_does_not_fit_the_target_is_refused_with_its_faults(bench: Bench) -> None:
    migration = Migration(await bench.world.template(PUMP_2), {"model": "title", "name": "title"})
    outcome = await bench.change(Change.MIGRATE, ["P-0"], migration)
    assert codes(outcome) == [("P-0", "title", "duplicate_key"), ("P-0", "maker", "required")]
    outcome = await bench.change(Change.MIGRATE, ["P-0"], Migration(migration.target, {}, {"maker": "示例"}))
    assert codes(outcome) == [
        ("P-0", "name", "unknown_attribute"), ("P-0", "model", "unknown_attribute"), ("P-0", "title", "required"),
    ]  # fmt: skip
    assert (await bench.standing())["P-0"] == ("live", 1, 1, PUMPS["P-0"])


# What a change leaves behind ----------------------------------------------------------------------------


async def test_a_chunk_leaves_history_and_a_leaf_for_each_and_one_summary(bench: Bench) -> None:
    before = await bench.world.traces()
    await bench.change(Change.SUSPEND, ["P-0", "P-1", "P-2"])
    assert [now - then for now, then in zip(await bench.world.traces(), before, strict=True)] == [3, 3, 1]
    leaf = json.loads(await bench.world.pool.fetchval("SELECT leaf FROM event ORDER BY event_id DESC LIMIT 1"))
    record = await bench.world.pool.fetchval("SELECT record FROM identifier WHERE suffix_key = 'P-2'")
    secret = await bench.world.pool.fetchval("SELECT log_secret FROM prefix")
    keyed = hmac.digest(secret, b"P-2", "sha256")
    assert (leaf["op"], leaf["version"], leaf["id"]) == ("identifier.suspend", 2, keyed[:16].hex())
    assert leaf["hash"] == sha256(keyed[16:] + (2).to_bytes(4, "big") + record).hexdigest()
    rows = await bench.world.pool.fetch(
        "SELECT batch_id, before, before_state, account_id FROM identifier_history WHERE version = 2"
    )
    assert {tuple(row) for row in rows} == {(bench.last, None, 1, bench.holder.account.account_id)}


async def test_the_summaries_add_up_to_the_number_of_identifiers(bench: Bench) -> None:
    await bench.change(Change.DELETE, ["P-0", "P-1"])
    deleted = bench.last
    await bench.change(Change.SUSPEND, ["P-2"])
    suspended = bench.last
    await bench.change(Change.UPDATE, [Asked("P-3", values={"model": "X"})])
    updated = bench.last
    migration = Migration(await bench.world.template({**PUMP, "name": "pump-3"}))
    await bench.change(Change.MIGRATE, ["P-4"], migration)
    for batch_id in (deleted, suspended, updated):
        await bench.undo(batch_id)
    reported = await bench.reported()
    assert reported == {
        "registered": 8, "updated": 3, "deleted": 2, "suspended": 1, "resumed": 1, "migrated": 1, "undone": 4,
    }  # fmt: skip
    live = [key for key, (state, *_) in (await bench.standing()).items() if state != "deleted"]
    assert reported["registered"] - reported["deleted"] == len(live)


async def test_resolvers_hear_exactly_what_changed_in_few_notices(
    bench: Bench, pump: StoredTemplate, notices: Notices
) -> None:
    keys = [f"MANY-{number:05d}" for number in range(2000)]
    await bench.register(pump, {key: {"name": "x", "serial": key} for key in keys})
    assert len(await notices()) == 1
    await bench.change(Change.SUSPEND, ["P-0", *keys[:1000], "NOBODY"])
    heard = [Notice.decode(payload) for payload in await notices()]
    assert len(heard) == 2
    assert {notice.kind for notice in heard} == {NoticeKind.IDENTIFIERS}
    assert sorted(key for notice in heard for key in notice.suffix_keys) == sorted(["P-0", *keys[:1000]])


async def test_weighing_says_what_would_happen_and_leaves_no_trace(bench: Bench) -> None:
    before = await bench.world.traces()
    rows = [Asked("P-0", values={"model": "X"}), Asked("P-1", values=PUMPS["P-1"]), Asked("NOBODY")]
    async with transaction(bench.world.pool) as connection:
        holder = bench.holder
        grant = await writable_prefix(connection, holder.account, Action.IDENTIFIER_UPDATE, holder.prefix)
        weighed = await weigh_many(connection, grant, Change.UPDATE, rows, at=bench.world.clock())
    assert [asked.suffix_key for asked, _ in weighed.revisions] == ["P-0"]
    assert [asked.suffix_key for asked in weighed.unchanged] == ["P-1"]
    assert codes(weighed) == [("NOBODY", "suffix", "identifier_unknown")]
    assert await bench.world.traces() == before


# References and files -----------------------------------------------------------------------------------

PART: dict[str, Any] = {
    "name": "part",
    "version": 1,
    "title_zh": "部件",
    "attributes": [
        {"name": "name", "title_zh": "名称"},
        {"name": "made_of", "title_zh": "组成", "kind": "reference", "many": True},
        {"name": "manual", "title_zh": "手册", "kind": "file"},
    ],
}


async def references(bench: Bench) -> set[tuple[str, str]]:
    rows = await bench.world.pool.fetch("SELECT suffix_key, target_suffix_key FROM identifier_reference")
    return {(row["suffix_key"], row["target_suffix_key"]) for row in rows}


async def test_references_follow_every_change_and_its_undoing(bench: Bench) -> None:
    part = await bench.world.template(PART)
    prefix = bench.holder.prefix.text
    await bench.register(part, {"X": {"name": "x", "made_of": [f"{prefix}/P-0", f"{prefix}/P-1"]}})
    assert await references(bench) == {("X", "P-0"), ("X", "P-1")}
    await bench.change(Change.UPDATE, [Asked("X", values={"made_of": [f"{prefix}/P-2"]})])
    updated = bench.last
    assert await references(bench) == {("X", "P-2")}
    await bench.undo(updated)
    assert await references(bench) == {("X", "P-0"), ("X", "P-1")}
    await bench.change(Change.DELETE, ["X"])
    deleted = bench.last
    assert await references(bench) == set()
    await bench.undo(deleted)
    assert await references(bench) == {("X", "P-0"), ("X", "P-1")}


async def test_a_row_that_names_an_unknown_file_is_refused(bench: Bench) -> None:
    part = await bench.world.template(PART)
    await bench.register(part, {"X": {"name": "x"}, "Y": {"name": "y"}})
    account = bench.holder.account
    content = b"%PDF-1.7 manual"
    await bench.world.pool.execute(
        "INSERT INTO file VALUES ($1, $2, 'manual.pdf', 'application/pdf', $3, $4, now())",
        account.enterprise_id, sha256(content).digest(), len(content), account.account_id,
    )  # fmt: skip
    good, bad = f"sha256-{sha256(content).hexdigest()}", f"sha256-{'0' * 64}"
    rows = [Asked("X", values={"manual": good}), Asked("Y", values={"manual": bad})]
    outcome = await bench.change(Change.UPDATE, rows)
    assert codes(outcome) == [("Y", "manual", "file_unknown")]
    assert outcome.changed == 1
    assert (await bench.standing())["X"][3]["manual"] == good


# Undo ---------------------------------------------------------------------------------------------------


async def everything(bench: Bench) -> tuple[Any, Any]:
    """What can be seen of identifiers, apart from their versions."""
    standing = {key: (state, template, data) for key, (state, _, template, data) in (await bench.standing()).items()}
    return {key: seen for key, seen in standing.items() if seen[0] != "deleted"}, await bench.side()


@pytest.mark.parametrize("window", [1, 4, 5000])
async def test_every_change_can_be_undone_whatever_the_window(bench: Bench, window: int) -> None:
    target = await bench.world.template({**PUMP, "name": "pump-3"})
    await bench.change(Change.SUSPEND, ["P-5"])
    ways: list[tuple[Change, list[Asked | str], Migration | None]] = [
        (Change.UPDATE, [Asked("P-0", values={"serial": "S-1"}), Asked("P-1", values={"serial": "S-0"})], None),
        (Change.DELETE, ["P-0", "P-1", "P-5"], None),
        (Change.SUSPEND, ["P-0", "P-1"], None),
        (Change.RESUME, ["P-5"], None),
        (Change.MIGRATE, ["P-0", "P-1", "P-5"], Migration(target)),
    ]
    for change, rows, migration in ways:
        before = await everything(bench)
        assert counts(await bench.change(change, rows, migration)) == (len(rows), 0, 0)
        after, batch_id = await everything(bench), bench.last
        assert after != before
        undone = await bench.undo(batch_id, window)
        assert (undone.changed, undone.refused) == (len(rows), [])
        assert await everything(bench) == before
        redone = await bench.undo(bench.last, window)
        assert (redone.changed, redone.refused) == (len(rows), [])
        assert await everything(bench) == after
        await bench.undo(bench.last, window)


async def test_an_undone_registration_is_deleted_and_an_undone_revival_too(
    bench: Bench, pump: StoredTemplate
) -> None:
    registered = bench.last
    assert (await bench.undo(registered)).changed == 6
    assert await bench.side() == set()
    assert {state for state, *_ in (await bench.standing()).values()} == {"deleted"}
    await bench.register(pump, {"P-0": PUMPS["P-0"]})
    assert (await bench.undo(bench.last)).changed == 1
    assert (await bench.standing())["P-0"] == ("deleted", 4, 1, {})


async def test_what_was_changed_since_is_not_undone(bench: Bench) -> None:
    await bench.change(Change.UPDATE, [Asked(key, values={"model": "X"}) for key in ("P-0", "P-1", "P-2")])
    updated = bench.last
    await bench.change(Change.UPDATE, [Asked("P-1", values={"model": "Y"})], alone=True)
    await bench.change(Change.DELETE, ["P-2"])
    undone = await bench.undo(updated)
    assert undone.changed == 1
    assert codes(undone) == [("P-1", "suffix", "changed_since"), ("P-2", "suffix", "changed_since")]
    standing = await bench.standing()
    assert [standing[key][3].get("model") for key in ("P-0", "P-1", "P-2")] == ["CP-7", "Y", None]


async def test_a_value_that_somebody_else_has_by_now_keeps_a_deletion_from_being_undone(
    bench: Bench, pump: StoredTemplate
) -> None:
    await bench.change(Change.DELETE, ["P-0", "P-1"])
    deleted = bench.last
    await bench.register(pump, {"NEW": {"name": "x", "serial": "S-0"}})
    undone = await bench.undo(deleted)
    assert (undone.changed, codes(undone)) == (1, [("P-0", "serial", "value_taken")])


async def test_a_batch_that_changed_an_identifier_twice_is_undone_to_its_beginning(bench: Bench) -> None:
    await bench.change(Change.UPDATE, [Asked("P-0", values={"model": "X"})])
    await bench.change(Change.UPDATE, [Asked("P-0", values={"model": "Y", "serial": "S-X"})], continued=True)
    undone = await bench.undo(bench.last, window=1)
    assert (undone.changed, undone.refused) == (1, [])
    assert (await bench.standing())["P-0"] == ("live", 4, 1, PUMPS["P-0"])


async def test_values_that_went_from_chunk_to_chunk_find_their_way_back(bench: Bench) -> None:
    before = await everything(bench)
    await bench.change(Change.UPDATE, wanting(P_0="T", P_1="S-0"))
    for number in range(2, 6):
        rows = [Asked(f"P-{number}", values={"serial": f"S-{number - 1}"})]
        assert counts(await bench.change(Change.UPDATE, rows, continued=True)) == (1, 0, 0)
    undone = await bench.undo(bench.last, window=1)
    assert (undone.changed, undone.refused) == (6, [])
    assert await everything(bench) == before


async def test_an_undone_batch_leaves_entries_of_the_undoing_one(bench: Bench) -> None:
    await bench.change(Change.SUSPEND, ["P-0"])
    suspended = bench.last
    await bench.undo(suspended)
    row = await bench.world.pool.fetchrow(
        "SELECT action, batch_id, before, before_state FROM identifier_history"
        " WHERE suffix_key = 'P-0' AND version = 3"
    )
    assert tuple(row) == (int(Kind.UNDO), bench.last, None, 3)
    assert isinstance(bench.last, UUID)
    assert bench.last != suspended
