"""What a look-up makes the database do."""

from __future__ import annotations

import asyncpg

from resolver.connection import SESSION
from resolver.local import SQL
from tests.support.plans import steps_on
from tests.support.shelf import AT, Shelf


async def test_a_look_up_finds_its_row_by_its_key_in_tables_that_nobody_has_analysed(
    shelf: Shelf, pump: str, database_url: str
) -> None:
    await shelf.connection.execute("ALTER TABLE identifier SET (autovacuum_enabled = false)")
    await shelf.connection.execute(
        "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
        " SELECT prefix_id, 1, 1, $1, $1, 'H-' || n, '\\x00000000' FROM prefix, generate_series(1, 3000) AS n",
        AT,
    )
    reader = await asyncpg.connect(database_url, server_settings=SESSION)
    try:
        await reader.execute(f"PREPARE look_up (text[], text[]) AS {SQL['look_up']}")
        explained = await reader.fetchval(
            "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE look_up(ARRAY['88.101.1'], ARRAY['H-1500'])"
        )
    finally:
        await reader.close()
    [looked] = steps_on("identifier", explained)
    assert "suffix_key" in looked["Index Cond"]
    assert looked["Actual Rows"] == 1
