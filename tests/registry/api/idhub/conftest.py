"""The IDHub interface, open for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.database import Pool
from tests.support.idhub import Client, Hub, running_hub
from tests.support.world import World


@pytest.fixture
async def hub(pool: Pool) -> AsyncIterator[Hub]:
    async with running_hub(World(pool)) as hub:
        yield hub


@pytest.fixture
async def client(hub: Hub) -> Client:
    """An application of the first enterprise, signed in."""
    return await hub.client()
