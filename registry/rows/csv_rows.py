"""CSV into rows: RFC 4180 in UTF-8, LF or CR LF, one header row, quoted fields with line breaks inside.

The standard library's reader walks over whole blocks; this module finds out which physical lines each row
took, and what to do when a row is bad. After a quote that never closes, reading goes on with the next
physical line: it costs one line and not the rest of the file. A quote inside an unquoted field (``5" pipe``)
is an ordinary character.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, chain

from registry.rejection import MAX_ROW, Code, Fault, Rejection
from registry.rows.header import DELIMITERS, BadDelimiter, NoHeader, UnreadableHeader, checked_header
from registry.rows.lines import BEGINNING, LineBuffer, Position, Row

Item = Row[list[str]] | Rejection

MAX_LINES = 1000
"""Physical lines of one row."""

_MIN_REACH = 1024
"""See ``CsvRows._reach``."""

# Nothing in our own rows may trip the library's smaller bound (131,072): rows are bounded here.
csv.field_size_limit(MAX_ROW)

# Read after the last line: inside an open quote it becomes part of that row, otherwise a row of its own.
_END_MARK = 'x"\n'
_CONTROLS = bytes(octet for octet in (*range(0x20), 0x7F) if octet not in b"\t\r\n")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
_BEYOND_ASCII = re.compile(rb"\xc2[\x80-\x9f]")  # the rest of it, which begins with one octet: a tenth of the time


class CsvRows:
    """Feed it blocks, take rows: lists of text in the order of ``header``.

    ``header`` and ``start`` are given when reading goes on in the middle of an input; otherwise the first row
    that is not blank is the header. A faulty header raises one of the errors of ``registry.rows.header``
    from ``feed`` or ``finish``, because then no row can be understood. Blank lines are skipped.
    """

    def __init__(
        self,
        delimiter: str = ",",
        *,
        header: Sequence[str] | None = None,
        start: Position = BEGINNING,
    ) -> None:
        if delimiter not in DELIMITERS:
            raise BadDelimiter(delimiter)
        self.header = None if header is None else list(header)
        self._width = -1 if header is None else len(header)
        self._delimiter = delimiter
        self._buffer = LineBuffer(start)
        self._patience = MAX_ROW
        self._tried = start.offset

    @property
    def position(self) -> Position:
        """Everything before this place has been returned."""
        return self._buffer.position

    def feed(self, block: bytes) -> list[Item]:
        """The rows and rejections that ``block`` completes, in the order of the input."""
        items: list[Item] = []
        if (overlong := self._buffer.add(block)) is not None:
            self._refuse_line(items, overlong)
        if self._buffer.due:
            self._scan(self._buffer.lines(), items, final=False)
        return items

    def finish(self) -> list[Item]:
        """The input is over: its last rows. Raises ``NoHeader`` when there was nothing."""
        items: list[Item] = []
        if (overlong := self._buffer.end()) is not None:
            self._refuse_line(items, overlong)
        self._scan(self._buffer.rest(), items, final=True)
        if self.header is None:
            raise NoHeader
        return items

    def _scan(self, body: bytes, items: list[Item], *, final: bool) -> None:
        block = _Block(body, self._buffer.position)
        coming = len(self._buffer) - len(body)
        start = 0
        while start < block.count:
            reach = self._reach(block.begin(start))
            limit = block.window(start, reach)
            stop, intact = self._read(block, start, limit, items)
            if intact and stop == limit:
                start = stop
                continue
            if intact and limit < block.count and stop > start:
                start = stop  # a row that starts late in the window gets a window of its own
                continue
            if intact and limit == block.count and not final:
                size = block.ends[-1] - block.begin(stop) + coming
                if limit - stop < MAX_LINES and size <= self._reach(block.begin(stop)):
                    start = stop
                    break
            self._refuse(items, block, stop)
            start = stop + 1
        self._buffer.drop(start, block.begin(start) - self._buffer.position.offset)

    def _read(self, block: _Block, start: int, limit: int, items: list[Item]) -> tuple[int, bool]:
        """Rows of the lines ``start`` to ``limit``.

        Returns the first line that is not part of a finished row, and False when that line cannot start one.
        """
        lines, ends, first_line, plain = block.lines, block.ends, block.position.line, block.plain
        texts = chain(map(block.texts.__getitem__, range(start, limit)), (_END_MARK,))
        reader = csv.reader(texts, delimiter=self._delimiter, strict=True)
        base = start
        try:
            for fields in reader:
                stop = base + reader.line_num
                if stop > limit:
                    break
                if not plain and len(lines[start]) > MAX_ROW:
                    return start, False
                raw = lines[start] if stop - start == 1 else b"\n".join(lines[start:stop])
                if len(fields) == self._width and plain:
                    items.append(Row(first_line + start, ends[stop - 1], fields, raw))
                elif fields:
                    self._take_other(items, Row(first_line + start, ends[stop - 1], fields, raw), block)
                start = stop
        except csv.Error:
            return start, False
        return start, True

    def _take_other(self, items: list[Item], row: Row[list[str]], block: _Block) -> None:
        """A row that is the header, of another width, or in a block with foreign octets."""
        fault = None if block.plain else _octet_fault(row.raw)
        if self.header is None:
            if fault is not None:
                raise UnreadableHeader(row.line, fault, row.raw)
            self.header = checked_header(block.repaired(row.fields), row.line, self._delimiter)
            self._width = len(self.header)
            return
        if fault is None and len(row.fields) != self._width:
            fault = Code.WRONG_FIELD_COUNT.fault(expected=self._width, found=len(row.fields))
        if fault is not None:
            items.append(Rejection.of(row.line, row.raw, fault))
            return
        items.append(Row(row.line, row.end, block.repaired(row.fields), row.raw))

    def _refuse(self, items: list[Item], block: _Block, index: int) -> None:
        """One physical line that starts no row."""
        raw = block.lines[index]
        fault = _line_fault(raw, self._delimiter)
        if fault.code == Code.UNCLOSED_QUOTE:
            begin = block.begin(index)
            self._patience = max(_MIN_REACH, self._reach(begin) // 2)
            self._tried = begin
        self._refuse_line(items, Rejection.of(block.position.line + index, raw, fault))

    def _refuse_line(self, items: list[Item], rejection: Rejection) -> None:
        if self.header is None:
            raise UnreadableHeader(rejection.line, Fault(None, rejection.code, rejection.message), rejection.row)
        items.append(rejection)

    def _reach(self, begin: int) -> int:
        """How many octets a row that starts at ``begin`` may take before its quote counts as never closed.

        The whole bound as a rule. Each quote that did not close halves it and each octet read since gives
        one back, so that input made of such quotes takes linear time.
        """
        return min(MAX_ROW, self._patience + begin - self._tried)


class _Block:
    """The physical lines looked at together: as octets, as text, with the place where each ends."""

    __slots__ = ("count", "ends", "lines", "plain", "position", "texts", "utf8")

    def __init__(self, body: bytes, position: Position) -> None:
        self.position = position
        self.lines = body.split(b"\n")
        if not self.lines[-1]:
            self.lines.pop()
        self.count = len(self.lines)
        self.ends = list(accumulate((len(line) + 1 for line in self.lines), initial=position.offset))[1:]
        if body and not body.endswith(b"\n"):
            self.ends[-1] -= 1
        try:
            text = body.decode()
            self.utf8 = True
        except UnicodeDecodeError:
            text = body.decode("latin-1")  # the same quotes, delimiters and lines; ``repaired`` undoes it
            self.utf8 = False
        self.texts = io.StringIO(text, newline="\n").readlines()
        self.plain = self.utf8 and max(map(len, self.lines), default=0) <= MAX_ROW and not _controls(body)

    def begin(self, index: int) -> int:
        """Where a physical line starts, in octets of the input."""
        return self.ends[index - 1] if index else self.position.offset

    def window(self, start: int, reach: int) -> int:
        """The line before which every row that starts at ``start`` must end."""
        within = bisect_right(self.ends, self.begin(start) + reach, lo=start)
        return max(start + 1, min(within, start + MAX_LINES))

    def repaired(self, fields: list[str]) -> list[str]:
        return fields if self.utf8 else [field.encode("latin-1").decode() for field in fields]


def _controls(body: bytes) -> bool:
    if len(body.translate(None, _CONTROLS)) != len(body):
        return True
    return not body.isascii() and _BEYOND_ASCII.search(body) is not None


def _octet_fault(raw: bytes) -> Fault | None:
    """What is wrong with the octets of a row, if anything."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return Code.NOT_UTF8.fault(position=error.start + 1)
    if found := _CONTROL.search(raw):
        return Code.CONTROL_CHARACTER.fault(character=f"U+{ord(found[0].decode()):04X}")
    return None


def _line_fault(raw: bytes, delimiter: str) -> Fault:
    """Why a physical line cannot start a row."""
    if len(raw) > MAX_ROW:
        return Code.ROW_TOO_LONG.fault(limit=MAX_ROW)
    line = [raw.decode("latin-1") + "\n"]
    try:
        if next(csv.reader([*line, _END_MARK], delimiter=delimiter))[-1].endswith("\nx"):
            return Code.UNCLOSED_QUOTE.fault()
    except csv.Error:  # a carriage return alone, outside quotes
        return Code.CONTROL_CHARACTER.fault(character="U+000D")
    return Code.STRAY_QUOTE.fault()
