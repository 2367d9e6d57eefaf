"""Prefixes: the list, each on a page of its own, applications, and what administrators do to a prefix in use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from admin.console.form import Form, Refusal
from admin.console.page import EVERYBODY, Page
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from registry.api.v1.prefixes import PrefixView
from registry.commerce.quotas import QuotaUnknown
from registry.transitions import HOSTING, PREFIX, EnterpriseState, PrefixState, Verb

_ALL = "/console/prefixes"
_ONE = "/console/prefixes/{prefix}"
_V1 = "/v1/prefixes/{prefix}"
_DONE = {
    Verb.ENABLE: ("前缀已启用", "The prefix is enabled"),
    Verb.SUSPEND: ("前缀已停用", "The prefix is suspended"),
    Verb.RESUME: ("前缀已恢复", "The prefix is resumed"),
    Verb.WITHDRAW: ("前缀已收回", "The prefix is withdrawn"),
}
_HOSTING = (Verb.APPLY, Verb.HOST, Verb.APPROVE, Verb.REJECT)
_OFFERED = 50


def prefix_pages() -> list[Page]:
    """``/console/prefixes`` and below; hosting and routes are in ``hosting.py``."""

    async def listing(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/prefixes", query=visit.query("state", "enterprise_id", "cursor"))
        return visit.show("prefixes.html", found=found, states_of_prefixes=list(PrefixState))

    async def new(visit: Visit) -> web.StreamResponse:
        return await _application(visit)

    async def apply(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {
            "prefix": form.text("prefix") or None,
            "enterprise_id": form.text("enterprise_id") or None,
            "purpose": form.text("purpose"),
            "hosting": form.text("hosting"),
        }
        try:
            made = await visit.ask("POST /v1/prefixes", body=body)
        except NodeError as error:
            return await _application(visit, form, Refusal.of(error))
        said = (f"已申请前缀 {made.prefix}，等待审核", f"Applied for {made.prefix}; it awaits its review")
        return visit.go(here(made.prefix), said)

    async def one(visit: Visit) -> web.StreamResponse:
        return await _shown(visit)

    return [
        Page("GET", _ALL, listing, Action.PREFIX_READ),
        Page("GET", f"{_ALL}/new", new, Action.PREFIX_APPLY),
        Page("POST", f"{_ALL}/new", apply, Action.PREFIX_APPLY),
        Page("GET", _ONE, one, Action.PREFIX_READ),
        *(Page("POST", f"{_ONE}/{verb}", _press(verb), action, EVERYBODY) for verb, action in _actions()),
    ]


def here(prefix: str) -> str:
    """The page of a prefix."""
    return address(_ONE, prefix=prefix)


async def _shown(visit: Visit) -> web.Response:
    prefix = visit.text("prefix")
    grant = await visit.ask(f"GET {_V1}", prefix=prefix)
    route = await visit.ask(f"GET {_V1}/route", prefix=prefix)
    history = await visit.ask(f"GET {_V1}/history", prefix=prefix, query={"limit": 20, **visit.query("cursor")})
    found = await visit.ask("GET /v1/identifiers", query={"prefix": prefix, "count": True, "limit": 1})
    reviews = []
    if visit.may(Action.REVIEW_READ):
        waiting = await visit.ask("GET /v1/reviews", query={"enterprise_id": grant.enterprise_id, "limit": 200})
        reviews = [review for review in waiting.items if review.prefix == grant.prefix]
    return visit.show(
        "prefix.html", here=here(prefix), grant=grant, sites=route.sites, count=found.count,
        quota=await _quota(visit, prefix), deeds=await timeline(visit, history), older=history.next_cursor,
        reviews=reviews, buttons=_buttons(visit, grant), hosting_buttons=_hosting_buttons(visit, grant),
    )  # fmt: skip


async def _application(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
    """The form; the staff first says for which enterprise."""
    enterprise_id = form.text("enterprise_id") if form else visit.request.query.get("enterprise_id", "")
    enterprise, choice = None, None
    if not visit.account.of_enterprise:
        if enterprise_id:
            enterprise = await visit.ask("GET /v1/enterprises/{enterprise_id}", enterprise_id=enterprise_id)
        else:
            choice = await approved(visit)
    said = {name: form.text(name) if form else "" for name in ("prefix", "purpose", "hosting")}
    return visit.show(
        "prefix_new.html", enterprise=enterprise, choice=choice, said=said, refusal=refusal,
        numbered=visit.may(Action.NUMBERING_READ),
    )  # fmt: skip


async def approved(visit: Visit) -> Any:
    """Approved enterprises by a part of the name, to choose one."""
    asked = {"state": EnterpriseState.APPROVED, "limit": _OFFERED, **visit.query("name", "cursor")}
    return await visit.ask("GET /v1/enterprises", query=asked)


async def _quota(visit: Visit, prefix: str) -> Any:
    try:
        return await visit.ask(f"GET {_V1}/quota", prefix=prefix)
    except QuotaUnknown:
        return None


def _press(verb: Verb) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    async def press(visit: Visit) -> web.StreamResponse:
        prefix = visit.text("prefix")
        return await visit.press(
            f"POST {_V1}/{verb}", here(prefix), _DONE[verb], body=lambda form: form.given("reason"), prefix=prefix
        )

    return press


def _actions() -> list[tuple[Verb, Action]]:
    return [(verb, action) for verb in _DONE if (action := PREFIX[verb].action) is not None]


def _buttons(visit: Visit, grant: PrefixView) -> list[tuple[str, bool]]:
    """What the visitor may do in this state, and whether it needs a reason; nobody here resumes from above."""
    return [
        (str(verb), PREFIX[verb].needs_reason)
        for verb, action in _actions()
        if visit.may(action)
        and grant.state in PREFIX[verb].to
        and not (verb is Verb.RESUME and grant.suspended_from_above)
    ]


def _hosting_buttons(visit: Visit, grant: PrefixView) -> list[str]:
    if grant.state is not PrefixState.ENABLED:
        return []
    return [
        str(verb)
        for verb in _HOSTING
        if (action := HOSTING[verb].action) and visit.may(action) and grant.hosting in HOSTING[verb].to
    ]
