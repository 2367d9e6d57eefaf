"""Free values go out with their rows and come back octet for octet; what is no such text is refused."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from node.auth import Action
from node.database import Pool, open_pool, transaction
from node.founding import found
from node.record import ADMIN_READ, DEFAULT_TTL, Reference, Value, encode_value
from registry.export.forms import as_csv, as_ndjson
from registry.export.free_values import InvalidFreeValues, free_values_text, read_free_values
from registry.export.pages import EVERYTHING, Selection
from registry.export.restore import Restored, RestoredRows, restorable_templates, restore_many
from registry.prefixes import writable_prefix
from registry.rows.formula_guard import unguard
from tests.support.registrar import Registrar, admin_value, opened, value
from tests.support.world import Holder, World

STRANGE = Value(
    8, "x-Sec", "=2\r\n\u2028 “é”, \"q\"".encode(), 5, 1, ADMIN_READ, 3,
    (Reference("88.101/ü", 3), Reference("a/b", -1)),
)  # fmt: skip
FREE = (admin_value("0.NA/88.101.2001"), value(7, "X", b"\xff\x00"), STRANGE, value(9000, "EMPTY", ""))


async def exported(world: World, holder: Holder) -> bytes:
    opened = await world.exports.open(world.administrator, Selection(holder.prefix))
    return b"".join([block async for block in as_ndjson(opened)])


async def by_suffix(registrar: Registrar) -> dict[str, dict[str, Any]]:
    lines = (await exported(registrar.world, registrar.holder)).splitlines()
    return {row["suffix"]: row for row in map(json.loads, lines)}


async def restored(world: World, holder: Holder, rows: list[dict[str, Any]]) -> int:
    async with transaction(world.pool) as connection:
        grant = await writable_prefix(connection, world.administrator, Action.IDENTIFIER_RESTORE, holder.prefix)
        back = RestoredRows(holder.prefix, await restorable_templates(connection, grant))
        read = [back.row(row) for row in rows]
        sound = [row for row in read if isinstance(row, Restored)]
        assert len(sound) == len(read), read
        outcome = await restore_many(
            connection, grant, sound, account_id=world.administrator.account_id, interface=holder.actor.interface,
            at=world.clock(), batch_id=None,
        )  # fmt: skip
        assert outcome.refused == []
        return outcome.registered


async def records(world: World) -> dict[str, Any]:
    rows = await world.pool.fetch("SELECT suffix_key, version, state, updated_at, record FROM identifier")
    return {row["suffix_key"]: tuple(row) for row in rows}


@pytest.fixture
async def source(database_url: str, pool: Pool) -> Registrar:
    world = World(pool)
    await found(database_url, laboratory=False, at=world.clock())
    registrar = await opened(world, free_values=True)
    await registrar.create("plain", value(2000, "NAME", "a"))
    await registrar.create("free", value(2000, "NAME", "b"), value(2001, "SERIAL", "S"), *FREE)
    await registrar.create("only", *FREE)
    await registrar.create("mixed", value(2000, "NAME", "c"), value(7, "X", "x"))
    world.clock.advance(seconds=77)
    await registrar.modify("mixed", value(7, "X", "y"))
    await registrar.add("free", value(2002, "WEIGHT", "5"))
    return registrar


async def test_records_come_back_octet_for_octet(source: Registrar, other_database_url: str) -> None:
    pool = await open_pool(other_database_url, "biaoshi_writer", size=4, seconds=10, name="test target")
    try:
        target = World(pool)
        await found(other_database_url, laboratory=False, at=target.clock())
        there = await opened(target, free_values=True)
        target.clock.advance(days=3)
        sent = await exported(source.world, source.holder)
        rows = [json.loads(line) for line in sent.splitlines()]
        assert await restored(target, there.holder, rows) == 4
        assert await records(target) == await records(source.world)
        assert await exported(target, there.holder) == sent
        side = "SELECT attribute_index, value, suffix_key FROM attribute_index"
        assert await pool.fetch(side) == await source.world.pool.fetch(side)
        assert await restored(target, there.holder, rows) == 0
    finally:
        pool.terminate()


async def test_a_row_names_them_only_where_there_are_any(source: Registrar) -> None:
    rows = await by_suffix(source)
    assert "biaoshi_values" not in rows["plain"]
    assert [one["index"] for one in json.loads(rows["only"]["biaoshi_values"])] == [7, 8, 100, 9000]
    assert "biaoshi_written_at" not in rows["only"]
    assert json.loads(rows["mixed"]["biaoshi_values"]) == [
        {"index": 7, "type": "X", "written_at": "2026-11-21T09:31:17Z", "text": "y"}
    ]


async def test_a_table_holds_the_same_text_in_a_cell(source: Registrar) -> None:
    template_id = (await source.standing("free"))["template_id"]
    selection = Selection(source.holder.prefix, replace(EVERYTHING, template_id=template_id))
    rows = await source.world.exports.open(source.world.administrator, selection)
    table = b"".join([block async for block in as_csv(rows, rows.shapes[template_id])]).decode()
    header, *lines = csv.reader(io.StringIO(table, newline=""))
    cells = {line[0]: unguard(line[header.index("biaoshi_values")]) for line in lines}
    objects = {
        row["suffix"]: row for row in map(json.loads, (await exported(source.world, source.holder)).splitlines())
    }
    assert cells == {suffix: row.get("biaoshi_values", "") for suffix, row in objects.items()}


@pytest.mark.parametrize("one", [*FREE, Value(2**31 - 1, "T", bytes(range(256)), 2**31 - 1, 0, 0, 2**31 - 1)])
def test_a_value_comes_back_from_its_text(one: Value) -> None:
    octets = encode_value(one)
    assert read_free_values(free_values_text([octets])) == {one.index: octets}


def told(**changed: Any) -> str:
    said = {"index": 7, "type": "X", "text": "x", "written_at": "2026-01-02T03:04:05+00:00", **changed}
    return json.dumps([{name: member for name, member in said.items() if member is not None}])


def test_members_that_are_left_out_say_the_usual() -> None:
    [octets] = read_free_values(told()).values()
    assert octets == encode_value(Value(7, "X", b"x", DEFAULT_TTL, timestamp=1_767_323_045))
    assert read_free_values("") == read_free_values(None) == {}


@pytest.mark.parametrize(
    "text",
    [
        "{", "{}", "null", "[1]", "[" * 9000, 5, ["x"], told(index=0), told(index=2**31), told(index="7"),
        told(type=""), told(type=None), told(text=None), told(data="eA=="), told(text=None, data="!"),
        told(written_at="2026-01-02T03:04:05"), told(written_at="1800-01-02T03:04:05+00:00"), told(written_at=5),
        told(ttl=-1), told(ttl_type=2), told(permissions=16), told(references=[["h", "1"]]), told(more=1),
        told(type="HS_SECKEY", text="a secret of ours"), told(type="HS_SITE"), told(type="HS_ADMIN"),
        told(references=[["h" * 2049, 1]]), told()[:-1] + "," + told()[1:], told(text="\ud800"),
    ],
    ids=lambda text: str(text)[:70],
)  # fmt: skip
def test_what_no_export_wrote_is_no_free_value(text: object) -> None:
    with pytest.raises(InvalidFreeValues):
        read_free_values(text)


async def test_a_row_with_a_wrong_text_or_an_index_of_its_template_is_refused(source: Registrar) -> None:
    world, holder = source.world, source.holder
    async with transaction(world.pool) as connection:
        grant = await writable_prefix(connection, world.administrator, Action.IDENTIFIER_RESTORE, holder.prefix)
        back = RestoredRows(holder.prefix, await restorable_templates(connection, grant))
    rows = await by_suffix(source)

    def faults(suffix: str, text: str) -> list[tuple[str | None, str]]:
        found = back.row({**rows[suffix], "biaoshi_values": text})
        assert isinstance(found, list)
        return [(fault.field, str(fault.code)) for fault in found]

    assert faults("plain", "[") == [("biaoshi_values", "not_an_exported_row")]
    assert faults("plain", told(index=2004, text=None, data="/w==")) == [("part_of", "index_occupied")]
    assert faults("only", "") == [(None, "no_values")]
