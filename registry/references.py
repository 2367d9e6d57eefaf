"""References between identifiers: which of them lead nowhere, and who points at an identifier.

An attribute of the kind reference is checked for its form only when it is written, because what it points at may be
registered later, or elsewhere. What this node can know it tells here: a reference is dangling when its target lies
under the node's own prefix, or one it has granted, and is no live identifier, or one of another template than the
attribute names. Other nodes' identifiers cannot be checked and are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.sql import statements_beside
from registry.identifiers.state import IdentifierState
from registry.prefixes import readable_prefix
from registry.store import reading
from registry.templates.aliases import Scheme, find_alias
from registry.templates.stored import template_by_id, template_of_row

SQL = statements_beside(__file__, "references.sql")
LOOK_AT = 5_000
"""References that one page looks through at most (about 50 ms), whether or not any of them dangles."""


class Place(NamedTuple):
    """The key of one reference of a prefix; a page begins after it."""

    suffix_key: str
    attribute_index: int
    target_prefix: str
    target_suffix_key: str


BEGINNING = Place("", 0, "", "")


class TargetState(StrEnum):
    """What is wrong with the target."""

    UNKNOWN = "unknown"  # never registered
    DELETED = "deleted"
    SUSPENDED = "suspended"
    OTHER_TEMPLATE = "other_template"  # live, but of another template than the attribute names


@dataclass(frozen=True, slots=True)
class Dangling:
    """A reference that leads nowhere; ``attribute`` is its name in the template, ``target`` the comparison form."""

    suffix: str
    attribute: str
    target: str
    target_state: TargetState


@dataclass(frozen=True, slots=True)
class DanglingPage:
    """A stretch of a prefix's references: those that dangle, how many were looked at, how many of these could not be
    checked because they lie under other nodes, and where to go on (``None``: that was the end)."""

    items: Sequence[Dangling]
    looked_at: int
    foreign: int
    after: Place | None


@dataclass(frozen=True, slots=True)
class Referrer:
    """An identifier that points at another; ``place`` is where the next page begins."""

    prefix: str
    suffix: str
    attribute: str
    state: IdentifierState
    place: tuple[int, str, int]

    @property
    def text(self) -> str:
        return f"{self.prefix}/{self.suffix}"


FIRST_REFERRER = (0, "", 0)


class References:
    """The use cases; ``node_prefix`` is the node's own. All raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, node_prefix: Prefix) -> None:
        self._pool = pool
        self._node_prefix = node_prefix

    async def dangling(
        self, account: Account, prefix: Prefix, *, after: Place = BEGINNING, limit: int = 50, look_at: int = LOOK_AT
    ) -> DanglingPage:
        """The references of a prefix that lead nowhere, in the order of their suffix keys. Raises ``PrefixUnknown``.

        A page ends at ``limit`` of them or after ``look_at`` references, so it may be empty and not the last.
        """
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, prefix)
            named = await _named_templates(connection, grant.prefix_id)
            rows = await connection.fetch(
                SQL["look_through_references"], grant.prefix_id, *after, look_at, self._node_prefix.key, limit + 1,
                [one.template_id for one in named], [one.attribute_index for one in named],
                [one.enterprise_id for one in named], [one.name for one in named],
            )  # fmt: skip
            dangling = [row for row in rows if row["dangling"]][:limit]
            names = await _names(connection, dangling)
        if not rows:
            return DanglingPage((), 0, 0, None)
        # Had the page room for everything, the last row stands for all that was looked at.
        full = len(rows) > limit
        last = rows[limit - 1] if full else rows[-1]
        more = full or last["place"] == look_at
        return DanglingPage(
            items=[
                Dangling(
                    row["suffix"],
                    names.get((row["template_id"], row["attribute_index"]), ""),
                    f"{row['target_prefix']}/{row['target_suffix_key']}",
                    _STATES[row["state"]],
                )
                for row in dangling
            ],
            looked_at=last["place"],
            foreign=last["foreign_targets"],
            after=Place(*(last[name] for name in Place._fields)) if more else None,
        )

    async def referrers(
        self,
        account: Account,
        identifier: Identifier,
        *,
        after: tuple[int, str, int] = FIRST_REFERRER,
        limit: int = 50,
    ) -> list[Referrer]:
        """Who points at an identifier, registered or not: an enterprise sees its own, the node's staff everybody."""
        require(account, Action.IDENTIFIER_READ, account.enterprise_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(
                SQL["referrers_of"], identifier.prefix.key, identifier.key, account.enterprise_id, *after, limit
            )
            names = await _names(connection, rows)
        return [
            Referrer(
                prefix=row["prefix"],
                suffix=row["suffix"],
                attribute=names.get((row["template_id"], row["attribute_index"]), ""),
                state=IdentifierState(row["state"]),
                place=(row["prefix_id"], row["suffix_key"], row["attribute_index"]),
            )
            for row in rows
        ]


_STATES = {
    None: TargetState.UNKNOWN,
    IdentifierState.DELETED: TargetState.DELETED,
    IdentifierState.SUSPENDED: TargetState.SUSPENDED,
    IdentifierState.LIVE: TargetState.OTHER_TEMPLATE,
}


class _Named(NamedTuple):
    """The template that targets of one attribute of another should have; of whose owner, if that is said."""

    template_id: int
    attribute_index: int
    enterprise_id: UUID | None
    name: str


async def _named_templates(connection: Connection, prefix_id: int) -> list[_Named]:
    """What the attributes of a prefix's identifiers demand of their targets, as far as it can be told."""
    found = []
    for row in await connection.fetch(SQL["templates_in_use"], prefix_id):
        stored = template_of_row(row)
        for attribute in stored.template.attributes:
            if attribute.template is None:
                continue
            meant = await _meant(connection, attribute.template)
            if meant is not None:
                found.append(_Named(stored.template_id, attribute.index, *meant))
    return found


async def _meant(connection: Connection, name_or_handle: str) -> tuple[UUID | None, str] | None:
    """The template by its name, of any owner, or by its handle in IDHub; ``None``: nobody knows the handle."""
    if "/" not in name_or_handle:
        return None, name_or_handle
    try:
        handle = Identifier.parse(name_or_handle)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        return None
    alias = await find_alias(connection, Scheme.IDHUB, handle.prefix.key, handle.key)
    return None if alias is None else (alias.enterprise_id, alias.name)


async def _names(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], str]:
    """The attributes' names by template and index."""
    names = {}
    for template_id in {row["template_id"] for row in rows if row["template_id"] is not None}:
        stored = await template_by_id(connection, template_id)
        names.update({(template_id, attribute.index): attribute.name for attribute in stored.template.attributes})
    return names
