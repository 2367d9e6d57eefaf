"""Batches as they are stored: opened under an idempotency key, held by one worker, advanced with every chunk.

States: running → paused → running …, and for good: finished, failed (with a reason), cancelled. Whoever works on a
batch advances it in the transaction of each chunk; a batch that runs no longer does not advance, so that nothing
commits after a pause or cancellation.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from node.auth import Account
from node.database import AWAY, Connection
from node.errors import Conflict, Malformed, NodeError, NotFound
from node.sql import statements_beside
from registry.batches.body import IdempotencyKeyReused
from registry.batches.request import Operation
from registry.prefix_grant import PrefixGrant
from registry.rejection import Rejection
from registry.store import time_ordered_id

SQL = statements_beside(__file__, "batches.sql")


class BatchBusy(Conflict):
    title_zh = "该批次正在处理"


class BatchUnknown(NotFound):
    title_zh = "批次不存在"


class BatchFailed(Malformed):
    title_zh = "整批无法处理"


class BatchState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether it stays as it is."""
        return self not in (BatchState.RUNNING, BatchState.PAUSED)


class Request(Protocol):
    """What every kind of request says."""

    @property
    def operation(self) -> Operation: ...

    @property
    def template(self) -> str | None: ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: ``read_offset`` octets of its body and ``read_line - 1`` lines, or the keys up to ``read_key``, are
    settled. Of its body ``body_bytes`` octets were received, ``body_expected`` announced. ``selected`` identifiers
    met its query. Its history entries have positions above ``history_from`` and up to ``history_to``.
    """

    batch_id: UUID
    account_id: UUID
    prefix_id: int
    enterprise_id: UUID
    template_id: int | None
    operation: Operation
    request: Mapping[str, Any]
    state: BatchState
    header: Mapping[str, Any] | None
    read_offset: int
    read_line: int
    read_sheet: int
    read_key: str
    body_bytes: int
    body_digest: bytes | None
    body_expected: int | None
    selected: int | None
    registered: int
    changed: int
    unchanged: int
    rejected: int
    failure: Mapping[str, Any] | None
    history_from: int
    history_to: int
    undoes: UUID | None
    undone_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def begun(self) -> bool:
        """Whether a chunk was settled before."""
        return bool(self.read_offset or self.read_key or self.read_line > 1 or self.read_sheet)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the rows of one chunk."""

    registered: int = 0
    changed: int = 0
    unchanged: int = 0
    rejections: tuple[Rejection, ...] = ()

    @property
    def rejected(self) -> int:
        """How many rows were rejected; one row may have several faults."""
        return len({(rejection.sheet, rejection.line) for rejection in self.rejections})


@dataclass(frozen=True, slots=True)
class Place:
    """How far a batch has come; ``header`` is what a continued reading needs, None to leave it as it is."""

    header: Mapping[str, Any] | None = None
    offset: int = 0
    line: int = 1
    sheet: int = 0
    key: str = ""
    body_bytes: int = 0
    body_digest: bytes | None = None


async def opened(
    connection: Connection,
    account: Account,
    grant: PrefixGrant,
    request: Request,
    key: str,
    at: datetime,
    *,
    template_id: int | None = None,
    selected: int | None = None,
    undoes: UUID | None = None,
) -> Batch:
    """The batch of an idempotency key, new or known. Raises ``IdempotencyKeyReused`` for another request."""
    asked = request.to_json()
    await connection.execute(
        SQL["open_batch"], time_ordered_id(at), account.account_id, grant.prefix_id, template_id, key,
        json.dumps(asked, ensure_ascii=False), request.operation.value, selected, undoes, at,
    )  # fmt: skip
    batch = await batch_by_key(connection, account, key)
    assert batch is not None, "it was there, or was added"
    if not same_request(batch, asked):
        raise reused_for_another_request(batch)
    return batch


def same_request(batch: Batch, asked: Mapping[str, Any]) -> bool:
    """Whether a request is the batch's own. What a saved mapping meant when it was opened, it means to the end."""
    known = dict(batch.request)
    if asked.get("mapping_name") is not None:
        known["mapping"] = asked["mapping"]
    return known == asked


def reused_for_another_request(batch: Batch) -> IdempotencyKeyReused:
    """The key stands for something else."""
    return IdempotencyKeyReused("this idempotency key belongs to another request", batch_id=str(batch.batch_id))


async def batch_by_key(connection: Connection, account: Account, key: str) -> Batch | None:
    """The batch of an account's idempotency key."""
    row = await connection.fetchrow(SQL["batch_by_key"], account.account_id, key)
    return None if row is None else batch_of_row(row)


async def batch_by_id(connection: Connection, batch_id: UUID) -> Batch:
    """One batch, whoever asks. Raises ``BatchUnknown``."""
    row = await connection.fetchrow(SQL["batch_by_id"], batch_id)
    if row is None:
        raise unknown(batch_id)
    return batch_of_row(row)


def unknown(batch_id: UUID) -> BatchUnknown:
    """There is none, or none that the account may know of."""
    return BatchUnknown("there is no such batch", batch_id=str(batch_id))


@asynccontextmanager
async def held(connection: Connection, batch_id: UUID) -> AsyncIterator[None]:
    """Nobody else works on the batch while the block runs. Raises ``BatchBusy``."""
    if not await connection.fetchval(SQL["hold_batch"], batch_id):
        raise BatchBusy("another process works on this batch; ask for its progress", batch_id=str(batch_id))
    try:
        yield
    finally:
        with suppress(*AWAY):  # a lost connection has released the lock by itself
            await connection.execute(SQL["release_batch"], batch_id)


async def advance(connection: Connection, batch_id: UUID, place: Place, settled: Settled, at: datetime) -> bool:
    """Write down what became of a chunk, in its transaction. False: the batch runs no longer, undo the chunk."""
    await _keep(connection, batch_id, settled.rejections)
    advanced = await connection.fetchval(
        SQL["advance_batch"], batch_id,
        None if place.header is None else json.dumps(place.header, ensure_ascii=False),
        place.offset, place.line, place.sheet, place.key, place.body_bytes, place.body_digest, settled.registered,
        settled.changed, settled.unchanged, settled.rejected, at,
    )  # fmt: skip
    return advanced is not None


async def end(
    connection: Connection,
    batch: Batch,
    error: NodeError | None,
    at: datetime,
    *,
    body_bytes: int = 0,
    body_digest: bytes | None = None,
) -> None:
    """Finished, or failed with its reason; a batch that was paused or cancelled meanwhile stays so."""
    failure = None
    if error is not None:
        failure = json.dumps(
            {"code": error.code, "detail": error.detail, **error.evidence}, ensure_ascii=False, default=str
        )
    state = BatchState.FINISHED if error is None else BatchState.FAILED
    await connection.execute(SQL["end_batch"], batch.batch_id, state, failure, body_bytes, body_digest, at)


def answered(batch: Batch) -> Batch:
    """The batch, or the error that it ended with: a failed batch fails again in the same words."""
    if batch.failure is not None:
        evidence = {name: value for name, value in batch.failure.items() if name not in ("code", "detail")}
        evidence["reason"] = batch.failure["code"]
        raise BatchFailed(batch.failure["detail"], **{"batch_id": str(batch.batch_id), **evidence})
    return batch


async def _keep(connection: Connection, batch_id: UUID, rejections: Iterable[Rejection]) -> None:
    """The faults in the order of the input, numbered within their row; the first one keeps the row itself."""
    records = []
    place, number = (0, 0), 0
    for one in sorted(rejections, key=lambda rejection: (rejection.sheet, rejection.line)):
        number = number + 1 if (one.sheet, one.line) == place else 1
        place = one.sheet, one.line
        row = one.row if number == 1 else None
        records.append((batch_id, one.sheet, one.line, number, one.field, str(one.code), one.message, row))
    columns = ("batch_id", "sheet", "line", "fault", "field", "code", "message", "input_row")
    if records:
        await connection.copy_records_to_table("rejection", columns=columns, records=records)


def batch_of_row(row: Mapping[str, Any]) -> Batch:
    """A row of the statements that read batches."""
    return Batch(
        batch_id=row["batch_id"],
        account_id=row["account_id"],
        prefix_id=row["prefix_id"],
        enterprise_id=row["enterprise_id"],
        template_id=row["template_id"],
        operation=Operation(row["operation"]),
        request=json.loads(row["request"]),
        state=BatchState(row["state"]),
        header=json.loads(row["header"]) if row["header"] else None,
        read_offset=row["read_offset"],
        read_line=row["read_line"],
        read_sheet=row["read_sheet"],
        read_key=row["read_key"],
        body_bytes=row["body_bytes"],
        body_digest=row["body_digest"],
        body_expected=row["body_expected"],
        selected=row["selected"],
        registered=row["registered"],
        changed=row["changed"],
        unchanged=row["unchanged"],
        rejected=row["rejected"],
        failure=json.loads(row["failure"]) if row["failure"] else None,
        history_from=row["history_from"],
        history_to=row["history_to"],
        undoes=row["undoes"],
        undone_by=row["undone_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
