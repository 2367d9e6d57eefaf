"""A node that comes back from its packages, full and incremental, in an empty database, and goes on."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from node.database import Pool
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.folder import open_folder
from tests.support.counting import write
from tests.support.ledger import DAY, PREFIX, Ledger, honest
from tests.support.node import running_node
from tests.support.safe import AT, SEAL_KEY, SITE_KEY, Safe, contents, schema

STRETCH = 1 << 30


async def test_a_full_package_brings_every_row_back_and_leaves_the_schema_as_it_was(safe: Safe) -> None:
    await safe.register("A-1", "b-2", "标识-3")
    package = await safe.export()
    before, built = await contents(safe.url), await schema(safe.other_url)
    told = await safe.restore()

    assert await contents(safe.other_url) == before
    assert await schema(safe.other_url) == built
    assert told.rows["identifier"] == 3
    assert told.node_id == package.manifest.node_id
    assert package.manifest.laboratory
    assert (safe.home / "new" / "seal.key").read_bytes() == SEAL_KEY
    assert (safe.home / "new" / "handle-key.pem").read_bytes() == SITE_KEY


async def test_increments_bring_forward_what_was_registered_changed_and_removed_since(safe: Safe) -> None:
    """One of the changes was under way when the full package was made: its transaction is older than the package."""
    await safe.register("A-1", "A-2", "A-3")
    late = await asyncpg.connect(safe.url)
    under_way = late.transaction()
    await under_way.start()
    await late.execute("UPDATE enterprise SET address = 'written before, committed after'")
    full = await safe.export()
    await under_way.commit()
    await late.close()

    first = await safe.export(after=full.directory)
    assert first.manifest.tables["enterprise"].sent == first.manifest.tables["enterprise"].rows
    assert first.manifest.tables["identifier"].sent == 0

    holder, identifiers = safe.holder, safe.world.identifiers
    await identifiers.delete(holder.account, holder.actor, holder.identifier("A-1"), 1)
    await safe.register("A-4")  # with the unique serial number of its own
    connection = await asyncpg.connect(safe.url)
    await connection.execute(
        "INSERT INTO reserved_number (first_number, last_number, kind, reason, created_at)"
        " SELECT n::text, n::text, 'reserved', 'a reason', now() FROM generate_series(1, 9) n"
    )
    await connection.close()
    second = await safe.export(after=first.directory)
    assert 2 <= second.manifest.tables["identifier"].sent < second.manifest.tables["identifier"].rows
    assert second.manifest.tables["reserved_number"].standing == 9

    connection = await asyncpg.connect(safe.url)
    await connection.execute("DELETE FROM reserved_number WHERE first_number < '7'")
    await connection.execute("DELETE FROM count_to_state")
    await connection.close()
    third = await safe.export(after=second.directory)
    assert third.manifest.tables["reserved_number"].standing == 3

    before = await contents(safe.url)
    told = await safe.restore()
    assert await contents(safe.other_url) == before
    assert told.rows["identifier"] == 4


async def test_a_value_that_only_one_may_have_passes_from_a_removed_row_to_a_new_one(safe: Safe) -> None:
    connection = await asyncpg.connect(safe.url)
    swap = "INSERT INTO template_alias VALUES (1, '88.101.2001', $1, $2, 'pump', '{}', now(), now())"
    enterprise_id = safe.holder.account.enterprise_id
    await connection.execute(
        "CREATE UNIQUE INDEX one_alias ON template_alias (enterprise_id)"  # as a later schema may have it
    )
    await connection.execute(swap, "old", enterprise_id)
    full = await safe.export()
    await connection.execute("DELETE FROM template_alias")
    await connection.execute(swap, "new", enterprise_id)
    await connection.close()
    await safe.export(after=full.directory)
    other = await asyncpg.connect(safe.other_url)
    await other.execute("CREATE UNIQUE INDEX one_alias ON template_alias (enterprise_id)")
    await safe.restore()
    assert await other.fetchval("SELECT alias FROM template_alias") == "new"
    await other.close()


async def test_the_restored_node_resolves_registers_recounts_and_goes_on(safe: Safe, restored_pool: Pool) -> None:
    await safe.register("A-1")
    ledger = Ledger(safe.url, safe.pool, safe.folder)
    await ledger.steward()
    await ledger.resolve(honest(200), DAY)
    await ledger.end(DAY)
    full = await safe.export()
    await ledger.resolve(honest(50, day=1), DAY + timedelta(days=1))
    await ledger.end(DAY + timedelta(days=1))
    await safe.register("A-2")
    package = await safe.export(after=full.directory)
    assert (full.manifest.evidence_files, package.manifest.evidence_files) == (2, 2)
    waiting = await safe.pool.fetch("SELECT message_id FROM outbox WHERE delivered_at IS NULL ORDER BY outbox_id")
    newest = await safe.pool.fetchval("SELECT max(history_id) FROM identifier_history")

    told = await safe.restore()
    assert told.position == newest
    rest = "SELECT message_id FROM outbox WHERE delivered_at IS NULL ORDER BY outbox_id"
    assert await restored_pool.fetch(rest) == waiting

    folder = open_folder(safe.places.evidence, told.node_id)
    assert folder.recorder_id == safe.folder.recorder_id
    days = Ledger(safe.other_url, restored_pool, folder, ledger.at)
    assert (await days.recount(DAY)).days[0].resolutions == 200
    assert await days.differences(DAY, DAY + timedelta(days=1)) == []
    assert not await restored_pool.fetch("SELECT FROM counting_gap")

    async with running_node(safe.other_url, populated=False) as node:
        found_again = await node("GET", "/api/handles/88.101.2001/A-2", by=None)
        assert found_again.status == 200, found_again.json()
        holder = safe.holder
        said = {"name": "多级离心泵", "serial": "A-3"}
        await node.world.identifiers.register(holder.account, holder.actor, holder.identifier("A-3"), "pump", said)
        assert (await node("GET", "/api/handles/88.101.2001/A-3", by=None)).status == 200
    position, outbox_id = await restored_pool.fetchrow(
        "SELECT (SELECT max(history_id) FROM identifier_history), (SELECT max(outbox_id) FROM outbox)"
    )
    assert position > newest + STRETCH
    assert outbox_id > STRETCH


async def test_what_was_counted_beyond_the_last_sealed_file_is_noted_as_lost(safe: Safe, restored_pool: Pool) -> None:
    """The process still runs when the package is made."""
    minute = AT - timedelta(minutes=10)
    await write(safe.pool, {(minute, (PREFIX, Interface.V1, Outcome.HIT)): 7})
    await safe.export()
    await safe.restore()
    gap = await restored_pool.fetchrow("SELECT cause, began_at, ended_at FROM counting_gap")
    assert tuple(gap) == ("no_evidence", minute, minute + timedelta(minutes=1))
