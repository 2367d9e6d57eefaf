"""Acceptance: how far the node is with what a place asks for, criterion by criterion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from admin.console.form import Refusal
from admin.console.page import STAFF, Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_ROOT = "/console/acceptance"
_FORETOLD_DAYS = 90
"""Of a chart: what is foretold for a later day is said in words only."""
_HIGH = 4
"""A threshold that lies so many times above the values is not drawn: they would be one line at the bottom."""


@dataclass(frozen=True, slots=True)
class Point:
    """A day of a chart: the figure, or what is foretold of it; and the threshold."""

    day: date
    value: float | None
    foretold: float | None
    threshold: int | None


def acceptance_pages() -> list[Page]:
    """``/console/acceptance``."""

    async def shown(visit: Visit) -> web.StreamResponse:
        profiles = await visit.ask("GET /v1/acceptance/profiles")
        query = visit.query("profile", "at")
        found, refusal = None, None
        try:
            found = await visit.ask("GET /v1/acceptance", query=query)
        except NodeError as error:
            refusal = Refusal.of(error)
        return visit.show(
            "acceptance.html", profiles=profiles.items, query=query, found=found, refusal=refusal,
            charts={one.id: list(points_of(one)) for one in found.criteria} if found else {},
            may_make=visit.may(Action.REPORT_MAKE),
        )  # fmt: skip

    async def make(visit: Visit) -> web.StreamResponse:
        return await visit.press(
            "POST /v1/reports",
            lambda made: address("/console/reports/{report_id}", report_id=made.report_id),
            ("验收报告已制作", "The acceptance report is made"),
            body=lambda form: {"kind": "acceptance", "profile": form.text("profile"), "until": form.text("until")},
        )

    return [
        Page("GET", _ROOT, shown, Action.ACCEPTANCE_READ, STAFF),
        Page("POST", f"{_ROOT}/report", make, Action.REPORT_MAKE, STAFF),
    ]


def points_of(criterion: Any) -> Iterator[Point]:
    """The last 60 days of a figure, and the way to the threshold where it is foretold for soon: a straight line."""
    highest = max((point.value for point in criterion.series), default=0)
    threshold = criterion.threshold if criterion.threshold <= _HIGH * highest else None
    for point in criterion.series[:-1]:
        yield Point(point.day, point.value, None, threshold)
    if not criterion.series:
        return
    last = criterion.series[-1]
    day = criterion.forecast.day if criterion.forecast and not criterion.met else None
    ahead = (day - last.day).days if day else 0
    if not 0 < ahead <= _FORETOLD_DAYS:
        yield Point(last.day, last.value, None, threshold)
        return
    yield Point(last.day, last.value, last.value, criterion.threshold)
    for passed in range(1, ahead + 1):
        foretold = last.value + (criterion.threshold - last.value) * passed / ahead
        yield Point(last.day + timedelta(days=passed), None, round(foretold, 2), criterion.threshold)
