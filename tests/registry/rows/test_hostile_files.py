"""Files made to do harm: each is refused by name, or its rows are, at little cost to us and our processes."""

import asyncio
import contextlib
import functools
import gzip
import io
import os
import random
import resource
import struct
import sys
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import xlsxwriter

from node.errors import Malformed, code_of
from registry.batches.body import Body
from registry.rejection import Rejection
from registry.rows import Row
from registry.rows.form import Form, Format
from registry.rows.source import WHOLE_BODY, Limits, portions
from registry.rows.xlsx_rows import WorkbookTooCostly
from tests.support.workbooks import GOOD_SHEET, MAIN, PARTS, inline, sheet_xml, strings_xml, workbook, written

CPU_SECONDS = 2.0
FAMILY_OCTETS = 256 << 20
MEBI = 1 << 20

CSV, NDJSON, JSON, XLSX = (Form(form) for form in (Format.CSV, Format.NDJSON, Format.JSON, Format.XLSX))
PACKED = Form(Format.CSV, gzip=True)
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
HEADER = inline("suffix", "name")


class Outcome(NamedTuple):
    error: str | None
    codes: dict[str, int]
    """How often each reason of a rejection came."""
    rows: list[Any]


class Family:
    """What this process and its children take while the block runs, above what it began with."""

    def __enter__(self) -> "Family":
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self._before = _status("self")["VmRSS"]
        self._cpu = _cpu_seconds()
        self._children: dict[str, int] = {}
        self._watch = asyncio.create_task(self._look())
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.cancel()
        self.cpu = _cpu_seconds() - self._cpu
        own = _status("self")["VmHWM"] - self._before
        self.octets = (own + max(self._children.values(), default=0)) * 1024

    async def _look(self) -> None:
        while True:
            for task in Path("/proc/self/task").iterdir():
                for child in (task / "children").read_text().split():
                    with contextlib.suppress(OSError, KeyError):
                        if b"xlsx_child" in Path(f"/proc/{child}/cmdline").read_bytes():
                            self._children[child] = _status(child)["VmHWM"]
            await asyncio.sleep(0.005)


def _status(process: str) -> dict[str, int]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


def _cpu_seconds() -> float:
    family = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in family)


async def blocks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65536):
        yield body[start : start + 65536]


async def outcome(form: Form, body: bytes, limits: Limits) -> Outcome:
    codes: dict[str, int] = {}
    rows: list[Any] = []
    try:
        async for portion in portions(form, Body(blocks(body), 0, None), None, rows=5000, limits=limits):
            for item in portion.items:
                if isinstance(item, Rejection):
                    codes[str(item.code)] = codes.get(str(item.code), 0) + 1
                elif isinstance(item, Row) and len(rows) < 10:
                    rows.append(item.fields)
    except WHOLE_BODY as refused:
        return Outcome(refused.code, codes, rows)
    return Outcome(None, codes, rows)


async def met(form: Form, body: bytes, limits: Limits | None = None) -> Outcome:
    """The outcome, at a bounded cost."""
    with Family() as family:
        found = await outcome(form, body, limits or Limits())
    assert family.cpu < CPU_SECONDS
    assert family.octets < FAMILY_OCTETS
    return found


# Files that are refused as a whole ------------------------------------------------------------------


def lying_directory() -> bytes:
    """A ZIP of many entries whose end says that there are five."""
    body = bytearray(many_entries())
    end = body.rfind(b"PK\x05\x06")
    struct.pack_into("<HH", body, end + 8, 5, 5)
    return bytes(body)


def many_entries() -> bytes:
    return workbook({f"xl/media/{number}.png": b"x" for number in range(20_000)}, zipfile.ZIP_STORED)


def overlapping_entries() -> bytes:
    """Fifty entries of the directory that are the same three megabytes."""
    body = workbook({"xl/big.xml": b" " * 3 * MEBI})
    end = body.rfind(b"PK\x05\x06")
    entries, size, start = struct.unpack_from("<HII", body, end + 10)
    directory = body[start : start + size]
    one = directory[directory.rfind(b"PK\x01\x02") :]
    tail = bytearray(body[end:])
    struct.pack_into("<HHI", tail, 8, entries + 49, entries + 49, size + 49 * len(one))
    return body[:start] + directory + one * 49 + bytes(tail)


def nested_zip() -> bytes:
    body = b"\0" * 20 * MEBI
    for depth in range(6):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            for copy in range(10):
                package.writestr(f"{depth}-{copy}.zip", body)
        body = file.getvalue()
    return body


def renamed(name: str) -> bytes:
    """A workbook with a part of this name."""
    return workbook({name: "x"})


def twice_the_same_name() -> bytes:
    return workbook({"xl/worksheets/sheet2.xml": GOOD_SHEET}).replace(b"sheet2.xml", b"sheet1.xml")


def encrypted_zip() -> bytes:
    """The flag that says that a part needs a password."""
    body = bytearray(workbook())
    place = body.find(b"PK\x01\x02")
    body[place + 8] |= 1
    return bytes(body)


def ole(*names: str) -> bytes:
    """An Office document of the old kind with these names in its directory."""
    entries = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in names)
    return bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 504 + entries.ljust(4096, b"\0")


BILLION_LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY l0 "lol">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + f']><sst xmlns="{MAIN}"><si><t>&l9;</t></si></sst>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + sheet_xml(HEADER + inline("A", "&f;"))
ACROSS_PIECES = f"<!--{'x' * (65536 - 4 - 5)}--><!DOCTYPE x>" + GOOD_SHEET
HIDDEN = ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x []>' + PARTS["xl/workbook.xml"]).encode("utf-16")
EXTERNAL = PARTS["xl/_rels/workbook.xml.rels"].replace(
    'Target="worksheets/sheet1.xml"', 'Target="file:///etc/passwd" TargetMode="External"'
)


def shared_text_bomb() -> bytes:
    cells = '<row><c t="s"><v>0</v></c><c t="s"><v>0</v></c></row>' * 20_000
    return workbook({STRINGS: strings_xml(f"<si><t>{'x' * 30_000}</t></si>"), SHEET: sheet_xml(HEADER + cells)})


def wide_header_bomb() -> bytes:
    header = inline(*(f"c{number}" for number in range(16_384)))
    return workbook({SHEET: sheet_xml(header + "<row><c><v>1</v></c></row>" * 50_000)})


def noise(octets: int) -> str:
    return random.Random(1).randbytes(octets // 2).hex()


REFUSED: dict[str, tuple[Form, Callable[[], bytes], str]] = {
    "a sheet of a hundred megabytes of spaces": (
        XLSX, lambda: workbook({SHEET: sheet_xml(" " * 100 * MEBI)}), "ratio_exceeded"),
    "eighty parts of megabytes that nothing refers to": (
        XLSX, lambda: workbook({f"xl/media/{n}.bin": b"\0" * 3 * MEBI for n in range(80)}), "ratio_exceeded"),
    "entries that overlap": (XLSX, overlapping_entries, "entry_name_refused"),
    "a ZIP in a ZIP in a ZIP": (XLSX, nested_zip, "not_a_workbook"),
    "twenty thousand parts": (XLSX, many_entries, "too_many_entries"),
    "twenty thousand parts that are said to be five": (XLSX, lying_directory, "too_many_entries"),
    "parts of the same name": (XLSX, twice_the_same_name, "entry_name_refused"),
    "a part named into the parent folder": (XLSX, lambda: renamed("../../etc/cron.d/x"), "entry_name_refused"),
    "a part named from the root": (XLSX, lambda: renamed("/etc/passwd"), "entry_name_refused"),
    "a part named in another system's way": (XLSX, lambda: renamed("xl\\..\\..\\x"), "entry_name_refused"),
    "an entity that is a file of ours": (XLSX, lambda: workbook({SHEET: OUTSIDE}), "doctype_refused"),
    "a billion laughs": (XLSX, lambda: workbook({STRINGS: BILLION_LAUGHS}), "doctype_refused"),
    "a document type across two pieces": (XLSX, lambda: workbook({SHEET: ACROSS_PIECES}), "doctype_refused"),
    "a document type in UTF-16": (XLSX, lambda: workbook({"xl/workbook.xml": HIDDEN}), "doctype_refused"),
    "a sheet that is a file of ours": (
        XLSX, lambda: workbook({"xl/_rels/workbook.xml.rels": EXTERNAL}), "no_header"),
    "a ZIP that was cut": (XLSX, lambda: written({"a": [["suffix"], ["A"]]})[:-900], "not_a_workbook"),
    "a ZIP whose contents were damaged": (
        XLSX, lambda: workbook(method=zipfile.ZIP_STORED).replace(b"valve", b"vulva"), "workbook_unreadable"),
    "a ZIP without a workbook": (
        XLSX, lambda: workbook({"_rels/.rels": "<Relationships/>"}), "not_a_workbook"),
    "a part that needs a password": (XLSX, encrypted_zip, "encrypted_workbook"),
    "a workbook that needs a password": (
        XLSX, lambda: ole("Root Entry", "EncryptionInfo", "EncryptedPackage"), "encrypted_workbook"),
    "an XLS": (XLSX, lambda: ole("Root Entry", "Workbook"), "not_a_workbook"),
    "a text that is called a workbook": (XLSX, lambda: b"suffix,name\n" * 1000, "not_a_workbook"),
    "nothing that is called a workbook": (XLSX, lambda: b"", "not_a_workbook"),
    "one long text in forty thousand cells": (XLSX, shared_text_bomb, "ratio_exceeded"),
    "rows of one cell below sixteen thousand columns": (XLSX, wide_header_bomb, "ratio_exceeded"),
    "an attribute of twenty megabytes": (
        XLSX,
        lambda: workbook({SHEET: sheet_xml(f'<row a="{noise(20 * MEBI)}"/>')}, zipfile.ZIP_STORED),
        "workbook_unreadable"),
    "rows that go backwards": (
        XLSX, lambda: workbook({SHEET: sheet_xml('<row r="9"/><row r="8"/>')}), "workbook_unreadable"),
    "a row of a billion": (
        XLSX, lambda: workbook({SHEET: sheet_xml('<row r="1000000000"/>')}), "workbook_unreadable"),
    "a column of a billion": (
        XLSX, lambda: workbook({SHEET: sheet_xml('<row><c r="ZZZZZZ1"><v>1</v></c></row>')}), "workbook_unreadable"),
    "a shared text that is missing": (
        XLSX,
        lambda: workbook({SHEET: sheet_xml('<row><c t="s"><v>99999999999999</v></c></row>')}),
        "workbook_unreadable"),
    "a sheet that is no XML": (XLSX, lambda: workbook({SHEET: b"\0\1\2" * 1000}), "workbook_unreadable"),
    "a gzip of a thousand to one": (PACKED, lambda: gzip.compress(b"\0" * 100 * MEBI), "ratio_exceeded"),
    "a gzip that was cut": (PACKED, lambda: gzip.compress(b"suffix\nA\n" * 9999)[:-20], "truncated_gzip"),
    "a gzip in a gzip": (PACKED, lambda: gzip.compress(gzip.compress(b"suffix\nA\n")), "other_format"),
    "a gzip with something behind it": (PACKED, lambda: gzip.compress(b"suffix\nA\n") + b"rm", "trailing_garbage"),
    "UTF-16": (CSV, lambda: "suffix\nA\n".encode("utf-16"), "wide_text"),
    "a header of a hundred megabytes": (CSV, lambda: b"x" * 100 * MEBI, "unreadable_header"),
    "a hundred megabytes of NUL": (CSV, lambda: b"\0" * 100 * MEBI, "unreadable_header"),
    "a program": (CSV, lambda: b"\x7fELF" + random.Random(2).randbytes(MEBI), "unreadable_header"),
    "brackets ten million deep": (JSON, lambda: b"[" * 10_000_000, "json_too_deep"),
    "an array that does not end": (JSON, lambda: b'[{"suffix":"A"},' * 1, "json_not_closed"),
    "an array of commas": (JSON, lambda: b"[" + b"," * 1_000_000, "json_unreadable"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_a_hostile_file_is_refused_by_name(name: str) -> None:
    form, build, error = REFUSED[name]
    assert (await met(form, build())).error == error


# Files of which rows are refused --------------------------------------------------------------------


def macro_book() -> bytes:
    return workbook({"xl/vbaProject.bin": bytes.fromhex("d0cf11e0a1b11ae1") + b"Shell" * 100})


def formula_book() -> bytes:
    """Formulas with and without a stored result, an error, and a text that looks like a formula."""
    cells = (
        HEADER
        + '<row><c t="inlineStr"><is><t>A</t></is></c><c><f>WEBSERVICE("http://127.0.0.1/")</f></c></row>'
        + '<row><c t="inlineStr"><is><t>B</t></is></c><c><f>1+1</f><v>2</v></c></row>'
        + '<row><c t="inlineStr"><is><t>C</t></is></c><c t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        + inline("D", "=cmd|' /C calc'!A0")
    )
    return workbook({SHEET: sheet_xml(cells)})


DEEP = b'{"suffix":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
GOOD = b'{"suffix":"A"}'

TAKEN: dict[str, tuple[Form, Callable[[], bytes], dict[str, int], list[Any]]] = {
    "a dimension of seventeen billion cells": (
        XLSX,
        lambda: workbook({SHEET: GOOD_SHEET.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')}),
        {}, [["A", "valve"]]),
    "a cell in the last corner": (
        XLSX,
        lambda: workbook(
            {SHEET: sheet_xml(HEADER + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')}),
        {"wrong_field_count": 1}, []),
    "macros": (XLSX, macro_book, {}, [["A", "valve"]]),
    "formulas": (
        XLSX, formula_book, {"formula_without_value": 1, "cell_error": 1},
        [["B", "2"], ["D", "=cmd|' /C calc'!A0"]]),
    "a cell of thirty megabytes": (
        XLSX,
        lambda: workbook({SHEET: sheet_xml(HEADER + inline("A", noise(30 * MEBI)) + inline("B", "x"))}),
        {"too_long": 1}, [["B", "x"]]),
    "numbers that are none": (
        XLSX,
        lambda: workbook({SHEET: sheet_xml(
            HEADER + "".join(f"<row><c><v>{value}</v></c></row>" for value in ("1e999", "nan", "1_0", "9" * 9999)))}),
        {"number_not_exact": 1, "not_a_number": 3}, []),
    "formulas in CSV": (
        CSV, lambda: b"suffix,name\nA,=HYPERLINK(\"http://x\")\nB,'=1+1\n",
        {}, [["A", '=HYPERLINK("http://x")'], ["B", "=1+1"]]),
    "a line of a hundred megabytes": (
        CSV, lambda: b"suffix,name\nA,x\n" + b"y" * 100 * MEBI + b"\nB,x\n",
        {"row_too_long": 1}, [["A", "x"], ["B", "x"]]),
    "a quote that never closes": (
        CSV, lambda: b'suffix,name\nA,"x\n' + b"B,x\n" * 100_000, {"unclosed_quote": 1}, [["B", "x"]] * 10),
    "a million quotes": (CSV, lambda: b"suffix,name\n" + b'"' * MEBI + b"\nB,x\n", {"row_too_long": 1}, [["B", "x"]]),
    "NUL among the rows": (
        CSV, lambda: b"suffix,name\nA,\0\n" + b"\0" * 5000 + b"\nB,x\n", {"control_character": 2}, [["B", "x"]]),
    "encodings that change from row to row": (
        CSV,
        lambda: "编号,名称\n甲,阀\n".encode() + "乙,阀门铜\n".encode("gb18030") + b"\xff\xfeC\0,\0x\0\n" + b"D,x\n",
        {"not_utf8": 2}, [["甲", "阀"], ["D", "x"]]),
    "a line nested a hundred thousand deep": (
        NDJSON, lambda: DEEP + b"\n" + GOOD + b"\n", {"nested_value": 1}, [{"suffix": "A"}]),
    "an element of a hundred megabytes": (
        JSON, lambda: b'[{"a":"' + b"x" * 100 * MEBI + b'"},' + GOOD + b"]", {"row_too_long": 1}, [{"suffix": "A"}]),
    "a number of a hundred thousand digits": (
        NDJSON, lambda: b'{"suffix":' + b"9" * 100_000 + b"}\n" + GOOD, {"bad_json": 1}, [{"suffix": "A"}]),
    "a key given a thousand times": (
        JSON, lambda: b"[{" + b",".join([b'"suffix":"A"'] * 1000) + b"}," + GOOD + b"]",
        {"duplicate_key": 1}, [{"suffix": "A"}]),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
async def test_a_hostile_row_costs_nothing_but_itself(name: str) -> None:
    form, build, codes, rows = TAKEN[name]
    found = await met(form, build())
    assert found == Outcome(None, codes, rows)


# What holds when a file passes everything that looks at it -------------------------------------------


@functools.cache
def many_texts() -> bytes:
    """Thirty megabytes of texts that do not pack well."""
    chance = random.Random(3)
    texts = "".join(f"<si><t>{chance.getrandbits(1200):x}</t></si>" for _ in range(100_000))
    return workbook({STRINGS: strings_xml(texts), SHEET: sheet_xml('<row><c t="s"><v>99999</v></c></row>')})


async def test_a_workbook_that_needs_too_much_memory_is_refused() -> None:
    assert (await outcome(XLSX, many_texts(), Limits(child_bytes=44 * MEBI))).error == "workbook_too_costly"
    assert (await met(XLSX, many_texts())).error is None
    deep = workbook({SHEET: sheet_xml("<a>" * 5_000_000)}, zipfile.ZIP_STORED)
    assert (await outcome(XLSX, deep, Limits(child_bytes=64 * MEBI))).error == "workbook_too_costly"


async def test_a_workbook_that_needs_too_much_time_is_refused() -> None:
    began = time.monotonic()
    long = workbook({SHEET: sheet_xml("<a/>" * 12_000_000)}, zipfile.ZIP_STORED)
    with pytest.raises(WorkbookTooCostly, match="too long"):
        await anext(portions(XLSX, Body(blocks(long), 0, None), None, rows=10, limits=Limits(child_seconds=1)))
    assert time.monotonic() - began < 20


async def test_the_process_that_reads_has_no_rights_and_no_surroundings() -> None:
    body = written({"a": [["suffix", "x" * 50], *([f"{number}", "y" * 500] for number in range(5000))]})
    os.environ["BIAOSHI_SECRET_FOR_THIS_TEST"] = "1"
    source = portions(XLSX, Body(blocks(body), 0, None), None, rows=10, limits=Limits())
    try:
        await anext(source)
        (child,) = [
            child
            for task in Path("/proc/self/task").iterdir()
            for child in (task / "children").read_text().split()
            if b"xlsx_child" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        place = Path(f"/proc/{child}")
        assert b"BIAOSHI" not in (place / "environ").read_bytes()
        bounds = {line[:26].strip(): line.split()[-3:-1] for line in (place / "limits").read_text().splitlines()}
        assert bounds["Max address space"][1] == str(Limits().child_bytes)
        seconds = Limits().child_seconds
        assert bounds["Max cpu time"] == [str(seconds), str(seconds + 1)]
        assert bounds["Max file size"] == ["0", "0"]
        assert len([*(place / "fd").iterdir()]) == 3
    finally:
        await source.aclose()
        del os.environ["BIAOSHI_SECRET_FOR_THIS_TEST"]
    assert not Path(f"/proc/{child}").exists()


async def test_the_process_that_reads_ends_with_its_parent(tmp_path: Path) -> None:
    book = tmp_path / "book.xlsx"
    book.write_bytes(workbook({SHEET: sheet_xml("<a/>" * 12_000_000)}, zipfile.ZIP_STORED))
    code = (
        "import asyncio, pathlib, sys; from registry.batches.body import Body; from registry.rows.source import *\n"
        "from registry.rows.form import *\n"
        "async def once(): yield pathlib.Path(sys.argv[1]).read_bytes()\n"
        "async def main():\n"
        "    body = Body(once(), 0, None)\n"
        "    await anext(portions(Form(Format.XLSX), body, None, rows=1, limits=Limits()))\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(book))
    try:
        children = await _first_children(parent.pid)
    finally:
        parent.kill()
        await parent.wait()
    for _ in range(500):
        if not any(map(_alive, children)):
            break
        await asyncio.sleep(0.01)
    assert not any(map(_alive, children))


async def _first_children(parent: int) -> list[str]:
    for _ in range(2000):
        if children := _children(parent):
            return children
        await asyncio.sleep(0.01)
    raise AssertionError("no process reads the workbook")


def _children(parent: int) -> list[str]:
    listing = Path(f"/proc/{parent}/task/{parent}/children")
    return [child for child in listing.read_text().split() if _reads(child)]


def _reads(child: str) -> bool:
    with contextlib.suppress(OSError):
        return b"xlsx_child" in Path(f"/proc/{child}/cmdline").read_bytes()
    return False


def _alive(child: str) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text()
    return False


async def test_a_library_of_workbooks_is_not_hostile() -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    for number in range(30):
        sheet = book.add_worksheet(f"表{number}")
        sheet.write_row(0, 0, ["suffix", "name"])
        sheet.write_row(1, 0, [f"A{number}", "same text"])
    book.close()
    found = await met(XLSX, file.getvalue())
    assert (found.error, len(found.rows)) == (None, 10)


def test_every_hostile_file_has_a_name_that_is_told_to_programs() -> None:
    told = {code_of(kind) for kind in WHOLE_BODY}
    assert {error for _, _, error in REFUSED.values()} <= told
    assert all(kind.title_zh != Malformed.title_zh for kind in WHOLE_BODY)
    assert len(REFUSED) + len(TAKEN) >= 50
