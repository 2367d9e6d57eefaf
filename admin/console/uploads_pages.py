"""Uploads to the city authority: what went, what it answered, what would go; and one more by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.enterprise_words import Words
from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_ROOT = "/console/uploads"
_ROWS = 100
"""Of a table that is shown; all of them go."""
TABLES: dict[str, Words] = {
    "figures": ("总体指标", "Figures"),
    "days": ("逐日", "Day by day"),
    "industries": ("按行业", "By industry"),
    "enterprises": ("按企业", "By enterprise"),
    "prefixes": ("按前缀", "By prefix"),
}
FIELDS: dict[str, Words] = {
    "registered": ("注册量", "Registered"), "first_registered": ("首次注册量", "First registered"),
    "updated": ("变更量", "Updated"), "deleted": ("注销量", "Deleted"), "live": ("存量", "Live"),
    "raw": ("解析量（原始）", "Resolutions (raw)"), "valid": ("有效解析量", "Valid resolutions"),
    "daily_mean": ("日均解析量", "Daily mean"), "enterprises": ("企业数", "Enterprises"),
    "approved": ("审核通过企业", "Approved"), "connected_enterprises": ("接入企业", "Connected"),
    "active_enterprises": ("活跃企业", "Active"), "enterprise_nodes": ("企业节点", "Enterprise nodes"),
    "day": ("日期", "Day"), "industry_code": ("行业代码", "Industry code"), "industry": ("行业", "Industry"),
    "enterprise": ("企业", "Enterprise"), "credit_code": ("统一社会信用代码", "Credit code"),
    "division_code": ("行政区划", "Division"), "state": ("状态", "State"),
    "connected_on": ("接入日期", "Connected on"), "connected": ("已接入", "Connected"), "active": ("活跃", "Active"),
    "prefixes": ("前缀", "Prefixes"), "prefix": ("前缀", "Prefix"),
}  # fmt: skip


def upload_pages() -> list[Page]:
    """Every page under ``/console/uploads``."""
    return [
        Page("GET", _ROOT, _listing, Action.UPLOAD_READ, STAFF),
        Page("POST", _ROOT, _make, Action.UPLOAD_MAKE, STAFF),
        Page("GET", f"{_ROOT}/preview", _preview, Action.UPLOAD_READ, STAFF),
        Page("GET", f"{_ROOT}/{{upload_id}}", _one, Action.UPLOAD_READ, STAFF),
    ]


async def _listing(visit: Visit) -> web.StreamResponse:
    return await _list(visit, Form(MultiDict()))


async def _preview(visit: Visit) -> web.StreamResponse:
    form = Form(MultiDict(visit.request.query))
    try:
        preview = await visit.ask("GET /v1/uploads/preview", query=_period(form))
    except NodeError as error:
        return await _list(visit, form, Refusal.of(error))
    last = preview.until - timedelta(days=1)
    return visit.show(
        "upload_preview.html", preview=preview, form=form, last=last, may_make=visit.may(Action.UPLOAD_MAKE),
        **_shown(preview.content),
    )  # fmt: skip


async def _make(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    try:
        reply = await visit.reply("POST /v1/uploads", body=_period(form))
    except NodeError as error:
        return await _list(visit, form, Refusal.of(error))
    upload: Any = reply.content
    done = ("已生成，等待发送", "Made: it waits to be sent")
    if reply.status != 201:
        done = ("该周期已生成过，不重复上报", "This period was made before and goes once")
    return visit.go(address(f"{_ROOT}/{{upload_id}}", upload_id=upload.upload_id), done)


async def _one(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/uploads/{upload_id}", upload_id=visit.text("upload_id"))
    last = found.upload.until - timedelta(days=1)
    return visit.show("upload.html", found=found, upload=found.upload, last=last, **_shown(found.content))


async def _list(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
    found = await visit.ask("GET /v1/uploads", query=visit.query("cursor"))
    rows = [(upload, upload.until - timedelta(days=1)) for upload in found.items]
    may_make = visit.may(Action.UPLOAD_MAKE)
    return visit.show("uploads.html", found=found, rows=rows, form=form, may_make=may_make, refusal=refusal)


def _period(form: Form) -> dict[str, str]:
    """The page names the last day, the operation the day after it."""
    said = form.given("profile", "since", "until")
    with contextlib.suppress(KeyError, ValueError, OverflowError):  # left out, or no day: the operation says so
        said["until"] = str(date.fromisoformat(said["until"]) + timedelta(days=1))
    return said


def _shown(content: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of an upload for its template: name, columns with their masks, first rows, how many there are."""
    masks = content.get("masks", {})
    tables = [
        (name, list(masks.get(name, {}).items()), rows[:_ROWS], len(rows)) for name, rows in content["tables"].items()
    ]
    return {"content": content, "tables": tables, "table_words": TABLES, "field_words": FIELDS}
