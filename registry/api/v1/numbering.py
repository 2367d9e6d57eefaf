"""``/v1/numbering-plan`` and ``/v1/reserved-numbers``: which numbers the node gives, and which it keeps back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from node.auth import Action
from node.routes import Call, InvalidPathParameter, Reply, Route
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.numbering.numbering import Numbering, StoredPlan
from registry.numbering.plan import (
    MOST_DIGITS,
    MOST_SERIAL_WIDTH,
    NumberingPlan,
    Place,
    PlanInvalid,
    read_plan,
)
from registry.numbering.reserved import (
    NumberRange,
    NumberRangeInvalid,
    Reservation,
    ReservationKind,
    ReservedNumbers,
    ReservedNumbersUnknown,
)
from registry.reference_data import DivisionCodeInvalid, IndustryCodeInvalid, check_division, check_industry
from registry.store import VersionChanged

_TAG = "numbering"
_Number = Annotated[str, Field(pattern=rf"^[0-9]{{1,{MOST_DIGITS}}}$", examples=["8888"])]


class RegionBody(Body):
    """The first digits of the enterprise's division: 2 province, 4 city, 6 county."""

    kind: Literal["region"]
    digits: Literal[2, 4, 6]


class IndustryBody(Body):
    """The first digits of the enterprise's industry."""

    kind: Literal["industry"]
    digits: Literal[2, 3, 4]


class FixedBody(Body):
    kind: Literal["fixed"]
    digits: Annotated[str, Field(pattern="^[0-9]{1,16}$", examples=["08"])]


class SerialBody(Body):
    """The serial number, which comes last."""

    kind: Literal["serial"]
    width: Annotated[int, Field(ge=1, le=MOST_SERIAL_WIDTH)]
    first: Annotated[int, Field(ge=0, lt=10**MOST_SERIAL_WIDTH)]


_Segments = Annotated[
    list[Annotated[RegionBody | IndustryBody | FixedBody | SerialBody, Field(discriminator="kind")]],
    Field(min_length=1, max_length=8),
]


class PlanBody(Body):
    """The segments of an enterprise's number; ``version`` is that which was read, none for the first plan."""

    segments: _Segments
    version: Version | None = None


class PlanView(View):
    """``version`` 0 is the plan of a node that has set none."""

    segments: _Segments
    version: int
    updated_at: datetime | None

    @classmethod
    def of(cls, stored: StoredPlan) -> Self:
        """The answer about the plan."""
        return cls.model_validate(
            {**stored.plan.to_json(), "version": stored.version, "updated_at": stored.updated_at}
        )


class PlanPreviewBody(Body):
    """Without ``segments`` the plan in force is asked."""

    division_code: Annotated[Text, Field(min_length=1, max_length=6, examples=["330212"])]
    industry_code: Annotated[Text, Field(min_length=1, max_length=4, examples=["3443"])]
    segments: _Segments | None = None


class PlanPreviewView(View):
    """The next prefixes for an enterprise from there, at most three; nothing is taken."""

    prefixes: list[str]


class ReservationBody(Body):
    """A range of numbers of one length, both ends included; without ``last_number`` a single number."""

    first_number: _Number
    last_number: _Number | None = None
    kind: ReservationKind
    reason: Annotated[Text, Field(min_length=1, max_length=500)]


class ReservationQuery(Page):
    kind: ReservationKind | None = None


class ReservationView(View):
    reserved_number_id: int
    first_number: str
    last_number: str
    kind: ReservationKind
    reason: str
    created_at: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> Self:
        """The answer about one range."""
        return cls(
            reserved_number_id=reservation.reserved_number_id,
            first_number=reservation.numbers.first,
            last_number=reservation.numbers.last,
            kind=reservation.kind,
            reason=reservation.reason,
            created_at=reservation.created_at,
        )


class ReservationList(View):
    items: list[ReservationView]
    next_cursor: str | None


def numbering_routes(numbering: Numbering, reserved: ReservedNumbers) -> list[Route]:
    """Every route of the plan and of reserved numbers."""

    async def read(call: Call) -> Reply:
        return Reply(PlanView.of(await numbering.plan(call.account)))

    async def replace(call: Call, body: PlanBody) -> Reply:
        stored = await numbering.set_plan(call.account, call.actor, _plan(body.segments), body.version)
        return Reply(PlanView.of(stored))

    async def preview(call: Call, body: PlanPreviewBody) -> Reply:
        check_division(body.division_code)
        check_industry(body.industry_code)
        plan = _plan(body.segments) if body.segments else None
        found = await numbering.preview(call.account, Place(body.division_code, body.industry_code), plan)
        return Reply(PlanPreviewView(prefixes=[prefix.key for prefix in found]))

    async def listing(call: Call, query: ReservationQuery) -> Reply:
        found = await reserved.list(
            call.account, kind=query.kind, after=number_cursor(query.cursor) or 0, limit=query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda one: one.reserved_number_id)
        return Reply(ReservationList(items=[ReservationView.of(one) for one in shown], next_cursor=cursor))

    async def reserve(call: Call, body: ReservationBody) -> Reply:
        numbers = NumberRange.of(body.first_number, body.last_number)
        made = await reserved.add(call.account, call.actor, numbers, body.kind, body.reason)
        location = f"/v1/reserved-numbers/{made.reserved_number_id}"
        return Reply(ReservationView.of(made), status=201, headers={"Location": location})

    async def release(call: Call) -> Reply:
        await reserved.remove(call.account, call.actor, call.number("reserved_number_id"))
        return Reply(status=204)

    return [
        Route("GET", "/v1/numbering-plan", read, action=Action.NUMBERING_READ, tag=_TAG,
              summary="Read the numbering plan", summary_zh="查看编号规则", answers={200: PlanView}),
        Route("PUT", "/v1/numbering-plan", replace, action=Action.NUMBERING_EDIT, tag=_TAG,
              summary="Set the numbering plan for numbers to come", summary_zh="设置编号规则",
              body=PlanBody, answers={200: PlanView}, errors=(PlanInvalid, VersionChanged)),
        Route("POST", "/v1/numbering-plan/preview", preview, action=Action.NUMBERING_READ, tag=_TAG,
              summary="See which numbers a plan would give next", summary_zh="预览编号",
              body=PlanPreviewBody, answers={200: PlanPreviewView},
              errors=(PlanInvalid, DivisionCodeInvalid, IndustryCodeInvalid)),
        Route("GET", "/v1/reserved-numbers", listing, action=Action.NUMBERING_READ, tag=_TAG,
              summary="List ranges of numbers that are kept back", summary_zh="保留号码与靓号列表",
              query=ReservationQuery, answers={200: ReservationList}, errors=(CursorBroken,)),
        Route("POST", "/v1/reserved-numbers", reserve, action=Action.NUMBERING_EDIT, tag=_TAG,
              summary="Keep a range of numbers back", summary_zh="保留号码段",
              body=ReservationBody, answers={201: ReservationView}, errors=(NumberRangeInvalid,)),
        Route("DELETE", "/v1/reserved-numbers/{reserved_number_id}", release, action=Action.NUMBERING_EDIT, tag=_TAG,
              summary="Give a range of numbers free", summary_zh="释放保留号码段",
              answers={204: None}, errors=(InvalidPathParameter, ReservedNumbersUnknown)),
    ]  # fmt: skip


def _plan(segments: list[RegionBody | IndustryBody | FixedBody | SerialBody]) -> NumberingPlan:
    return read_plan({"segments": [segment.model_dump() for segment in segments]})
