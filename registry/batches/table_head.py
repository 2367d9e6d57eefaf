"""The head of a table (表头与前几行): its columns and first rows as a batch would read them, before anything is asked
of them. Whoever maps columns to attributes looks at it; nothing is compared with a template.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from node.errors import Malformed
from registry.batches.body import Body
from registry.rejection import Rejection
from registry.rows.form import Form
from registry.rows.limits import Limits
from registry.rows.source import WHOLE_BODY, Header, Item, portions

MOST_ROWS = 50
_SHOWN = 400  # characters of a cell: enough to know a value by


class NoRows(Malformed):
    title_zh = "没有可读的行"


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A row: a text for each column, each cut to what can be shown; or what is wrong with it."""

    sheet: int
    line: int
    cells: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class TableHead:
    """How the form was found to be, every sheet with its columns (one of number 0 outside of workbooks), and rows."""

    format: str
    encoding: str | None
    delimiter: str | None
    sheets: tuple[Header, ...]
    rows: tuple[HeadRow, ...]


async def table_head(
    form: Form, blocks: AsyncIterator[bytes], *, rows: int, limits: Limits, partial: bool
) -> TableHead:
    """The first ``rows`` rows; what follows them is never looked at.

    ``partial``: the body is the beginning of a file, cut anywhere, so that its last row means nothing. Raises
    ``NoRows``, the errors of ``WHOLE_BODY`` and ``WorkbookReaderFailed``.
    """
    items: list[Item] = []
    told: dict[str, Any] = {}
    wanted = rows + partial
    try:
        async with aclosing(portions(form, Body(blocks, 0, None), None, rows=1, limits=limits)) as found:
            async for portion, progress in found:
                items += portion
                told = progress.header
                if sum(not isinstance(item, Header) for item in items) >= wanted:
                    break
    except WHOLE_BODY:
        if not (partial and items):
            raise
    read = [item for item in items if not isinstance(item, Header)]
    shown = read[: min(rows, len(read) - 1)] if partial and len(read) <= rows else read[:rows]
    if not shown:
        raise NoRows("there are no rows below the names of the columns")
    return _head(form, told, [item for item in items if isinstance(item, Header)], shown)


def _head(form: Form, told: dict[str, Any], headers: Sequence[Header], items: Sequence[Item]) -> TableHead:
    sheets = [Header(sheet["columns"], sheet["sheet"], sheet["name"]) for sheet in told.get("sheets", ())]
    sheets = sheets or list(headers) or [Header(_keys(items))]
    columns = {sheet.sheet: sheet.columns for sheet in sheets}
    return TableHead(
        format=form.format.value,
        encoding=told.get("encoding"),
        delimiter=told.get("delimiter"),
        sheets=tuple(sheets),
        rows=tuple(_row(item, columns) for item in items),
    )


def _keys(items: Iterable[Item]) -> list[str]:
    """The columns of objects: every key in the order in which it first comes. Raises ``NoRows``."""
    found: dict[str, None] = {}
    for item in items:
        if not isinstance(item, Rejection | Header):
            found |= dict.fromkeys(item.fields)
    if not found:
        raise NoRows("none of the first rows is an object with members")
    return list(found)


def _row(item: Item, columns: dict[int, list[str]]) -> HeadRow:
    assert not isinstance(item, Header)
    if isinstance(item, Rejection):
        return HeadRow(item.sheet, item.line, (), item.message)
    fields: list[str] | dict[str, Any] = item.fields
    if isinstance(fields, dict):
        fields = [_text(fields.get(name)) for name in columns[item.sheet]]
    return HeadRow(item.sheet, item.line, tuple(cell[:_SHOWN] for cell in fields))


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | Decimal) else json.dumps(value, ensure_ascii=False, default=str)
