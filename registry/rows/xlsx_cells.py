"""What a person sees in the cells of a workbook, as text, as far as the file tells.

A spreadsheet keeps dates and times as numbers, and how they look in styles (ECMA-376-1, 18.8.30 and 18.17.4).
Numbers have 15 digits at most; what looks longer has lost its last digits before the file was written.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from registry.rejection import Code, Fault

MAX_CELL = 32_767
"""Characters of a cell, as every spreadsheet program keeps to."""

_EXACT = 10**15
"""Whole numbers below are kept exactly."""
_SECONDS = 86_400
_LAST_DAY = 2_958_465
"""31 December 9999 in the 1900 calendar."""
_DAYS_BETWEEN = 1462
"""From the beginning of the 1900 calendar to that of the 1904 calendar."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_SHORT = re.compile(r"(?:0|-?[1-9][0-9]{0,14})")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

# What a format code shows literally, and what it says in brackets but for elapsed time.
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]")
_ZEROS = re.compile(r"0{2,40}")


class Shape(Enum):
    """How a style shows a number."""

    PLAIN = "plain"
    ZEROS = "zeros"
    DATE = "date"
    DATE_AND_TIME = "date and time"
    TIME = "time"
    ELAPSED = "elapsed time"


class Style(NamedTuple):
    shape: Shape
    width: int = 0
    """Digits of ``ZEROS``: 00042."""


PLAIN = Style(Shape.PLAIN)

# Numbers of format codes that a file does not spell out; 27 to 36 and 50 to 58 as in Chinese Excel.
_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), Style(Shape.DATE)),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56), Style(Shape.TIME)),
    22: Style(Shape.DATE_AND_TIME),
    46: Style(Shape.ELAPSED),
}


class CellRefused(Exception):
    """The cell has no text that could be a value; the reader of the sheet makes it a rejection."""

    def __init__(self, code: Code, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def fault(self, column: str | None = None) -> Fault:
        """What is wrong, in this column."""
        return self.code.fault(column, **self.facts)


def style_of(number: int, code: str | None) -> Style:
    """The style of a number format: its number, and its code where the file spells it out."""
    if code is None:
        return _BUILT_IN.get(number, PLAIN)
    section = code.split(";", 1)[0]
    if _ZEROS.fullmatch(section):
        return Style(Shape.ZEROS, len(section))
    signs = _LITERAL.sub("", section).lower()
    if _ELAPSED.search(signs):
        return Style(Shape.ELAPSED)
    if "general" in signs or "@" in signs:
        return PLAIN
    has_time = "h" in signs or "s" in signs
    has_date = "y" in signs or "d" in signs or ("m" in signs and not has_time)
    if has_date:
        return Style(Shape.DATE_AND_TIME if has_time else Shape.DATE)
    return Style(Shape.TIME) if has_time else PLAIN


def number_text(value: str, style: Style, *, from_1904: bool) -> str:
    """The number of a cell as it is seen. Raises ``CellRefused``."""
    if style is PLAIN and _SHORT.fullmatch(value):
        return value
    if not _NUMBER.fullmatch(value):
        raise CellRefused(Code.NOT_A_NUMBER, value=value)
    if style is PLAIN:
        return _plain(value)
    if style.shape is Shape.ZEROS:
        text = _plain(value)
        return text.zfill(style.width) if text.isdigit() else text
    return _moment(value, style.shape, from_1904)


def unescaped(text: str) -> str:
    """``_x000D_`` is a carriage return, ``_x005F_`` an underline (ECMA-376-1, 22.4.2.4, ST_Xstring)."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def check_text(text: str) -> None:
    """Raises ``CellRefused`` for control characters and halves of surrogate pairs."""
    if found := _CONTROL.search(text):
        raise CellRefused(Code.CONTROL_CHARACTER, character=f"U+{ord(found[0]):04X}")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise CellRefused(Code.NOT_UNICODE)


def _plain(value: str) -> str:
    number = float(value)
    if abs(number) >= _EXACT:
        raise CellRefused(Code.NUMBER_NOT_EXACT, value=value)
    text = f"{number:.15g}"
    if "e" in text:
        text = f"{Decimal(text):f}"
    return "0" if text == "-0" else text


@lru_cache(maxsize=4096)
def _moment(value: str, shape: Shape, from_1904: bool) -> str:
    """A serial number of days as an ISO 8601 date, date and time, or time of day."""
    serial = float(value)
    seconds = round(serial * _SECONDS) if abs(serial) < _EXACT else -1
    if shape is Shape.ELAPSED:
        return _clock(seconds, serial)
    days, rest = divmod(seconds, _SECONDS)
    if shape is Shape.TIME and days == 0:
        return _clock(seconds, serial)
    last = _LAST_DAY - (_DAYS_BETWEEN if from_1904 else 0)
    # Day 60 of the 1900 calendar is 29 February 1900, which never was; the days before it are one off.
    if not (0 if from_1904 else 1) <= days <= last or (days == 60 and not from_1904):
        raise CellRefused(Code.NOT_A_DATE, value=f"{serial:.15g}")
    first = date(1904, 1, 1) if from_1904 else date(1899, 12, 30 if days > 60 else 31)
    day = (first + timedelta(days=days)).isoformat()
    if shape is Shape.DATE or rest == 0:
        return day
    return f"{day}T{_clock(rest, serial)}"


def _clock(seconds: int, serial: float) -> str:
    if seconds < 0:
        raise CellRefused(Code.NOT_A_DATE, value=f"{serial:.15g}")
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}"
