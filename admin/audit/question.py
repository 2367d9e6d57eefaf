"""One question to both tables of history: the ids that its filters name, and a page of what meets them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from admin.audit.entries import (
    BEGINNING,
    END,
    IDENTIFIER,
    NODE,
    Entry,
    Filters,
    Source,
    changes_named,
    entry_of_act,
    entry_of_change,
)
from admin.audit.walking import DISORDER, Pause, TimeFrom, first_position, walk_back
from node.database import Connection
from node.errors import Malformed
from node.identifier import Identifier, Prefix
from node.sql import statements_beside
from registry.accounts.stored import AccountUnknown
from registry.prefixes import PrefixUnknown

SQL = statements_beside(__file__, "audit.sql")

_WINDOW = 4096
_CURSOR = re.compile(r"(\d{1,18}):(\d{1,18})", re.ASCII)


class AuditFilterUnfit(Malformed):
    """Evidence: ``field``."""

    title_zh = "审计查询条件有误"


@dataclass(frozen=True, slots=True)
class Positions:
    """Below which positions of acts and of changes of identifiers a page begins."""

    acts: int
    changes: int

    def __str__(self) -> str:
        return f"{self.acts}:{self.changes}"


@dataclass(frozen=True, slots=True)
class Found:
    """One page; ``rest`` is where the next begins, if anything is left. ``searched_to`` is how far the search came
    where the page ends for want of time: older entries may still meet the filters."""

    entries: Sequence[Entry]
    rest: Positions | None
    searched_to: datetime | None


def read_positions(key: str | None) -> Positions | None:
    """Those of a cursor's key; ``None`` for none. Raises ``ValueError``."""
    if key is None:
        return None
    found = _CURSOR.fullmatch(key)
    if found is None:
        raise ValueError("not two positions")
    return Positions(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Question:
    """Filters with the ids that they name."""

    connection: Connection
    filters: Filters
    account_id: UUID | None
    prefix_ids: Sequence[int] | None
    suffix_key: str | None

    @classmethod
    async def of(cls, connection: Connection, filters: Filters) -> Question:
        account_id, prefix_ids, suffix_key, prefix = None, None, None, filters.prefix
        if filters.subject and not filters.kind:
            raise AuditFilterUnfit("a subject needs its kind", field="kind")
        if filters.prefix and filters.kind:
            raise AuditFilterUnfit("give either a prefix or a kind", field="kind")
        if filters.account not in ("", NODE):
            account_id = await connection.fetchval(SQL["account_named"], filters.account)
            if account_id is None:
                raise AccountUnknown(f"there is no account {filters.account}", field="account")
        if filters.kind == IDENTIFIER and filters.subject:
            prefix, slash, suffix = filters.subject.partition("/")
            if not slash:
                raise AuditFilterUnfit("an identifier is a prefix, a slash and a suffix", field="subject")
            suffix_key = Identifier.of(Prefix.parse_derived(prefix), suffix).key
        if prefix:
            rows = await connection.fetch(SQL["prefixes_named"], Prefix.parse_derived(prefix).key)
            prefix_ids = [row["prefix_id"] for row in rows]
            if not prefix_ids:
                raise PrefixUnknown(f"there is no prefix {prefix}", field="prefix", prefix=prefix)
        return cls(connection, filters, account_id, prefix_ids, suffix_key)

    async def newest(self) -> Positions:
        """Just above everything that meets the time."""
        row = await self.connection.fetchrow(SQL["newest_positions"])
        acts, changes, until = row["acts"] + 1, row["changes"] + 1, self.filters.until
        if until == END:
            return Positions(acts, changes)
        return Positions(
            await first_position(self._time_of_act, until + DISORDER, acts),
            await first_position(self._time_of_change, until + DISORDER, changes),
        )

    async def page(self, begin: Positions, limit: int, ticks: Callable[[], float], deadline: float) -> Found:
        """The two lists merged: of the two entries that come next always the newer one."""
        positions = {Source.ACT: begin.acts, Source.IDENTIFIER: begin.changes}
        walks: dict[Source, AsyncIterator[Entry | Pause]] = {}
        for source, below in positions.items():
            if self.filters.asks_for(source) and not self._is_empty(source):
                walks[source] = await self._walk(source, below, limit + 1, ticks, deadline)
        heads = {source: await anext(walk, None) for source, walk in walks.items()}
        entries: list[Entry] = []
        searched_to = None
        while len(entries) < limit:
            pauses = {source: head for source, head in heads.items() if isinstance(head, Pause)}
            if pauses:
                # What the other table has beyond this time waits, so that the pages stay in order.
                for source, pause in pauses.items():
                    positions[source] = pause.position
                    at = await self._time_from(source)(pause.position, pause.position + _WINDOW)
                    searched_to = max(filter(None, (searched_to, at)), default=None)
                break
            waiting = [head for head in heads.values() if isinstance(head, Entry)]
            if not waiting:
                return Found(entries, None, None)
            newest = max(waiting, key=lambda entry: entry.at)
            entries.append(newest)
            positions[newest.source] = newest.number
            heads[newest.source] = await anext(walks[newest.source], None)
        if all(head is None for head in heads.values()):
            return Found(entries, None, None)
        return Found(entries, Positions(positions[Source.ACT], positions[Source.IDENTIFIER]), searched_to)

    async def _walk(
        self, source: Source, below: int, limit: int, ticks: Callable[[], float], deadline: float
    ) -> AsyncIterator[Entry | Pause]:
        down_to, since = 0, self.filters.since
        if since != BEGINNING:
            down_to = await first_position(self._time_from(source), since - DISORDER, below) - 1
        fetch = self._acts if source is Source.ACT else self._changes
        whole = bool(self.filters.subject or (self.prefix_ids and source is Source.ACT))
        return walk_back(fetch, below, down_to, limit=limit, ticks=ticks, deadline=deadline, whole=whole)

    def _is_empty(self, source: Source) -> bool:
        if source is Source.ACT:
            return False
        return self.filters.account == NODE or changes_named(self.filters.action) == []

    async def _acts(self, above: int, below: int, limit: int) -> Sequence[Entry]:
        asked = self.filters
        kind, subjects = asked.kind, [asked.subject] if asked.subject else None
        if self.prefix_ids is not None:
            kind, subjects = "prefix", [str(number) for number in self.prefix_ids]
        rows = await self.connection.fetch(
            SQL["acts_between"], above, below, asked.since, asked.until, True if asked.account == NODE else None,
            self.account_id, asked.interface, asked.action, kind, subjects, limit,
        )  # fmt: skip
        return [entry_of_act(row) for row in rows]

    async def _changes(self, above: int, below: int, limit: int) -> Sequence[Entry]:
        asked = self.filters
        rows = await self.connection.fetch(
            SQL["changes_between"], above, below, asked.since, asked.until, self.account_id, asked.interface,
            changes_named(asked.action), self.prefix_ids, self.suffix_key, limit,
        )  # fmt: skip
        return [entry_of_change(row) for row in rows]

    def _time_from(self, source: Source) -> TimeFrom:
        return self._time_of_act if source is Source.ACT else self._time_of_change

    async def _time_of_act(self, position: int, below: int) -> datetime | None:
        at: datetime | None = await self.connection.fetchval(SQL["time_of_act"], position, below)
        return at

    async def _time_of_change(self, position: int, below: int) -> datetime | None:
        """Numbers that were drawn in vain leave gaps: the window grows until it holds an entry."""
        window = _WINDOW
        while position < below:
            ends = min(position + window, below)
            at: datetime | None = await self.connection.fetchval(SQL["time_of_change"], position, ends)
            if at is not None:
                return at
            position, window = ends, window * 4
        return None
