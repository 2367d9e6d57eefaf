"""The audit trail has everything once, newest first, and finds it by whatever is known of it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from admin.audit.entries import Filters, Source
from admin.audit.question import AuditFilterUnfit, Positions
from admin.audit.trail import Audit, AuditEntryUnknown, AuditWindowUnfit
from node.auth import Account, NotAllowed, Role
from node.database import Pool
from node.journal import Interface
from registry.accounts.stored import AccountUnknown
from registry.batches.request import BatchRequest
from registry.identifiers.identifiers import StoredIdentifier
from registry.prefixes import PrefixUnknown
from registry.rows.form import Form, Format
from tests.support.world import Holder, World, actor, staff, user_of


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool)


@pytest.fixture
def auditor() -> Account:
    return staff(Role.AUDITOR)


def trail(world: World, ticks: Callable[[], float] = time.monotonic) -> Audit:
    return Audit(world.pool, world.clock, ticks)


async def busy(world: World) -> tuple[Holder, StoredIdentifier]:
    """An enterprise with a prefix and three identifiers, of which one was changed and deleted."""
    holder, template = await world.holder(), await world.template()
    for number in range(3):
        world.clock.advance(minutes=1)
        found, _ = await world.identifiers.register(
            holder.account, holder.actor, holder.identifier(f"Pump-{number}"), template.template.name, {"name": "泵"}
        )
    world.clock.advance(hours=2)
    named = holder.identifier("Pump-2")
    changed, _ = await world.identifiers.update(holder.account, holder.actor, named, 1, {"name": "水泵"})
    await world.identifiers.delete(holder.account, holder.actor, named, changed.version)
    return holder, found


async def all_of(audit: Audit, account: Account, filters: Filters, limit: int = 4) -> list[str]:
    """The names of everything that meets the filters, page by page."""
    names: list[str] = []
    after: Positions | None = None
    while True:
        found = await audit.list(account, filters, after, limit)
        names += [entry.name for entry in found.entries]
        if found.rest is None:
            return names
        assert len(found.entries) == limit or found.searched_to is not None
        after = found.rest


async def test_acts_and_changes_of_identifiers_stand_in_one_list_newest_first(world: World, auditor: Account) -> None:
    await busy(world)
    found = await trail(world).list(auditor, Filters(), None, 200)
    assert [entry.at for entry in found.entries] == sorted((entry.at for entry in found.entries), reverse=True)
    actions = [entry.action for entry in found.entries]
    assert actions[:2] == ["identifier.delete", "identifier.update"]
    assert actions.count("identifier.register") == 3
    assert actions[-1] == "enterprise.create"
    newest = found.entries[0]
    assert newest.subject_id == "88.101.2001/Pump-2"
    assert newest.before is not None
    assert newest.before["state"] == "live"
    assert newest.after == {"version": 3}
    assert (found.rest, found.searched_to) == (None, None)


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_neither_skip_nor_repeat(world: World, auditor: Account, limit: int) -> None:
    await busy(world)
    audit = trail(world)
    whole = [entry.name for entry in (await audit.list(auditor, Filters(), None, 200)).entries]
    assert len(whole) == len(set(whole)) > 10
    assert await all_of(audit, auditor, Filters(), limit) == whole


async def test_everything_is_found_by_what_is_known_of_it(world: World, auditor: Account) -> None:
    holder, _ = await busy(world)
    audit, by_holder = trail(world), str(holder.account.account_id)

    async def found(**filters: object) -> set[str]:
        entries = (await audit.list(auditor, Filters(**filters), None, 200)).entries  # type: ignore[arg-type]  # ours
        return {entry.action for entry in entries}

    made = {"identifier.register", "identifier.update", "identifier.delete"}
    assert await found(action="identifier.update") == {"identifier.update"}
    assert await found(action="identifier") == made
    assert await found(action="prefix") == {"prefix.apply", "prefix.approve", "prefix.verify", "prefix.enable"}
    assert await found(action="prefix.app") == set()
    assert await found(kind="identifier") == await found(source=Source.IDENTIFIER) == made
    assert await found(kind="identifier", subject="88.101.2001/pump-0") == {"identifier.register"}
    assert await found(kind="enterprise", subject=str(holder.account.enterprise_id)) == {
        "enterprise.create", "enterprise.submit", "enterprise.approve",
    }  # fmt: skip
    assert made < await found(prefix="88.101.2001")
    assert not {action for action in await found(prefix="88.101.2001") if action.startswith("enterprise")}
    assert await found(interface=Interface.V1) > made
    assert await found(interface=Interface.CONSOLE) == set()
    assert await found(account="node") == await found(account="node", source=Source.ACT)
    with pytest.raises(AccountUnknown):
        await found(account=by_holder)  # somebody who acted and is no account of this node


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        (Filters(subject="1"), AuditFilterUnfit), (Filters(prefix="88.101.2001", kind="token"), AuditFilterUnfit),
        (Filters(kind="identifier", subject="no slash"), AuditFilterUnfit),
        (Filters(prefix="88.101.9"), PrefixUnknown), (Filters(account="nobody"), AccountUnknown),
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_refused(
    world: World, auditor: Account, filters: Filters, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await trail(world).list(auditor, filters, None, 10)


async def many(url: str, changes: int) -> None:
    """Acts and changes of other days, a minute apart from the first of November 2025 on."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO act_history (at, interface, action, subject_kind, subject_id, nonce)"
            " SELECT timestamptz '2025-11-01' + n * interval '1 minute', 3, 'count.close', 'counted_day', n::text,"
            f" decode(repeat('00', 16), 'hex') FROM generate_series(1, {changes}) n"
        )
        await connection.execute(
            "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
            " SELECT 1, 1, 1, 1, timestamptz '2025-11-01' + n * interval '1 minute', gen_random_uuid(), n::text"
            f" FROM generate_series(1, {changes}) n"
        )
    finally:
        await connection.close()


async def test_a_day_is_found_among_many_without_looking_at_the_others(
    world: World, auditor: Account, database_url: str
) -> None:
    await many(database_url, 5_000)
    await world.holder()
    since = datetime(2025, 11, 2, tzinfo=UTC)
    hour = Filters(since=since, until=since + timedelta(hours=1))
    found = await trail(world).list(auditor, hour, None, 200)
    assert len(found.entries) == 120
    assert {entry.at for entry in found.entries} == {since + timedelta(minutes=n) for n in range(60)}
    assert {entry.source for entry in found.entries} == set(Source)
    assert await all_of(trail(world), auditor, hour, 7) == [entry.name for entry in found.entries]
    assert (await trail(world).list(auditor, Filters(until=datetime(2025, 10, 1, tzinfo=UTC)), None, 9)).entries == []


async def test_a_search_that_takes_long_says_how_far_it_came_and_goes_on_from_there(
    world: World, auditor: Account, database_url: str
) -> None:
    await busy(world)
    await many(database_url, 50_000)
    seconds = itertools.count()
    slow = trail(world, lambda: float(next(seconds)))
    first = await slow.list(auditor, Filters(action="identifier.delete"), None, 10)
    assert first.entries == []
    assert first.rest is not None
    assert first.searched_to is not None
    assert first.searched_to > datetime(2025, 11, 1, tzinfo=UTC)
    (name,) = await all_of(slow, auditor, Filters(action="identifier.delete"))
    assert name.startswith("identifier-")


async def test_nobody_waits_while_somebody_else_keeps_the_table(
    world: World, auditor: Account, database_url: str
) -> None:
    await busy(world)
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE identifier_history IN SHARE UPDATE EXCLUSIVE MODE")
            found = await asyncio.wait_for(trail(world).list(auditor, Filters(), None, 1), 5)
    finally:
        await connection.close()
    assert found.entries[0].action == "identifier.delete"


async def test_an_entry_agrees_with_its_leaf_until_somebody_rewrites_it(
    world: World, auditor: Account, database_url: str
) -> None:
    await busy(world)
    audit = trail(world)
    for entry in (await audit.list(auditor, Filters(), None, 200)).entries:
        leaf = (await audit.get(auditor, entry.source, entry.number)).leaf
        assert leaf is not None, entry
        assert leaf.agrees, entry
    update = next(e for e in (await audit.list(auditor, Filters(action="identifier.update"), None, 9)).entries)
    values = (await audit.get(auditor, update.source, update.number)).values
    assert values is not None
    assert "泵".encode() in {value.data for value in values}

    (act, *_) = (await audit.list(auditor, Filters(kind="prefix"), None, 9)).entries
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(
        "UPDATE act_history SET after = jsonb_set(after, '{purpose}', '\"x\"') WHERE act_id = $1", act.number
    )
    leaf = (await audit.get(auditor, act.source, act.number)).leaf
    assert leaf is not None
    assert not leaf.agrees
    await connection.execute("DELETE FROM event")
    await connection.close()
    assert (await audit.get(auditor, act.source, act.number)).leaf is None


async def test_an_identifier_of_a_bulk_registration_agrees_with_its_leaf_in_the_pack(
    world: World, auditor: Account, database_url: str
) -> None:
    holder, _ = await busy(world)
    body = "suffix,name\n" + "".join(f"Bulk-{number},泵\n" for number in range(150))
    request = BatchRequest(holder.prefix, Form(Format.CSV), template="pump")
    await world.batches.run(holder.account, holder.actor, request, "key", one_block(body.encode()))
    audit = trail(world)
    entries = (await audit.list(auditor, Filters(prefix=holder.prefix.text), None, 200)).entries
    (entry,) = [one for one in entries if one.subject_id.endswith("/Bulk-7")]
    leaf = (await audit.get(auditor, entry.source, entry.number)).leaf
    assert leaf is not None
    assert leaf.agrees
    connection = await asyncpg.connect(database_url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(
        "UPDATE identifier_history SET account_id = gen_random_uuid() WHERE suffix_key = 'BULK-7'"
    )
    rewritten = (await audit.get(auditor, entry.source, entry.number)).leaf
    assert rewritten is not None
    assert (rewritten.sha256, rewritten.agrees) == (leaf.sha256, False)
    await connection.execute("UPDATE event SET packed = packed || substr(packed, 1, 52) WHERE packed IS NOT NULL")
    await connection.close()
    assert (await audit.get(auditor, entry.source, entry.number)).leaf is None


async def one_block(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def test_an_export_is_bounded_and_an_act_itself(world: World, auditor: Account) -> None:
    await busy(world)
    audit, now = trail(world), world.clock()
    window = Filters(since=now - timedelta(days=1), until=now + timedelta(seconds=1))
    pages, laboratory = await audit.export(auditor, actor(auditor), window)
    exported = [entry.name async for page in pages for entry in page]
    found = await audit.list(auditor, window, None, 200)
    assert exported == [entry.name for entry in found.entries]
    assert found.entries[0].action == "audit.export"
    assert found.entries[0].after == {"since": str(window.since), "until": str(window.until)}
    assert found.entries[0].account_id == auditor.account_id
    assert not laboratory
    for filters in (Filters(), Filters(since=now, until=now + timedelta(days=31, seconds=1))):
        with pytest.raises(AuditWindowUnfit):
            await audit.export(auditor, actor(auditor), filters)


async def test_auditors_and_administrators_alone_look_at_it(world: World, auditor: Account) -> None:
    holder = await world.holder()
    audit = trail(world)
    for account in (world.reviewer, holder.account, user_of(holder.account.account_id)):
        for asked in (
            audit.list(account, Filters(), None, 10), audit.get(account, Source.ACT, 1),
            audit.export(account, actor(account), Filters()),
        ):  # fmt: skip
            with pytest.raises(NotAllowed):
                await asked
    assert (await audit.list(world.administrator, Filters(), None, 1)).entries
    for source in Source:
        with pytest.raises(AuditEntryUnknown):
            await audit.get(auditor, source, 10**9)
