"""``/v1/batches``: operations on the rows of a streamed body, their previews, their rejected rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from node.auth import Account, Action
from node.errors import Malformed
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Reply, Route, Upload
from node.web import body_blocks
from registry.api.v1.batch_views import BatchAnswer, BatchList, BatchView, PreviewView
from registry.api.v1.fields import Text
from registry.api.v1.paging import CursorBroken, Page, cut, uuid_cursor
from registry.batches.body import IdempotencyKeyReused
from registry.batches.by_body import Batches, IdempotencyKeyMissing
from registry.batches.confirmation import ConfirmationMissing, ConfirmationUnfit
from registry.batches.request import BatchRequest, Operation, OperationUnfit
from registry.batches.store import BatchBusy, BatchFailed, BatchState, BatchUnknown
from registry.batches.work import TooManyBatches
from registry.coding.rules import CodingRuleUnknown
from registry.mappings.mapping import InvalidMapping, Mapping
from registry.mappings.stored import MappingUnknown
from registry.prefixes import PrefixNotEnabled, PrefixNotHosted, PrefixUnknown
from registry.rejection import Rejection
from registry.rows.form import FORMATS, Form, Format
from registry.rows.formula_guard import guard
from registry.rows.rejected import rejected_rows
from registry.rows.spooling import NoRoomForBody
from registry.templates.stored import TemplateNotPublished, TemplateUnknown

TAG = "batches"
ONE = "/v1/batches/{batch_id:(?!by-query)[^/]+}"
KEY_HEADER = {"Idempotency-Key": "1 to 255 visible characters, the same for the same request; not for a preview"}
_KEY_LENGTHS = range(1, 256)
_PAGE = 1000


class MappingUnreadable(Malformed):
    title_zh = "列映射无法读取"


class BatchQuery(BaseModel):
    """What is done with the rows, where they go, how they are read and how their columns are named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    operation: Literal["register", "update", "delete", "suspend", "resume", "restore"] = "register"
    template: Annotated[
        Text | None, Field(min_length=1, max_length=128, description="for register and update, and only these")
    ] = None
    mapping: Annotated[
        str | None,
        Field(
            max_length=5_000,
            description='JSON: an array of "column=target" texts, or an object as saved mappings are;'
            " a target is an attribute or suffix",
        ),
    ] = None
    mapping_name: Annotated[Text | None, Field(min_length=1, max_length=128, description="of a saved mapping")] = None
    encoding: Annotated[Literal["utf-8", "gb18030"] | None, Field(description="of text; found out if not said")] = (
        None
    )
    delimiter: Annotated[Literal[",", ";", "\t", "|"] | None, Field(description="of CSV; found out if not said")] = (
        None
    )
    sheet: Annotated[
        str | None,
        Field(min_length=1, max_length=255, pattern="^[^\\x00]*$", description="the one worksheet to read of XLSX"),
    ] = None
    dry_run: Annotated[bool, Field(description="answer what would be done, and do nothing")] = False
    confirmation: Annotated[
        str | None,
        Field(max_length=200, description="of the preview; for update, delete, suspend and resume"),
    ] = None


class RejectionsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Annotated[
        Literal["input", "ndjson", "csv"],
        Field(description="input: the rows as they were sent, the reasons in further columns; else one fault a line"),
    ] = "ndjson"
    limit: Annotated[int | None, Field(ge=1, le=_PAGE, description="only so many of the first faults")] = None


def batch_routes(batches: Batches, *, most_bytes: int, patience: float) -> list[Route]:
    """Batches by body; a body has at most ``most_bytes`` and pauses at most ``patience`` seconds."""

    async def run(call: Call, query: BatchQuery) -> Reply:
        request = _request(call, query)
        blocks = body_blocks(call.request, most_bytes, patience)
        if query.dry_run:
            preview = await batches.preview(call.account, request, blocks)
            return Reply(BatchAnswer(PreviewView.of(preview)))
        batch, replayed = await batches.run(
            call.account, call.actor, request, idempotency_key(call), blocks,
            announced=call.request.content_length, confirmation=query.confirmation,
        )  # fmt: skip
        headers = {"Location": f"/v1/batches/{batch.batch_id}"}
        if replayed:
            headers["Idempotency-Replayed"] = "true"
        if batch.state is not BatchState.FINISHED:
            headers["Connection"] = "close"  # what is left of the body is not read
        return Reply(BatchAnswer(BatchView.of(batch)), headers=headers)

    async def listing(call: Call, query: Page) -> Reply:
        found = await batches.list(call.account, before=uuid_cursor(query.cursor), limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda batch: batch.batch_id)
        return Reply(BatchList(items=[BatchView.of(batch) for batch in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(BatchView.of(await batches.get(call.account, call.uuid("batch_id"))))

    async def rejections(call: Call, query: RejectionsQuery) -> Reply:
        batch = await batches.get(call.account, call.uuid("batch_id"))
        pages = _pages(batches, call.account, batch.batch_id, query.limit)
        form = Format(batch.request.get("format", Format.NDJSON))
        blocks = {
            "input": lambda: rejected_rows(form, batch.header or {}, pages),
            "csv": lambda: _as_csv(pages),
            "ndjson": lambda: _as_ndjson(pages),
        }[query.format]()
        form = form if query.format == "input" else Format(query.format)
        name = f'attachment; filename="rejections-{batch.batch_id}.{form}"'
        return Reply(blocks, headers={"Content-Disposition": name}, content_type=form.media_type)

    return [
        Route("POST", "/v1/batches", run, action=Action.IDENTIFIER_REGISTER, tag=TAG,
              summary="Register or change the rows of a body; the same body under the same key goes on"
                      " or is answered again",
              summary_zh="批量注册、变更", body=Upload(media_types=tuple(FORMATS), gzip=True), query=BatchQuery,
              headers=KEY_HEADER, answers={200: BatchAnswer},
              errors=(InvalidPrefix, PrefixUnknown, PrefixNotEnabled, PrefixNotHosted, TemplateUnknown,
                      TemplateNotPublished, MappingUnreadable, InvalidMapping, MappingUnknown, CodingRuleUnknown,
                      OperationUnfit, IdempotencyKeyMissing, IdempotencyKeyReused, ConfirmationMissing,
                      ConfirmationUnfit, NoRoomForBody, BatchBusy, TooManyBatches, BatchFailed)),
        Route("GET", "/v1/batches", listing, action=Action.IDENTIFIER_READ, tag=TAG,
              summary="List batches, newest first", summary_zh="批次列表", query=Page,
              answers={200: BatchList}, errors=(CursorBroken,)),
        Route("GET", ONE, read, action=Action.IDENTIFIER_READ, tag=TAG,
              summary="Progress of a batch", summary_zh="批次进度",
              answers={200: BatchView}, errors=(BatchUnknown,)),
        Route("GET", f"{ONE}/rejections", rejections, action=Action.IDENTIFIER_READ, tag=TAG,
              summary="Rejected rows, as they were sent or one fault a line", summary_zh="驳回行",
              query=RejectionsQuery, answers={200: tuple(FORMATS)}, errors=(BatchUnknown,)),
    ]  # fmt: skip


def idempotency_key(call: Call) -> str:
    """The header. Raises ``IdempotencyKeyMissing``."""
    key = call.header("Idempotency-Key")
    if len(key) not in _KEY_LENGTHS or not key.isprintable() or not key.strip():
        raise IdempotencyKeyMissing("send an Idempotency-Key of 1 to 255 visible characters", field="Idempotency-Key")
    return key


def _request(call: Call, query: BatchQuery) -> BatchRequest:
    if query.mapping is not None and query.mapping_name is not None:
        raise OperationUnfit("name a saved mapping or send one, not both", field="mapping_name")
    form = Form(
        FORMATS[call.request.content_type],
        gzip=call.request.headers.get("Content-Encoding", "").lower() == "gzip",
        encoding=query.encoding,
        delimiter=query.delimiter,
        sheet=query.sheet,
    )
    return BatchRequest(
        prefix=Prefix.parse_derived(query.prefix),
        form=form,
        operation=Operation(query.operation),
        template=query.template,
        mapping=None if query.mapping is None else _mapping(query.mapping),
        mapping_name=query.mapping_name,
    )


def _mapping(text: str) -> Mapping:
    if text.lstrip().startswith("{"):
        return Mapping.parse([text])
    try:
        pairs = msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, RecursionError) as error:
        raise MappingUnreadable(
            "mapping is neither a JSON object nor a JSON array of texts", field="mapping", cause=str(error)
        ) from None
    if any("\0" in pair for pair in pairs):
        raise MappingUnreadable("mapping contains the character NUL", field="mapping")
    return Mapping.parse(pairs)


async def _pages(
    batches: Batches, account: Account, batch_id: UUID, most: int | None
) -> AsyncIterator[list[Rejection]]:
    """All faults, or the first; each has its row, also where another fault of the row came before."""
    after, row = (0, 0, 0), b""
    while found := await batches.rejections(account, batch_id, after=after, limit=most or _PAGE):
        page = []
        for (_, _, number), one in found:
            row = one.row if number == 1 else row
            page.append(one if number == 1 else Rejection(*_facts(one), row, one.sheet))
        yield page
        if most is not None:
            return
        after = found[-1][0]


def _facts(one: Rejection) -> tuple[int, str | None, str, str]:
    return one.line, one.field, one.code, one.message


async def _as_ndjson(pages: AsyncIterator[list[Rejection]]) -> AsyncIterator[bytes]:
    async for page in pages:
        lines = [
            json.dumps(
                {
                    "sheet": one.sheet,
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
    yield b"sheet,line,field,code,message,row\n"
    async for page in pages:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(
            [one.sheet, one.line, *map(guard, (one.field or "", one.code, one.message, _text(one)))] for one in page
        )
        yield text.getvalue().encode()


def _text(rejection: Rejection) -> str:
    return rejection.row.decode(errors="replace")
