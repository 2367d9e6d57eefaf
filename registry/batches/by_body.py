"""Batches (批量): a streamed body is registered, changed or restored chunk by chunk, and can be repeated safely.

A batch belongs to an idempotency key. Each chunk commits its identifiers, their traces, the rejected rows and the
place in the body up to which everything is settled, all in one transaction. Whoever sends the same body under the
same key again, after whatever fell over or after a pause, goes on at that place; when the batch is over, gets its
answer again. What it would do can be looked at before (``preview``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from random import Random, SystemRandom
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, transaction
from node.errors import Conflict, Malformed
from node.journal import Actor
from registry.batches.body import Body
from registry.batches.confirmation import Confirmation, read_confirmation
from registry.batches.confirmed_body import confirmed
from registry.batches.preview import Preview, preview_body
from registry.batches.request import BatchRequest, Operation, OperationUnfit
from registry.batches.row_changes import RowChanges
from registry.batches.row_registrations import RowRegistrations, RuleInUse
from registry.batches.row_restores import RowRestores
from registry.batches.rows import RowWork, WeighableWork, Writer
from registry.batches.store import (
    SQL,
    Batch,
    BatchBusy,
    BatchFailed,
    BatchState,
    BatchUnknown,
    answered,
    batch_by_id,
    batch_by_key,
    batch_of_row,
    held,
    opened,
    unknown,
)
from registry.batches.table_head import TableHead, table_head
from registry.batches.work import Bench, Stopped, TooManyBatches, Workshop, work_through
from registry.coding.rules import coding_rule_by_name
from registry.export.restore import restorable_templates
from registry.mappings.mapping import Mapping
from registry.mappings.stored import mapping_by_name
from registry.prefix_grant import PrefixGrant
from registry.rejection import Rejection
from registry.rows.form import Form
from registry.store import reading
from registry.templates.stored import StoredTemplate, template_by_id, usable_template

__all__ = [
    "Batch", "BatchBusy", "BatchFailed", "BatchState", "BatchStateUnfit", "BatchUnknown", "Batches",
    "IdempotencyKeyMissing", "TooManyBatches",
]  # fmt: skip

Mark = tuple[int, int, int]
"""The place of a fault: sheet, line, number within its row."""


class IdempotencyKeyMissing(Malformed):
    title_zh = "缺少幂等键"


class BatchStateUnfit(Conflict):
    title_zh = "批次状态不允许此操作"


class Batches:
    """The use cases of batches whose rows come from a body, and what all batches have in common."""

    def __init__(self, workshop: Workshop, rng: Random | None = None) -> None:
        self._workshop = workshop
        self._pool = workshop.pool
        self._rng = rng or SystemRandom()

    async def run(
        self,
        account: Account,
        actor: Actor,
        request: BatchRequest,
        key: str,
        blocks: AsyncIterator[bytes],
        *,
        announced: int | None = None,
        confirmation: str | None = None,
    ) -> tuple[Batch, bool]:
        """Settle the rows of a body; returns the batch as it stands then and whether this is a replayed answer.

        It is finished, or somebody paused or cancelled it. ``announced`` is the length of the body in octets, if
        known. Raises ``IdempotencyKeyReused`` for another body or request under the key, ``BatchBusy`` while another
        process works on it, ``TooManyBatches``, ``BatchFailed`` when no row can be understood (form, header,
        mapping), ``ConfirmationMissing``, ``ConfirmationUnfit``, and the errors of prefix, template and saved
        mapping. What was committed before an error stays and is gone on from.
        """
        async with self._workshop.bench(account, request.operation.action, request.prefix) as bench:
            batch, digest = await self._open(bench, account, request, key, confirmation)
            async with held(bench.connection, batch.batch_id):
                batch = await batch_by_id(bench.connection, batch.batch_id)
                if batch.state is BatchState.PAUSED:
                    return batch, True
                if batch.state.over:
                    body = Body(blocks, batch.body_bytes, batch.body_digest)
                    await (body.check_rest() if batch.state is BatchState.FINISHED else body.check_known())
                    return answered(batch), True
                await bench.connection.execute(SQL["expect_body"], batch.batch_id, announced)
                async with confirmed(blocks, digest) as sure:
                    await self._settle(bench, account, actor, request, batch, sure)
                return answered(await batch_by_id(bench.connection, batch.batch_id)), False

    async def preview(self, account: Account, request: BatchRequest, blocks: AsyncIterator[bytes]) -> Preview:
        """What ``run`` would do with this body, and the confirmation that it may need. Nothing is written.

        Raises as ``run`` does, where it does not concern keys; ``OperationUnfit`` for a restore.
        """
        if request.operation is Operation.RESTORE:
            raise OperationUnfit("a restore has no preview: it writes what an export says", field="dry_run")
        async with self._workshop.bench(account, request.operation.action, request.prefix) as bench:
            async with bench.connection.transaction():
                grant = await bench.grant(bench.connection)
                request = await _with_saved_mapping(bench.connection, grant, request)
                stored = await _template(bench.connection, grant, request)
            body = Body(blocks, 0, None)

            async def work() -> WeighableWork:
                async with bench.connection.transaction():
                    return await self._weighable(bench.connection, grant, request, stored, begun=False)

            preview = await preview_body(bench, request.operation, request.form, body, work)
            async for _ in body.from_start():  # the confirmation is for all that was sent
                pass
            if request.operation.confirmed:
                confirmation = Confirmation.of_body(body.digest(), bench.clock())
                preview.confirmation = confirmation.written(grant, account, request.to_json())
            return preview

    async def head(self, form: Form, blocks: AsyncIterator[bytes], *, rows: int, partial: bool) -> TableHead:
        """Columns and first rows of a body. Raises as ``table_head`` does, and ``TooManyBatches``."""
        async with self._workshop.place() as limits:
            return await table_head(form, blocks, rows=rows, limits=limits, partial=partial)

    async def get(self, account: Account, batch_id: UUID) -> Batch:
        """One batch. Raises ``BatchUnknown``, also for another enterprise's."""
        async with reading(self._pool) as connection:
            return await visible_batch(connection, account, batch_id)

    async def rejections(
        self, account: Account, batch_id: UUID, *, after: Mark = (0, 0, 0), limit: int
    ) -> list[tuple[Mark, Rejection]]:
        """Faults after a mark, in the order of the input; only the first fault of a row has the row's octets."""
        await self.get(account, batch_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["rejections_after"], batch_id, *after, limit)
        return [
            (
                (row["sheet"], row["line"], row["fault"]),
                Rejection(
                    row["line"], row["field"], row["code"], row["message"], row["input_row"] or b"", row["sheet"]
                ),
            )
            for row in rows
        ]

    async def list(self, account: Account, *, before: UUID | None, limit: int) -> list[Batch]:
        """The newest batches first: all of them for the node's staff, an enterprise's own for its accounts."""
        last = before or UUID(int=2**128 - 1)
        owner = account.enterprise_id if account.of_enterprise else None
        async with reading(self._pool) as connection:
            return [batch_of_row(row) for row in await connection.fetch(SQL["list_batches"], last, owner, limit)]

    async def pause(self, account: Account, batch_id: UUID) -> Batch:
        """Stop at the next chunk border; nothing commits from now on. Raises ``BatchStateUnfit``."""
        return await self._move(account, batch_id, BatchState.PAUSED, [BatchState.RUNNING])

    async def resume(self, account: Account, batch_id: UUID) -> Batch:
        """A paused batch may go on: the same request under the same key does. Raises ``BatchStateUnfit``."""
        return await self._move(account, batch_id, BatchState.RUNNING, [BatchState.PAUSED])

    async def cancel(self, account: Account, batch_id: UUID) -> Batch:
        """Stop for good at the next chunk border; what was settled stays. Raises ``BatchStateUnfit``."""
        return await self._move(account, batch_id, BatchState.CANCELLED, [BatchState.RUNNING, BatchState.PAUSED])

    async def _move(
        self, account: Account, batch_id: UUID, wanted: BatchState, origins: Sequence[BatchState]
    ) -> Batch:
        at = self._workshop.clock()
        async with transaction(self._pool) as connection:
            batch = await visible_batch(connection, account, batch_id)
            require(account, batch.operation.action, batch.enterprise_id)
            await connection.fetchval(SQL["move_batch"], batch_id, wanted, origins, at)
            after = await batch_by_id(connection, batch_id)
        if after.state is not wanted:
            raise BatchStateUnfit(
                f"the batch is {after.state}", batch_id=str(batch_id), state=after.state.value, wanted=wanted.value
            )
        return after

    async def _open(
        self, bench: Bench, account: Account, request: BatchRequest, key: str, confirmation: str | None
    ) -> tuple[Batch, bytes | None]:
        """The batch of the key, new or not, and the SHA-256 that its body must have if it had to be confirmed."""
        at = self._workshop.clock()
        connection = bench.connection
        async with connection.transaction():
            grant = await bench.grant(connection)
            known = await batch_by_key(connection, account, key)
            template_id = None
            if known is None:
                request = await _with_saved_mapping(connection, grant, request)
                stored = await _template(connection, grant, request)
                template_id = stored.template_id if stored is not None else None
            elif request.mapping_name is not None and known.request.get("mapping_name") == request.mapping_name:
                request = replace(request, mapping=Mapping.parse(known.request["mapping"]))
            digest = None
            if request.operation.confirmed:
                begun_at = at if known is None else known.created_at
                digest = read_confirmation(confirmation, grant, account, request.to_json(), begun_at).seen
            batch = await opened(connection, account, grant, request, key, at, template_id=template_id)
        return batch, digest

    async def _settle(
        self, bench: Bench, account: Account, actor: Actor, request: BatchRequest, batch: Batch,
        blocks: AsyncIterator[bytes],
    ) -> None:  # fmt: skip
        if request.mapping_name is not None:  # what the name meant when the batch was opened
            request = replace(request, mapping=Mapping.parse(batch.request["mapping"]))

        async def work() -> RowWork:
            async with bench.connection.transaction():
                grant = await bench.grant(bench.connection)
                if request.operation is Operation.RESTORE:
                    templates = await restorable_templates(bench.connection, grant)
                    return RowRestores(grant, request.form.format, templates, begun=batch.begun)
                stored = None
                if batch.template_id is not None:
                    stored = await template_by_id(bench.connection, batch.template_id)
                return await self._weighable(bench.connection, grant, request, stored, begun=batch.begun)

        body = Body(blocks, batch.body_bytes, batch.body_digest)
        writer = Writer(account.account_id, actor.interface, batch.created_at, batch.batch_id)
        try:
            await work_through(bench, batch, request.form, body, work, writer)
        except Stopped:
            return  # the batch says who stopped it, and where

    async def _weighable(
        self,
        connection: Connection,
        grant: PrefixGrant,
        request: BatchRequest,
        stored: StoredTemplate | None,
        *,
        begun: bool,
    ) -> WeighableWork:
        """Registrations or changes, ready to work. Raises ``InvalidMapping``, ``CodingRuleUnknown``."""
        form, mapping = request.form.format, request.mapping
        if request.operation is not Operation.REGISTER:
            return RowChanges(request.operation, stored, grant, form, mapping, begun=begun)
        assert stored is not None, "a registration names its template"
        rule = None
        if mapping is not None and mapping.coding_rule is not None:
            found = await coding_rule_by_name(connection, grant.enterprise_id, mapping.coding_rule)
            rule = RuleInUse(found, self._rng)
        return RowRegistrations(stored, grant, form, mapping, rule, begun=begun)


async def visible_batch(connection: Connection, account: Account, batch_id: UUID) -> Batch:
    """One batch that the account may know of. Raises ``BatchUnknown``."""
    batch = await batch_by_id(connection, batch_id)
    if account.of_enterprise and batch.enterprise_id != account.enterprise_id:
        raise unknown(batch_id)
    require(account, Action.IDENTIFIER_READ, batch.enterprise_id)
    return batch


async def _with_saved_mapping(connection: Connection, grant: PrefixGrant, request: BatchRequest) -> BatchRequest:
    if request.mapping_name is None:
        return request
    saved = await mapping_by_name(connection, grant.enterprise_id, request.mapping_name)
    return replace(request, mapping=saved.definition)


async def _template(connection: Connection, grant: PrefixGrant, request: BatchRequest) -> StoredTemplate | None:
    if request.template is None:
        return None
    return await usable_template(connection, grant, request.template)
