"""``/v1/statistics``: series, tops, and what lets an expert see a bulk loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from admin.statistics import digests
from admin.statistics.digest.latency import ERROR
from admin.statistics.digests import TooManyDigests
from admin.statistics.examined_views import (
    DistributionView,
    FlagsRowView,
    FlagsView,
    LatencyRowView,
    LatencyView,
    distribution_fields,
    flag_rows,
    kinds_of,
    latency_rows,
)
from admin.statistics.queries import (
    Form,
    RegistrationsQuery,
    ResolutionsQuery,
    ScopeQuery,
    TableQuery,
    TopQuery,
    days_of,
    whose,
)
from admin.statistics.questions import MOST_DAYS, ResolutionQuestion, Span, SpanUnfit, span_by
from admin.statistics.registrations import RegistrationQuestion
from admin.statistics.resolutions import interface_number, outcome_number
from admin.statistics.statistics import Statistics, TopOf
from admin.statistics.table import MEDIA, as_csv
from admin.statistics.views import (
    FiguresView,
    HoursView,
    HourView,
    LeaderView,
    RegistrationsRowView,
    RegistrationsView,
    ResolutionsRowView,
    ResolutionsView,
    TopView,
    framed,
)
from node.auth import Action
from node.errors import NodeError
from node.identifier import InvalidPrefix
from node.routes import Call, Handler, Reply, Route

_TAG = "statistics"
_ROOT = "/v1/statistics"
_HOURS_DAYS = 92
_UNFIT = (SpanUnfit, InvalidPrefix)


def series_routes(statistics: Statistics) -> list[Route]:
    """Series of resolutions and registrations, and what event files say."""

    async def told(
        call: Call, query: TableQuery, span: Span, view: type[FiguresView], row: type[BaseModel],
        items: Sequence[BaseModel], **more: Any,
    ) -> Reply:  # fmt: skip
        frame = framed(await statistics.frame(span.until), span)
        if _wants_csv(call, query):
            return Reply(as_csv(row, items, frame["mark"]), content_type=MEDIA)
        return Reply(view(**frame, items=items, **more))

    async def resolutions(call: Call, query: ResolutionsQuery) -> Reply:
        span = span_by(query.by, query.since, query.until, statistics.today)
        question = ResolutionQuestion(
            query.by, span, whose(call.account, query.enterprise_id), query.key(),
            interface_number(query.interface), outcome_number(query.outcome),
        )  # fmt: skip
        found = await statistics.resolutions(call.account, question)
        rows = [ResolutionsRowView.model_validate(row) for row in found]
        return await told(call, query, span, ResolutionsView, ResolutionsRowView, rows, by=query.by)

    async def registrations(call: Call, query: RegistrationsQuery) -> Reply:
        span = days_of(query, statistics.today, most=MOST_DAYS)
        question = RegistrationQuestion(
            query.by, span.since, span.until, whose(call.account, query.enterprise_id), query.key(), query.template_id
        )
        found = await statistics.registrations(call.account, question)
        rows = [RegistrationsRowView.of(row) for row in found]
        return await told(call, query, span, RegistrationsView, RegistrationsRowView, rows, by=query.by)

    async def top(call: Call, query: TopQuery) -> Reply:
        counted = query.of in (TopOf.PREFIX, TopOf.ENTERPRISE)
        span = days_of(query, statistics.today, most=MOST_DAYS if counted else digests.MOST_DAYS)
        owner = whose(call.account, query.enterprise_id)
        found = await statistics.top(call.account, query.of, span, owner, query.key(), query.limit)
        rows = [LeaderView.model_validate(one) for one in found]
        return await told(call, query, span, TopView, LeaderView, rows, of=query.of)

    async def hours(call: Call, query: TableQuery) -> Reply:
        span = days_of(query, statistics.today, most=_HOURS_DAYS)
        found = await statistics.hours(call.account, span, whose(call.account, query.enterprise_id), query.key())
        return await told(call, query, span, HoursView, HourView, [HourView.model_validate(hour) for hour in found])

    async def latency(call: Call, query: TableQuery) -> Reply:
        span = days_of(query, statistics.today, most=digests.MOST_DAYS)
        digest = await statistics.digest(call.account, span, whose(call.account, query.enterprise_id), query.key())
        return await told(call, query, span, LatencyView, LatencyRowView, latency_rows(digest), error=ERROR)

    async def flags(call: Call, query: TableQuery) -> Reply:
        span = days_of(query, statistics.today, most=digests.MOST_DAYS)
        owner = whose(call.account, query.enterprise_id)
        rows = flag_rows(await statistics.digests_by_day(call.account, span, owner, query.key()))
        return await told(call, query, span, FlagsView, FlagsRowView, rows, kinds=kinds_of(rows))

    async def distribution(call: Call, query: ScopeQuery) -> Reply:
        span = days_of(query, statistics.today, most=digests.MOST_DAYS)
        owner = whose(call.account, query.enterprise_id)
        digest = await statistics.digest(call.account, span, owner, query.key(), sketches=True)
        frame = framed(await statistics.frame(span.until), span)
        return Reply(DistributionView(**frame, **distribution_fields(digest)))

    return [
        _table("resolutions", resolutions, "Resolutions by time, door, outcome or holder", "解析量统计",
               ResolutionsQuery, ResolutionsView),
        _table("resolutions/top", top, "What was asked for, or asked, the most", "解析量排行",
               TopQuery, TopView, TooManyDigests),
        _table("resolutions/hours", hours, "Resolutions by hour of the day", "解析量时段分布", TableQuery, HoursView),
        _table("resolutions/latency", latency, "Times to the answer by interface", "解析时延",
               TableQuery, LatencyView, TooManyDigests),
        _table("resolutions/flags", flags, "Conspicuous resolutions by day and kind", "异常解析标记",
               TableQuery, FlagsView, TooManyDigests),
        Route("GET", f"{_ROOT}/resolutions/distribution", distribution, action=Action.STATISTICS_READ, tag=_TAG,
              summary="How evenly identifiers were asked for, and by whom", summary_zh="解析量分布",
              query=ScopeQuery, answers={200: DistributionView}, errors=(*_UNFIT, TooManyDigests)),
        _table("registrations", registrations, "Registrations by time, template or holder", "注册量统计",
               RegistrationsQuery, RegistrationsView),
    ]  # fmt: skip


def _table(
    path: str, handler: Handler, summary: str, summary_zh: str, query: type[TableQuery], view: type[FiguresView],
    *errors: type[NodeError],
) -> Route:  # fmt: skip
    return Route(
        "GET", f"{_ROOT}/{path}", handler, action=Action.STATISTICS_READ, tag=_TAG, summary=summary,
        summary_zh=summary_zh, query=query, answers={200: (view, MEDIA)}, errors=(*_UNFIT, *errors),
    )  # fmt: skip


def _wants_csv(call: Call, query: TableQuery) -> bool:
    if query.format is not None:
        return query.format is Form.CSV
    return MEDIA in call.request.headers.get("Accept", "")
