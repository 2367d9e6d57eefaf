from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.database import Pool
from tests.support.upper import Below, Upper, running_upper


@pytest.fixture
async def upper(pool: Pool) -> AsyncIterator[Upper]:
    """A desk with nothing beside, and its tables."""
    async with running_upper(pool) as upper:
        yield upper


@pytest.fixture
async def below(upper: Upper) -> Below:
    """A secondary node with the prefix 88.101."""
    return await upper.below()
