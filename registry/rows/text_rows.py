"""Text of any form into rows: unpacked, transcoded, its delimiter found out, read by the reader of its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from registry.rejection import Code, Rejection
from registry.rows.csv_rows import CsvRows
from registry.rows.delimiter import HEAD, delimiter_of
from registry.rows.encoding import Transcoder
from registry.rows.form import Form, Format
from registry.rows.formula_guard import unguard
from registry.rows.gunzip import Gunzip
from registry.rows.header import Header, checked_header
from registry.rows.json_rows import JsonRows
from registry.rows.limits import Limits
from registry.rows.lines import BEGINNING, Position, Row
from registry.rows.ndjson_rows import NdjsonRows
from registry.rows.opening import LENGTH, check_opening

Item = Row[Any] | Rejection | Header

_UTF8_MARK = b"\xef\xbb\xbf"


class _Reader(Protocol):
    @property
    def position(self) -> Position: ...

    def feed(self, block: bytes) -> list[Any]: ...

    def finish(self) -> list[Any]: ...


class TextRows:
    """Feed it blocks of the body, take rows. ``found`` is what it has found out, and goes on with.

    Reading goes on at ``start`` with what was ``found`` there. When the text is read as it was sent (``direct``)
    the first block begins at ``start.offset`` of the body; otherwise at its beginning, and what stands before
    ``start`` is unpacked once more and passed over.
    """

    def __init__(self, form: Form, limits: Limits, start: Position, found: dict[str, Any]) -> None:
        encoding = found.get("encoding", form.encoding)
        self.found = {**found, "format": str(form.format), "gzip": form.gzip, "encoding": encoding}
        self.direct = not form.gzip and encoding in (None, "utf-8")
        self._form = form
        self._start = start
        self._gunzip = Gunzip(ratio=limits.ratio, most=limits.unpacked_bytes) if form.gzip else None
        self._opening: bytes | None = None if self.direct and start.offset else b""
        self._transcoder = Transcoder(encoding, start=start.offset if self.direct else 0)
        self._to_skip = 0 if self.direct else start.offset
        self._head = b""
        self._apostrophes = False
        self._header_given = False
        self._reader: _Reader | None = None
        if form.format is not Format.CSV or found.get("columns") is not None:
            self._reader = self._reader_of(found.get("delimiter"))

    @property
    def position(self) -> Position:
        """Everything before this place has been returned."""
        return self._start if self._reader is None else self._reader.position

    def feed(self, block: bytes) -> Iterator[list[Item]]:
        """The rows that a block completes, in several lists when it was packed tightly."""
        for piece in [block] if self._gunzip is None else self._gunzip.feed(block):
            text = self._opened(piece)
            if text:
                yield self._read(self._transcoder.feed(text))

    def finish(self) -> Iterator[list[Item]]:
        """The body is over: its last rows."""
        if self._gunzip is not None:
            self._gunzip.finish()
        text = self._opened(b"", final=True)
        if text:
            yield self._read(self._transcoder.feed(text))
        yield self._read(self._transcoder.finish(), final=True)

    def _opened(self, piece: bytes, *, final: bool = False) -> bytes:
        """The text, once its first octets have been looked at."""
        if self._opening is None:
            return piece
        self._opening += piece
        if len(self._opening) < LENGTH and not final:
            return b""
        opening, self._opening = self._opening, None
        check_opening(opening[:LENGTH], self._form.format)
        self.found.setdefault("bom", opening.startswith(_UTF8_MARK))
        return opening

    def _read(self, text: bytes, *, final: bool = False) -> list[Item]:
        self.found["encoding"] = self._transcoder.encoding
        if self._to_skip:
            skipped = min(self._to_skip, len(text))
            self._to_skip -= skipped
            text = text[skipped:]
        if self._reader is None:
            self._head += text
            if len(self._head) < HEAD and self._form.delimiter is None and not final:
                return []
            text, self._head = self._head, b""
            self._reader = self._reader_of(
                self._form.delimiter or delimiter_of(text[:HEAD], complete=final and len(text) <= HEAD)
            )
        items: list[Item] = self._reader.feed(text) if text else []
        if final:
            items += self._reader.finish()
        return self._finished(items, text)

    def _reader_of(self, delimiter: str | None) -> _Reader:
        match self._form.format:
            case Format.CSV:
                self.found["delimiter"] = delimiter
                return CsvRows(delimiter or ",", header=self.found.get("columns"), start=self._start)
            case Format.NDJSON:
                return NdjsonRows(start=self._start)
            case _:
                return JsonRows(start=self._start)

    def _finished(self, items: list[Item], text: bytes) -> list[Item]:
        """The items of a reader as they are meant: cells without guards, the header before them."""
        if self._transcoder.encoding == "gb18030":
            items = [_in_gb18030(item) for item in items]
        if not isinstance(self._reader, CsvRows):
            return items
        self._apostrophes = self._apostrophes or b"'" in text or self._start != BEGINNING
        if self._apostrophes:
            _unguard(items)
        if self._header_given or self._reader.header is None:
            return items
        self._header_given = True
        columns = self.found.get("columns")
        if columns is None:
            columns = [unguard(name) for name in self._reader.header]
            if columns != self._reader.header:
                checked_header(columns, 1, self.found["delimiter"])
            self.found["columns"] = columns
        return [Header(columns), *items]


def _unguard(items: Iterable[Item]) -> None:
    for item in items:
        if type(item) is Row and b"'" in item.raw:
            fields: list[str] = item.fields
            fields[:] = map(unguard, fields)


def _in_gb18030(item: Item) -> Item:
    """A rejection for an octet that is no UTF-8, said of the encoding that it was sent in."""
    if type(item) is not Rejection or item.code != Code.NOT_UTF8:
        return item
    before = item.row.split(b"\xff", 1)[0]
    position = len(before.decode(errors="replace").encode("gb18030")) + 1
    return Rejection.of(item.line, item.row, Code.NOT_GB18030.fault(item.field, position=position))
