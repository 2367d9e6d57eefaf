"""From filters to the sieve and the walks that are possible, the most promising first.

A name means every version of a template, and attributes are found by name in each of them; a version that lacks an
attribute has no identifier that meets a condition on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.database import Connection
from node.errors import Malformed
from node.identifier import fold
from registry.identifiers.state import IdentifierState
from registry.prefixes import PrefixGrant
from registry.search.conditions import BEYOND_SUFFIXES, Bounds, after_all_beginning_with, bounds_of
from registry.search.filters import Filters, StateFilter
from registry.search.walks import (
    EARLIEST,
    LATEST,
    SQL,
    Sieve,
    Walk,
    changes,
    of_state,
    registrations,
    suffixes,
    values,
)
from registry.templates.stored import StoredTemplate, TemplateUnknown, template_of_row

_STATES = {
    StateFilter.LIVE: (IdentifierState.LIVE,),
    StateFilter.SUSPENDED: (IdentifierState.SUSPENDED,),
    StateFilter.DELETED: (IdentifierState.DELETED,),
    StateFilter.ALL: tuple(IdentifierState),
}


class NotListed(Malformed):
    title_zh = "该属性不可检索"


class ConditionUnfit(Malformed):
    """Conditions do not suit the kind of their attribute. Evidence: ``faults``, each with field, code and message."""

    title_zh = "检索条件与属性类型不符"


@dataclass(frozen=True, slots=True)
class Plan:
    """``sieve`` alone decides; the last of ``walks`` leads past every identifier in the order of the suffix keys."""

    sieve: Sieve
    walks: tuple[Walk, ...]


async def plan_of(connection: Connection, grant: PrefixGrant, filters: Filters) -> Plan:
    """What the filters mean under a prefix. Raises ``TemplateUnknown``, ``NotListed``, ``ConditionUnfit``."""
    bounds: list[Bounds] = []
    template_ids = None
    if filters.template_id is not None or filters.template is not None:
        templates = await _templates(connection, grant, filters)
        bounds = _bounds(filters, templates)
        template_ids = tuple(
            stored.template_id
            for stored in templates
            if not filters.attributes or any(one.template_id == stored.template_id for one in bounds)
        )
    elif filters.attributes:
        raise NotListed("name the template whose attribute is meant", field="template_id")
    begins = fold(filters.suffix_begins)
    sieve = Sieve(
        states=_STATES[filters.state],
        template_ids=template_ids,
        suffix_from=begins,
        suffix_until=after_all_beginning_with(begins, BEYOND_SUFFIXES),
        suffix_contains=fold(filters.suffix_contains),
        registered_from=filters.registered_from or EARLIEST,
        registered_to=filters.registered_to or LATEST,
        updated_from=filters.updated_from or EARLIEST,
        updated_to=filters.updated_to or LATEST,
        conditions=tuple(bounds),
        wanted=len(filters.attributes),
    )
    return Plan(sieve, tuple(await _walks(connection, grant, sieve)))


async def _templates(connection: Connection, grant: PrefixGrant, filters: Filters) -> list[StoredTemplate]:
    rows = await connection.fetch(
        SQL["templates_meant"], grant.enterprise_id, filters.template_id, filters.template, grant.prefix_id
    )
    if not rows:
        meant = filters.template or filters.template_id
        raise TemplateUnknown(f"there is no template {meant} for this prefix", template=meant)
    return [template_of_row(row) for row in rows]


def _bounds(filters: Filters, templates: Sequence[StoredTemplate]) -> list[Bounds]:
    """The conditions for each template that has all the attributes they name."""
    found: list[Bounds] = []
    names = [condition.attribute for condition in filters.attributes]
    for stored in templates:
        attributes = {attribute.name: attribute for attribute in stored.template.attributes}
        if not all(name in attributes for name in names):
            continue
        for name in names:
            if not attributes[name].indexed:
                raise _not_listed(name, stored)
        bounds, faults = bounds_of(filters.attributes, stored.template_id, attributes)
        if faults:
            raise ConditionUnfit(
                f"{len(faults)} faults in the conditions on attributes", faults=[fault.to_json() for fault in faults]
            )
        found += bounds
    if names and not found:
        newest = templates[0]
        known = {attribute.name for attribute in newest.template.attributes}
        raise _not_listed(next((name for name in names if name not in known), names[0]), newest)
    return found


def _not_listed(name: str, stored: StoredTemplate) -> NotListed:
    edition = f"{stored.template.name}@{stored.template.version}"
    return NotListed(
        f"{name} is no listed or unique attribute of {edition}",
        field=name, template_id=stored.template_id, template=edition,
    )  # fmt: skip


async def _walks(connection: Connection, grant: PrefixGrant, sieve: Sieve) -> list[Walk]:
    by_condition = [[one for one in sieve.conditions if one.place == place] for place in range(sieve.wanted)]
    pinned = [bounds for bounds in by_condition if all(one.pinned for one in bounds)]
    ranges = [bounds for bounds in by_condition if bounds not in pinned and not any(one.open for one in bounds)]
    opened = [bounds for bounds in by_condition if bounds not in pinned and bounds not in ranges]
    for bounds in pinned:
        if all(one.unique for one in bounds):
            return [values(sieve, bounds), suffixes(sieve)]
    walks = [values(sieve, bounds) for bounds in pinned]
    if sieve.states in (_STATES[StateFilter.SUSPENDED], _STATES[StateFilter.DELETED]):
        walks.append(of_state(sieve))
    if sieve.suffix_from:
        walks.append(suffixes(sieve))
    walks += [values(sieve, bounds) for bounds in ranges]
    registered = sieve.registered_from > EARLIEST or sieve.registered_to < LATEST
    updated = sieve.updated_from > EARLIEST or sieve.updated_to < LATEST
    template_ids: Sequence[int] = sieve.template_ids or ()
    if (registered or updated) and sieve.template_ids is None:
        template_ids = await _templates_in_use(connection, grant)
    if registered:
        walks.append(registrations(sieve, template_ids))
    if updated:
        walks.append(changes(sieve, template_ids))
    walks += [values(sieve, bounds) for bounds in opened]
    if sieve.template_ids is not None and not (registered or updated or by_condition):
        walks.append(changes(sieve, template_ids))  # longer than any along the values of an attribute
    return [*walks, suffixes(sieve)]


async def _templates_in_use(connection: Connection, grant: PrefixGrant) -> list[int]:
    rows = await connection.fetch(SQL["templates_in_use"], grant.prefix_id)
    return [row["template_id"] for row in rows]
