"""Identifiers written straight into their tables with what searches read, and what a look at each of them finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from node.database import Connection
from node.identifier import fold
from registry.identifiers.state import IdentifierState
from registry.search.filters import Condition, Filters, StateFilter
from registry.templates.attributes import Attribute, Kind
from registry.templates.stored import StoredTemplate


@dataclass(frozen=True, slots=True)
class Thing:
    """One identifier with the texts of its attributes by name."""

    suffix: str
    template: StoredTemplate
    state: IdentifierState
    registered_at: datetime
    updated_at: datetime
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return fold(self.suffix)


async def shelve(connection: Connection, prefix_id: int, things: Iterable[Thing]) -> None:
    """Write them as registration would, as far as searching goes."""
    rows, side = [], []
    for thing in things:
        attributes = {attribute.name: attribute for attribute in thing.template.template.attributes}
        spelling = None if thing.suffix == thing.key else thing.suffix
        template_id = thing.template.template_id
        record = encoded(thing) if thing.state is not IdentifierState.DELETED else b"\0\0\0\0"
        rows.append(
            (prefix_id, template_id, 1, int(thing.state), thing.registered_at, thing.updated_at, thing.key, spelling,
             record)
        )  # fmt: skip
        for name, value in thing.values.items():
            attribute = attributes[name]
            if attribute.indexed and thing.state is not IdentifierState.DELETED:
                number = Decimal(value) if attribute.kind is Kind.NUMBER else None
                side.append((prefix_id, template_id, attribute.index, attribute.unique, value, thing.key, number))
    await connection.copy_records_to_table(
        "identifier", records=rows,
        columns=("prefix_id", "template_id", "version", "state", "registered_at", "updated_at", "suffix_key",
                 "suffix", "record"),
    )  # fmt: skip
    await connection.copy_records_to_table(
        "attribute_index", records=side,
        columns=("prefix_id", "template_id", "attribute_index", "is_unique", "value", "suffix_key", "number"),
    )  # fmt: skip


def encoded(thing: Thing) -> bytes:
    """Its record as stored."""
    encoder = thing.template.template.compile()
    row = encoder.row([thing.values.get(name) for name in thing.template.template.names], b"\0\0\0\1")
    assert isinstance(row, tuple), row
    return row[0]


def meets(thing: Thing, filters: Filters) -> bool:
    """Whether one identifier is meant, by the plainest reading of every filter."""
    wanted = {
        StateFilter.LIVE: {IdentifierState.LIVE},
        StateFilter.SUSPENDED: {IdentifierState.SUSPENDED},
        StateFilter.DELETED: {IdentifierState.DELETED},
        StateFilter.ALL: set(IdentifierState),
    }[filters.state]
    attributes = {attribute.name: attribute for attribute in thing.template.template.attributes}
    values = {} if thing.state is IdentifierState.DELETED else thing.values
    return (
        thing.state in wanted
        and filters.template_id in (None, thing.template.template_id)
        and filters.template in (None, thing.template.template.name)
        and thing.key.startswith(fold(filters.suffix_begins))
        and fold(filters.suffix_contains) in thing.key
        and (filters.registered_from is None or filters.registered_from <= thing.registered_at)
        and (filters.registered_to is None or thing.registered_at <= filters.registered_to)
        and (filters.updated_from is None or filters.updated_from <= thing.updated_at)
        and (filters.updated_to is None or thing.updated_at <= filters.updated_to)
        and all(
            one.attribute in values and _holds(values[one.attribute], one, attributes[one.attribute])
            for one in filters.attributes
        )
    )


def _holds(value: str, condition: Condition, attribute: Attribute) -> bool:
    read = Decimal if attribute.kind is Kind.NUMBER else str
    return (
        (condition.equal is None or read(value) == read(condition.equal))
        and (condition.low is None or read(condition.low) <= read(value))
        and (condition.high is None or read(value) <= read(condition.high))
        and (condition.begins is None or value.startswith(condition.begins))
        and (condition.contains is None or condition.contains in value)
    )
