"""Rows that are copied say the same as rows that are inserted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from node.database import Pool, transaction
from node.journal import Interface
from registry.identifiers.leaves import Change, leaf_maker, unpacked
from registry.identifiers.writing import write_new
from registry.prefixes import held_prefix
from registry.templates.encoder import Entry, timestamp_of
from registry.templates.stored import StoredTemplate
from tests.support.world import Holder, World

AT = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
SPELLINGS = ["{}", "pump-{}", "泵-{}", "ß-{}", "PUMP {}", "é/{}", "㐀" * 40 + "-{}"]


def entries(holder: Holder, template: StoredTemplate) -> list[Entry]:
    encoder = template.template.compile()
    found = []
    for number in range(140):
        suffix = SPELLINGS[number % len(SPELLINGS)].format(number)
        values = [f"离心泵 {number}", f"S-{number}", "", f"{number}.5"]
        named = dict(zip(("name", "serial", "model", "weight_kg"), values, strict=True))
        encoded = encoder.named(named, timestamp_of(AT))
        assert not isinstance(encoded, list), encoded
        key = holder.identifier(suffix).key
        found.append(Entry(suffix, key, encoded.record, encoded.side))
    return found


async def write(
    world: World, holder: Holder, template: StoredTemplate, rows: Sequence[Entry], batch: UUID | None
) -> None:
    async with transaction(world.pool) as connection:
        grant = await held_prefix(connection, holder.prefix)
        outcome = await write_new(
            connection, grant, template.template_id, list(rows), account_id=UUID(int=5), interface=Interface.COMMAND,
            at=AT, batch_id=batch,
        )  # fmt: skip
        assert outcome.registered == len(rows)


async def stand(pool: Pool, holder: Holder) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """The rows of both tables, but for what differs between prefixes and the number of an entry."""

    async def found(columns: str) -> list[tuple[object, ...]]:
        whose = "i JOIN prefix p USING (prefix_id) WHERE p.prefix = $1 ORDER BY i.suffix_key"
        return [tuple(row) for row in await pool.fetch(f"SELECT {columns} {whose}", holder.prefix.key)]

    return (
        await found(
            "template_id, i.version, i.state, registered_at, i.updated_at, suffix_key, suffix, record FROM identifier"
        ),
        await found(
            "i.version, action, interface, at, account_id, batch_id, suffix_key, before, before_state,"
            " before_template_id, registered_at FROM identifier_history"
        ),
    )


@pytest.mark.parametrize("batch", [None, uuid4()], ids=["no batch", "of a batch"])
async def test_copied_rows_are_those_that_are_inserted(pool: Pool, batch: UUID | None) -> None:
    world = World(pool)
    template = await world.template()
    copied, inserted = await world.holder(2001), await world.holder(2002)
    rows = entries(copied, template)
    await write(world, copied, template, rows, batch)
    for start in range(0, len(rows), 50):
        await write(world, inserted, template, rows[start : start + 50], batch)
    assert await pool.fetchval("SELECT count(*) FROM event WHERE packed IS NOT NULL") == 1
    written = await stand(pool, copied)
    assert written == await stand(pool, inserted)
    assert [len(table) for table in written] == [140, 140]


async def test_the_pack_of_copied_rows_stands_for_their_leaves(pool: Pool) -> None:
    world = World(pool)
    template, holder = await world.template(), await world.holder()
    rows = entries(holder, template)
    await write(world, holder, template, rows, None)
    secret = await pool.fetchval("SELECT log_secret FROM prefix WHERE prefix = $1", holder.prefix.key)
    make = leaf_maker(Change.REGISTER, holder.prefix.key, secret, UUID(int=5), AT)
    event = await pool.fetchrow("SELECT leaf, packed FROM event WHERE packed IS NOT NULL")
    leaves = [make(row.suffix_key, 1, row.record) for row in sorted(rows, key=lambda row: row.suffix_key)]
    assert list(unpacked(event["leaf"], event["packed"])) == leaves
