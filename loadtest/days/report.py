"""The report of a load test: one page that needs nothing beside it, with charts, and the same as CSV and JSON."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loadtest.days.comparing import Pair
from loadtest.days.plan import Kind

MARK = "实验数据"
_STYLE = """
body{font:15px/1.6 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:#1c2430;max-width:62rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.1rem;margin-top:2rem}small,.en{color:#5b6776}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #dde3ea;padding:.25rem .5rem;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.met{color:#0a7d33}.missed{color:#b3261e;font-weight:bold}
.mark{color:#8a5a00}svg{width:100%;height:auto}svg text{font-size:11px;fill:#5b6776}
"""
_WIDTH, _HEIGHT, _LEFT, _BELOW, _THICKEST = 960, 220, 56, 24, 48


KINDS = {
    Kind.PAGE: "手机扫码，网页 phones, page",
    Kind.PHONE: "手机扫码，JSON phones, JSON",
    Kind.APP: "应用，JSON applications, JSON",
    Kind.NODE: "递归节点，UDP recursive nodes, UDP",
    Kind.REGISTER: "注册 registration",
    Kind.UPDATE: "变更 update",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """Something that was asked for, and what came."""

    zh: str
    en: str
    wanted: str
    got: str
    met: bool


@dataclass(slots=True)
class Result:
    """Everything that the page tells. ``days`` are the ledgers, ``facts`` what the run was like."""

    facts: dict[str, str] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    days: list[Mapping[str, Any]] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    acceptance: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def met(self) -> bool:
        return all(goal.met for goal in self.goals)

    def write(self, folder: Path) -> None:
        """``report.html``, ``days.csv``, ``numbers.csv``, ``result.json``."""
        (folder / "report.html").write_text(page(self), encoding="utf-8")
        (folder / "result.json").write_text(
            json.dumps({"mark": MARK, "met": self.met, **asdict(self)}, ensure_ascii=False, indent=1),
            encoding="utf-8",
        )
        with (folder / "days.csv").open("w", newline="", encoding="utf-8-sig") as file:
            names = ("day", "raw", "valid", "registered", "updated", "wrong", "unsent")
            out = csv.writer(file)
            out.writerow([*names, "wanted", "p50_ms", "p99_ms", "late_p99_ms", "mark"])
            for day, wanted in zip(self.days, self.wanted, strict=True):
                took = day["resolutions_ms"]
                told = [day[name] for name in names]
                out.writerow([*told, wanted, took["p50"], took["p99"], day["late_ms"]["p99"], MARK])
        with (folder / "numbers.csv").open("w", newline="", encoding="utf-8-sig") as file:
            out = csv.writer(file)
            out.writerow(["day", "number", "clients", "clients_most", "node", "margin", "equal", "mark"])
            for pair in self.pairs:
                most = pair.clients if pair.most is None else pair.most
                out.writerow([pair.day, pair.what, pair.clients, most, pair.node, pair.margin, pair.equal, MARK])


def page(result: Result) -> str:
    """The whole page."""
    verdict = "全部达标 · every goal met" if result.met else "未全部达标 · not every goal met"
    return "\n".join([
        "<!doctype html><html lang=zh-CN><meta charset=utf-8><title>负载测试</title>", f"<style>{_STYLE}</style>",
        f"<h1>验收负载测试 <small>Load test of the acceptance criteria</small></h1><p class=mark>{MARK}</p>",
        f"<p class={_class(result.met)}>{verdict}</p>",
        _table(("项目 item", ""), ((name, text) for name, text in result.facts.items())),
        "<h2>目标 <small>Goals</small></h2>",
        _table(
            ("目标 goal", "要求 wanted", "实测 got", ""),
            ((f"{goal.zh} · {goal.en}", goal.wanted, goal.got, _Met(goal.met)) for goal in result.goals),
        ),
        "<h2>每日有效解析量 <small>Valid resolutions a day; the line is the criterion</small></h2>",
        bars([day["day"][5:] for day in result.days], [day["valid"] for day in result.days], result.wanted),
        "<h2>首日各小时请求 <small>Requests of the first day by hour</small></h2>",
        bars([str(hour) for hour in range(24)], result.days[0]["by_hour"] if result.days else []),
        "<h2>每日 99 分位应答时间（毫秒） <small>99th percentile of resolutions, ms</small></h2>",
        bars([day["day"][5:] for day in result.days], [day["resolutions_ms"]["p99"] for day in result.days]),
        "<h2>请求种类 <small>Kinds of requests, first day, ms</small></h2>", _kinds(result),
        "<h2>逐项核对 <small>Clients and node, number by number</small></h2>", _compared(result.pairs),
        "<h2>验收指标 <small>The node's own evaluation</small></h2>", *map(_judged, result.acceptance), "</html>",
    ])  # fmt: skip


def bars(names: Sequence[str], values: Sequence[float], line: Sequence[float] = ()) -> str:
    """A bar for each value, and across them a line of what was wanted."""
    most = max((*values, *line, 1)) * 1.08
    wide, high = (_WIDTH - _LEFT) / max(1, len(values)), _HEIGHT - _BELOW
    every = -(-len(values) // 32)
    drawn = []
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        tall, thick = high * value / most, min(wide * 0.8, _THICKEST)
        x = _LEFT + place * wide + (wide - thick) / 2
        drawn.append(
            f'<rect x="{x:.1f}" y="{high - tall:.1f}" width="{thick:.1f}" height="{tall:.1f}" fill="#3b78b8">'
            f"<title>{html.escape(name)}: {value:,}</title></rect>"
        )
        if place % every == 0:
            drawn.append(
                f'<text x="{x + thick / 2:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{html.escape(name)}</text>'
            )
    for place, value in enumerate(line):
        y, x = high - high * value / most, _LEFT + place * wide
        drawn.append(
            f'<line x1="{x:.1f}" x2="{x + wide:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#b3261e" stroke-width="2"/>'
        )
    for share in (0.0, 0.5, 1.0):
        value = most / 1.08 * share
        told = f"{value:,.0f}" if most > 20 else f"{value:.1f}"
        y = high - high * share / 1.08
        drawn.append(f'<text x="{_LEFT - 6}" y="{max(10.0, y):.1f}" text-anchor="end">{told}</text>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(drawn)}</svg>'


@dataclass(frozen=True, slots=True)
class _Met:
    met: bool


def _class(met: bool) -> str:
    return "met" if met else "missed"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _cell(value: object) -> str:
    if isinstance(value, _Met):
        return f"<td class={_class(value.met)}>{'达标 met' if value.met else '未达 missed'}</td>"
    if isinstance(value, int | float):
        return f"<td class=n>{value:,}</td>"
    return f"<td>{html.escape(str(value))}</td>"


def _kinds(result: Result) -> str:
    if not result.days:
        return ""
    kinds = result.days[0]["kinds"].items()
    return _table(
        ("种类 kind", "请求 requests", "p50", "p99", "max"),
        ((KINDS[Kind(name)], told["requests"], told["p50"], told["p99"], told["max"]) for name, told in kinds),
    )


def _compared(pairs: Sequence[Pair]) -> str:
    differing = [pair for pair in pairs if not pair.equal]
    told = f"<p>{len(pairs):,} 个数，{len(differing):,} 个不等 · numbers compared, {len(differing):,} differ</p>"
    shown = differing or pairs[:60]
    return told + _table(
        ("日 day", "数 number", "客户端 clients", "节点 node", ""),
        (
            (pair.day, pair.what, pair.clients, "" if pair.node is None else pair.node, _Met(pair.equal))
            for pair in shown
        ),
    )


def _judged(judged: Mapping[str, Any]) -> str:
    rows = (
        (one["title_zh"], f"{one['operator']} {one['threshold']:,}", one["value"], one["light"], _Met(one["met"]))
        for one in judged["criteria"]
    )
    head = (
        f"{judged['profile']['name_zh']} {judged['at']} {judged['mark']}",
        "门槛 threshold",
        "值 value",
        "灯 light",
        "",
    )
    return _table(head, rows)
