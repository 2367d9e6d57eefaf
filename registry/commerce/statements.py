"""Monthly statements (账单): what an enterprise used in a month of China and what its orders charge for it.

A statement is drawn up once the month is over, by the node itself or on request, and never altered. Drawn up again at
any time from what is counted it must say the same, which ``recomputed`` shows.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from node.auth import Account, Action, require
from node.china_time import CHINA
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.journal import Act, Actor, Interface, record_act
from node.sql import statements_beside
from registry.commerce.orders import Order, orders_in_force
from registry.commerce.pricing import fee_for, lines_for
from registry.commerce.usage import days_of_use, summed
from registry.enterprises import approved_enterprise
from registry.store import reading

SQL = statements_beside(__file__, "commerce.sql")
Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)

_STEWARD = Actor(None, Interface.STEWARD)
_SETTLING = timedelta(hours=1)
"""How long after its end a month may still be counted: what processes had not written down yet."""
_MONTHS_BACK = 12


class StatementUnknown(NotFound):
    title_zh = "账单不存在"


class MonthNotOver(Conflict):
    """Evidence: ``month``."""

    title_zh = "该月尚未结束"


class MonthUnfit(Malformed):
    """Evidence: ``month``."""

    title_zh = "月份有误"


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of an enterprise; ``content`` is as it was drawn up."""

    enterprise_id: UUID
    month: date
    content: Mapping[str, Any]
    drawn_up_at: datetime


class Statements:
    """The use cases. Besides what they name, all raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def draw_up(self, account: Account, actor: Actor, enterprise_id: UUID, month: date) -> Statement:
        """The statement of a month, drawn up now if it is not there yet. Raises ``MonthNotOver``,
        ``EnterpriseUnknown``, ``EnterpriseNotApproved``.
        """
        require(account, Action.STATEMENT_DRAW_UP, enterprise_id)
        at = self._clock()
        _check_over(month, at)
        async with transaction(self._pool) as connection:
            known = await statement_of(connection, enterprise_id, month)
            if known is not None:
                return known
            await approved_enterprise(connection, enterprise_id)
            return await _drawn_up(connection, actor, enterprise_id, month, at)

    async def draw_up_due(self) -> int:
        """Statements of the last twelve months in which orders were in force and nobody drew them up; how many."""
        at = self._clock()
        month, drawn = (at.astimezone(CHINA) - _SETTLING).date(), 0
        for _ in range(_MONTHS_BACK):
            month = _month_before(month)
            async with reading(self._pool) as connection:
                due = await connection.fetch(SQL["statements_due"], month, _last_day(month))
            for row in due:
                async with transaction(self._pool) as connection:
                    await _drawn_up(connection, _STEWARD, row["enterprise_id"], month, at)
            drawn += len(due)
        if drawn:
            log.info("statements_drawn_up", statements=drawn)
        return drawn

    async def get(self, account: Account, enterprise_id: UUID, month: date) -> Statement:
        """As it was drawn up. Raises ``StatementUnknown``."""
        require(account, Action.STATEMENT_READ, enterprise_id)
        async with reading(self._pool) as connection:
            found = await statement_of(connection, enterprise_id, month)
        if found is None:
            raise StatementUnknown(f"there is no statement of {month:%Y-%m}", month=f"{month:%Y-%m}")
        return found

    async def recomputed(
        self, account: Account, enterprise_id: UUID, month: date
    ) -> tuple[Statement, dict[str, Any]]:
        """A statement, and what it would say if it were drawn up now. Raises ``StatementUnknown``."""
        found = await self.get(account, enterprise_id, month)
        async with reading(self._pool) as connection:
            return found, await content_of(connection, enterprise_id, month)

    async def list(self, account: Account, enterprise_id: UUID, *, before: date, limit: int) -> list[Statement]:
        """The newest months before one first."""
        require(account, Action.STATEMENT_READ, enterprise_id)
        async with reading(self._pool) as connection:
            return [
                _of_row(row) for row in await connection.fetch(SQL["list_statements"], enterprise_id, before, limit)
            ]


def read_month(text: str) -> date:
    """The first day of a month from YYYY-MM. Raises ``MonthUnfit``."""
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        month = None
    if month is None or f"{month:%Y-%m}" != text:
        raise MonthUnfit("a month is written YYYY-MM", month=text)
    return month


async def content_of(connection: Connection, enterprise_id: UUID, month: date) -> dict[str, Any]:
    """What a statement of this month says: usage, and a part for each order in force. Amounts are 分."""
    last = _last_day(month)
    days = await days_of_use(connection, enterprise_id, month, last)
    parts = []
    for order in await orders_in_force(connection, enterprise_id, month, last):
        first_day, last_day = max(order.begins_on, month), min(order.ends_on, last)
        used = summed(day for day in days if first_day <= day.day <= last_day)
        parts.append(_part(order, first_day, last_day, used, last.day))
    return {
        "month": f"{month:%Y-%m}",
        "currency": "CNY",
        "unit": "fen",
        "usage": {str(service): count for service, count in summed(days).items()},
        "parts": parts,
        "total": sum(part["amount"] for part in parts),
    }


def _part(order: Order, first_day: date, last_day: date, used: Mapping[Any, int], of_days: int) -> dict[str, Any]:
    days = (last_day - first_day).days + 1
    lines = lines_for(order.terms, used, days, of_days)
    fee = fee_for(order.terms, days, of_days)
    return {
        "plan_order_id": str(order.plan_order_id),
        "plan": order.plan,
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
        "monthly_fee": fee,
        "lines": [{**asdict(line), "service": str(line.service)} for line in lines],
        "amount": fee + sum(line.amount for line in lines),
    }


async def _drawn_up(
    connection: Connection, actor: Actor, enterprise_id: UUID, month: date, at: datetime
) -> Statement:
    content = await content_of(connection, enterprise_id, month)
    text = json.dumps(content, ensure_ascii=False)
    if await connection.fetchval(SQL["add_statement"], enterprise_id, month, text, at) is not None:
        subject = f"{enterprise_id}/{month:%Y-%m}"
        await record_act(connection, actor, Act("statement.draw_up", "statement", subject, after=content), at)
    found = await statement_of(connection, enterprise_id, month)
    assert found is not None, "it was written just now, by us or somebody else"
    return found


async def statement_of(connection: Connection, enterprise_id: UUID, month: date) -> Statement | None:
    """As it was drawn up, if it was."""
    row = await connection.fetchrow(SQL["find_statement"], enterprise_id, month)
    return None if row is None else _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Statement:
    return Statement(row["enterprise_id"], row["month"], json.loads(row["content"]), row["drawn_up_at"])


def _check_over(month: date, at: datetime) -> None:
    if (at.astimezone(CHINA) - _SETTLING).date() <= _last_day(month):
        raise MonthNotOver(f"{month:%Y-%m} is drawn up when it is over", month=f"{month:%Y-%m}")


def _last_day(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)
