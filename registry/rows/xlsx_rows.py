"""A workbook as rows, read by a process of its own: ``registry.rows.xlsx_child``.

The body is kept in a temporary file without a name, because the directory of a ZIP stands at its end. The process
gets that file and a pipe, and nothing else of ours; here arrive texts, a few hundred rows at a time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

import registry
from node.errors import Internal, Malformed, code_of
from registry.rejection import Fault, Rejection
from registry.rows.header import DuplicateColumn, EmptyColumn, Header, NoHeader, UnreadableHeader, checked_columns
from registry.rows.limits import Limits, RatioExceeded, TooLargeUnpacked
from registry.rows.lines import Row
from registry.rows.spooling import room
from registry.rows.xlsx_frames import LENGTH, MAX_FRAME, End, Frame, Refused, Rows, SheetFrame, Sheets, Task
from registry.rows.xlsx_package import (
    DoctypeRefused,
    EncryptedWorkbook,
    EntryNameRefused,
    NotAWorkbook,
    TooManyEntries,
    WorkbookTooCostly,
    WorkbookUnreadable,
)
from registry.rows.xlsx_workbook import NoSuchSheet

Item = Row[list[str]] | Rejection | Header

_REFUSALS: dict[str, type[Malformed]] = {
    code_of(kind): kind
    for kind in (
        DoctypeRefused, EncryptedWorkbook, EntryNameRefused, NoSuchSheet, NotAWorkbook, RatioExceeded,
        TooLargeUnpacked, TooManyEntries, WorkbookTooCostly, WorkbookUnreadable,
    )
}  # fmt: skip

_decode_frame: Callable[[bytes], Frame] = msgspec.msgpack.Decoder(Frame).decode
_decode_cells = msgspec.json.Decoder(list[str]).decode


class WorkbookTooLarge(Malformed):
    title_zh = "工作簿文件过大"


class WorkbookReaderFailed(Internal):
    title_zh = "读取工作簿的进程出错"


class SheetPlace(NamedTuple):
    """A place between the rows of a workbook: the sheet, counted from 1, and the next row of it."""

    sheet: int
    line: int


class SheetRows(NamedTuple):
    """Some rows; everything before ``place`` has been handed out with them."""

    items: list[Item]
    place: SheetPlace


class WorkbookRows:
    """The rows of a workbook in a file, from a place on. ``sheets`` is known with the first of them."""

    def __init__(self, file: IO[bytes], sheet: str | None, start: SheetPlace, limits: Limits) -> None:
        self.sheets: list[Header] = []
        """The header of every sheet that is read."""
        self._file = file
        self._start = start
        self._limits = limits
        self._patience = float(limits.child_seconds)
        self._task = Task(
            parent=os.getpid(),
            sheet=sheet,
            from_sheet=start.sheet,
            from_line=start.line,
            ratio=limits.ratio,
            workbook_unpacked_bytes=limits.workbook_unpacked_bytes,
            workbook_entries=limits.workbook_entries,
            child_bytes=limits.child_bytes,
            child_seconds=limits.child_seconds,
        )

    async def read(self) -> AsyncGenerator[SheetRows, None]:
        """Rows with the header of their sheet before them, also where reading goes on within a sheet.

        Raises the errors of workbooks and headers, and ``WorkbookReaderFailed``. Close it: that ends the process.
        """
        async with _child(self._file, self._task) as process:
            first = await self._frame(process)
            if not isinstance(first, Sheets):
                raise WorkbookReaderFailed("the process that reads the workbook said something unexpected")
            self.sheets = _checked(first.sheets)
            coming = [header for header in self.sheets if header.sheet >= self._start.sheet]
            place = self._start
            while not isinstance(frame := await self._frame(process), End):
                assert isinstance(frame, Rows), frame
                items: list[Item] = []
                while coming and coming[0].sheet <= frame.sheet:
                    items.append(coming.pop(0))
                items += _items(frame)
                place = SheetPlace(frame.sheet, frame.lines[-1] + 1)
                yield SheetRows(items, place)
            yield SheetRows([*coming], SheetPlace(coming[-1].sheet, 1) if coming else place)

    async def _frame(self, process: asyncio.subprocess.Process) -> Frame:
        """The next frame; waiting for all of them together has a bound."""
        assert process.stdout is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._patience):
                length = int.from_bytes(await process.stdout.readexactly(LENGTH), "big")
                if length > MAX_FRAME:
                    raise WorkbookReaderFailed("the process that reads the workbook said something too long")
                frame = _decode_frame(await process.stdout.readexactly(length))
        except asyncio.IncompleteReadError:
            raise self._ended(await process.wait()) from None
        except TimeoutError:
            raise self._too_long() from None
        self._patience -= loop.time() - began
        if isinstance(frame, Refused):
            raise _REFUSALS[frame.code](frame.detail, **frame.evidence)
        return frame

    def _ended(self, status: int) -> Malformed | WorkbookReaderFailed:
        """The process ended before it had said everything."""
        if status == -signal.SIGXCPU:
            return self._too_long()
        if status < 0:
            return WorkbookTooCostly(f"the process that reads the workbook was ended by signal {-status}")
        return WorkbookReaderFailed(f"the process that reads the workbook ended with status {status}")

    def _too_long(self) -> WorkbookTooCostly:
        return WorkbookTooCostly("reading the workbook takes too long", limit_seconds=self._limits.child_seconds)


@asynccontextmanager
async def spooled(blocks: AsyncIterator[bytes], limits: Limits) -> AsyncIterator[IO[bytes]]:
    """The body in a temporary file that is gone afterwards. Raises ``WorkbookTooLarge``, ``NoRoomForBody``."""
    with tempfile.TemporaryFile() as file:
        octets = 0
        async for block in blocks:
            octets += len(block)
            if octets > limits.workbook_bytes:
                raise WorkbookTooLarge(
                    f"the workbook is larger than {limits.workbook_bytes} octets; send CSV instead",
                    limit=limits.workbook_bytes,
                )
            with room():
                file.write(block)
        with room():
            file.flush()
        yield file


@asynccontextmanager
async def _child(file: IO[bytes], task: Task) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-s", "-m", "registry.rows.xlsx_child", msgspec.json.encode(task).decode(),
        stdin=file, stdout=asyncio.subprocess.PIPE, cwd="/", start_new_session=True,
        env={"PYTHONPATH": str(Path(registry.__file__).parent.parent)},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _checked(sheets: list[SheetFrame]) -> list[Header]:
    """Raises ``NoHeader``, ``UnreadableHeader``, ``EmptyColumn`` or ``DuplicateColumn``."""
    if not sheets:
        raise NoHeader
    for sheet in sheets:
        try:
            _check(sheet)
        except (UnreadableHeader, EmptyColumn, DuplicateColumn) as error:
            error.evidence["sheet"] = sheet.name
            raise
    return [Header(sheet.columns, sheet.number, sheet.name) for sheet in sheets]


def _check(sheet: SheetFrame) -> None:
    if sheet.fault is not None:
        raise UnreadableHeader(sheet.line, Fault(*sheet.fault), b"")
    checked_columns(sheet.columns, sheet.line)


def _items(frame: Rows) -> list[Item]:
    number, faults = frame.sheet, frame.faults
    items: list[Item] = []
    for place, (line, raw) in enumerate(zip(frame.lines, frame.raws, strict=True)):
        if place in faults:
            items.extend(Rejection.of(line, raw, Fault(*fault), number) for fault in faults[place])
        else:
            items.append(Row(line, 0, _decode_cells(raw), raw, number))
    return items
