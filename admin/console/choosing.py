"""What there is to choose from: prefixes one may look below or register under, templates with what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from admin.console.visit import Visit
from node.errors import NodeError
from registry.templates.template import Template

_PAGE = 200
_PAGES = 5  # of templates: whoever has more types the name


async def prefixes_of(visit: Visit, **query: object) -> list[Any]:
    """The visitor's prefixes, the staff's first ones: what is offered beside a field that takes any."""
    return list((await visit.ask("GET /v1/prefixes", query={"limit": _PAGE, **query})).items)


async def prefix_named(visit: Visit, prefixes: list[Any], prefix: str) -> Any:
    """The prefix of this name, asked for where it is not among those offered; ``None`` where there is none to see."""
    known = next((one for one in prefixes if one.prefix == prefix.upper()), None)
    if known is not None or not prefix:
        return known
    try:
        return await visit.ask("GET /v1/prefixes/{prefix}", prefix=prefix)
    except NodeError:
        return None


async def published_templates(visit: Visit) -> list[Any]:
    """The templates that the visitor may see and use, oldest first."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        query = {"state": "published", "limit": _PAGE, "cursor": cursor}
        page = await visit.ask("GET /v1/templates", query=query)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def by_name(templates: Iterable[Any], enterprise_id: UUID | None) -> dict[str, Any]:
    """What each name means below a prefix of this enterprise: its own before the node's, the newest edition."""
    chosen: dict[str, Any] = {}
    for one in templates:
        known = chosen.get(one.name)
        if known is None or _rank(one, enterprise_id) > _rank(known, enterprise_id):
            chosen[one.name] = one
    return dict(sorted(chosen.items()))


def definition_of(view: Any) -> Template:
    """What a template says, as the domain has it."""
    return Template.from_json(view.definition)


async def template_of(visit: Visit, template_id: int) -> Template | None:
    """One edition, if the visitor may look at it."""
    try:
        return definition_of(await visit.ask("GET /v1/templates/{template_id}", template_id=template_id))
    except NodeError:
        return None  # another enterprise's: what it calls things is not for this visitor


def _rank(view: Any, enterprise_id: UUID | None) -> tuple[int, int]:
    if view.enterprise_id is None:
        return 1, view.template_version
    return (2 if view.enterprise_id == enterprise_id else 0), view.template_version
