"""The rows of one worksheet, as its XML is read: only one row is ever held.

Part of the process that reads a workbook. A formula is its stored result. A cell that holds an error, or a number
whose last digits were lost, makes its row a rejection with the column named. Merged cells have their value in the
first of them, as the file has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from registry.rejection import MAX_KEPT, MAX_ROW, Code, Fault, shown
from registry.rows.xlsx_cells import MAX_CELL, PLAIN, CellRefused, check_text, number_text, unescaped
from registry.rows.xlsx_package import Package, WorkbookUnreadable
from registry.rows.xlsx_usual_rows import UsualRows
from registry.rows.xlsx_workbook import LONGEST_TEXT, Attributes, Sheet, Workbook, read_part

MAX_COLUMNS = 16_384
MAX_LINES = 1_048_576

_DIGITS = "0123456789"
_encode = msgspec.json.Encoder().encode


class SheetHeader(NamedTuple):
    """The first row of a sheet that is not empty: its columns stand beside one another from ``first`` on."""

    line: int
    first: int
    columns: list[str]
    fault: Fault | None


class SheetRow(NamedTuple):
    """A row below the header that is not empty; ``raw`` is a JSON array of its cells, one for each column.

    Cells where no column is are a fault, and stand at the end of ``raw``.
    """

    line: int
    raw: bytes
    faults: list[Fault]


class _Enough(Exception):
    """The header has been read."""


def sheet_header(package: Package, workbook: Workbook, sheet: Sheet) -> SheetHeader | None:
    """The header of a sheet, None when it is empty. Raises ``WorkbookUnreadable`` or ``DoctypeRefused``."""
    found: list[SheetHeader] = []

    def take(line: int, cells: _Cells) -> None:
        if cells.texts or cells.faults:
            first, last = min(cells.texts, default=0), max(cells.texts, default=0)
            columns = [cells.texts.get(place, "") for place in range(first, last + 1)]
            refused = next(iter(cells.faults.values()), None)
            if cells.too_long:
                refused = CellRefused(Code.ROW_TOO_LONG, limit=MAX_ROW)
            found.append(SheetHeader(line, first, columns, None if refused is None else refused.fault()))
            raise _Enough

    try:
        _read(package, _RowReader(workbook, sheet, take, first=0, width=MAX_COLUMNS, from_line=1), sheet)
    except _Enough:
        return found[0]
    return None


def read_sheet(
    package: Package,
    workbook: Workbook,
    sheet: Sheet,
    header: SheetHeader,
    give: Callable[[SheetRow], None],
    *,
    from_line: int,
) -> None:
    """Every row below the header, from a line on. Raises ``WorkbookUnreadable`` or ``DoctypeRefused``."""
    columns = header.columns
    width = len(columns)
    places = [*range(width)]

    def take(line: int, cells: _Cells) -> None:
        texts = cells.texts
        if not texts and not cells.faults:
            return
        get = texts.get
        wanted = places if not cells.outside else [*places, *(place for place in texts if not 0 <= place < width)]
        raw = _encode([get(place, "") for place in wanted])
        faults = [
            refused.fault(columns[place] if 0 <= place < width else None) for place, refused in cells.faults.items()
        ]
        if cells.outside:
            faults.append(Code.WRONG_FIELD_COUNT.fault(expected=width, found=cells.outside))
        if cells.too_long or len(raw) > MAX_ROW:
            faults = [Code.ROW_TOO_LONG.fault(limit=MAX_ROW)]
            raw = raw[:MAX_KEPT]
        give(SheetRow(line, raw, faults))

    from_line = max(from_line, header.line + 1)
    reader = _RowReader(workbook, sheet, take, first=header.first, width=width, from_line=from_line)
    _read(package, reader, sheet)


class _Cells:
    """The cells of one row: texts by their place among the columns, faults, and how far it goes."""

    __slots__ = ("faults", "length", "outside", "texts", "too_long")

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.faults: dict[int, CellRefused] = {}
        self.outside = 0
        """How many columns the row would need, when a cell stands where no column is."""
        self.length = 0
        self.too_long = False


class _RowReader:
    """Takes what the XML parser finds in a sheet, or rows that are told apart without it: the inner loop.

    Columns are counted from ``first``, rows before ``from_line`` are passed over.
    """

    __slots__ = (
        "_cell_name", "_cells", "_column", "_column_of", "_data_name", "_first", "_formula", "_formula_name",
        "_from_line", "_in_data", "_kind", "_other_names", "_row_name", "_sheet", "_spoken", "_spoken_name", "_style",
        "_styles", "_take", "_value", "_value_names", "_width", "_within", "_workbook", "line", "skipping",
    )  # fmt: skip

    def __init__(
        self,
        workbook: Workbook,
        sheet: Sheet,
        take: Callable[[int, _Cells], None],
        *,
        first: int,
        width: int,
        from_line: int,
    ) -> None:
        self._workbook = workbook
        self._sheet = sheet
        self._take = take
        self._first = first
        self._width = width
        self._from_line = from_line
        self._row_name = self._cell_name = self._formula_name = self._spoken_name = self._data_name = ""
        self._in_data = False
        self._value_names: frozenset[str] = frozenset()
        self._other_names: frozenset[str] = frozenset()
        self._styles = {str(number): style for number, style in enumerate(workbook.styles)}
        self._column_of = _Columns(first)
        self.line = 0
        self._column = 0
        self._kind = "n"
        self._style = "0"
        self._value: str | None = None
        self._formula = False
        self._within = False
        self._spoken = False
        self.skipping = False
        self._cells = _Cells()

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        if name == self._cell_name:
            if self.skipping:
                return
            self._value = None
            self._formula = False
            get = attributes.get
            self._kind = get("t", "n")
            self._style = get("s", "0")
            reference = get("r")
            before = self._column
            column = before + 1 if reference is None else self._column_of[reference.rstrip(_DIGITS)]
            if column <= before or column + self._first >= MAX_COLUMNS:
                raise self._misplaced()
            self._column = column
        elif name in self._value_names:
            self._value = self._value or ""
            self._within = not (self.skipping or self._spoken) and len(self._value) <= LONGEST_TEXT
        elif name in self._other_names or not self._row_name:
            self._start_other(name, attributes)

    def characters(self, data: str) -> None:
        """Text stands somewhere."""
        if self._within:
            value = self._value = self._value + data if self._value else data
            if len(value) > LONGEST_TEXT:
                self._within = False

    def end(self, name: str) -> None:
        """An element ends."""
        if name in self._value_names:
            self._within = False
        elif name == self._cell_name:
            if not self.skipping:
                self._end_cell()
        elif name == self._row_name:
            self.end_row()
        elif name == self._spoken_name:
            self._spoken = False

    def _start_other(self, name: str, attributes: Attributes) -> None:
        if name == self._row_name:
            self.start_row(attributes.get("r") or str(self.line + 1))
        elif name == self._formula_name:
            self._formula = True
        elif name == self._spoken_name:
            self._spoken = True
        elif name == self._data_name:
            self._in_data = True
        else:
            before, colon, local = name.rpartition(":")
            if local != "worksheet":
                raise _unreadable(self._sheet, "it is no worksheet")
            prefix = before + colon
            self._row_name = f"{prefix}row"
            self._cell_name = f"{prefix}c"
            self._formula_name = f"{prefix}f"
            self._spoken_name = f"{prefix}rPh"
            self._value_names = frozenset((f"{prefix}v", f"{prefix}t"))
            self._data_name = f"{prefix}sheetData"
            self._other_names = frozenset((self._row_name, self._formula_name, self._spoken_name, self._data_name))

    def may_be_usual(self) -> bool:
        """Whether rows may be taken apart without the parser, which has come to them."""
        return self._in_data and self._cell_name == "c"

    def start_row(self, number: str) -> None:
        """A row begins. Raises ``WorkbookUnreadable``."""
        line = int(number) if number.isdecimal() and len(number) <= len(str(MAX_LINES)) else 0
        if not self.line < line <= MAX_LINES:
            raise _unreadable(self._sheet, f"row {number[:20]} follows row {self.line}")
        self.line = line
        self._column = -self._first - 1
        self._cells = _Cells()
        self.skipping = line < self._from_line

    def usual_cell(self, letters: str, style: str, kind: str, value: str | None, *, formula: bool) -> None:
        """A cell of the row that began, as a whole. Raises ``WorkbookUnreadable``."""
        column = self._column_of[letters]
        if column <= self._column or column + self._first >= MAX_COLUMNS:
            raise self._misplaced()
        self._column = column
        self._kind = kind
        self._style = style
        self._value = value
        self._formula = formula
        self._end_cell()

    def end_row(self) -> None:
        """The row ends."""
        if not self.skipping:
            self._take(self.line, self._cells)

    def _misplaced(self) -> WorkbookUnreadable:
        return _unreadable(self._sheet, f"a cell of row {self.line} stands where none can be")

    def _end_cell(self) -> None:
        value, cells, column = self._value, self._cells, self._column
        if value is None:
            if self._formula:
                cells.faults[column] = CellRefused(Code.FORMULA_WITHOUT_VALUE)
            return
        try:
            text = self._text(value)
        except CellRefused as refused:
            cells.faults[column] = refused
            text = value[:MAX_CELL]
        if not text:
            return
        cells.length += len(text)
        if not 0 <= column < self._width:
            cells.outside = column + 1 if column >= self._width else self._width - column
        if cells.length <= MAX_ROW:
            cells.texts[column] = text
        else:
            cells.too_long = True

    def _text(self, value: str) -> str:
        """The value of a cell as text. Raises ``CellRefused`` or ``WorkbookUnreadable``."""
        match self._kind:
            case "s":
                text = self._shared_text(value)
            case "n":
                return self._number(value) if value else ""
            case "str" | "inlineStr":
                text = unescaped(value)
            case "b":
                return "true" if value in ("1", "true") else "false"
            case "e":
                raise CellRefused(Code.CELL_ERROR, value=value)
            case "d":
                text = value.removesuffix("T00:00:00")
            case kind:
                raise _unreadable(self._sheet, f"there is a cell of the unknown kind {kind[:20]!r}")
        if len(text) > MAX_CELL:
            raise CellRefused(Code.TOO_LONG, limit=MAX_CELL, found=len(text))
        if not text.isprintable():
            check_text(text)
        return text

    def _number(self, value: str) -> str:
        return number_text(value, self._styles.get(self._style, PLAIN), from_1904=self._workbook.from_1904)

    def _shared_text(self, number: str) -> str:
        try:
            return self._workbook.texts[int(number)]
        except (ValueError, IndexError):
            raise _unreadable(self._sheet, f"the shared text {number[:20]!r} is missing") from None


class _Columns(dict[str, int]):
    """The place of a column by its letters, counted from the first one of the table."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def __missing__(self, letters: str) -> int:
        place = 0
        if not (letters.isascii() and letters.isalpha() and len(letters) <= len("XFD")):
            return -MAX_COLUMNS  # before every column: refused there
        for letter in letters.upper():
            place = 26 * place + ord(letter) - ord("A") + 1
        self[letters] = place - 1 - self._first
        return self[letters]


def _read(package: Package, reader: _RowReader, sheet: Sheet) -> None:
    read_part(package, sheet.part, reader.start, reader.end, reader.characters, UsualRows(reader))


def _unreadable(sheet: Sheet, reason: str) -> WorkbookUnreadable:
    return WorkbookUnreadable(f"the sheet {shown(sheet.name)} cannot be read: {reason}", sheet=sheet.name)
