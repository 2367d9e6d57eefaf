"""Rows as spreadsheet programs write them, taken apart without the XML parser, which takes twice as long.

The parser reads what stands before the rows and says whether they may be looked at like this. At the first row that
is written in any other way it goes on, with that row and all that follows.
"""

from __future__ import annotations

import re
from typing import Protocol

_ROWS = b"<sheetData>"
_ROW_END = b"</row>"
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([^"']*)""")
_DECLARATION = 200
"""Octets in which the encoding of a part is declared, if it is."""
_LONGEST_ROW = 1 << 20
"""Octets of one row as XML; a longer one is the parser's."""

_ROW = re.compile(r'<row r="([0-9]{1,7})"(?: [A-Za-z0-9:]+="[^"<>&]*")*+(/?)>')
_CELL = re.compile(
    r'<c r="([A-Z]{1,3})[0-9]{1,7}"(?: s="([0-9]{1,9})")?(?: t="([A-Za-z]{1,9})")?'
    r"(?:/>|>(<f>[^<]*+</f>)?(?:<v>([^<]*+)</v>)?"
    r'(?:<is><t(?: xml:space="preserve")?>([^<]*+)</t></is>)?</c>)'
)
_REFERENCE = re.compile(r"&(?:(amp|lt|gt|quot|apos);)?")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class RowTaker(Protocol):
    """What takes the rows, as it does from the parser."""

    line: int
    skipping: bool

    def may_be_usual(self) -> bool:
        """Whether the parser has come to the rows."""
        ...

    def start_row(self, number: str) -> None: ...

    def usual_cell(self, letters: str, style: str, kind: str, value: str | None, *, formula: bool) -> None: ...

    def end_row(self) -> None: ...


class UsualRows:
    """Feed it the pieces of a sheet; what it gives back is for the parser, before the next piece is fed."""

    def __init__(self, taker: RowTaker) -> None:
        self._taker = taker
        self._kept = b""
        self._beginning = True
        self._among_rows = False
        self._over = False

    def feed(self, piece: bytes) -> bytes:
        """What the parser has to read next."""
        if self._over:
            return piece
        self._kept += piece
        if self._among_rows:
            return self._rows()
        if self._beginning:
            self._beginning = False
            declared = _ENCODING.search(piece, 0, _DECLARATION)
            self._over = declared is not None and declared[1].lower() != b"utf-8"
        place = self._kept.find(_ROWS)
        self._among_rows = place >= 0
        return self._give(place + len(_ROWS) if self._among_rows else len(self._kept) - len(_ROWS))

    def finish(self) -> bytes:
        """What the parser has to read at the end."""
        return (self._rows() if self._among_rows else b"") + self._give(len(self._kept))

    def _rows(self) -> bytes:
        if not self._over and not self._taker.may_be_usual():
            self._over = True
        if self._over:
            return self._give(len(self._kept))
        end = self._kept.rfind(_ROW_END) + len(_ROW_END)
        if end < len(_ROW_END):
            self._over = len(self._kept) > _LONGEST_ROW
            return self._give(len(self._kept)) if self._over else b""
        rows, self._kept = self._kept[:end], self._kept[end:]
        try:
            text = rows.decode()
        except UnicodeDecodeError:
            text, taken = "", 0
        else:
            taken = 0 if "\r" in text else self._take(text)
        if taken < len(text) or not text:
            self._over = True
            self._kept = (text[taken:].encode() or rows) + self._kept
            return self._give(len(self._kept))
        return b""

    def _give(self, octets: int) -> bytes:
        given, self._kept = self._kept[: max(0, octets)], self._kept[max(0, octets) :]
        return given

    def _take(self, text: str) -> int:
        """The rows at the beginning of a text; returns where the first unusual one begins."""
        taker = self._taker
        place = 0
        while found := _ROW.match(text, place):
            before = taker.line
            taker.start_row(found[1])
            behind = found.end() if found[2] else self._take_cells(text, found.end())
            if behind is None:
                taker.line = before
                return place
            taker.end_row()
            place = behind
        return place

    def _take_cells(self, text: str, place: int) -> int | None:
        """The cells of a row; returns what is behind it, None for an unusual row."""
        taker = self._taker
        take = None if taker.skipping else taker.usual_cell
        match = _CELL.match
        while found := match(text, place):
            place = found.end()
            if take is None:
                continue
            letters, style, kind, formula, value, inline = found.groups()
            if value is None:
                value = inline
            if value is not None and "&" in value and (value := _dereferenced(value)) is None:
                return None
            take(letters, style or "0", kind or "n", value, formula=formula is not None)
        end = place + len(_ROW_END)
        return end if text[place:end] == "</row>" else None


def _dereferenced(text: str) -> str | None:
    """The text with its named characters; None when there are others."""
    if any(not found[1] for found in _REFERENCE.finditer(text)):
        return None
    return _REFERENCE.sub(lambda found: _CHARACTERS[found[1]], text)
