"""Rows of an answer as a table: CSV for spreadsheets, with the mark of a laboratory in every line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic import BaseModel

from registry.rows.formula_guard import guard

MEDIA = "text/csv"
_BYTE_ORDER_MARK = "\ufeff"  # without it spreadsheets take UTF-8 for the encoding of their country


def as_csv(kind: type[BaseModel], rows: Sequence[BaseModel], mark: str | None) -> bytes:
    """A header and one line for each row (RFC 4180); no cell is taken for a formula, lists and maps are JSON.

    The last column, ``mark``, is 实验数据 in every line of a laboratory node.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*kind.model_fields, "mark"])
    for row in rows:
        writer.writerow([*(guard(_cell(value)) for value in row.model_dump(mode="json").values()), mark or ""])
    return (_BYTE_ORDER_MARK + text.getvalue()).encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return str(value)
