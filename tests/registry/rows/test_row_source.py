import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import node
from registry.batches.body import Body, IdempotencyKeyReused
from registry.rejection import Rejection
from registry.rows import Row
from registry.rows.form import Form, Format
from registry.rows.gunzip import TruncatedGzip
from registry.rows.header import BadDelimiter, DuplicateColumn, EmptyColumn, NoHeader, UnreadableHeader
from registry.rows.opening import OtherFormat, WideText
from registry.rows.source import WHOLE_BODY, Header, Item, Limits, Portion, Progress, portions
from registry.rows.xlsx_rows import WorkbookTooLarge
from registry.rows.xlsx_workbook import NoSuchSheet
from tests.support.workbooks import written

LIMITS = Limits()
COLUMNS = ["suffix", "名称", "压力"]
CELLS = [
    [f"阀-{number:04d}", '闸阀"旋塞"\n第二行' if number % 7 == 0 else "铜闸阀", f"{number}.50"]
    for number in range(4000)
]


def table(delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([COLUMNS, *CELLS])
    return text.getvalue()


def objects() -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, cells, strict=True)) for cells in CELLS]


PLAIN_START = "suffix,name\n" + "A-1,plain\n" * 8000  # more than a window of ASCII
NDJSON = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects())
BOOK = written({"产品": [COLUMNS, *CELLS[:1700]], "空": [], "其他": [COLUMNS, *CELLS[1700:], ["", "", ""]]})

FORMS: dict[str, tuple[Form, bytes]] = {
    "csv": (Form(Format.CSV), table().encode()),
    "csv with a mark": (Form(Format.CSV), ("\ufeff" + table(";")).encode()),
    "csv in gb 18030": (Form(Format.CSV), table("\t").encode("gb18030")),
    "csv in gb 18030 late": (Form(Format.CSV), (PLAIN_START + "阀门甲,铜闸阀\n" * 4000).encode("gb18030")),
    "csv in utf-8 late": (Form(Format.CSV), (PLAIN_START + "阀门甲,铜闸阀\n" * 4000).encode()),
    "csv in gzip": (Form(Format.CSV, gzip=True), gzip.compress(table("|").encode())),
    "csv in gb 18030 in gzip": (Form(Format.CSV, gzip=True), gzip.compress(table().encode("gb18030"))),
    "ndjson": (Form(Format.NDJSON), NDJSON.encode()),
    "ndjson in gb 18030": (Form(Format.NDJSON, encoding="gb18030"), NDJSON.encode("gb18030")),
    "json": (Form(Format.JSON), json.dumps(objects(), ensure_ascii=False).encode()),
    "json in gzip": (Form(Format.JSON, gzip=True), gzip.compress(json.dumps(objects(), indent=1).encode())),
    "xlsx": (Form(Format.XLSX), BOOK),
    "xlsx in gzip": (Form(Format.XLSX, gzip=True), gzip.compress(BOOK)),
}


async def blocks(body: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(
    form: Form, body: bytes, *, rows: int = 5000, size: int = 4096, limits: Limits = LIMITS
) -> list[Portion]:
    source = portions(form, Body(blocks(body, size), 0, None), None, rows=rows, limits=limits)
    return [portion async for portion in source]


def flat(found: list[Portion]) -> list[Item]:
    return [item for portion in found for item in portion.items]


def fields(items: list[Item]) -> list[Any]:
    return [item.fields for item in items if isinstance(item, Row)]


@pytest.mark.parametrize("name", FORMS)
async def test_every_form_gives_the_same_rows(name: str) -> None:
    form, body = FORMS[name]
    items = flat(await read(form, body))
    assert not [item for item in items if isinstance(item, Rejection)]
    if name.endswith("late"):
        assert fields(items) == [["A-1", "plain"]] * 8000 + [["阀门甲", "铜闸阀"]] * 4000
    elif form.format in (Format.NDJSON, Format.JSON):
        assert fields(items) == objects()
    else:
        assert fields(items) == CELLS


@pytest.mark.parametrize("name", FORMS)
async def test_reading_goes_on_after_every_portion(name: str) -> None:
    form, body = FORMS[name]
    whole = await read(form, body, rows=100)
    assert len(whole) > 2
    behind = flat(whole)
    for number, portion in enumerate(whole):
        behind = behind[len(portion.items) :]
        # As it is kept: the header through JSON, and some of what follows was received already.
        progress = Progress(*portion.progress.__getstate__()[:3], json.loads(json.dumps(portion.progress.header)))
        known = min(len(body), max(len(body) * (number + 1) // len(whole), portion.progress.offset) + 700)
        again = Body(blocks(body, 1500), known, sha256(body[:known]).digest())
        rest = [
            item async for part in portions(form, again, progress, rows=100, limits=LIMITS) for item in part.items
        ]
        assert [item for item in rest if not isinstance(item, Header)] == [
            item for item in behind if not isinstance(item, Header)
        ]
        if rest and form.format in (Format.CSV, Format.XLSX):
            assert isinstance(rest[0], Header)


@pytest.mark.parametrize("name", FORMS)
async def test_nothing_is_handed_out_before_the_known_part_was_compared(name: str) -> None:
    form, body = FORMS[name]
    first = (await read(form, body, rows=100))[0]
    other = bytearray(body)
    other[len(other) // 2] ^= 1
    again = Body(blocks(bytes(other)), len(body) - 7, sha256(body[:-7]).digest())
    source = portions(form, again, first.progress, rows=10, limits=LIMITS)
    async with aclosing(source):
        with pytest.raises(IdempotencyKeyReused):
            await anext(source)


@given(name=st.sampled_from(sorted(FORMS)), size=st.integers(1, 3000), rows=st.integers(1, 400))
@settings(max_examples=25, deadline=None)
def test_the_rows_do_not_depend_on_the_blocks(name: str, size: int, rows: int) -> None:
    form, body = FORMS[name]
    if form.format is Format.XLSX:
        size += 5000
    found = asyncio.run(read(form, body, rows=rows, size=size))
    assert flat(found) == flat(asyncio.run(read(form, body, size=1 << 20)))


async def test_what_was_found_out_is_told() -> None:
    told = {name: (await read(form, body))[-1].progress.header for name, (form, body) in FORMS.items()}
    assert told["csv with a mark"] == {
        "format": "csv", "gzip": False, "encoding": "utf-8", "bom": True, "delimiter": ";", "columns": COLUMNS,
    }  # fmt: skip
    assert [told[name]["encoding"] for name in told if name.startswith("csv in gb")] == ["gb18030"] * 3
    assert [told[name]["delimiter"] for name in told if name.startswith("csv in gb 18030")] == ["\t", ",", ","]
    assert told["csv in gzip"]["delimiter"] == "|"
    assert told["ndjson"] == {"format": "ndjson", "gzip": False, "encoding": "utf-8", "bom": False}
    assert told["xlsx"]["sheets"] == [
        {"sheet": 1, "name": "产品", "columns": COLUMNS},
        {"sheet": 3, "name": "其他", "columns": COLUMNS},
    ]


async def test_a_header_stands_before_its_rows() -> None:
    form, body = FORMS["xlsx"]
    items = flat(await read(form, body))
    assert [(number, item) for number, item in enumerate(items) if isinstance(item, Header)] == [
        (0, Header(COLUMNS, 1, "产品")),
        (1701, Header(COLUMNS, 3, "其他")),
    ]
    assert isinstance(items[1702], Row)
    assert (items[1702].sheet, items[1702].line) == (3, 2)
    form, body = FORMS["csv"]
    assert flat(await read(form, body))[0] == Header(COLUMNS)


async def test_a_given_delimiter_wins() -> None:
    body = b"suffix,name;x\nA,b;c\n"
    assert fields(flat(await read(Form(Format.CSV, delimiter=";"), body))) == [["A,b", "c"]]
    with pytest.raises(BadDelimiter):
        await read(Form(Format.CSV, delimiter=":"), body)


async def test_a_given_encoding_wins() -> None:
    body = "名称,甲\n".encode("gb18030")
    with pytest.raises(UnreadableHeader):
        await read(Form(Format.CSV, encoding="utf-8"), body)
    items = flat(await read(Form(Format.CSV, encoding="gb18030"), "suffix,µ\nA,±\n".encode("gb18030")))
    assert fields(items) == [["A", "±"]]


async def test_guards_of_formulas_are_taken_off_when_cells_are_read() -> None:
    body = b"suffix,'=name\nA,'=1+1\nB,''-5\nC,'tis\nD,=2\n"
    items = flat(await read(Form(Format.CSV), body))
    assert items[0] == Header(["suffix", "=name"])
    assert fields(items) == [["A", "=1+1"], ["B", "'-5"], ["C", "'tis"], ["D", "=2"]]
    with pytest.raises(DuplicateColumn):
        await read(Form(Format.CSV), b"'=a,=a\n")


async def test_a_utf_8_file_with_broken_rows_loses_only_these() -> None:
    body = "suffix,名称\n".encode() + "甲,铜闸阀\n".encode() * 50 + "乙,铜闸阀\n".encode("gb18030") * 3 + b"D,x\n"
    items = flat(await read(Form(Format.CSV), body))
    assert len(fields(items)) == 51
    assert [item.code for item in items if isinstance(item, Rejection)] == ["not_utf8"] * 3


async def test_a_broken_row_of_gb_18030_is_told_in_its_own_octets() -> None:
    body = (
        "suffix,名称\n".encode("gb18030")
        + "甲甲,铜闸阀\n".encode("gb18030") * 9
        + "乙,阀".encode("gb18030")
        + b"\xff\n"
    )
    items = flat(await read(Form(Format.CSV), body))
    rejection = items[-1]
    assert isinstance(rejection, Rejection)
    assert (rejection.line, rejection.code) == (11, "not_gb18030")
    assert "第 6 个字节" in rejection.message
    assert rejection.row == "乙,阀".encode() + b"\xff"


@pytest.mark.parametrize(
    ("form", "body", "error"),
    [
        (Form(Format.CSV), b"", NoHeader),
        (Form(Format.CSV), b"\n\n", NoHeader),
        (Form(Format.CSV), gzip.compress(b"suffix\n", mtime=0), OtherFormat),
        (Form(Format.NDJSON), BOOK, OtherFormat),
        (Form(Format.CSV), bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 504, OtherFormat),
        (Form(Format.CSV), "suffix\nA\n".encode("utf-16"), WideText),
        (Form(Format.JSON), "[]".encode("utf-32"), WideText),
        (Form(Format.CSV), "suffix,名称\n".encode("utf-16-le"), UnreadableHeader),
        (Form(Format.XLSX, sheet="没有"), BOOK, NoSuchSheet),
        (Form(Format.XLSX), written({"a": [["suffix", "", "x"]]}), EmptyColumn),
        (Form(Format.XLSX), written({"a": [["suffix", "x", "x"]]}), DuplicateColumn),
        (Form(Format.XLSX), written({"a": []}), NoHeader),
    ],
)
async def test_what_cannot_be_understood_at_all_is_named(form: Form, body: bytes, error: type[Exception]) -> None:
    assert error in WHOLE_BODY
    with pytest.raises(error):
        await read(form, body)


async def test_a_faulty_header_names_its_sheet() -> None:
    with pytest.raises(DuplicateColumn) as raised:
        await read(Form(Format.XLSX), written({"甲": [["suffix"], ["A"]], "乙": [[], ["x", "x"]]}))
    assert raised.value.evidence == {"line": 2, "name": "x", "sheet": "乙"}


async def test_one_sheet_can_be_named() -> None:
    items = flat(await read(Form(Format.XLSX, sheet="其他"), BOOK))
    assert fields(items) == CELLS[1700:]


async def test_a_workbook_has_a_largest_size() -> None:
    with pytest.raises(WorkbookTooLarge):
        await read(Form(Format.XLSX), BOOK, limits=Limits(workbook_bytes=5000))


async def test_rows_before_a_gzip_ends_too_soon_were_handed_out() -> None:
    form, body = FORMS["csv in gzip"]
    found: list[Portion] = []

    async def take() -> None:
        body_cut = Body(blocks(body[:-2000], 500), 0, None)
        async for portion in portions(form, body_cut, None, rows=50, limits=LIMITS):
            found.append(portion)

    with pytest.raises(TruncatedGzip):
        await take()
    assert 0 < len(fields(flat(found))) < len(CELLS)


async def test_another_broken_body_under_the_same_key_is_another_body_first() -> None:
    form, body = FORMS["csv in gzip"]
    progress = (await read(form, body, rows=100))[0].progress
    again = Body(blocks(b"suffix\n" * 3000), 3000, sha256(body[:3000]).digest())
    with pytest.raises(IdempotencyKeyReused):
        await anext(portions(form, again, progress, rows=10, limits=LIMITS))


async def test_portions_are_bounded_in_octets_too() -> None:
    row = b'{"suffix":"A","name":"' + b"x" * 200_000 + b'"}\n'
    found = await read(Form(Format.NDJSON), row * 100, size=1 << 16)
    assert max(len(portion.items) for portion in found) < 50
    assert len(fields(flat(found))) == 100


async def test_leaving_early_ends_the_process_and_its_file() -> None:
    form, body = FORMS["xlsx"]
    before = children()
    source = portions(form, Body(blocks(body), 0, None), None, rows=10, limits=LIMITS)
    async with aclosing(source):
        assert (await anext(source)).items
    assert children() == before


def children() -> set[str]:
    mine = Path("/proc/self/task").iterdir()
    return {child for task in mine for child in (task / "children").read_text().split()}


async def test_the_products_are_5249_rows_in_every_format() -> None:
    body = (Path(node.__file__).parent / "demo" / "products.csv").read_bytes()
    items = flat(await read(Form(Format.CSV), body))
    header = items[0]
    assert isinstance(header, Header)
    rows = fields(items)
    assert len(rows) == 5249
    book = written({"产品": [header.columns, *rows]})
    assert fields(flat(await read(Form(Format.XLSX), book))) == rows
