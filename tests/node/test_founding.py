"""A node is founded once, and a laboratory stays one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from node.database import DatabaseAway
from node.founding import KnownNode, NodeNotFounded, found, known_node

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


async def node_ids(url: str) -> list[object]:
    connection = await asyncpg.connect(url)
    try:
        return [row["node_id"] for row in await connection.fetch("SELECT node_id FROM node_state")]
    finally:
        await connection.close()


async def test_a_node_keeps_its_identity(database_url: str) -> None:
    assert await found(database_url, laboratory=False, at=AT) is False
    first = await node_ids(database_url)
    assert await found(database_url, laboratory=False, at=AT) is False
    assert await node_ids(database_url) == first


async def test_many_founders_at_once_found_one_node(database_url: str) -> None:
    assert set(await asyncio.gather(*(found(database_url, laboratory=True, at=AT) for _ in range(5)))) == {True}
    assert len(await node_ids(database_url)) == 1


async def test_a_laboratory_stays_one_whatever_is_asked(database_url: str) -> None:
    assert await found(database_url, laboratory=True, at=AT) is True
    assert await found(database_url, laboratory=False, at=AT) is True


async def test_a_node_may_become_a_laboratory(database_url: str) -> None:
    assert await found(database_url, laboratory=False, at=AT) is False
    assert await found(database_url, laboratory=True, at=AT) is True
    assert await found(database_url, laboratory=False, at=AT) is True


@pytest.mark.parametrize(
    "statement", ["UPDATE node_state SET laboratory = false", "DELETE FROM node_state", "TRUNCATE node_state"]
)
async def test_not_even_a_superuser_removes_the_mark(database_url: str, statement: str) -> None:
    await found(database_url, laboratory=True, at=AT)
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_there_is_one_node_in_a_database(database_url: str) -> None:
    await found(database_url, laboratory=False, at=AT)
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute("INSERT INTO node_state VALUES (false, gen_random_uuid(), false, now())")
    finally:
        await connection.close()


async def test_a_database_that_is_away_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway):
        await found(f"postgresql:///nothing?host={tmp_path}", laboratory=False, at=AT)


async def test_who_founds_nothing_knows_the_node_by_the_first_database_that_answers(database_url: str) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(NodeNotFounded):
        await known_node((nowhere, database_url))
    await found(database_url, laboratory=True, at=AT)
    (node_id,) = await node_ids(database_url)
    assert await known_node((nowhere, database_url)) == KnownNode(node_id, laboratory=True)  # type: ignore[arg-type]
    with pytest.raises(DatabaseAway):
        await known_node((nowhere,))
