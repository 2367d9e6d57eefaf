"""``/v1/public/monitoring``: resolution monitoring (解析监测) for everybody, so often a minute."""

from __future__ import annotations

from datetime import date

from admin.statistics.monitoring import KEPT_SECONDS, Monitoring, PublicFigures
from admin.statistics.questions import Span
from admin.statistics.standing_views import SummaryView, summary_fields
from admin.statistics.views import RowView, framed
from node.rate_limit import RateLimit, TooManyRequests
from node.routes import Call, Reply, Route


class PublicDayView(RowView):
    """Valid resolutions of a day."""

    day: date
    resolutions: int


class ShareView(RowView):
    """Valid resolutions of the days of the series."""

    name: str
    resolutions: int


class MonitoringView(SummaryView):
    """``top_industries`` are categories (门类); of an enterprise's name everybody sees two characters."""

    series: list[PublicDayView]
    by_interface: list[ShareView]
    top_industries: list[ShareView]
    top_enterprises: list[ShareView]


def monitoring_routes(monitoring: Monitoring, limit: RateLimit) -> list[Route]:
    """The one route; ``limit`` is that of each source's network."""

    async def read(call: Call) -> Reply:
        limit.require(call.source)
        found = await monitoring.snapshot()
        headers = {"ETag": found.tag, "Cache-Control": f"public, max-age={KEPT_SECONDS}"}
        if _has(call.request.headers.get("If-None-Match", ""), found.tag):
            return Reply(status=304, headers=headers)
        return Reply(monitoring_view(found.figures), headers=headers)

    return [
        Route("GET", "/v1/public/monitoring", read, action=None, tag="monitoring",
              summary="How the node fares, for everybody", summary_zh="解析监测",
              answers={200: MonitoringView, 304: None}, errors=(TooManyRequests,)),
    ]  # fmt: skip


def monitoring_view(figures: PublicFigures) -> MonitoringView:
    """What is answered about public figures, as operation and as page."""
    days = [PublicDayView.model_validate(day) for day in figures.series]
    return MonitoringView(
        **framed(figures.frame, Span(days[0].day, days[-1].day)),
        **summary_fields(figures.summary),
        series=days,
        by_interface=[ShareView.model_validate(share) for share in figures.by_interface],
        top_industries=[ShareView.model_validate(share) for share in figures.top_industries],
        top_enterprises=[ShareView.model_validate(share) for share in figures.top_enterprises],
    )


def _has(header: str, tag: str) -> bool:
    """Whether a client has what carries this tag. If-None-Match compares weakly (RFC 9110 section 13.1.2)."""
    known = {one.strip().removeprefix("W/") for one in header.split(",")}
    return "*" in known or tag.removeprefix("W/") in known
