"""A report as a workbook (XLSX): the figures, every table, the series with their charts, methods, gaps, flags, rules.

Texts are written as texts: nothing in them becomes a formula or a link.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

from admin.filters import china
from admin.reports.reports import Report

_WIDTH = 24
_LONGEST = 32_767  # characters of a cell
_CAUSES = ("原因 Cause", "开始 From", "结束 To")


def as_xlsx(report: Report) -> bytes:
    """The workbook of a report with its data."""
    data = json.loads(report.data)
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_urls": False, "strings_to_formulas": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": data["title"]["zh"], "created": report.made_at.replace(tzinfo=None)})
        sheets = _Sheets(book, f"{data['mark']} Laboratory data" if data["laboratory"] else "", report.sha256.hex())
        sheets.add("概况 Summary", ("项目 Item", "值 Value"), _summary(report, data))
        for section in data["sections"]:
            for table in section["tables"]:
                heads = [_both(column["title"]) for column in table["columns"]]
                sheets.add(_both(table["title"]), heads, _rows(table))
        _series(book, sheets, [chart for section in data["sections"] for chart in section["charts"]])
        sheets.add(
            "方法 Methods", ("中文 Chinese", "英文 English"), ((one["zh"], one["en"]) for one in data["methods"])
        )
        gaps = ((f"{gap['title_zh']} {gap['title_en']}", gap["began_at"], gap["ended_at"]) for gap in data["gaps"])
        sheets.add("计数缺口 Gaps", _CAUSES, gaps)
        sheets.add("异常标记 Flags", ("类别 Kind", "英文 English", "解析量 Resolutions"), _flags(data["flags"]))
        rules = ((rule["version"], line) for rule in data["rules"] for line in rule["text"])
        sheets.add("计数规则 Rules", ("版本 Version", "规则 Rule"), rules)
    return file.getvalue()


class _Sheets:
    """Sheets of one form: the mark of a laboratory and the hash, heads, rows; names are cut and kept apart."""

    def __init__(self, book: Any, mark: str, sha256: str) -> None:
        self._book = book
        self._mark = mark
        self._sha256 = sha256
        self._head = book.add_format({"bold": True, "bg_color": "#EEF2F5", "text_wrap": True})
        self._warning = book.add_format({"bold": True, "font_color": "#A4262C"})
        self._names: set[str] = set()

    def add(self, name: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[str, Any]:
        """One sheet; its name as it became, and the sheet."""
        name = self._free(name)
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, max(len(heads) - 1, 0), _WIDTH)
        sheet.set_footer(f"&L{self._mark}&C&8SHA-256 {self._sha256}&R&P / &N")
        sheet.write_string(0, 0, self._mark, self._warning)
        sheet.write_string(0, 1, f"SHA-256 {self._sha256}")
        for at, head in enumerate(heads):
            sheet.write_string(1, at, head, self._head)
        for row, values in enumerate(rows, FIRST_ROW):
            for at, value in enumerate(values):
                _write(sheet, row, at, value)
        sheet.freeze_panes(FIRST_ROW, 0)
        return name, sheet

    def _free(self, name: str) -> str:
        """Excel takes 31 characters, without some, each name once."""
        plain = "".join(" " if letter in "[]:*?/\\'" else letter for letter in name)
        for number in range(1, len(self._names) + 2):
            tail = f" {number}" if number > 1 else ""
            found = plain[: 31 - len(tail)].strip() + tail
            if found.lower() not in self._names:
                break
        self._names.add(found.lower())
        return found


FIRST_ROW = 2
"""Of what a sheet has to say, counted from 0: below the mark and the heads."""


def _write(sheet: Any, row: int, at: int, value: Any) -> None:
    if isinstance(value, bool) or value is None:
        sheet.write_string(row, at, "" if value is None else str(value).lower())
    elif isinstance(value, int | float):
        sheet.write_number(row, at, value)
    else:
        sheet.write_string(row, at, str(value)[:_LONGEST])


def _summary(report: Report, data: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    window, node, enterprise = data["window"], data["node"], data["enterprise"]
    yield "报告 Report", _both(data["title"])
    yield "内容 About", data["about"]["zh"]
    yield "节点 Node", f"{node['name']} {node['prefix']}"
    yield "节点编号 Node id", node["node_id"]
    if enterprise is not None:
        yield "企业 Enterprise", enterprise["name"]
        yield "统一社会信用代码 Credit code", enterprise["credit_code"]
    yield "首日 First day", window["since"]
    yield "末日 Last day", window["last_day"]
    yield "末日未结束 Provisional", data["provisional"]
    yield "方案 Profile", data["profile"]
    yield "版次 Edition", report.edition
    yield "制作时间 Made at", china(report.made_at)
    yield "软件 Software", data["software"]
    yield "数据散列 SHA-256", report.sha256.hex()
    for section in data["sections"]:
        for fact in section["facts"]:
            yield _both(fact["title"]), fact["value"]


def _rows(table: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    for row in table["rows"]:
        yield [
            _both(column["words"][value]) if isinstance(value, str) and value in column["words"] else value
            for column, value in zip(table["columns"], row, strict=True)
        ]


def _flags(flags: Mapping[str, Any] | None) -> Iterable[Sequence[Any]]:
    if flags is None:
        return
    yield "已检 examined", f"since {flags['since']}", flags["examined"]
    yield "有标记 flagged", "", flags["flagged"]
    for kind in flags["kinds"]:
        yield kind["title_zh"], kind["title_en"], kind["flagged"]


def _series(book: Any, sheets: _Sheets, charts: Sequence[Mapping[str, Any]]) -> None:
    """A sheet for each chart: its series, and the chart drawn from them."""
    for chart in charts:
        heads = ["日期 / 类别 Day or kind", *(_both(series["title"]) for series in chart["series"])]
        rows = zip(chart["labels"], *(series["values"] for series in chart["series"]), strict=True)
        name, sheet = sheets.add(f"图 {_both(chart['title'])}", heads, rows)
        drawn = book.add_chart({"type": "column" if chart["form"] == "bar" else "line"})
        last = FIRST_ROW + len(chart["labels"]) - 1
        for at in range(1, len(heads)):
            drawn.add_series({
                "name": [name, FIRST_ROW - 1, at], "categories": [name, FIRST_ROW, 0, last, 0],
                "values": [name, FIRST_ROW, at, last, at],
            })  # fmt: skip
        drawn.set_title({"name": _both(chart["title"]), "overlay": False})
        drawn.set_size({"width": 900, "height": 380})
        if last >= FIRST_ROW:
            sheet.insert_chart(FIRST_ROW, len(heads) + 1, drawn)


def _both(words: Mapping[str, str]) -> str:
    return f"{words['zh']} {words['en']}"
