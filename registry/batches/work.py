"""The work on one batch whose rows come from a body: read, make chunks, and write each while the next is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from node.auth import Account, Action
from node.database import Connection, Pool, database_errors
from node.errors import TooMany
from node.identifier import Prefix
from registry.batches.body import Body
from registry.batches.rows import WHOLE_BODY, RowWork, Writer
from registry.batches.store import Batch, BatchFailed, Place, Settled, advance, end
from registry.prefix_grant import PrefixGrant
from registry.prefixes import writable_prefix
from registry.rows.form import Form
from registry.rows.limits import Limits
from registry.rows.source import Progress, portions

Clock = Callable[[], datetime]
Grant = Callable[[Connection], Awaitable[PrefixGrant]]
_DEADLOCK_ATTEMPTS = 5


class TooManyBatches(TooMany):
    title_zh = "同时处理的批次过多"


class Stopped(Exception):
    """Somebody paused or cancelled the batch. What was settled stays; nothing more was written."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every work needs: a connection of its own, the prefix as it may be written, time, sizes."""

    connection: Connection
    grant: Grant
    clock: Clock
    chunk_rows: int
    limits: Limits


class Workshop:
    """Where a process works on batches: at most ``at_once`` at a time, each with a connection of its own."""

    def __init__(
        self, pool: Pool, clock: Clock, *, chunk_rows: int = 5_000, at_once: int = 2, limits: Limits | None = None
    ) -> None:
        self.pool = pool
        self.clock = clock
        self.chunk_rows = chunk_rows
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def bench(self, account: Account, action: Action, prefix: Prefix) -> AsyncIterator[Bench]:
        """A place to work on one batch. Raises ``TooManyBatches``, ``DatabaseAway``."""

        async def grant(connection: Connection) -> PrefixGrant:
            return await writable_prefix(connection, account, action, prefix)

        async with self.place() as limits:
            with database_errors():
                async with self.pool.acquire(timeout=5) as connection:
                    yield Bench(connection, grant, self.clock, self.chunk_rows, limits)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Limits]:
        """A place to read one body, and what that may cost. Raises ``TooManyBatches``."""
        if self._slots.locked():
            raise TooManyBatches("this worker is busy with other batches; send it again")
        async with self._slots:
            yield self._limits


async def work_through(
    bench: Bench, batch: Batch, form: Form, body: Body, work: Callable[[], Awaitable[RowWork]], writer: Writer
) -> None:
    """Settle all rows of a body from where the batch stands, and end the batch.

    Raises ``Stopped`` after a pause or cancellation, ``BatchFailed`` when no row can be understood.
    """
    try:
        await _Loop(bench, batch, body, await work(), writer).run(form)
    except WHOLE_BODY as error:
        await end(bench.connection, batch, error, bench.clock(), body_bytes=body.received, body_digest=body.digest())
        raise BatchFailed(error.detail, batch_id=str(batch.batch_id), reason=error.code, **error.evidence) from None
    await end(bench.connection, batch, None, bench.clock(), body_bytes=body.received, body_digest=body.digest())


async def in_one_transaction(
    bench: Bench,
    batch: Batch,
    place: Place,
    write: Callable[[Connection, PrefixGrant], Awaitable[Settled]],
    at: datetime,
) -> Settled:
    """A chunk and the progress that it makes, together. Raises ``Stopped``; then nothing was written."""
    for attempt in range(_DEADLOCK_ATTEMPTS):
        try:
            async with bench.connection.transaction():
                settled = await write(bench.connection, await bench.grant(bench.connection))
                if not await advance(bench.connection, batch.batch_id, place, settled, at):
                    raise Stopped
                return settled
        except asyncpg.DeadlockDetectedError:
            if attempt == _DEADLOCK_ATTEMPTS - 1:
                raise
    raise AssertionError("every attempt returns or raises")


class Meanwhile:
    """One thing done while the next is prepared: ``start`` waits for the one before."""

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None

    async def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin once the one before is done. Raises what that one raised."""
        try:
            await self.done()
        except BaseException:
            work.close()
            raise
        self._task = asyncio.create_task(work)

    async def done(self) -> None:
        """Raises what the last one raised."""
        if self._task is not None:
            await self._task
            self._task = None

    async def __aenter__(self) -> Meanwhile:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class _Loop:
    """The chunk before is written while the next one is read and made."""

    def __init__(self, bench: Bench, batch: Batch, body: Body, work: RowWork, writer: Writer) -> None:
        self._bench = bench
        self._batch = batch
        self._body = body
        self._work = work
        self._writer = writer

    async def run(self, form: Form) -> None:
        batch, bench = self._batch, self._bench
        resume = None
        if batch.begun:
            resume = Progress(batch.read_offset, batch.read_line, batch.read_sheet, dict(batch.header or {}))
        reading = portions(form, self._body, resume, rows=bench.chunk_rows, limits=bench.limits)
        async with Meanwhile() as meanwhile, aclosing(reading) as found:
            async for items, progress in found:
                at = bench.clock()
                chunk = await self._work.make(items, at)
                place = Place(
                    progress.header, progress.offset, progress.line, progress.sheet, "", self._body.received,
                    self._body.digest(),
                )  # fmt: skip
                await meanwhile.start(self._write(chunk, place, at))
            await meanwhile.done()

    async def _write(self, chunk: Any, place: Place, at: datetime) -> Settled:
        writer = replace(self._writer, at=at)

        async def write(connection: Connection, grant: PrefixGrant) -> Settled:
            return await self._work.write(connection, grant, chunk, writer)

        return await in_one_transaction(self._bench, self._batch, place, write, at)
