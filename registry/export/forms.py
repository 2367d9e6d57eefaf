"""Exported rows as octets: NDJSON and CSV as they come, XLSX as a whole that stands on disk before it is sent."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import xlsxwriter

from node.errors import Malformed
from registry.export.pages import Opened
from registry.export.row import Shape, exported
from registry.rows.formula_guard import guard

_SLICE = 250  # rows written between two looks at the event loop: resolution goes on meanwhile
_BLOCK = 256 * 1024
SHEET_ROWS = 1_048_575  # a worksheet has 1,048,576 rows, and the first one is the header
CELL_CHARACTERS = 32_767  # of one cell; more is cut off by the programs that open the file


class XlsxTooLarge(Malformed):
    title_zh = "导出内容超过 XLSX 的限额"


class CellTooLong(Malformed):
    title_zh = "值超过电子表格单元格的长度"


async def as_ndjson(opened: Opened) -> AsyncIterator[bytes]:
    """One object a line, each with the attributes that it has."""
    encode = msgspec.json.Encoder().encode_lines
    async for page in opened.pages():
        for rows in _slices(page):
            yield encode([exported(row, opened.shapes[row["template_id"]]) for row in rows])
            await asyncio.sleep(0)


async def as_csv(opened: Opened, shape: Shape) -> AsyncIterator[bytes]:
    """A header and one line for each row; lists are JSON texts, and no cell is taken for a formula."""
    yield (",".join(shape.columns) + "\r\n").encode()
    async for page in opened.pages():
        for rows in _slices(page):
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\r\n")  # so that either of the two in a value is quoted
            writer.writerows([guard(cell) for cell in cells_of(row, shape)] for row in rows)
            yield text.getvalue().encode()
            await asyncio.sleep(0)


async def as_xlsx(opened: Opened, shape: Shape, *, most_characters: int) -> tuple[int, AsyncIterator[bytes]]:
    """How many rows there are, and the finished workbook: every cell a text, as many worksheets as the rows need.

    The file has no name any more when it is handed out, so nobody has to remove it. Raises ``XlsxTooLarge`` (its
    cells hold more than ``most_characters``), ``CellTooLong``.
    """
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="biaoshi-export-")
    try:
        book = _Book(Path(folder.name), shape, most_characters)
        async for page in opened.pages():
            await asyncio.to_thread(book.add, page)
        file = await asyncio.to_thread(book.finish)
    finally:
        await asyncio.to_thread(folder.cleanup)
    return book.rows, _blocks(file)


def cells_of(row: Any, shape: Shape) -> list[str]:
    """A row of the database as the cells of ``shape.columns``; what it does not have is empty."""
    said = exported(row, shape)
    return [_cell(said.get(column)) for column in shape.columns]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return msgspec.json.encode(value).decode()
    return str(value)


def _slices(page: Sequence[Any]) -> list[Sequence[Any]]:
    return [page[start : start + _SLICE] for start in range(0, len(page), _SLICE)]


class _Book:
    """One workbook that grows on disk, a row at a time."""

    def __init__(self, folder: Path, shape: Shape, most_characters: int) -> None:
        self.rows = 0
        self._path = folder / "rows.xlsx"
        self._shape = shape
        self._left = self._most = most_characters
        options = {"constant_memory": True, "strings_to_urls": False, "tmpdir": str(folder)}
        self._workbook = xlsxwriter.Workbook(str(self._path), options)
        self._sheet: Any = None
        self._next_sheet()

    def add(self, page: Sequence[Any]) -> None:
        """Raises ``XlsxTooLarge``, ``CellTooLong``."""
        for row in page:
            if self.rows and self.rows % SHEET_ROWS == 0:
                self._next_sheet()
            cells = cells_of(row, self._shape)
            self._check(row, cells)
            self._write(self.rows % SHEET_ROWS + 1, cells)
            self.rows += 1

    def finish(self) -> IO[bytes]:
        """The whole file."""
        self._workbook.close()
        return self._path.open("rb")

    def _next_sheet(self) -> None:
        self._sheet = self._workbook.add_worksheet()
        self._write(0, self._shape.columns)

    def _write(self, line: int, cells: Sequence[str]) -> None:
        for column, cell in enumerate(cells):
            if cell:
                self._sheet.write_string(line, column, cell)

    def _check(self, row: Any, cells: Sequence[str]) -> None:
        self._left -= sum(map(len, cells))
        if self._left < 0:
            raise XlsxTooLarge(
                f"the cells hold more than {self._most} characters; export CSV or NDJSON, or choose fewer rows",
                limit=self._most,
            )
        for column, cell in zip(self._shape.columns, cells, strict=True):
            if len(cell) > CELL_CHARACTERS:
                raise CellTooLong(
                    f"{column} has {len(cell)} characters, a cell holds {CELL_CHARACTERS}; export CSV or NDJSON",
                    suffix=row["suffix"],
                    field=column,
                    limit=CELL_CHARACTERS,
                )


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
