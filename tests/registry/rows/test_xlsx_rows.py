import asyncio
import datetime as dt
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook

from registry.batches.body import Body
from registry.rejection import Rejection
from registry.rows import Row
from registry.rows.form import Form, Format
from registry.rows.source import Header, Limits, portions
from tests.support.workbooks import MAIN, PARTS, inline, sheet_xml, strings_xml, workbook, written

SHEET = "xl/worksheets/sheet1.xml"


async def once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def read(body: bytes, sheet: str | None = None) -> list[Any]:
    form = Form(Format.XLSX, sheet=sheet)
    source = portions(form, Body(once(body), 0, None), None, rows=5000, limits=Limits())
    return [item async for portion in source for item in portion.items]


def rows(items: list[Any]) -> list[tuple[int, list[str]]]:
    return [(item.line, item.fields) for item in items if isinstance(item, Row)]


def faults(items: list[Any]) -> list[tuple[int, str | None, str]]:
    return [(item.line, item.field, str(item.code)) for item in items if isinstance(item, Rejection)]


async def test_cells_are_what_a_person_sees() -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["suffix", "date", "moment", "code", "number", "long", "yes", "formula"])
    sheet.write_string(1, 0, "0012")
    sheet.write_datetime(1, 1, dt.datetime(2026, 1, 2), book.add_format({"num_format": "yyyy/m/d"}))  # noqa: DTZ001
    at = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001
    sheet.write_datetime(1, 2, at, book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}))
    sheet.write_number(1, 3, 42, book.add_format({"num_format": "000000"}))
    sheet.write_number(1, 4, 0.1 + 0.2)
    sheet.write_number(1, 5, 12345678901234)
    sheet.write_boolean(1, 6, True)
    sheet.write_formula(1, 7, "=1+1", None, 2)
    book.close()
    assert rows(await read(file.getvalue())) == [
        (2, ["0012", "2026-01-02", "2026-01-02T03:04:05", "000042", "0.3", "12345678901234", "true", "2"])
    ]


async def test_bad_cells_make_rejections_that_name_the_column() -> None:
    cells = (
        '<row><c t="inlineStr"><is><t>A</t></is></c><c t="e"><v>#REF!</v></c></row>'
        "<row><c><v>1</v></c><c><v>123456789012345678</v></c></row>"
        '<row><c t="inlineStr"><is><t>x_x0001_</t></is></c><c><f>NOW()</f></c></row>'
        "<row><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row>"
        "<row><c><v>5</v></c></row>"
    )
    items = await read(workbook({SHEET: sheet_xml(inline("suffix", "name") + cells)}))
    assert faults(items) == [
        (2, "name", "cell_error"),
        (3, "name", "number_not_exact"),
        (4, "suffix", "control_character"),
        (4, "name", "formula_without_value"),
        (5, None, "wrong_field_count"),
    ]
    assert rows(items) == [(6, ["5", ""])]
    kept = {item.line: item.row for item in items if isinstance(item, Rejection)}
    assert kept[2] == b'["A","#REF!"]'
    assert kept[3] == b'["1","123456789012345678"]'
    assert kept[5] == b'["1","2","3"]'


async def test_hidden_and_empty_sheets_are_passed_over_unless_named() -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    for name, hide in (("甲", ""), ("隐", "hide"), ("藏", "very_hidden"), ("空", ""), ("乙", "")):
        sheet = book.add_worksheet(name)
        if name != "空":
            sheet.write_row(0, 0, ["suffix", name])
            sheet.write_row(1, 0, [f"row of {name}", 1])
        if hide:
            getattr(sheet, hide)()
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=甲!$B$2:$B$2"})
    book.add_chartsheet("图").set_chart(chart)
    book.close()
    items = await read(file.getvalue())
    assert [item for item in items if isinstance(item, Header)] == [
        Header(["suffix", "甲"], 1, "甲"),
        Header(["suffix", "乙"], 5, "乙"),
    ]
    assert [(item.sheet, item.fields) for item in items if isinstance(item, Row)] == [
        (1, ["row of 甲", "1"]),
        (5, ["row of 乙", "1"]),
    ]
    assert rows(await read(file.getvalue(), "隐")) == [(2, ["row of 隐", "1"])]


async def test_a_table_may_stand_anywhere_and_have_gaps() -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    sheet = book.add_worksheet()
    sheet.write_row(4, 2, ["suffix", "name", "note"])
    sheet.write_row(6, 2, ["A", "", "x"])
    sheet.merge_range(8, 2, 9, 3, "merged")
    sheet.write_blank(11, 2, None, book.add_format({"bold": True}))
    sheet.write_row(12, 1, ["left", "B"])
    book.close()
    items = await read(file.getvalue())
    assert items[0] == Header(["suffix", "name", "note"], 1, "Sheet1")
    assert rows(items) == [(7, ["A", "", "x"]), (9, ["merged", "", ""])]
    assert faults(items) == [(13, None, "wrong_field_count")]
    assert items[-1].row == b'["B","","","left"]'


async def test_texts_are_put_together_without_what_is_read_aloud() -> None:
    strings = (
        "<si><t>suffix</t></si><si><r><t>铜</t></r><r><t xml:space='preserve'> 闸阀</t></r></si>"
        "<si><t>阀</t><rPh sb='0' eb='1'><t>fá</t></rPh></si><si/>"
    )
    cells = "".join(f'<row><c t="s"><v>{number}</v></c></row>' for number in range(4))
    items = await read(workbook({"xl/sharedStrings.xml": strings_xml(strings), SHEET: sheet_xml(cells)}))
    assert rows(items) == [(2, ["铜 闸阀"]), (3, ["阀"])]


async def test_prefixed_names_and_cells_without_places_are_read() -> None:
    xml = (
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row><x:c t="str"><x:v>suffix</x:v></x:c>'
        '<x:c t="str"><x:v>b</x:v></x:c></x:row><x:row r="9"><x:c r="B9" t="b"><x:v>0</x:v></x:c></x:row>'
        '<x:row><x:c t="d"><x:v>2026-01-02T00:00:00</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    )
    book = PARTS["xl/workbook.xml"].replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    items = await read(workbook({SHEET: xml, "xl/workbook.xml": book}))
    assert rows(items) == [(9, ["", "false"]), (10, ["2026-01-02", ""])]


cells = st.one_of(
    st.text(st.sampled_from("a=<>&'\"阀 \n_x0D") | st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    st.integers(-(10**14), 10**14),
    st.integers(-(10**12), 10**12).map(lambda number: number / 1000),
    st.booleans(),
    st.dates(dt.date(1900, 3, 1), dt.date(2100, 1, 1)),
)


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8)))
@settings(max_examples=25, deadline=None)
def test_a_workbook_says_the_same_to_another_reader(table: list[list[Any]]) -> None:
    header = [f"c{number}" for number in range(len(table[0]) if table else 1)]
    file = written({"表": [header, *table]}, default_date_format="yyyy-mm-dd")
    found = dict(rows(asyncio.run(read(file))))
    sheet = load_workbook(io.BytesIO(file)).get_sheet_by_index(0)
    for line, row in enumerate(sheet.iter_rows(), 1):
        texts = [_text(cell) for cell in row] + [""] * (len(header) - len(row))
        if line > 1:
            assert found.pop(line, [""] * len(header)) == texts
    assert not found


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else f"{cell:.15g}"
    return str(cell)


@pytest.mark.parametrize("text", ["=1+1", "+86", "-5", "@x", "'=1", "http://example.com/", "_x000D_", "0012", " a "])
async def test_texts_stay_texts(text: str) -> None:
    items = await read(written({"a": [["suffix"], [text]]}))
    assert rows(items) == [(2, [text])]
