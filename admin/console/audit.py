"""The audit trail: who did what, when and through which door, with the evidence for each entry."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date, timedelta
from urllib.parse import urlencode

from aiohttp import web

from admin.audit.views import AuditEntryView, AuditList
from admin.console.audit_words import ACTIONS, INTERFACES, KINDS, words_of_action, words_of_interface, words_of_kind
from admin.console.enterprise_words import Words
from admin.console.form import Refusal
from admin.console.page import STAFF, Page
from admin.console.timeline import changes_of
from admin.console.visit import Visit, address
from node.auth import Action
from node.china_time import midnight
from node.errors import NodeError

_FILTERS = ("account", "interface", "action", "kind", "subject", "prefix", "of")
# Where a thing has a page of its own.
PAGES = {
    "account": "/console/accounts/{id}",
    "enterprise": "/console/enterprises/{id}",
    "prefix_transfer": "/console/transfers/{id}",
    "order": "/console/orders/{id}",
    "fee_plan": "/console/orders/plans/{id}",
    "document": "/console/documents/{id}",
    "upload": "/console/uploads/{id}",
    "review": "/console/reviews/{id}",
    "service_request": "/console/requests/{id}",
    "recount": "/console/recount/{id}",
    "report": "/console/reports/{id}",
    "coding_rule": "/console/coding-rules/{id}",
    "template": "/console/templates/{id}",
    "counted_day": "/console/statistics/days/{id}",
}


def audit_pages() -> list[Page]:
    """``/console/audit`` and one page an entry."""

    async def listing(visit: Visit) -> web.StreamResponse:
        asked = {**visit.query(*_FILTERS), **_moments(visit)}
        refusal = None
        try:
            found = await visit.ask("GET /v1/audit", query={"limit": 50, **asked, **visit.query("cursor")})
        except NodeError as error:
            found = AuditList(items=[], next_cursor=None, searched_to=None)
            refusal = Refusal.of(error)
        return visit.show(
            "audit.html", found=found, refusal=refusal, given=visit.request.query, place=_place,
            action_words=words_of_action, kind_words=words_of_kind, interface_words=words_of_interface,
            actions=_offered(visit, "action", ACTIONS), kinds=_offered(visit, "kind", KINDS),
            interfaces=_offered(visit, "interface", INTERFACES), table=_table(asked),
        )  # fmt: skip

    async def one(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/audit/{audit_entry}", audit_entry=visit.text("audit_entry"))
        item = found.item
        return visit.show(
            "audit_entry.html", found=found, item=item, place=_place(item),
            changes=list(changes_of(visit.t, item.before, item.after)),
            action_words=words_of_action, kind_words=words_of_kind, interface_words=words_of_interface,
        )  # fmt: skip

    return [
        Page("GET", "/console/audit", listing, Action.AUDIT_READ, STAFF),
        Page("GET", "/console/audit/{audit_entry}", one, Action.AUDIT_READ, STAFF),
    ]


def _moments(visit: Visit) -> dict[str, str]:
    """Days of China as moments, the last one included; what is no day is left for the operation to refuse."""
    said = visit.query("since", "until")
    for name, passed in (("since", 0), ("until", 1)):
        with contextlib.suppress(KeyError, ValueError, OverflowError):
            said[name] = midnight(date.fromisoformat(said[name]) + timedelta(days=passed)).isoformat()
    return said


def _offered(visit: Visit, name: str, known: Mapping[str, Words]) -> list[tuple[str, str]]:
    """Options of a choice; the first asks for all. What the address asks for beside them is offered too."""
    asked = visit.query(name).get(name)
    others = [(asked, asked)] if asked and asked not in known else []
    return [("", visit.t("全部", "all")), *others, *((word, visit.t(*words)) for word, words in known.items())]


def _table(asked: dict[str, str]) -> str:
    """The address of the same as CSV, "" unless both days are given."""
    return f"/console/v1/audit/table?{urlencode(asked)}" if {"since", "until"} <= asked.keys() else ""


def _place(item: AuditEntryView) -> str:
    """The page of what it happened to, "" where it has none."""
    if item.subject_kind == "identifier":
        return f"/console/identifiers?{urlencode({'q': item.subject_id})}"
    if item.subject_kind == "prefix" and isinstance(item.after, dict) and isinstance(item.after.get("prefix"), str):
        return address("/console/prefixes/{id}", id=item.after["prefix"])
    page = PAGES.get(item.subject_kind)
    return address(page, id=item.subject_id) if page else ""
