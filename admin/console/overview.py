"""The first page: for the staff how the node does today and where to look, for an enterprise where it stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from admin.console.page import Page
from admin.console.series import every_day
from admin.console.visit import Visit
from node.auth import Action
from node.china_time import day_of
from node.errors import NodeError

_MOST = 10


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at, in both languages, and the page that has it."""

    zh: str
    en: str
    path: str
    grave: bool = False
    for_whom: Action | None = None


def overview_pages() -> list[Page]:
    """``/console``."""

    async def overview(visit: Visit) -> web.StreamResponse:
        return await (_of_enterprise if visit.account.of_enterprise else _of_node)(visit)

    return [Page("GET", "/console", overview, Action.STATISTICS_READ)]


async def _of_node(visit: Visit) -> web.StreamResponse:
    summary = await visit.ask("GET /v1/statistics")
    today = {"since": summary.until, "until": summary.until}
    resolved, registered, outcomes, top, latency, tasks, measured, national, acceptance = await asyncio.gather(
        visit.ask("GET /v1/statistics/resolutions", query={"by": "day"}),
        visit.ask("GET /v1/statistics/registrations", query={"by": "day"}),
        visit.ask("GET /v1/statistics/resolutions", query={"by": "outcome", **today}),
        visit.ask("GET /v1/statistics/resolutions/top", query={"of": "prefix", "limit": _MOST}),
        _or_refusal(visit, "GET /v1/statistics/resolutions/latency", today),
        visit.ask("GET /v1/node/tasks"),
        visit.ask("GET /v1/node/measurements"),
        visit.ask("GET /v1/national"),
        _or_refusal(visit, "GET /v1/acceptance"),
    )
    return visit.show(
        "overview.html", summary=summary, resolved=every_day(resolved), registered=every_day(registered),
        outcomes=outcomes.items, top=top.items, latency=latency, tasks=tasks, measured=measured, national=national,
        acceptance=acceptance, alerts=[
            alert for alert in alerts_of(tasks, national, summary)
            if alert.for_whom is None or visit.may(alert.for_whom)
        ],
    )  # fmt: skip


async def _of_enterprise(visit: Visit) -> web.StreamResponse:
    summary, resolved, registered, prefixes, batches, enterprise = await asyncio.gather(
        visit.ask("GET /v1/statistics"),
        visit.ask("GET /v1/statistics/resolutions", query={"by": "day"}),
        visit.ask("GET /v1/statistics/registrations", query={"by": "day"}),
        visit.ask("GET /v1/prefixes", query={"limit": _MOST}),
        visit.ask("GET /v1/batches", query={"limit": 5}),
        visit.ask("GET /v1/enterprises/{enterprise_id}", enterprise_id=visit.account.enterprise_id),
    )
    ends = min(enterprise.profile.ends().values(), default=None)
    return visit.show(
        "overview_enterprise.html", summary=summary, resolved=every_day(resolved), registered=every_day(registered),
        prefixes=prefixes.items, batches=batches.items, enterprise=enterprise,
        days_left=None if ends is None else (ends - day_of(summary.as_of)).days,
    )  # fmt: skip


def alerts_of(tasks: Any, national: Any, summary: Any) -> list[Alert]:
    """What of the node's numbers asks for somebody, the grave first."""
    link, missing = national.link, len(summary.last_30_days.missing)
    told = (
        (link.health in ("failing", "silent"),
         Alert("与国家顶级节点的连接中断", "The link to the national node is down", "/console/national", grave=True)),
        (national.takeover is not None and not national.takeover.drill,
         Alert("国家顶级节点正在应急接管本节点的解析", "The national node answers for this node (takeover)",
               "/console/national", grave=True)),
        (tasks.messages_refused,
         Alert(f"国家顶级节点拒收 {tasks.messages_refused} 条上报",
               f"{tasks.messages_refused} reports were refused by the national node", "/console/national/refused",
               grave=True)),
        (tasks.requests_overdue,
         Alert(f"{tasks.requests_overdue} 件服务请求或投诉已逾期",
               f"{tasks.requests_overdue} requests or complaints are overdue", "/console/requests", grave=True)),
        (tasks.enterprises_ended,
         Alert(f"{tasks.enterprises_ended} 家企业的证件已过有效期",
               f"The papers of {tasks.enterprises_ended} enterprises have ended", "/console/enterprises")),
        (tasks.enterprises_ending,
         Alert(f"{tasks.enterprises_ending} 家企业的证件将在 30 日内到期",
               f"The papers of {tasks.enterprises_ending} enterprises end within 30 days", "/console/enterprises")),
        (tasks.gaps,
         Alert(f"近 30 日有 {tasks.gaps} 段计数缺口", f"{tasks.gaps} gaps in counting within 30 days",
               "/console/statistics/basis")),
        (missing,
         Alert(f"前 30 个整日中有 {missing} 日没有解析数据，按 0 计入日均",
               f"{missing} of the last 30 whole days counted nothing and stand as 0 in the mean",
               "/console/statistics")),
        (tasks.instructions_open,
         Alert(f"{tasks.instructions_open} 条上级指令未办结", f"{tasks.instructions_open} instructions are open",
               "/console/national/instructions")),
        (tasks.uploads_waiting,
         Alert(f"{tasks.uploads_waiting} 份主管部门上报尚未送达",
               f"{tasks.uploads_waiting} uploads to the authority are waiting", "/console/uploads",
               for_whom=Action.UPLOAD_READ)),
    )  # fmt: skip
    return [alert for raised, alert in told if raised]


async def _or_refusal(visit: Visit, operation: str, query: dict[str, object] | None = None) -> Any:
    """What an operation answers, or why it does not: one part of a page is not the whole."""
    try:
        return await visit.ask(operation, query=query)
    except NodeError as error:
        return error
