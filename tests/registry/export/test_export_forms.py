"""Exported rows as tables: nothing is taken for a formula, nothing is cut off, nothing fills the disk."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from node.database import Pool
from registry.export import forms as export_forms
from registry.export.forms import CellTooLong, XlsxTooLarge, as_csv, as_xlsx
from registry.export.pages import EVERYTHING, Opened, Selection
from registry.export.row import RESERVED_MEMBERS, Shape
from registry.rows.formula_guard import unguard
from tests.support.world import Holder, World

TAGGED: dict[str, Any] = {
    "name": "tagged",
    "version": 1,
    "title_zh": "标签",
    "attributes": [
        {"name": "title", "title_zh": "名称", "max_length": 8192},
        {"name": "tags", "title_zh": "标签", "many": True, "max_length": 8192},
    ],
}

TRICKY = (
    "=1+1",
    "'=1+1",
    "-5",
    "@x",
    "a,b",
    'say "hi"',
    "two\r\nlines",
    "cr\ronly",
    "tab\tin",
    "_x000D_",
    "+",
    "'",
    "0012",
)


@pytest.fixture
def world(pool: Pool) -> World:
    return World(pool)


async def tagged(world: World, rows: dict[str, Any]) -> tuple[Opened, Shape]:
    """An export of identifiers with these titles or lists of tags."""
    holder = await world.holder()
    stored = await world.template(TAGGED)
    for suffix, said in rows.items():
        attributes = {"tags": said} if isinstance(said, list) else {"title": said}
        await world.identifiers.register(
            holder.account, holder.actor, holder.identifier(suffix), "tagged", attributes
        )
    opened = await opened_by(world, holder, stored.template_id)
    return opened, opened.shapes[stored.template_id]


async def opened_by(world: World, holder: Holder, template_id: int) -> Opened:
    return await world.exports.open(
        holder.account, Selection(holder.prefix, replace(EVERYTHING, template_id=template_id))
    )


async def table_of(opened: Opened, shape: Shape) -> list[list[str]]:
    text = b"".join([block async for block in as_csv(opened, shape)]).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


async def sheets_of(opened: Opened, shape: Shape, most_characters: int = 10**6) -> tuple[int, list[list[list[Any]]]]:
    rows, blocks = await as_xlsx(opened, shape, most_characters=most_characters)
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join([block async for block in blocks])))
    return rows, [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]


async def test_a_csv_comes_back_as_it_was_and_no_cell_is_a_formula(world: World) -> None:
    rows = {f"S{number:02}": text for number, text in enumerate(TRICKY)}
    opened, shape = await tagged(world, rows)
    header, *lines = await table_of(opened, shape)
    assert header == ["suffix", "title", "tags", *RESERVED_MEMBERS]
    assert [line[0] for line in lines] == list(rows)
    assert [unguard(line[1]) for line in lines] == list(TRICKY)
    assert not [cell for line in lines for cell in line if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert {tuple(line[3:6]) for line in lines} == {("tagged@1", "1", "live")}


async def test_a_list_is_a_json_text_in_a_cell(world: World) -> None:
    opened, shape = await tagged(world, {"A": ["红", "=2", 'q"'], "B": "no tags"})
    _, first, second = await table_of(opened, shape)
    assert first[2] == '["红","=2","q\\""]'
    assert second[1:3] == ["no tags", ""]


async def test_every_cell_of_a_workbook_is_text(world: World) -> None:
    rows = {f"S{number:02}": text for number, text in enumerate(TRICKY)}
    count, [[header, *lines]] = await sheets_of(*await tagged(world, {**rows, "URL": "https://example.com/a"}))
    assert count == len(rows) + 1
    assert header == ["suffix", "title", "tags", *RESERVED_MEMBERS]
    assert [line[1] for line in lines[:-1]] == list(TRICKY)
    assert {type(cell) for line in lines for cell in line} == {str}


async def test_more_rows_than_a_sheet_holds_go_on_in_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_forms, "SHEET_ROWS", 3)
    count, sheets = await sheets_of(*await tagged(world, {f"S{number}": "x" for number in range(7)}))
    assert count == 7
    assert [len(sheet) for sheet in sheets] == [4, 4, 2]
    assert {tuple(sheet[0]) for sheet in sheets} == {("suffix", "title", "tags", *RESERVED_MEMBERS)}
    assert [line[0] for sheet in sheets for line in sheet[1:]] == [f"S{number}" for number in range(7)]


async def test_a_workbook_of_no_rows_has_its_header(world: World) -> None:
    count, [[header]] = await sheets_of(*await tagged(world, {}))
    assert (count, header[0]) == (0, "suffix")


async def test_a_workbook_larger_than_allowed_is_refused_before_it_is_sent(world: World) -> None:
    opened, shape = await tagged(world, {f"S{number}": "x" * 900 for number in range(3)})
    assert (await sheets_of(opened, shape, 3500))[0] == 3
    with pytest.raises(XlsxTooLarge) as refused:
        await as_xlsx(opened, shape, most_characters=2500)
    assert refused.value.evidence == {"limit": 2500}


async def test_a_value_that_no_cell_holds_is_told_and_not_cut(world: World) -> None:
    opened, shape = await tagged(world, {"A": ["x" * 8192] * 4})
    with pytest.raises(CellTooLong) as refused:
        await as_xlsx(opened, shape, most_characters=10**6)
    assert refused.value.evidence == {"suffix": "A", "field": "tags", "limit": 32767}
    assert len((await table_of(opened, shape))[1][2]) > 32767
