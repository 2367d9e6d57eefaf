"""One identifier (标识详情): its data by the words of its template, what refers to it, its history, what the public
gets for it; suspended, resumed and deleted here.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from admin.console.choosing import template_of
from admin.console.identifier_history import History, history_of
from admin.console.identifiers import ONE
from admin.console.page import Page
from admin.console.timeline import account_names
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError, NotFound
from node.identifier import Identifier
from registry.templates.attributes import Kind
from registry.templates.template import Template

_REFERRERS = 20
_FILES = 10
_SHOWN_STEPS = 50
_SUSPENDED = ("已停用，不再解析", "Suspended: it does not resolve")
_RESUMED = ("已恢复解析", "It resolves again")


def identifier_pages() -> list[Page]:
    """The page, the test of its resolution, and what is done to it."""

    async def one(visit: Visit) -> web.StreamResponse:
        identifier = named(visit)
        try:
            standing = await visit.ask("GET /v1/identifiers/{prefix}/{suffix}", **parts_of(identifier))
        except NotFound:
            return await _gone(visit, identifier)
        template = await template_of(visit, standing.template_id)
        return visit.show(
            "identifier.html", identifier=standing.identifier, standing=standing, definition=template,
            rows=_rows(standing, template), files=await _files(visit, standing, template),
            referrers=await _or_none(
                visit.ask(
                    "GET /v1/references/referrers/{prefix}/{suffix}", query={"limit": _REFERRERS},
                    **parts_of(identifier),
                )
            ),
            public=public_address(identifier),
            **await _history(visit, await _or_none(history_of(visit, identifier, standing))),
        )  # fmt: skip

    async def resolve(visit: Visit) -> web.StreamResponse:
        identifier = named(visit)
        traced = await visit.ask("GET /v1/public/trace", query={"identifier": identifier.text})
        return visit.show(
            "resolve.html", identifier=identifier.text, traced=traced, public=public_address(identifier),
            asked=f"/api/handles{public_address(identifier)}",
        )  # fmt: skip

    async def turn(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        identifier = Identifier.parse(form.text("identifier"))
        suspended = form.text("state") == "suspended"
        return await visit.press(
            "PUT /v1/identifier-states/{prefix}/{suffix}",
            address(ONE, identifier=identifier.text),
            _SUSPENDED if suspended else _RESUMED,
            body=lambda form: {"state": form.text("state"), "version": form.number("version")},
            **parts_of(identifier),
        )

    async def delete(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        identifier = Identifier.parse(form.text("identifier"))
        place = address(ONE, identifier=identifier.text)
        try:
            await visit.ask(
                "DELETE /v1/identifiers/{prefix}/{suffix}", query={"version": form.number("version")},
                **parts_of(identifier),
            )  # fmt: skip
        except NodeError as error:
            return visit.go(place, refused=error)
        return visit.go(place, ("已注销；可在下面重新注册", "Deleted; it can be registered again below"))

    return [
        Page("GET", "/console/identifiers/one", one, Action.IDENTIFIER_READ),
        Page("GET", "/console/identifiers/resolve", resolve, Action.IDENTIFIER_READ),
        Page("POST", "/console/identifiers/state", turn, Action.IDENTIFIER_SUSPEND),
        Page("POST", "/console/identifiers/delete", delete, Action.IDENTIFIER_DELETE),
    ]


def named(visit: Visit) -> Identifier:
    """The identifier that the address names. Raises what ``Identifier.parse`` raises."""
    return Identifier.parse(visit.request.query.get("identifier", "").strip())


def parts_of(identifier: Identifier) -> dict[str, Any]:
    """An identifier as parameters of a path."""
    return {"prefix": identifier.prefix.text, "suffix": identifier.suffix}


def public_address(identifier: Identifier) -> str:
    """Where everybody looks at it, below the node's address."""
    return f"/{identifier.prefix.text}/{quote(identifier.suffix, safe='')}"


async def _gone(visit: Visit, identifier: Identifier) -> web.StreamResponse:
    """What is left of a deleted one. Raises ``IdentifierUnknown`` where there never was one."""
    history = await history_of(visit, identifier, None)
    left = next((step for step in history.steps if step.data), None)
    template = await template_of(visit, left.template_id) if left and left.template_id else None
    again = ""
    if left is not None and template is not None:
        again = urlencode({**parts_of(identifier), "template": template.name, "of": left.version})
    shown = await _history(visit, history)
    return visit.show("identifier_gone.html", identifier=identifier.text, again=again, **shown)


async def _history(visit: Visit, history: History | None) -> dict[str, Any]:
    """What the line of time needs to be shown."""
    shown = history.steps[:_SHOWN_STEPS] if history else ()
    names = await account_names(visit, {step.entry.account_id for step in shown})
    return {"history": history, "shown_steps": _SHOWN_STEPS, "names": names}


def _rows(standing: Any, template: Template | None) -> list[tuple[Any, str, str | list[str]]]:
    """Attribute (``None`` where the visitor may not see the template), name, value, in the template's order."""
    known = {one.name: one for one in template.attributes} if template else {}
    order = [*(name for name in known if name in standing.attributes), *(set(standing.attributes) - set(known))]
    return [(known.get(name), name, standing.attributes[name]) for name in order]


async def _files(visit: Visit, standing: Any, template: Template | None) -> dict[str, Any]:
    """The first files that the data name, by their ids."""
    found: dict[str, Any] = {}
    for attribute in template.attributes if template else ():
        if attribute.kind is not Kind.FILE or attribute.name not in standing.attributes:
            continue
        value = standing.attributes[attribute.name]
        for file_id in [value] if isinstance(value, str) else value:
            if len(found) < _FILES and file_id not in found:
                found[file_id] = await _or_none(visit.ask("GET /v1/files/{file_id}", file_id=file_id))
    return found


async def _or_none(asked: Awaitable[Any]) -> Any:
    """Part of the page that others may not see: another enterprise's history, its files."""
    try:
        return await asked
    except NodeError:
        return None
