from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from node.database import Pool
from tests.support.docking import DockedNode, kill


@pytest.fixture
async def world(pool: Pool, database_url: str, other_database_url: str) -> AsyncIterator[DockedNode]:
    """A founded node of no laboratory with an empty outbox."""
    await pool.execute("INSERT INTO node_state (node_id, laboratory, created_at) VALUES ($1, false, now())", uuid4())
    world = DockedNode(pool, database_url, other_database_url)
    yield world
    for process in world.processes:
        if process.returncode is None:
            await kill(process)


@pytest.fixture
async def upper(world: DockedNode) -> AsyncIterator[asyncpg.Connection]:
    """A look into the national node's tables."""
    connection = await asyncpg.connect(world.upper_url, server_settings={"search_path": "mock_national,public"})
    yield connection
    await connection.close()


@pytest.fixture
async def lower(world: DockedNode) -> AsyncIterator[asyncpg.Connection]:
    """A look into the node's own tables, with every right."""
    connection = await asyncpg.connect(world.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
