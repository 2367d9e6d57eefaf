"""Masked statistics (脱敏统计): the tables that a profile of ``admin/uploads`` lets out, under the same masks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from admin.reports.document import Chart, Column, Contents, Fact, Section, Series, Table, Words
from admin.uploads.content import content_of
from admin.uploads.masks import Pseudonym
from admin.uploads.periods import Period
from admin.uploads.profiles import UploadProfile
from node.database import Connection
from node.identifier import Prefix

_TABLES = {
    "figures": Words("合计", "Figures"),
    "days": Words("逐日", "By day"),
    "industries": Words("按行业", "By industry"),
    "enterprises": Words("按企业", "By enterprise"),
    "prefixes": Words("按前缀", "By prefix"),
}
_FIELDS = {
    "registered": Words("注册", "Registered"),
    "first_registered": Words("首次注册", "First registered"),
    "updated": Words("变更", "Updated"),
    "deleted": Words("注销", "Deleted"),
    "live": Words("期末标识总数", "Identifiers at the end"),
    "raw": Words("原始解析量", "Resolutions, raw"),
    "valid": Words("有效解析量", "Resolutions, valid"),
    "daily_mean": Words("日均有效解析量", "Valid a day, mean"),
    "enterprises": Words("企业数", "Enterprises"),
    "approved": Words("审核通过", "Approved"),
    "connected_enterprises": Words("接入企业数", "Connected"),
    "active_enterprises": Words("活跃企业数", "Active"),
    "enterprise_nodes": Words("企业节点数", "Enterprise nodes"),
    "day": Words("日期", "Day"),
    "industry_code": Words("行业代码", "Industry code"),
    "industry": Words("行业", "Industry"),
    "enterprise": Words("企业", "Enterprise"),
    "credit_code": Words("统一社会信用代码", "Credit code"),
    "division_code": Words("行政区划", "Division"),
    "state": Words("状态", "State"),
    "connected_on": Words("接入日期", "Connected on"),
    "connected": Words("已接入", "Connected"),
    "active": Words("活跃", "Active"),
    "prefixes": Words("前缀数", "Prefixes"),
    "prefix": Words("前缀", "Prefix"),
}
_YES_NO = {"yes": Words("是", "yes"), "no": Words("否", "no")}
_BY_DAY = ("registered", "deleted", "raw", "valid")


async def masked_contents(
    connection: Connection,
    profile: UploadProfile,
    period: Period,
    pseudonym: Pseudonym,
    node: tuple[UUID, str, Prefix],
    at: datetime,
) -> Contents:
    """The report of a period; ``node`` is its id, name and prefix."""
    told = json.loads(await content_of(connection, profile, period, pseudonym, node, at))
    tables: Mapping[str, list[dict[str, Any]]] = told["tables"]
    return Contents(
        about=Words(profile.name_zh, profile.name_en),
        first=period.since,
        sections=[
            *(_section(name, profile, rows) for name, rows in tables.items()),
            _masks(told["masks"], profile.sha256),
        ],
        methods=_methods(profile),
    )


def _section(name: str, profile: UploadProfile, rows: Sequence[Mapping[str, Any]]) -> Section:
    fields = list(profile.tables[name])
    if name == "figures":
        facts = [Fact(field, _FIELDS[field], rows[0][field]) for field in fields]
        return Section(name, _TABLES[name], facts=facts)
    flags = {field for field in fields if any(isinstance(row[field], bool) for row in rows)}
    table = Table(
        name,
        _TABLES[name],
        [Column(field, _FIELDS[field], _YES_NO if field in flags else {}) for field in fields],
        [[_yes_no(row[field]) if field in flags else row[field] for field in fields] for row in rows],
    )
    return Section(name, _TABLES[name], tables=[table], charts=list(_charts(name, fields, rows)))


def _charts(name: str, fields: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    """Of days whose numbers left as they are."""
    if name != "days" or "day" not in fields:
        return
    for field in _BY_DAY:
        values = [row[field] for row in rows] if field in fields else []
        if values and all(isinstance(value, int | float) for value in values):
            title = Words(f"逐日{_FIELDS[field].zh}", f"{_FIELDS[field].en} by day")
            yield Chart(field, title, "line", [str(row["day"]) for row in rows], [Series(_FIELDS[field], values)])


def _masks(masks: Mapping[str, Mapping[str, str]], sha256: str) -> Section:
    rows = [
        [_TABLES[table].zh, _TABLES[table].en, _FIELDS[field].zh, _FIELDS[field].en, mask]
        for table, fields in masks.items()
        for field, mask in fields.items()
    ]
    heads = [
        Column("table", Words("表", "Table")), Column("table_en", Words("表（英文）", "In English")),
        Column("field", Words("字段", "Field")), Column("field_en", Words("字段（英文）", "In English")),
        Column("mask", Words("脱敏方式", "Mask")),
    ]  # fmt: skip
    return Section(
        "masks",
        Words("脱敏方式", "Masks"),
        facts=[Fact("profile_sha256", Words("方案文件 SHA-256", "SHA-256 of the profile"), sha256)],
        tables=[Table("masks", Words("字段与脱敏方式", "Fields and masks"), heads, rows)],
    )


def _methods(profile: UploadProfile) -> Sequence[Words]:
    least = profile.least_enterprises
    return (
        Words(
            "仅含方案列明的字段；未列明的不提供。",
            "Only what the profile names is told; nothing else leaves.",
        ),
        Words(
            f"脱敏后相同的行业合并为一行；不足 {least} 家企业的行业不给出数字。",
            f"Industries that look the same once masked are one row; those of fewer than {least} enterprises go "
            "without numbers.",
        ),
        Words(
            "化名以本节点密钥生成，同一原文同一化名，不可逆推。",
            "Pseudonyms are keyed by the node: the same for the same text, of no use without the key.",
        ),
    )


def _yes_no(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"
