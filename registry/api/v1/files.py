"""``/v1/files``: upload, list, look at; and the content, for everybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, InvalidPathParameter, Reply, Route, Upload
from node.web import body_blocks
from registry.api.v1.contents import FileName, saved
from registry.api.v1.fields import View
from registry.api.v1.paging import CursorBroken, Page, text_cursor, write_cursor
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.files.files import (
    DIGEST_BYTES,
    NEWEST,
    After,
    FileEmpty,
    FileOwnerMissing,
    FileQuotaReached,
    Files,
    FileTooLarge,
    FileUnknown,
    StoredFile,
)
from registry.files.media_types import MEDIA_TYPES, MediaTypeMismatch
from registry.templates.value_rules import Refused, canonical_file, digest_of

_TAG = "files"
_ONE = "/v1/files/{file_id}"


class UploadQuery(BaseModel):
    """What the file is called when it is read; whose it is, for the node's staff."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FileName
    enterprise_id: UUID | None = None
    private: Annotated[bool, Field(description="for the enterprise, and for whoever may read what names it")] = False


class FileQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: UUID | None = None


class FileListQuery(Page):
    enterprise_id: UUID | None = None


class FileView(View):
    """A file; ``file_id`` is what an attribute of the kind file holds, ``size`` is in octets."""

    file_id: str
    enterprise_id: UUID
    name: str
    media_type: str
    size: int
    private: bool
    account_id: UUID
    created_at: datetime

    @classmethod
    def of(cls, stored: StoredFile) -> Self:
        """The answer about one file."""
        return cls(
            file_id=stored.file_id,
            enterprise_id=stored.enterprise_id,
            name=stored.name,
            media_type=stored.media_type,
            size=stored.size,
            private=stored.private,
            account_id=stored.account_id,
            created_at=stored.created_at,
        )


class FileList(View):
    items: list[FileView]
    next_cursor: str | None


def file_routes(files: Files, *, patience: float) -> list[Route]:
    """Every route of files; an upload pauses at most ``patience`` seconds."""

    async def upload(call: Call, query: UploadQuery) -> Reply:
        owner = query.enterprise_id or call.account.enterprise_id
        blocks = body_blocks(call.request, files.limits.file_bytes, patience)
        content = b"".join([block async for block in blocks])
        media_type = call.request.content_type
        stored, new = await files.add(
            call.account, call.actor, owner, query.name, media_type, content, private=query.private
        )
        location = f"/v1/files/{stored.file_id}"
        return Reply(FileView.of(stored), status=201 if new else 200, headers={"Location": location})

    async def listing(call: Call, query: FileListQuery) -> Reply:
        found = await files.list(call.account, query.enterprise_id, after=_after(query.cursor), limit=query.limit + 1)
        shown = found[: query.limit]
        cursor = _cursor(shown[-1]) if len(found) > query.limit else None
        return Reply(FileList(items=[FileView.of(stored) for stored in shown], next_cursor=cursor))

    async def read(call: Call, query: FileQuery) -> Reply:
        return Reply(FileView.of(await files.get(call.account, file_digest(call), query.enterprise_id)))

    async def content(call: Call) -> Reply:
        stored = await files.served(file_digest(call))
        etag = stored.file_id
        headers = {
            **saved(stored.name),
            "ETag": f'"{etag}"',
            "Cache-Control": "public, max-age=31536000, immutable",  # the content never changes
        }
        if any(tag.value in (etag, "*") for tag in call.request.if_none_match or ()):
            return Reply(status=304, headers=headers)
        headers["Content-Length"] = str(stored.size)
        return Reply(files.content(stored), headers=headers, content_type=stored.media_type)

    async def download(call: Call, query: FileQuery) -> Reply:
        stored = await files.get(call.account, file_digest(call), query.enterprise_id)
        headers = {**saved(stored.name), "Cache-Control": "no-store", "Content-Length": str(stored.size)}
        return Reply(files.content(stored), headers=headers, content_type=stored.media_type)

    return [
        Route("POST", "/v1/files", upload, action=Action.FILE_ADD, tag=_TAG,
              summary="Upload a file; the same content again is the same file", summary_zh="上传文件",
              body=Upload(media_types=tuple(MEDIA_TYPES)), query=UploadQuery, answers={201: FileView, 200: FileView},
              errors=(FileOwnerMissing, FileEmpty, FileTooLarge, MediaTypeMismatch, FileQuotaReached,
                      EnterpriseUnknown, EnterpriseNotApproved)),
        Route("GET", "/v1/files", listing, action=Action.FILE_READ, tag=_TAG,
              summary="List the files of an enterprise, newest first", summary_zh="文件列表", query=FileListQuery,
              answers={200: FileList}, errors=(FileOwnerMissing, CursorBroken)),
        Route("GET", _ONE, read, action=Action.FILE_READ, tag=_TAG,
              summary="Look at a file", summary_zh="查看文件", query=FileQuery, answers={200: FileView},
              errors=(FileUnknown,)),
        Route("GET", f"{_ONE}/content", content, action=None, tag=_TAG,
              summary="The content of a file, for everybody who knows its id, unless it is private",
              summary_zh="下载文件",
              answers={200: tuple(MEDIA_TYPES), 304: None}, errors=(FileUnknown,)),
        Route("GET", f"{_ONE}/download", download, action=Action.FILE_READ, tag=_TAG,
              summary="The content of a file of one's own, private ones too", summary_zh="下载本企业文件",
              query=FileQuery, answers={200: tuple(MEDIA_TYPES)}, errors=(FileUnknown,)),
    ]  # fmt: skip


def file_digest(call: Call) -> bytes:
    """The digest in the path. Raises ``InvalidPathParameter``."""
    try:
        return digest_of(canonical_file(call.text("file_id")))
    except Refused:
        detail = "file_id is not sha256- and 64 lower-case hexadecimal digits"
        raise InvalidPathParameter(detail, field="file_id") from None


def _cursor(last: StoredFile) -> str:
    return write_cursor(f"{last.created_at.isoformat()} {last.digest.hex()}")


def _after(cursor: str | None) -> After:
    key = text_cursor(cursor)
    if key is None:
        return NEWEST
    at, _, digest = key.partition(" ")
    try:
        after = datetime.fromisoformat(at), bytes.fromhex(digest)
    except ValueError:
        after = None
    if after is None or after[0].utcoffset() != timedelta(0) or len(after[1]) != DIGEST_BYTES:
        raise CursorBroken("the cursor is not one that this list gave out; begin without a cursor", field="cursor")
    return after
