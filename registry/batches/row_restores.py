"""Rows as identifiers brought back: as an export left them, with their versions, states and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.database import Connection
from registry.batches.rows import Columns, Writer, rejected, take_rows
from registry.batches.store import SQL, Settled
from registry.export.restore import Restored, RestoredRows, restore_many
from registry.mappings.mapping import SUFFIX
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Rejection
from registry.rows import Row
from registry.rows.form import Format
from registry.rows.source import Item
from registry.templates.stored import StoredTemplate


@dataclass(slots=True)
class Chunk:
    """Identifiers whose keys differ, ``origin`` being the row, and the rows that were rejected on the way."""

    restored: dict[str, Restored] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


class RowRestores:
    """Bringing rows back under one prefix; ``templates`` by the marks that the rows carry."""

    def __init__(
        self, grant: PrefixGrant, form: Format, templates: Mapping[str, StoredTemplate], *, begun: bool
    ) -> None:
        self._rows = RestoredRows(grant.prefix, templates)
        self._begun = begun
        self._columns = Columns(form, _named_by, lambda: _as_they_are)

    async def make(self, items: Sequence[Item], at: datetime) -> Chunk:  # noqa: ARG002 - the rows bring their times
        chunk = Chunk()
        await take_rows(items, self._columns, chunk.rejections, lambda row: self._take(row, chunk))
        return chunk

    def _take(self, row: Row[Any], chunk: Chunk) -> None:
        found = self._rows.row(self._columns.read(row.fields), row)
        if isinstance(found, list):
            chunk.rejections.extend(rejected(row, fault) for fault in found)
        elif found.entry.suffix_key in chunk.restored:
            chunk.rejections.append(rejected(row, Code.DUPLICATE_ROW.fault(SUFFIX)))
        else:
            chunk.restored[found.entry.suffix_key] = found

    async def write(self, connection: Connection, grant: PrefixGrant, chunk: Chunk, by: Writer) -> Settled:
        wanted, rejections = dict(chunk.restored), list(chunk.rejections)
        if self._begun:
            found = await connection.fetch(SQL["changed_by_batch"], grant.prefix_id, list(wanted), by.batch_id)
            for row in found:
                repeated = wanted.pop(row["suffix_key"])
                rejections.append(rejected(repeated.origin, Code.DUPLICATE_ROW.fault(SUFFIX)))
        outcome = await restore_many(
            connection, grant, list(wanted.values()), account_id=by.account_id, interface=by.interface, at=by.at,
            batch_id=by.batch_id,
        )  # fmt: skip
        self._begun = True
        rejections.extend(rejected(one.origin, fault) for one, fault in outcome.refused)
        return Settled(outcome.registered, outcome.changed, outcome.unchanged, tuple(rejections))


def _named_by(header: list[str]) -> Callable[[list[str]], dict[str, str]]:
    return lambda fields: dict(zip(header, fields, strict=True))


def _as_they_are(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields
