"""Statistics: series, distributions, times to the answer, flags, and what the figures rest on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from admin.console.form import Refusal
from admin.console.page import STAFF, Page
from admin.console.series import points_of
from admin.console.visit import Visit
from node.auth import Action
from node.errors import Malformed

_DAYS = ("since", "until")
_SCOPE = (*_DAYS, "enterprise_id", "prefix")
_RESOLUTIONS = "GET /v1/statistics/resolutions"
_REGISTRATIONS = "GET /v1/statistics/registrations"
_MOST_ENTERPRISES = 200


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the statistics; ``staff``: of no use to enterprises."""

    path: str
    zh: str
    en: str
    staff: bool = False


TABS = (
    Tab("/console/statistics", "解析量", "Resolutions"),
    Tab("/console/statistics/registrations", "注册量", "Registrations"),
    Tab("/console/statistics/distribution", "分布", "Distribution"),
    Tab("/console/statistics/quality", "时延与异常标记", "Latency and flags"),
    Tab("/console/statistics/enterprises", "企业", "Enterprises", staff=True),
    Tab("/console/statistics/basis", "口径、缺口与日结", "Rules, gaps, closed days"),
)


def statistics_pages() -> list[Page]:
    """Every page under ``/console/statistics``."""
    return [
        Page("GET", "/console/statistics", _resolutions, Action.STATISTICS_READ),
        Page("GET", "/console/statistics/registrations", _registrations, Action.STATISTICS_READ),
        Page("GET", "/console/statistics/distribution", _distribution, Action.STATISTICS_READ),
        Page("GET", "/console/statistics/quality", _quality, Action.STATISTICS_READ),
        Page("GET", "/console/statistics/basis", _basis, Action.STATISTICS_READ),
        Page("GET", "/console/statistics/days/{day}", _day, Action.NODE_STATISTICS_READ, STAFF),
        Page("GET", "/console/statistics/enterprises", _enterprises, Action.NODE_STATISTICS_READ, STAFF),
    ]


async def _resolutions(visit: Visit) -> web.StreamResponse:
    query = visit.query("by", "interface", "outcome", *_SCOPE)

    async def asked() -> dict[str, Any]:
        found = await visit.ask(_RESOLUTIONS, query=query)
        return {"found": found, "points": points_of(found.by, found), "table": _table(_RESOLUTIONS, query)}

    return await _shown(visit, "statistics_resolutions.html", query, asked)


async def _registrations(visit: Visit) -> web.StreamResponse:
    query = visit.query("by", "template_id", *_SCOPE)

    async def asked() -> dict[str, Any]:
        found = await visit.ask(_REGISTRATIONS, query=query)
        return {"found": found, "points": points_of(found.by, found), "table": _table(_REGISTRATIONS, query)}

    return await _shown(visit, "statistics_registrations.html", query, asked)


async def _distribution(visit: Visit) -> web.StreamResponse:
    query = visit.query(*_SCOPE)

    async def asked() -> dict[str, Any]:
        found, hours = await asyncio.gather(
            visit.ask("GET /v1/statistics/resolutions/distribution", query=query),
            visit.ask("GET /v1/statistics/resolutions/hours", query=query),
        )
        return {"found": found, "hours": hours.items}

    return await _shown(visit, "statistics_distribution.html", query, asked)


async def _quality(visit: Visit) -> web.StreamResponse:
    query = visit.query(*_SCOPE)

    async def asked() -> dict[str, Any]:
        latency, flags = await asyncio.gather(
            visit.ask("GET /v1/statistics/resolutions/latency", query=query),
            visit.ask("GET /v1/statistics/resolutions/flags", query=query),
        )
        return {"found": latency, "flags": flags}

    return await _shown(visit, "statistics_quality.html", query, asked)


async def _basis(visit: Visit) -> web.StreamResponse:
    query = visit.query(*_DAYS)

    async def asked() -> dict[str, Any]:
        rules, gaps = await asyncio.gather(
            visit.ask("GET /v1/statistics/rules"),
            visit.ask("GET /v1/statistics/gaps", query={**query, **visit.query("cursor"), "limit": 50}),
        )
        staff = visit.may(Action.NODE_STATISTICS_READ)
        return {
            "found": gaps, "rules": rules.items,
            "days": await visit.ask("GET /v1/statistics/days", query=query) if staff else None,
        }  # fmt: skip

    return await _shown(visit, "statistics_basis.html", query, asked)


async def _day(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/statistics/days/{day}", day=visit.text("day"))
    return visit.show("statistics_day.html", tabs=_tabs(visit), found=found)


async def _enterprises(visit: Visit) -> web.StreamResponse:
    query = visit.query("at", "only")

    async def asked() -> dict[str, Any]:
        return {
            "found": await visit.ask(
                "GET /v1/statistics/enterprises", query={**query, **visit.query("cursor"), "limit": 50}
            )
        }

    return await _shown(visit, "statistics_enterprises.html", query, asked)


async def _shown(
    visit: Visit, template: str, query: Mapping[str, str], asked: Callable[[], Awaitable[Mapping[str, Any]]]
) -> web.Response:
    """A page of filters with what they found; a question that has faults is shown beside its fields."""
    values: Mapping[str, Any] = {"found": None}
    refusal = None
    try:
        values = await asked()
    except Malformed as error:
        refusal = Refusal.of(error)
    enterprises = []
    if visit.may(Action.NODE_STATISTICS_READ):
        listed = await visit.ask("GET /v1/enterprises", query={"limit": _MOST_ENTERPRISES})
        enterprises = [(one.enterprise_id, one.name) for one in listed.items]
    return visit.show(template, refusal=refusal, query=query, tabs=_tabs(visit), enterprises=enterprises, **values)


def _tabs(visit: Visit) -> list[Tab]:
    return [tab for tab in TABS if not tab.staff or visit.may(Action.NODE_STATISTICS_READ)]


def _table(operation: str, query: Mapping[str, str]) -> str:
    """Where the same rows are as a table for spreadsheets."""
    return f"/console{operation.partition(' ')[2]}?{urlencode({**query, 'format': 'csv'})}"
