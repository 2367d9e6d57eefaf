"""A report as PDF, workbook and JSON: the same figures, the hash and the mark on every page, nothing that runs."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from admin.reports.envelope import ReportFileUnreadable, as_json, differences, read_envelope
from admin.reports.kinds import ReportKind
from admin.reports.printing import as_pdf
from admin.reports.reports import Asked, Report
from admin.reports.workbook import as_xlsx
from admin.typesetting import Typesetter
from node.database import Pool
from tests.support.pdf_text import pages_of
from tests.support.reporting import COMMAND, HOSTILE, Scene, scene_of


@pytest.fixture
def typesetter() -> Typesetter:
    return Typesetter(None, 60)


async def report_of(scene: Scene, kind: ReportKind) -> Report:
    owner = scene.pumps.enterprise_id if kind is ReportKind.STATEMENT else None
    made, _ = await scene.reports.made(COMMAND, Asked(kind, enterprise_id=owner))
    return await scene.reports.found(made.report_id)


def sheets_of(content: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}


@pytest.mark.parametrize("kind", list(ReportKind))
async def test_every_page_of_a_laboratorys_report_has_the_mark_and_the_hash(
    kind: ReportKind, pool: Pool, database_url: str, typesetter: Typesetter
) -> None:
    scene = await scene_of(pool, database_url, laboratory=True)
    report = await report_of(scene, kind)
    pdf = await as_pdf(report, typesetter)
    pages = pages_of(pdf)
    assert len(pages) >= 2
    for number, page in enumerate(pages, 1):
        assert page.count("实验数据") >= 2, "in the head, and across the page"
        assert report.sha256.hex() in page
        assert f"{number} / {len(pages)}" in page
    whole = "".join(pages)
    assert "示例节点" in whole
    assert "计数规则" in whole
    assert await as_pdf(report, typesetter) == pdf


async def test_other_nodes_have_no_mark(pool: Pool, database_url: str, typesetter: Typesetter) -> None:
    scene = await scene_of(pool, database_url)
    report = await report_of(scene, ReportKind.OPERATION)
    pages = pages_of(await as_pdf(report, typesetter))
    assert not any("实验数据" in page for page in pages)
    assert all(report.sha256.hex() in page for page in pages)
    assert "实验数据" not in json.dumps(sheets_of(as_xlsx(report)), ensure_ascii=False, default=str)


async def test_the_workbook_has_every_figure_series_method_and_rule(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url, laboratory=True)
    report = await report_of(scene, ReportKind.ACCEPTANCE)
    data, sheets = json.loads(report.data), sheets_of(as_xlsx(report))
    for name, rows in sheets.items():
        assert rows[0][0] == "实验数据 Laboratory data", name
        assert rows[0][1] == f"SHA-256 {report.sha256.hex()}"
    criteria = next(table for table in data["sections"][0]["tables"] if table["id"] == "criteria")
    shown = sheets["门槛与当前值 Thresholds and values"][2:]
    assert [(row[0], row[3], row[4]) for row in shown] == [(row[0], row[3], row[4]) for row in criteria["rows"]]
    summary = {row[0]: row[1] for row in sheets["概况 Summary"][2:]}
    assert summary["数据散列 SHA-256"] == report.sha256.hex()
    assert summary["节点 Node"] == "示例节点 88.101"
    charts = [chart for section in data["sections"] for chart in section["charts"]]
    series = [rows for name, rows in sheets.items() if name.startswith("图 ")]
    assert [[row[1] for row in rows[2:]] for rows in series] == [chart["series"][0]["values"] for chart in charts]
    assert [row[0] for row in sheets["方法 Methods"][2:]] == [method["zh"] for method in data["methods"]]
    assert len(sheets["计数规则 Rules"][2:]) == len(data["rules"][0]["text"])
    assert {"计数缺口 Gaps", "异常标记 Flags"} <= set(sheets)


async def test_names_that_look_like_formulas_stay_names(
    pool: Pool, database_url: str, typesetter: Typesetter
) -> None:
    scene = await scene_of(pool, database_url)
    report = await report_of(scene, ReportKind.STATEMENT)
    said = json.loads(report.data)
    said["enterprise"]["name"] = HOSTILE
    said["sections"][1]["tables"][0]["rows"] = [["@SUM(1+1)", 1, 2, 3], ["#sys.inputs \\ $x$ *b*", 1, 2, 3]]
    hostile = replace(report, data=json.dumps(said).encode())
    content = as_xlsx(hostile)
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheets = [parts.read(name) for name in parts.namelist() if name.startswith("xl/worksheets/")]
    assert sheets
    assert not any(b"<f>" in sheet or b"<f " in sheet or b"hyperlink" in sheet.lower() for sheet in sheets)
    summary = {row[0]: row[1] for row in sheets_of(content)["概况 Summary"][2:]}
    assert summary["企业 Enterprise"] == HOSTILE
    text = "".join(pages_of(await as_pdf(hostile, typesetter)))
    assert "HYPERLINK" in text
    assert "$x$ *b*" in text


async def test_the_json_form_carries_what_its_hash_is_of(pool: Pool, database_url: str) -> None:
    scene = await scene_of(pool, database_url)
    report = await report_of(scene, ReportKind.OPERATION)
    content = as_json(report)
    envelope = read_envelope(content)
    assert envelope.genuine
    assert envelope.data == report.data
    forged = json.loads(content)
    forged["data"]["sections"][0]["facts"][0]["value"] += 1
    broken = read_envelope(json.dumps(forged).encode())
    assert not broken.genuine
    assert differences(report.data, broken.data) == ["sections.0.facts.0.value"]
    for nonsense in (b"", b"[]", b"{}", b'{"report_id": 1, "sha256": "x", "data": 3}', "报告".encode("gb18030")):
        with pytest.raises(ReportFileUnreadable):
            read_envelope(nonsense)
    assert envelope.wanted == report.wanted
    for nothing in ({}, {"window": 1}, {**json.loads(report.data), "kind": "weather"}):
        with pytest.raises(ReportFileUnreadable):
            assert read_envelope(json.dumps({**json.loads(content), "data": nothing}).encode()).wanted
