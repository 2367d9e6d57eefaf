"""The office of the registry and the ear of a resolver, for the registry's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from node.database import Pool
from tests.support.office import Office


@pytest.fixture
def office(pool: Pool) -> Office:
    return Office(pool)


@pytest.fixture
async def notices(database_url: str) -> AsyncIterator[list[str]]:
    """What resolvers hear, as it comes."""
    heard: list[str] = []
    connection = await asyncpg.connect(database_url, server_settings={"role": "biaoshi_reader"})
    await connection.add_listener("biaoshi_change", lambda *notice: heard.append(str(notice[3])))
    yield heard
    await connection.close()
