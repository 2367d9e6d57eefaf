"""A preview of a batch as tables for people, Chinese first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_OPERATIONS = {
    "register": "注册",
    "update": "变更",
    "delete": "注销",
    "suspend": "停用",
    "resume": "恢复",
    "migrate": "迁移",
}
_VERDICTS = {"register": "注册", "change": "变更", "unchanged": "不变", "reject": "驳回"}
_COUNTS = {
    "selected": "符合条件",
    "rows": "总行数",
    "registered": "将注册",
    "changed": "将变更",
    "unchanged": "不变",
    "rejected": "将驳回",
}
_SHOWN_KINDS = 50
_SHOWN_ATTRIBUTES = 200
_SHOWN_ROW = 40


def preview_table(name: str, preview: Mapping[str, Any]) -> RenderableType:
    """Counts, every kind of fault with its first line, and the first rows as they would be stored."""
    return Group(*_parts(name, preview))


def _parts(name: str, preview: Mapping[str, Any]) -> Iterator[RenderableType]:
    operation = preview["operation"]
    title = f"{_OPERATIONS.get(operation, operation)}预览 · preview of {operation}: {name}"
    counts = Table(title=title, show_header=False)
    understood = preview["understood"]
    form = " · ".join(str(part) for part in (understood["format"], understood["encoding"]) if part)
    if understood["delimiter"]:
        form += f" · {understood['delimiter']!r}"
    if form:
        counts.add_row("格式 form", Text(form))
    for sheet in understood["sheets"]:
        counts.add_row(f"列 columns {sheet['name']}".rstrip(), Text(", ".join(sheet["columns"])))
    for member, zh in _COUNTS.items():
        if preview[member] is not None:
            counts.add_row(f"{zh} {member}", f"{preview[member]:,}")
    yield counts
    if preview["faults"]:
        yield _faults(preview["faults"])
    if preview["first_rows"]:
        yield _first_rows(preview["first_rows"])


def _faults(kinds: list[Mapping[str, Any]]) -> Table:
    table = Table(
        "行数\nrows", "首行\nfirst line", "字段\nfield", "原因 reason", "示例 example", title="问题 · faults"
    )
    for kind in kinds[:_SHOWN_KINDS]:
        table.add_row(
            f"{kind['rows']:,}", _place(kind), Text(kind["field"] or ""), Text(f"{kind['message']} ({kind['code']})"),
            Text(kind["row"][:_SHOWN_ATTRIBUTES]),
        )  # fmt: skip
    if len(kinds) > _SHOWN_KINDS:
        table.add_row("…", "", "", f"共 {len(kinds)} 种 · {len(kinds)} kinds in all", "")
    return table


def _first_rows(rows: list[Mapping[str, Any]]) -> Table:
    table = Table("行\nline", "结果\nverdict", "后缀 suffix\n原行 row", "属性 attributes · 问题 faults",
                  title=f"前 {len(rows)} 行 · the first {len(rows)} rows")  # fmt: skip
    for row in rows:
        said = "; ".join(f"{name}={_value(value)}" for name, value in (row["attributes"] or {}).items())
        faults = "; ".join(f"{fault['field'] or ''} {fault['message']}".strip() for fault in row["faults"])
        verdict = f"{_VERDICTS[row['verdict']]} {row['verdict']}"
        table.add_row(_place(row), verdict, Text(row["suffix"] or (row["row"] or "")[:_SHOWN_ROW]),
                      Text((said or faults)[:_SHOWN_ATTRIBUTES]))  # fmt: skip
    return table


def _place(one: Mapping[str, Any]) -> str:
    return f"{one['sheet']}:{one['line']:,}" if one["sheet"] else f"{one['line']:,}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else "[" + ", ".join(map(str, value)) + "]"
