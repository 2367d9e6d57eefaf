"""Which rows of one input want the same, however far apart they stand, without keeping them in memory.

What the rows would take goes into a temporary table of the connection; one statement at the end finds those that come
too late.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from node.database import AWAY, Connection
from node.sql import statements_beside
from registry.batches.rows import Verdict, Weighed

SQL = statements_beside(__file__, "trial.sql")
_SECONDS = 600.0
_ITSELF = 0
"""Stands for the identifier where others are indexes of attributes."""


@dataclass(frozen=True, slots=True)
class Collision:
    """``rows`` rows come too late for an identifier (``attribute_index`` 0) or a unique value; the first stands at
    ``sheet`` and ``line``.
    """

    template_id: int
    attribute_index: int
    rows: int
    sheet: int
    line: int


class Trial:
    """What was taken so far; ``trial`` makes one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._place = 0

    async def add(self, rows: Iterable[Weighed]) -> None:
        """Remember what these rows would take; what stands unchanged takes nothing."""
        records = []
        for row in rows:
            if row.verdict is Verdict.UNCHANGED:
                continue
            self._place += 1
            place = self._place, row.row.sheet, row.row.line
            records.append((*place, 0, _ITSELF, row.suffix_key, row.suffix_key))
            records.extend((*place, *claim, row.suffix_key) for claim in row.claims)
        columns = ("place", "sheet", "line", "template_id", "attribute_index", "value", "suffix_key")
        if records:
            await self._connection.copy_records_to_table("trial", columns=columns, records=records)

    async def collisions(self) -> list[Collision]:
        """The rows that come too late, by what they want."""
        found = await self._connection.fetch(SQL["trial_collisions"], timeout=_SECONDS)
        return [Collision(**row) for row in found]


@asynccontextmanager
async def trial(connection: Connection) -> AsyncIterator[Trial]:
    """A trial on this connection, forgotten at the end of the block."""
    await connection.execute(SQL["drop_trial"])
    await connection.execute(SQL["create_trial"])
    try:
        yield Trial(connection)
    finally:
        with suppress(*AWAY):  # a lost connection has dropped it by itself
            await connection.execute(SQL["drop_trial"])
