"""The office of the registry and the ear of a resolver, for the registry's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from node.database import Pool
from tests.support.notices import Notices
from tests.support.office import Office


@pytest.fixture
def office(pool: Pool) -> Office:
    return Office(pool)


@pytest.fixture
async def notices(database_url: str) -> AsyncIterator[Notices]:
    async with Notices.of(database_url) as notices:
        yield notices
