"""Both tables of history as one list, newest first: read page by page, one entry at a time, or whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from admin.audit.entries import Entry, Filters, Source, entry_of_act, entry_of_change
from admin.audit.leaf import Leaf, leaf_of_act, leaf_of_change
from admin.audit.question import Found, Positions, Question
from admin.statistics.day_figures import SQL as FIGURES
from node.auth import Account, Action, require
from node.database import DatabaseAway, Pool, transaction
from node.errors import Malformed, NotFound
from node.journal import Act, Actor, record_act
from node.record import Value, decode_values
from node.sql import statements_beside
from registry.store import reading

log = structlog.get_logger("audit")

SQL = statements_beside(__file__, "audit.sql")
Clock = Callable[[], datetime]

MOST_DAYS = 31
_PAGE_SECONDS = 0.12
_TABLE_PAGE = 1_000
_SUMMARY_LOCK = "50ms"
_SUMMARY_SECONDS = 2.0
_ENDLESS = float("inf")


class AuditEntryUnknown(NotFound):
    """Evidence: ``entry``."""

    title_zh = "没有该审计记录"


class AuditWindowUnfit(Malformed):
    """Evidence: ``since``, ``until``."""

    title_zh = "审计导出的时间范围有误"


@dataclass(frozen=True, slots=True)
class Detail:
    """One entry with the values that a change replaced, and its leaf, if one was found."""

    entry: Entry
    values: Sequence[Value] | None
    leaf: Leaf | None


class Audit:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock, ticks: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._ticks = ticks

    async def list(self, account: Account, filters: Filters, after: Positions | None, limit: int) -> Found:
        """A page after those positions. Raises ``AuditFilterUnfit``, ``AccountUnknown``, ``PrefixUnknown``."""
        require(account, Action.AUDIT_READ, None)
        if after is None and filters.asks_for(Source.IDENTIFIER):
            await self._summarise()
        return await self._page(filters, after, limit, self._ticks() + _PAGE_SECONDS)

    async def get(self, account: Account, source: Source, number: int) -> Detail:
        """One entry with its evidence. Raises ``AuditEntryUnknown``."""
        require(account, Action.AUDIT_READ, None)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_act" if source is Source.ACT else "find_change"], number)
            if row is None:
                raise AuditEntryUnknown(f"there is no entry {source}-{number}", entry=f"{source}-{number}")
            if source is Source.ACT:
                return Detail(entry_of_act(row), None, await leaf_of_act(connection, row))
            values = None if row["record_before"] is None else decode_values(row["record_before"])
            return Detail(entry_of_change(row), values, await leaf_of_change(connection, row))

    async def export(
        self, account: Account, actor: Actor, filters: Filters
    ) -> tuple[AsyncIterator[Sequence[Entry]], bool]:
        """Everything of a window of at most ``MOST_DAYS``, page by page, and whether the node is a laboratory; that
        somebody asked is an act itself.

        Raises ``AuditWindowUnfit`` and what ``list`` raises, all before the first page.
        """
        require(account, Action.AUDIT_READ, None)
        if not timedelta() < filters.until - filters.since <= timedelta(days=MOST_DAYS):
            raise AuditWindowUnfit(
                f"give since and until, at most {MOST_DAYS} days apart",
                since=filters.since.isoformat(), until=filters.until.isoformat(),
            )  # fmt: skip
        said = {
            name: str(value)
            for name in ("since", "until", "account", "interface", "action", "kind", "subject", "prefix", "source")
            if (value := getattr(filters, name))
        }
        async with transaction(self._pool) as connection:
            await Question.of(connection, filters)
            laboratory: bool = await connection.fetchval(FIGURES["laboratory"])
            at = self._clock()
            await record_act(connection, actor, Act("audit.export", "audit", at.isoformat(), after=said), at)
        return self._pages(filters), laboratory

    async def _pages(self, filters: Filters) -> AsyncIterator[Sequence[Entry]]:
        rest: Positions | None = None
        while True:
            found = await self._page(filters, rest, _TABLE_PAGE, _ENDLESS)
            yield found.entries
            if found.rest is None:
                return
            rest = found.rest

    async def _page(self, filters: Filters, after: Positions | None, limit: int, deadline: float) -> Found:
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["plan_each_time"])
            question = await Question.of(connection, filters)
            begin = after or await question.newest()
            return await question.page(begin, limit, self._ticks, deadline)

    async def _summarise(self) -> None:
        """What was written last is looked through as a whole until the range index knows it; nobody is waited for.

        What was summed up before the time ran out stays so: whoever asks next goes on from there.
        """
        try:
            async with transaction(self._pool) as connection:
                await connection.execute(SQL["wait_little"], _SUMMARY_LOCK)
                await connection.execute(SQL["summarise"], timeout=_SUMMARY_SECONDS)
        except (asyncpg.LockNotAvailableError, DatabaseAway) as error:
            log.info("history_not_summarised", cause=type(error).__name__)
