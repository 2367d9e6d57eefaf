"""What resolvers are told of changes, complete at each question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from node.notices import CHANNEL

ASKED = "asked"
TELL = "SELECT pg_notify($1, $2)"


class Notices:
    """``await notices()``: what committed transactions told since the question before, in their order.

    PostgreSQL delivers in the order of commits, so a notice of its own, sent now, comes after all of it: nothing
    is waited for by the clock, and no straggler of what a test prepared is taken for what it tests.
    """

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._heard: list[str] = []
        self._arrived = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def of(cls, database_url: str) -> AsyncIterator[Notices]:
        """An ear at a database, as a resolver's login."""
        connection = await asyncpg.connect(database_url, server_settings={"role": "biaoshi_reader"})
        notices = cls(connection)
        await connection.add_listener(CHANNEL, notices._hear)
        yield notices
        await connection.close()

    def _hear(self, *notice: Any) -> None:
        payload = str(notice[3])
        if payload == ASKED:
            self._arrived.set()
        else:
            self._heard.append(payload)

    async def __call__(self) -> list[str]:
        self._arrived.clear()
        await self._connection.execute(TELL, CHANNEL, ASKED)
        async with asyncio.timeout(15):
            await self._arrived.wait()
        told, self._heard = self._heard, []
        return told
