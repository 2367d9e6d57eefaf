"""Bulk registration (批量注册): a streamed body becomes identifiers, chunk by chunk, and can be repeated safely.

A batch belongs to an idempotency key. Each chunk commits its identifiers, their traces, the rejected rows and the
place in the body up to which everything is settled, all in one transaction. Whoever sends the same body under the
same key again, after whatever fell over, goes on at that place; when the batch is finished, gets its answer again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from node.auth import Account, Action, require
from node.database import AWAY, Connection, Pool, database_errors
from node.errors import Conflict, Malformed, NodeError, NotFound, TooMany
from node.identifier import Prefix
from node.journal import Actor
from node.sql import statements_beside
from registry.batch_body import Body, IdempotencyKeyReused
from registry.batch_rows import WHOLE_BODY, Chunk, RowMaker, RowSource
from registry.prefixes import PrefixGrant, writable_prefix
from registry.rejection import Rejection
from registry.store import reading, time_ordered_id
from registry.template_store import usable_template
from registry.writing import Outcome, write_new

SQL = statements_beside(__file__, "identifiers.sql")
Clock = Callable[[], datetime]
_DEADLOCK_ATTEMPTS = 5


class IdempotencyKeyMissing(Malformed):
    title_zh = "缺少幂等键"


class BatchBusy(Conflict):
    title_zh = "该批次正在处理"


class TooManyBatches(TooMany):
    title_zh = "同时处理的批次过多"


class BatchUnknown(NotFound):
    title_zh = "批次不存在"


class BatchFailed(Malformed):
    title_zh = "整批无法处理"


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What is asked for: ``media`` is ``csv`` or ``ndjson``, ``mapping`` holds ``column=target`` texts."""

    prefix: Prefix
    template: str
    media: str
    mapping: tuple[str, ...] = ()
    delimiter: str = ","

    def to_json(self) -> dict[str, Any]:
        return {
            "prefix": self.prefix.key,
            "template": self.template,
            "media": self.media,
            "mapping": list(self.mapping),
            "delimiter": self.delimiter,
        }


@dataclass(frozen=True, slots=True)
class Batch:
    """A bulk registration: ``read_offset`` octets of its body, ``read_line - 1`` lines, are settled."""

    batch_id: UUID
    account_id: UUID
    prefix_id: int
    template_id: int
    request: Mapping[str, Any]
    state: str
    header: list[str] | None
    read_offset: int
    read_line: int
    body_bytes: int
    body_digest: bytes | None
    registered: int
    unchanged: int
    rejected: int
    failure: Mapping[str, Any] | None
    created_at: datetime
    updated_at: datetime


class Batches:
    """The use cases. At most ``at_once`` batches are worked on by this process at a time."""

    def __init__(self, pool: Pool, clock: Clock, *, chunk_rows: int = 5_000, at_once: int = 2) -> None:
        self._pool = pool
        self.clock = clock
        self.chunk_rows = chunk_rows
        self._slots = asyncio.Semaphore(at_once)

    async def run(
        self, account: Account, actor: Actor, request: BatchRequest, key: str, blocks: AsyncIterator[bytes]
    ) -> tuple[Batch, bool]:
        """Register the rows of a body; returns the finished batch and whether this is a replayed answer.

        Raises ``IdempotencyKeyReused`` for another body or request under the key, ``BatchBusy`` while another
        process works on it, ``TooManyBatches``, ``BatchFailed`` when no row can be understood (header, mapping),
        and the errors of prefix and template. What was committed before an error stays and is gone on from.
        """
        if self._slots.locked():
            raise TooManyBatches("this worker is busy with other bulk registrations; send it again")
        async with self._slots:
            with database_errors():
                async with self._pool.acquire(timeout=5) as connection:
                    batch_id = await self._open(connection, account, request, key)
                    async with _held(connection, batch_id):
                        batch = await _by_key(connection, account, key)
                        if batch.state != "running":
                            body = Body(blocks, batch.body_bytes, batch.body_digest)
                            await (body.check_known() if batch.state == "failed" else body.check_rest())
                            return _answered(batch), True
                        work = _Work(self, connection, account, actor, request, batch)
                        await work.run(Body(blocks, batch.body_bytes, batch.body_digest))
                        return _answered(await _by_key(connection, account, key)), False

    async def get(self, account: Account, batch_id: UUID) -> Batch:
        """One batch. Raises ``BatchUnknown``, also for another enterprise's."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["batch_by_id"], batch_id)
        if row is None or (account.of_enterprise and row["enterprise_id"] != account.enterprise_id):
            raise BatchUnknown("there is no such batch", batch_id=str(batch_id))
        require(account, Action.IDENTIFIER_READ, row["enterprise_id"])
        return _of_row(row)

    async def rejections(
        self, account: Account, batch_id: UUID, *, after: tuple[int, int], limit: int
    ) -> list[tuple[int, Rejection]]:
        """Faults after a (line, fault number), in the order of the input, each with its fault number."""
        await self.get(account, batch_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["rejections_after"], batch_id, *after, limit)
        return [
            (row["fault"], Rejection(row["line"], row["field"], row["code"], row["message"], row["input_row"]))
            for row in rows
        ]

    async def _open(self, connection: Connection, account: Account, request: BatchRequest, key: str) -> UUID:
        at = self.clock()
        async with connection.transaction():
            grant = await writable_prefix(connection, account, Action.IDENTIFIER_REGISTER, request.prefix)
            stored = await usable_template(connection, grant, request.template)
            await connection.execute(
                SQL["open_batch"], time_ordered_id(at), account.account_id, grant.prefix_id, stored.template_id, key,
                json.dumps(request.to_json(), ensure_ascii=False), at,
            )  # fmt: skip
            batch = await _by_key(connection, account, key)
        if batch.request != request.to_json():
            raise IdempotencyKeyReused(
                "this idempotency key belongs to another request", batch_id=str(batch.batch_id)
            )
        return batch.batch_id

    async def list(self, account: Account, *, before: UUID | None, limit: int) -> list[Batch]:
        """The newest batches first: all of them for the node's staff, an enterprise's own for its accounts."""
        last = before or UUID(int=2**128 - 1)
        owner = account.enterprise_id if account.of_enterprise else None
        async with reading(self._pool) as connection:
            return [_of_row(row) for row in await connection.fetch(SQL["list_batches"], last, owner, limit)]


class _Work:
    """The work on one batch by one connection: read, check, encode, and write the chunk before meanwhile."""

    def __init__(
        self,
        batches: Batches,
        connection: Connection,
        account: Account,
        actor: Actor,
        request: BatchRequest,
        batch: Batch,
    ) -> None:
        self._batches = batches
        self._connection = connection
        self._account = account
        self._actor = actor
        self._request = request
        self._batch = batch
        self._expect_taken = batch.read_offset > 0
        self._names: dict[int, str] = {}
        self._writing: asyncio.Task[None] | None = None

    async def run(self, body: Body) -> None:
        async with self._connection.transaction():
            grant = await self._grant()
            stored = await usable_template(self._connection, grant, self._request.template)
        source = RowSource(self._request.media, self._request.delimiter, self._batch.header, self._batch.read_line,
                           self._batch.read_offset)  # fmt: skip
        try:
            maker = RowMaker(stored.template, grant.prefix, self._request.mapping)
            self._names = maker.names
            try:
                async for block in body.from_offset(self._batch.read_offset):
                    if source.add(block) >= self._batches.chunk_rows:
                        await self._settle(source, maker, body)
                source.finish()
                await self._settle(source, maker, body)
                await self._written()
            finally:
                if self._writing is not None:
                    self._writing.cancel()
                    await asyncio.gather(self._writing, return_exceptions=True)
        except WHOLE_BODY as error:
            await self._end("failed", error, body)
            raise BatchFailed(
                error.detail, batch_id=str(self._batch.batch_id), reason=error.code, **error.evidence
            ) from None
        await self._end("finished", None, body)

    async def _grant(self) -> PrefixGrant:
        return await writable_prefix(
            self._connection, self._account, Action.IDENTIFIER_REGISTER, self._request.prefix
        )

    async def _settle(self, source: RowSource, maker: RowMaker, body: Body) -> None:
        position = source.position
        chunk = await maker.make(source, self._batches.clock())
        await self._written()
        progress = _Progress(source.header, position.offset, position.line, body.received, body.digest())
        self._writing = asyncio.create_task(self._write(chunk, progress))

    async def _written(self) -> None:
        if self._writing is not None:
            await self._writing
            self._writing = None

    async def _write(self, chunk: Chunk, progress: _Progress) -> None:
        for attempt in range(_DEADLOCK_ATTEMPTS):
            try:
                async with self._connection.transaction():
                    outcome = await self._write_once(chunk, progress)
            except asyncpg.DeadlockDetectedError:
                if attempt == _DEADLOCK_ATTEMPTS - 1:
                    raise
            else:
                self._expect_taken = bool(outcome.taken or outcome.unchanged)
                return

    async def _write_once(self, chunk: Chunk, progress: _Progress) -> Outcome:
        outcome = await write_new(
            self._connection, await self._grant(), self._batch.template_id, chunk.entries,
            account_id=self._account.account_id, interface=self._actor.interface, at=chunk.at,
            batch_id=self._batch.batch_id, expect_taken=self._expect_taken,
        )  # fmt: skip
        rejections = [*chunk.rejections, *(chunk.rejection_of(taken, self._names) for taken in outcome.taken)]
        await self._keep(rejections)
        await self._connection.execute(
            SQL["advance_batch"], self._batch.batch_id,
            None if progress.header is None else json.dumps(progress.header, ensure_ascii=False),
            progress.offset, progress.line, progress.body_bytes, progress.body_digest,
            outcome.registered, outcome.unchanged, len({rejection.line for rejection in rejections}), chunk.at,
        )  # fmt: skip
        return outcome

    async def _keep(self, rejections: list[Rejection]) -> None:
        rejections.sort(key=lambda rejection: rejection.line)
        records = []
        line = number = 0
        for rejection in rejections:
            number = number + 1 if rejection.line == line else 1
            line = rejection.line
            records.append(
                (self._batch.batch_id, line, number, rejection.field, str(rejection.code), rejection.message,
                 rejection.row)
            )  # fmt: skip
        columns = ("batch_id", "line", "fault", "field", "code", "message", "input_row")
        if records:
            await self._connection.copy_records_to_table("rejection", columns=columns, records=records)

    async def _end(self, state: str, error: NodeError | None, body: Body) -> None:
        failure = None
        if error is not None:
            failure = json.dumps(
                {"code": error.code, "detail": error.detail, **error.evidence}, ensure_ascii=False, default=str
            )
        await self._connection.execute(
            SQL["end_batch"], self._batch.batch_id, state, failure, body.received, body.digest(),
            self._batches.clock(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Progress:
    header: list[str] | None
    offset: int
    line: int
    body_bytes: int
    body_digest: bytes


@asynccontextmanager
async def _held(connection: Connection, batch_id: UUID) -> AsyncIterator[None]:
    if not await connection.fetchval(SQL["hold_batch"], batch_id):
        raise BatchBusy("another process works on this batch; ask for its progress", batch_id=str(batch_id))
    try:
        yield
    finally:
        with suppress(*AWAY):  # a lost connection has released the lock by itself
            await connection.execute(SQL["release_batch"], batch_id)


async def _by_key(connection: Connection, account: Account, key: str) -> Batch:
    return _of_row(await connection.fetchrow(SQL["batch_by_key"], account.account_id, key))


def _answered(batch: Batch) -> Batch:
    """The batch, or the error that it ended with: a failed batch fails again in the same words."""
    if batch.failure is not None:
        evidence = {name: value for name, value in batch.failure.items() if name not in ("code", "detail")}
        evidence["reason"] = batch.failure["code"]
        raise BatchFailed(batch.failure["detail"], **{"batch_id": str(batch.batch_id), **evidence})
    return batch


def _of_row(row: Mapping[str, Any]) -> Batch:
    return Batch(
        batch_id=row["batch_id"],
        account_id=row["account_id"],
        prefix_id=row["prefix_id"],
        template_id=row["template_id"],
        request=json.loads(row["request"]),
        state=row["state"],
        header=json.loads(row["header"]) if row["header"] else None,
        read_offset=row["read_offset"],
        read_line=row["read_line"],
        body_bytes=row["body_bytes"],
        body_digest=row["body_digest"],
        registered=row["registered"],
        unchanged=row["unchanged"],
        rejected=row["rejected"],
        failure=json.loads(row["failure"]) if row["failure"] else None,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
