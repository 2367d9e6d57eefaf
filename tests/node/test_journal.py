"""The three traces of an act: together or not at all, and readable by others than us."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from node.database import Pool
from node.journal import Act, Actor, Interface, Message, acts_of, canonical, record_act, report_upward
from tests.support.world import World

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SOMEBODY = Actor(UUID(int=7), Interface.V1)
SHELF = Act("shelf.build", "shelf", "A-1", before=None, after={"名称": "架子", "boards": 4}, reason="更多空间")


async def traces(pool: Pool) -> tuple[int, int, int]:
    row = await pool.fetchrow(
        "SELECT (SELECT count(*) FROM act_history), (SELECT count(*) FROM event), (SELECT count(*) FROM outbox)"
    )
    return tuple(row)


async def record(pool: Pool, act: Act = SHELF, actor: Actor = SOMEBODY, report: Message | None = None) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await record_act(connection, actor, act, AT, report)


async def leaves(pool: Pool) -> list[bytes]:
    return [row["leaf"] for row in await pool.fetch("SELECT leaf FROM event ORDER BY event_id")]


def test_canonical_json_is_the_same_whatever_the_order() -> None:
    assert (
        canonical({"b": [1, None, True], "a": {"d": "x", "c": "中"}})
        == '{"a":{"c":"中","d":"x"},"b":[1,null,true]}'.encode()
    )
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})


def test_dates_ids_and_decimals_are_their_texts() -> None:
    content = {"at": AT, "day": date(2026, 3, 2), "id": UUID(int=1), "weight": Decimal("1.10")}
    assert json.loads(canonical(content)) == {
        "at": "2026-03-02 01:00:00+00:00",
        "day": "2026-03-02",
        "id": "00000000-0000-0000-0000-000000000001",
        "weight": "1.10",
    }


async def test_an_act_leaves_history_and_a_leaf(pool: Pool) -> None:
    await record(pool)
    assert await traces(pool) == (1, 1, 0)
    async with pool.acquire() as connection:
        (act,) = await acts_of(connection, "shelf", "A-1", before_act=None, limit=10)
    assert (act.at, act.account_id, act.interface, act.action) == (AT, UUID(int=7), Interface.V1, "shelf.build")
    assert (act.before, act.after, act.reason) == (None, {"名称": "架子", "boards": 4}, "更多空间")


async def test_a_report_goes_into_the_outbox_with_the_act(pool: Pool) -> None:
    await record(pool, report=Message("shelf", "shelf.built", {"shelf": "A-1"}))
    assert await traces(pool) == (1, 1, 1)
    row = await pool.fetchrow("SELECT stream, kind, body, created_at, attempts, delivered_at FROM outbox")
    assert (row["stream"], row["kind"], json.loads(row["body"])) == ("shelf", "shelf.built", {"shelf": "A-1"})
    assert (row["created_at"], row["attempts"], row["delivered_at"]) == (AT, 0, None)


async def test_traces_of_what_did_not_happen_do_not_exist(pool: Pool) -> None:
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await record_act(connection, SOMEBODY, SHELF, AT, Message("shelf", "shelf.built", {}))
        await report_upward(connection, Message("shelf", "shelf.seen", {}), AT)
        await transaction.rollback()
    assert await traces(pool) == (0, 0, 0)


async def test_a_leaf_commits_to_the_contents_without_showing_them(pool: Pool) -> None:
    await record(pool)
    (leaf,) = await leaves(pool)
    nonce = await pool.fetchval("SELECT nonce FROM act_history")
    assert "架子" not in leaf.decode()
    assert json.loads(leaf) == {
        "v": 1, "op": "shelf.build", "kind": "shelf", "id": "A-1", "by": str(UUID(int=7)), "ts": AT.isoformat(),
        "hash": hashlib.sha256(nonce + canonical(SHELF.after)).hexdigest(),
    }  # fmt: skip


async def test_equal_acts_have_different_leaves(pool: Pool) -> None:
    """Otherwise a published log would tell who did the same twice."""
    await record(pool)
    await record(pool)
    first, second = await leaves(pool)
    assert first != second


async def test_what_the_node_did_itself_is_the_node_s(pool: Pool) -> None:
    await record(pool, actor=Actor(None, Interface.STEWARD))
    (leaf,) = await leaves(pool)
    assert json.loads(leaf)["by"] == "node"


async def test_history_is_read_from_the_newest_back_page_by_page(pool: Pool) -> None:
    for number in range(5):
        await record(pool, Act(f"shelf.paint_{number}", "shelf", "A-1"))
        await record(pool, Act("shelf.build", "shelf", "B-2"))
    async with pool.acquire() as connection:
        first = await acts_of(connection, "shelf", "A-1", before_act=None, limit=3)
        rest = await acts_of(connection, "shelf", "A-1", before_act=first[-1].act_id, limit=3)
        end = await acts_of(connection, "shelf", "A-1", before_act=rest[-1].act_id, limit=3)
    assert [act.action[-1] for act in [*first, *rest]] == ["4", "3", "2", "1", "0"]
    assert end == []


@pytest.mark.parametrize("table", ["act_history", "event", "identifier_history"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_not_even_a_superuser_rewrites_history(
    database_url: str, pool: Pool, table: str, statement: str
) -> None:
    await record(pool)
    column = {"act_history": "reason", "event": "leaf", "identifier_history": "version"}[table]
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="never changed or removed"):
            await connection.execute(statement.format(table, column, column))
    finally:
        await connection.close()


async def test_the_leaves_of_all_business_are_canonical(pool: Pool) -> None:
    world = World(pool)
    holder = await world.holder()
    await world.template()
    attributes = {"name": "离心泵", "weight_kg": Decimal("1.50"), "passed": True}
    for suffix in ("A", "B"):
        await world.identifiers.register(holder.account, holder.actor, holder.identifier(suffix), "pump", attributes)
    await world.identifiers.update(holder.account, holder.actor, holder.identifier("A"), 1, {"name": "新名"})
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("B"), 1)
    found = await leaves(pool)
    assert len(found) > 8
    for leaf in found:
        content: dict[str, Any] = json.loads(leaf, parse_float=pytest.fail)
        assert canonical(content) == leaf
        assert content["v"] == 1
        assert datetime.fromisoformat(content["ts"]).utcoffset() == timedelta(0)


async def test_a_message_alone_is_no_act(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await report_upward(connection, Message("registration", "registration.summary", {"id": uuid4()}), AT)
    assert await traces(pool) == (0, 0, 1)
