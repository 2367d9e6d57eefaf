"""Batches whose identifiers are selected by a search, and batches that undo another one.

They run in the request that asks, chunk by chunk in key order (or in the order of history), and go on where they
stopped when the same request comes again under the same idempotency key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from node.auth import Account
from node.database import Connection
from node.errors import Conflict
from node.identifier import Prefix
from node.journal import Actor
from registry.batches.by_body import visible_batch
from registry.batches.confirmation import Confirmation, read_confirmation
from registry.batches.preview import Preview, Tally, undone
from registry.batches.request import Operation, QueryRequest, UndoRequest
from registry.batches.selection import change_selected, selected, undo_all, weigh_selected
from registry.batches.store import (
    SQL,
    Batch,
    BatchState,
    Request,
    answered,
    batch_by_id,
    batch_by_key,
    end,
    held,
    opened,
    reused_for_another_request,
    same_request,
)
from registry.batches.trial import trial
from registry.batches.work import Bench, Stopped, Workshop
from registry.identifiers.revisions import Migration
from registry.prefix_grant import PrefixGrant
from registry.store import reading
from registry.templates.stored import template_by_id, usable_template


class SelectionChanged(Conflict):
    title_zh = "符合条件的标识数量已变化"


class UndoTooLate(Conflict):
    title_zh = "已超过撤销期限"


class NotUndoable(Conflict):
    title_zh = "该批次不能撤销"


class QueryBatches:
    """The use cases. ``undo_within`` is how long after its end a batch can be undone."""

    def __init__(self, workshop: Workshop, *, undo_within: timedelta = timedelta(hours=72)) -> None:
        self._workshop = workshop
        self._undo_within = undo_within

    async def run(
        self, account: Account, actor: Actor, request: QueryRequest, key: str, confirmation: str | None
    ) -> tuple[Batch, bool]:
        """Change what the query selects; returns the batch as it stands then and whether this is a replayed answer.

        What somebody changed between selection and change is rejected. Raises ``ConfirmationMissing``,
        ``ConfirmationUnfit``, ``SelectionChanged`` when more or fewer identifiers meet the query than were
        confirmed, ``IdempotencyKeyReused``, ``BatchBusy``, ``TooManyBatches``, and the errors of prefix, template
        and search.
        """
        at = self._workshop.clock()
        async with self._workshop.bench(account, request.operation.action, request.prefix) as bench:
            connection = bench.connection
            async with connection.transaction():
                grant = await bench.grant(connection)
                batch = await _known(connection, account, request, key)
                migration = await _migration(connection, grant, request, batch)
                begun_at = at if batch is None else batch.created_at
                wanted = read_confirmation(confirmation, grant, account, request.to_json(), begun_at).selected
            if batch is None:
                await self._check_selection(bench, grant, request, wanted)
                async with connection.transaction():
                    grant = await bench.grant(connection)
                    template_id = migration.target.template_id if migration is not None else None
                    batch = await opened(
                        connection, account, grant, request, key, at, template_id=template_id, selected=wanted
                    )

            async def settle(batch: Batch) -> None:
                await change_selected(bench, actor, grant, request, migration, batch)

            return await _held_and_settled(bench, batch, settle)

    async def preview(self, account: Account, request: QueryRequest) -> Preview:
        """What ``run`` would do now, and the confirmation that it needs. Nothing is written."""
        async with self._workshop.bench(account, request.operation.action, request.prefix) as bench:
            connection = bench.connection
            async with connection.transaction():
                grant = await bench.grant(connection)
                migration = await _migration(connection, grant, request, None)
            tally = Tally(connection, request.operation)
            count = 0
            async with trial(connection) as taken:
                async for keys, _ in selected(bench, grant, request):
                    async with undone(connection):
                        weighing = await weigh_selected(
                            bench, await bench.grant(connection), request, migration, keys, count
                        )
                    count += len(keys)
                    await taken.add(weighing.rows)
                    await tally.add(weighing)
                await tally.settle(await taken.collisions())
            preview = tally.preview
            preview.selected = count
            confirmation = Confirmation.of_selection(count, bench.clock())
            preview.confirmation = confirmation.written(grant, account, request.to_json())
            return preview

    async def undo(self, account: Account, actor: Actor, batch_id: UUID, key: str) -> tuple[Batch, bool]:
        """Make everything what it was before that batch; what others changed since is rejected.

        Raises ``BatchUnknown``, ``NotUndoable``, ``UndoTooLate``, ``IdempotencyKeyReused``, ``BatchBusy``,
        ``TooManyBatches`` and the errors of the prefix.
        """
        at = self._workshop.clock()
        async with reading(self._workshop.pool) as connection:
            done = await visible_batch(connection, account, batch_id)
        request = UndoRequest(Prefix.parse_derived(done.request["prefix"]), batch_id)
        async with self._workshop.bench(account, done.operation.action, request.prefix) as bench:
            async with bench.connection.transaction():
                grant = await bench.grant(bench.connection)
                batch = await _known(bench.connection, account, request, key)
                if batch is None:
                    self._check_undoable(done, at)
                    batch = await opened(
                        bench.connection, account, grant, request, key, at,
                        selected=done.registered + done.changed, undoes=batch_id,
                    )  # fmt: skip
                    if not await bench.connection.fetchval(SQL["claim_undo"], batch_id, batch.batch_id):
                        raise NotUndoable("the batch is undone already", batch_id=str(batch_id))

            async def settle(batch: Batch) -> None:
                await undo_all(bench, actor, done, batch)

            return await _held_and_settled(bench, batch, settle)

    def _check_undoable(self, batch: Batch, at: datetime) -> None:
        told = {"batch_id": str(batch.batch_id), "state": batch.state.value}
        if not batch.state.over:
            raise NotUndoable(f"the batch is {batch.state}: cancel it first", **told)
        if batch.operation in (Operation.RESTORE, Operation.UNDO):
            raise NotUndoable(f"a batch that does {batch.operation} is not undone", **told)
        if batch.registered + batch.changed == 0:
            raise NotUndoable("the batch changed nothing", **told)
        if batch.history_to <= batch.history_from:
            raise NotUndoable("the batch is older than the traces that undoing needs", **told)
        until = batch.updated_at + self._undo_within
        if at > until:
            raise UndoTooLate(f"the batch could be undone until {until.isoformat()}", until=until.isoformat())

    async def _check_selection(self, bench: Bench, grant: PrefixGrant, request: QueryRequest, wanted: int) -> None:
        found = 0
        async for keys, _ in selected(bench, grant, request):
            found += len(keys)
        if found != wanted:
            raise SelectionChanged(
                f"{wanted} identifiers were confirmed and {found} meet the query now: look at a new preview",
                confirmed=wanted, found=found,
            )  # fmt: skip


async def _known(connection: Connection, account: Account, request: Request, key: str) -> Batch | None:
    """The batch of the key if it is there. Raises ``IdempotencyKeyReused``."""
    batch = await batch_by_key(connection, account, key)
    if batch is not None and not same_request(batch, request.to_json()):
        raise reused_for_another_request(batch)
    return batch


async def _held_and_settled(
    bench: Bench, batch: Batch, settle: Callable[[Batch], Awaitable[None]]
) -> tuple[Batch, bool]:
    """Go on with a batch that runs, and end it; one that does not run is answered as it stands."""
    async with held(bench.connection, batch.batch_id):
        batch = await batch_by_id(bench.connection, batch.batch_id)
        if batch.state is not BatchState.RUNNING:
            return answered(batch), True
        try:
            await settle(batch)
        except Stopped:
            pass  # the batch says who stopped it, and where
        else:
            await end(bench.connection, batch, None, bench.clock())
        return answered(await batch_by_id(bench.connection, batch.batch_id)), False


async def _migration(
    connection: Connection, grant: PrefixGrant, request: QueryRequest, batch: Batch | None
) -> Migration | None:
    """Where a migration leads: to the edition that the name meant when the batch was opened."""
    if request.operation is not Operation.MIGRATE:
        return None
    if batch is not None and batch.template_id is not None:
        target = await template_by_id(connection, batch.template_id)
    else:
        target = await usable_template(connection, grant, request.template or "")
    return Migration(target, request.renamed, request.values)
