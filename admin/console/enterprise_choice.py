"""Enterprises on pages of the staff: their names beside what is theirs, and one to choose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from admin.console.visit import Visit
from node.auth import Action
from node.errors import NotFound

_OFFERED = 50


async def names_of(visit: Visit, enterprises: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of the enterprises of one short page, each asked for once; the enterprise's own needs none."""
    names: dict[UUID, str] = {}
    if visit.account.of_enterprise:
        return names
    for enterprise_id in dict.fromkeys(enterprises):
        if enterprise_id is None:
            continue
        try:
            found = await visit.ask("GET /v1/enterprises/{enterprise_id}", enterprise_id=enterprise_id)
        except NotFound:
            continue
        names[enterprise_id] = found.name
    return names


async def to_choose(visit: Visit, *chosen: str) -> list[tuple[str, str]]:
    """Approved enterprises whose name has the part that was looked for, and those chosen already: (id, name)."""
    if visit.account.of_enterprise or not visit.may(Action.ENTERPRISE_READ):
        return []
    query = {"state": "approved", "limit": _OFFERED, "name": sought(visit)}
    found: list[Any] = list((await visit.ask("GET /v1/enterprises", query=query)).items)
    offered = {str(one.enterprise_id): one.name for one in found}
    for wanted in chosen:
        try:
            enterprise_id = UUID(wanted)
        except ValueError:
            continue
        if wanted not in offered:
            offered |= {str(key): name for key, name in (await names_of(visit, [enterprise_id])).items()}
    return list(offered.items())


def sought(visit: Visit) -> str:
    """The part of a name that was looked for."""
    return visit.request.query.get("enterprise", "").strip()[:200]
