"""A desk with a shelf behind it; and the event loop that a worker uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from node.database import Pool
from tests.support.desk import Office, Peer, office_at


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Transports differ from loop to loop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def office(database_url: str, pool: Pool) -> AsyncIterator[Office]:
    async with office_at(database_url, pool) as office:
        yield office


@pytest.fixture
def peer(office: Office) -> Peer:
    """Somebody who came by TCP."""
    return office.peer()
