"""The link to the node above (国家顶级节点对接): how it stands, what was refused, what was instructed."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin.console.page import STAFF, Page
from admin.console.visit import Visit
from node.auth import Action


@dataclass(frozen=True, slots=True)
class Tab:
    path: str
    zh: str
    en: str


TABS = (
    Tab("/console/national", "连接状态", "State"),
    Tab("/console/national/refused", "拒收的上报", "Refused reports"),
    Tab("/console/national/instructions", "上级指令", "Instructions"),
)


def national_pages() -> list[Page]:
    """Every page under ``/console/national``."""

    async def state(visit: Visit) -> web.StreamResponse:
        return visit.show("national.html", tabs=TABS, national=await visit.ask("GET /v1/national"))

    async def refused(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/national/refused", query=visit.query("cursor", "limit"))
        return visit.show("national_refused.html", tabs=TABS, found=found)

    async def instructions(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/national/instructions", query=visit.query("cursor", "limit"))
        return visit.show("national_instructions.html", tabs=TABS, found=found)

    return [
        Page("GET", "/console/national", state, Action.NATIONAL_READ, STAFF),
        Page("GET", "/console/national/refused", refused, Action.NATIONAL_READ, STAFF),
        Page("GET", "/console/national/instructions", instructions, Action.NATIONAL_READ, STAFF),
    ]
