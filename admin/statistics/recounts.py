"""Recounts asked for (复核计数): which days, by whom, what came out; the steward does them (``recounting.py``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.china_time import day_of
from node.database import Pool, transaction
from node.errors import Malformed, NotFound, TooMany
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.store import reading, time_ordered_id

SQL = statements_beside(__file__, "recounts.sql")
Clock = Callable[[], datetime]

MOST_DAYS = 31
MOST_WAITING = 5
_ASKING_LOCK = 0x72_65_63_6F_75_6E_74  # "recount"
_LAST = UUID(int=2**128 - 1)


class RecountUnknown(NotFound):
    """Evidence: ``recount_id``."""

    title_zh = "没有该复核记录"


class RecountDaysUnfit(Malformed):
    """Evidence: ``field``."""

    title_zh = "复核的日期有误"


class TooManyRecounts(TooMany):
    """Evidence: ``limit``."""

    title_zh = "等待中的复核过多"


class RecountState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AskedRecount:
    """The days from ``since`` to ``until``, both included. ``result`` is what ``recounting.py`` keeps, None until it
    is done; of a list without its differences."""

    recount_id: UUID
    since: date
    until: date
    correct: bool
    asked_by: UUID
    asked_by_name: str
    asked_at: datetime
    state: RecountState
    days_done: int
    ended_at: datetime | None
    result: Mapping[str, Any] | None
    failure: str

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1


class Recounts:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def ask(self, account: Account, actor: Actor, since: date, until: date, *, correct: bool) -> AskedRecount:
        """Have days counted again; ``correct`` writes what the evidence says, as further editions.

        Raises ``RecountDaysUnfit``, ``TooManyRecounts``.
        """
        require(account, Action.RECOUNT, None)
        if correct:
            require(account, Action.COUNT_CORRECT, None)
        at = self._clock()
        if not since <= until <= day_of(at) or (until - since).days >= MOST_DAYS:
            raise RecountDaysUnfit(
                f"at most {MOST_DAYS} days, the last of them not after today",
                field="until", since=str(since), until=str(until),
            )  # fmt: skip
        recount_id = time_ordered_id(at)
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["lock_recounts"], _ASKING_LOCK)
            if await connection.fetchval(SQL["recounts_waiting"]) >= MOST_WAITING:
                raise TooManyRecounts(
                    f"{MOST_WAITING} recounts wait already: wait until one is done", limit=MOST_WAITING
                )
            await connection.execute(SQL["add_recount"], recount_id, since, until, correct, account.account_id, at)
            after = {"since": str(since), "until": str(until), "correct": correct}
            await record_act(connection, actor, Act(Action.RECOUNT, "recount", str(recount_id), after=after), at)
        return await self.get(account, recount_id)

    async def get(self, account: Account, recount_id: UUID) -> AskedRecount:
        """One with its differences. Raises ``RecountUnknown``."""
        require(account, Action.RECOUNT, None)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_recount"], recount_id)
        if row is None:
            raise RecountUnknown(f"there is no recount {recount_id}", recount_id=str(recount_id))
        return _of(row)

    async def list(self, account: Account, *, before: UUID | None, limit: int) -> list[AskedRecount]:
        """The newest first, before an id."""
        require(account, Action.RECOUNT, None)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_recounts"], before or _LAST, limit)
        return [_of(row) for row in rows]


def _of(row: Mapping[str, Any]) -> AskedRecount:
    fields = dict(row)
    result = fields.pop("result")
    return AskedRecount(
        **fields
        | {
            "state": RecountState(fields["state"]),
            "asked_by_name": fields["asked_by_name"] or "",
            "result": None if result is None else json.loads(result),
        }
    )
