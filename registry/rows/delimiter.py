"""The delimiter of a CSV that did not say it: the one by which the header and the rows have as many fields."""

from __future__ import annotations

import csv
import io
import re
from typing import NamedTuple

from registry.rows.header import DELIMITERS

HEAD = 64 * 1024
"""Octets at the beginning of a text that decide, wherever its blocks are cut."""

_ROWS = 20
_NEARLY = 0.2
"""A delimiter that fits this share of the rows less, and splits them further, may still be the one."""

_STRAY = re.compile('[^"]"[^"]|[^"]"$|^"[^"]')


class _Fit(NamedTuple):
    share: float
    """Of the rows, how many have as many fields as the header."""
    clean: bool
    """No quote stands inside a field of the header, as it does when a quoted field was split."""
    width: int


def delimiter_of(head: bytes, *, complete: bool) -> str:
    """One of ``DELIMITERS``; a comma when the header has one column whatever the delimiter.

    ``head`` is UTF-8, the beginning of the text, or all of it when ``complete``.
    """
    lines = io.StringIO(head.decode(errors="replace").lstrip("\ufeff"), newline="\n").readlines()
    if not complete and len(lines) > 1:
        lines.pop()
    fits = {delimiter: fit for delimiter in DELIMITERS if (fit := _fit(lines, delimiter)).width > 1}
    if not fits:
        return DELIMITERS[0]
    best = max(fit.share for fit in fits.values())
    near = [delimiter for delimiter, fit in fits.items() if fit.share >= best - _NEARLY]
    return max(near, key=lambda delimiter: (fits[delimiter].clean, fits[delimiter].width))


def _fit(lines: list[str], delimiter: str) -> _Fit:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) == _ROWS:
                break
    except csv.Error:  # a carriage return alone: what was read before it says enough
        pass
    if not rows:
        return _Fit(0, clean=False, width=0)
    header = rows[0]
    same = sum(len(row) == len(header) for row in rows)
    clean = not any(_STRAY.search(name) for name in header)
    return _Fit(same / len(rows), clean, len(header))
