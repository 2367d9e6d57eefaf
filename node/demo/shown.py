"""The demo's figures as a terminal shows them."""

from __future__ import annotations

import rich.table

from node.demo.story import Table


def shown(table: Table) -> rich.table.Table:
    """Rows of a word and a figure."""
    rows = rich.table.Table(title="实验数据 · laboratory data", show_header=False)
    for zh, en, value in (
        ("企业", "enterprises", f"{table.enterprises:,}"),
        ("前缀", "prefixes", f"{table.prefixes:,}"),
        ("注册标识", "registered", f"{table.registered:,}"),
        ("驳回行", "rejected", f"{table.rejected:,}"),
        ("解析", "resolved", f"{table.resolved:,}"),
        ("错误", "errors", f"{table.errors:,}"),
        ("解析延迟", "latency", f"p50 {table.p50_ms} ms · p99 {table.p99_ms} ms"),
        ("用时", "seconds", f"{table.seconds}"),
    ):
        rows.add_row(f"{zh} {en}", value)
    for name, password in table.accounts.items():
        rows.add_row(f"控制台 console: {name}", password)
    return rows
