"""Importing a file (批量导入): what is done with its rows is chosen here. Its columns are mapped, and it is tried and
sent, by the page's script (``static/import.js``), which asks the operations of ``/console/v1`` as any program.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from admin.console.choosing import by_name, definition_of, prefix_named, prefixes_of, published_templates
from admin.console.page import Page
from admin.console.visit import Visit
from node.auth import Action

OPERATIONS = ("register", "update", "delete", "suspend", "resume")
_WITH_TEMPLATE = ("register", "update")


def import_pages() -> list[Page]:
    """``/console/import``."""

    async def choose(visit: Visit) -> web.StreamResponse:
        asked = visit.query("prefix", "operation", "template")
        operation = asked.get("operation", "")
        operation = operation if operation in OPERATIONS else "register"
        prefixes = await prefixes_of(visit, state="enabled")
        prefix = asked.get("prefix", "") or (prefixes[0].prefix if len(prefixes) == 1 else "")
        grant = await prefix_named(visit, prefixes, prefix)
        owner = grant.enterprise_id if grant else None
        templates = by_name(await published_templates(visit), owner)
        name = asked.get("template", "") or (next(iter(templates)) if len(templates) == 1 else "")
        chosen = templates.get(name) if operation in _WITH_TEMPLATE else None
        ready = grant is not None and (chosen is not None or operation not in _WITH_TEMPLATE)
        return visit.show(
            "import.html", prefixes=prefixes, prefix=prefix, operations=OPERATIONS, operation=operation,
            templates=templates, chosen=chosen, ready=ready, with_template=_WITH_TEMPLATE,
            attributes=[one for one in definition_of(chosen).attributes if one.enabled] if chosen else [],
            mappings=await _owned(visit, "GET /v1/mappings", owner) if ready else [], owner=owner,
            rules=await _owned(visit, "GET /v1/coding-rules", owner) if ready and operation == "register" else [],
        )  # fmt: skip

    return [Page("GET", "/console/import", choose, Action.IDENTIFIER_REGISTER)]


async def _owned(visit: Visit, operation: str, owner: Any) -> list[Any]:
    """The enterprise's mappings or coding rules."""
    return list((await visit.ask(operation, query={"limit": 200, "enterprise_id": owner})).items)
