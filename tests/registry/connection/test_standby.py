"""What lies above is what this node would answer: after a snapshot, after every change, after every mishap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from node.database import transaction
from node.errors import NodeError
from node.identifier import Identifier, Prefix
from node.national.bulk import StandbyPage
from node.national.client import NationalClient
from node.national.instructions import Blocked
from node.record import PUBLIC_READ, Record, Value, decode_values, encode_values
from registry.authorisations.scopes import Readable
from registry.connection.blocklist import block, unblock
from registry.connection.standby import _SQL as SQL
from registry.connection.standby import Standby
from registry.connection.standby_page import answered_record, page_of
from registry.connection.suspension import resume_from_above, suspend_from_above
from registry.identifiers.state import IdentifierState
from registry.transitions import Verb
from resolver.answer import Found, NotResponsible, Query
from tests.support.connected import Connected
from tests.support.docking import now
from tests.support.granting import hide
from tests.support.shelf import resolver_of
from tests.support.world import Holder, actor

ROWS = 4


@pytest.fixture
async def client(connected: Connected) -> AsyncIterator[NationalClient]:
    async with connected.client() as client:
        yield client


@pytest.fixture
def standby(connected: Connected) -> Standby:
    """With small pages."""
    return Standby(connected.pool, now, rows=ROWS)


@pytest.fixture
async def maker(connected: Connected) -> Holder:
    return await connected.world.holder()


async def register(connected: Connected, holder: Holder, *suffixes: str) -> None:
    for suffix in suffixes:
        data = {"name": f"泵 {suffix}", "serial": f"S-{suffix}", "model": "CP-7"}
        await connected.world.identifiers.register(
            holder.account, holder.actor, holder.identifier(suffix), "pump", data
        )


async def version(connected: Connected, holder: Holder, suffix: str) -> int:
    return (await connected.world.identifiers.get(holder.account, holder.identifier(suffix)))[0].version


async def sent(standby: Standby, client: NationalClient) -> int:
    """Turns until there is nothing to do; how many pages that were."""
    pages = 0
    while await standby.turn(client) == 0.0:
        pages += 1
        assert pages < 200
    return pages


async def answered(connected: Connected) -> dict[str, Record]:
    """What a resolver answers to everything that was ever registered."""
    rows = await connected.pool.fetch(
        "SELECT p.prefix, coalesce(suffix, suffix_key) AS suffix FROM identifier JOIN prefix p USING (prefix_id)"
    )
    answers = {}
    async with resolver_of(connected.docked.database_url) as resolver:
        for row in rows:
            identifier = Identifier.of(Prefix.parse_derived(row["prefix"]), row["suffix"])
            try:
                answer = await resolver.resolve(Query(identifier), anew=True)
            except NotResponsible:
                continue
            if isinstance(answer, Found):
                answers[answer.entry.text] = answer.values
    return answers


async def above(connected: Connected) -> dict[str, Record]:
    """What anybody may read of what lies above."""
    return {
        name: tuple(value for value in decode_values(record) if value.permissions & PUBLIC_READ)
        for name, record in (await connected.records()).items()
    }


async def agreed(connected: Connected, standby: Standby, client: NationalClient, *names: str) -> None:
    """Bring it up to date; then both sides answer the same, and these names."""
    await sent(standby, client)
    answers = await answered(connected)
    assert await above(connected) == answers
    assert sorted(answers) == sorted(names)


async def test_the_first_snapshot_has_all_that_is_answered_in_the_order_of_names(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    other = await connected.world.holder(2002)
    await connected.pool.execute(
        "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
        " VALUES ('88.101.2001.7', $1, 'enabled', $2, now(), now())",
        maker.account.enterprise_id, bytes(32),
    )  # fmt: skip
    below = Holder(maker.account, Prefix.parse_derived("88.101.2001.7"))
    await register(connected, maker, "Pump-1", "pump-2", "泵-3", "A/b", "gone", "resting", *"xyz")
    await register(connected, below, "Pump-1", "!")
    await register(connected, other, *"123456789")
    await connected.world.identifiers.delete(maker.account, maker.actor, maker.identifier("gone"), 1)
    await connected.world.identifiers.turn(
        maker.account, maker.actor, maker.identifier("resting"), 1, IdentifierState.SUSPENDED
    )
    names = [
        *(f"88.101.2001/{suffix}" for suffix in ("Pump-1", "pump-2", "泵-3", "A/b", *"xyz")),
        *(f"88.101.2001.7/{suffix}" for suffix in ("Pump-1", "!")), *(f"88.101.2002/{n}" for n in range(1, 10)),
    ]  # fmt: skip
    await agreed(connected, standby, client, *names)
    assert await connected.position() == await connected.pool.fetchval(
        "SELECT max(history_id) FROM identifier_history"
    )
    assert await connected.mock.pool.fetchval("SELECT records FROM docked_standby") == len(names)
    state = await connected.pool.fetchrow("SELECT standby_position, standby_at FROM national_state")
    assert state["standby_position"] == await connected.position()
    assert state["standby_at"] is not None


async def test_a_node_with_nothing_registered_stands_by_with_nothing(
    connected: Connected, standby: Standby, client: NationalClient
) -> None:
    assert await sent(standby, client) == 1
    assert await connected.position() == 0
    holder = await connected.world.holder()
    await register(connected, holder, "a")
    await agreed(connected, standby, client, "88.101.2001/a")


async def test_every_change_of_an_identifier_follows(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    identifiers, account, act = connected.world.identifiers, maker.account, maker.actor
    await register(connected, maker, "a", "b", "c")
    await sent(standby, client)
    await identifiers.update(account, act, maker.identifier("A"), 1, {"name": "新名", "serial": "S-a"})
    await identifiers.delete(account, act, maker.identifier("b"), 1)
    await identifiers.turn(account, act, maker.identifier("c"), 1, IdentifierState.SUSPENDED)
    await register(connected, maker, "d")
    await agreed(connected, standby, client, "88.101.2001/a", "88.101.2001/d")
    await identifiers.turn(account, act, maker.identifier("c"), 2, IdentifierState.LIVE)
    await register(connected, maker, "b")
    await agreed(connected, standby, client, *(f"88.101.2001/{suffix}" for suffix in "abcd"))


async def test_more_changes_than_a_page_holds_come_page_by_page(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await sent(standby, client)
    await register(connected, maker, *(str(n) for n in range(3 * ROWS + 1)))
    assert await sent(standby, client) == 4
    assert len(await connected.records()) == 3 * ROWS + 1
    assert await sent(standby, client) == 0


async def test_a_suspended_prefix_goes_as_a_whole_and_comes_back(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    other = await connected.world.holder(2002)
    names = [str(n) for n in range(2 * ROWS + 1)]
    await register(connected, maker, *names)
    await register(connected, other, "stays")
    await sent(standby, client)
    async with transaction(connected.pool) as connection:
        await suspend_from_above(connection, maker.prefix, "违规", now())
    await agreed(connected, standby, client, "88.101.2002/stays")
    async with transaction(connected.pool) as connection:
        await resume_from_above(connection, maker.prefix, now())
    await agreed(connected, standby, client, "88.101.2002/stays", *(f"88.101.2001/{name}" for name in names))
    admin, owner = connected.world.administrator, maker.account.enterprise_id
    assert owner is not None
    await connected.world.enterprises.move(admin, actor(admin), owner, Verb.SUSPEND, "整改")
    await agreed(connected, standby, client, "88.101.2002/stays")


async def test_a_prefix_that_changes_again_amid_its_pages_is_sent_from_its_beginning(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    names = [str(n) for n in range(3 * ROWS)]
    await register(connected, maker, *names)
    await sent(standby, client)
    async with transaction(connected.pool) as connection:
        await suspend_from_above(connection, maker.prefix, "违规", now())
    assert await standby.turn(client) == 0.0
    assert len(await connected.records()) == 2 * ROWS
    async with transaction(connected.pool) as connection:
        await resume_from_above(connection, maker.prefix, now())
    await agreed(connected, standby, client, *(f"88.101.2001/{name}" for name in names))


async def test_what_is_hidden_or_blocked_follows_without_an_entry_in_history(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await register(connected, maker, "a", "b", "c")
    await sent(standby, client)
    await hide(connected.world, maker, serial=Readable.GRANTED)
    await agreed(connected, standby, client, *(f"88.101.2001/{suffix}" for suffix in "abc"))
    assert {value.type for value in (await above(connected))["88.101.2001/a"]} == {"NAME", "MODEL"}
    await connected.world.scopes.set_identifier(maker.account, maker.actor, maker.identifier("a"), Readable.GRANTED)
    async with transaction(connected.pool) as connection:
        wanted = [Blocked(identifier=name, reason="r") for name in ("88.101.2001/B", "88.101.2001/none", "88.7.1/x")]
        await block(connection, wanted, uuid4(), now())
    await agreed(connected, standby, client, "88.101.2001/a", "88.101.2001/c")
    assert (await above(connected))["88.101.2001/a"] == ()
    async with transaction(connected.pool) as connection:
        await unblock(connection, ["88.101.2001/b"])
    await hide(connected.world, maker, serial=None)
    await connected.world.scopes.set_identifier(maker.account, maker.actor, maker.identifier("a"), None)
    await agreed(connected, standby, client, *(f"88.101.2001/{suffix}" for suffix in "abc"))
    assert len((await above(connected))["88.101.2001/a"]) == 3


async def test_what_a_snapshot_has_is_not_sent_once_more(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await register(connected, maker, "a")
    assert await connected.pool.fetchval("SELECT count(*) FROM standby_due") == 1  # the prefix was enabled
    assert await sent(standby, client) == 1
    assert await connected.pool.fetchval("SELECT count(*) FROM standby_due") == 0


async def test_a_change_that_commits_late_is_not_passed_over(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    """It drew its position before the one that was there first."""
    await register(connected, maker, "early")
    await sent(standby, client)
    late = await connected.pool.acquire()
    change = late.transaction()
    await change.start()
    await late.execute(
        "INSERT INTO identifier_history (prefix_id, version, action, interface, at, account_id, suffix_key)"
        " SELECT prefix_id, 1, 1, 1, now(), gen_random_uuid(), 'LATE' FROM prefix"
    )
    await late.execute(
        "INSERT INTO identifier"
        " (prefix_id, template_id, version, registered_at, updated_at, suffix_key, suffix, record)"
        " SELECT prefix_id, template_id, 1, now(), now(), 'LATE', 'late', record FROM identifier"
    )
    await register(connected, maker, "quick")
    turning = asyncio.create_task(sent(standby, client))
    await asyncio.sleep(0.3)
    assert not turning.done()  # it waits for those who write
    await change.commit()
    await connected.pool.release(late)
    await turning
    await agreed(connected, standby, client, *(f"88.101.2001/{suffix}" for suffix in ("early", "late", "quick")))


async def test_another_steward_goes_on_where_the_snapshot_was_left(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    names = [f"{n:02d}" for n in range(3 * ROWS)]
    await register(connected, maker, *names)
    assert [await standby.turn(client) for _ in range(2)] == [0.0, 0.0]
    assert await connected.position() is None
    begun = await connected.mock.pool.fetchval("SELECT snapshot_id FROM docked_standby")
    await register(connected, maker, "00a", "99")  # before and after the place where it was left
    successor = Standby(connected.pool, now, rows=ROWS)
    assert await successor.turn(client) == 0.0
    assert await connected.mock.pool.fetchval("SELECT snapshot_id FROM docked_standby") == begun
    await agreed(connected, successor, client, *(f"88.101.2001/{name}" for name in (*names, "00a", "99")))


async def test_a_node_above_that_lost_everything_gets_it_again(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await register(connected, maker, "a", "b")
    await sent(standby, client)
    await connected.mock.pool.execute("TRUNCATE docked_standby, docked_standby_record")
    await register(connected, maker, "c")
    await agreed(connected, standby, client, *(f"88.101.2001/{suffix}" for suffix in "abc"))


async def test_a_restored_backup_of_this_node_begins_anew(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    """What was registered after the backup lies above, and is known here no more."""
    await register(connected, maker, "a", "lost")
    await sent(standby, client)
    admin = await _superuser(connected)
    try:
        await admin.execute("SET session_replication_role = replica")  # history is not removed otherwise
        await admin.execute("DELETE FROM identifier WHERE suffix_key = 'LOST'")
        await admin.execute("DELETE FROM identifier_history WHERE suffix_key = 'LOST'")
        await admin.execute("SELECT setval('identifier_history_history_id_seq', 1)")
        await admin.execute("UPDATE national_state SET standby_sent = 1, standby_position = 1")
    finally:
        await admin.close()
    restored = Standby(connected.pool, now, rows=ROWS)
    await agreed(connected, restored, client, "88.101.2001/a")
    assert await connected.position() == 1


async def test_a_page_out_of_step_is_followed_by_the_right_one(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await register(connected, maker, "a")
    await sent(standby, client)
    await register(connected, maker, "b")
    behind = Standby(connected.pool, now, rows=ROWS)
    await behind.turn(client)  # it has read the state, and somebody else is faster from now on
    await register(connected, maker, "c")
    await sent(standby, client)
    await register(connected, maker, "d")
    await agreed(connected, behind, client, *(f"88.101.2001/{suffix}" for suffix in "abcd"))


async def test_large_records_make_small_pages(
    connected: Connected, client: NationalClient, maker: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.connection.standby._OCTETS", 1500)
    standby = Standby(connected.pool, now, rows=1000)
    sizes = _pages(monkeypatch)
    for n in range(6):
        data = {"name": "长" * 200, "serial": f"S-{n}"}
        await connected.world.identifiers.register(maker.account, maker.actor, maker.identifier(str(n)), "pump", data)
    await agreed(connected, standby, client, *(f"88.101.2001/{n}" for n in range(6)))
    assert [size for size in sizes if size] == [3, 3]
    for n in range(6):
        data = {"name": "短" * 200, "serial": f"S-{n}"}
        await connected.world.identifiers.update(maker.account, maker.actor, maker.identifier(str(n)), 1, data)
    await agreed(connected, standby, client, *(f"88.101.2001/{n}" for n in range(6)))
    await hide(connected.world, maker, serial=Readable.GRANTED)
    await agreed(connected, standby, client, *(f"88.101.2001/{n}" for n in range(6)))
    assert [size for size in sizes if size] == [3] * 6


def test_a_secret_key_never_leaves_and_what_is_not_public_stays_so() -> None:
    secret, private, public = (
        Value(3, "hs_seckey", b"secret"), Value(2, "EMAIL", b"a@b.example", permissions=12), Value(1, "URL", b"x"),
    )  # fmt: skip
    record = encode_values([public, private, secret])
    assert decode_values(answered_record(record)) == (public, private)
    hidden = decode_values(answered_record(record, [1]))
    assert [value.permissions & PUBLIC_READ for value in hidden] == [0, 0]
    assert answered_record(encode_values([public]), ()) == encode_values([public])
    assert answered_record(record[:20]) == b""
    assert answered_record(None) == b""


async def test_one_damaged_record_does_not_hold_up_the_others(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await register(connected, maker, "a", "b")
    await connected.pool.execute("UPDATE identifier SET record = substring(record for 30) WHERE suffix_key = 'A'")
    await sent(standby, client)
    assert list(await connected.records()) == ["88.101.2001/b"]


async def test_it_goes_on_after_the_national_node_was_away(
    connected: Connected, standby: Standby, client: NationalClient, maker: Holder
) -> None:
    await register(connected, maker, "a")
    await sent(standby, client)
    connected.mock.faults = connected.mock.faults.__class__(stopped=True)
    await register(connected, maker, "b")
    with pytest.raises(NodeError):
        await standby.turn(client)
    connected.mock.faults = connected.mock.faults.__class__()
    async with connected.client() as fresh:
        await agreed(connected, standby, fresh, "88.101.2001/a", "88.101.2001/b")


def _pages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of records of all pages from now on."""
    sizes: list[int] = []

    def counted(head: StandbyPage, records: Sequence[Any]) -> bytes:
        sizes.append(head.rows)
        return page_of(head, records)

    monkeypatch.setattr("registry.connection.standby.page_of", counted)
    return sizes


async def _superuser(connected: Connected) -> asyncpg.Connection:
    return await asyncpg.connect(connected.docked.database_url)


async def test_a_walk_through_a_prefix_reads_no_more_than_a_page_in_tables_that_nobody_has_analysed(
    connected: Connected, maker: Holder
) -> None:
    await register(connected, maker, "a")
    admin = await _superuser(connected)
    try:
        await admin.execute("ALTER TABLE identifier SET (autovacuum_enabled = false)")
        await admin.execute(
            "INSERT INTO identifier (prefix_id, template_id, version, registered_at, updated_at, suffix_key, record)"
            " SELECT prefix_id, template_id, 1, now(), now(), 'P-' || n, record"
            " FROM identifier, generate_series(1, 5000) n"
        )
        await admin.execute(f"PREPARE page (int, text, int, int, boolean) AS {SQL['page_of_prefix']}")
        async with admin.transaction():
            await admin.execute(SQL["walk_by_key"])
            explained = await admin.fetchval(
                "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page(1, 'P-2', 100, 1000000, false)"
            )
    finally:
        await admin.close()
    [read] = [step for step in steps(json.loads(explained)[0]["Plan"]) if step.get("Relation Name") == "identifier"]
    assert read["Node Type"] == "Index Scan"
    assert read["Actual Rows"] == 100


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)
