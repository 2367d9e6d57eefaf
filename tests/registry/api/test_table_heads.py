"""``POST /v1/table-heads``: columns and first rows, as a batch would read them."""

from __future__ import annotations

import gzip
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import xlsxwriter

from tests.support.node import Answer, Node, running_node

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def head(
    node: Node, body: bytes, media: str = "text/csv", *, by: str = "enterprise_user",
    headers: dict[str, str] | None = None, **query: Any,
) -> Answer:  # fmt: skip
    return await node(
        "POST", "/v1/table-heads", by=by, query=query, data=io.BytesIO(body),
        headers={"Content-Type": media, **(headers or {})},
    )  # fmt: skip


def cells(answer: Answer) -> list[list[str]]:
    assert answer.status == 200, answer.body
    return [row["cells"] for row in answer.json["rows"]]


async def test_columns_and_first_rows_come_in_what_the_file_was_written_in(node: Node) -> None:
    text = "编号;品名\n" + "".join(f"P-{n};离心泵 {n}\n" for n in range(40))
    for encoding in ("utf-8", "gb18030"):
        answer = await head(node, text.encode(encoding), rows=3)
        assert cells(answer) == [["P-0", "离心泵 0"], ["P-1", "离心泵 1"], ["P-2", "离心泵 2"]]
        assert answer.json["understood"] == {
            "format": "csv", "encoding": encoding, "delimiter": ";",
            "sheets": [{"number": 0, "name": "", "columns": ["编号", "品名"]}],
        }  # fmt: skip


async def test_of_the_beginning_of_a_file_the_row_that_was_cut_is_left_out(node: Node) -> None:
    text = b"suffix,name\nA,one\nB,two\nC,thr"
    assert cells(await head(node, text, rows=10, partial="true")) == [["A", "one"], ["B", "two"]]
    assert cells(await head(node, text, rows=2, partial="true")) == [["A", "one"], ["B", "two"]]
    assert cells(await head(node, text, rows=10)) == [["A", "one"], ["B", "two"], ["C", "thr"]]
    packed = gzip.compress("".join(f"P-{n},{n * n}\n" for n in range(60_000)).encode())
    started = await head(node, packed[:100_000], rows=2, partial="true", headers={"Content-Encoding": "gzip"})
    assert cells(started) == [["P-1", "1"], ["P-2", "4"]]


async def test_the_columns_of_objects_are_all_their_keys(node: Node) -> None:
    lines = b'{"suffix": "A", "n": 1.50, "colours": ["red"]}\n{"suffix": "B", "passed": true, "n": null}\n[1]\n'
    answer = await head(node, lines, "application/x-ndjson")
    assert answer.json["understood"]["sheets"][0]["columns"] == ["suffix", "n", "colours", "passed"]
    assert cells(answer) == [["A", "1.50", '["red"]', ""], ["B", "", "", "true"], []]
    assert "object" in answer.json["rows"][2]["fault"]


async def test_every_sheet_of_a_workbook_is_told_and_one_can_be_read(node: Node) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file)
    for name in ("一", "二"):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["suffix", f"name {name}"])
        sheet.write_row(1, 0, [f"P-{name}", "=1+1"])
    book.close()
    answer = await head(node, file.getvalue(), XLSX)
    assert [sheet["columns"] for sheet in answer.json["understood"]["sheets"]] == [
        ["suffix", "name 一"], ["suffix", "name 二"],
    ]  # fmt: skip
    assert answer.json["rows"][0]["sheet"] == 1
    second = await head(node, file.getvalue(), XLSX, sheet="二")
    assert second.json["rows"][0]["cells"][0] == "P-二"
    assert (await head(node, file.getvalue()[:500], XLSX)).code == "not_a_workbook"


async def test_what_no_batch_could_read_is_refused_by_name(node: Node) -> None:
    assert (await head(node, b"")).code == "no_header"
    assert (await head(node, b"suffix,suffix\nA,B\n")).code == "duplicate_column"
    assert (await head(node, b"[null, 1]", "application/json")).code == "no_rows"
    assert (await head(node, b"suffix,name\n")).code == "no_rows"
    assert (await head(node, b"suffix\nA\n", by="reviewer")).code == "not_allowed"
    assert await node.world.pool.fetchval("SELECT count(*) FROM batch") == 0
