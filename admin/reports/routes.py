"""``/v1/reports``: reports of every kind, made, kept, printed, checked, and made by themselves."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from admin.acceptance.profiles import ProfileUnknown
from admin.reports.document import digest_of
from admin.reports.envelope import as_json, differences
from admin.reports.kinds import ReportKind
from admin.reports.printing import as_pdf
from admin.reports.reports import Asked, Report, Reports, ReportUnfit, ReportUnknown
from admin.reports.schedules import Plan, Schedules
from admin.reports.views import (
    ComparisonView,
    KindList,
    ReportList,
    ReportView,
    ReportWithData,
    ScheduleList,
    ScheduleView,
)
from admin.reports.workbook import as_xlsx
from admin.statistics.digests import TooManyDigests
from admin.typesetting import Typesetter, TypesettingBusy, TypesettingFailed, TypesettingTooLong
from admin.uploads.periods import Every
from admin.uploads.profiles import UploadProfileUnknown
from node.auth import Action
from node.errors import Malformed
from node.fonts import FontMissing
from node.routes import Call, InvalidPathParameter, Reply, Route
from registry.api.v1.contents import saved
from registry.api.v1.fields import Body
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.commerce.statements import MonthNotOver
from registry.enterprises import EnterpriseUnknown
from registry.store import VersionChanged

_TAG = "reports"
_ONE = "/v1/reports/{report_id}"


class ReportKindUnknown(Malformed):
    """Evidence: ``kind``."""

    title_zh = "没有该类报告"


class ReportForm(StrEnum):
    PDF = "pdf"
    XLSX = "xlsx"
    JSON = "json"


_MEDIA = {
    ReportForm.PDF: "application/pdf",
    ReportForm.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportForm.JSON: "application/json",
}


class ReportsQuery(Page):
    kind: Annotated[ReportKind | None, Field(None, description="of one kind only")]


class ContentQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Annotated[ReportForm, Field(description="pdf, xlsx or json")] = ReportForm.PDF


_Profile = Annotated[str, Field(min_length=1, max_length=64, examples=["ningbo"])]


class ReportBody(Body):
    """What is left out is meant as usual: the profile of the settings, and the month that was over last.

    An acceptance report takes ``until`` alone, by default today: the whole days before it count. A statement names an
    enterprise and a calendar month.
    """

    kind: ReportKind
    profile: _Profile | None = None
    enterprise_id: UUID | None = None
    since: Annotated[date, Field(description="first day of China")] | None = None
    until: Annotated[date, Field(description="the day after the last")] | None = None


class ScheduleBody(Body):
    """``day`` 1 to 7 of a week (Monday is 1), 1 to 28 of a month, 1 for every day; ``hour`` of China, when days are
    closed. ``version`` is that which was read, 0 for the first time.
    """

    enabled: bool
    every: Every
    day: Annotated[int, Field(ge=1, le=28)] = 1
    hour: Annotated[int, Field(ge=1, le=23)] = 3
    profile: _Profile | None = None
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]


def report_routes(reports: Reports, schedules: Schedules, typesetter: Typesetter) -> list[Route]:
    """Every route of reports."""

    async def listed(call: Call, query: ReportsQuery) -> Reply:
        before = number_cursor(query.cursor)
        found = await reports.kept(call.account, kind=query.kind, before=before, limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda report: report.number)
        return Reply(ReportList(items=[ReportView.of(one) for one in shown], next_cursor=cursor))

    async def make(call: Call, body: ReportBody) -> Reply:
        asked = Asked(body.kind, body.profile, body.enterprise_id, body.since, body.until)
        report, new = await reports.make(call.account, call.actor, asked)
        headers = {"Location": _ONE.format(report_id=report.report_id)} if new else {}
        return Reply(ReportView.of(report), status=201 if new else 200, headers=headers)

    async def kinds(call: Call) -> Reply:
        return Reply(KindList.of(reports.kinds(call.account)))

    async def scheduled(call: Call) -> Reply:
        found = await schedules.known(call.account)
        return Reply(ScheduleList(items=[ScheduleView.of(one, schedules.now) for one in found]))

    async def schedule(call: Call, body: ScheduleBody) -> Reply:
        plan = Plan(_kind(call), body.enabled, body.every, body.day, body.hour, body.profile)
        made = await schedules.put(call.account, call.actor, plan, body.version)
        return Reply(ScheduleView.of(made, schedules.now))

    async def read(call: Call) -> Reply:
        report = await reports.get(call.account, call.uuid("report_id"))
        return Reply(ReportWithData(report=ReportView.of(report), data=json.loads(report.data)))

    async def content(call: Call, query: ContentQuery) -> Reply:
        report = await reports.get(call.account, call.uuid("report_id"))
        match query.format:
            case ReportForm.PDF:
                made = await as_pdf(report, typesetter)
            case ReportForm.XLSX:
                made = await asyncio.to_thread(as_xlsx, report)
            case ReportForm.JSON:
                made = as_json(report)
        return Reply(made, content_type=_MEDIA[query.format], headers=saved(_name(report, query.format)))

    async def recompute(call: Call) -> Reply:
        report, now = await reports.recomputed(call.account, call.uuid("report_id"))
        return Reply(
            ComparisonView(
                same=now == report.data, sha256=digest_of(now).hex(), differences=differences(report.data, now)
            )
        )

    known = (InvalidPathParameter, ReportUnknown)
    unfit = (ReportUnfit, ProfileUnknown, UploadProfileUnknown)
    unmade = (EnterpriseUnknown, MonthNotOver, TooManyDigests)
    return [
        Route("GET", "/v1/reports", listed, action=Action.REPORT_READ, tag=_TAG,
              summary="Reports that are kept, newest first", summary_zh="报告列表",
              query=ReportsQuery, answers={200: ReportList}, errors=(CursorBroken,)),
        Route("POST", "/v1/reports", make, action=Action.REPORT_MAKE, tag=_TAG,
              summary="Make a report; the same data are kept once", summary_zh="制作报告",
              body=ReportBody, answers={200: ReportView, 201: ReportView}, errors=(*unfit, *unmade)),
        Route("GET", "/v1/reports/kinds", kinds, action=Action.REPORT_MAKE, tag=_TAG,
              summary="Kinds of reports and their profiles", summary_zh="报告种类", answers={200: KindList}),
        Route("GET", "/v1/reports/schedules", scheduled, action=Action.REPORT_MAKE, tag=_TAG,
              summary="Which reports are made by themselves", summary_zh="定期报告计划", answers={200: ScheduleList}),
        Route("PUT", "/v1/reports/schedules/{report_kind}", schedule, action=Action.REPORT_SCHEDULE, tag=_TAG,
              summary="Have a report made by itself, or no longer", summary_zh="设置定期报告",
              body=ScheduleBody, answers={200: ScheduleView}, errors=(ReportKindUnknown, VersionChanged, *unfit)),
        Route("GET", _ONE, read, action=Action.REPORT_READ, tag=_TAG,
              summary="One report with its data", summary_zh="查看报告",
              answers={200: ReportWithData}, errors=known),
        Route("GET", f"{_ONE}/content", content, action=Action.REPORT_READ, tag=_TAG,
              summary="A report as PDF, XLSX or JSON", summary_zh="下载报告",
              query=ContentQuery, answers={200: tuple(_MEDIA.values())},
              errors=(*known, FontMissing, TypesettingBusy, TypesettingTooLong, TypesettingFailed)),
        Route("GET", f"{_ONE}/recomputed", recompute, action=Action.REPORT_MAKE, tag=_TAG,
              summary="A report worked out again from the records, and whether it says the same",
              summary_zh="核对报告", answers={200: ComparisonView},
              errors=(*known, ProfileUnknown, UploadProfileUnknown, EnterpriseUnknown, TooManyDigests)),
    ]  # fmt: skip


def _kind(call: Call) -> ReportKind:
    word = call.text("report_kind")
    try:
        return ReportKind(word)
    except ValueError:
        raise ReportKindUnknown(f"there is no kind of report {word[:64]}", kind=word[:64]) from None


def _name(report: Report, form: ReportForm) -> str:
    last = report.until - timedelta(days=1)
    return f"{report.kind}-{report.since}-{last}-{report.edition}.{form}"
