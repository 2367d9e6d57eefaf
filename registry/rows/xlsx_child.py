"""The process that reads a workbook: standard input is its file, standard output takes ``xlsx_frames``.

It gives up its rights first: memory, time, files, children. Whatever a workbook does to the XML parser, it does it
here, and the process ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import BinaryIO

import msgspec

from node.errors import NodeError
from registry.rejection import Fault
from registry.rows.limits import Limits, Meter
from registry.rows.xlsx_frames import LENGTH, End, FaultFrame, Frame, Refused, Rows, SheetFrame, Sheets, Task
from registry.rows.xlsx_package import Package, WorkbookTooCostly
from registry.rows.xlsx_sheet import SheetHeader, SheetRow, read_sheet, sheet_header
from registry.rows.xlsx_workbook import NoSuchSheet, Sheet, Workbook

_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 8
_LAST_WORDS = 8 << 20
"""Octets of memory kept back to say that there is no more."""
_LAST_SECOND = 1
"""Between the signal that says whose fault the end is (SIGXCPU) and the one that does not (SIGKILL)."""
_KEPT_BACK = {resource.RLIMIT_AS: _LAST_WORDS, resource.RLIMIT_CPU: _LAST_SECOND}
_FRAME_ROWS = 500
_FRAME_OCTETS = 256 * 1024

_encode = msgspec.msgpack.Encoder().encode


class _Away(Exception):
    """Nobody listens any more."""


def main() -> None:
    """Read the workbook that the task in the only argument describes."""
    task = msgspec.json.decode(sys.argv[1], type=Task)
    _restrict(task)
    out = _Output(sys.stdout.buffer)
    with suppress(_Away):
        out.say(_last_word(task, out))


def _last_word(task: Task, out: _Output) -> Refused | End:
    """Read the workbook; returns what is left to say."""
    error: NodeError
    try:
        _read(task, out)
    except NodeError as refused:
        error = refused
    except MemoryError:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        error = WorkbookTooCostly("reading the workbook needs too much memory", limit=task.child_bytes)
    else:
        return End()
    return Refused(error.code, error.detail, error.evidence)


def _restrict(task: Task) -> None:
    """Bounds that hold until the end; where the parent has gone meanwhile, the end is now."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != task.parent:
        os._exit(1)
    for kind, most in (
        (resource.RLIMIT_AS, task.child_bytes),
        (resource.RLIMIT_CPU, task.child_seconds + _LAST_SECOND),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        within = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (within - _KEPT_BACK.get(kind, 0), within))


def _read(task: Task, out: _Output) -> None:
    limits = Limits(
        ratio=task.ratio,
        workbook_unpacked_bytes=task.workbook_unpacked_bytes,
        workbook_entries=task.workbook_entries,
    )
    package = Package(sys.stdin.buffer, limits)
    workbook = Workbook(package)
    tables = _tables(package, workbook, task.sheet)
    out.say(Sheets([_sheet_frame(sheet, header) for sheet, header in tables]))
    meter = Meter("the text of the cells", ratio=task.ratio, most=sys.maxsize)
    meter.taken = package.size
    for sheet, header in tables:
        if sheet.number < task.from_sheet:
            continue
        rows = _RowFrames(out, sheet.number, meter)
        from_line = task.from_line if sheet.number == task.from_sheet else 1
        read_sheet(package, workbook, sheet, header, rows.add, from_line=from_line)
        rows.flush()


def _tables(package: Package, workbook: Workbook, name: str | None) -> list[tuple[Sheet, SheetHeader]]:
    """The sheets to read: the one that is named, or every visible one that is not empty."""
    sheets = [sheet for sheet in workbook.sheets if (sheet.visible if name is None else sheet.name == name)]
    if name is not None and not sheets:
        names = [sheet.name for sheet in workbook.sheets]
        raise NoSuchSheet("the workbook has no worksheet of this name", sheet=name, sheets=names)
    headers = [(sheet, sheet_header(package, workbook, sheet)) for sheet in sheets]
    return [(sheet, header) for sheet, header in headers if header is not None]


def _sheet_frame(sheet: Sheet, header: SheetHeader) -> SheetFrame:
    fault = None if header.fault is None else _fault_frame(header.fault)
    return SheetFrame(sheet.number, sheet.name, header.line, header.columns, fault)


def _fault_frame(fault: Fault) -> FaultFrame:
    return fault.field, str(fault.code), fault.message


class _RowFrames:
    """Rows of one sheet, put together to frames."""

    def __init__(self, out: _Output, sheet: int, meter: Meter) -> None:
        self._out = out
        self._meter = meter
        self._frame = Rows(sheet, [], [], {})
        self._octets = 0

    def add(self, row: SheetRow) -> None:
        frame = self._frame
        self._meter.count(len(row.raw))
        if row.faults:
            frame.faults[len(frame.lines)] = [_fault_frame(fault) for fault in row.faults]
        frame.lines.append(row.line)
        frame.raws.append(row.raw)
        self._octets += len(row.raw)
        if len(frame.lines) >= _FRAME_ROWS or self._octets >= _FRAME_OCTETS:
            self.flush()

    def flush(self) -> None:
        if self._frame.lines:
            self._out.say(self._frame)
        self._frame = Rows(self._frame.sheet, [], [], {})
        self._octets = 0


class _Output:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def say(self, frame: Frame) -> None:
        """Waits while the other side is busy. Raises ``_Away``."""
        octets = _encode(frame)
        try:
            self._stream.write(len(octets).to_bytes(LENGTH, "big"))
            self._stream.write(octets)
            self._stream.flush()
        except BrokenPipeError:
            raise _Away from None


if __name__ == "__main__":
    main()
