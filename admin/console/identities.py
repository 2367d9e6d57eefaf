"""Application identities (应用身份): accounts of programs, known by a handle."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.choosing import prefixes_of
from admin.console.form import Form, Refusal
from admin.console.grants import ALL, named_owner, of_owner, whose
from admin.console.page import Page
from admin.console.visit import Visit, address
from node.auth import Action, may
from node.errors import NodeError

_HERE = f"{ALL}/identities"
_V1 = "/v1/application-identities/{prefix}/{suffix}"
_ONE = f"{_HERE}/one?handle={{handle}}"
"""A handle stands in the query, as identifiers do."""


def identity_pages() -> list[Page]:
    """``/console/grants/identities``."""

    async def listing(visit: Visit) -> web.StreamResponse:
        return await _listed(visit, visit.request.query.get("enterprise_id", ""))

    async def create(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {"handle": form.text("handle"), "title": form.text("title"), **form.given("public_key", "password")}
        try:
            made = await visit.ask("POST /v1/application-identities", body=body)
        except NodeError as error:
            return await _listed(visit, form.text("enterprise_id"), form, error)
        return visit.go(address(_ONE, handle=made.handle), ("应用身份已新建", "The application identity is made"))

    async def one(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, visit.request.query.get("handle", ""))

    async def change(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        handle = form.text("handle")
        body = {"title": form.text("title"), "public_key": form.text("public_key") or None}
        try:
            await visit.ask(f"PUT {_V1}", body=body, **parts_of(handle))
        except NodeError as error:
            return await _shown(visit, handle, form, error)
        return visit.go(address(_ONE, handle=handle), ("已保存", "Saved"))

    async def turn(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        handle = form.text("handle")
        verb, done = "disable", ("已停用，令牌与密钥即刻失效", "Disabled: tokens and key are dead")
        if form.has("enable"):
            verb, done = "enable", ("已启用", "Enabled")
        return await visit.press(f"POST {_V1}/{verb}", address(_ONE, handle=handle), done, **parts_of(handle))

    return [
        Page("GET", _HERE, listing, Action.IDENTITY_READ),
        Page("POST", _HERE, create, Action.IDENTITY_EDIT),
        Page("GET", f"{_HERE}/one", one, Action.IDENTITY_READ),
        Page("POST", f"{_HERE}/one", change, Action.IDENTITY_EDIT),
        Page("POST", f"{_HERE}/turn", turn, Action.IDENTITY_EDIT),
    ]


def parts_of(handle: str) -> dict[str, Any]:
    """A handle as parameters of a path."""
    prefix, _, suffix = handle.partition("/")
    return {"prefix": prefix, "suffix": suffix}


async def _listed(visit: Visit, owner: str, form: Form | None = None, error: NodeError | None = None) -> web.Response:
    found = await visit.ask("GET /v1/application-identities", query={**named_owner(owner), **visit.query("cursor")})
    said = {name: form.text(name) if form else "" for name in ("handle", "title", "public_key")}
    prefixes = await prefixes_of(visit, state="enabled", enterprise_id=owner or visit.account.enterprise_id)
    return visit.show(
        "identities.html", refusal=Refusal.of(error) if error else None, found=found, said=said, tab="identities",
        prefixes=prefixes, edit=visit.may(Action.IDENTITY_EDIT), here=of_owner(_HERE, owner),
        **await whose(visit, owner),
    )  # fmt: skip


async def _shown(visit: Visit, handle: str, form: Form | None = None, error: NodeError | None = None) -> web.Response:
    found = await visit.ask(f"GET {_V1}", **parts_of(handle))
    said = {name: form.text(name) if form else getattr(found, name) or "" for name in ("title", "public_key")}
    return visit.show(
        "identity.html", refusal=Refusal.of(error) if error else None, found=found, said=said,
        edit=may(visit.account, Action.IDENTITY_EDIT, found.enterprise_id),
    )  # fmt: skip
