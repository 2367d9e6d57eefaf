"""An evaluation for people in a terminal, Chinese first, out of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

_LIGHTS = {"green": ("●", "green", "达标"), "yellow": ("▲", "yellow", "关注"), "red": ("✕", "red", "未达")}
_SIGNS = {"ge": "≥", "gt": ">"}
_METHODS = {"pace": "近30日速度 pace", "line": "最小二乘 least squares"}
_FEW = 12  # characters of a hash


def acceptance_table(answer: Mapping[str, Any]) -> RenderableType:
    """The table of ``EvaluationView``, what there is to say about it, and the rule it was counted by."""
    return Group(*_parts(answer))


def _parts(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    profile = answer["profile"]
    mark = f"【{answer['mark']} laboratory data】" if answer["laboratory"] else ""
    provisional = "，末日未结束 · the last day is not over" if answer["provisional"] else ""
    table = Table(
        title=Text(f"{mark}验收指标 · acceptance: {profile['name_zh']}"),
        caption=Text(f"截至 {answer['last_day']} 日终（北京时间）{provisional} · until the end of that day"),
    )
    for head in ("指标\ncriterion", "门槛\nthreshold", "当前值\nvalue", "预计达到\nforecast (80 %)", ""):
        table.add_column(head, overflow="fold", justify="right" if "value" in head or "threshold" in head else "left")
    for one in answer["criteria"]:
        table.add_row(*_row(one))
    yield table
    yield from _remarks(answer)


def _row(one: Mapping[str, Any]) -> Iterator[Text]:
    yield Text(f"{one['title_zh']}\n{one['title_en']}")
    yield Text(f"{_SIGNS[one['operator']]} {one['threshold']:,}")
    yield Text("\n".join(_value(one)))
    yield Text(_forecast(one))
    sign, colour, word = _LIGHTS[one["light"]]
    yield Text(f"{sign} {word}", style=colour)


def _value(one: Mapping[str, Any]) -> Iterator[str]:
    yield _number(one["value"])
    if one["beside"] is not None:
        net = "未知 unknown" if one["net_value"] is None else _number(one["net_value"])
        yield f"剔除异常 net {net}"
    if one["per_day"] is not None:
        yield f"日趋势 per day {one['per_day']:+,.2f}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _forecast(one: Mapping[str, Any]) -> str:
    if one["met"]:
        return "已达到 met"
    forecast = one["forecast"]
    if forecast is None or forecast["earliest"] is None:
        return "不可预计 not foreseeable"
    if forecast["day"] is None:
        return f"不早于 not before {forecast['earliest']}"
    latest = forecast["latest"] or "?"
    return f"{forecast['day']}\n{forecast['earliest']} … {latest}\n{_METHODS[forecast['method']]}"


def _remarks(answer: Mapping[str, Any]) -> Iterator[Text]:
    for one in answer["criteria"]:
        for doubt in one["doubts"]:
            yield Text(f"▲ {one['title_zh']}：{doubt['text_zh']} · {doubt['text_en']}")
        beside = one["beside"]
        if beside and beside["known_days"]:
            yield Text(
                f"  {one['figure_zh']}：存证 in event files {beside['valid']:,} / {one['sum']:,}，去重 de-duplicated"
                f" {beside['deduplicated']:,}，异常 flagged {beside['flagged']:,} ({beside['flagged_share']:.1%})，"
                f"{beside['known_days']}/{beside['data_days']} 天有存证 days with event files"
            )
        newest = one["evidence"]["newest"]
        if newest:
            yield Text(
                f"  {one['figure_zh']}：日结 closed {one['evidence']['closed']}，"
                f"sha256 {one['evidence']['sha256'][:_FEW]}…，最新 newest {newest['day']}"
                f" ({newest['edition']}) {newest['sha256'][:_FEW]}…"
            )
    for paper in answer["papers"]:
        yield Text(f"□ 需人工提供 · to be handed in: {paper['title_zh']} · {paper['title_en']}")
    profile = answer["profile"]
    year = f"，{profile['year']}" if profile["year"] else ""
    yield Text(f"依据 · basis: {profile['basis']}{year} [{profile['mark']}]")
    if profile["note_zh"]:
        yield Text(f"  {profile['note_zh']} {profile['note_en']}")
    if answer["rule"] is not None:
        for line in answer["rule"]["text"]:
            yield Text(f"  {line}")
