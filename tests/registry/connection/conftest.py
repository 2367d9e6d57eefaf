from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.connected import Connected
from tests.support.docking import DockedNode
from tests.support.docking_fixtures import world as docked_node
from tests.support.world import World

__all__ = ["connected", "docked_node"]


@pytest.fixture
async def connected(docked_node: DockedNode) -> AsyncIterator[Connected]:
    """A node with the template pump, beside a national node that runs."""
    world = World(docked_node.pool)
    await world.template()
    async with docked_node.mock() as mock:
        yield Connected(docked_node, world, mock)
