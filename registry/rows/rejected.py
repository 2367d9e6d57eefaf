"""Rejected rows written as they came, with the reasons in columns of their own, ready to correct and send again.

The original columns (or keys) come first, then ``biaoshi_line``, ``biaoshi_field``, ``biaoshi_code`` and
``biaoshi_message``, which are ignored when the rows are read again. Several faults of one row stand in one output
row. A row that could not be taken apart stands as text in the first column, or under ``biaoshi_row``.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import IO, Any, NamedTuple

import msgspec
import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from registry.rejection import Rejection
from registry.rows.form import Format
from registry.rows.formula_guard import guard, unguard
from registry.rows.json_objects import DECODE_ERRORS, decode
from registry.rows.xlsx_cells import MAX_CELL

REASONS = ("biaoshi_line", "biaoshi_field", "biaoshi_code", "biaoshi_message")
ROW = "biaoshi_row"

_OURS = frozenset((*REASONS, ROW))
"""Left out of the original columns: rows that were corrected and are rejected once more get reasons once."""

_PIECE = 64 * 1024
_encode = msgspec.json.Encoder().encode


class _Rejected(NamedTuple):
    """One input row with all its faults."""

    sheet: int
    line: int
    row: bytes
    reasons: dict[str, Any]


async def rejected_rows(
    form: Format, header: Mapping[str, Any], pages: AsyncIterator[list[Rejection]]
) -> AsyncIterator[bytes]:
    """The file as blocks. ``header`` is that of ``Progress``; ``pages`` are in the order of the input.

    The row's octets are taken from its first rejection; those of the others may be empty.
    """
    rows = _rows(pages)
    match form:
        case Format.CSV:
            blocks = _csv(header, rows)
        case Format.NDJSON:
            blocks = _ndjson(header, rows)
        case Format.JSON:
            blocks = _json(header, rows)
        case Format.XLSX:
            blocks = _xlsx(header, rows)
    async for block in blocks:
        yield block


async def _rows(pages: AsyncIterator[list[Rejection]]) -> AsyncIterator[list[_Rejected]]:
    """Input rows, those of a page together; faults of a row may stand on two pages."""
    open_row: list[Rejection] = []
    async for page in pages:
        closed = []
        for rejection in page:
            if open_row and (rejection.sheet, rejection.line) != (open_row[0].sheet, open_row[0].line):
                closed.append(_rejected(open_row))
                open_row = []
            open_row.append(rejection)
        yield closed
    if open_row:
        yield [_rejected(open_row)]


def _rejected(faults: Sequence[Rejection]) -> _Rejected:
    first = faults[0]
    texts = (
        "; ".join(fault.field for fault in faults if fault.field),
        "; ".join(fault.code for fault in faults),
        "; ".join(fault.message for fault in faults),
    )
    return _Rejected(first.sheet, first.line, first.row, dict(zip(REASONS, (first.line, *texts), strict=True)))


async def _csv(header: Mapping[str, Any], rows: AsyncIterator[list[_Rejected]]) -> AsyncIterator[bytes]:
    columns: list[str] = header.get("columns") or []
    delimiter = header.get("delimiter") or ","
    kept = _kept(columns)
    if header.get("bom"):
        yield b"\xef\xbb\xbf"
    yield _encoded(header, _csv_lines([[columns[place] for place in kept] + [*REASONS]], delimiter))
    async for page in rows:
        lines = [
            _beside(_csv_fields(rejected.row, delimiter), kept, len(columns), rejected.reasons) for rejected in page
        ]
        if lines:
            yield _encoded(header, _csv_lines(lines, delimiter))


def _csv_lines(lines: Iterable[Iterable[str]], delimiter: str) -> str:
    text = io.StringIO()
    # With CR LF the library puts cells in quotes that contain one of the two.
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(
        [guard(cell) for cell in line] for line in lines
    )
    return text.getvalue()


def _csv_fields(row: bytes, delimiter: str) -> list[str]:
    text = row.decode(errors="replace")
    try:
        fields = next(csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter), [])
    except csv.Error:
        return [text]
    return [unguard(field) for field in fields]


async def _ndjson(header: Mapping[str, Any], rows: AsyncIterator[list[_Rejected]]) -> AsyncIterator[bytes]:
    async for page in rows:
        if page:
            yield _encoded(header, "".join(f"{_object(rejected)}\n" for rejected in page))


async def _json(header: Mapping[str, Any], rows: AsyncIterator[list[_Rejected]]) -> AsyncIterator[bytes]:
    before = "[\n"
    async for page in rows:
        if page:
            yield _encoded(header, before + ",\n".join(map(_object, page)))
            before = ",\n"
    yield b"\n]\n" if before == ",\n" else b"[]\n"


def _object(rejected: _Rejected) -> str:
    """The JSON text of the row with the reasons as further members; its own members keep their spelling."""
    reasons = _encode(rejected.reasons)
    try:
        fields = decode(rejected.row)
    except DECODE_ERRORS:
        fields = None
    if type(fields) is not dict:
        text = rejected.row.decode(errors="replace")
        return (_encode({ROW: text})[:-1] + b"," + reasons[1:]).decode()
    row = rejected.row.strip()
    if not _OURS.isdisjoint(fields):
        members = msgspec.json.decode(row, type=dict[str, msgspec.Raw])
        fields = {key: value for key, value in members.items() if key not in _OURS}
        row = b"{" + b",".join(_encode(key) + b":" + bytes(value) for key, value in fields.items()) + b"}"
    comma = b"," if fields else b""
    return (row[:-1].rstrip() + comma + reasons[1:]).decode()


async def _xlsx(header: Mapping[str, Any], rows: AsyncIterator[list[_Rejected]]) -> AsyncIterator[bytes]:
    # The library keeps its worksheets in files of this folder, and does not remove all of them.
    with tempfile.TemporaryDirectory(prefix="biaoshi-rejected-") as folder, tempfile.TemporaryFile() as file:
        workbook = _Workbook(file, folder, header.get("sheets") or [])
        try:
            async for page in rows:
                await asyncio.to_thread(workbook.write, page)
        finally:
            await asyncio.to_thread(workbook.close)
        file.seek(0)
        while block := file.read(_PIECE):
            yield block


class _Workbook:
    """A workbook with a worksheet for each that has rejected rows, written row by row."""

    def __init__(self, file: IO[bytes], folder: str, sheets: Sequence[Mapping[str, Any]]) -> None:
        options = {
            "constant_memory": True, "strings_to_urls": False, "strings_to_formulas": False, "tmpdir": folder,
        }  # fmt: skip
        self._book = xlsxwriter.Workbook(file, options)
        self._headers = {sheet["sheet"]: sheet for sheet in sheets}
        self._number = 0
        self._line = 0
        self._columns: list[str] = []
        self._kept: list[int] = []
        self._sheet: Any = None

    def write(self, page: list[_Rejected]) -> None:
        for rejected in page:
            if self._sheet is None or rejected.sheet != self._number:
                self._begin(rejected.sheet)
            cells = _beside(_cells(rejected.row), self._kept, len(self._columns), rejected.reasons)
            self._write_line(cells)

    def close(self) -> None:
        self._book.close()

    def _begin(self, number: int) -> None:
        header = self._headers.get(number, {})
        try:
            self._sheet = self._book.add_worksheet(header.get("name"))
        except XlsxWriterException:  # a name that this library does not write
            self._sheet = self._book.add_worksheet(f"Sheet{number}")
        self._number = number
        self._line = 0
        self._columns = header.get("columns", [])
        self._kept = _kept(self._columns)
        self._write_line([*(self._columns[place] for place in self._kept), *REASONS])

    def _write_line(self, cells: Iterable[str]) -> None:
        for column, cell in enumerate(cells):
            if cell:
                self._sheet.write_string(self._line, column, cell[:MAX_CELL])
        self._line += 1


def _cells(row: bytes) -> list[str]:
    try:
        return msgspec.json.decode(row, type=list[str])
    except msgspec.DecodeError:  # a row that was too long is kept in part
        return [row.decode(errors="replace")]


def _kept(columns: Sequence[str]) -> list[int]:
    """The places of the columns that are not ours."""
    return [place for place, name in enumerate(columns) if name not in _OURS]


def _beside(fields: Sequence[str], kept: Sequence[int], width: int, reasons: Mapping[str, Any]) -> list[str]:
    """The fields, the reasons beside them, and behind these the fields that were too many."""
    found = dict(zip_longest(range(width), fields[:width], fillvalue=""))
    return [*(found[place] for place in kept), *map(str, reasons.values()), *fields[width:]]


def _encoded(header: Mapping[str, Any], text: str) -> bytes:
    return text.encode(header.get("encoding") or "utf-8", "replace")
