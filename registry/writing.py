"""Writing new identifiers, one or thousands, with everything that belongs to them.

The common case is that all suffixes are new: the rows are copied straight into their tables. Only if that
hits something that stands already is the chunk looked through, and what is new is copied again. Rows of the
same identifier race safely: whoever copies second waits for the first, fails, looks, and reports it as taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import asyncpg

from node.database import Connection
from node.errors import Unavailable
from node.journal import Interface, Message, report_upward
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import decode_values
from node.sql import statements_beside
from registry.encoder import Entry
from registry.leaves import Change, leaf_maker
from registry.prefixes import PrefixGrant

SQL = statements_beside(__file__, "identifiers.sql")
_ATTEMPTS = 8
_DELETED = 2


class TooContended(Unavailable):
    title_zh = "并发冲突过多"


class Taken(NamedTuple):
    """A row that was not written: its identifier or one of its unique values belongs to another."""

    entry: Entry
    attribute_index: int | None
    same_batch: bool


@dataclass(slots=True)
class Outcome:
    """What became of the rows: written, standing already with the very same record, or taken."""

    registered: int = 0
    unchanged: int = 0
    taken: list[Taken] = field(default_factory=list)


async def write_new(
    connection: Connection,
    grant: PrefixGrant,
    template_id: int,
    rows: list[Entry],
    *,
    account_id: UUID,
    interface: Interface,
    at: datetime,
    batch_id: UUID | None,
    expect_taken: bool = False,
) -> Outcome:
    """Write what is new, inside the caller's transaction, which holds the prefix row.

    ``expect_taken`` saves a failed attempt when the caller has reason to believe that rows stand already.
    Suffix keys must differ within ``rows``. Raises ``TooContended`` when others keep taking the same identifiers.
    """
    outcome = Outcome()
    writer = _Writer(connection, grant, template_id, account_id, interface, at, batch_id)
    pending = rows
    for attempt in range(_ATTEMPTS):
        if expect_taken or attempt:
            pending = await writer.set_aside(pending, outcome)
        try:
            async with connection.transaction():
                # Everybody copies in key order: overlapping chunks wait for each other in one direction only.
                await writer.copy(sorted(pending, key=attrgetter("suffix_key")))
        except asyncpg.UniqueViolationError:
            continue
        outcome.registered += len(pending)
        if outcome.registered:
            await report_changes(connection, grant, at, {Change.REGISTER: outcome.registered}, batch_id)
            notice = Notice(NoticeKind.ADDITIONS, grant.prefix.key)
            await connection.execute(SQL["announce"], CHANNEL, notice.encode())
        return outcome
    raise TooContended("other registrations keep taking the same identifiers; try again")


async def report_changes(
    connection: Connection,
    grant: PrefixGrant,
    at: datetime,
    changes: Mapping[Change, int],
    batch_id: UUID | None = None,
) -> None:
    """The summary of one transaction for the national node."""
    body = {
        "prefix": grant.prefix.key,
        "registered": changes.get(Change.REGISTER, 0),
        "updated": changes.get(Change.UPDATE, 0),
        "deleted": changes.get(Change.DELETE, 0),
        "batch_id": str(batch_id) if batch_id else None,
        "at": at.isoformat(),
    }
    await report_upward(connection, Message("registration", "registration.summary", body), at)


@dataclass(frozen=True, slots=True)
class _Writer:
    connection: Connection
    grant: PrefixGrant
    template_id: int
    account_id: UUID
    interface: Interface
    at: datetime
    batch_id: UUID | None

    async def copy(self, rows: list[Entry]) -> None:
        """All rows as new ones, first versions. Raises asyncpg's ``UniqueViolationError``."""
        if not rows:
            return
        prefix_id, template_id, at = self.grant.prefix_id, self.template_id, self.at
        await self._copy_into(
            "identifier",
            ("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key", "suffix",
             "record"),
            [
                (prefix_id, template_id, 1, 1, at, at, row.suffix_key,
                 None if row.suffix == row.suffix_key else row.suffix, row.record)
                for row in rows
            ],
        )  # fmt: skip
        side = [
            (prefix_id, template_id, entry.index, entry.unique, entry.value, row.suffix_key)
            for row in rows
            for entry in row.side
        ]
        if side:
            columns = ("prefix_id", "template_id", "attribute_index", "is_unique", "value", "suffix_key")
            await self._copy_into("attribute_index", columns, side)
        action, interface = int(Change.REGISTER), int(self.interface)
        await self._copy_into(
            "identifier_history",
            ("prefix_id", "version", "action", "interface", "at", "account_id", "batch_id", "suffix_key"),
            [
                (prefix_id, 1, action, interface, at, self.account_id, self.batch_id, row.suffix_key)
                for row in rows
            ],
        )  # fmt: skip
        make = self._make_leaf()
        await self._copy_into("event", ("leaf",), [(make(row.suffix_key, 1, row.record),) for row in rows])

    async def _copy_into(self, table: str, columns: Sequence[str], records: Iterable[tuple[object, ...]]) -> None:
        await self.connection.copy_records_to_table(table, columns=columns, records=records)

    async def set_aside(self, rows: list[Entry], outcome: Outcome) -> list[Entry]:
        """The rows that are new; the others go into ``outcome`` (deleted identifiers come back to life)."""
        rows = await self._without_taken_values(rows, outcome)
        keys = [row.suffix_key for row in rows]
        standing = {
            found["suffix_key"]: found
            for found in await self.connection.fetch(SQL["find_taken"], self.grant.prefix_id, keys)
        }
        fresh = []
        for row in rows:
            found = standing.get(row.suffix_key)
            if found is None:
                fresh.append(row)
            elif found["state"] == _DELETED:
                await self._revive(row)
                outcome.registered += 1
            elif self.batch_id is not None and found["batch_id"] == self.batch_id:
                outcome.taken.append(Taken(row, None, same_batch=True))
            elif found["template_id"] == self.template_id and same_values(found["record"], row.record):
                outcome.unchanged += 1
            else:
                outcome.taken.append(Taken(row, None, same_batch=False))
        return fresh

    async def _without_taken_values(self, rows: list[Entry], outcome: Outcome) -> list[Entry]:
        wanted = {(entry.index, entry.value) for row in rows for entry in row.side if entry.unique}
        if not wanted:
            return rows
        indexes, values = zip(*sorted(wanted), strict=True)
        holders = {
            (found["attribute_index"], found["value"]): found["suffix_key"]
            for found in await self.connection.fetch(
                SQL["find_taken_values"], self.grant.prefix_id, self.template_id, list(indexes), list(values)
            )
        }
        free = []
        for row in rows:
            claims = [(entry.index, entry.value) for entry in row.side if entry.unique]
            lost = next((claim for claim in claims if holders.get(claim, row.suffix_key) != row.suffix_key), None)
            if lost is None:
                holders.update(dict.fromkeys(claims, row.suffix_key))
                free.append(row)
            else:
                outcome.taken.append(Taken(row, lost[0], same_batch=False))
        return free

    async def _revive(self, row: Entry) -> None:
        version = await self.connection.fetchval(
            SQL["revive_identifier"], self.grant.prefix_id, row.suffix_key, self.template_id, self.at,
            None if row.suffix == row.suffix_key else row.suffix, row.record,
        )  # fmt: skip
        await self.connection.execute(
            SQL["add_attributes"], self.grant.prefix_id, self.template_id, row.suffix_key,
            [entry.index for entry in row.side], [entry.unique for entry in row.side],
            [entry.value for entry in row.side],
        )  # fmt: skip
        await self.connection.execute(
            SQL["add_history"], self.grant.prefix_id, version, int(Change.REGISTER), int(self.interface), self.at,
            self.account_id, self.batch_id, row.suffix_key, None,
        )  # fmt: skip
        await self.connection.execute(SQL["add_event"], self._make_leaf()(row.suffix_key, version, row.record))

    def _make_leaf(self) -> Callable[[str, int, bytes], bytes]:
        return leaf_maker(Change.REGISTER, self.grant.prefix.key, self.grant.log_secret, self.account_id, self.at)


def same_values(one: bytes, other: bytes) -> bool:
    """Whether two records say the same, whenever they were written."""
    return [replace(value, timestamp=0) for value in decode_values(one)] == [
        replace(value, timestamp=0) for value in decode_values(other)
    ]
