"""Quotas of prefixes: how much may be registered, how much is."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from registry.commerce.quotas import QuotaUnknown

_ROWS = 20
_ONE = "/console/quotas/{prefix}"
_OPERATION = "/v1/prefixes/{prefix}/quota"


def quota_pages() -> list[Page]:
    """``/console/quotas`` and one page a prefix."""

    async def quota_of(visit: Visit, prefix: str) -> Any:
        try:
            return await visit.ask(f"GET {_OPERATION}", prefix=prefix)
        except QuotaUnknown:
            return None

    async def listing(visit: Visit) -> web.StreamResponse:
        asked = visit.query("prefix").get("prefix")
        if asked:
            return visit.go(address(_ONE, prefix=asked))
        found = await visit.ask("GET /v1/prefixes", query={"limit": _ROWS, **visit.query("cursor", "enterprise_id")})
        rows = [(grant, await quota_of(visit, grant.prefix)) for grant in found.items]
        return visit.show("quotas.html", rows=rows, next_cursor=found.next_cursor)

    async def shown(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
        grant = await visit.ask("GET /v1/prefixes/{prefix}", prefix=visit.text("prefix"))
        quota = await quota_of(visit, grant.prefix)
        if form is None:
            bounds = {} if quota is None else quota.model_dump(include={"identifiers", "daily_registrations"})
            form = Form(MultiDict({name: str(bound) for name, bound in bounds.items() if bound is not None}))
        return visit.show("quota.html", grant=grant, quota=quota, form=form, refusal=refusal)

    async def one(visit: Visit) -> web.StreamResponse:
        return await shown(visit)

    async def replace(visit: Visit) -> web.StreamResponse:
        form, prefix = await visit.form(), visit.text("prefix")
        body = {name: form.number(name) for name in ("identifiers", "daily_registrations", "version")}
        try:
            await visit.ask(f"PUT {_OPERATION}", prefix=prefix, body=body)
        except NodeError as error:
            return await shown(visit, form, Refusal.of(error))
        return visit.go(address(_ONE, prefix=prefix), ("配额已保存", "The quota is saved"))

    async def remove(visit: Visit) -> web.StreamResponse:
        prefix, back = visit.text("prefix"), address(_ONE, prefix=visit.text("prefix"))
        version = (await visit.form()).text("version")
        try:
            await visit.ask(f"DELETE {_OPERATION}", prefix=prefix, query={"version": version})
        except NodeError as error:
            return visit.go(back, refused=error)
        return visit.go(back, ("配额已取消", "The prefix has no quota any more"))

    return [
        Page("GET", "/console/quotas", listing, Action.QUOTA_READ),
        Page("GET", _ONE, one, Action.QUOTA_READ),
        Page("POST", _ONE, replace, Action.QUOTA_EDIT),
        Page("POST", f"{_ONE}/remove", remove, Action.QUOTA_EDIT),
    ]
