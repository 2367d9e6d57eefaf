"""Reports: those that are kept, one with what it says, making one, and which are made by themselves."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.enterprise_choice import sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.visit import Visit, address
from admin.reports.kinds import ReportKind
from node.auth import Action
from node.errors import NodeError

_ROOT = "/console/reports"
_ONE = f"{_ROOT}/{{report_id}}"
_ROWS = 100
"""Of a table that is shown; the three forms have all of them."""


def report_pages() -> list[Page]:
    """Every page under ``/console/reports``."""
    return [
        Page("GET", _ROOT, _listing, Action.REPORT_READ),
        Page("GET", f"{_ROOT}/new", _new, Action.REPORT_MAKE, STAFF),
        Page("POST", f"{_ROOT}/new", _make, Action.REPORT_MAKE, STAFF),
        Page("GET", f"{_ROOT}/schedules", _schedules, Action.REPORT_MAKE, STAFF),
        Page("POST", f"{_ROOT}/schedules", _schedule, Action.REPORT_SCHEDULE, STAFF),
        Page("GET", _ONE, _one, Action.REPORT_READ),
    ]


async def _listing(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/reports", query=visit.query("kind", "cursor"))
    rows = [(one, _last(one)) for one in found.items]
    return visit.show(
        "reports.html", found=found, rows=rows, kinds=list(ReportKind), may_make=visit.may(Action.REPORT_MAKE)
    )


async def _new(visit: Visit) -> web.StreamResponse:
    return await _asking(visit, Form(visit.request.query))


async def _asking(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
    kinds = await _kinds(visit)
    kind = next((one for one in kinds if one.kind == form.text("kind")), kinds[0])
    enterprises = await to_choose(visit, form.text("enterprise_id")) if kind.kind == "statement" else []
    return visit.show(
        "report_new.html", kind=kind, form=form, refusal=refusal, enterprises=enterprises, sought=sought(visit)
    )


async def _make(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    try:
        reply = await visit.reply("POST /v1/reports", body=_asked(form))
    except NodeError as error:
        return await _asking(visit, form, Refusal.of(error))
    made: Any = reply.content
    done = ("报告已制作", "The report is made")
    if reply.status != 201:
        done = ("数据没有变化，这就是已有的报告", "Nothing has changed: this is the report that was kept")
    return visit.go(address(_ONE, report_id=made.report_id), done)


def _asked(form: Form) -> dict[str, str]:
    """Pages name months and last days, the operation the day after; acceptance is judged at a day itself."""
    said = form.given("kind", "profile", "enterprise_id", "since", "until")
    with contextlib.suppress(ValueError, OverflowError):  # no month, no day: the operation says so
        if month := form.text("month"):
            since = date.fromisoformat(f"{month}-01")
            said |= {"since": str(since), "until": str((since + timedelta(days=31)).replace(day=1))}
        elif said.get("kind") != "acceptance" and "until" in said:
            said["until"] = str(date.fromisoformat(said["until"]) + timedelta(days=1))
    return said


async def _one(visit: Visit) -> web.StreamResponse:
    report_id = visit.text("report_id")
    found = await visit.ask("GET /v1/reports/{report_id}", report_id=report_id)
    again = None
    if visit.request.query.get("compare") and visit.may(Action.REPORT_MAKE):
        again = await visit.ask("GET /v1/reports/{report_id}/recomputed", report_id=report_id)
    return visit.show(
        "report.html", report=found.report, data=found.data, last=_last(found.report), again=again, most=_ROWS,
        may_make=visit.may(Action.REPORT_MAKE),
    )  # fmt: skip


async def _schedules(visit: Visit) -> web.StreamResponse:
    return await _plans(visit, Form(MultiDict()))


async def _plans(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
    wanted = form.text("kind") or visit.request.query.get("kind", "")
    schedules = (await visit.ask("GET /v1/reports/schedules")).items
    return visit.show(
        "report_schedules.html", schedules=schedules, form=form, refusal=refusal,
        chosen=next((one for one in schedules if one.kind == wanted), None),
        kind=next((one for one in await _kinds(visit) if one.kind == wanted), None),
        may_set=visit.may(Action.REPORT_SCHEDULE),
    )  # fmt: skip


async def _schedule(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    body = {
        "enabled": form.has("enabled"), "every": form.text("every"), "day": form.number("day"),
        "hour": form.number("hour"), "version": form.number("version"), **form.given("profile"),
    }  # fmt: skip
    try:
        await visit.ask("PUT /v1/reports/schedules/{report_kind}", report_kind=form.text("kind"), body=body)
    except NodeError as error:
        return await _plans(visit, form, Refusal.of(error))
    return visit.go(f"{_ROOT}/schedules", ("计划已保存", "The schedule is saved"))


async def _kinds(visit: Visit) -> list[Any]:
    return list((await visit.ask("GET /v1/reports/kinds")).items)


def _last(report: Any) -> date:
    last: date = report.until - timedelta(days=1)
    return last
