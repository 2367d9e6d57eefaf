from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from node.database import Pool
from node.journal import Message, report_upward
from node.national.outbox import Horizon, backlog, next_page, purge, settle, waiting_since
from tests.support.docking import DockedNode, now, until


async def report(connection: asyncpg.Connection, name: str) -> None:
    await report_upward(connection, Message("registration", "test.named", {"name": name}), now())


async def visible(pool: Pool, horizon: Horizon) -> list[Any]:
    """What a steward would send now."""
    page = await next_page(pool, after="", paused=(), through=await horizon.advance(pool), limit=200)
    return [bytes(message.body).decode() for message in page.messages]


async def all_settled(pool: Pool, horizon: Horizon) -> int:
    """The horizon once it has reached everything; other databases of the server may hold it back for a moment."""
    drawn = await pool.fetchval("SELECT count(*) FROM outbox")
    await until(partial(reached, pool, horizon, drawn))
    return horizon.settled


async def reached(pool: Pool, horizon: Horizon, number: int) -> bool:
    return await horizon.advance(pool) >= number


async def test_a_message_waits_for_those_with_smaller_numbers_that_are_not_committed_yet(world: DockedNode) -> None:
    horizon = Horizon()
    async with world.pool.acquire() as slow, world.pool.acquire() as quick:
        transaction = slow.transaction()
        await transaction.start()
        await report(slow, "first")
        await report(quick, "second")
        for _ in range(3):
            assert await visible(world.pool, horizon) == []
        await transaction.commit()
    await all_settled(world.pool, horizon)
    assert await visible(world.pool, horizon) == ['{"name": "first"}', '{"name": "second"}']


async def test_an_older_transaction_that_draws_the_later_number_does_not_overtake(world: DockedNode) -> None:
    """Here the age of the transactions is no help: the older one has the later number and commits first."""
    horizon = Horizon()
    async with world.pool.acquire() as older, world.pool.acquire() as younger:
        for connection in (older, younger):
            await connection.execute("BEGIN")
            await connection.execute("SELECT pg_current_xact_id()")
        await report(younger, "first")
        await report(older, "second")
        await older.execute("COMMIT")
        for _ in range(3):
            assert await visible(world.pool, horizon) == []
        await younger.execute("COMMIT")
    await all_settled(world.pool, horizon)
    assert await visible(world.pool, horizon) == ['{"name": "first"}', '{"name": "second"}']


async def test_a_number_whose_transaction_failed_holds_nothing_up(world: DockedNode) -> None:
    horizon = Horizon()
    async with world.pool.acquire() as connection:
        await connection.execute("BEGIN")
        await report(connection, "undone")
        await report_and_look(world, horizon)
        await connection.execute("ROLLBACK")
    await until(partial(reached, world.pool, horizon, 2))
    assert await visible(world.pool, horizon) == ['{"name": "kept"}']


async def report_and_look(world: DockedNode, horizon: Horizon) -> None:
    async with world.pool.acquire() as other:
        await report(other, "kept")
    assert await visible(world.pool, horizon) == []


async def test_messages_move_on_while_there_is_always_an_open_transaction(world: DockedNode) -> None:
    """Transactions that overlap without end hold a message back for one of their lives, not for ever."""
    horizon = Horizon()
    connections = [await world.pool.acquire() for _ in range(3)]
    turns = itertools.count()
    try:
        async with asyncio.timeout(10):
            while horizon.settled == 0:
                turn = next(turns)
                connection = connections[turn % 3]
                if turn >= 3:
                    await connection.execute("COMMIT")
                await connection.execute("BEGIN")
                await report(connection, str(turn))
                await horizon.advance(world.pool)
    finally:
        for connection in connections:
            await connection.execute("ROLLBACK")
            await world.pool.release(connection)


async def test_a_transaction_has_its_number_before_it_draws_one(world: DockedNode) -> None:
    """The horizon relies on the order in which PostgreSQL works out the defaults of a row."""
    plan = await world.pool.fetch(
        "EXPLAIN (VERBOSE, COSTS OFF) INSERT INTO outbox (message_id, stream, kind, body, created_at)"
        " VALUES (gen_random_uuid(), 's', 'k', '{}', now())"
    )
    text = "\n".join(row[0] for row in plan)
    assert 0 < text.index("pg_current_xact_id") < text.index("nextval")


async def test_every_stream_of_a_page_gets_its_share(world: DockedNode) -> None:
    await world.report_many(["a"], 1000)
    await world.report_many(["b", "c"], 3)
    through = await all_settled(world.pool, Horizon())
    page = await next_page(world.pool, after="", paused=(), through=through, limit=30)
    assert [(m.stream, m.sequence) for m in page.messages] == sorted((m.stream, m.sequence) for m in page.messages)
    assert [sum(m.stream == stream for m in page.messages) for stream in "abc"] == [10, 3, 3]


async def test_a_tour_of_many_streams_comes_to_all_of_them_and_leaves_out_the_resting(world: DockedNode) -> None:
    streams = [f"prefix/{n:03}" for n in range(120)]
    await world.report_many(streams, 1)
    through = await all_settled(world.pool, Horizon())
    seen: list[str] = []
    after, pages = "", 0
    while pages == 0 or after:
        page = await next_page(world.pool, after=after, paused={"prefix/007"}, through=through, limit=200)
        seen += [message.stream for message in page.messages]
        after, pages = page.after, pages + 1
    assert pages == 3
    assert sorted(seen) == [stream for stream in streams if stream != "prefix/007"]


async def test_what_became_of_a_message_is_written_down(world: DockedNode) -> None:
    await world.report_many(["a"], 4)
    through = await all_settled(world.pool, Horizon())
    ids = [
        m.message_id for m in (await next_page(world.pool, after="", paused=(), through=through, limit=9)).messages
    ]
    assert all(type(message_id) is UUID for message_id in ids)
    refused, failed = {ids[1]: "no" * 1000}, {"silence": [ids[2]]}
    await settle(world.pool, delivered=[ids[0]], refused=refused, failed=failed, at=now())
    rows = await world.pool.fetch(
        "SELECT attempts, delivered_at IS NOT NULL AS done, refused, last_error FROM outbox ORDER BY outbox_id"
    )
    assert [tuple(row) for row in rows] == [
        (1, True, False, None),
        (1, True, True, ("no" * 1000)[:500]),
        (1, False, False, "silence"),
        (0, False, False, None),
    ]
    assert await backlog(world.pool) == 2
    await settle(world.pool, delivered=[ids[2]], refused={}, failed={}, at=now())
    assert await world.pool.fetchval("SELECT last_error FROM outbox WHERE message_id = $1", ids[2]) is None


async def test_the_lag_is_the_age_of_the_oldest_message_of_any_stream(world: DockedNode) -> None:
    assert await waiting_since(world.pool) is None
    await world.report_many(["a", "b", "c"], 3)
    await world.pool.execute("UPDATE outbox SET created_at = '2026-03-02' WHERE stream = 'b'")
    await world.pool.execute("UPDATE outbox SET delivered_at = now(), created_at = '2026-03-01' WHERE stream = 'a'")
    assert await waiting_since(world.pool) == datetime(2026, 3, 2, tzinfo=UTC)


async def test_only_what_was_delivered_long_ago_is_removed(world: DockedNode) -> None:
    """12,000 old ones go in portions; what waits, what was refused and what is new stays."""
    await world.report_many(["old"], 12_000)
    await world.pool.execute("UPDATE outbox SET delivered_at = '2026-01-31'")
    await world.report_many(["waiting", "refused", "new"], 2)
    await world.pool.execute(
        "UPDATE outbox SET delivered_at = '2026-01-31', refused = true, last_error = 'no' WHERE stream = 'refused'"
    )
    await world.pool.execute("UPDATE outbox SET delivered_at = '2026-02-01' WHERE stream = 'new'")
    before = datetime(2026, 2, 1, tzinfo=UTC)
    assert [await purge(world.pool, before) for _ in range(4)] == [True, True, False, False]
    rows = await world.pool.fetch("SELECT stream, count(*) FROM outbox GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in rows] == [("new", 2), ("refused", 2), ("waiting", 2)]


async def test_the_database_itself_keeps_what_waits(world: DockedNode) -> None:
    await world.report_many(["a"], 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.pool.execute("DELETE FROM outbox")


async def test_the_steward_removes_what_is_old_enough(world: DockedNode) -> None:
    await world.report_many(["a"], 3)
    await world.pool.execute("UPDATE outbox SET delivered_at = now() - INTERVAL '31 days' WHERE body ->> 'n' = '1'")
    await world.pool.execute("UPDATE outbox SET delivered_at = now() - INTERVAL '29 days' WHERE body ->> 'n' = '2'")

    async def one_is_gone() -> bool:
        return bool(await world.pool.fetchval("SELECT count(*) = 2 FROM outbox"))

    async with world.steward(None):
        await until(one_is_gone)


@pytest.mark.parametrize("waiting", [0, 1])
async def test_an_outbox_that_never_held_anything_has_a_horizon_too(world: DockedNode, waiting: int) -> None:
    await world.report_many(["a"], waiting)
    assert await all_settled(world.pool, Horizon()) == waiting
