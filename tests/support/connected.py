"""A node with something registered, connected to a national node that gives it instructions and stands by for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from mocknational.mock import Mock
from node.database import Pool
from node.national.client import NationalClient
from node.national.docking import Docking, docked
from node.upper.instructions import issue_instruction
from registry.connection.instructions import InstructionDesk
from registry.connection.standby import Standby
from tests.support.docking import KEYS, SEAL, DockedNode, now, until
from tests.support.world import World


@dataclass
class Connected:
    """``pool`` is the node's, ``mock`` the national node; ``standby`` is at work while the steward is."""

    docked: DockedNode
    world: World
    mock: Mock

    @property
    def pool(self) -> Pool:
        return self.docked.pool

    @asynccontextmanager
    async def client(self) -> AsyncIterator[NationalClient]:
        """A client that speaks for the node, without a steward."""
        docking = Docking(self.mock.url, KEYS.access_key, KEYS.secret_key)
        async with docked(self.pool, docking, SEAL, clock=now) as client:
            yield client

    @asynccontextmanager
    async def steward(
        self, *, standby: bool = True, rows: int = 100, **options: Any
    ) -> AsyncIterator[Standby | None]:
        """The steward with the duties of this connection, until the end of the block."""
        kept = Standby(self.pool, now, rows=rows) if standby else None
        desk = InstructionDesk(self.pool, now, version="0", standby=kept)
        duties = [desk.duty(), *([kept.duty()] if kept is not None else [])]
        async with self.docked.steward(self.mock.url, duties=duties, **options):
            yield kept

    async def instruct(self, kind: str, body: dict[str, Any]) -> UUID:
        """Tell the node what to do."""
        async with self.mock.pool.acquire() as connection, connection.transaction():
            return (await issue_instruction(connection, "88.101", kind, body, now())).instruction_id

    async def answer(self, instruction_id: UUID, seconds: float = 20.0) -> dict[str, Any]:
        """What the node answered: ``outcome``, ``detail``, ``result``."""

        async def answered() -> bool:
            return await self._row(instruction_id) is not None

        await until(answered, seconds)
        row = await self._row(instruction_id)
        return {**row, "result": json.loads(row["result"]) if row["result"] else None}

    async def told(self, kind: str, **body: Any) -> dict[str, Any]:
        """The answer to an instruction given now."""
        return await self.answer(await self.instruct(kind, body))

    async def _row(self, instruction_id: UUID) -> Any:
        return await self.mock.pool.fetchrow(
            "SELECT outcome, detail, result::text AS result FROM docked_instruction"
            " WHERE instruction_id = $1 AND outcome IS NOT NULL",
            instruction_id,
        )

    async def records(self) -> dict[str, bytes]:
        """The standby records above, by name."""
        rows = await self.mock.pool.fetch(
            "SELECT coalesce(name, name_key) AS name, record FROM docked_standby_record ORDER BY name_key"
        )
        return {row["name"]: row["record"] for row in rows}

    async def position(self) -> int | None:
        """How far the records above go."""
        position: int | None = await self.mock.pool.fetchval("SELECT position FROM docked_standby")
        return position

    async def level(self, seconds: float = 20.0) -> None:
        """Wait until everything that was committed before now lies above."""

        async def reached() -> bool:
            newest = await self.pool.fetchval("SELECT coalesce(max(history_id), 0) FROM identifier_history")
            due = await self.pool.fetchval("SELECT count(*) FROM standby_due")
            position = await self.position()
            return position is not None and position >= newest and due == 0

        await until(reached, seconds)


def digest(record: bytes) -> str:
    """As it is compared."""
    return hashlib.sha256(record).hexdigest()
