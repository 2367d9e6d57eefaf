"""``/v1/batches``: work on what a search selects, undoing, pausing, going on, giving up, watching."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from node.auth import Account, Action
from node.identifier import PREFIX_LIMIT, InvalidPrefix, Prefix
from node.routes import Call, Handler, Reply, Route
from registry.api.v1.batch_views import BatchAnswer, BatchView, PreviewView
from registry.api.v1.batches import KEY_HEADER, ONE, TAG, idempotency_key
from registry.api.v1.fields import Body, Text
from registry.api.v1.search_fields import FiltersBody
from registry.batches.body import IdempotencyKeyReused
from registry.batches.by_body import Batches, BatchStateUnfit, IdempotencyKeyMissing
from registry.batches.by_query import NotUndoable, QueryBatches, SelectionChanged, UndoTooLate
from registry.batches.confirmation import ConfirmationMissing, ConfirmationUnfit
from registry.batches.progress import BatchProgress, TooManyWatchers
from registry.batches.request import Operation, OperationUnfit, QueryRequest
from registry.batches.store import Batch, BatchBusy, BatchUnknown
from registry.batches.work import TooManyBatches
from registry.prefixes import PrefixNotEnabled, PrefixUnknown
from registry.search.filters import StateFilter
from registry.search.search import ConditionUnfit, NotListed
from registry.templates.stored import TemplateNotPublished, TemplateUnknown

_MOST_NAMES = 500
_Name = Annotated[Text, Field(min_length=1, max_length=64)]
_LONGEST_VALUE = 65_536
_Text = Annotated[str, Field(max_length=_LONGEST_VALUE, pattern="^[^\\x00]*$")]
_Scalar = _Text | Annotated[int, Field(ge=-(10**18), le=10**18)] | bool
_Value = _Scalar | Annotated[list[_Scalar], Field(max_length=1000)] | None


class QueryBatchBody(Body):
    """An operation on every identifier that meets the filters.

    ``set``: what an update writes (null clears), or what a migration fills in whatever stood. ``template`` and
    ``rename`` (old attribute to new, null: dropped) are for migrations.
    """

    operation: Literal["update", "delete", "suspend", "resume", "migrate"]
    prefix: Annotated[str, Field(max_length=PREFIX_LIMIT)]
    filters: FiltersBody
    set: Annotated[dict[_Name, _Value], Field(max_length=_MOST_NAMES, default_factory=dict)]
    template: Annotated[Text | None, Field(min_length=1, max_length=128)] = None
    rename: Annotated[dict[_Name, _Name | None], Field(max_length=_MOST_NAMES, default_factory=dict)]
    dry_run: bool = False
    confirmation: Annotated[str | None, Field(max_length=200)] = None

    def request(self) -> QueryRequest:
        """The domain value. Raises ``OperationUnfit``, ``InvalidPrefix``."""
        operation = Operation(self.operation)
        filters = self.filters.filters()
        if operation is Operation.RESUME and "state" not in self.filters.model_fields_set:
            filters = replace(filters, state=StateFilter.SUSPENDED)
        if filters.state not in (StateFilter.LIVE, StateFilter.SUSPENDED):
            raise OperationUnfit("work on what is live, or on what is suspended", field="filters.state")
        if (operation is Operation.MIGRATE) is (self.template is None):
            raise OperationUnfit("template is where a migration leads, and for nothing else", field="template")
        if operation is Operation.MIGRATE and filters.template is None and filters.template_id is None:
            raise OperationUnfit("name the template that is migrated from", field="filters.template")
        if operation is not Operation.MIGRATE and self.rename:
            raise OperationUnfit("rename is for migrations", field="rename")
        if operation is Operation.UPDATE and not self.set:
            raise OperationUnfit("say what an update sets", field="set")
        if operation not in (Operation.UPDATE, Operation.MIGRATE) and self.set:
            raise OperationUnfit(f"{operation} sets nothing", field="set")
        return QueryRequest(
            Prefix.parse_derived(self.prefix), operation, filters, dict(self.set), self.template, dict(self.rename)
        )


def batch_control_routes(batches: Batches, queries: QueryBatches, progress: BatchProgress) -> list[Route]:
    """Batches without a body, and what can be done with every batch."""

    async def by_query(call: Call, body: QueryBatchBody) -> Reply:
        request = body.request()
        if body.dry_run:
            return Reply(BatchAnswer(PreviewView.of(await queries.preview(call.account, request))))
        found = await queries.run(call.account, call.actor, request, idempotency_key(call), body.confirmation)
        return _answer(*found)

    async def undo(call: Call) -> Reply:
        return _answer(*await queries.undo(call.account, call.actor, call.uuid("batch_id"), idempotency_key(call)))

    async def events(call: Call) -> Reply:
        found = await progress.watch(call.account, call.uuid("batch_id"))
        return Reply(_events(found), headers={"X-Accel-Buffering": "no"}, content_type="text/event-stream")

    return [
        Route("POST", "/v1/batches/by-query", by_query, action=Action.IDENTIFIER_UPDATE, tag=TAG,
              summary="Change every identifier that meets the filters; the same request under the same key goes on"
                      " or is answered again",
              summary_zh="按条件批量变更", body=QueryBatchBody, headers=KEY_HEADER, answers={200: BatchAnswer},
              errors=(InvalidPrefix, PrefixUnknown, PrefixNotEnabled, TemplateUnknown, TemplateNotPublished,
                      NotListed, ConditionUnfit, OperationUnfit, IdempotencyKeyMissing, IdempotencyKeyReused,
                      ConfirmationMissing, ConfirmationUnfit, SelectionChanged, BatchBusy, TooManyBatches)),
        Route("POST", f"{ONE}/undo", undo, action=Action.IDENTIFIER_UPDATE, tag=TAG,
              summary="Make everything what it was before the batch, unless it was changed since",
              summary_zh="撤销批次", headers=KEY_HEADER, answers={200: BatchView},
              errors=(BatchUnknown, InvalidPrefix, PrefixUnknown, PrefixNotEnabled, NotUndoable, UndoTooLate,
                      IdempotencyKeyMissing, IdempotencyKeyReused, BatchBusy, TooManyBatches)),
        _move(batches.pause, "pause", "Pause: nothing more is written until it is resumed", "暂停批次"),
        _move(batches.resume, "resume", "Let it go on: send the same request again under its key", "继续批次"),
        _move(batches.cancel, "cancel", "Give it up; what was settled stays", "取消批次"),
        Route("GET", f"{ONE}/events", events, action=Action.IDENTIFIER_READ, tag=TAG,
              summary="Progress as server-sent events: the batch now and at every change, until it is over",
              summary_zh="批次进度推送", answers={200: ("text/event-stream",)},
              errors=(BatchUnknown, TooManyWatchers)),
    ]  # fmt: skip


def _move(move: Callable[[Account, UUID], Awaitable[Batch]], verb: str, summary: str, summary_zh: str) -> Route:
    async def moved(call: Call) -> Reply:
        return Reply(BatchView.of(await move(call.account, call.uuid("batch_id"))))

    handler: Handler = moved
    return Route(
        "POST", f"{ONE}/{verb}", handler, action=Action.IDENTIFIER_REGISTER, tag=TAG, summary=summary,
        summary_zh=summary_zh, answers={200: BatchView}, errors=(BatchUnknown, BatchStateUnfit),
    )  # fmt: skip


def _answer(batch: Batch, replayed: bool) -> Reply:
    headers = {"Location": f"/v1/batches/{batch.batch_id}"}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Reply(BatchView.of(batch), headers=headers)


async def _events(found: Any) -> AsyncIterator[bytes]:
    """The text of an event stream (WHATWG HTML, section 9.2): a batch is an event, a heartbeat a comment."""
    async with aclosing(found) as changes:
        async for batch in changes:
            if batch is None:
                yield b": heartbeat\n\n"
            else:
                yield f"event: batch\ndata: {BatchView.of(batch).model_dump_json()}\n\n".encode()
