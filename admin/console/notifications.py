"""What the node told the visitor, and what of it has been read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import web

from admin.console.page import Page
from admin.console.visit import Visit
from node.auth import Action, Role
from node.errors import NodeError, NotFound

_ALL = "/console/notifications"
_ROWS = 50
_STAFF = {
    "review_id": "/console/reviews/{}",
    "transfer_id": "/console/transfers/{}",
    "service_request_id": "/console/requests/{}",
    "enterprise_id": "/console/enterprises/{}",
    "prefix": "/console/prefixes/{}",
}
_ENTERPRISE = {name: place for name, place in _STAFF.items() if name not in ("review_id", "enterprise_id")}
_OF_REVIEW = {"enterprise": "/console/enterprise", "transfer": "/console/transfers"}


def notification_pages() -> list[Page]:
    """``/console/notifications``."""

    async def listing(visit: Visit) -> web.StreamResponse:
        query = visit.query("cursor", "unread")
        found = await visit.ask("GET /v1/notifications", query={"limit": _ROWS, **query})
        of_enterprise = visit.account.role is Role.ENTERPRISE_USER
        rows = [(one, place_of(one.kind, one.body, of_enterprise=of_enterprise)) for one in found.items]
        return visit.show("notifications.html", rows=rows, found=found, unread="unread" in query)

    async def mark(visit: Visit) -> web.StreamResponse:
        """One, or all of the page that was looked at."""
        try:
            for number in (await visit.form()).texts("notification_id")[:_ROWS]:
                await _mark(visit, number)
        except NodeError as error:
            return visit.go(_ALL, refused=error)
        return visit.go(_ALL, ("已标为已读", "Marked as read"))

    return [
        Page("GET", _ALL, listing, Action.NOTIFICATION_READ),
        Page("POST", f"{_ALL}/read", mark, Action.NOTIFICATION_READ),
    ]


def place_of(kind: str, body: Mapping[str, Any], *, of_enterprise: bool) -> str:
    """The page that a notification is about, "" where there is none."""
    for name, place in (_ENTERPRISE if of_enterprise else _STAFF).items():
        if isinstance(body.get(name), str | int):
            return place.format(quote(str(body[name]), safe=""))
    if not of_enterprise:
        return ""
    if kind.startswith("review."):
        return _OF_REVIEW.get(str(body.get("subject_kind")), "/console/prefixes")
    return "/console/enterprise" if kind == "enterprise.validity" else ""


async def _mark(visit: Visit, number: str) -> None:
    try:
        await visit.ask("POST /v1/notifications/{notification_id}/read", notification_id=number)
    except NotFound:
        return  # it is no longer kept: nothing is left to read
