"""NDJSON into rows: one JSON object per line, its values text, numbers, true, false or null.

Numbers keep their digits: a whole number becomes an ``int`` of any size, every other number a ``Decimal`` made
from its own text, so that 1.10 stays 1.10 and 12345678901234567890 loses nothing.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from registry.rejection import Code, Fault, Rejection
from registry.rows.lines import BEGINNING, MAX_ROW, LineBuffer, Position, Row

Scalar = str | int | Decimal | bool | None
"""What a JSON value may be here."""

Item = Row[dict[str, Scalar]] | Rejection

_BLANK = b" \t\r"


class NdjsonRows:
    """Feed it blocks, take rows: dictionaries by key. Blank lines are skipped.

    ``start`` is given when reading goes on in the middle of an input.
    """

    def __init__(self, *, start: Position = BEGINNING) -> None:
        self._buffer = LineBuffer(start)
        self._decode = msgspec.json.Decoder(float_hook=Decimal).decode

    @property
    def position(self) -> Position:
        """Everything before this place has been returned."""
        return self._buffer.position

    def feed(self, block: bytes) -> list[Item]:
        """The rows and rejections that ``block`` completes, in the order of the input."""
        items: list[Item] = []
        if (overlong := self._buffer.add(block)) is not None:
            items.append(overlong)
        if self._buffer.due:
            self._scan(self._buffer.lines(), items)
        return items

    def finish(self) -> list[Item]:
        """The input is over: its last rows."""
        overlong = self._buffer.end()
        items: list[Item] = [] if overlong is None else [overlong]
        self._scan(self._buffer.rest(), items)
        return items

    def _scan(self, body: bytes, items: list[Item]) -> None:
        line, end = self._buffer.position
        lines = body.split(b"\n")
        if not lines[-1]:
            lines.pop()
        last = end + len(body)
        decode, append = self._decode, items.append
        for raw in lines:
            end += len(raw) + 1
            if end > last:
                end = last  # the last line may have no line feed
            try:
                fields = decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
                if raw.strip(_BLANK):
                    append(Rejection.of(line, raw, _decode_fault(raw, error)))
            else:
                if type(fields) is dict and _surely_flat(raw, len(fields)) and len(raw) <= MAX_ROW:
                    append(Row(line, end, fields, raw))
                else:
                    self._take_other(items, Row(line, end, fields, raw))
            line += 1
        self._buffer.drop(len(lines), len(body))

    def _take_other(self, items: list[Item], row: Row[Any]) -> None:
        """A line that is JSON, and may not be an object of plain values under keys of their own."""
        fault = _shape_fault(row.raw, row.fields)
        items.append(row if fault is None else Rejection.of(row.line, row.raw, fault))


def _surely_flat(raw: bytes, members: int) -> bool:
    """True only if no value is nested and no key comes twice, told by counting octets.

    Each key ends in a quote before its colon, so that with no space before a colon there are at most as many
    keys as there are ``":``. Text that contains these characters makes the answer False, never wrongly True.
    """
    return (
        b"[" not in raw
        and raw.count(b"{") == 1
        and (
            raw.count(b":") == members
            or (raw.count(b'":') == members and b" :" not in raw and b"\t:" not in raw and b"\r:" not in raw)
        )
    )


def _shape_fault(raw: bytes, value: object) -> Fault | None:
    if len(raw) > MAX_ROW:
        return Code.ROW_TOO_LONG.fault(limit=MAX_ROW)
    if type(value) is not dict:
        return Code.NOT_AN_OBJECT.fault()
    for key, member in value.items():
        if type(member) is list or type(member) is dict:
            return Code.NESTED_VALUE.fault(key)
    seen: set[str] = set()
    # Flat by now: the slower standard reader cannot recurse, and keeps every pair.
    for key, _ in json.loads(raw, object_pairs_hook=list, parse_int=str, parse_float=str):
        if key in seen:
            return Code.DUPLICATE_KEY.fault(key)
        seen.add(key)
    return None


def _decode_fault(raw: bytes, error: Exception) -> Fault:
    if len(raw) > MAX_ROW:
        return Code.ROW_TOO_LONG.fault(limit=MAX_ROW)
    if isinstance(error, RecursionError):
        return Code.NESTED_VALUE.fault()
    try:
        raw.decode()
    except UnicodeDecodeError as place:
        return Code.NOT_UTF8.fault(position=place.start + 1)
    reason = "a number is out of range" if isinstance(error, InvalidOperation) else str(error)
    return Code.BAD_JSON.fault(reason=reason)
