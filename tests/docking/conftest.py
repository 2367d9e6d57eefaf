from __future__ import annotations

import pytest

from node.database import Pool
from tests.support.docking_fixtures import world
from tests.support.office import Office

__all__ = ["world"]


@pytest.fixture
def office(pool: Pool) -> Office:
    """A secondary node's office."""
    return Office(pool)
