import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.batches.body import Body
from registry.rejection import Code, Rejection
from registry.rows import Row
from registry.rows.form import Form, Format
from registry.rows.rejected import REASONS, rejected_rows
from registry.rows.source import Item, Limits, Progress, portions
from tests.support.workbooks import inline, sheet_xml, workbook, written


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def read(form: Form, body: bytes) -> tuple[list[Item], Progress]:
    source = portions(form, Body(once(body), 0, None), None, rows=5000, limits=Limits())
    found = [portion async for portion in source]
    return [item for portion in found for item in portion.items], found[-1].progress


def rejections(items: list[Item]) -> list[Rejection]:
    """Those of the reader, and two for each row that it could read."""
    found: list[Rejection] = []
    for item in items:
        if isinstance(item, Rejection):
            found.append(item)
        elif isinstance(item, Row):
            found.append(Rejection.of(item.line, item.raw, Code.REQUIRED.fault("名称"), item.sheet))
            found.append(Rejection(item.line, None, "no_values", "没有 / none", b"", item.sheet))
    return found


async def paged(found: list[Rejection], size: int = 3) -> AsyncIterator[list[Rejection]]:
    for start in range(0, len(found), size):
        yield found[start : start + size]


async def given_back(form: Form, body: bytes, size: int = 3) -> bytes:
    """What the sender of a body gets when every row of it is rejected."""
    items, progress = await read(form, body)
    blocks = rejected_rows(form.format, progress.header, paged(rejections(items), size))
    return b"".join([block async for block in blocks])


def fields(items: list[Item]) -> list[Any]:
    return [item.fields for item in items if isinstance(item, Row)]


def own(rows: list[Any], width: int) -> list[Any]:
    """The rows without the reasons."""
    if rows and isinstance(rows[0], dict):
        return [{key: value for key, value in row.items() if key not in REASONS} for row in rows]
    return [row[:width] for row in rows]


TABLE = [["甲", "=1+1", "a;b"], ["乙", "'=1", '"x"\ny'], ["丙", "", "-5"]]
OBJECTS = [{"suffix": "甲", "n": 1.5, "l": [1, "x"]}, {"suffix": "乙", "n": None}, {}]


def as_csv(delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([["suffix", "名称", "注"], *TABLE])
    return text.getvalue()


FORMS: dict[str, tuple[Form, bytes]] = {
    "csv": (Form(Format.CSV), as_csv().encode()),
    "csv with a mark": (Form(Format.CSV), ("\ufeff" + as_csv(";")).encode()),
    "csv in gb 18030": (Form(Format.CSV), (as_csv("\t") + "甲甲\t铜闸阀\t阀门\n" * 5).encode("gb18030")),
    "ndjson": (Form(Format.NDJSON), "".join(f"{json.dumps(one)}\r\n" for one in OBJECTS).encode()),
    "json": (Form(Format.JSON), json.dumps(OBJECTS, indent=2).encode()),
    "xlsx": (Form(Format.XLSX), written({"表": [["suffix", "名称", "注"], *TABLE]})),
}


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("name", FORMS)
async def test_rows_come_back_in_their_own_format_as_often_as_they_are_rejected(name: str, size: int) -> None:
    form, body = FORMS[name]
    first, _ = await read(form, body)
    second, progress = await read(form, await given_back(form, body, size))
    third, _ = await read(form, await given_back(form, await given_back(form, body), size))
    assert own(fields(second), 3) == fields(first)
    assert [own(fields(third), 3), len(third)] == [fields(first), len(second)]
    if form.format is Format.CSV:
        _, before = await read(form, body)
        assert {key: progress.header[key] for key in ("encoding", "bom", "delimiter")} == {
            key: before.header[key] for key in ("encoding", "bom", "delimiter")
        }


async def test_the_reasons_of_one_row_stand_in_one_row() -> None:
    body = await given_back(*FORMS["csv"])
    rows = [*csv.DictReader(io.StringIO(body.decode(), newline=""))]
    assert [*rows[0]] == ["suffix", "名称", "注", *REASONS]
    assert rows[1] == {
        "suffix": "乙",
        "名称": "'=1",
        "注": '"x"\ny',
        "biaoshi_line": "3",
        "biaoshi_field": "名称",
        "biaoshi_code": "required; no_values",
        "biaoshi_message": "必填 / a value is required; 没有 / none",
    }
    assert rows[0]["名称"] == "'=1+1"


async def test_values_keep_their_spelling_in_json() -> None:
    body = b'{"suffix":"A","n":1.10,"big":12345678901234567890,"biaoshi_code":"x","biaoshi_version":3}\n'
    line = (await given_back(Form(Format.NDJSON), body)).decode()
    assert line.startswith('{"suffix":"A","n":1.10,"big":12345678901234567890,"biaoshi_version":3,"biaoshi_line":1,')
    assert json.loads(line)["biaoshi_code"] == "required; no_values"


async def test_a_row_that_could_not_be_taken_apart_is_not_lost() -> None:
    lines = [b'A,"open', b'B,"x"y', b"C,\xff", b"D", b"E,1,2,3", b"F,\0"]
    body = await given_back(Form(Format.CSV), b"suffix,name\n" + b"\n".join(lines) + b"\n", 100)
    rows = [*csv.reader(io.StringIO(body.decode(), newline=""))]
    assert [row[:2] for row in rows[1:]] == [
        ["A", "open"], ["B", "xy"], ["C", "\ufffd"], ["D", ""], ["E", "1"], ["F", "'\0"],
    ]  # fmt: skip
    assert rows[5][6:] == ["2", "3"]
    lines = [b'{"suffix":"A"', b"[1]", b'{"a":1,"a":2}', b'"\xff"']
    body = await given_back(Form(Format.NDJSON), b"\n".join(lines), 100)
    found = body.decode().splitlines()
    assert [json.loads(line).get("biaoshi_row") for line in found] == ['{"suffix":"A"', "[1]", None, '"\ufffd"']
    assert found[2].startswith('{"a":1,"a":2,"biaoshi_line":3,')


async def test_a_workbook_comes_back_with_its_sheets() -> None:
    book = written({"甲": [["suffix", "x"], ["A", "=1"], ["B", 2]], "空": [], "乙": [["y"], ["C"]]})
    items, _ = await read(Form(Format.XLSX), await given_back(Form(Format.XLSX), book))
    assert [item[2] for item in items if not isinstance(item, Row | Rejection)] == ["甲", "乙"]
    assert [(item.sheet, item.fields[:3]) for item in items if isinstance(item, Row)] == [
        (1, ["A", "=1", "2"]), (1, ["B", "2", "3"]), (2, ["C", "2", "名称"]),
    ]  # fmt: skip


async def test_a_cell_where_no_column_is_comes_back_behind_the_reasons() -> None:
    sheet = sheet_xml(inline("suffix") + inline("A", "beyond"))
    body = await given_back(Form(Format.XLSX), workbook({"xl/worksheets/sheet1.xml": sheet}))
    items, _ = await read(Form(Format.XLSX), body)
    (back,) = [item for item in items if isinstance(item, Rejection)]
    assert json.loads(back.row)[0] == "A"
    assert json.loads(back.row)[-1] == "beyond"
    assert back.code == "wrong_field_count"


@pytest.mark.parametrize("form", Format)
async def test_nothing_rejected_is_a_file_without_rows(form: Format) -> None:
    header = {"columns": ["suffix"], "delimiter": ",", "sheets": [{"sheet": 1, "name": "表", "columns": ["suffix"]}]}
    body = b"".join([block async for block in rejected_rows(form, header, paged([]))])
    expected = {Format.CSV: b"suffix,biaoshi_line,biaoshi_field,biaoshi_code,biaoshi_message\r\n", Format.NDJSON: b""}
    if form is Format.XLSX:
        assert body.startswith(b"PK")
    else:
        assert body == expected.get(form, b"[]\n")


@given(st.lists(st.text(st.sampled_from("'=+-@\t\ra\"\n,"), max_size=4), min_size=1, max_size=3))
def test_no_cell_of_the_answer_begins_a_formula(cells: list[str]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([[f"c{number}" for number in range(len(cells))], cells])
    body = asyncio.run(given_back(Form(Format.CSV, delimiter=","), text.getvalue().encode()))
    rows = [*csv.reader(io.StringIO(body.decode(), newline=""))]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
