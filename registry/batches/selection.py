"""The work on batches that come without a body: what a search selects, and what another batch did."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from node.database import Connection
from node.journal import Actor
from registry.batches.request import Operation, QueryRequest
from registry.batches.row_changes import weighed_changes
from registry.batches.rows import Weighing
from registry.batches.store import Batch, Place, Settled
from registry.batches.work import Bench, in_one_transaction
from registry.identifiers.changes import change_many, undo_many, weigh_many, window_to_undo
from registry.identifiers.revisions import Asked, Migration
from registry.prefix_grant import PrefixGrant
from registry.rejection import Fault, Rejection
from registry.rows import Row
from registry.search.search import select_keys

Keys = list[tuple[str, int]]
"""Suffix keys with the versions that met the query."""
_AT_ONCE = 1_000
"""Identifiers of one transaction, at most. A change costs ten times a registration, and what is done with a chunk in
one go (its arguments, its side index, its notices) holds up who resolves at the same worker.
"""


async def selected(
    bench: Bench, grant: PrefixGrant, request: QueryRequest, after: str = ""
) -> AsyncIterator[tuple[Keys, str]]:
    """A chunk of keys at a time, and the key up to which everything was looked at.

    Selected outside of the transaction that changes them: looking for few among many holds nobody up.
    """
    following: str | None = after
    keys: Keys = []
    at_once = min(bench.chunk_rows, _AT_ONCE)
    while following is not None:
        found, following = await select_keys(bench.connection, grant, request.filters, following, at_once - len(keys))
        keys += found
        if len(keys) >= at_once or (following is None and keys):
            yield keys, following or keys[-1][0]
            keys = []


async def change_selected(
    bench: Bench, actor: Actor, grant: PrefixGrant, request: QueryRequest, migration: Migration | None, batch: Batch
) -> None:
    """Change what the query selects behind the key where the batch stands. Raises ``Stopped``."""
    numbering = _Numbering(batch.rejected)
    async for keys, settled_key in selected(bench, grant, request, batch.read_key):
        chunk = _SelectedChunk(bench, actor, request, migration, batch, numbering, _asked(request, keys))
        numbering.count(await chunk.settle(Place(key=settled_key)))


async def weigh_selected(
    bench: Bench, grant: PrefixGrant, request: QueryRequest, migration: Migration | None, keys: Keys, before: int
) -> Weighing:
    """What would become of these; the n-th selected one stands in line n."""
    asked = [
        replace(one, origin=Row(before + number, 0, None, _as_row(one.suffix_key)))
        for number, one in enumerate(_asked(request, keys), 1)
    ]
    change = request.operation.change
    found = await weigh_many(bench.connection, grant, change, asked, at=bench.clock(), migration=migration)
    return await weighed_changes(bench.connection, grant, found, lambda one: one.suffix_key)


async def undo_all(bench: Bench, actor: Actor, done: Batch, batch: Batch) -> None:
    """Undo the entries of ``done`` before the position where the undoing ``batch`` stands. Raises ``Stopped``."""
    numbering = _Numbering(batch.rejected)
    until = int(batch.read_key) if batch.read_key else done.history_to
    while until > done.history_from:
        after = await window_to_undo(
            bench.connection,
            done.batch_id,
            after=done.history_from,
            until=until,
            limit=min(bench.chunk_rows, _AT_ONCE),
        )
        chunk = _UndoneChunk(bench, actor, done, batch, numbering, after, until)
        numbering.count(await chunk.settle())
        until = after


class _SelectedChunk:
    """The change of some selected identifiers."""

    def __init__(
        self, bench: Bench, actor: Actor, request: QueryRequest, migration: Migration | None, batch: Batch,
        numbering: _Numbering, asked: Sequence[Asked],
    ) -> None:  # fmt: skip
        self._bench = bench
        self._actor = actor
        self._change = request.operation.change
        self._migration = migration
        self._batch = batch
        self._numbering = numbering
        self._asked = asked
        self._at = bench.clock()

    async def settle(self, place: Place) -> Settled:
        return await in_one_transaction(self._bench, self._batch, place, self._write, self._at)

    async def _write(self, connection: Connection, grant: PrefixGrant) -> Settled:
        outcome = await change_many(
            connection, grant, self._change, self._asked, account_id=self._batch.account_id,
            interface=self._actor.interface, at=self._at, batch_id=self._batch.batch_id, migration=self._migration,
        )  # fmt: skip
        refused = [(one.suffix_key, fault) for one, fault in outcome.refused]
        rejections = self._numbering.rejections(refused)
        return Settled(changed=outcome.changed, unchanged=outcome.unchanged, rejections=rejections)


class _UndoneChunk:
    """The undoing of one window of history."""

    def __init__(
        self, bench: Bench, actor: Actor, done: Batch, batch: Batch, numbering: _Numbering, after: int, until: int
    ) -> None:
        self._bench = bench
        self._actor = actor
        self._done = done
        self._batch = batch
        self._numbering = numbering
        self._after = after
        self._until = until
        self._at = bench.clock()
        self._place = Place(key=str(after))

    async def settle(self) -> Settled:
        return await in_one_transaction(self._bench, self._batch, self._place, self._write, self._at)

    async def _write(self, connection: Connection, grant: PrefixGrant) -> Settled:
        outcome = await undo_many(
            connection, grant, self._done.batch_id, after=self._after, until=self._until,
            account_id=self._batch.account_id, interface=self._actor.interface, at=self._at,
            batch_id=self._batch.batch_id,
        )  # fmt: skip
        return Settled(changed=outcome.changed, rejections=self._numbering.rejections(outcome.refused))


class _Numbering:
    """Rejections of identifiers that came in no file: the n-th rejected one stands in line n, as an NDJSON row."""

    def __init__(self, rejected: int) -> None:
        self._rejected = rejected

    def rejections(self, refused: Sequence[tuple[str, Fault]]) -> tuple[Rejection, ...]:
        """One for each fault, as of what is settled so far."""
        lines: dict[str, int] = {}
        for suffix_key, _ in refused:
            lines.setdefault(suffix_key, self._rejected + len(lines) + 1)
        return tuple(Rejection.of(lines[key], _as_row(key), fault) for key, fault in refused)

    def count(self, settled: Settled) -> None:
        """These were committed."""
        self._rejected += settled.rejected


def _asked(request: QueryRequest, keys: Keys) -> list[Asked]:
    values = request.values if request.operation is Operation.UPDATE else None
    return [Asked(suffix_key, version, values) for suffix_key, version in keys]


def _as_row(suffix_key: str) -> bytes:
    return json.dumps({"suffix": suffix_key}, ensure_ascii=False).encode()
