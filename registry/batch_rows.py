"""Rows of a body into chunks to write: read, mapped, checked and encoded, the bad ones set aside with reasons."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.errors import Malformed
from node.identifier import Prefix
from registry.encoder import Entry
from registry.identifiers import timestamp_of
from registry.mapping import InvalidMapping, Mapping, objects_by_name
from registry.rejection import Code, Rejection
from registry.rows import CsvRows, NdjsonRows, Position, Row
from registry.rows.header import (
    BadDelimiter,
    DuplicateColumn,
    EmptyColumn,
    NoHeader,
    UnreadableHeader,
    WrongDelimiter,
)
from registry.templates import Template
from registry.writing import Taken

WHOLE_BODY: tuple[type[Malformed], ...] = (
    BadDelimiter,
    DuplicateColumn,
    EmptyColumn,
    NoHeader,
    UnreadableHeader,
    WrongDelimiter,
    InvalidMapping,
)
"""What makes every row unreadable, so that the body as a whole is refused."""

_SLICE = 250
"""Rows encoded between two looks at the event loop: resolution goes on meanwhile (about 5 ms)."""


class RowSource:
    """The reader of one body and the rows it gave that nobody took yet."""

    def __init__(self, media: str, delimiter: str, header: list[str] | None, line: int, offset: int) -> None:
        start = Position(line, offset)
        self._csv = CsvRows(delimiter, header=header, start=start) if media == "csv" else None
        self._reader: CsvRows | NdjsonRows = self._csv or NdjsonRows(start=start)
        self._items: list[Row[Any] | Rejection] = []

    def add(self, block: bytes) -> int:
        """Read on; returns how many rows wait. Raises the errors of ``WHOLE_BODY``."""
        self._items += self._reader.feed(block)
        return len(self._items)

    def finish(self) -> None:
        """The body is over. Raises the errors of ``WHOLE_BODY``."""
        self._items += self._reader.finish()

    def take(self) -> list[Row[Any] | Rejection]:
        """The waiting rows, in the order of the body; ``position`` is the place behind them."""
        items, self._items = self._items, []
        return items

    @property
    def header(self) -> list[str] | None:
        """The column names of a CSV once they were read."""
        return self._csv.header if self._csv is not None else None

    @property
    def position(self) -> Position:
        return self._reader.position


@dataclass(slots=True)
class Chunk:
    """What one transaction writes: entries whose keys differ, and the rows that were rejected on the way."""

    at: datetime
    entries: list[Entry] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    origins: dict[str, Row[Any]] = field(default_factory=dict)

    def rejection_of(self, taken: Taken, names: dict[int, str]) -> Rejection:
        """The rejection of an entry that was not written; ``names`` are attributes by index."""
        row = self.origins[taken.entry.suffix_key]
        if taken.attribute_index is not None:
            fault = Code.VALUE_TAKEN.fault(names.get(taken.attribute_index))
        else:
            fault = (Code.DUPLICATE_ROW if taken.same_batch else Code.IDENTIFIER_EXISTS).fault("suffix")
        return Rejection.of(row.line, row.raw, fault)


class RowMaker:
    """Rows into entries by one template, under one prefix."""

    def __init__(self, template: Template, prefix: Prefix, mapping: tuple[str, ...]) -> None:
        self._template = template
        self._prefix = prefix
        self._mapping = Mapping.parse(mapping) if mapping else None
        self._encoder = template.compile()
        self._map: Any = None
        self.names = {attribute.index: attribute.name for attribute in template.attributes}

    async def make(self, source: RowSource, at: datetime) -> Chunk:
        """Everything that waits in the source. Raises ``InvalidMapping``."""
        chunk = Chunk(at)
        if self._map is None:
            self._map = self._mapped_by(source.header)
        items = source.take()
        timestamp = timestamp_of(at)
        for start in range(0, len(items), _SLICE):
            self._make_slice(items[start : start + _SLICE], timestamp, chunk)
            await asyncio.sleep(0)
        return chunk

    def _make_slice(self, items: list[Row[Any] | Rejection], timestamp: bytes, chunk: Chunk) -> None:
        encode, mapped, prefix = self._encoder.entry, self._map, self._prefix
        for item in items:
            if type(item) is Rejection:
                chunk.rejections.append(item)
                continue
            row: Row[Any] = item  # type: ignore[assignment]  # what is no rejection is a row
            entry = encode(prefix, mapped(row.fields), timestamp)
            if type(entry) is list:
                chunk.rejections.extend(Rejection.of(row.line, row.raw, fault) for fault in entry)
            elif entry.suffix_key in chunk.origins:  # type: ignore[union-attr]
                chunk.rejections.append(Rejection.of(row.line, row.raw, Code.DUPLICATE_ROW.fault("suffix")))
            else:
                chunk.origins[entry.suffix_key] = row  # type: ignore[union-attr]
                chunk.entries.append(entry)  # type: ignore[arg-type]

    def _mapped_by(self, header: list[str] | None) -> Any:
        names = self._template.names
        if header is not None:
            return (self._mapping or Mapping.by_name(header)).table(header, names)
        return self._mapping.objects(names) if self._mapping else objects_by_name(names)
