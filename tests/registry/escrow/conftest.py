from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.database import Pool, open_pool
from node.founding import found, node_id_of
from resolver.counting.folder import open_folder
from tests.support.safe import SEAL_KEY, SITE_KEY, Safe
from tests.support.world import World


@pytest.fixture
async def safe(database_url: str, other_database_url: str, pool: Pool, tmp_path: Path) -> Safe:
    world = World(pool)
    await found(database_url, laboratory=True, at=world.clock())
    holder = await world.holder(2001)
    await world.template()
    (tmp_path / "seal.key").write_bytes(SEAL_KEY)
    (tmp_path / "handle-key.pem").write_bytes(SITE_KEY)
    folder = open_folder(tmp_path / "counting", await node_id_of(pool))
    return Safe(database_url, other_database_url, pool, world, holder, tmp_path, folder)


@pytest.fixture
async def restored_pool(other_database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(other_database_url, "biaoshi_writer", size=4, seconds=10, name="test restored")
    yield pool
    pool.terminate()
