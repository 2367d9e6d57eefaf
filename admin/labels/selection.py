"""Which identifiers get labels: those of a list, those that a search finds, or those that a batch wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from node.auth import Account, Action
from node.database import Connection
from node.errors import Malformed, NodeError, NotFound
from node.identifier import Identifier, Prefix
from node.sql import statements_beside
from registry.batches.by_body import visible_batch
from registry.identifiers.stored import StoredIdentifier, identifier_of_row, unknown_identifier
from registry.prefix_grant import PrefixGrant
from registry.prefixes import readable_prefix
from registry.search.filters import Filters
from registry.search.search import select_keys
from registry.templates.stored import StoredTemplate, template_by_id

SQL = statements_beside(__file__, "labels.sql")
MOST = 1000
"""Labels of one sheet request: more take several."""
_TITLE = "name"
"""The attribute that names a product where the display template does not say another (docs/templates.md)."""


class NothingToLabel(NotFound):
    title_zh = "没有可生成标签的标识"


class LabelsRefused(Malformed):
    """Some labels cannot be made. Evidence: ``faults``, each with field, code and message."""

    title_zh = "部分标识无法生成标签"


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search finds behind a suffix key, in the order of the keys."""

    prefix: Prefix
    filters: Filters
    after: str = ""


@dataclass(frozen=True, slots=True)
class OfBatch:
    """What a batch wrote behind a suffix key, in the order of the keys."""

    batch_id: UUID
    after: str = ""


Selection = Sequence[str] | Searched | OfBatch
"""Texts of identifiers stand for themselves and keep their order."""


@dataclass(frozen=True, slots=True)
class Item:
    """One identifier, its template and who holds its prefix."""

    found: StoredIdentifier
    stored: StoredTemplate
    enterprise: str

    @property
    def attributes(self) -> dict[str, str | list[str]]:
        """Of its record, by their names."""
        return self.stored.template.attributes_of(self.found.record)

    @property
    def product(self) -> str:
        """What people call it, "" where the record does not say."""
        display = self.stored.template.display
        named = self.attributes.get((display.title if display else None) or _TITLE, "")
        return named if isinstance(named, str) else ", ".join(named)


class Selected(NamedTuple):
    """Some identifiers, and the suffix key behind which there are more."""

    items: list[Item]
    following: str | None


async def select(connection: Connection, account: Account, selection: Selection) -> Selected:
    """At most ``MOST`` identifiers that the account's enterprise holds; the staff sees all.

    Raises ``PrefixUnknown``, ``NotAllowed``, ``BatchUnknown``, ``LabelsRefused``, ``NothingToLabel``,
    ``NotListed``, ``ConditionUnfit``, ``TemplateUnknown``.
    """
    if isinstance(selection, Searched):
        return await _searched(connection, account, selection)
    if isinstance(selection, OfBatch):
        return await _of_batch(connection, account, selection)
    return Selected(await _listed(connection, account, selection), None)


async def _searched(connection: Connection, account: Account, wanted: Searched) -> Selected:
    grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, wanted.prefix)
    keys: list[str] = []
    following: str | None = wanted.after
    while following is not None and len(keys) < MOST:
        found, following = await select_keys(connection, grant, wanted.filters, following, MOST - len(keys))
        keys += [key for key, _ in found]
    return await _selected(connection, grant, keys, following)


async def _of_batch(connection: Connection, account: Account, wanted: OfBatch) -> Selected:
    batch = await visible_batch(connection, account, wanted.batch_id)
    prefix = Prefix.parse_derived(await connection.fetchval(SQL["prefix_of_batch"], batch.prefix_id))
    grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, prefix)
    rows = await connection.fetch(
        SQL["keys_of_batch"], grant.prefix_id, batch.batch_id, batch.history_from, batch.history_to, wanted.after,
        MOST + 1,
    )  # fmt: skip
    keys = [row["suffix_key"] for row in rows]
    return await _selected(connection, grant, keys[:MOST], keys[MOST - 1] if len(keys) > MOST else None)


async def _selected(
    connection: Connection, grant: PrefixGrant, keys: Sequence[str], following: str | None
) -> Selected:
    standing = await _standing(connection, grant, keys)
    items = [standing[key] for key in keys if key in standing]
    if not items:
        raise NothingToLabel("nothing of what was selected is registered", prefix=grant.prefix.text)
    return Selected(items, following)


async def _listed(connection: Connection, account: Account, texts: Sequence[str]) -> list[Item]:
    asked: list[Identifier | NodeError] = [_read(text) for text in texts]
    by_prefix: dict[Prefix, list[str]] = {}
    for one in asked:
        if isinstance(one, Identifier):
            by_prefix.setdefault(one.prefix, []).append(one.key)
    standing: dict[tuple[Prefix, str], Item] = {}
    for prefix, keys in by_prefix.items():
        grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, prefix)
        found = await _standing(connection, grant, keys)
        standing |= {(prefix, key): item for key, item in found.items()}
    items, errors = [], {}
    for place, one in enumerate(asked):
        if isinstance(one, NodeError):
            errors[f"identifiers[{place}]"] = one
        elif item := standing.get((one.prefix, one.key)):
            items.append(item)
        else:
            errors[f"identifiers[{place}]"] = unknown_identifier(one)
    if errors:
        raise refused(errors)
    return items


def refused(errors: dict[str, NodeError]) -> LabelsRefused:
    """The refusal of all labels because of some."""
    faults = [
        {"field": field, "code": error.code, "message": f"{error.title_zh} / {error.detail}"}
        for field, error in errors.items()
    ]
    return LabelsRefused(f"{len(faults)} labels cannot be made", faults=faults)


def _read(text: str) -> Identifier | NodeError:
    prefix, slash, suffix = text.partition("/")
    try:
        return Identifier.of(Prefix.parse_derived(prefix), suffix) if slash else Identifier.parse(text)
    except NodeError as error:
        return error


async def _standing(connection: Connection, grant: PrefixGrant, keys: Sequence[str]) -> dict[str, Item]:
    rows = await connection.fetch(SQL["identifiers_to_label"], grant.prefix_id, keys)
    templates = {number: await template_by_id(connection, number) for number in {row["template_id"] for row in rows}}
    return {
        row["suffix_key"]: Item(
            identifier_of_row(grant, row), templates[row["template_id"]], grant.enterprise_name
        )
        for row in rows
    }  # fmt: skip
