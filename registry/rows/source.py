"""A body of any form as portions of rows, each with the place where reading goes on after it.

Plain CSV, NDJSON and JSON go on at an octet of the body. What had to be unpacked or transcoded is read again from
its beginning and passed over up to that place, a workbook up to the row of its sheet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from node.errors import Malformed
from registry.batches.body import Body
from registry.rejection import Rejection
from registry.rows import Row
from registry.rows.form import Form, Format
from registry.rows.gunzip import BrokenGzip, Gunzip, NotGzip, TrailingGarbage, TruncatedGzip
from registry.rows.header import (
    BadDelimiter,
    DuplicateColumn,
    EmptyColumn,
    Header,
    NoHeader,
    UnreadableHeader,
    WrongDelimiter,
)
from registry.rows.json_rows import JsonNotClosed, JsonTooDeep, JsonUnreadable, NotAJsonArray
from registry.rows.limits import Limits, RatioExceeded, TooLargeUnpacked
from registry.rows.lines import Position
from registry.rows.opening import OtherFormat, WideText
from registry.rows.text_rows import TextRows
from registry.rows.xlsx_package import (
    DoctypeRefused,
    EncryptedWorkbook,
    EntryNameRefused,
    NotAWorkbook,
    TooManyEntries,
    WorkbookTooCostly,
    WorkbookUnreadable,
)
from registry.rows.xlsx_rows import SheetPlace, WorkbookRows, WorkbookTooLarge, spooled
from registry.rows.xlsx_workbook import NoSuchSheet

__all__ = ["WHOLE_BODY", "Header", "Item", "Limits", "Portion", "Progress", "portions"]

Item = Row[Any] | Rejection | Header

WHOLE_BODY: tuple[type[Malformed], ...] = (
    BadDelimiter,
    BrokenGzip,
    DoctypeRefused,
    DuplicateColumn,
    EmptyColumn,
    EncryptedWorkbook,
    EntryNameRefused,
    JsonNotClosed,
    JsonTooDeep,
    JsonUnreadable,
    NoHeader,
    NoSuchSheet,
    NotAJsonArray,
    NotAWorkbook,
    NotGzip,
    OtherFormat,
    RatioExceeded,
    TooLargeUnpacked,
    TooManyEntries,
    TrailingGarbage,
    TruncatedGzip,
    UnreadableHeader,
    WideText,
    WorkbookTooCostly,
    WorkbookTooLarge,
    WorkbookUnreadable,
    WrongDelimiter,
)
"""What makes the body as a whole unreadable. It may show after rows have been handed out, as in a truncated gzip."""

_PORTION_OCTETS = 8 << 20
"""A portion ends with the block in which its rows reach this length, however few they are."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A place between rows. ``header`` is JSON: how the rows are read, found out or told.

    ``offset`` counts octets of the text after unpacking and transcoding; ``line`` is that of the next row, in a
    workbook within ``sheet``. ``header`` has ``format``, and of text ``gzip``, ``encoding``, ``bom``, of CSV
    ``delimiter`` and ``columns``, of a workbook ``sheets``: number, name and columns of each.
    """

    offset: int = 0
    line: int = 1
    sheet: int = 0
    header: dict[str, Any] = field(default_factory=dict)


class Portion(NamedTuple):
    """Some rows; everything before ``progress`` has been handed out with them."""

    items: list[Item]
    progress: Progress


async def portions(
    form: Form, body: Body, resume: Progress | None, *, rows: int, limits: Limits
) -> AsyncGenerator[Portion, None]:
    """About ``rows`` items at a time, and at the end what is left, which may be nothing.

    A ``Header`` comes before the rows that it describes, also before the first ones after ``resume``. Nothing is
    handed out before the known part of the body was compared. Raises the errors of ``WHOLE_BODY``,
    ``IdempotencyKeyReused`` and ``WorkbookReaderFailed``. Close it (``contextlib.aclosing``) when leaving early:
    that ends the process which reads a workbook and removes its temporary file.
    """
    start = resume or Progress()
    parts = _workbook(form, body, start, limits) if form.format is Format.XLSX else _text(form, body, start, limits)
    waiting: list[Item] = []
    octets = 0
    held: list[Portion] = []
    progress = start
    async with aclosing(parts):
        try:
            async for items, size, progress in parts:
                waiting += items
                octets += size
                if len(waiting) >= rows or octets >= _PORTION_OCTETS:
                    held.append(Portion(waiting, progress))
                    waiting, octets = [], 0
                if body.verified:
                    for portion in held:
                        yield portion
                    held = []
        except WHOLE_BODY:
            if not body.verified:  # another body under the same key says nothing about this one
                await body.check_known()
            raise
    for portion in held:
        yield portion
    yield Portion(waiting, progress)


class _Part(NamedTuple):
    items: list[Item]
    octets: int
    progress: Progress


async def _text(form: Form, body: Body, start: Progress, limits: Limits) -> AsyncGenerator[_Part, None]:
    reader = TextRows(form, limits, Position(start.line, start.offset), start.header)

    settled = start.offset

    def part(items: list[Item]) -> _Part:
        nonlocal settled
        place = reader.position
        octets, settled = place.offset - settled, place.offset
        return _Part(items, octets, Progress(place.offset, place.line, 0, dict(reader.found)))

    async for block in body.from_offset(start.offset) if reader.direct else body.from_start():
        for number, items in enumerate(reader.feed(block)):
            if number:
                await asyncio.sleep(0)  # a block of a gzip may hold a hundred times its length
            yield part(items)
    for items in reader.finish():
        yield part(items)


async def _workbook(form: Form, body: Body, start: Progress, limits: Limits) -> AsyncGenerator[_Part, None]:
    blocks = body.from_start()
    if form.gzip:
        blocks = _unpacked(blocks, Gunzip(ratio=limits.ratio, most=limits.workbook_bytes))
    async with spooled(blocks, limits) as file:
        reader = WorkbookRows(file, form.sheet, SheetPlace(start.sheet, start.line), limits)
        async with aclosing(reader.read()) as frames:
            async for items, place in frames:
                sheets = [
                    {"sheet": header.sheet, "name": header.sheet_name, "columns": header.columns}
                    for header in reader.sheets
                ]
                found = {"format": str(form.format), "gzip": form.gzip, "sheets": sheets}
                octets = sum(_octets(item) for item in items)
                yield _Part(items, octets, Progress(0, place.line, place.sheet, found))


def _octets(item: Item) -> int:
    if isinstance(item, Header):
        return 0
    return len(item.row if isinstance(item, Rejection) else item.raw)


async def _unpacked(blocks: AsyncIterator[bytes], gunzip: Gunzip) -> AsyncIterator[bytes]:
    async for block in blocks:
        for piece in gunzip.feed(block):
            yield piece
    gunzip.finish()
