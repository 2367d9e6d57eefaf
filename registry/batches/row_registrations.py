"""Rows as registrations: mapped, given a suffix by a coding rule if one is asked for, checked, encoded, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from node.database import Connection
from registry.batches.rows import Columns, Verdict, Weighed, Weighing, Writer, rejected, slices, take_rows
from registry.batches.store import Settled
from registry.coding.rules import StoredCodingRule
from registry.coding.serials import check_rule, with_suffixes
from registry.identifiers.outcome import Outcome, Taken
from registry.identifiers.writing import weigh_new, write_new
from registry.mappings.mapping import SUFFIX, Mapped, Mapping, objects_by_name
from registry.prefix_grant import PrefixGrant
from registry.rejection import Code, Rejection
from registry.rows import Row
from registry.rows.form import Format
from registry.rows.source import Item
from registry.templates.encoder import Entry, timestamp_of
from registry.templates.named_files import file_faults
from registry.templates.stored import StoredTemplate


@dataclass(slots=True)
class Chunk:
    """Entries whose keys differ, with the rows they came from, and the rows that were rejected on the way.

    ``unnamed`` are rows whose suffixes a coding rule makes where they are written.
    """

    at: datetime
    entries: list[Entry] = field(default_factory=list)
    origins: dict[str, Row[Any]] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    unnamed: list[tuple[Row[Any], Mapped]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RuleInUse:
    """The coding rule that makes the suffixes of a batch, and what its random segments are made of."""

    stored: StoredCodingRule
    rng: Random


class RowRegistrations:
    """Registration of rows by one template, under one prefix. ``begun``: rows of this batch stand already.

    Raises ``InvalidMapping`` when mapping, template and rule do not fit together.
    """

    def __init__(
        self,
        stored: StoredTemplate,
        grant: PrefixGrant,
        form: Format,
        mapping: Mapping | None,
        rule: RuleInUse | None,
        *,
        begun: bool,
    ) -> None:
        names = stored.template.names
        if rule is not None and mapping is not None:
            check_rule(rule.stored, mapping, names)
        self._stored = stored
        self._prefix = grant.prefix
        self._rule = rule
        self._encoder = stored.template.compile()
        self._names = {attribute.index: attribute.name for attribute in stored.template.attributes}
        self._expect_taken = begun
        self._weighed = 0  # of all chunks of a preview, which quotas are compared with
        self._columns = Columns(
            form,
            lambda header: (mapping or Mapping.by_name(header)).table(header, names),
            lambda: mapping.objects(names) if mapping is not None else objects_by_name(names),
        )

    async def make(self, items: Sequence[Item], at: datetime) -> Chunk:
        chunk, columns = Chunk(at), self._columns
        if self._rule is None:
            take = self._encoding(chunk)
            await take_rows(items, columns, chunk.rejections, lambda row: take(row, columns.read(row.fields)))
        else:
            unnamed = chunk.unnamed
            await take_rows(
                items, columns, chunk.rejections, lambda row: unnamed.append((row, columns.read(row.fields)))
            )
        return chunk

    def _encoding(self, chunk: Chunk) -> Callable[[Row[Any], Mapped], None]:
        """What puts a row into the chunk: as an entry, or as rejected."""
        entry_of, prefix, timestamp = self._encoder.entry, self._prefix, timestamp_of(chunk.at)
        entries, origins = chunk.entries, chunk.origins

        def encode(row: Row[Any], mapped: Mapped) -> None:
            entry = entry_of(prefix, mapped, timestamp)
            if isinstance(entry, list):
                chunk.rejections.extend(rejected(row, fault) for fault in entry)
            elif entry.suffix_key in origins:
                chunk.rejections.append(rejected(row, Code.DUPLICATE_ROW.fault(SUFFIX)))
            else:
                origins[entry.suffix_key] = row
                entries.append(entry)

        return encode

    async def write(self, connection: Connection, grant: PrefixGrant, chunk: Chunk, by: Writer) -> Settled:
        ready = await self._ready(connection, grant, chunk)
        outcome = await write_new(
            connection, grant, self._stored.template_id, ready.entries, account_id=by.account_id,
            interface=by.interface, at=chunk.at, batch_id=by.batch_id, expect_taken=self._expect_taken,
        )  # fmt: skip
        self._expect_taken = bool(outcome.taken or outcome.unchanged)
        ready.rejections.extend(self._refusals(ready, outcome))
        return Settled(registered=outcome.registered, unchanged=outcome.unchanged, rejections=tuple(ready.rejections))

    async def _ready(self, connection: Connection, grant: PrefixGrant, chunk: Chunk) -> Chunk:
        """The chunk with every suffix made, without the rows that name files which are not there."""
        ready = Chunk(chunk.at, list(chunk.entries), dict(chunk.origins), list(chunk.rejections))
        if self._rule is not None:
            rows = [row for row, _ in chunk.unnamed]
            mapped = await with_suffixes(
                connection, self._rule.stored, grant.prefix_id, self._stored.template.names,
                [mapped for _, mapped in chunk.unnamed], chunk.at, self._rule.rng,
            )  # fmt: skip
            encode = self._encoding(ready)
            async for some in slices(list(zip(rows, mapped, strict=True))):
                for row, named in some:
                    encode(row, named)
        await self._set_aside_unfit_files(connection, grant, ready)
        return ready

    async def _set_aside_unfit_files(self, connection: Connection, grant: PrefixGrant, chunk: Chunk) -> None:
        named = {file for entry in chunk.entries for file in entry.files}
        unfit = await file_faults(connection, grant.enterprise_id, self._stored.template, named)
        if not unfit:
            return
        entries = []
        for entry in chunk.entries:
            faults = [unfit[file] for file in entry.files if file in unfit]
            if not faults:
                entries.append(entry)
            chunk.rejections.extend(rejected(chunk.origins[entry.suffix_key], fault) for fault in faults)
        chunk.entries = entries

    def _refusals(self, chunk: Chunk, outcome: Outcome) -> Iterator[Rejection]:
        for taken in outcome.taken:
            yield self._refused(chunk, taken)
        for one in outcome.refused:
            yield rejected(chunk.origins[one.entry.suffix_key], one.fault)

    def _refused(self, chunk: Chunk, taken: Taken) -> Rejection:
        if taken.attribute_index is not None:
            fault = Code.VALUE_TAKEN.fault(self._names.get(taken.attribute_index))
        else:
            fault = (Code.DUPLICATE_ROW if taken.same_batch else Code.IDENTIFIER_EXISTS).fault(SUFFIX)
        return rejected(chunk.origins[taken.entry.suffix_key], fault)

    async def weigh(self, connection: Connection, grant: PrefixGrant, chunk: Chunk, at: datetime) -> Weighing:
        ready = await self._ready(connection, grant, chunk)
        template_id = self._stored.template_id
        outcome = await weigh_new(connection, grant, template_id, ready.entries, at, self._weighed)
        self._weighed += outcome.registered
        taken = {one.entry.suffix_key for one in outcome.taken} | {one.entry.suffix_key for one in outcome.refused}
        standing = set(outcome.standing)
        weighing = Weighing(rejections=[*ready.rejections, *self._refusals(ready, outcome)])
        for entry in ready.entries:
            key = entry.suffix_key
            if key not in taken:
                claims = [(template_id, side.index, side.value) for side in entry.side if side.unique]
                verdict = Verdict.UNCHANGED if key in standing else Verdict.REGISTER
                row = ready.origins[key]
                weighing.rows.append(Weighed(row, entry.suffix, key, verdict, template_id, entry.record, claims))
        return weighing
