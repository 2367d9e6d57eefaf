"""Registrations are counted with what they count: no change of an identifier is missed, none is counted twice."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from node.auth import Action
from node.china_time import CHINA, day_of
from node.database import Pool, open_pool, transaction
from node.migrate import SCHEMA, migrate
from registry.export.forms import as_ndjson
from registry.export.pages import Selection
from registry.export.restore import Restored, RestoredRows, restorable_templates, restore_many
from registry.identifiers.changes import Asked, Change, Migration
from registry.identifiers.registering import Registering, Registration
from registry.identifiers.writing import Signature, write_signed
from registry.prefixes import writable_prefix
from registry.tallies import RegistrationCounts, registrations_from_history, sum_registrations
from registry.templates.encoder import Entry
from registry.templates.stored import StoredTemplate
from tests.support.bench import Bench
from tests.support.world import PUMP, Holder, World

EVER = date(2000, 1, 1), date(2100, 1, 1)
PART: dict[str, Any] = {**PUMP, "name": "part", "title_zh": "零件"}
COUNTS = tuple(asdict(RegistrationCounts()))


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
async def pump(world: World) -> StoredTemplate:
    return await world.template()


@pytest.fixture
async def bench(world: World, pump: StoredTemplate) -> Bench:
    return Bench(world, await world.holder())


async def tallied(pool: Pool) -> RegistrationCounts:
    """All that was ever tallied."""
    total: Counter[str] = Counter()
    for row in await pool.fetch("SELECT * FROM registration_by_day"):
        total.update({name: row[name] for name in COUNTS})
    return RegistrationCounts(**total)


async def from_history(pool: Pool, since: date = EVER[0], until: date = EVER[1]) -> dict[Any, RegistrationCounts]:
    async with transaction(pool) as connection:
        return await registrations_from_history(connection, since, until)


async def by_day(pool: Pool) -> dict[Any, RegistrationCounts]:
    """The days as counted, as history can tell them: without templates."""
    days: dict[Any, Counter[str]] = {}
    for row in await pool.fetch("SELECT * FROM registration_by_day"):
        counted = {name: row[name] for name in COUNTS if not name.startswith("moved")}
        days.setdefault((row["day"], row["prefix_id"]), Counter()).update(counted)
    return {key: RegistrationCounts(**counted) for key, counted in days.items() if any(counted.values())}


async def differences(pool: Pool) -> dict[Any, Any]:
    """What is counted otherwise than history says, by day and prefix."""
    counted, again = await by_day(pool), await from_history(pool)
    again = {key: counts for key, counts in again.items() if counts != RegistrationCounts()}
    return {
        key: (counted.get(key), again.get(key))
        for key in counted.keys() | again.keys()
        if counted.get(key) != again.get(key)
    }


async def standing(pool: Pool) -> dict[int, int]:
    """How many identifiers stand, by template."""
    rows = await pool.fetch("SELECT template_id, count(*) AS stand FROM identifier WHERE state <> 2 GROUP BY 1")
    return {row["template_id"]: row["stand"] for row in rows}


async def live_by_template(pool: Pool) -> dict[int, int]:
    rows = await pool.fetch(
        "SELECT template_id, sum(registered - deleted + moved_in - moved_out)::bigint AS live"
        " FROM registration_by_day GROUP BY 1"
    )
    return {row["template_id"]: row["live"] for row in rows if row["live"]}


# What each change counts as ------------------------------------------------------------------------


async def test_every_change_counts_as_what_it_is(bench: Bench, pump: StoredTemplate) -> None:
    pool = bench.world.pool
    part = await bench.world.template(PART)
    await bench.register(pump, {f"P-{number}": {"name": "泵"} for number in range(6)})
    await bench.change(Change.UPDATE, [Asked(f"P-{number}", values={"model": "M"}) for number in range(5)])
    await bench.change(Change.MIGRATE, ["P-0", "P-1"], Migration(part))
    await bench.change(Change.UPDATE, [Asked("P-2", values={"name": "件"})], Migration(part))
    await bench.change(Change.SUSPEND, ["P-3", "P-4", "P-5"])
    await bench.change(Change.RESUME, ["P-4"])
    await bench.change(Change.DELETE, ["P-5", "P-0"])
    assert await tallied(pool) == RegistrationCounts(
        registered=6, first_registered=6, updated=8, deleted=2, suspended=3, resumed=1, moved_in=3, moved_out=3
    )
    rows = await pool.fetch("SELECT template_id, moved_in, moved_out, deleted FROM registration_tally ORDER BY 1, 4")
    assert {tuple(row) for row in rows if any(tuple(row)[1:])} == {
        (pump.template_id, 0, 2, 0), (pump.template_id, 0, 1, 0), (part.template_id, 2, 0, 0),
        (part.template_id, 1, 0, 0), (part.template_id, 0, 0, 1), (pump.template_id, 0, 0, 1),
    }  # fmt: skip
    assert await live_by_template(pool) == await standing(pool) == {pump.template_id: 2, part.template_id: 2}
    assert await differences(pool) == {}


async def test_deleting_and_registering_again_counts_once_as_new(bench: Bench, pump: StoredTemplate) -> None:
    for _ in range(3):
        await bench.register(pump, {"P-0": {"name": "泵"}})
        await bench.change(Change.DELETE, ["P-0"])
    await bench.register(pump, {"P-0": {"name": "泵"}, "P-1": {"name": "泵"}})
    assert await tallied(bench.world.pool) == RegistrationCounts(registered=5, first_registered=2, deleted=3)
    assert await differences(bench.world.pool) == {}


async def test_undoing_counts_as_what_came_of_it(bench: Bench, pump: StoredTemplate) -> None:
    pool = bench.world.pool
    await bench.register(pump, {"P-0": {"name": "泵"}, "P-1": {"name": "泵"}})
    registering = bench.last
    await bench.change(Change.SUSPEND, ["P-0", "P-1"])
    await bench.undo(bench.last)
    await bench.change(Change.UPDATE, [Asked("P-0", values={"model": "M"})])
    await bench.undo(bench.last)
    await bench.change(Change.MIGRATE, ["P-1"], Migration(await bench.world.template(PART)))
    await bench.undo(bench.last)
    await bench.change(Change.DELETE, ["P-0"])
    await bench.undo(bench.last)
    assert await tallied(pool) == RegistrationCounts(
        registered=3, first_registered=2, updated=4, deleted=1, suspended=2, resumed=2, moved_in=2, moved_out=2
    )
    assert await differences(pool) == {}
    await bench.undo(registering)
    assert (await tallied(pool)).deleted == 3
    assert await live_by_template(pool) == await standing(pool) == {}
    assert await differences(pool) == {}


async def test_a_refused_or_unchanged_row_counts_nothing(bench: Bench, pump: StoredTemplate) -> None:
    await bench.register(pump, {"P-0": {"name": "泵", "serial": "S"}})
    before = await bench.world.pool.fetch("SELECT * FROM registration_tally")
    await bench.register(pump, {"P-0": {"name": "泵", "serial": "S"}, "P-1": {"name": "别", "serial": "S"}})
    await bench.change(Change.UPDATE, [Asked("P-0", values={"name": "泵"}), Asked("P-9", values={"name": "泵"})])
    await bench.change(Change.RESUME, ["P-0"])
    assert await bench.world.pool.fetch("SELECT * FROM registration_tally") == before


async def test_registrations_of_two_days_written_at_once_count_on_their_own_days(
    bench: Bench, pump: StoredTemplate
) -> None:
    world, holder = bench.world, bench.holder
    midnight = datetime(2026, 12, 31, 16, tzinfo=UTC)  # 2027 begins in China
    times = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(seconds=1)]
    record = pump.template.compile().row(["泵", *[None] * 6], bytes(4))
    assert not isinstance(record, list)
    for spread in (1, 80):  # a few rows are written by one statement, many are copied
        async with transaction(world.pool) as connection:
            grant = await writable_prefix(connection, holder.account, Action.IDENTIFIER_REGISTER, holder.prefix)
            signed = [
                (Entry(f"P-{spread}-{number}", f"P-{spread}-{number}", *record),
                 Signature(holder.account.account_id, holder.actor.interface, times[number % 3], None))
                for number in range(3 * spread)
            ]  # fmt: skip
            await write_signed(connection, grant, pump.template_id, signed)
    rows = await world.pool.fetch(
        "SELECT day, sum(registered), sum(first_registered) FROM registration_by_day GROUP BY day ORDER BY day"
    )
    assert [tuple(row) for row in rows] == [(date(2026, 12, 31), 81, 81), (date(2027, 1, 1), 162, 162)]
    assert await differences(world.pool) == {}


# Restored identifiers ------------------------------------------------------------------------------


async def restored(world: World, holder: Holder, rows: list[dict[str, Any]]) -> None:
    admin = world.administrator
    async with transaction(world.pool) as connection:
        grant = await writable_prefix(connection, admin, Action.IDENTIFIER_RESTORE, holder.prefix)
        back = RestoredRows(holder.prefix, await restorable_templates(connection, grant))
        read = [back.row(row, origin=number) for number, row in enumerate(rows)]
        sound = [row for row in read if isinstance(row, Restored)]
        assert len(sound) == len(rows), read
        outcome = await restore_many(
            connection, grant, sound, account_id=admin.account_id, interface=holder.actor.interface,
            at=world.clock(), batch_id=None,
        )  # fmt: skip
        assert not outcome.refused


@pytest.fixture
async def other(other_database_url: str) -> AsyncIterator[World]:
    pool = await open_pool(other_database_url, "biaoshi_writer", size=2, seconds=10, name="test restored")
    yield World(pool)
    pool.terminate()


async def exported(bench: Bench) -> list[dict[str, Any]]:
    """Everything that ever changed, deleted identifiers too."""
    opened = await bench.world.exports.open(bench.world.administrator, Selection(bench.holder.prefix, since=0))
    return [json.loads(line) for line in b"".join([block async for block in as_ndjson(opened)]).splitlines()]


async def test_of_what_is_restored_only_this_years_registrations_are_new(
    bench: Bench, pump: StoredTemplate, other: World
) -> None:
    bench.world.clock.now = datetime(2025, 12, 31, 15, 59, tzinfo=UTC)  # still 2025 in China; 2026 a minute later
    await bench.register(pump, {"OLD": {"name": "泵"}, "OLD-GONE": {"name": "泵"}, "BACK": {"name": "泵"}})
    await bench.change(Change.DELETE, ["OLD-GONE", "BACK"])
    bench.world.clock.advance(minutes=1)
    await bench.register(pump, {"NEW": {"name": "泵"}, "NEW-HELD": {"name": "泵"}, "BACK": {"name": "泵"}})
    await bench.change(Change.SUSPEND, ["NEW-HELD"])
    await other.holder()
    await other.template()
    await restored(other, bench.holder, await exported(bench))
    assert await tallied(other.pool) == RegistrationCounts(registered=4, first_registered=3, suspended=1)
    assert await differences(other.pool) == {}

    await bench.change(Change.UPDATE, [Asked("OLD", values={"model": "M"})])
    await bench.change(Change.DELETE, ["NEW"])
    await bench.change(Change.SUSPEND, ["BACK"])
    await bench.change(Change.RESUME, ["NEW-HELD"])
    await bench.register(pump, {"OLD-GONE": {"name": "泵"}})
    await restored(other, bench.holder, await exported(bench))
    await restored(other, bench.holder, await exported(bench))  # stands already: counts nothing
    assert await tallied(other.pool) == RegistrationCounts(
        registered=5, first_registered=3, updated=1, deleted=1, suspended=2, resumed=1
    )
    assert await differences(other.pool) == {}
    stand = sum((await standing(other.pool)).values())
    assert stand == sum((await live_by_template(other.pool)).values()) == 4


async def test_what_is_restored_counts_under_the_template_it_has_and_had(
    bench: Bench, pump: StoredTemplate, other: World
) -> None:
    await other.holder()
    part = await bench.world.template(PART)
    await other.template()
    await other.template(PART)
    await bench.register(pump, {"KEPT": {"name": "泵"}, "GONE": {"name": "泵"}, "HELD": {"name": "泵"}})
    await bench.change(Change.SUSPEND, ["HELD"])
    await restored(other, bench.holder, await exported(bench))
    await bench.change(Change.MIGRATE, ["GONE"], Migration(part))
    await bench.change(Change.DELETE, ["GONE"])
    await bench.change(Change.UPDATE, [Asked("HELD", values={"model": "M"})])  # stays suspended
    rows = await exported(bench)
    kept = next(row for row in rows if row["suffix"] == "KEPT")
    kept |= {"biaoshi_template": "part@1", "biaoshi_version": 2}  # the same record by another template
    await restored(other, bench.holder, rows)
    assert await tallied(other.pool) == RegistrationCounts(
        registered=3, first_registered=3, suspended=1, updated=2, deleted=1, moved_in=1, moved_out=1
    )
    assert await live_by_template(other.pool) == await standing(other.pool)
    assert len(await standing(other.pool)) == 2
    assert await differences(other.pool) == {}


# Adding up -----------------------------------------------------------------------------------------


async def test_adding_up_says_which_days_changed_and_changes_no_sum(bench: Bench, pump: StoredTemplate) -> None:
    pool = bench.world.pool
    await bench.register(pump, {"P-0": {"name": "泵"}, "P-1": {"name": "泵"}})
    first = day_of(bench.world.clock())
    bench.world.clock.advance(days=1)
    await bench.change(Change.DELETE, ["P-0"])
    before = await by_day(pool)
    async with transaction(pool) as connection:
        assert await sum_registrations(connection, most=1) == {first}
        assert await sum_registrations(connection) == {first + timedelta(days=1)}
        assert await sum_registrations(connection) == set()
    assert await by_day(pool) == before
    await bench.register(pump, {"P-2": {"name": "泵"}})
    async with transaction(pool) as connection:
        assert await sum_registrations(connection) == {first + timedelta(days=1)}
    assert await tallied(pool) == RegistrationCounts(registered=3, first_registered=3, deleted=1)
    assert await pool.fetchval("SELECT count(*) FROM registration_tally") == 0
    assert await differences(pool) == {}


async def test_an_addition_that_is_broken_off_has_added_nothing(bench: Bench, pump: StoredTemplate) -> None:
    pool = bench.world.pool
    await bench.register(pump, {"P-0": {"name": "泵"}})
    async with pool.acquire() as connection:
        begun = connection.transaction()
        await begun.start()
        assert len(await sum_registrations(connection)) == 1
        await begun.rollback()
    async with transaction(pool) as connection:
        assert len(await sum_registrations(connection)) == 1
    assert await tallied(pool) == RegistrationCounts(registered=1, first_registered=1)


async def test_adding_up_while_others_register_and_add_up_counts_each_exactly_once(
    world: World, pump: StoredTemplate
) -> None:
    holders = [await world.holder(2001 + number) for number in range(3)]
    desk, done = Registering(world.pool), asyncio.Event()

    async def register(holder: Holder, number: int) -> None:
        asked = Registration(
            holder.account, holder.actor.interface, holder.identifier(f"N-{number}"), {"name": "泵"}, world.clock()
        )
        await desk.register("pump", asked)

    async def add_up(most: int) -> None:
        while not done.is_set():
            async with transaction(world.pool) as connection:
                await sum_registrations(connection, most)

    async def everybody() -> None:
        for start in range(0, 600, 60):
            await asyncio.gather(*(register(holders[number % 3], number // 2) for number in range(start, start + 60)))
        done.set()

    await asyncio.gather(everybody(), add_up(1), add_up(7), add_up(20_000))
    stand = await world.pool.fetchval("SELECT count(*) FROM identifier")
    assert await tallied(world.pool) == RegistrationCounts(registered=stand, first_registered=stand)
    assert await differences(world.pool) == {}


@pytest.mark.parametrize("seed", range(4))
async def test_after_any_sequence_of_changes_counts_stand_and_history_agree(
    bench: Bench, pump: StoredTemplate, seed: int
) -> None:
    rng, pool = Random(seed), bench.world.pool
    templates = [pump, await bench.world.template(PART)]
    keys = [f"P-{number}" for number in range(8)]
    bench.world.clock.now = datetime(2026, 12, 30, 12, tzinfo=UTC)
    batches: list[UUID] = []
    for step in range(25):
        some = rng.sample(keys, rng.randint(1, 5))
        kind = rng.choice([*Change, Change.REGISTER])
        if kind is Change.REGISTER:
            await bench.register(rng.choice(templates), {key: {"name": f"泵{step}"} for key in some})
        elif kind is Change.UNDO:
            if batches:
                await bench.undo(batches.pop(rng.randrange(len(batches))))
            continue
        elif kind is Change.MIGRATE:
            await bench.change(kind, some, Migration(rng.choice(templates)))
        else:
            values = {"name": f"泵{step}"} if kind is Change.UPDATE else None
            await bench.change(kind, [Asked(key, values=values) for key in some])
        batches.append(bench.last)
        bench.world.clock.advance(hours=rng.choice([1, 5]))
        if rng.random() < 0.3:
            async with transaction(pool) as connection:
                await sum_registrations(connection, rng.randint(1, 5))
    assert await live_by_template(pool) == await standing(pool)
    assert await differences(pool) == {}
    ever = await pool.fetchval("SELECT count(*) FROM identifier")
    assert (await tallied(pool)).first_registered == ever
    reported = await bench.reported()
    assert {name: reported[name] for name in reported if name in COUNTS} == {
        name: count for name, count in asdict(await tallied(pool)).items() if name in reported
    }


# Counting again ------------------------------------------------------------------------------------


async def test_history_is_counted_by_days_of_china(bench: Bench, pump: StoredTemplate) -> None:
    bench.world.clock.now = datetime(2026, 11, 20, 15, 59, 58, tzinfo=UTC)
    await bench.register(pump, {"P-0": {"name": "泵"}})  # the last second of the 20th
    await bench.register(pump, {"P-1": {"name": "泵"}})
    bench.world.clock.now = datetime(2026, 11, 21, 15, 59, 58, tzinfo=UTC)
    await bench.change(Change.SUSPEND, ["P-0"])
    await bench.undo(bench.last)  # on the 22nd
    prefix_id = await bench.world.pool.fetchval("SELECT prefix_id FROM prefix")
    days = [date(2026, 11, 20) + timedelta(days=number) for number in range(3)]
    one = RegistrationCounts(registered=1, first_registered=1)
    wanted = [one, RegistrationCounts(registered=1, first_registered=1, suspended=1), RegistrationCounts(resumed=1)]
    for day, counts in zip(days, wanted, strict=True):
        assert await from_history(bench.world.pool, day, day) == {(day, prefix_id): counts}
    assert len(await from_history(bench.world.pool, days[0], days[2])) == 3


async def test_a_tally_that_was_edited_differs_from_history(bench: Bench, pump: StoredTemplate) -> None:
    await bench.register(pump, {"P-0": {"name": "泵"}})
    async with transaction(bench.world.pool) as connection:
        await sum_registrations(connection)
    await bench.world.pool.execute("UPDATE registration_day SET registered = 1000000")
    ((counted, again),) = (await differences(bench.world.pool)).values()
    assert (counted.registered, again.registered) == (1_000_000, 1)


async def test_what_was_registered_before_there_were_tallies_is_counted_from_history(
    server_url: Callable[[str], str], tmp_path: Path
) -> None:
    name, account = f"earlier_{uuid4().hex[:12]}", uuid4()
    server = await asyncpg.connect(server_url("postgres"))
    await server.execute(f'CREATE DATABASE "{name}"')
    try:
        for file in sorted(SCHEMA.glob("000[1-4]_*.sql")):
            shutil.copy(file, tmp_path)
        await migrate(server_url(name), tmp_path)
        connection = await asyncpg.connect(server_url(name))
        await connection.executemany(
            "INSERT INTO identifier (prefix_id, template_id, version, state, registered_at, updated_at, suffix_key,"
            " record) VALUES (1, $1, $2, $3, now(), now(), $4, '\\x00000000')",
            [(7, 4, 2, "A"), (7, 1, 1, "B"), (8, 3, 1, "C"), (8, 2, 2, "D")],
        )
        late, early = datetime(2026, 1, 1, 1, tzinfo=CHINA), datetime(2025, 12, 31, 23, tzinfo=CHINA)
        await connection.executemany(
            "INSERT INTO identifier_history (prefix_id, suffix_key, version, action, at, before_state,"
            " before_template_id, before, interface, account_id) VALUES (1, $1, $2, $3, $4, $5, $6, $7, 1, $8)",
            [
                ("A", 1, 1, early, None, None, None, account),
                ("A", 2, 3, early, 1, 7, b"record", account),
                ("A", 3, 1, late, 2, 7, None, account),
                ("A", 4, 3, late, None, None, None, account),  # as the first schema wrote it
                ("B", 1, 1, late, None, None, None, account),
                ("C", 1, 1, late, None, None, None, account),
                ("C", 2, 2, late, 1, 8, b"record", account),
                ("C", 3, 7, late, 1, 8, b"other", account),  # the update undone
                ("D", 1, 1, early, None, None, None, account),
                ("D", 2, 7, late, 1, 8, b"record", account),  # the registration undone
            ],
        )
        await connection.close()
        assert "0005_counting_that_stands_up.sql" in await migrate(server_url(name))
        pool = await open_pool(server_url(name), "biaoshi_writer", size=1, seconds=10, name="test earlier")
        try:
            rows = await pool.fetch(
                "SELECT day::text, template_id, registered, first_registered, updated, deleted"
                " FROM registration_day ORDER BY day, template_id"
            )
            assert [tuple(row) for row in rows] == [
                ("2025-12-31", 7, 1, 1, 0, 1),
                ("2025-12-31", 8, 1, 1, 0, 0),
                ("2026-01-01", 7, 2, 1, 0, 1),
                ("2026-01-01", 8, 1, 1, 2, 1),
            ]
            totals = await pool.fetch(
                "SELECT template_id, sum(registered), sum(deleted) FROM registration_total GROUP BY 1 ORDER BY 1"
            )
            assert [tuple(row) for row in totals] == [(-1, 5, 3), (7, 3, 2), (8, 2, 1)]
            months = await pool.fetch(
                "SELECT month::text, template_id, registered FROM registration_month ORDER BY month, template_id"
            )
            assert [tuple(row) for row in months] == [
                ("2025-12-01", 7, 1), ("2025-12-01", 8, 1), ("2026-01-01", 7, 2), ("2026-01-01", 8, 1)
            ]  # fmt: skip
            assert await live_by_template(pool) == await standing(pool) == {7: 1, 8: 1}
            assert await differences(pool) == {}
        finally:
            await pool.close()
    finally:
        await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await server.close()
