"""Writing new identifiers, one or thousands, with everything that belongs to them.

The common case is that all suffixes are new: the rows go straight into their tables. Only if that hits something
that stands already is the chunk looked through, and what is new is written again. Rows of the same identifier race
safely: whoever writes second waits for the first, fails, looks, and reports it as taken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import repeat
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from node.database import Connection
from node.errors import Unavailable
from node.journal import Interface, Message, canonical
from node.notices import CHANNEL, Notice, NoticeKind
from node.record import decode_values
from node.sql import statements_beside
from registry.identifiers.admission import Room, count_registrations, is_open, obeying, room_left
from registry.identifiers.copying import HISTORY, IDENTIFIER, FirstVersions
from registry.identifiers.evidence import add_pack
from registry.identifiers.leaves import Change, leaf_maker
from registry.identifiers.outcome import Outcome, Signature, Signed, Taken
from registry.identifiers.state import IdentifierState
from registry.prefix_grant import PrefixGrant
from registry.tallies import Tally, columns_of, registrations
from registry.templates.encoder import Entry

__all__ = [
    "Outcome", "Signature", "Signed", "Taken", "TooContended", "report_changes", "weigh_new", "write_fresh",
    "write_new", "write_signed",
]  # fmt: skip

SQL = statements_beside(__file__, "writing.sql")
_ATTEMPTS = 8
_FEW = 100  # rows; COPY has to be set up for every table, and is faster from here on


class TooContended(Unavailable):
    title_zh = "并发冲突过多"


_NOBODY = Signature(UUID(int=0), Interface.V1, datetime.min.replace(tzinfo=UTC), batch_id=None)
"""For rows that are weighed and not written."""

_Revived = tuple[Entry, Signature, int, int]
"""The next version of an identifier that was deleted: its number, and the template that it had."""


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
    """``write_signed`` for the rows of one chunk of a batch."""
    signature = Signature(account_id, interface, at, batch_id)
    signed = list(zip(rows, repeat(signature)))
    return await write_signed(connection, grant, template_id, signed, expect_taken=expect_taken)


async def write_signed(
    connection: Connection, grant: PrefixGrant, template_id: int, rows: list[Signed], *, expect_taken: bool = False
) -> Outcome:
    """Write what is new and may be registered, inside the caller's transaction, which holds the prefix row.

    ``expect_taken`` saves a failed attempt when the caller has reason to believe that rows stand already.
    Suffix keys must differ within ``rows``. Raises ``TooContended`` when others keep taking the same identifiers.
    """
    writer = _Writer(connection, grant, template_id)
    if is_open(grant) or not rows:
        return await _written(writer, rows, None, look_first=expect_taken)
    at = max(by.at for _, by in rows)
    room = await room_left(connection, grant, at, hold=True)
    obedient, refused = await obeying(connection, grant, rows)
    outcome = await _written(writer, obedient, room, look_first=expect_taken or room is not None)
    outcome.refused.extend(refused)
    if room is not None:
        await count_registrations(connection, grant, at, outcome)
    return outcome


async def _written(writer: _Writer, rows: list[Signed], room: Room | None, *, look_first: bool) -> Outcome:
    for attempt in range(_ATTEMPTS):
        outcome = Outcome()
        try:
            async with writer.connection.transaction():
                if look_first or attempt:
                    await writer.write_what_is_free(rows, room, outcome)
                else:
                    outcome = await writer.write_all(rows)
        except (asyncpg.UniqueViolationError, _Overtaken):
            continue
        return outcome
    raise TooContended("other registrations keep taking the same identifiers; try again")


async def write_fresh(connection: Connection, grant: PrefixGrant, template_id: int, rows: list[Signed]) -> Outcome:
    """``write_signed`` where all rows are likely to be new: less work, but the transaction does not survive one that
    is not: it raises asyncpg's ``UniqueViolationError``.
    """
    if not is_open(grant):
        return await write_signed(connection, grant, template_id, rows)
    return await _Writer(connection, grant, template_id).write_all(rows)


async def weigh_new(
    connection: Connection, grant: PrefixGrant, template_id: int, rows: list[Entry], at: datetime, weighed: int = 0
) -> Outcome:
    """What ``write_new`` would make of the rows now, after ``weighed`` others, without writing anything."""
    outcome = Outcome()
    room = await room_left(connection, grant, at, hold=False)
    obedient, refused = await obeying(connection, grant, list(zip(rows, repeat(_NOBODY))))
    fresh, deleted = await _Writer(connection, grant, template_id).sort_out(obedient, outcome)
    if room is not None:
        fresh, deleted = room.less(weighed).admit(fresh, deleted, outcome)
    outcome.registered = len(fresh) + len(deleted)
    outcome.refused.extend(refused)
    return outcome


async def report_changes(
    connection: Connection,
    grant: PrefixGrant,
    at: datetime,
    tallies: Sequence[Tally],
    batch_id: UUID | None = None,
    ways: Mapping[Change, int] | None = None,
) -> None:
    """Count what one transaction did to identifiers, and sum it up for the national node.

    ``ways``: how many of these changes came by migrating or undoing.
    """
    report = _summary(grant, at, tallies, batch_id, ways or {})
    await connection.execute(
        SQL["report"], grant.prefix_id, *columns_of(tallies),
        uuid4(), report.stream, report.kind, canonical(report.body).decode(), at,
    )  # fmt: skip


def _summary(
    grant: PrefixGrant, at: datetime, tallies: Sequence[Tally], batch_id: UUID | None, ways: Mapping[Change, int]
) -> Message:
    changes = ("registered", "updated", "deleted", "suspended", "resumed")
    body = {
        "prefix": grant.reported_as,
        **{change: sum(getattr(tally.counts, change) for tally in tallies) for change in changes},
        "migrated": ways.get(Change.MIGRATE, 0),
        "undone": ways.get(Change.UNDO, 0),
        "batch_id": str(batch_id) if batch_id else None,
        "at": at.isoformat(),
    }
    return Message("registration", "registration.summary", body)


class _Overtaken(Exception):
    """Somebody else brought back a deleted identifier between our look and our change."""


@dataclass(frozen=True, slots=True)
class _Writer:
    connection: Connection
    grant: PrefixGrant
    template_id: int

    async def write(self, new: Sequence[Signed], revived: Sequence[_Revived] = ()) -> None:
        """First versions, and what goes with revived ones, whose identifiers are written already.

        Raises asyncpg's ``UniqueViolationError``.
        """
        if not new and not revived:
            return
        # Everybody writes in key order: overlapping chunks wait for each other in one direction only.
        new = sorted(new, key=_by_key)
        if not revived and len(new) <= _FEW:
            await self._write_few(new)
            return
        prefix_id, template_id = self.grant.prefix_id, self.template_id
        firsts = [(by, FirstVersions(self.grant, template_id, by, entries)) for by, entries in _by_signature(new)]
        for _, first in firsts:
            await self._copy_octets("identifier", IDENTIFIER, first.identifiers())
        versions = [*new, *((entry, by) for entry, by, *_ in revived)]
        await self._copy_into(
            "attribute_index",
            ("attribute_index", "is_unique", "value", "number", "suffix_key", "prefix_id", "template_id"),
            [(*side, prefix_id, template_id) for side in _side(versions)],
        )
        await self._copy_into(
            "identifier_reference",
            ("attribute_index", "suffix_key", "target_prefix", "target_suffix_key", "prefix_id"),
            [(*reference, prefix_id) for reference in _references(versions)],
        )
        for by, first in firsts:
            await self._copy_octets("identifier_history", HISTORY, memoryview(first.history))
            await add_pack(self.connection, self.grant, Change.REGISTER, by, bytes(first.pack))
        await self._trace_revived(revived)
        last, tallies = _last(versions), registrations(template_id, _times(new), _times(revived))
        await report_changes(self.connection, self.grant, last.at, tallies, last.batch_id)
        await self.connection.execute(SQL["announce"], CHANNEL, self._notice)

    async def _trace_revived(self, revived: Sequence[_Revived]) -> None:
        await self._copy_into(
            "identifier_history",
            ("prefix_id", "action", "interface", "at", "account_id", "batch_id", "suffix_key", "version",
             "before_state", "before_template_id"),
            [
                (self.grant.prefix_id, int(Change.REGISTER), by.interface, by.at, by.account_id, by.batch_id,
                 entry.suffix_key, version, IdentifierState.DELETED, before)
                for entry, by, version, before in revived
            ],
        )  # fmt: skip
        await self._copy_into("event", ("leaf",), [(leaf,) for leaf in self._leaves(row[:3] for row in revived)])

    async def _write_few(self, new: Sequence[Signed]) -> None:
        entries, signatures = zip(*new, strict=True)
        last, tallies = _last(new), registrations(self.template_id, _times(new))
        report = _summary(self.grant, last.at, tallies, last.batch_id, {})
        await self.connection.execute(
            SQL["write_few"], self.grant.prefix_id, self.template_id,
            [entry.suffix_key for entry in entries], [_spelling(entry) for entry in entries],
            [entry.record for entry in entries], [by.at for by in signatures], int(Change.REGISTER),
            [by.interface for by in signatures], [by.account_id for by in signatures],
            [by.batch_id for by in signatures], self._leaves((entry, by, 1) for entry, by in new),
            *_columns(_side(new), 5), *_columns(_references(new), 4),
            uuid4(), report.stream, report.kind, canonical(report.body).decode(), last.at, CHANNEL, self._notice,
            [tally.at for tally in tallies], [tally.counts.registered for tally in tallies],
        )  # fmt: skip

    async def _copy_into(self, table: str, columns: Sequence[str], records: Sequence[tuple[object, ...]]) -> None:
        if records:
            await self.connection.copy_records_to_table(table, columns=columns, records=records)

    async def _copy_octets(
        self, table: str, columns: Sequence[str], octets: AsyncIterator[bytes] | memoryview
    ) -> None:
        await self.connection.copy_to_table(table, columns=columns, source=octets, format="binary")

    async def write_all(self, rows: list[Signed]) -> Outcome:
        """First versions of all rows. Raises asyncpg's ``UniqueViolationError``."""
        await self.write(rows)
        return Outcome(registered=len(rows))

    async def write_what_is_free(self, rows: list[Signed], room: Room | None, outcome: Outcome) -> None:
        """Write the rows that are new, also those whose identifiers had been deleted, as many as there is room for;
        ``outcome`` gets all.

        Raises asyncpg's ``UniqueViolationError`` and ``_Overtaken`` when others are writing the same.
        """
        fresh, deleted = await self.sort_out(rows, outcome)
        if room is not None:
            fresh, deleted = room.admit(fresh, deleted, outcome)
        revived = await self._revive(deleted)
        await self.write(fresh, revived)
        outcome.registered = len(fresh) + len(revived)
        outcome.revived.update((entry.suffix_key, version) for entry, _, version, _ in revived)

    async def sort_out(self, rows: list[Signed], outcome: Outcome) -> tuple[list[Signed], list[Signed]]:
        """The rows whose identifiers never stood, and those whose were deleted; ``outcome`` gets the others."""
        rows = await self._without_taken_values(rows, outcome)
        standing = {
            found["suffix_key"]: found
            for found in await self.connection.fetch(
                SQL["find_taken"], self.grant.prefix_id, [entry.suffix_key for entry, _ in rows]
            )
        }
        fresh, deleted = [], []
        for row in rows:
            entry, signature = row
            found = standing.get(entry.suffix_key)
            if found is None:
                fresh.append(row)
            elif found["state"] == IdentifierState.DELETED:
                deleted.append(row)
            elif signature.batch_id is not None and found["batch_id"] == signature.batch_id:
                outcome.taken.append(Taken(entry, None, same_batch=True))
            elif found["template_id"] == self.template_id and _same_values(found["record"], entry.record):
                outcome.standing.append(entry.suffix_key)
            else:
                outcome.taken.append(Taken(entry, None, same_batch=False))
        return fresh, deleted

    async def _without_taken_values(self, rows: list[Signed], outcome: Outcome) -> list[Signed]:
        wanted = {(side.index, side.value) for entry, _ in rows for side in entry.side if side.unique}
        if not wanted:
            return rows
        indexes, values = zip(*sorted(wanted), strict=True)
        holders = {
            (found["attribute_index"], found["value"]): found["suffix_key"]
            for found in await self.connection.fetch(
                SQL["find_taken_values"], self.grant.prefix_id, self.template_id, indexes, values
            )
        }
        free = []
        for row in rows:
            entry, _ = row
            claims = [(side.index, side.value) for side in entry.side if side.unique]
            lost = next((claim for claim in claims if holders.get(claim, entry.suffix_key) != entry.suffix_key), None)
            if lost is None:
                holders.update(dict.fromkeys(claims, entry.suffix_key))
                free.append(row)
            else:
                outcome.taken.append(Taken(entry, lost[0], same_batch=False))
        return free

    async def _revive(self, deleted: Sequence[Signed]) -> list[_Revived]:
        if not deleted:
            return []
        entries, signatures = zip(*deleted, strict=True)
        revived = {
            found["suffix_key"]: found
            for found in await self.connection.fetch(
                SQL["revive"], self.grant.prefix_id, self.template_id, [entry.suffix_key for entry in entries],
                [_spelling(entry) for entry in entries], [entry.record for entry in entries],
                [by.at for by in signatures],
            )
        }  # fmt: skip
        if len(revived) != len(deleted):
            raise _Overtaken
        return [
            (entry, signature, found["version"], found["before_template_id"])
            for entry, signature in deleted
            for found in (revived[entry.suffix_key],)
        ]

    @property
    def _notice(self) -> str:
        return Notice(NoticeKind.ADDITIONS, self.grant.prefix.key).encode()

    def _leaves(self, versions: Iterable[tuple[Entry, Signature, int]]) -> list[bytes]:
        prefix, secret = self.grant.prefix.key, self.grant.log_secret
        make = cache(lambda by: leaf_maker(Change.REGISTER, prefix, secret, by.account_id, by.at))
        return [make(by)(entry.suffix_key, version, entry.record) for entry, by, version in versions]


def _by_key(row: Signed) -> str:
    return row[0].suffix_key


def _by_signature(rows: Sequence[Signed]) -> list[tuple[Signature, list[Entry]]]:
    """Rows of a chunk have one signature; those that waited for each other are few, and have their own."""
    groups: dict[Signature, list[Entry]] = {}
    for entry, by in rows:
        groups.setdefault(by, []).append(entry)
    return list(groups.items())


def _times(versions: Iterable[tuple[Any, ...]]) -> list[datetime]:
    return [version[1].at for version in versions]


def _last(versions: Iterable[Signed]) -> Signature:
    """The newest signature."""
    return max({by for _, by in versions}, key=attrgetter("at"))


def _spelling(entry: Entry) -> str | None:
    return None if entry.suffix == entry.suffix_key else entry.suffix


def _side(versions: Iterable[Signed]) -> list[tuple[int, bool, str, str | None, str]]:
    """Entries of the side index by value, so that chunks wanting the same values wait in one direction only."""
    return sorted(
        (side.index, side.unique, side.value, side.number, entry.suffix_key)
        for entry, _ in versions
        for side in entry.side
    )


def _references(versions: Iterable[Signed]) -> list[tuple[int, str, str, str]]:
    return [
        (index, entry.suffix_key, prefix, suffix_key)
        for entry, _ in versions
        for index, prefix, suffix_key in entry.references
    ]


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _same_values(one: bytes, other: bytes) -> bool:
    """Whether two records say the same, whenever they were written."""
    return [replace(value, timestamp=0) for value in decode_values(one)] == [
        replace(value, timestamp=0) for value in decode_values(other)
    ]
