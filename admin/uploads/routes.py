"""``/v1/uploads``: statistics and masked data for a city authority (定期上传), with what it answered."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from admin.uploads.periods import Period
from admin.uploads.profiles import UploadProfileUnknown
from admin.uploads.uploads import PeriodUnfit, Upload, Uploads, UploadUnknown
from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor

_TAG = "uploads"
_RECEIPT_CHARACTERS = 2000


class PeriodQuery(BaseModel):
    """Without a profile that of the settings; without days the period that was over last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Annotated[str, Field(min_length=1, max_length=64, examples=["city"])] | None = None
    since: Annotated[date, Field(description="first day of China")] | None = None
    until: Annotated[date, Field(description="the day after the last")] | None = None


class PeriodBody(PeriodQuery):
    """The same as a body."""


class UploadView(View):
    """``sent_at`` is when the authority had it; null: it waits, and ``last_error`` says why."""

    upload_id: UUID
    profile: str
    since: date
    until: date
    sha256: str
    made_at: datetime
    attempts: int
    last_error: str
    sent_at: datetime | None
    status: int | None

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """The answer about an upload, without its content."""
        return cls(
            **{name: getattr(upload, name) for name in cls.model_fields if name in _PLAIN}, sha256=upload.sha256.hex()
        )


class UploadList(View):
    """Uploads, the newest first."""

    items: list[UploadView]
    next_cursor: str | None


class UploadWithContent(View):
    """One upload with what was sent, and the receipt as text (its first 2,000 characters)."""

    upload: UploadView
    content: dict[str, Any]
    receipt: str | None


class UploadPreview(View):
    """What would be sent, of which period; nothing is kept."""

    since: date
    until: date
    content: dict[str, Any]

    @classmethod
    def of(cls, period: Period, content: bytes) -> Self:
        """The answer about a dry run."""
        return cls(since=period.since, until=period.until, content=json.loads(content))


_PLAIN = frozenset(UploadView.model_fields) - {"sha256"}


def upload_routes(uploads: Uploads) -> list[Route]:
    """Every route of uploads."""

    async def listed(call: Call, query: Page) -> Reply:
        before = number_cursor(query.cursor)
        found = await uploads.list(call.account, before=before, limit=query.limit + 1)
        items, cursor = cut(found, query.limit, lambda upload: upload.number)
        return Reply(UploadList(items=[UploadView.of(one) for one in items], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        upload = await uploads.get(call.account, call.uuid("upload_id"))
        receipt = None if upload.receipt is None else upload.receipt.decode("utf-8", "replace")[:_RECEIPT_CHARACTERS]
        return Reply(
            UploadWithContent(upload=UploadView.of(upload), content=json.loads(upload.content), receipt=receipt)
        )

    async def previewed(call: Call, query: PeriodQuery) -> Reply:
        return Reply(UploadPreview.of(*await uploads.preview(call.account, query.profile, query.since, query.until)))

    async def made(call: Call, body: PeriodBody) -> Reply:
        upload, new = await uploads.make(call.account, call.actor, body.profile, body.since, body.until)
        return Reply(UploadView.of(upload), status=201 if new else 200)

    unfit = (UploadProfileUnknown, PeriodUnfit)
    return [
        Route("GET", "/v1/uploads", listed, action=Action.UPLOAD_READ, tag=_TAG,
              summary="Uploads to the city authority, newest first", summary_zh="上传记录",
              query=Page, answers={200: UploadList}, errors=(CursorBroken,)),
        Route("GET", "/v1/uploads/preview", previewed, action=Action.UPLOAD_READ, tag=_TAG,
              summary="A dry run: what would be uploaded", summary_zh="预览上传内容",
              query=PeriodQuery, answers={200: UploadPreview}, errors=unfit),
        Route("POST", "/v1/uploads", made, action=Action.UPLOAD_MAKE, tag=_TAG,
              summary="Make an upload beside the regular ones; a period goes once", summary_zh="补充上传",
              body=PeriodBody, answers={200: UploadView, 201: UploadView}, errors=unfit),
        Route("GET", "/v1/uploads/{upload_id}", read, action=Action.UPLOAD_READ, tag=_TAG,
              summary="One upload with its content and receipt", summary_zh="上传内容与回执",
              answers={200: UploadWithContent}, errors=(UploadUnknown,)),
    ]  # fmt: skip
