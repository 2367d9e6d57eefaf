"""A shelf with one registered pump, and a front that resolves it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.database import Pool
from tests.support.shelf import Front, Shelf, front_of, shelf_at


@pytest.fixture
async def shelf(database_url: str) -> AsyncIterator[Shelf]:
    async with shelf_at(database_url) as shelf:
        yield shelf


@pytest.fixture
async def pump(shelf: Shelf) -> str:
    """The text of a registered identifier, as it was spelled."""
    await shelf.prefix()
    template_id = await shelf.template()
    return (await shelf.register("88.101.1/Pump-001", template_id=template_id)).text


@pytest.fixture
async def front(database_url: str, pool: Pool) -> AsyncIterator[Front]:
    async with front_of(database_url, pool) as front:
        yield front
