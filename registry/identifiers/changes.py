"""Changes of standing identifiers, by the thousand or one at a time: update, delete, suspend, resume, migrate, undo.

A chunk of rows is locked, what each becomes is worked out here, and ``rewriting.py`` writes all of it at once. A row
that cannot be done is data, as everywhere: it is handed back with what is wrong, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from node.database import Connection
from node.journal import Interface
from node.sql import statements_beside
from registry.identifiers.leaves import Change
from registry.identifiers.revisions import Asked, Book, Migration, Standing, Weighed, restored, weighed_rows
from registry.identifiers.rewriting import locked, rewrite, seen
from registry.identifiers.state import IdentifierState
from registry.identifiers.writing import Signature
from registry.mappings.mapping import SUFFIX
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Fault

__all__ = [
    "Asked",
    "Change",
    "Changed",
    "Migration",
    "Undone",
    "Weighed",
    "change_many",
    "undo_many",
    "weigh_many",
    "window_to_undo",
]
SQL = statements_beside(__file__, "changes.sql")


@dataclass(slots=True)
class Changed:
    """What became of the rows: changed, standing already as asked, or refused (one entry for each fault of a row)."""

    changed: int = 0
    standing: list[Asked] = field(default_factory=list)
    refused: list[tuple[Asked, Fault]] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        """How many stand already as asked."""
        return len(self.standing)


@dataclass(slots=True)
class Undone:
    """What became of the entries in one window of history; ``refused`` are suffix keys."""

    changed: int = 0
    refused: list[tuple[str, Fault]] = field(default_factory=list)


async def change_many(
    connection: Connection,
    grant: PrefixGrant,
    change: Change,
    rows: Sequence[Asked],
    *,
    account_id: UUID,
    interface: Interface,
    at: datetime,
    batch_id: UUID | None,
    migration: Migration | None = None,
) -> Changed:
    """Change identifiers of a prefix inside the caller's transaction, which holds the prefix row.

    Of two rows for one identifier the second is refused. What is deleted already, or suspended, or of the target
    template, is unchanged. With a ``migration``, UPDATE reads whole rows by its target, whatever they stood by.
    Raises ``TooContended``.
    """
    standing = await locked(connection, grant, [asked.suffix_key for asked in rows])
    book = Book(connection)
    weighed = await weighed_rows(grant, change, rows, standing, book, at, migration)
    revisions = [revision for _, revision in weighed.revisions]
    lost = await rewrite(connection, grant, change, revisions, Signature(account_id, interface, at, batch_id))
    outcome = Changed(len(revisions) - len(lost), weighed.unchanged, weighed.refused)
    for asked, _ in weighed.revisions if lost else ():
        if asked.suffix_key in lost:
            outcome.refused.append((asked, book.taken(lost[asked.suffix_key])))
    return outcome


async def weigh_many(
    connection: Connection,
    grant: PrefixGrant,
    change: Change,
    rows: Sequence[Asked],
    *,
    at: datetime,
    migration: Migration | None = None,
) -> Weighed:
    """What ``change_many`` would make of the rows, as they stand now; writes nothing and holds nothing."""
    standing = await seen(connection, grant, [asked.suffix_key for asked in rows])
    return await weighed_rows(grant, change, rows, standing, Book(connection), at, migration)


async def window_to_undo(connection: Connection, undoes: UUID, *, after: int, until: int, limit: int) -> int:
    """Where the next entries to undo begin: those of the batch ``undoes`` above the answer and up to ``until``.

    A batch is undone from its end, whole chunks at a time, so that each finds what it left and values that went from
    one identifier to another find their way back. A window has about ``limit`` positions of history, or twice as
    many, and may hold no entry; ``after`` is where the batch's entries begin, and the answer then the last one.
    """
    positions = limit
    async with connection.transaction():
        await connection.execute(SQL["go_by_position"])
        while True:
            begin = max(after, until - positions)
            chunks = await connection.fetch(SQL["chunks_of_batch"], undoes, begin, until)
            if begin == after or not chunks:
                return begin
            if len(chunks) > 1:
                return int(chunks[0]["last_position"])  # the oldest one may have begun before the window
            positions *= 2


async def undo_many(
    connection: Connection,
    grant: PrefixGrant,
    undoes: UUID,
    *,
    after: int,
    until: int,
    account_id: UUID,
    interface: Interface,
    at: datetime,
    batch_id: UUID,
) -> Undone:
    """Make identifiers what they were before the batch ``undoes``, inside the caller's transaction.

    Undoes the batch's entries at positions above ``after`` and up to ``until``, one of its windows. An identifier
    that does not stand any more as the batch left it is refused; one that was changed since and brought back is not.
    Raises ``TooContended``.
    """
    await connection.execute(SQL["go_by_position"])
    entries = await connection.fetch(SQL["entries_to_undo"], grant.prefix_id, undoes, after, until)
    standing = await locked(connection, grant, [entry["suffix_key"] for entry in entries])
    book = Book(connection)
    await book.read({entry["before_template_id"] for entry in entries} - {None})
    outcome = Undone()
    changed = await _changed_since(connection, grant, entries, standing)
    revisions = []
    for entry in entries:
        found = standing[entry["suffix_key"]]
        if found.suffix_key in changed:
            outcome.refused.append((found.suffix_key, Code.CHANGED_SINCE.fault(SUFFIX, found=found.version)))
        else:
            revisions.append(restored(found, entry, book))
    lost = await rewrite(connection, grant, Change.UNDO, revisions, Signature(account_id, interface, at, batch_id))
    outcome.changed = len(revisions) - len(lost)
    outcome.refused.extend((key, book.taken(claim)) for key, claim in lost.items())
    return outcome


async def _changed_since(
    connection: Connection, grant: PrefixGrant, entries: Sequence[Mapping[str, Any]], standing: Mapping[str, Standing]
) -> set[str]:
    """The suffix keys of identifiers that stand otherwise than a batch left them."""
    changed = {entry["suffix_key"] for entry in entries if not entry["unbroken"]}
    later = {
        entry["suffix_key"]: entry["last_version"]
        for entry in entries
        if entry["last_version"] != standing[entry["suffix_key"]].version
    }
    if not later:
        return changed
    left = await connection.fetch(SQL["left_behind"], grant.prefix_id, list(later), list(later.values()))
    return changed | {row["suffix_key"] for row in left if not _stands_so(standing[row["suffix_key"]], row)}


def _stands_so(found: Standing, left: Mapping[str, Any]) -> bool:
    if left["state"] != found.state or left["state"] == IdentifierState.DELETED:
        return bool(left["state"] == found.state)
    return left["template_id"] == found.template_id and left["record"] in (None, found.record)
