"""Files: manuals, certificates, drawings that attributes of the kind file name.

A file is known by its content: ``sha256-`` and the 64 hexadecimal digits of its SHA-256. It belongs to an enterprise,
is kept once however often it is sent, never changes and never goes. Whoever knows its id may read it, as anybody may
read the identifier that names it, except while the enterprise is suspended or closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Malformed, NotFound, TooMany
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.enterprise_record import approved_enterprise
from registry.files.media_types import check_media_type
from registry.files.storage import Storage
from registry.store import reading
from registry.templates.value_rules import file_id_of

SQL = statements_beside(__file__, "files.sql")
Clock = Callable[[], datetime]
After = tuple[datetime, bytes]
"""The place behind a file in a list: when it came, and its digest."""

DIGEST_BYTES = 32
NEWEST: After = (datetime.max.replace(tzinfo=UTC), b"\xff" * (DIGEST_BYTES + 1))
_PIECE = 256 * 1024
"""Octets that a download holds in memory, however large the file and slow the reader."""


class FileUnknown(NotFound):
    title_zh = "文件不存在"


class FileEmpty(Malformed):
    title_zh = "文件为空"


class FileTooLarge(Malformed):
    title_zh = "文件过大"


class FileOwnerMissing(Malformed):
    title_zh = "未说明文件所属企业"


class FileQuotaReached(TooMany):
    title_zh = "企业的文件空间已满"


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Octets of one file, and of all files of one enterprise."""

    file_bytes: int = 50 << 20
    enterprise_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file without its content; ``digest`` is its SHA-256, ``size`` its length in octets. A ``private`` one is
    for its enterprise and for whoever may read an attribute that names it.
    """

    enterprise_id: UUID
    digest: bytes
    name: str
    media_type: str
    size: int
    private: bool
    account_id: UUID
    created_at: datetime

    @property
    def file_id(self) -> str:
        return file_id_of(self.digest)

    @property
    def place(self) -> After:
        return self.created_at, self.digest


class Files:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``DatabaseAway`` and ``StoreAway``."""

    def __init__(self, pool: Pool, clock: Clock, storage: Storage, limits: FileLimits) -> None:
        self._pool = pool
        self._clock = clock
        self._storage = storage
        self.limits = limits

    async def add(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID | None,
        name: str,
        media_type: str,
        content: bytes,
        *,
        private: bool = False,
    ) -> tuple[StoredFile, bool]:
        """A file, and whether it is new; what the enterprise has already stays under its first name and type.

        A private one that is sent again without being private is for everybody from then on.

        Raises ``FileOwnerMissing``, ``FileEmpty``, ``FileTooLarge``, ``MediaTypeMismatch``, ``FileQuotaReached``,
        ``EnterpriseUnknown``, ``EnterpriseNotApproved``.
        """
        if enterprise_id is None:
            raise FileOwnerMissing("say whose file it is", field="enterprise_id")
        require(account, Action.FILE_ADD, enterprise_id)
        self._check(media_type, content)
        at = self._clock()
        digest = hashlib.sha256(content).digest()
        async with transaction(self._pool) as connection:
            await approved_enterprise(connection, enterprise_id)
            await connection.execute(SQL["lock_files"], enterprise_id)
            row = await connection.fetchrow(SQL["find_file"], digest, enterprise_id)
            if row is not None:
                return await _opened(connection, actor, _of_row(row), private=private, at=at), False
            taken = await connection.fetchval(SQL["room_of_files"], enterprise_id)
            most = self.limits.enterprise_bytes
            if taken + len(content) > most:
                raise FileQuotaReached(
                    f"the enterprise's files take {taken} of {most} octets; {len(content)} more do not fit",
                    limit=most, taken=taken, octets=len(content),
                )  # fmt: skip
            added = StoredFile(enterprise_id, digest, name, media_type, len(content), private, account.account_id, at)
            await self._storage.put(connection, _content_key(digest), content)
            await connection.execute(
                SQL["add_file"], enterprise_id, digest, name, media_type, added.size, private, added.account_id, at
            )
            await record_act(connection, actor, Act("file.add", "file", added.file_id, after=_traced(added)), at)
            return added, True

    async def get(self, account: Account, digest: bytes, enterprise_id: UUID | None = None) -> StoredFile:
        """One file of an enterprise; for the node's staff of any that has it. Raises ``FileUnknown``."""
        owner = enterprise_id or account.enterprise_id
        require(account, Action.FILE_READ, owner)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_file"], digest, owner)
        if row is None:
            raise _unknown(digest)
        return _of_row(row)

    async def list(
        self, account: Account, enterprise_id: UUID | None = None, *, after: After = NEWEST, limit: int = 50
    ) -> list[StoredFile]:
        """The files of an enterprise, newest first. Raises ``FileOwnerMissing``."""
        owner = enterprise_id or account.enterprise_id
        if owner is None:
            raise FileOwnerMissing("say whose files", field="enterprise_id")
        require(account, Action.FILE_READ, owner)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_files"], owner, *after, limit)
        return [_of_row(row) for row in rows]

    async def served(self, digest: bytes, *, named: bool = False) -> StoredFile:
        """One file as everybody may read it, or with ``named`` as those may who read an attribute that names it.

        Raises ``FileUnknown``, also while its enterprise is suspended.
        """
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["served_file"], digest, named)
        if row is None:
            raise _unknown(digest)
        return _of_row(row)

    async def content(self, file: StoredFile) -> AsyncIterator[bytes]:
        """The content piece by piece, each read when the one before is gone."""
        for start in range(0, file.size, _PIECE):
            yield await self._storage.piece(_content_key(file.digest), start, _PIECE)

    def _check(self, media_type: str, content: bytes) -> None:
        if not content:
            raise FileEmpty("the file has no content")
        if len(content) > self.limits.file_bytes:
            raise FileTooLarge(f"a file has at most {self.limits.file_bytes} octets", limit=self.limits.file_bytes)
        check_media_type(media_type, content)


async def missing_files(connection: Connection, enterprise_id: UUID, digests: Collection[bytes]) -> set[bytes]:
    """Which of these files an enterprise does not have."""
    if not digests:
        return set()
    rows = await connection.fetch(SQL["missing_files"], enterprise_id, list(digests))
    return {row["sha256"] for row in rows}


async def _opened(
    connection: Connection, actor: Actor, file: StoredFile, *, private: bool, at: datetime
) -> StoredFile:
    if private or not file.private:
        return file
    await connection.execute(SQL["open_file"], file.enterprise_id, file.digest)
    opened = replace(file, private=False)
    act = Act("file.open", "file", file.file_id, before=_traced(file), after=_traced(opened))
    await record_act(connection, actor, act, at)
    return opened


def _content_key(digest: bytes) -> str:
    return f"file/{digest.hex()}"


def _of_row(row: Mapping[str, Any]) -> StoredFile:
    return StoredFile(
        enterprise_id=row["enterprise_id"],
        digest=row["sha256"],
        name=row["name"],
        media_type=row["media_type"],
        size=row["bytes"],
        private=row["private"],
        account_id=row["account_id"],
        created_at=row["created_at"],
    )


def _traced(file: StoredFile) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "enterprise_id": str(file.enterprise_id),
        "name": file.name,
        "media_type": file.media_type,
        "size": file.size,
        "private": file.private,
    }


def _unknown(digest: bytes) -> FileUnknown:
    file_id = file_id_of(digest)
    return FileUnknown(f"there is no file {file_id} here", file_id=file_id)
