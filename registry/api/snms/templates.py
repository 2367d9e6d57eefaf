"""Data templates (snms-api 6), v3 and v5 alike; only v5 changes them."""

from __future__ import annotations

from typing import Any

from registry.api.compatible import Asked, Endpoint
from registry.api.snms.said import Said, said
from registry.api.snms.template_form import read_key, read_template, told_template
from registry.api.snms.template_store import SnmsTemplates

_READ_AND_WRITE = ("/snms/api/v3/template", "/snms/api/v5/template", "/snms/api/template/v1")


def template_endpoints(templates: SnmsTemplates) -> list[Endpoint]:
    """Read, create, change, delete; a deletion names its template in a body or in the query."""

    async def read(asked: Asked) -> dict[str, Any]:
        prefix, version = read_key(Said(asked.query))
        found = await templates.get(asked.account, prefix, version)
        return told_template(prefix.text, version, found.stored, found.rest)

    async def create(asked: Asked) -> bool:
        await templates.create(asked.account, asked.actor, read_template(said(asked.content)))
        return True

    async def change(asked: Asked) -> bool:
        await templates.change(asked.account, asked.actor, read_template(said(asked.content), change=True))
        return True

    async def delete(asked: Asked) -> bool:
        told = said(asked.content) if asked.content.strip() else Said(asked.query)
        await templates.remove(asked.account, asked.actor, *read_key(told))
        return True

    made = [
        Endpoint(method, path, handler)
        for path in _READ_AND_WRITE
        for method, handler in (("GET", read), ("POST", create), ("DELETE", delete))
    ]
    return [*made, Endpoint("PUT", "/snms/api/v5/template", change)]
