"""A secondary node with a desk for enterprise nodes, and one such node in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from registry.prefix_grant import PrefixGrant
from tests.support.node_below import NodeBelow, desk_open
from tests.support.office import Office


@pytest.fixture
async def held(office: Office) -> PrefixGrant:
    """An enabled prefix of an approved enterprise."""
    return await office.grant()


@pytest.fixture
async def below(office: Office, held: PrefixGrant) -> AsyncIterator[NodeBelow]:
    """The node of its enterprise, before it has applied; a reviewer decides."""
    async with desk_open(office, office.pool) as url, aiohttp.ClientSession() as session:
        yield NodeBelow(office, session, url, held.prefix.key, held.credit_code)


@pytest.fixture
async def docked(office: Office, below: NodeBelow) -> NodeBelow:
    """The same, let in by a reviewer."""
    await below.be_let_in()
    return below
