"""Who answers for a prefix: its hosting is asked for and decided, its own route is set, removed and tried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.prefixes import here
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError

_ONE = "/console/prefixes/{prefix}"
_V1 = "/v1/prefixes/{prefix}"
_PORTS = ("tcp_port", "udp_port", "http_port")
_SITES = 2
_STEPS = {
    "apply": (Action.HOSTING_APPLY, ("已申请托管，等待审核", "Hosting is applied for and awaits its review")),
    "host": (Action.HOSTING_GRANT, ("已托管", "Hosted")),
    "approve": (Action.HOSTING_REVIEW, ("托管申请已通过", "The hosting is approved")),
    "reject": (Action.HOSTING_REVIEW, ("托管申请已驳回", "The hosting is rejected")),
}


def hosting_pages() -> list[Page]:
    """``/console/prefixes/{prefix}/hosting/…`` and ``/console/prefixes/{prefix}/route``."""

    async def route(visit: Visit) -> web.StreamResponse:
        return await _shown(visit)

    async def save(visit: Visit) -> web.StreamResponse:
        form, prefix = await visit.form(), visit.text("prefix")
        sites = _sites(form)
        try:
            await visit.ask(f"PUT {_V1}/route", prefix=prefix, body={"sites": sites})
        except NodeError as error:
            return await _shown(visit, sites=sites, refusal=Refusal.of(error))
        return visit.go(f"{here(prefix)}/route", ("解析路由已保存", "The route is saved"))

    async def remove(visit: Visit) -> web.StreamResponse:
        prefix = visit.text("prefix")
        done = ("解析路由已删除", "The route is removed")
        return await visit.press(f"DELETE {_V1}/route", f"{here(prefix)}/route", done, prefix=prefix)

    async def check(visit: Visit) -> web.StreamResponse:
        try:
            checked = await visit.ask(f"POST {_V1}/route/checks", prefix=visit.text("prefix"))
        except NodeError as error:
            return visit.go(f"{here(visit.text('prefix'))}/route", refused=error)
        return await _shown(visit, checked=checked)

    return [
        *(Page("POST", f"{_ONE}/hosting/{step}", _press(step), action) for step, (action, _) in _STEPS.items()),
        Page("GET", f"{_ONE}/route", route, Action.PREFIX_READ),
        Page("POST", f"{_ONE}/route", save, Action.ROUTE_EDIT),
        Page("POST", f"{_ONE}/route/remove", remove, Action.ROUTE_EDIT),
        Page("POST", f"{_ONE}/route/checks", check, Action.ROUTE_CHECK),
    ]


async def _shown(
    visit: Visit, *, sites: list[dict[str, Any]] | None = None, refusal: Refusal | None = None, checked: Any = None
) -> web.Response:
    prefix = visit.text("prefix")
    grant = await visit.ask(f"GET {_V1}", prefix=prefix)
    stands = await visit.ask(f"GET {_V1}/route", prefix=prefix)
    rows = [site.model_dump() for site in stands.sites] if sites is None else sites
    rows = [*rows, *({} for _ in range(_SITES - len(rows)))]
    return visit.show(
        "route.html", grant=grant, here=here(prefix), sites=rows, routed=bool(stands.sites), checked=checked,
        refusal=refusal, may_edit=visit.may(Action.ROUTE_EDIT), may_check=visit.may(Action.ROUTE_CHECK),
    )  # fmt: skip


def _sites(form: Form) -> list[dict[str, Any]]:
    """The addresses that were given, with those ports that were."""
    return [
        {
            "address": form.text(f"sites.{number}.address"),
            **{port: form.number(f"sites.{number}.{port}") for port in _PORTS},
        }
        for number in range(_SITES)
        if form.has(f"sites.{number}.address")
    ]


def _press(step: str) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    async def press(visit: Visit) -> web.StreamResponse:
        prefix = visit.text("prefix")
        return await visit.press(
            f"POST {_V1}/hosting/{step}", here(prefix), _STEPS[step][1], body=lambda form: form.given("reason"),
            prefix=prefix,
        )  # fmt: skip

    return press
