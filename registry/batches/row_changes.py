"""Rows as changes of standing identifiers: which one, which version of it, and what of it becomes what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.database import Connection
from node.identifier import InvalidIdentifier, InvalidSuffix, suffix_key
from registry.batches.request import Operation
from registry.batches.rows import Columns, Verdict, Weighed, Weighing, Writer, rejected, take_rows
from registry.batches.store import SQL, Settled
from registry.identifiers.changes import change_many, weigh_many
from registry.identifiers.revisions import Asked
from registry.identifiers.revisions import Weighed as WeighedRevisions
from registry.identifiers.rewriting import lost_claims
from registry.identifiers.unique_claims import Claim
from registry.mappings.mapping import SUFFIX, Mapping, RowChange, object_changes_by_name
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Fault, Rejection
from registry.rows import Row
from registry.rows.form import Format
from registry.rows.source import Item
from registry.templates.encoder import suffix_faults
from registry.templates.stored import StoredTemplate, template_by_id


@dataclass(slots=True)
class Chunk:
    """What is asked for, ``origin`` being the row, and the rows that were rejected on the way."""

    asked: list[Asked] = field(default_factory=list)
    suffixes: dict[str, str] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)


class RowChanges:
    """One kind of change under one prefix. ``stored`` names the attributes of an update; the other changes read the
    suffix and nothing else. ``begun``: rows of this batch have been settled before.
    """

    def __init__(
        self,
        operation: Operation,
        stored: StoredTemplate | None,
        grant: PrefixGrant,
        form: Format,
        mapping: Mapping | None,
        *,
        begun: bool,
    ) -> None:
        self._operation = operation
        self._prefix = grant.prefix
        self._begun = begun
        if operation is Operation.UPDATE:
            assert stored is not None, "an update names its template"
            names = stored.template.names
            self._columns = Columns(
                form,
                lambda header: (mapping or Mapping.by_name(header)).table_changes(header, names),
                lambda: mapping.object_changes(names) if mapping is not None else object_changes_by_name(names),
            )
        else:
            which = _suffix_of(mapping)
            self._columns = Columns(
                form, lambda header: which.table_changes(header, ()), lambda: which.object_changes(())
            )

    async def make(self, items: Sequence[Item], at: datetime) -> Chunk:  # noqa: ARG002 - changes carry no time of their own
        chunk = Chunk()
        await take_rows(items, self._columns, chunk.rejections, lambda row: self._take(row, chunk))
        return chunk

    def _take(self, row: Row[Any], chunk: Chunk) -> None:
        change: RowChange = self._columns.read(row.fields)
        faults: Sequence[Fault] = change.faults
        key = ""
        try:
            key = suffix_key(self._prefix, change.suffix) if isinstance(change.suffix, str) else ""
        except (InvalidSuffix, InvalidIdentifier):
            key = ""
        if not key:
            faults = [*suffix_faults(self._prefix, change.suffix), *faults]
        if faults:
            chunk.rejections.extend(rejected(row, fault) for fault in faults)
            return
        values = change.values if self._operation is Operation.UPDATE else None
        if key in chunk.suffixes:
            chunk.rejections.append(rejected(row, Code.DUPLICATE_ROW.fault(SUFFIX)))
            return
        chunk.suffixes[key] = change.suffix
        chunk.asked.append(Asked(key, change.version, values, origin=row))

    async def write(self, connection: Connection, grant: PrefixGrant, chunk: Chunk, by: Writer) -> Settled:
        asked, rejections = await self._without_repeated(connection, grant, chunk, by)
        outcome = await change_many(
            connection, grant, self._operation.change, asked, account_id=by.account_id, interface=by.interface,
            at=by.at, batch_id=by.batch_id,
        )  # fmt: skip
        self._begun = True
        rejections.extend(rejected(one.origin, fault) for one, fault in outcome.refused)
        return Settled(
            changed=outcome.changed, unchanged=outcome.unchanged, rejections=(*chunk.rejections, *rejections)
        )

    async def _without_repeated(
        self, connection: Connection, grant: PrefixGrant, chunk: Chunk, by: Writer
    ) -> tuple[list[Asked], list[Rejection]]:
        """Of two rows for one identifier the first one counts, however far apart they stand."""
        if not self._begun:
            return chunk.asked, []
        keys = [asked.suffix_key for asked in chunk.asked]
        found = await connection.fetch(SQL["changed_by_batch"], grant.prefix_id, keys, by.batch_id)
        repeated = {row["suffix_key"] for row in found}
        fault = Code.DUPLICATE_ROW.fault(SUFFIX)
        return (
            [asked for asked in chunk.asked if asked.suffix_key not in repeated],
            [rejected(asked.origin, fault) for asked in chunk.asked if asked.suffix_key in repeated],
        )

    async def weigh(self, connection: Connection, grant: PrefixGrant, chunk: Chunk, at: datetime) -> Weighing:
        found = await weigh_many(connection, grant, self._operation.change, chunk.asked, at=at)
        weighing = await weighed_changes(connection, grant, found, lambda asked: chunk.suffixes[asked.suffix_key])
        weighing.rejections.extend(chunk.rejections)
        return weighing


async def weighed_changes(
    connection: Connection, grant: PrefixGrant, found: WeighedRevisions, suffix: Callable[[Asked], str]
) -> Weighing:
    """What would become of changes whose origins are rows, unique values that others hold among it."""
    weighing = Weighing(rejections=[rejected(asked.origin, fault) for asked, fault in found.refused])
    for asked in found.unchanged:
        weighing.rows.append(Weighed(asked.origin, suffix(asked), asked.suffix_key, Verdict.UNCHANGED))
    lost = await lost_claims(
        connection, grant, {asked.suffix_key: revision.claims for asked, revision in found.revisions}
    )
    for asked, revision in found.revisions:
        if asked.suffix_key in lost:
            weighing.rejections.append(rejected(asked.origin, await _taken(connection, lost[asked.suffix_key])))
            continue
        weighing.rows.append(
            Weighed(
                asked.origin, suffix(asked), asked.suffix_key, Verdict.CHANGE, revision.template_id, revision.record,
                revision.claims,
            )
        )  # fmt: skip
    weighing.rows.sort(key=lambda row: (row.row.sheet, row.row.line))
    return weighing


async def _taken(connection: Connection, claim: Claim) -> Fault:
    template_id, index, _ = claim
    attributes = (await template_by_id(connection, template_id)).template.attributes
    return Code.VALUE_TAKEN.fault(next(attribute.name for attribute in attributes if attribute.index == index))


def _suffix_of(mapping: Mapping | None) -> Mapping:
    """What a mapping says about the suffix, and nothing else."""
    if mapping is None:
        return Mapping.by_name([SUFFIX])
    return Mapping(tuple((target, source) for target, source in mapping.targets if target == SUFFIX))
