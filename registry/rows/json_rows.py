"""A JSON array of objects into rows, element by element, however the text is laid out.

Only the ends of the elements are looked for here; an element that is no row is one rejection. What stands between
the elements must be right, because behind a fault there nothing can be told apart any more. Rows are numbered like
the elements, from 1: whole arrays stand on one physical line.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, NamedTuple

from node.errors import Malformed
from registry.rejection import MAX_KEPT, MAX_ROW, Code, Rejection
from registry.rows.json_objects import DECODE_ERRORS, decode, decode_fault, shape_fault, surely_row
from registry.rows.lines import BEGINNING, Position, Row

Item = Row[dict[str, Any]] | Rejection

MAX_DEPTH = 64
"""Brackets open inside one another. A row needs two; more than this is no slip of the pen."""

_BOM = b"\xef\xbb\xbf"
_NO_ELEMENT = b",:]}"
_SPACE = re.compile(rb"[ \t\r\n]*+")
_NEXT_OBJECT = re.compile(rb'[ \t\r\n]*+,[ \t\r\n]*+(\{(?:[^"{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+\})', re.DOTALL)
"""The usual case in one look: a comma and an object that holds no other."""
_TOKEN = re.compile(rb'["{}\[\]]')
_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SCALAR_END = re.compile(rb'[ \t\r\n,\]\[{}"]')


class NotAJsonArray(Malformed):
    title_zh = "不是 JSON 数组"


class JsonUnreadable(Malformed):
    title_zh = "JSON 数组无法读取"


class JsonNotClosed(Malformed):
    title_zh = "JSON 数组没有结束"


class JsonTooDeep(Malformed):
    title_zh = "JSON 嵌套过深"


class _Expected(Enum):
    ARRAY = "an array"
    FIRST = "an object or the end of the array"
    ELEMENT = "an object"
    COMMA = "a comma or the end of the array"
    NOTHING = "nothing more"


class JsonRows:
    """Feed it blocks, take rows: dictionaries by key. ``Row.line`` is the number of the element.

    ``start`` is given when reading goes on in the middle of an input, behind an element. ``feed`` and ``finish``
    raise ``NotAJsonArray``, ``JsonUnreadable``, ``JsonNotClosed`` or ``JsonTooDeep``.
    """

    def __init__(self, *, start: Position = BEGINNING) -> None:
        self.position = start
        """Everything before this place has been returned; it is the beginning or behind an element."""
        self._expected = _Expected.COMMA if start.offset else _Expected.ARRAY
        self._kept = bytearray()
        self._offset = start.offset
        """Of the input, where what is kept begins."""
        self._enough = len(_BOM)
        self._overlong: _Overlong | None = None

    def feed(self, block: bytes) -> list[Item]:
        """The rows and rejections that ``block`` completes, in the order of the input."""
        self._kept += block
        items: list[Item] = []
        if len(self._kept) >= self._enough:
            self._scan(items, final=False)
        return items

    def finish(self) -> list[Item]:
        """The input is over."""
        items: list[Item] = []
        self._scan(items, final=True)
        if self._expected is _Expected.ARRAY:
            raise NotAJsonArray("the input is empty: an array of objects was expected")
        if self._expected is not _Expected.NOTHING:
            raise JsonNotClosed(
                "the input ends before the array does; perhaps it was not sent whole", element=self.position.line
            )
        return items

    def _scan(self, items: list[Item], *, final: bool) -> None:
        body = bytes(self._kept)
        place = 0
        if self._overlong is not None:
            place = self._skip(self._overlong, body, items)
        elif self._offset == 0 and body.startswith(_BOM):
            place = len(_BOM)
        while place < len(body):
            if self._expected is _Expected.COMMA and (found := _NEXT_OBJECT.match(body, place)):
                place = self._take(items, body, found.start(1), found.end())
                continue
            place = _behind(_SPACE, body, place)
            if place == len(body):
                break
            if self._expected in (_Expected.FIRST, _Expected.ELEMENT) and body[place] not in _NO_ELEMENT:
                end = self._element_end(body, place, final=final)
                if end is None:
                    place = len(body) if self._overlong is not None else place
                    break
                place = self._take(items, body, place, end)
            else:
                self._take_sign(body, place)
                place += 1
        self._forget(place)

    def _take_sign(self, body: bytes, place: int) -> None:
        """One sign between elements."""
        sign = body[place : place + 1]
        match self._expected, sign:
            case (_Expected.ARRAY, b"["):
                self._expected = _Expected.FIRST
            case (_Expected.ARRAY, _):
                hint = "; a file of one object per line is NDJSON" if sign == b"{" else ""
                raise NotAJsonArray(f"the input does not begin with [{hint}")
            case (_Expected.FIRST | _Expected.COMMA, b"]"):
                self._expected = _Expected.NOTHING
            case (_Expected.COMMA, b","):
                self._expected = _Expected.ELEMENT
            case _:
                raise self._unreadable(place)

    def _element_end(self, body: bytes, begin: int, *, final: bool) -> int | None:
        """Behind the element that begins there; None when it goes on behind ``body``."""
        overlong = len(body) - begin > MAX_ROW
        if body[begin] not in b'{["':
            found = _SCALAR_END.search(body, begin + 1)
            if found is None and overlong:
                raise self._unreadable(begin)
            return found.start() if found is not None else len(body) if final else None
        nesting = _Nesting()
        end = nesting.end(body, begin)
        self._check_depth(nesting)
        if end is None and overlong:
            self._overlong = _Overlong(nesting, body[begin : begin + MAX_KEPT])
        return end

    def _skip(self, overlong: _Overlong, body: bytes, items: list[Item]) -> int:
        """Over what belongs to an element that is too long anyway."""
        end = overlong.nesting.end(body, 0)
        self._check_depth(overlong.nesting)
        if end is None:
            return len(body)
        self._overlong = None
        fault = Code.ROW_TOO_LONG.fault(limit=MAX_ROW)
        items.append(Rejection.of(self.position.line, overlong.head, fault))
        self._settle(end)
        return end

    def _take(self, items: list[Item], body: bytes, begin: int, end: int) -> int:
        """The element between two places as a row or a rejection; returns its end."""
        raw = body[begin:end]
        line = self.position.line
        self._settle(end)
        try:
            fields = decode(raw)
        except DECODE_ERRORS as error:
            items.append(Rejection.of(line, raw, decode_fault(raw, error)))
            return end
        row = Row(line, self.position.offset, fields, raw)
        if type(fields) is dict and len(raw) <= MAX_ROW and surely_row(raw, fields):
            items.append(row)
        else:
            fault = shape_fault(raw, fields)
            items.append(row if fault is None else Rejection.of(line, raw, fault))
        return end

    def _settle(self, end: int) -> None:
        """An element has been returned, and ends there."""
        self.position = Position(self.position.line + 1, self._offset + end)
        self._expected = _Expected.COMMA

    def _forget(self, place: int) -> None:
        """What stays is due again when it has doubled, so that blocks of one octet cost no more than a factor."""
        self._offset += place
        del self._kept[:place]
        self._enough = 1 if self._overlong is not None else min(2 * len(self._kept), MAX_ROW + 1)

    def _unreadable(self, place: int) -> JsonUnreadable:
        return JsonUnreadable(
            f"{self._expected.value} was expected here, at octet {self._offset + place + 1}",
            element=self.position.line,
        )

    def _check_depth(self, nesting: _Nesting) -> None:
        if nesting.too_deep:
            raise JsonTooDeep(
                f"more than {MAX_DEPTH} brackets are open inside one another", element=self.position.line
            )


class _Nesting:
    """Looks for the end of one object, array or text, in as many pieces as it comes in."""

    __slots__ = ("_depth", "_escaped", "_in_text", "too_deep")

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = False
        self._escaped = False
        self.too_deep = False

    def end(self, body: bytes, place: int) -> int | None:
        """The place behind the element, None when ``body`` ends before it or ``too_deep`` was found out."""
        while place < len(body):
            if self._in_text:
                place = _behind(_TEXT, body, place + self._escaped)
                self._escaped = body[place : place + 1] == b"\\"
                if self._escaped or place >= len(body):
                    return None
                self._in_text = False
                place += 1
            else:
                found = _TOKEN.search(body, place)
                if found is None:
                    return None
                place = found.end()
                self._open_or_close(found[0])
            if self._depth == 0 and not self._in_text:
                return place
            if self._depth > MAX_DEPTH:
                self.too_deep = True
                return None
        return None

    def _open_or_close(self, sign: bytes) -> None:
        if sign == b'"':
            self._in_text = True
        elif sign in b"{[":
            self._depth += 1
        else:
            self._depth -= 1


class _Overlong(NamedTuple):
    nesting: _Nesting
    head: bytes


def _behind(pattern: re.Pattern[bytes], body: bytes, place: int) -> int:
    found = pattern.match(body, place)
    assert found is not None  # these patterns match the empty text too
    return found.end()
