"""The ZIP around a workbook, looked through before anything in it is read as XML.

Everything is inflated once and thrown away, counted on the way; what the directory of the ZIP claims counts for
nothing. Part of the process that reads a workbook.
"""

from __future__ import annotations

import mmap
import os
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from node.errors import Malformed
from registry.rows.limits import Limits, Meter
from registry.rows.opening import OLE_MAGIC

_PIECE = 64 * 1024
_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR64 = b"PK\x06\x07"
_LOCATOR64_SIZE = 20
_LONGEST_COMMENT = 0xFFFF
_DIRECTORY_ENTRY = 1024
"""Octets that one entry may take in the directory, its name included."""
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error)
"""What the standard library raises for a ZIP that is none: besides its own errors ``RuntimeError`` for a part that
wants a password, ``NotImplementedError`` for a method or version it does not know, ``ValueError`` for offsets and
names that cannot be, ``struct.error`` for extra fields that break off.
"""


class NotAWorkbook(Malformed):
    title_zh = "不是 XLSX 工作簿"


class EncryptedWorkbook(Malformed):
    title_zh = "工作簿已加密"


class TooManyEntries(Malformed):
    title_zh = "工作簿内的部件过多"


class EntryNameRefused(Malformed):
    title_zh = "工作簿内的部件名不允许"


class DoctypeRefused(Malformed):
    title_zh = "工作簿内含有 DOCTYPE 或 ENTITY 声明"


class WorkbookUnreadable(Malformed):
    title_zh = "工作簿已损坏"


class WorkbookTooCostly(Malformed):
    title_zh = "读取工作簿的开销过大"


class Package:
    """The parts of a checked workbook by name."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        """Raises the errors of this module, ``RatioExceeded`` or ``TooLargeUnpacked``."""
        self.size = os.fstat(file.fileno()).st_size
        _check_kind(file, self.size)
        _check_directory(file, self.size, limits.workbook_entries)
        try:
            self._zip = zipfile.ZipFile(file)
        except _FAULTS as error:
            raise NotAWorkbook(f"the ZIP cannot be read: {error}") from None
        self._check_entries(limits.workbook_entries)
        self._check_contents(limits)

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def pieces(self, name: str) -> Iterator[bytes]:
        """What is in a part. Raises ``WorkbookUnreadable``."""
        try:
            with self._zip.open(name) as part:
                while piece := part.read(_PIECE):
                    yield piece
        except _FAULTS as error:
            raise WorkbookUnreadable(f"the part cannot be unpacked: {error}", part=name) from None

    def _check_entries(self, most: int) -> None:
        entries = self._zip.infolist()
        if len(entries) > most:
            raise _too_many(most)
        if len(self._zip.NameToInfo) != len(entries):
            raise EntryNameRefused("several parts have the same name")
        for entry in entries:
            name = entry.filename
            if entry.flag_bits & _ENCRYPTED:
                raise EncryptedWorkbook("a part of the workbook is encrypted; save it without a password", part=name)
            if entry.compress_type not in _METHODS:
                raise NotAWorkbook("a part is packed in a way that workbooks do not use", part=name)
            path = posixpath.normpath(name)
            if path.startswith(("/", "..")) or "\\" in name or ":" in name or path != name.rstrip("/"):
                raise EntryNameRefused("the name of a part leads elsewhere", part=name)

    def _check_contents(self, limits: Limits) -> None:
        meter = Meter("the workbook", ratio=limits.ratio, most=limits.workbook_unpacked_bytes)
        meter.taken = self.size
        keep = max(map(len, _FORBIDDEN)) - 1
        for entry in self._zip.infolist():
            tail = b""
            for piece in self.pieces(entry.filename):
                meter.count(len(piece))
                seen = tail + piece
                if any(word in seen for word in _FORBIDDEN):
                    raise DoctypeRefused("a part declares a document type or entities", part=entry.filename)
                tail = seen[-keep:]


def _check_kind(file: IO[bytes], size: int) -> None:
    if size == 0:
        raise NotAWorkbook("the input is empty")
    file.seek(0)
    if file.read(len(OLE_MAGIC)) != OLE_MAGIC:
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise EncryptedWorkbook("the workbook is encrypted; save it without a password")
    raise NotAWorkbook("this is an Office document of the old kind (XLS); save it as XLSX")


def _check_directory(file: IO[bytes], size: int, most: int) -> None:
    """Before the standard library reads the directory of the ZIP as a whole, however long it is."""
    length = min(size, _LOCATOR64_SIZE + _END_SIZE + _LONGEST_COMMENT)
    file.seek(size - length)
    tail = file.read(length)
    place = tail.rfind(_END)
    if place < 0 or place + _END_SIZE > len(tail):
        raise NotAWorkbook("this is no ZIP, or its end is missing; perhaps it was not sent whole")
    entries, octets = struct.unpack_from("<HI", tail, place + 10)
    if tail[max(0, place - _LOCATOR64_SIZE) : place].startswith(_LOCATOR64):
        raise NotAWorkbook("this is a ZIP64, which no workbook of this size needs")
    if entries > most or octets > most * _DIRECTORY_ENTRY:
        raise _too_many(most)


def _too_many(most: int) -> TooManyEntries:
    return TooManyEntries(f"the workbook has more than {most} parts", limit=most)
