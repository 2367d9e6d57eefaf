"""What the process that reads a workbook says to the one that asked: frames of MessagePack, each after its length.

First ``Sheets``, then ``Rows`` as often as there are some, then ``End``; ``Refused`` in place of any of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

LENGTH = 4
"""Octets of the length before each frame, the highest first."""

MAX_FRAME = 64 << 20
"""Of a frame, in octets: a hundred headers as long as a row may be."""

FaultFrame = tuple[str | None, str, str]
"""Field, code, message."""


class SheetFrame(msgspec.Struct, array_like=True):
    number: int
    name: str
    line: int
    columns: list[str]
    fault: FaultFrame | None


class Sheets(msgspec.Struct, array_like=True, tag="sheets"):
    """The sheets that will be read, in their order."""

    sheets: list[SheetFrame]


class Rows(msgspec.Struct, array_like=True, tag="rows"):
    """Rows of one sheet; ``raws`` are JSON arrays of cells, ``faults`` by the place of their row here."""

    sheet: int
    lines: list[int]
    raws: list[bytes]
    faults: dict[int, list[FaultFrame]]


class Refused(msgspec.Struct, array_like=True, tag="refused"):
    """The workbook cannot be read: one of the errors in ``registry.rows.xlsx_rows``."""

    code: str
    detail: str
    evidence: dict[str, Any]


class End(msgspec.Struct, array_like=True, tag="end"):
    """Everything has been said."""


Frame = Sheets | Rows | Refused | End


class Task(msgspec.Struct):
    """What the process is asked to do, as JSON in its only argument; the workbook is its standard input."""

    parent: int
    sheet: str | None
    from_sheet: int
    from_line: int
    ratio: int
    workbook_unpacked_bytes: int
    workbook_entries: int
    child_bytes: int
    child_seconds: int
