"""What each version of an identifier changed (变更历史): before and after, attribute by attribute.

A version of history says what it replaced; what it made is what the version after it replaced, or what stands now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from admin.console.choosing import template_of
from admin.console.visit import Visit
from node.errors import NotFound
from node.identifier import Identifier
from registry.templates.template import Attribute, Template

Data = Mapping[str, str | list[str]]
"""Values by the attribute's name; of what no template knows by ``TYPE:INDEX``."""

_PAGE = 200
_PAGES = 10


class PastVersionUnknown(NotFound):
    title_zh = "没有这个历史版本"


@dataclass(frozen=True, slots=True)
class Change:
    name: str
    title: Attribute | None
    before: str | list[str] | None
    after: str | list[str] | None


@dataclass(frozen=True, slots=True)
class Step:
    """One version: what it did (``entry`` is the operation's), what changed, and the data that it left."""

    entry: Any
    state: str
    template_id: int | None
    changes: tuple[Change, ...]
    data: Data

    @property
    def version(self) -> int:
        return int(self.entry.version)


@dataclass(frozen=True, slots=True)
class History:
    """The newest versions first; ``more`` if there are older ones than are shown."""

    steps: tuple[Step, ...]
    more: bool

    def version(self, number: int) -> Step | None:
        """One of them."""
        return next((step for step in self.steps if step.version == number), None)


async def history_of(visit: Visit, identifier: Identifier, standing: Any | None) -> History:
    """The history of what stands, or stood if ``standing`` is ``None``. Raises what the operation raises."""
    entries, more = await _entries(visit, identifier)
    templates: dict[int, Template | None] = {}

    async def known(template_id: int | None) -> Template | None:
        if template_id is None:
            return None
        if template_id not in templates:
            templates[template_id] = await template_of(visit, template_id)
        return templates[template_id]

    after: Data = {} if standing is None else _data_now(standing)
    state = "deleted" if standing is None else standing.state
    template_id = None if standing is None else standing.template_id
    steps = []
    for entry in entries:
        template_id = template_id if template_id is not None else entry.before_template_id
        before, before_template = after, await known(entry.before_template_id or template_id)
        if entry.before is not None:
            before = data_of(entry.before, before_template)
        elif entry.change == "register" or entry.before_state == "deleted":
            before = {}
        changes = _changes(before, after, [await known(template_id), before_template])
        steps.append(Step(entry, state, template_id, changes, after))
        after, state = before, entry.before_state or state
        template_id = entry.before_template_id or template_id
    return History(tuple(steps), more)


def data_of(values: list[Any], template: Template | None) -> Data:
    """Values of a version by the names that its template gave them."""
    attributes = {one.index: one for one in template.attributes} if template is not None else {}
    found: dict[str, str | list[str]] = {}
    for value in values:
        attribute = attributes.get(value.index)
        if attribute is None or attribute.type.upper() != value.type.upper():
            found[f"{value.type}:{value.index}"] = value.data
        else:
            found[attribute.name] = _items(value.data) if attribute.many else value.data
    return found


async def _entries(visit: Visit, identifier: Identifier) -> tuple[list[Any], bool]:
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await visit.ask(
            "GET /v1/identifier-history/{prefix}/{suffix}", query={"limit": _PAGE, "cursor": cursor},
            prefix=identifier.prefix.text, suffix=identifier.suffix,
        )  # fmt: skip
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found, False
    return found, True


def _data_now(standing: Any) -> Data:
    others = {f"{value.type}:{value.index}": value.data for value in standing.other_values}
    return {**standing.attributes, **others}


def _items(text: str) -> str | list[str]:
    try:
        return msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text  # no array of texts: shown as it was stored


def _changes(before: Data, after: Data, templates: list[Template | None]) -> tuple[Change, ...]:
    attributes = {one.name: one for template in reversed(templates) if template for one in template.attributes}
    return tuple(
        Change(name, attributes.get(name), before.get(name), after.get(name))
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name)
    )
