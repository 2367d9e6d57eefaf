"""Physical lines out of blocks of bytes, with flat memory however long a line is."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import msgspec

from registry.rejection import MAX_KEPT, MAX_ROW, Code, Rejection

_BOM = b"\xef\xbb\xbf"

Fields = TypeVar("Fields")


class Position(NamedTuple):
    """A place between rows where reading can start again."""

    line: int
    """1-based number of the physical line that starts here."""
    offset: int
    """Octets of the input before this place, a byte order mark included."""


BEGINNING = Position(1, 0)


class Row(msgspec.Struct, Generic[Fields], frozen=True, gc=False):
    """One row that could be read. ``gc=False``: it can be part of no cycle, and millions pass by."""

    line: int
    """1-based physical line where the row starts."""
    end: int
    """Octets of the input up to just after the row and its line feed."""
    fields: Fields
    raw: bytes
    """The row as it was sent, without the final line feed; of a workbook a JSON array of its cells."""
    sheet: int = 0
    """Number of the worksheet from 1; 0 outside workbooks."""

    @property
    def after(self) -> Position:
        """Where reading goes on when this row of a CSV or NDJSON is done."""
        return Position(self.line + self.raw.count(b"\n") + 1, self.end)


class LineBuffer:
    """The bytes that are not rows yet: at most twice ``MAX_ROW`` and the block just added.

    ``position`` is the start of what is kept. A line longer than ``MAX_ROW`` is thrown away as it arrives
    and becomes one rejection when its end is seen.
    """

    def __init__(self, start: Position) -> None:
        self.position = start
        self._kept = bytearray()
        self._enough = 1
        self._skipped = 0
        self._head = b""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def due(self) -> bool:
        """Whether looking at the lines can decide something that was open before."""
        return len(self._kept) >= self._enough

    def add(self, block: bytes) -> Rejection | None:
        """Keep a block. Returns the rejection of an endless line that ends in it."""
        if not self._skipped:
            self._kept += block
            return None
        found = block.find(b"\n")
        if found < 0:
            self._skipped += len(block)
            return None
        self._kept += memoryview(block)[found + 1 :]
        return self._end_of_skipped(found + 1)

    def lines(self) -> bytes:
        """The complete lines kept, the last line feed included."""
        self._drop_bom()
        return bytes(self._kept[: self._kept.rfind(b"\n") + 1])

    def rest(self) -> bytes:
        """Everything kept, at the end of the input."""
        self._drop_bom()
        return bytes(self._kept)

    def drop(self, lines: int, octets: int) -> None:
        """Forget what has become rows.

        What stays is due again only when it has doubled: blocks of one byte cost no more than a small
        factor. Beyond ``MAX_ROW`` something can always be decided.
        """
        del self._kept[:octets]
        self.position = Position(self.position.line + lines, self.position.offset + octets)
        self._enough = min(2 * len(self._kept), MAX_ROW + 1)
        if len(self._kept) > MAX_ROW and b"\n" not in self._kept:
            self._skipped = len(self._kept)
            self._head = bytes(self._kept[:MAX_KEPT])
            self._kept.clear()
            self._enough = 1

    def end(self) -> Rejection | None:
        """The input is over. Returns the rejection of an endless line that ended with it."""
        return self._end_of_skipped(0) if self._skipped else None

    def _end_of_skipped(self, more: int) -> Rejection:
        line, offset = self.position
        self.position = Position(line + 1, offset + self._skipped + more)
        self._skipped = 0
        return Rejection.of(line, self._head, Code.ROW_TOO_LONG.fault(limit=MAX_ROW))

    def _drop_bom(self) -> None:
        if self.position.offset == 0 and self._kept.startswith(_BOM):
            del self._kept[: len(_BOM)]
            self.position = Position(self.position.line, len(_BOM))
