"""Orders (订单): an enterprise orders an offered plan for some days; the node confirms. Nothing is paid here.

An order keeps the terms as they were when it was placed. On no day are two confirmed orders of an enterprise in
force, and none begins in a month that is over, for that has its statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.china_time import day_of
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, PastAct, acts_of, record_act
from node.sql import statements_beside
from registry import transitions
from registry.commerce.plans import PlanUnknown, plan_of
from registry.commerce.pricing import Terms, read_terms
from registry.commerce.usage import check_period
from registry.enterprises import approved_enterprise
from registry.store import reading, time_ordered_id
from registry.transitions import ORDER, OrderState, PlanState, Verb

SQL = statements_beside(__file__, "commerce.sql")
Clock = Callable[[], datetime]


class OrderUnknown(NotFound):
    title_zh = "订单不存在"


class PlanNotOffered(Conflict):
    """Evidence: ``fee_plan_id``, ``state``."""

    title_zh = "资费方案未发布"


class OrderOverlaps(Conflict):
    """Another confirmed order is in force on some of the days. Evidence: ``plan_order_id``."""

    title_zh = "与已确认的订单日期重叠"


class OrderDaysUnfit(Conflict):
    """Evidence: ``begins_on``, ``ends_on``."""

    title_zh = "订单日期不符合要求"


@dataclass(frozen=True, slots=True)
class Order:
    """One order; both days are in it."""

    plan_order_id: UUID
    enterprise_id: UUID
    fee_plan_id: int
    plan: str
    terms: Terms
    state: OrderState
    begins_on: date
    ends_on: date
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "enterprise_id": str(self.enterprise_id),
            "fee_plan_id": self.fee_plan_id,
            "terms": self.terms.to_json(),
            "state": str(self.state),
            "begins_on": self.begins_on.isoformat(),
            "ends_on": self.ends_on.isoformat(),
            "reason": self.reason,
            "version": self.version,
        }


class Orders:
    """The use cases. Besides what they name, all raise ``OrderUnknown``, ``NotAllowed``, ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def place(
        self, account: Account, actor: Actor, enterprise_id: UUID, fee_plan_id: int, begins_on: date, ends_on: date
    ) -> Order:
        """An order for these days, to be confirmed.

        Raises ``EnterpriseUnknown``, ``EnterpriseNotApproved``, ``PlanUnknown``, ``PlanNotOffered``, ``BadPeriod``,
        ``OrderDaysUnfit``.
        """
        transitions.permit(ORDER, Verb.PLACE, account, enterprise_id)
        check_period(begins_on, ends_on)
        at = self._clock()
        _check_begin(begins_on, ends_on, at)
        async with transaction(self._pool) as connection:
            await approved_enterprise(connection, enterprise_id)
            row = await connection.fetchrow(SQL["share_plan"], fee_plan_id)
            if row is None or row["state"] == PlanState.DRAFT:
                raise PlanUnknown(f"there is no fee plan {fee_plan_id}", fee_plan_id=fee_plan_id)
            plan = plan_of(row)
            if plan.state is not PlanState.OFFERED:
                raise PlanNotOffered(
                    f"the plan {plan.name} is {plan.state}", fee_plan_id=fee_plan_id, state=str(plan.state)
                )
            order = Order(
                time_ordered_id(at), enterprise_id, fee_plan_id, plan.name, plan.terms,
                transitions.step(ORDER, Verb.PLACE, None), begins_on, ends_on, "",
                version=1, created_at=at, updated_at=at,
            )  # fmt: skip
            await connection.execute(
                SQL["add_order"], order.plan_order_id, enterprise_id, fee_plan_id, json.dumps(plan.terms.to_json()),
                order.state, begins_on, ends_on, at,
            )  # fmt: skip
            await _trace(connection, Verb.PLACE, None, order, actor, at)
        return order

    async def confirm(self, account: Account, actor: Actor, plan_order_id: UUID) -> Order:
        """In force on its days. Raises ``TransitionRefused``, ``OrderDaysUnfit``, ``OrderOverlaps``."""
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, Verb.CONFIRM, plan_order_id)
            state = transitions.step(ORDER, Verb.CONFIRM, before.state)
            _check_begin(before.begins_on, before.ends_on, self._clock())
            await connection.execute(SQL["hold_orders_of_enterprise"], before.enterprise_id)
            standing = await orders_in_force(connection, before.enterprise_id, before.begins_on, before.ends_on)
            if standing:
                raise OrderOverlaps(
                    f"the order {standing[0].plan_order_id} is in force on some of these days",
                    plan_order_id=str(standing[0].plan_order_id),
                )
            return await self._written(connection, Verb.CONFIRM, before, replace(before, state=state), actor)

    async def cancel(self, account: Account, actor: Actor, plan_order_id: UUID) -> Order:
        """Take back an order that is not confirmed. Raises ``TransitionRefused``."""
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, Verb.CANCEL, plan_order_id)
            state = transitions.step(ORDER, Verb.CANCEL, before.state)
            return await self._written(connection, Verb.CANCEL, before, replace(before, state=state), actor)

    async def end(self, account: Account, actor: Actor, plan_order_id: UUID, last_day: date, reason: str) -> Order:
        """End a confirmed order early, with a last day from yesterday on.

        Raises ``TransitionRefused``, ``ReasonMissing``, ``OrderDaysUnfit``.
        """
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, Verb.END, plan_order_id)
            state = transitions.step(ORDER, Verb.END, before.state, reason)
            yesterday = day_of(self._clock()) - timedelta(days=1)
            if not max(before.begins_on, yesterday) <= last_day <= before.ends_on:
                raise OrderDaysUnfit(
                    "the last day lies between yesterday and the last day of the order",
                    begins_on=str(max(before.begins_on, yesterday)),
                    ends_on=str(before.ends_on),
                )
            wanted = replace(before, state=state, ends_on=last_day, reason=reason)
            return await self._written(connection, Verb.END, before, wanted, actor)

    async def get(self, account: Account, plan_order_id: UUID) -> Order:
        """One order."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_order"], plan_order_id)
        if row is None:
            raise _unknown(plan_order_id)
        order = _of_row(row)
        require(account, Action.ORDER_READ, order.enterprise_id)
        return order

    async def history(
        self, account: Account, plan_order_id: UUID, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """The acts on it, newest first."""
        await self.get(account, plan_order_id)
        async with reading(self._pool) as connection:
            return await acts_of(connection, "order", str(plan_order_id), before_act=before_act, limit=limit)

    async def list(
        self,
        account: Account,
        *,
        enterprise_id: UUID | None = None,
        state: OrderState | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[Order]:
        """In the order of placing; an enterprise's account sees its own."""
        owner = enterprise_id or account.enterprise_id
        require(account, Action.ORDER_READ, owner)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_orders"], after or UUID(int=0), owner, state, limit)
        return [_of_row(row) for row in rows]

    async def _written(self, connection: Connection, verb: Verb, before: Order, wanted: Order, actor: Actor) -> Order:
        at = self._clock()
        after = replace(wanted, version=before.version + 1, updated_at=at)
        await connection.execute(
            SQL["change_order"], after.plan_order_id, after.state, after.ends_on, after.reason, after.version, at
        )
        await _trace(connection, verb, before, after, actor, at)
        return after


async def orders_in_force(connection: Connection, enterprise_id: UUID, first: date, last: date) -> list[Order]:
    """The orders that hold on some day from the first to the last."""
    return [_of_row(row) for row in await connection.fetch(SQL["orders_in_force"], enterprise_id, first, last)]


def _check_begin(begins_on: date, ends_on: date, at: datetime) -> None:
    if begins_on < day_of(at).replace(day=1):
        detail = "an order begins in this month at the earliest"
        raise OrderDaysUnfit(detail, begins_on=str(begins_on), ends_on=str(ends_on))


async def _locked(connection: Connection, account: Account, verb: Verb, plan_order_id: UUID) -> Order:
    row = await connection.fetchrow(SQL["lock_order"], plan_order_id)
    if row is None:
        raise _unknown(plan_order_id)
    order = _of_row(row)
    transitions.permit(ORDER, verb, account, order.enterprise_id)
    return order


def _of_row(row: Mapping[str, Any]) -> Order:
    return Order(
        **{name: row[name] for name in Order.__dataclass_fields__ if name not in ("terms", "state")},
        terms=read_terms(json.loads(row["terms"])),
        state=OrderState(row["state"]),
    )


async def _trace(
    connection: Connection, verb: Verb, before: Order | None, after: Order, actor: Actor, at: datetime
) -> None:
    act = Act(
        f"order.{verb}", "order", str(after.plan_order_id), before.to_json() if before else None, after.to_json()
    )
    await record_act(connection, actor, act, at)


def _unknown(plan_order_id: UUID) -> OrderUnknown:
    return OrderUnknown(f"there is no order {plan_order_id}", plan_order_id=str(plan_order_id))
