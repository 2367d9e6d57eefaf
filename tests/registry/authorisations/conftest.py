"""Two enterprises, one of which has registered a pump."""

from __future__ import annotations

import pytest

from node.database import Pool
from tests.support.world import Holder, World

GOOD = {"name": "离心泵", "serial": "S-1", "model": "CP-7", "weight_kg": "12.50"}


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def maker(world: World) -> Holder:
    """The enterprise that registered 88.101.2001/PUMP-1."""
    maker = await world.holder()
    await world.identifiers.register(maker.account, maker.actor, maker.identifier("PUMP-1"), "pump", GOOD)
    return maker


@pytest.fixture
async def partner(world: World) -> Holder:
    return await world.holder(2002)
