"""Data authorisation (数据授权): what an enterprise lets others read and write, and what it was let."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from aiohttp import web

from admin.console.choosing import by_name, definition_of, published_templates
from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.rows import lines_of, named_as_fields
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError

ALL = "/console/grants"
_MOST = 200
"""Identities and groups that are offered; whoever has more types the handle."""


def grant_pages() -> list[Page]:
    """``/console/grants``; applications, groups and scopes are in modules of their own below it."""

    async def listing(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, visit.request.query.get("enterprise_id", ""))

    async def grant(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        try:
            await visit.ask("POST /v1/data-grants", body=_body(form))
        except NodeError as error:
            return await _shown(visit, form.text("enterprise_id"), form, error)
        done = ("已授权，对方会收到通知", "Granted; whom it is for is told")
        return visit.go(of_owner(ALL, form.text("enterprise_id")), done)

    async def revoke(visit: Visit) -> web.StreamResponse:
        back = of_owner(ALL, (await visit.form()).text("enterprise_id"))
        return await visit.press("POST /v1/data-grants/revocations", back, ("授权已收回", "Taken back"), body=_body)

    return [
        Page("GET", ALL, listing, Action.GRANT_READ),
        Page("POST", ALL, grant, Action.GRANT_EDIT),
        Page("POST", f"{ALL}/revoke", revoke, Action.GRANT_EDIT),
    ]


def of_owner(path: str, owner: str, **more: str) -> str:
    """The address of a page about an enterprise's data; its own account need not say whose."""
    try:
        said = {"enterprise_id": str(UUID(owner)), **more} if owner else more
    except ValueError:
        said = more
    return f"{path}?{urlencode(said)}" if said else path


def named_owner(owner: str) -> dict[str, str]:
    """For a body or query of an operation, which knows the enterprise of an account by itself."""
    return {"enterprise_id": owner} if owner else {}


async def whose(visit: Visit, owner: str) -> dict[str, Any]:
    """What the pages of the staff need to say whose data they show."""
    return {"owner": owner, "choice": await to_choose(visit, owner), "sought": sought(visit)}


def _body(form: Form) -> dict[str, Any]:
    """One grant: about a class or an identifier, whichever was filled in."""
    said: dict[str, Any] = {"access": form.text("access"), "to": lines_of(form.text("to")) + form.texts("offered")}
    if attributes := form.texts("attributes"):
        said["attributes"] = attributes
    return said | form.given("template", "identifier", "enterprise_id")


async def _shown(visit: Visit, owner: str, form: Form | None = None, error: NodeError | None = None) -> web.Response:
    query = {**named_owner(owner), **visit.query("received", "template", "identifier", "cursor")}
    found = await visit.ask("GET /v1/data-grants", query=query)
    given = {name: visit.request.query.get(name, "") for name in ("template", "identifier")}
    said = {
        name: form.text(name) if form else given.get(name, "") for name in ("template", "identifier", "access", "to")
    }
    named = owner or str(visit.account.enterprise_id or "")
    templates, offered = {}, []
    if named and visit.may(Action.GRANT_EDIT):
        templates = by_name(await published_templates(visit), UUID(named))
        offered = await _offered(visit, named)
    chosen = templates.get(said["template"])
    return visit.show(
        "grants.html", refusal=named_as_fields(Refusal.of(error)) if error else None, found=found, said=said,
        ticked=form.texts("attributes") if form else [], picked=form.texts("offered") if form else [],
        received=visit.request.query.get("received") == "true", templates=templates, offered=offered,
        attributes=definition_of(chosen).attributes if chosen else [], tab="grants",
        names=await names_of(visit, [one.enterprise_id for one in found.items]), named=named,
        edit=bool(named) and visit.may(Action.GRANT_EDIT), **await whose(visit, owner),
    )  # fmt: skip


async def _offered(visit: Visit, owner: str) -> list[tuple[str, str]]:
    """Own applications, own groups and imported ones: (handle, title)."""
    query = {"enterprise_id": owner, "limit": _MOST}
    applications = await visit.ask("GET /v1/application-identities", query=query)
    groups = await visit.ask("GET /v1/identity-groups", query=query)
    return [(one.handle, one.title) for one in (*groups.items, *applications.items)]
