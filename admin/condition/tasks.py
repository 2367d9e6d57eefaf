"""What waits for somebody, runs, or went wrong: numbers that say where to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from node.auth import Account, Action, require
from node.china_time import day_of, midnight
from node.database import Pool
from node.sql import statements_beside
from registry.store import reading

_SQL = statements_beside(__file__, "tasks.sql")
DAYS = 30
"""Before an enterprise's record ends it is said so; so long a gap in counting is told."""


@dataclass(frozen=True, slots=True)
class TaskNumbers:
    """``enterprises_ending`` within 30 days, ``enterprises_ended`` before today; ``gaps`` touch the last 30 days."""

    reviews_open: int
    oldest_review_at: datetime | None
    batches_running: int
    batches_paused: int
    requests_open: int
    requests_overdue: int
    enterprises_ending: int
    enterprises_ended: int
    gaps: int
    messages_refused: int
    instructions_open: int
    uploads_waiting: int


class Tasks:
    """The use case."""

    def __init__(self, pool: Pool, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._clock = clock

    async def numbers(self, account: Account) -> TaskNumbers:
        """The numbers as they stand. Raises ``NotAllowed``, ``DatabaseAway``."""
        require(account, Action.NODE_READ, None)
        now = self._clock()
        today, near = day_of(now), timedelta(days=DAYS)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(
                _SQL["tasks"], now, midnight(today - timedelta(days=DAYS - 1)), today, today + near
            )
        return TaskNumbers(**row)
