"""``/v1/usage`` and ``/v1/statements``: what an enterprise used, and what a month came to."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from node.auth import Action
from node.routes import Call, InvalidPathParameter, Reply, Route
from registry.api.v1.fields import Body, View
from registry.api.v1.paging import CursorBroken, Page, cut, text_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.commerce.pricing import Service
from registry.commerce.statements import (
    MonthNotOver,
    MonthUnfit,
    Statement,
    Statements,
    StatementUnknown,
    read_month,
)
from registry.commerce.usage import BadPeriod, Usage, summed
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown

_TAG = "statements"
_ONE = "/v1/statements/{enterprise_id}/{month}"
_AFTER_ALL = date(9999, 12, 1)


class UsageQuery(BaseModel):
    """``enterprise_id`` may be left out by the enterprise's own account; both days are told, at most 366."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enterprise_id: UUID | None = None
    first_day: date
    last_day: date


class DayView(View):
    day: date
    registrations: int
    changes: int
    deletions: int
    resolutions: int


class UsageView(View):
    """Days in China, each of them, and their sums by service."""

    enterprise_id: UUID
    days: list[DayView]
    total: dict[Service, int]


class StatementBody(Body):
    """A month that is over."""

    enterprise_id: UUID
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", examples=["2026-10"])]


class StatementView(View):
    """A statement as it was drawn up; amounts in ``content`` are whole 分."""

    enterprise_id: UUID
    month: str
    content: dict[str, Any]
    drawn_up_at: datetime

    @classmethod
    def of(cls, statement: Statement) -> Self:
        """The answer about one statement."""
        return cls(
            enterprise_id=statement.enterprise_id,
            month=f"{statement.month:%Y-%m}",
            content=dict(statement.content),
            drawn_up_at=statement.drawn_up_at,
        )


class RecomputedView(View):
    """A statement worked out again from what is counted, and whether it says the same."""

    same: bool
    content: dict[str, Any]


class StatementList(View):
    items: list[StatementView]
    next_cursor: str | None


class StatementsQuery(Page):
    enterprise_id: UUID | None = None


def statement_routes(usage: Usage, statements: Statements) -> list[Route]:
    """Every route of usage and statements."""

    async def used(call: Call, query: UsageQuery) -> Reply:
        owner = _owner(call, query.enterprise_id)
        days = await usage.of(call.account, owner, query.first_day, query.last_day)
        shown = [DayView.model_validate(day, from_attributes=True) for day in days]
        return Reply(UsageView(enterprise_id=owner, days=shown, total=summed(days)))

    async def draw_up(call: Call, body: StatementBody) -> Reply:
        month = read_month(body.month)
        return Reply(StatementView.of(await statements.draw_up(call.account, call.actor, body.enterprise_id, month)))

    async def listing(call: Call, query: StatementsQuery) -> Reply:
        seen = text_cursor(query.cursor)
        before = _AFTER_ALL if seen is None else read_month(seen)
        owner = _owner(call, query.enterprise_id)
        found = await statements.list(call.account, owner, before=before, limit=query.limit + 1)
        shown, cursor = cut(found, query.limit, lambda statement: f"{statement.month:%Y-%m}")
        return Reply(StatementList(items=[StatementView.of(one) for one in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        month = read_month(call.text("month"))
        return Reply(StatementView.of(await statements.get(call.account, call.uuid("enterprise_id"), month)))

    async def recompute(call: Call) -> Reply:
        month = read_month(call.text("month"))
        found, content = await statements.recomputed(call.account, call.uuid("enterprise_id"), month)
        return Reply(RecomputedView(same=content == found.content, content=content))

    known = (InvalidPathParameter, MonthUnfit, StatementUnknown)
    return [
        Route("GET", "/v1/usage", used, action=Action.STATEMENT_READ, tag=_TAG,
              summary="Registrations, changes, deletions and resolutions by day", summary_zh="查询用量",
              query=UsageQuery, answers={200: UsageView}, errors=(EnterpriseNotNamed, BadPeriod)),
        Route("POST", "/v1/statements", draw_up, action=Action.STATEMENT_DRAW_UP, tag=_TAG,
              summary="Draw up the statement of a month, once", summary_zh="出具月度账单",
              body=StatementBody, answers={200: StatementView},
              errors=(EnterpriseUnknown, EnterpriseNotApproved, MonthNotOver, MonthUnfit)),
        Route("GET", "/v1/statements", listing, action=Action.STATEMENT_READ, tag=_TAG,
              summary="Statements of an enterprise, newest month first", summary_zh="账单列表",
              query=StatementsQuery, answers={200: StatementList},
              errors=(EnterpriseNotNamed, CursorBroken, MonthUnfit)),
        Route("GET", _ONE, read, action=Action.STATEMENT_READ, tag=_TAG,
              summary="Read a statement", summary_zh="查看账单", answers={200: StatementView}, errors=known),
        Route("GET", f"{_ONE}/recomputed", recompute, action=Action.STATEMENT_READ, tag=_TAG,
              summary="A statement worked out again from what is counted", summary_zh="核对账单",
              answers={200: RecomputedView}, errors=known),
    ]  # fmt: skip


def _owner(call: Call, enterprise_id: UUID | None) -> UUID:
    owner = enterprise_id or call.account.enterprise_id
    if owner is None:
        raise EnterpriseNotNamed("say which enterprise is meant", field="enterprise_id")
    return owner
