"""``/v1/statistics/recounts``: days counted again from the evidence, on demand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from admin.statistics.recounts import (
    MOST_DAYS,
    AskedRecount,
    RecountDaysUnfit,
    Recounts,
    RecountState,
    RecountUnknown,
    TooManyRecounts,
)
from node.auth import Action
from node.routes import Call, InvalidPathParameter, Reply, Route
from registry.api.v1.fields import Body, View
from registry.api.v1.paging import CursorBroken, Page, cut, uuid_cursor

_TAG = "statistics"
_ROOT = "/v1/statistics/recounts"


class RecountBody(Body):
    """``correct``: write what the evidence says, each day as a further edition; for administrators."""

    since: Annotated[date, Field(description="first day of China")]
    until: Annotated[date, Field(description=f"last day; at most {MOST_DAYS} days in all")]
    correct: bool = False


class RecountedDayView(View):
    """``differences`` are those of this day; what concerns several days stands with the first of them."""

    day: date
    resolutions: int
    differences: int


class DifferenceView(View):
    """``counted`` is what stands in the database, ``recounted`` what the evidence gives, null where nothing is;
    ``gap`` is the cause of a recorded gap that may have made it."""

    what: str
    day: date
    key: str
    counted: int | str | None
    recounted: int | str | None
    gap: str


class RecountNoteView(View):
    """What a reader should know and is no difference."""

    what: str
    day: date
    detail: str


class CorrectedDayView(View):
    day: date
    edition: int
    sha256: str


class RecountView(View):
    """``equal`` is null until it is done; ``days_done`` of ``days`` are, while it runs. It was counted up to
    ``counted_to``."""

    recount_id: UUID
    since: date
    until: date
    correct: bool
    asked_by: UUID
    asked_by_name: str
    asked_at: datetime
    state: RecountState
    days: int
    days_done: int
    ended_at: datetime | None
    failure: str
    equal: bool | None
    difference_count: int | None
    resolutions: int | None
    counted_to: datetime | None
    laboratory: bool | None

    @classmethod
    def of(cls, asked: AskedRecount) -> Self:
        """The answer about a recount, without what differs."""
        result = asked.result or {}
        count = result.get("difference_count")
        return cls(
            **{name: getattr(asked, name) for name in _PLAIN},
            equal=None if count is None else count == 0,
            difference_count=count,
            resolutions=result.get("resolutions"),
            counted_to=result.get("counted_to"),
            laboratory=result.get("laboratory"),
        )


class RecountList(View):
    """Recounts, the newest first."""

    items: list[RecountView]
    next_cursor: str | None


class RecountDetailView(View):
    """One with what came out. Of many differences the first 1,000 are kept: ``biaoshi recount --json`` has all.
    ``recorder_id`` is the folder of event files that was counted."""

    recount: RecountView
    recorder_id: UUID | None
    days: list[RecountedDayView]
    differences: list[DifferenceView]
    notes: list[RecountNoteView]
    corrected: list[CorrectedDayView]

    @classmethod
    def whole(cls, asked: AskedRecount) -> Self:
        """The answer about a recount."""
        result: dict[str, Any] = dict(asked.result or {})
        lists = {name: result.get(name, []) for name in ("days", "differences", "notes", "corrected")}
        return cls.model_validate(
            {"recount": RecountView.of(asked), "recorder_id": result.get("recorder_id"), **lists}
        )


_PLAIN = (
    "recount_id", "since", "until", "correct", "asked_by", "asked_by_name", "asked_at", "state", "days", "days_done",
    "ended_at", "failure",
)  # fmt: skip


def recount_routes(recounts: Recounts) -> list[Route]:
    """Every route of recounts."""

    async def asked(call: Call, body: RecountBody) -> Reply:
        found = await recounts.ask(call.account, call.actor, body.since, body.until, correct=body.correct)
        return Reply(RecountView.of(found), status=202)

    async def listed(call: Call, query: Page) -> Reply:
        found = await recounts.list(call.account, before=uuid_cursor(query.cursor), limit=query.limit + 1)
        items, cursor = cut(found, query.limit, lambda one: one.recount_id)
        return Reply(RecountList(items=[RecountView.of(one) for one in items], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(RecountDetailView.whole(await recounts.get(call.account, call.uuid("recount_id"))))

    return [
        Route("POST", _ROOT, asked, action=Action.RECOUNT, tag=_TAG,
              summary="Have days counted again from the evidence; the steward does it", summary_zh="发起复核计数",
              body=RecountBody, answers={202: RecountView}, errors=(RecountDaysUnfit, TooManyRecounts)),
        Route("GET", _ROOT, listed, action=Action.RECOUNT, tag=_TAG,
              summary="Recounts that were asked for, newest first", summary_zh="复核计数列表",
              query=Page, answers={200: RecountList}, errors=(CursorBroken,)),
        Route("GET", f"{_ROOT}/{{recount_id}}", read, action=Action.RECOUNT, tag=_TAG,
              summary="One recount with what differs", summary_zh="复核计数结果",
              answers={200: RecountDetailView}, errors=(InvalidPathParameter, RecountUnknown)),
    ]  # fmt: skip
