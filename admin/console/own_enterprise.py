"""The enterprise of whoever is signed in: its record, seen, edited and submitted by itself."""

from __future__ import annotations

from aiohttp import web

from admin.console.enterprise_page import edited, shown
from admin.console.page import ENTERPRISE, Page
from admin.console.visit import Visit
from node.auth import Action

_HERE = "/console/enterprise"


def own_enterprise_pages() -> list[Page]:
    """``/console/enterprise`` and below."""

    async def one(visit: Visit) -> web.StreamResponse:
        return await shown(visit, own_id(visit), _HERE)

    async def people(visit: Visit) -> web.StreamResponse:
        return await shown(visit, own_id(visit), _HERE, people=True)

    async def edit(visit: Visit) -> web.StreamResponse:
        return await edited(visit, own_id(visit), _HERE)

    async def submit(visit: Visit) -> web.StreamResponse:
        done = ("已提交审核", "Submitted for review")
        return await visit.press(
            "POST /v1/enterprises/{enterprise_id}/submit", _HERE, done, enterprise_id=own_id(visit)
        )

    return [
        Page("GET", _HERE, one, Action.ENTERPRISE_READ, ENTERPRISE),
        Page("POST", f"{_HERE}/personal", people, Action.ENTERPRISE_PERSONAL_READ, ENTERPRISE),
        Page("GET", f"{_HERE}/edit", edit, Action.ENTERPRISE_EDIT, ENTERPRISE),
        Page("POST", f"{_HERE}/edit", edit, Action.ENTERPRISE_EDIT, ENTERPRISE),
        Page("POST", f"{_HERE}/submit", submit, Action.ENTERPRISE_SUBMIT, ENTERPRISE),
    ]


def own_id(visit: Visit) -> str:
    """The enterprise of a visitor for whom these pages are."""
    return str(visit.account.enterprise_id)
