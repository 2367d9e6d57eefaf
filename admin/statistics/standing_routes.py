"""``/v1/statistics``: where things stand, gaps, closed days, rules, enterprises."""

from __future__ import annotations

from datetime import timedelta

from admin.statistics.queries import EnterprisesQuery, GapsQuery, SpanQuery, WhoseQuery, days_of, whose
from admin.statistics.questions import MOST_DAYS, Span, SpanUnfit
from admin.statistics.standing_views import (
    ClosedDaysView,
    ClosedDayView,
    EditionsView,
    EditionView,
    EnterpriseFiguresView,
    EnterprisesView,
    GapsView,
    GapView,
    RulesView,
    RuleView,
    StandingView,
    SummaryView,
    summary_fields,
)
from admin.statistics.statistics import Statistics
from admin.statistics.views import framed
from node.auth import Action
from node.errors import NotFound
from node.routes import Call, Reply, Route
from registry.api.v1.paging import CursorBroken, cut, number_cursor, write_cursor

_TAG = "statistics"
_ROOT = "/v1/statistics"
_CLOSED_DAYS = 92
_NEWEST = 2**62


class DayNotClosed(NotFound):
    """Evidence: ``day``."""

    title_zh = "该日统计尚未结账"


def standing_routes(statistics: Statistics) -> list[Route]:
    """The summary and what figures rest on."""

    async def summary(call: Call, query: WhoseQuery) -> Reply:
        found = await statistics.summary(call.account, whose(call.account, query.enterprise_id))
        span = Span(found.today, found.today)
        return Reply(SummaryView(**framed(await statistics.frame(found.today), span), **summary_fields(found)))

    async def gaps(_: Call, query: GapsQuery) -> Reply:
        span = days_of(query, statistics.today, most=MOST_DAYS)
        before = number_cursor(query.cursor)
        found = await statistics.gaps(span, before=_NEWEST if before is None else before, limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda gap: gap.gap_id)
        items = [GapView.model_validate(gap) for gap in shown]
        return Reply(GapsView(**framed(await statistics.frame(span.until), span), items=items, next_cursor=cursor))

    async def days(call: Call, query: SpanQuery) -> Reply:
        span = days_of(query, statistics.today, most=_CLOSED_DAYS)
        found = await statistics.days(call.account, span)
        closed = {closing.day for closing in found}
        frame = await statistics.frame(span.until)
        known = (span.since + timedelta(days=passed) for passed in range(span.days))
        over = (day for day in known if frame.founded_on <= day < statistics.today)
        return Reply(
            ClosedDaysView(
                **framed(frame, span),
                items=[ClosedDayView.of(closing) for closing in found],
                open_days=[day for day in over if day not in closed],
            )
        )

    async def day(call: Call) -> Reply:
        asked = call.day("day")
        found = await statistics.days(call.account, Span(asked, asked))
        if not found:
            raise DayNotClosed(f"{asked} is not closed", day=str(asked))
        frame = framed(await statistics.frame(asked), Span(asked, asked))
        return Reply(EditionsView(**frame, items=[EditionView.whole(closing) for closing in found]))

    async def rules(_: Call) -> Reply:
        today = statistics.today
        items = [RuleView.of(rule) for rule in await statistics.rules()]
        return Reply(RulesView(**framed(await statistics.frame(today), Span(today, today)), items=items))

    async def enterprises(call: Call, query: EnterprisesQuery) -> Reply:
        at = query.at or statistics.today
        figures, standings = await statistics.enterprises(call.account, at)
        if query.only is not None:
            standings = [one for one in standings if getattr(one, query.only)]
        seen = number_cursor(query.cursor) or 0
        shown = standings[seen : seen + query.limit]
        more = seen + query.limit < len(standings)
        return Reply(
            EnterprisesView(
                **framed(await statistics.frame(at), Span(at, at)),
                figures=EnterpriseFiguresView.model_validate(figures),
                items=[StandingView.model_validate(one) for one in shown],
                next_cursor=write_cursor(str(seen + query.limit)) if more else None,
            )
        )

    return [
        Route("GET", _ROOT, summary, action=Action.STATISTICS_READ, tag=_TAG,
              summary="Where the node, or an enterprise, stands now", summary_zh="统计概览",
              query=WhoseQuery, answers={200: SummaryView}),
        Route("GET", f"{_ROOT}/gaps", gaps, action=Action.STATISTICS_READ, tag=_TAG,
              summary="When resolutions may have gone uncounted", summary_zh="计数缺口",
              query=GapsQuery, answers={200: GapsView}, errors=(SpanUnfit, CursorBroken)),
        Route("GET", f"{_ROOT}/rules", rules, action=Action.STATISTICS_READ, tag=_TAG,
              summary="By what rules days were counted, newest first", summary_zh="计数规则",
              answers={200: RulesView}),
        Route("GET", f"{_ROOT}/days", days, action=Action.NODE_STATISTICS_READ, tag=_TAG,
              summary="Closed days with every edition", summary_zh="日结账",
              query=SpanQuery, answers={200: ClosedDaysView}, errors=(SpanUnfit,)),
        Route("GET", f"{_ROOT}/days/{{day}}", day, action=Action.NODE_STATISTICS_READ, tag=_TAG,
              summary="Everything that was closed of a day", summary_zh="某日结账详情",
              answers={200: EditionsView}, errors=(DayNotClosed,)),
        Route("GET", f"{_ROOT}/enterprises", enterprises, action=Action.NODE_STATISTICS_READ, tag=_TAG,
              summary="Enterprises approved, connected, active, new", summary_zh="企业统计",
              query=EnterprisesQuery, answers={200: EnterprisesView}, errors=(CursorBroken,)),
    ]  # fmt: skip
