"""Export: everything that stands below a prefix, or what changed since a position in history, page by page.

A position is complete: every change that got a number up to it is visible to whoever is told the position. So an
export that begins by asking for the position and the increment that begins there miss nothing between them; what
changes during an export stands in both, and restoring it twice is restoring it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Unavailable
from node.identifier import Prefix
from node.journal import Actor, record_act
from node.sql import statements_beside
from registry.export.pages import Opened, Selection
from registry.export.row import template_marks
from registry.prefix_grant import PrefixGrant
from registry.prefixes import readable_prefix
from registry.search.filters import Filters, StateFilter
from registry.search.search import count
from registry.store import reading
from registry.templates.stored import StoredTemplate, TemplateUnknown, template_of_row

SQL = statements_beside(__file__, "export.sql")
Clock = Callable[[], datetime]

_SETTLING_SECONDS = 30.0
_SETTLING_PAUSE = 0.01
_COUNTING_SECONDS = 300.0


class PositionUnsettled(Unavailable):
    title_zh = "有变更长时间未完成"


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """A template of exported identifiers, or an earlier edition of one; ``identifiers`` is None where not counted."""

    stored: StoredTemplate
    mark: str
    identifiers: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What an export holds: ``identifiers`` counts its rows, ``exact`` unless the filters make that a guess."""

    node_id: UUID
    laboratory: bool
    prefix: str
    taken_at: datetime
    position: int
    identifiers: int
    exact: bool
    templates: tuple[TemplateUse, ...]


class Exports:
    """The use cases. Every method raises ``NotAllowed``, ``PrefixUnknown`` and ``DatabaseAway`` besides its own."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def overview(self, account: Account, selection: Selection) -> Overview:
        """Position, templates and counts. Raises ``PositionUnsettled`` and what ``Selection.check`` raises."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_EXPORT, selection.prefix)
            position = await settled_position(connection)
            selection.check(position)
            node = await connection.fetchrow(SQL["node_facts"])
            counts = await _counts(connection, grant, selection, position)
            rows = await connection.fetch(SQL["templates_with_forerunners"], sorted(counts))
            stored = [template_of_row(row) for row in rows]
            marks = template_marks(grant.enterprise_id, stored)
            exact, identifiers = selection.by_template_only, sum(counts.values())
            if not exact:
                identifiers, exact = await _counted(connection, grant, selection.filters)
        counted = selection.by_template_only
        return Overview(
            node_id=node["node_id"],
            laboratory=node["laboratory"],
            prefix=grant.prefix.key,
            taken_at=self._clock(),
            position=position,
            identifiers=identifiers,
            exact=exact,
            templates=tuple(
                TemplateUse(one, marks[one.template_id], counts.get(one.template_id, 0) if counted else None)
                for one in stored
            ),
        )

    async def open(self, account: Account, selection: Selection) -> Opened:
        """The way to the rows. Raises ``TemplateUnknown`` and what ``Selection.check`` raises."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_EXPORT, selection.prefix)
            selection.check(await connection.fetchval(SQL["last_position"]))
            if selection.since is not None and selection.until is None:
                selection = replace(selection, until=await settled_position(connection))
            opened = Opened(self._pool, grant, selection)
            await opened.learn_templates(connection)
        template_id = selection.template_id
        if template_id is not None and template_id not in opened.shapes:
            raise TemplateUnknown(f"there is no template {template_id}", template=template_id)
        return opened

    async def record(self, actor: Actor, opened: Opened) -> None:
        """Whoever takes rows away leaves that in the history of their prefix."""
        async with transaction(self._pool) as connection:
            await record_act(connection, actor, opened.act, self._clock())

    async def owner(self, account: Account, prefix: Prefix) -> UUID:
        """Whose identifiers and files an export of the prefix takes."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_EXPORT, prefix)
        return grant.enterprise_id


async def settled_position(connection: Connection) -> int:
    """The newest position of which, and of all before it, it is settled whether they hold a change.

    Whoever has drawn a position holds a lock on the table of history until its change is visible or gone. So the
    writers that are seen after the position was read are waited for, and nobody is kept from writing meanwhile; the
    prefix row, held exclusively, would have to wait for a moment without registrations, which a busy prefix may not
    have. Raises ``PositionUnsettled``.
    """
    position: int = await connection.fetchval(SQL["last_position"])
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SETTLING_SECONDS
    writing = await _writing(connection)
    while writing:
        if loop.time() > deadline:
            raise PositionUnsettled(
                "a change under way does not come to its end; ask again", seconds=_SETTLING_SECONDS
            )
        await asyncio.sleep(_SETTLING_PAUSE)
        writing &= await _writing(connection)
    return position


async def _writing(connection: Connection) -> set[str]:
    return {row["virtualtransaction"] for row in await connection.fetch(SQL["writing_transactions"])}


async def _counted(connection: Connection, grant: PrefixGrant, filters: Filters) -> tuple[int, bool]:
    """How many identifiers that stand meet the filters, and whether that is exact."""
    states = (StateFilter.LIVE, StateFilter.SUSPENDED) if filters.state is StateFilter.ALL else (filters.state,)
    found = [await count(connection, grant, replace(filters, state=state)) for state in states]
    return sum(one.number for one in found), all(one.exact for one in found)


async def _counts(connection: Connection, grant: PrefixGrant, selection: Selection, position: int) -> dict[int, int]:
    """Identifiers by template, whatever the filters beside the template say."""
    until = position if selection.until is None else selection.until
    stretch = () if selection.since is None else (selection.since, until)
    statement = SQL["count_changed_by_template" if stretch else "count_by_template"]
    asked = (grant.prefix_id, selection.template_id, *stretch)
    rows = await connection.fetch(statement, *asked, timeout=_COUNTING_SECONDS)
    return {row["template_id"]: row["identifiers"] for row in rows}
