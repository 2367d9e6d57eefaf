"""Logs of registrations and of resolutions, sent upward as files in a chain: each once, none left out.

Of each kind one file is under way at a time: its row in ``log_file`` is written before it is sent and says
``delivered_at`` when the node above has it. So however long that node is away, one file a kind waits; what comes
behind it stays where it is kept anyway, in history and in the sealed event files. A process may be killed anywhere:

* before the row is written nothing has happened;
* with the row, the file is sent again; the node above knows it by its SHA-256 and says so;
* the spooled bytes are only a copy: what is lost of them is made again from the same source.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

import structlog

from node.database import Connection, Pool, transaction
from node.errors import Unavailable
from node.national import outbox
from node.national.bulk import FileManifest
from node.national.client import NationalClient, NationalRefusal
from node.national.duties import Duty
from node.national.log_lines import LogFile
from node.sql import statements_beside
from node.whole_file import put_once
from registry.store import reading, time_ordered_id

log = structlog.get_logger("national")

SQL = statements_beside(__file__, "logs.sql")
Clock = Callable[[], datetime]
Kind = Literal["registration", "resolution"]

_IDLE_SECONDS = 5.0
_UNFINISHED_SECONDS = 3600
_ENDING = ".ndjson.zst"


OUT_OF_CHAIN = "file_out_of_chain"
GAP = 1 << 30
"""Numbers that a chain leaves out when it begins anew."""


class SpoolUnusable(Unavailable):
    """Evidence: ``folder``."""

    title_zh = "日志文件暂存目录不可用"


@dataclass(frozen=True, slots=True)
class LastFile:
    """The newest file of a kind: what the next one follows."""

    source: str
    made_at: datetime


class LogSource(Protocol):
    """Where the files of a kind are made of."""

    @property
    def kind(self) -> Kind: ...

    async def next(self, last: LastFile | None) -> LogFile | None:
        """The file that follows, if one is due. Raises ``DatabaseAway``, ``PositionUnsettled``, OSError."""

    async def again(self, source: str) -> LogFile | None:
        """The file of this source once more; ``None`` where its source cannot be read here and now."""

    async def claim(self, connection: Connection, source: str) -> None:
        """Within the transaction in which a file is registered: its source waits for none any more."""

    async def give_back(self, connection: Connection, source: str) -> None:
        """Within the transaction in which another source takes its place: it waits again."""


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """The row of the file that is being delivered."""

    file_id: UUID
    number: int
    source: str
    rows: int
    sha256: bytes
    content_sha256: bytes
    previous_sha256: bytes | None
    first_at: datetime
    last_at: datetime
    made_at: datetime


class Logs:
    """The files of one kind. ``spool`` is a folder for the one that is under way."""

    def __init__(self, pool: Pool, clock: Clock, spool: Path, source: LogSource) -> None:
        self._pool = pool
        self._clock = clock
        self._spool = spool
        self._source = source
        self._swept = False

    def duty(self) -> Duty:
        return Duty(f"{self._source.kind}-logs", "files", self.turn)

    async def turn(self, client: NationalClient) -> float:
        """Deliver the file that is under way, or make the next one and deliver it; seconds until the next turn.

        Raises ``DatabaseAway``, ``SpoolUnusable``, ``PositionUnsettled``, ``NationalSilent``, ``NationalRefusal``.
        """
        try:
            ready = await self._ready()
            if not self._swept:
                await asyncio.to_thread(self._sweep, None if ready is None else ready[0].file_id)
                self._swept = True
        except OSError as error:
            raise SpoolUnusable(
                f"log files cannot be kept in {self._spool}: {error}", folder=str(self._spool)
            ) from error
        if ready is None:
            return _IDLE_SECONDS
        under_way, content = ready
        sender = await outbox.sender(self._pool)
        try:
            await client.put_file(self._manifest(under_way, sender), content)
        except NationalRefusal as error:
            if error.evidence["refusal"] == OUT_OF_CHAIN:
                await self._begin_anew(
                    under_way
                )  # and after the rest that a refusal is followed by, it is sent again
            raise
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["mark_log_delivered"], under_way.file_id, self._clock())
        await asyncio.to_thread(self._file(under_way.file_id).unlink, missing_ok=True)
        return 0.0

    async def _ready(self) -> tuple[_UnderWay, bytes] | None:
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["log_under_way"], self._source.kind)
        if row is None:
            return await self._begin()
        under_way = _UnderWay(*row)
        content = await asyncio.to_thread(self._spooled, under_way)
        return (under_way, content) if content is not None else await self._made_again(under_way)

    async def _begin(self) -> tuple[_UnderWay, bytes] | None:
        kind = self._source.kind
        async with reading(self._pool) as connection:
            last = await connection.fetchrow(SQL["last_log"], kind)
        made = await self._source.next(None if last is None else LastFile(last["source"], last["made_at"]))
        if made is None:
            return None
        number, previous = (1, None) if last is None else (last["number"] + 1, last["sha256"])
        at = self._clock()
        row = _UnderWay(
            time_ordered_id(at), number, made.source, made.rows, made.sha256, made.content_sha256, previous,
            made.first_at, made.last_at, at,
        )  # fmt: skip
        await asyncio.to_thread(self._put, row.file_id, made.packed)
        async with transaction(self._pool) as connection:
            registered = await connection.fetchval(
                SQL["register_log"], row.file_id, kind, number, row.source, row.rows, len(made.packed), row.sha256,
                row.content_sha256, previous, row.first_at, row.last_at, at,
            )  # fmt: skip
            if registered is None:  # another steward was faster: its file is the one under way
                return None
            await self._source.claim(connection, row.source)
        return row, made.packed

    async def _made_again(self, lost: _UnderWay) -> tuple[_UnderWay, bytes] | None:
        """The file that is under way, or in its place another whose source can be read; ``None`` if there is none."""
        made = await self._source.again(lost.source)
        if made is None:
            log.warning("log_source_unreadable", kind=self._source.kind, source=lost.source)
            made = await self._source.next(LastFile(lost.source, lost.made_at))
            if made is None:
                return None
        await asyncio.to_thread(self._put, lost.file_id, made.packed)
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                SQL["replace_log"], lost.file_id, made.source, made.rows, len(made.packed), made.sha256,
                made.content_sha256, made.first_at, made.last_at,
            )  # fmt: skip
            if row is None:  # delivered meanwhile
                return None
            if made.source != lost.source:
                await self._source.claim(connection, made.source)
                await self._source.give_back(connection, lost.source)
        return _UnderWay(*row), made.packed

    async def _begin_anew(self, row: _UnderWay) -> None:
        """The node above has files of which this database knows nothing: it was restored from before them."""
        log.warning("log_chain_begun_anew", kind=self._source.kind, number=row.number)
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["renumber_log"], row.file_id, row.number + GAP)

    def _manifest(self, row: _UnderWay, sender: outbox.Sender) -> FileManifest:
        return FileManifest(
            node=UUID(bytes=sender.node_id.bytes),
            laboratory=sender.laboratory,
            kind="log.registration" if self._source.kind == "registration" else "log.resolution",
            number=row.number,
            rows=row.rows,
            sha256=row.sha256.hex(),
            content_sha256=row.content_sha256.hex(),
            previous_sha256=(row.previous_sha256 or b"").hex(),
            first_at=row.first_at,
            last_at=row.last_at,
            made_at=row.made_at,
            about=row.source,
        )

    def _file(self, file_id: UUID) -> Path:
        return self._spool / f"{self._source.kind}-{file_id}{_ENDING}"

    def _put(self, file_id: UUID, content: bytes) -> None:
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(file_id)
        file.unlink(missing_ok=True)
        put_once(file, content, 0o600)

    def _spooled(self, row: _UnderWay) -> bytes | None:
        try:
            content = self._file(row.file_id).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).digest() == row.sha256 else None

    def _sweep(self, keep: UUID | None) -> None:
        """What processes that were killed left behind; what is unfinished may be another steward's, just now."""
        for file in self._spool.glob(f"{self._source.kind}-*"):
            if keep is None or file != self._file(keep):
                file.unlink(missing_ok=True)
        for file in self._spool.glob(f".{self._source.kind}-*"):
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < self._clock().timestamp() - _UNFINISHED_SECONDS:
                    file.unlink()
