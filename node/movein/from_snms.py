"""Out of SNMS: the identifiers of a list, and the templates that they name, made here through the same interface."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from node.client import Client
from node.errors import Conflict, NodeError
from node.movein import snms
from node.movein.crew import each
from node.movein.handles_file import Unreadable, read_handles
from node.movein.peer import PeerRefused, PeerStrange
from node.movein.snms import Snms
from node.movein.target import Target, check_items, target_of
from node.movein.wanted import Wanted
from node.movein.workplace import Workplace, same_identifier

_MEMBERS = (
    "version",
    "industryCategory",
    "industrySpecific",
    "industryTrade",
    "industrySubclass",
    "type",
    "description",
)
_ITEM_MEMBERS = ("name", "idType", "idIndex", "required", "state", "metadata")
Progress = Callable[[int, int], None]


class NotOfPrefix(Conflict):
    """The list names an identifier of another prefix."""

    title_zh = "标识不属于要迁入的前缀"


class IdentifierAbsent(Conflict):
    """The other node does not have it."""

    title_zh = "原节点没有该标识"


async def fetch(old: Snms, prefix: str, handles: Path, work: Workplace, progress: Progress) -> None:
    """Fill the workplace with what is missing; what cannot be had is a problem of its own.

    Raises ``HandlesFileUnusable``, ``PeerAway``, ``PeerRefused`` and ``PeerStrange`` of the login.
    """
    total = sum(1 for _ in read_handles(handles))
    seen = 0

    async def missing() -> AsyncIterator[Wanted]:
        nonlocal seen
        for one in read_handles(handles):
            seen += 1
            progress(seen, total)
            if isinstance(one, Unreadable):
                work.problem_of(one.handle, one.error)
            elif one.identifier.prefix.key != prefix.upper():
                work.problem_of(one.identifier.text, NotOfPrefix(f"the prefix {prefix} is moved"))
            elif not work.has(one):
                yield one

    async def bring(one: Wanted) -> None:
        handle = one.identifier.text
        try:
            detail = await old.detail(handle)
        except PeerRefused as refusal:
            absent = snms.is_absent(refusal)
            work.problem_of(handle, IdentifierAbsent(refusal.evidence["said"]) if absent else refusal)
            return
        except PeerStrange as error:
            work.problem_of(handle, error)
            return
        if same_identifier(one, detail.handle):
            work.keep(one, detail.handle, detail.version, detail.values)
        else:
            work.problem_of(handle, PeerStrange(f"the answer about {handle} is about another identifier"))

    await old.sign_in()
    await each(missing(), bring)


async def fetch_templates(old: Snms, prefix: str, work: Workplace) -> Mapping[str, NodeError]:
    """The templates that the identifiers name; returns why some cannot be had. Raises ``PeerAway``."""
    absent: dict[str, NodeError] = {}
    for version in sorted({fetched.template for fetched in work.fetched()} - work.templates.keys()):
        try:
            work.keep_template(version, await old.template(prefix, version))
        except (PeerRefused, PeerStrange) as error:
            absent[version] = error
    return absent


async def make_templates(
    client: Client, new: Snms, prefix: str, work: Workplace, absent: Mapping[str, NodeError]
) -> Mapping[str, Target | NodeError]:
    """What each template is here, made if it was missing. Raises ``Refused`` where there is no such prefix."""
    enterprise_id = (await client.get(f"/v1/prefixes/{prefix}"))["enterprise_id"]
    targets: dict[str, Target | NodeError] = {**absent}
    for version, there in work.templates.items():
        try:
            here = await _standing(new, prefix, version, there)
            template = await client.get(f"/v1/templates/{int(here['id'])}")
            check_items(_items(there), _items(here), version)
            targets[version] = target_of(template, enterprise_id)
        except (PeerRefused, PeerStrange, Conflict) as error:
            targets[version] = error
    return targets


async def _standing(new: Snms, prefix: str, version: str, there: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return await new.template(prefix, version)
    except PeerRefused:
        said = {name: there[name] for name in _MEMBERS if there.get(name) is not None}
        items = [
            {name: item[name] for name in _ITEM_MEMBERS if item.get(name) is not None} for item in there["items"]
        ]
    try:
        await new.create_template({**said, "prefix": prefix, "version": version, "items": items})
    except PeerRefused as refusal:
        made = refusal  # or it was made, and the answer was lost
        with contextlib.suppress(PeerRefused):
            return await new.template(prefix, version)
        raise made from None
    return await new.template(prefix, version)


def _items(template: Mapping[str, Any]) -> dict[int, str]:
    return {item["idIndex"]: item["idType"] for item in template["items"]}
