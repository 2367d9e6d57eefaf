"""Attachments (附件): images of certificates and contracts, for those who review and for nobody else.

An attachment is uploaded first and bound once to what it belongs to. Its content is sealed before it is stored, for
it shows people's papers; it never resolves and no public address serves it. One that nobody binds within a day goes
when its uploader sends the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from node.auth import Account, Action, Role, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound, TooMany
from node.journal import Act, Actor, record_act
from node.sealing import Seal
from node.sql import statements_beside
from registry.files.files import FileEmpty, FileTooLarge
from registry.files.media_types import check_media_type, media_type_of, suffix_of
from registry.files.storage import Storage
from registry.store import reading

SQL = statements_beside(__file__, "attachments.sql")
Clock = Callable[[], datetime]

PDF = "application/pdf"
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp"})
MOST_UNBOUND = 100
"""Attachments of one account that belong to nothing yet."""
UNBOUND_FOR = timedelta(days=1)
_SEALED_MORE = 64
"""Octets that sealing adds, and a few."""


class AttachmentUnknown(NotFound):
    title_zh = "附件不存在"


class AttachmentBound(Conflict):
    title_zh = "附件已被使用"


class AttachmentsWaiting(TooMany):
    title_zh = "未使用的附件过多"


class NoAttachmentType(Malformed):
    title_zh = "附件类型不支持"


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """Octets of an image and of a PDF document (SNMS, section 3: 1 MB and 5 MB)."""

    image_bytes: int = 1 << 20
    pdf_bytes: int = 5 << 20

    @property
    def longest(self) -> int:
        return max(self.image_bytes, self.pdf_bytes)


@dataclass(frozen=True, slots=True)
class Attachment:
    """Without its content; ``path`` is ``<uuid>.<suffix>``, ``bound_to`` says what of its enterprise it is."""

    attachment_id: int
    path: str
    account_id: UUID
    enterprise_id: UUID | None
    name: str
    media_type: str
    size: int
    bound_to: str | None
    created_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "attachment_id": self.attachment_id,
            "enterprise_id": str(self.enterprise_id) if self.enterprise_id else None,
            "media_type": self.media_type,
            "size": self.size,
            "bound_to": self.bound_to,
        }


class Attachments:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``DatabaseAway`` and ``StoreAway``."""

    def __init__(self, pool: Pool, clock: Clock, seal: Seal, storage: Storage, limits: AttachmentLimits) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._storage = storage
        self.limits = limits

    async def add(self, account: Account, actor: Actor, name: str, content: bytes) -> Attachment:
        """A new one, of the type that its name ends in.

        Raises ``NoAttachmentType``, ``FileEmpty``, ``FileTooLarge``, ``MediaTypeMismatch``, ``AttachmentsWaiting``.
        """
        require(account, Action.ATTACHMENT_ADD, account.enterprise_id)
        media_type = self._check(name, content)
        at = self._clock()
        path = f"{uuid4()}.{suffix_of(name)}"
        async with transaction(self._pool) as connection:
            await self._sweep(connection, account, at)
            await self._storage.put(connection, _content_key(path), self._seal.seal(content, _content_key(path)))
            digest = hashlib.sha256(content).digest()
            attachment_id = await connection.fetchval(
                SQL["add_attachment"], path, account.account_id, account.enterprise_id, name, media_type,
                len(content), digest, at,
            )  # fmt: skip
            added = Attachment(
                attachment_id,
                path,
                account.account_id,
                account.enterprise_id,
                name,
                media_type,
                len(content),
                None,
                at,
            )
            act = Act("attachment.add", "attachment", str(attachment_id), after=added.to_json())
            await record_act(connection, actor, act, at)
        return added

    async def read(self, account: Account, actor: Actor, attachment_id: int) -> tuple[Attachment, bytes]:
        """One with its content, for those who may; the look is recorded. Raises ``AttachmentUnknown``."""
        async with reading(self._pool) as connection:
            found = _found(await connection.fetchrow(SQL["find_attachment"], attachment_id), attachment_id)
        if found.account_id != account.account_id:
            require(account, Action.ATTACHMENT_READ, found.enterprise_id)
        key = _content_key(found.path)
        sealed = await self._storage.piece(key, 0, found.size + _SEALED_MORE)
        content = self._seal.open(sealed, key)
        async with transaction(self._pool) as connection:
            act = Act("attachment.read", "attachment", str(attachment_id), after=found.to_json())
            await record_act(connection, actor, act, self._clock())
        return found, content

    def _check(self, name: str, content: bytes) -> str:
        media_type = media_type_of(name)
        if media_type != PDF and media_type not in IMAGES:
            raise NoAttachmentType(
                "an attachment is an image (JPEG, PNG, GIF, BMP, WebP) or a PDF document", field="file"
            )
        most = self.limits.pdf_bytes if media_type == PDF else self.limits.image_bytes
        if not content:
            raise FileEmpty("the file has no content")
        if len(content) > most:
            raise FileTooLarge(f"a file of {media_type} has at most {most} octets", limit=most)
        check_media_type(media_type, content)
        return media_type

    async def _sweep(self, connection: Connection, account: Account, at: datetime) -> None:
        for row in await connection.fetch(SQL["remove_unbound"], account.account_id, at - UNBOUND_FOR):
            await self._storage.remove(connection, _content_key(row["path"]))
        if await connection.fetchval(SQL["count_unbound"], account.account_id) >= MOST_UNBOUND:
            raise AttachmentsWaiting(f"{MOST_UNBOUND} attachments belong to nothing yet: use them first")


async def bind_attachment(
    connection: Connection, attachment_id: int, account: Account, enterprise_id: UUID, bound_to: str, at: datetime
) -> Attachment:
    """Make it the enterprise's, as ``bound_to`` says, inside the caller's transaction; once for ever.

    Binding it again to the same changes nothing. Only who uploaded it may bind it, a colleague, or an administrator.
    Raises ``AttachmentUnknown``, ``AttachmentBound``.
    """
    row = await connection.fetchrow(SQL["lock_attachment"], attachment_id)
    found = _found(row, attachment_id)
    if found.bound_to is not None:
        if (found.enterprise_id, found.bound_to) == (enterprise_id, bound_to):
            return found
        raise AttachmentBound(f"attachment {attachment_id} belongs to something already", attachment_id=attachment_id)
    colleague = found.enterprise_id is not None and found.enterprise_id == account.enterprise_id
    if found.account_id != account.account_id and not colleague and account.role is not Role.ADMINISTRATOR:
        raise _unknown(attachment_id)
    await connection.execute(SQL["bind_attachment"], attachment_id, enterprise_id, bound_to, at)
    return replace(found, enterprise_id=enterprise_id, bound_to=bound_to)


def _content_key(path: str) -> str:
    return f"attachment/{path}"


def _found(row: Mapping[str, Any] | None, attachment_id: int) -> Attachment:
    if row is None:
        raise _unknown(attachment_id)
    return Attachment(
        attachment_id=row["attachment_id"],
        path=row["path"],
        account_id=row["account_id"],
        enterprise_id=row["enterprise_id"],
        name=row["name"],
        media_type=row["media_type"],
        size=row["bytes"],
        bound_to=row["bound_to"],
        created_at=row["created_at"],
    )


def _unknown(attachment_id: int) -> AttachmentUnknown:
    return AttachmentUnknown(f"there is no attachment {attachment_id}", attachment_id=attachment_id)
