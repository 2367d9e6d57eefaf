"""NDJSON into rows: one JSON object per line."""

from __future__ import annotations

from typing import Any

from registry.rejection import MAX_ROW, Rejection
from registry.rows.json_objects import DECODE_ERRORS, decode, decode_fault, shape_fault, surely_row
from registry.rows.lines import BEGINNING, LineBuffer, Position, Row

Item = Row[dict[str, Any]] | Rejection

_BLANK = b" \t\r"


class NdjsonRows:
    """Feed it blocks, take rows: dictionaries by key. Blank lines are skipped.

    ``start`` is given when reading goes on in the middle of an input.
    """

    def __init__(self, *, start: Position = BEGINNING) -> None:
        self._buffer = LineBuffer(start)

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
        append = items.append
        for raw in lines:
            end += len(raw) + 1
            if end > last:
                end = last  # the last line may have no line feed
            try:
                fields = decode(raw)
            except DECODE_ERRORS as error:
                if raw.strip(_BLANK):
                    append(Rejection.of(line, raw, decode_fault(raw, error)))
            else:
                if type(fields) is dict and surely_row(raw, fields) and len(raw) <= MAX_ROW:
                    append(Row(line, end, fields, raw))
                else:
                    self._take_other(items, Row(line, end, fields, raw))
            line += 1
        self._buffer.drop(len(lines), len(body))

    def _take_other(self, items: list[Item], row: Row[Any]) -> None:
        """A line that is JSON, and may not be an object of plain values under keys of their own."""
        fault = shape_fault(row.raw, row.fields)
        items.append(row if fault is None else Rejection.of(row.line, row.raw, fault))
