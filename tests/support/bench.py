"""A workbench for bulk changes: rows of one holder changed in a transaction each, as a chunk of a batch is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from node.auth import Action
from node.database import transaction
from node.identifier import suffix_key
from registry.identifiers.changes import (
    Asked,
    Change,
    Changed,
    Migration,
    Undone,
    change_many,
    undo_many,
    window_to_undo,
)
from registry.identifiers.leaves import Change as Kind
from registry.identifiers.writing import Outcome, write_new
from registry.prefixes import writable_prefix
from registry.store import time_ordered_id
from registry.templates.encoder import Entry
from registry.templates.stored import StoredTemplate
from tests.support.world import Holder, World


class Bench:
    """Changes below one prefix; ``last`` is the batch of the last change, ``spans`` its positions in history."""

    def __init__(self, world: World, holder: Holder) -> None:
        self.world = world
        self.holder = holder
        self.last = UUID(int=0)
        self.spans: dict[UUID, tuple[int, int]] = {}

    async def register(self, stored: StoredTemplate, rows: dict[str, dict[str, Any]]) -> Outcome:
        """Register rows (values by the attribute's name) as one chunk of a batch; all must fit."""
        encoder = stored.template.compile()
        timestamp = int(self.world.clock().timestamp()).to_bytes(4, "big")
        entries = []
        for suffix, values in rows.items():
            encoded = encoder.row([values.get(name) for name in stored.template.names], timestamp)
            assert not isinstance(encoded, list), encoded
            entries.append(Entry(suffix, suffix_key(self.holder.prefix, suffix), *encoded))
        batch_id, begin = await self._begin()
        async with transaction(self.world.pool) as connection:
            grant = await self._grant(connection, Action.IDENTIFIER_REGISTER)
            outcome = await write_new(
                connection, grant, stored.template_id, entries, batch_id=batch_id, **self._signature()
            )
        await self._end(batch_id, begin)
        return outcome

    async def change(
        self,
        change: Change,
        rows: Sequence[Asked | str],
        migration: Migration | None = None,
        *,
        alone: bool = False,
        continued: bool = False,
    ) -> Changed:
        """One chunk; a text is the suffix key of a row that says nothing else.

        ``alone``: of no batch; ``continued``: of the batch of the last change.
        """
        asked = [row if isinstance(row, Asked) else Asked(row) for row in rows]
        batch_id, begin = await self._begin()
        if continued:
            batch_id, begin = self.last, self.spans[self.last][0]
        async with transaction(self.world.pool) as connection:
            grant = await self._grant(connection, Action.IDENTIFIER_UPDATE)
            outcome = await change_many(
                connection, grant, change, asked, migration=migration, batch_id=None if alone else batch_id,
                **self._signature(),
            )  # fmt: skip
        await self._end(batch_id, begin)
        return outcome

    async def undo(self, batch_id: UUID, window: int = 5000) -> Undone:
        """A whole batch, window by window; the parts added up."""
        begins, until = self.spans[batch_id]
        total = Undone()
        own, begin = await self._begin()
        while until > begins:
            async with transaction(self.world.pool) as connection:
                grant = await self._grant(connection, Action.IDENTIFIER_UPDATE)
                after = await window_to_undo(connection, batch_id, after=begins, until=until, limit=window)
                part = await undo_many(
                    connection, grant, batch_id, after=after, until=until, batch_id=own, **self._signature()
                )
            total.changed += part.changed
            total.refused += part.refused
            until = after
        await self._end(own, begin)
        return total

    async def position(self) -> int:
        """The highest position of history."""
        return int(await self.world.pool.fetchval("SELECT coalesce(max(history_id), 0) FROM identifier_history"))

    async def standing(self) -> dict[str, tuple[str, int, int, dict[str, Any]]]:
        """All identifiers ever: state, version, template id and attributes by suffix key."""
        rows = await self.world.pool.fetch(
            "SELECT i.suffix_key, i.state, i.version, i.template_id, i.record, t.definition"
            " FROM identifier i JOIN template t USING (template_id)"
        )
        words = {1: "live", 2: "deleted", 3: "suspended"}
        found = {}
        for row in rows:
            template = await self._template(row["template_id"])
            attributes = template.template.attributes_of(row["record"])
            found[row["suffix_key"]] = (words[row["state"]], row["version"], row["template_id"], attributes)
        return found

    async def side(self) -> set[tuple[str, int, int, bool, str]]:
        """The side index: suffix key, template, attribute index, whether unique, value."""
        rows = await self.world.pool.fetch(
            "SELECT suffix_key, template_id, attribute_index, is_unique, value FROM attribute_index"
        )
        return {tuple(row) for row in rows}

    async def reported(self) -> Counter[str]:
        """The summaries for the national node, added up."""
        total: Counter[str] = Counter()
        for row in await self.world.pool.fetch("SELECT body FROM outbox WHERE kind = 'registration.summary'"):
            total.update({name: count for name, count in json.loads(row["body"]).items() if isinstance(count, int)})
        return total

    async def kinds(self, suffix_key: str) -> list[Kind]:
        """What happened to an identifier, oldest first."""
        rows = await self.world.pool.fetch(
            "SELECT action FROM identifier_history WHERE suffix_key = $1 ORDER BY version", suffix_key
        )
        return [Kind(row["action"]) for row in rows]

    async def _template(self, template_id: int) -> StoredTemplate:
        return await self.world.templates.get(self.world.administrator, template_id)

    async def _grant(self, connection: Any, action: Action) -> Any:
        return await writable_prefix(connection, self.holder.account, action, self.holder.prefix)

    def _signature(self) -> dict[str, Any]:
        return {
            "account_id": self.holder.account.account_id,
            "interface": self.holder.actor.interface,
            "at": self.world.clock(),
        }

    async def _begin(self) -> tuple[UUID, int]:
        self.world.clock.advance(seconds=1)
        return time_ordered_id(self.world.clock()), await self.position()

    async def _end(self, batch_id: UUID, begin: int) -> None:
        self.last = batch_id
        self.spans[batch_id] = begin, await self.position()
