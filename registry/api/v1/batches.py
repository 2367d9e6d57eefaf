"""``/v1/batches``: bulk registration of a streamed body, its progress, its rejected rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from node.auth import Account, Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Reply, Route, Upload
from node.web import body_blocks
from registry.api.v1.fields import Text, View
from registry.api.v1.paging import CursorBroken, Page, cut, uuid_cursor
from registry.batch_body import IdempotencyKeyReused
from registry.batches import (
    Batch,
    BatchBusy,
    Batches,
    BatchFailed,
    BatchRequest,
    BatchUnknown,
    IdempotencyKeyMissing,
    TooManyBatches,
)
from registry.prefixes import PrefixNotEnabled, PrefixUnknown
from registry.rejection import Rejection
from registry.template_store import TemplateNotPublished, TemplateUnknown

_TAG = "batches"
MEDIA = {"text/csv": "csv", "application/x-ndjson": "ndjson"}
_KEY_LENGTHS = range(1, 256)
_PAGE = 1000


class MappingUnreadable(Malformed):
    title_zh = "列映射无法读取"


class BatchQuery(BaseModel):
    """Where the rows go and how their columns are named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    template: Annotated[Text, Field(min_length=1, max_length=128)]
    mapping: Annotated[
        str | None,
        Field(
            max_length=5_000, description='JSON array of "column=target" texts; a target is an attribute or suffix'
        ),
    ] = None
    delimiter: Annotated[Literal[",", ";", "\t", "|"], Field(description="of CSV")] = ","


class RejectionsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["ndjson", "csv"] = "ndjson"


class BatchView(View):
    """A bulk registration: ``read_line`` is the next line to read, all before it are settled."""

    batch_id: UUID
    prefix: str
    template: str
    state: str
    registered: int
    unchanged: int
    rejected: int
    read_line: int
    read_offset: int
    failure: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """The answer about one batch."""
        return cls(
            batch_id=batch.batch_id,
            prefix=batch.request["prefix"],
            template=batch.request["template"],
            state=batch.state,
            registered=batch.registered,
            unchanged=batch.unchanged,
            rejected=batch.rejected,
            read_line=batch.read_line,
            read_offset=batch.read_offset,
            failure=dict(batch.failure) if batch.failure is not None else None,
            created_at=batch.created_at,
            updated_at=batch.updated_at,
        )


class BatchList(View):
    items: list[BatchView]
    next_cursor: str | None


def batch_routes(batches: Batches, *, most_bytes: int, patience: float) -> list[Route]:
    """Every route of batches; a body has at most ``most_bytes`` and pauses at most ``patience`` seconds."""

    async def run(call: Call, query: BatchQuery) -> Reply:
        key = call.request.headers.get("Idempotency-Key", "")
        if len(key) not in _KEY_LENGTHS or not key.isprintable():
            raise IdempotencyKeyMissing(
                "send an Idempotency-Key of 1 to 255 visible characters", field="Idempotency-Key"
            )
        request = BatchRequest(
            prefix=Prefix.parse(query.prefix),
            template=query.template,
            media=MEDIA[call.request.content_type],
            mapping=_mapping(query.mapping),
            delimiter=query.delimiter,
        )
        blocks = body_blocks(call.request, most_bytes, patience)
        batch, replayed = await batches.run(call.account, call.actor, request, key, blocks)
        headers = {"Location": f"/v1/batches/{batch.batch_id}"}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        return Reply(BatchView.of(batch), headers=headers)

    async def listing(call: Call, query: Page) -> Reply:
        found = await batches.list(call.account, before=uuid_cursor(query.cursor), limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda batch: batch.batch_id)
        return Reply(BatchList(items=[BatchView.of(batch) for batch in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(BatchView.of(await batches.get(call.account, call.uuid("batch_id"))))

    async def rejections(call: Call, query: RejectionsQuery) -> Reply:
        batch = await batches.get(call.account, call.uuid("batch_id"))
        pages = _pages(batches, call.account, batch.batch_id)
        name = f'attachment; filename="rejections-{batch.batch_id}.{query.format}"'
        headers = {"Content-Disposition": name}
        if query.format == "csv":
            return Reply(_as_csv(pages), headers=headers, content_type="text/csv")
        return Reply(_as_ndjson(pages), headers=headers, content_type="application/x-ndjson")

    return [
        Route("POST", "/v1/batches", run, action=Action.IDENTIFIER_REGISTER, tag=_TAG,
              summary="Register the rows of a body; the same body under the same key goes on or is answered again",
              summary_zh="批量注册", body=Upload(media_types=tuple(MEDIA)), query=BatchQuery,
              headers={"Idempotency-Key": "required; 1 to 255 visible characters, the same for the same body"},
              answers={200: BatchView},
              errors=(InvalidPrefix, PrefixUnknown, PrefixNotEnabled, TemplateUnknown, TemplateNotPublished,
                      MappingUnreadable, IdempotencyKeyMissing, IdempotencyKeyReused, BatchBusy, TooManyBatches,
                      BatchFailed)),
        Route("GET", "/v1/batches", listing, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="List bulk registrations, newest first", summary_zh="批次列表", query=Page,
              answers={200: BatchList}, errors=(CursorBroken,)),
        Route("GET", "/v1/batches/{batch_id}", read, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Progress of a bulk registration", summary_zh="批次进度",
              answers={200: BatchView}, errors=(BatchUnknown,)),
        Route("GET", "/v1/batches/{batch_id}/rejections", rejections, action=Action.IDENTIFIER_READ, tag=_TAG,
              summary="Rejected rows, one fault a line", summary_zh="驳回行", query=RejectionsQuery,
              answers={200: ("application/x-ndjson", "text/csv")}, errors=(BatchUnknown,)),
    ]  # fmt: skip


def _mapping(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    try:
        mapping = tuple(msgspec.json.decode(text, type=list[str]))
    except (msgspec.DecodeError, RecursionError) as error:
        raise MappingUnreadable("mapping is not a JSON array of texts", field="mapping", cause=str(error)) from None
    if any("\0" in pair for pair in mapping):
        raise MappingUnreadable("mapping contains the character NUL", field="mapping")
    return mapping


async def _pages(batches: Batches, account: Account, batch_id: UUID) -> AsyncIterator[list[Rejection]]:
    after = (0, 0)
    while found := await batches.rejections(account, batch_id, after=after, limit=_PAGE):
        yield [rejection for _, rejection in found]
        fault, last = found[-1]
        after = (last.line, fault)


async def _as_ndjson(pages: AsyncIterator[list[Rejection]]) -> AsyncIterator[bytes]:
    async for page in pages:
        lines = [
            json.dumps(
                {
                    "line": one.line,
                    "field": one.field,
                    "code": one.code,
                    "message": one.message,
                    "row": _text(one),
                },
                ensure_ascii=False,
            )
            for one in page
        ]
        yield ("\n".join(lines) + "\n").encode()


async def _as_csv(pages: AsyncIterator[list[Rejection]]) -> AsyncIterator[bytes]:
    yield b"line,field,code,message,row\n"
    async for page in pages:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(
            [one.line, *(_harmless(cell) for cell in (one.field or "", one.code, one.message, _text(one)))]
            for one in page
        )
        yield text.getvalue().encode()


def _text(rejection: Rejection) -> str:
    return rejection.row.decode(errors="replace")


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP ASVS, formula injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0")) else cell
