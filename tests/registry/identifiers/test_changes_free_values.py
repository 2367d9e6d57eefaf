"""Bulk changes, migrations and their undoing lose no value that the templates do not know."""

from __future__ import annotations

from typing import Any

import pytest

from node.database import Pool
from node.record import decode_values
from registry.identifiers.changes import Asked, Change, Migration
from tests.support.bench import Bench
from tests.support.registrar import THING, Registrar, admin_value, opened, value
from tests.support.world import World

ADMIN = admin_value("0.NA/88.101.2001")
FREE = (ADMIN, value(7, "X", b"\xff\x00"), value(9000, "NOTE", "frei"))
SECOND: dict[str, Any] = {
    **THING,
    "name": "second",
    "attributes": [
        {"name": "title", "title_zh": "名称", "index": 3000},
        {"name": "serial", "title_zh": "编号", "index": 3001, "unique": True},
    ],
}


@pytest.fixture
async def registrar(pool: Pool) -> Registrar:
    registrar = await opened(World(pool), free_values=True)
    await registrar.create("plain", value(2000, "NAME", "a"), value(2001, "SERIAL", "S1"))
    await registrar.create("free", value(2000, "NAME", "b"), value(2001, "SERIAL", "S2"), *FREE)
    return registrar


@pytest.fixture
def bench(registrar: Registrar) -> Bench:
    return Bench(registrar.world, registrar.holder)


async def test_a_bulk_update_keeps_them(registrar: Registrar, bench: Bench) -> None:
    outcome = await bench.change(
        Change.UPDATE, [Asked(key, values={"name": None, "weight": "5"}) for key in ("FREE", "PLAIN")]
    )
    assert (outcome.changed, outcome.refused) == (2, [])
    assert await registrar.stored("free") == {
        7: ("X", b"\xff\x00"), 100: ("HS_ADMIN", ADMIN.data), 2001: ("SERIAL", b"S2"), 2002: ("WEIGHT", b"5"),
        9000: ("NOTE", b"frei"),
    }  # fmt: skip
    assert await registrar.stored("plain") == {2001: ("SERIAL", b"S1"), 2002: ("WEIGHT", b"5")}


async def test_what_is_all_anew_is_all_anew_but_for_them(registrar: Registrar, bench: Bench) -> None:
    outcome = await bench.change(Change.UPDATE, [Asked("FREE", values={"weight": "5"}, whole=True)])
    assert outcome.changed == 1
    assert sorted(await registrar.stored("free")) == [7, 100, 2002, 9000]


async def test_a_migration_takes_them_along_and_its_undoing_brings_everything_back(
    registrar: Registrar, bench: Bench
) -> None:
    before = {suffix: (await registrar.standing(suffix))["record"] for suffix in ("free", "plain")}
    target = await registrar.world.template(SECOND)
    registrar.world.clock.advance(seconds=3)
    migration = Migration(target, {"name": "title"})
    outcome = await bench.change(Change.MIGRATE, ["FREE", "PLAIN"], migration)
    assert (outcome.changed, outcome.refused) == (2, [])
    assert await registrar.stored("free") == {
        7: ("X", b"\xff\x00"), 100: ("HS_ADMIN", ADMIN.data), 3000: ("TITLE", b"b"), 3001: ("SERIAL", b"S2"),
        9000: ("NOTE", b"frei"),
    }  # fmt: skip
    assert await registrar.stored("plain") == {3000: ("TITLE", b"a"), 3001: ("SERIAL", b"S1")}
    undone = await bench.undo(bench.last)
    assert (undone.changed, undone.refused) == (2, [])
    assert {suffix: (await registrar.standing(suffix))["record"] for suffix in ("free", "plain")} == before


async def test_one_in_the_way_of_an_attribute_of_the_target_refuses_its_row(
    registrar: Registrar, bench: Bench
) -> None:
    await registrar.create("way", value(2000, "NAME", "c"), value(3001, "X", b"\xff"))
    target = await registrar.world.template(SECOND)
    outcome = await bench.change(Change.MIGRATE, ["FREE", "PLAIN", "WAY"], Migration(target, {"name": "title"}))
    assert outcome.changed == 2
    assert [(asked.suffix_key, fault.field, fault.code) for asked, fault in outcome.refused] == [
        ("WAY", "serial", "index_occupied")
    ]
    assert sorted(await registrar.stored("way")) == [2000, 3001]


async def test_suspending_and_resuming_touch_nothing(registrar: Registrar, bench: Bench) -> None:
    before = (await registrar.standing("free"))["record"]
    await bench.change(Change.SUSPEND, ["FREE"])
    await bench.change(Change.RESUME, ["FREE"])
    assert (await registrar.standing("free"))["record"] == before


async def test_an_undone_deletion_brings_them_back(registrar: Registrar, bench: Bench) -> None:
    before = (await registrar.standing("free"))["record"]
    await bench.change(Change.DELETE, ["FREE"])
    await bench.undo(bench.last)
    assert (await registrar.standing("free"))["record"] == before
    assert [one.index for one in decode_values(before)] == [7, 100, 2000, 2001, 9000]
