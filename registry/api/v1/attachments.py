"""``/v1/attachments``: images of certificates and contracts; uploaded, bound by what they belong to, looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from node.auth import Action
from node.routes import Call, Reply, Route, Upload
from node.web import body_blocks
from registry.api.v1.contents import FileName, saved
from registry.api.v1.fields import View
from registry.files.attachments import (
    IMAGES,
    PDF,
    Attachment,
    Attachments,
    AttachmentsWaiting,
    AttachmentUnknown,
    NoAttachmentType,
)
from registry.files.files import FileEmpty, FileTooLarge
from registry.files.media_types import MediaTypeMismatch

_TAG = "attachments"
_TYPES = (*sorted(IMAGES), PDF)


class AttachmentQuery(BaseModel):
    """What the file is called; the end of the name says what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FileName


class AttachmentView(View):
    """An attachment; ``bound_to`` is null while it belongs to nothing, ``size`` is in octets."""

    attachment_id: int
    path: str
    enterprise_id: UUID | None
    name: str
    media_type: str
    size: int
    bound_to: str | None
    created_at: datetime

    @classmethod
    def of(cls, attachment: Attachment) -> Self:
        """The answer about one attachment."""
        return cls(
            attachment_id=attachment.attachment_id,
            path=attachment.path,
            enterprise_id=attachment.enterprise_id,
            name=attachment.name,
            media_type=attachment.media_type,
            size=attachment.size,
            bound_to=attachment.bound_to,
            created_at=attachment.created_at,
        )


def attachment_routes(attachments: Attachments, *, patience: float) -> list[Route]:
    """Every route of attachments; an upload pauses at most ``patience`` seconds."""

    async def upload(call: Call, query: AttachmentQuery) -> Reply:
        blocks = body_blocks(call.request, attachments.limits.longest, patience)
        content = b"".join([block async for block in blocks])
        added = await attachments.add(call.account, call.actor, query.name, content)
        location = f"/v1/attachments/{added.attachment_id}/content"
        return Reply(AttachmentView.of(added), status=201, headers={"Location": location})

    async def content(call: Call) -> Reply:
        found, content = await attachments.read(call.account, call.actor, call.number("attachment_id"))
        headers = {**saved(found.name), "Cache-Control": "no-store"}
        return Reply(content, headers=headers, content_type=found.media_type)

    return [
        Route("POST", "/v1/attachments", upload, action=Action.ATTACHMENT_ADD, tag=_TAG,
              summary="Upload an image of a certificate or a contract", summary_zh="上传附件（证件图片、合同）",
              body=Upload(media_types=_TYPES), query=AttachmentQuery, answers={201: AttachmentView},
              errors=(FileEmpty, FileTooLarge, MediaTypeMismatch, NoAttachmentType, AttachmentsWaiting)),
        Route("GET", "/v1/attachments/{attachment_id}/content", content, action=Action.ATTACHMENT_READ, tag=_TAG,
              summary="The content of an attachment; the look is recorded", summary_zh="查看附件（留痕）",
              answers={200: _TYPES}, errors=(AttachmentUnknown,)),
    ]  # fmt: skip
