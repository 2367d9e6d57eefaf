"""Entries of the audit trail as CSV: no cell is taken for a formula, what was before and after is JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from admin.audit.entries import NODE, Entry
from node.journal import canonical
from node.resolutions import LABORATORY_MARK
from registry.rows.formula_guard import guard

MEDIA = "text/csv"
COLUMNS = (
    "entry", "at", "account", "role", "account_id", "interface", "action", "subject_kind", "subject_id", "batch_id",
    "reason", "before", "after", "mark",
)  # fmt: skip
_BYTE_ORDER_MARK = "\ufeff"  # without it spreadsheets take UTF-8 for the encoding of their country


def header_line() -> bytes:
    """The beginning of the file."""
    return f"{_BYTE_ORDER_MARK}{','.join(COLUMNS)}\r\n".encode()


def lines(entries: Sequence[Entry], *, laboratory: bool) -> bytes:
    """One line for each (RFC 4180); the last column is 实验数据 in every line of a laboratory node."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    mark = LABORATORY_MARK if laboratory else ""
    writer.writerows([*map(guard, _cells(entry)), mark] for entry in entries)
    return text.getvalue().encode()


def _cells(entry: Entry) -> list[str]:
    return [
        entry.name,
        entry.at.isoformat(),
        entry.account_name or NODE,
        entry.account_role,
        str(entry.account_id or ""),
        entry.interface.name.lower(),
        entry.action,
        entry.subject_kind,
        entry.subject_id,
        str(entry.batch_id or ""),
        entry.reason,
        _json(entry.before),
        _json(entry.after),
    ]


def _json(content: Mapping[str, Any] | None) -> str:
    return "" if content is None else canonical(content).decode()
