"""Scopes (公开范围): which attributes of a class are public, and identifiers that say otherwise."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aiohttp import web

from admin.console.choosing import by_name, definition_of, published_templates
from admin.console.form import Refusal
from admin.console.grants import ALL, named_owner, of_owner, whose
from admin.console.identities import parts_of
from admin.console.page import Page
from admin.console.visit import Visit
from node.auth import Action
from node.errors import NodeError

_HERE = f"{ALL}/scopes"
_V1 = "/v1/identifier-scopes/{prefix}/{suffix}"
_REST = "*"
_PLACE = "readable."


def scope_pages() -> list[Page]:
    """``/console/grants/scopes``: ``?template=`` for a class, ``?identifier=`` for one identifier."""

    async def look(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, visit.request.query.get("enterprise_id", ""))

    async def set_class(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        owner, template = form.text("enterprise_id"), form.text("template")
        names = [_REST, *form.texts("names")]
        readable = {name: form.text(_PLACE + name) or None for name in names}
        body = {"template": template, "readable": readable, **named_owner(owner)}
        back = of_owner(_HERE, owner, template=template)
        try:
            await visit.ask("PUT /v1/class-scopes", body=body)
        except NodeError as error:
            return visit.go(back, refused=error)
        return visit.go(back, ("公开范围已更改，解析随即照此回答", "Changed: resolution answers so from now on"))

    async def set_identifier(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        identifier, body = form.text("identifier"), {"readable": form.text("readable")}
        back = of_owner(_HERE, form.text("enterprise_id"), identifier=identifier)
        try:
            await visit.ask(f"PUT {_V1}", body=body, **parts_of(identifier))
        except NodeError as error:
            return visit.go(back, refused=error)
        return visit.go(back, ("标识的公开范围已更改", "The scope of the identifier is changed"))

    return [
        Page("GET", _HERE, look, Action.GRANT_READ),
        Page("POST", _HERE, set_class, Action.GRANT_EDIT),
        Page("POST", f"{_HERE}/identifier", set_identifier, Action.GRANT_EDIT),
    ]


async def _shown(visit: Visit, owner: str) -> web.Response:
    named = owner or str(visit.account.enterprise_id or "")
    asked = visit.query("template", "identifier")
    scopes: list[Any] = []
    templates: dict[str, Any] = {}
    refusal, scope = None, None
    try:
        if named:
            scopes = list((await visit.ask("GET /v1/class-scopes", query=named_owner(owner))).items)
            templates = by_name(await published_templates(visit), UUID(named))
        if "identifier" in asked:
            scope = await visit.ask(f"GET {_V1}", **parts_of(asked["identifier"]))
    except NodeError as error:
        refusal = Refusal.of(error)
    chosen = templates.get(asked.get("template", ""))
    said: dict[str, str] = next((one.readable for one in scopes if one.template == asked.get("template")), {})
    return visit.show(
        "scopes.html", refusal=refusal, scopes=scopes, templates=templates, chosen=chosen, said=said, scope=scope,
        attributes=definition_of(chosen).attributes if chosen else [], identifier=asked.get("identifier", ""),
        tab="scopes", named=named, edit=visit.may(Action.GRANT_EDIT), **await whose(visit, owner),
    )  # fmt: skip
