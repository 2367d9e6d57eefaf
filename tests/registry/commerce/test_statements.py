"""Usage, plans, orders and what a month came to."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from admin.statistics.rollup import sum_all
from node.auth import Account, NotAllowed
from node.database import Pool
from node.journal import Interface
from node.resolutions import Outcome
from registry.commerce.orders import Order, OrderDaysUnfit, OrderOverlaps, PlanNotOffered
from registry.commerce.plans import Plan, PlanFacts, PlanNameTaken, PlanUnknown
from registry.commerce.pricing import Price, Service, Terms
from registry.commerce.statements import MonthNotOver, MonthUnfit, StatementUnknown, read_month
from registry.commerce.usage import BadPeriod, DayOfUse
from registry.store import VersionChanged
from registry.transitions import OrderState, PlanState, ReasonMissing, TransitionRefused, Verb
from tests.support.counting import MINUTE_DAYS, write
from tests.support.world import Clock, Holder, World, actor

TERMS = Terms(310_00, {Service.REGISTRATIONS: Price(2, 1, 7), Service.RESOLUTIONS: Price(0, 1000, 100)})
NOVEMBER = date(2026, 11, 1)


@pytest.fixture
async def world(pool: Pool) -> World:
    return World(pool, Clock(datetime(2026, 11, 10, 4, 0, tzinfo=UTC)))


@pytest.fixture
async def holder(world: World) -> Holder:
    await world.template()
    return await world.holder()


def owner_of(holder: Holder) -> UUID:
    assert holder.account.enterprise_id is not None
    return holder.account.enterprise_id


def facts(name: str = "standard", terms: Terms = TERMS) -> PlanFacts:
    return PlanFacts(name, "标准方案", "Standard", "按月计费", terms)


async def offered(world: World, name: str = "standard", terms: Terms = TERMS) -> Plan:
    admin = world.administrator
    plan = await world.plans.create(admin, actor(admin), facts(name, terms))
    return await world.plans.move(admin, actor(admin), plan.fee_plan_id, Verb.OFFER)


async def ordered(world: World, holder: Holder, plan: Plan, begins: date, ends: date) -> Order:
    placed = await world.orders.place(holder.account, holder.actor, owner_of(holder), plan.fee_plan_id, begins, ends)
    admin = world.administrator
    return await world.orders.confirm(admin, actor(admin), placed.plan_order_id)


async def register(world: World, holder: Holder, *suffixes: str) -> None:
    for suffix in suffixes:
        identifier = holder.identifier(suffix)
        await world.identifiers.register(holder.account, holder.actor, identifier, "pump", {"name": "泵"})


async def resolved(world: World, holder: Holder, at: datetime, outcome: int, times: int) -> None:
    await write(world.pool, {(at, (holder.prefix.key, Interface.HANDLE_JSON, Outcome(outcome))): times})
    await sum_all(world.pool, at, minute_days=MINUTE_DAYS)


async def test_usage_is_counted_by_days_of_china(world: World, holder: Holder) -> None:
    await register(world, holder, "a", "b")
    await world.identifiers.update(holder.account, holder.actor, holder.identifier("a"), 1, {"name": "新"})
    world.clock.advance(hours=13)  # 1 a.m. of the 11th in China
    await world.identifiers.delete(holder.account, holder.actor, holder.identifier("b"), 1)
    await resolved(world, holder, datetime(2026, 11, 10, 15, 59, tzinfo=UTC), 1, 40)
    await resolved(world, holder, datetime(2026, 11, 10, 16, 0, tzinfo=UTC), 6, 2)
    await resolved(world, holder, datetime(2026, 11, 10, 16, 0, tzinfo=UTC), 3, 99)  # missing: not answered
    other = await world.holder(2002)
    await register(world, other, "x")
    days = await world.usage.of(holder.account, owner_of(holder), date(2026, 11, 9), date(2026, 11, 11))
    assert days == [
        DayOfUse(date(2026, 11, 9)),
        DayOfUse(date(2026, 11, 10), registrations=2, changes=1, deletions=0, resolutions=40),
        DayOfUse(date(2026, 11, 11), registrations=0, changes=0, deletions=1, resolutions=2),
    ]
    with pytest.raises(NotAllowed):
        await world.usage.of(other.account, owner_of(holder), NOVEMBER, NOVEMBER)
    with pytest.raises(BadPeriod):
        await world.usage.of(holder.account, owner_of(holder), date(2026, 11, 2), NOVEMBER)


async def test_a_plan_is_changed_as_a_draft_and_never_after_it_was_offered(world: World) -> None:
    admin = world.administrator
    plan = await world.plans.create(admin, actor(admin), facts())
    with pytest.raises(PlanNameTaken):
        await world.plans.create(admin, actor(admin), facts())
    edited = await world.plans.edit(admin, actor(admin), plan.fee_plan_id, facts("better"), 1)
    assert (edited.name, edited.version) == ("better", 2)
    with pytest.raises(VersionChanged):
        await world.plans.edit(admin, actor(admin), plan.fee_plan_id, facts(), 1)
    await world.plans.move(admin, actor(admin), plan.fee_plan_id, Verb.OFFER)
    with pytest.raises(TransitionRefused):
        await world.plans.edit(admin, actor(admin), plan.fee_plan_id, facts(), 3)
    assert [act.action for act in await world.plans.history(admin, plan.fee_plan_id)] == [
        "plan.offer", "plan.edit", "plan.create",
    ]  # fmt: skip


async def test_enterprises_see_what_is_offered_and_order_nothing_else(world: World, holder: Holder) -> None:
    admin = world.administrator
    draft = await world.plans.create(admin, actor(admin), facts("draft"))
    plan = await offered(world)
    gone = await offered(world, "gone")
    await world.plans.move(admin, actor(admin), gone.fee_plan_id, Verb.WITHDRAW)
    assert await world.plans.list(holder.account) == [plan]
    assert len(await world.plans.list(admin)) == 3
    assert await world.plans.list(admin, state=PlanState.DRAFT) == [draft]
    with pytest.raises(PlanUnknown):
        await world.plans.get(holder.account, draft.fee_plan_id)

    async def order(fee_plan_id: int, begins: date = NOVEMBER) -> None:
        await world.orders.place(
            holder.account, holder.actor, owner_of(holder), fee_plan_id, begins, date(2026, 12, 31)
        )

    with pytest.raises(PlanUnknown):
        await order(draft.fee_plan_id)
    with pytest.raises(PlanNotOffered):
        await order(gone.fee_plan_id)
    with pytest.raises(OrderDaysUnfit):
        await order(plan.fee_plan_id, date(2026, 10, 31))
    with pytest.raises(BadPeriod):
        await order(plan.fee_plan_id, date(2027, 1, 1))
    with pytest.raises(NotAllowed):
        await world.plans.create(holder.account, holder.actor, facts("own"))


async def test_an_order_keeps_its_terms_and_overlaps_no_other(world: World, holder: Holder) -> None:
    plan, admin = await offered(world), world.administrator
    order = await ordered(world, holder, plan, date(2026, 11, 1), date(2026, 11, 20))
    assert (order.state, order.terms) == (OrderState.CONFIRMED, TERMS)
    await world.plans.move(admin, actor(admin), plan.fee_plan_id, Verb.WITHDRAW)
    assert (await world.orders.get(holder.account, order.plan_order_id)).terms == TERMS
    other = await offered(world, "other")
    with pytest.raises(OrderOverlaps):
        await ordered(world, holder, other, date(2026, 11, 20), date(2026, 11, 30))
    after = await ordered(world, holder, other, date(2026, 11, 21), date(2026, 11, 30))
    ended = await world.orders.end(admin, actor(admin), after.plan_order_id, date(2026, 11, 25), "另订")
    assert (ended.state, ended.ends_on, ended.reason) == (OrderState.ENDED, date(2026, 11, 25), "另订")
    with pytest.raises(ReasonMissing):
        await world.orders.end(admin, actor(admin), order.plan_order_id, date(2026, 11, 15), "")
    with pytest.raises(OrderDaysUnfit):
        await world.orders.end(admin, actor(admin), order.plan_order_id, date(2026, 11, 2), "早已过去")
    with pytest.raises(TransitionRefused):
        await world.orders.cancel(holder.account, holder.actor, order.plan_order_id)
    assert len(await world.orders.list(holder.account)) == 3
    stranger = await world.holder(2002)
    assert await world.orders.list(stranger.account) == []
    with pytest.raises(NotAllowed):
        await world.orders.get(stranger.account, order.plan_order_id)


async def test_of_two_orders_confirmed_at_once_one_is_in_force(world: World, holder: Holder) -> None:
    plan, admin = await offered(world), world.administrator
    placed = [
        await world.orders.place(
            holder.account, holder.actor, owner_of(holder), plan.fee_plan_id, NOVEMBER, date(2026, 11, 30)
        )
        for _ in range(6)
    ]
    outcomes = await asyncio.gather(
        *(world.orders.confirm(admin, actor(admin), one.plan_order_id) for one in placed), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Order"] + 5 * ["OrderOverlaps"]


async def test_a_statement_charges_each_order_for_its_days(world: World, holder: Holder) -> None:
    plan = await offered(world)
    cheap = await offered(world, "cheap", Terms(0, {Service.REGISTRATIONS: Price(0, 1, 1)}))
    await ordered(world, holder, plan, date(2026, 11, 6), date(2026, 11, 15))
    await ordered(world, holder, cheap, date(2026, 11, 16), date(2027, 3, 31))
    await register(world, holder, "a", "b", "c")
    world.clock.advance(days=10)
    await register(world, holder, "d", "e")
    await resolved(world, holder, datetime(2026, 11, 12, 4, 0, tzinfo=UTC), 1, 2500)
    await resolved(world, holder, datetime(2026, 11, 2, 4, 0, tzinfo=UTC), 1, 77)  # before any order
    with pytest.raises(MonthNotOver):
        await world.statements.draw_up(world.administrator, actor(world.administrator), owner_of(holder), NOVEMBER)
    world.clock.now = datetime(2026, 11, 30, 17, 30, tzinfo=UTC)  # 1:30 of December 1 in China
    assert await world.statements.draw_up_due() == 1
    assert await world.statements.draw_up_due() == 0
    statement = await world.statements.get(holder.account, owner_of(holder), NOVEMBER)
    content: dict[str, Any] = dict(statement.content)
    assert content["usage"] == {"registrations": 5, "changes": 0, "deletions": 0, "resolutions": 2577}
    first, second = content["parts"]
    # Ten of thirty days: a third of the fee, and two thirds of a registration included, which is one.
    assert (first["monthly_fee"], first["first_day"], first["last_day"]) == (103_33, "2026-11-06", "2026-11-15")
    assert [(line["used"], line["included"], line["units"], line["amount"]) for line in first["lines"]] == [
        (3, 1, 2, 14), (2500, 0, 3, 300),
    ]  # fmt: skip
    assert (second["monthly_fee"], second["amount"], second["last_day"]) == (0, 2, "2026-11-30")
    assert content["total"] == 103_33 + 14 + 300 + 2


async def test_a_statement_never_changes_and_can_be_worked_out_again(world: World, holder: Holder) -> None:
    plan, admin = await offered(world), world.administrator
    await ordered(world, holder, plan, NOVEMBER, date(2026, 11, 30))
    await register(world, holder, "a")
    world.clock.now = datetime(2026, 12, 3, tzinfo=UTC)
    drawn = await world.statements.draw_up(admin, actor(admin), owner_of(holder), NOVEMBER)
    found, again = await world.statements.recomputed(holder.account, owner_of(holder), NOVEMBER)
    assert (found, again) == (drawn, drawn.content)
    await resolved(world, holder, datetime(2026, 11, 2, 4, 0, tzinfo=UTC), 1, 5000)  # came to light too late
    assert await world.statements.draw_up(admin, actor(admin), owner_of(holder), NOVEMBER) == drawn
    _, later = await world.statements.recomputed(holder.account, owner_of(holder), NOVEMBER)
    assert later["total"] == drawn.content["total"] + 500
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.pool.execute("UPDATE usage_statement SET content = '{}'")
    assert await world.statements.list(holder.account, owner_of(holder), before=date(2027, 1, 1), limit=9) == [drawn]
    with pytest.raises(StatementUnknown):
        await world.statements.get(holder.account, owner_of(holder), date(2026, 10, 1))


async def test_two_who_draw_up_at_once_draw_up_one(world: World, holder: Holder) -> None:
    plan, admin = await offered(world), world.administrator
    await ordered(world, holder, plan, NOVEMBER, date(2026, 11, 30))
    world.clock.now = datetime(2026, 12, 3, tzinfo=UTC)
    drawn = await asyncio.gather(
        *(world.statements.draw_up(admin, actor(admin), owner_of(holder), NOVEMBER) for _ in range(4)),
        world.statements.draw_up_due(),
    )
    assert len({str(one) for one in drawn[:4]}) == 1
    acts = await world.pool.fetchval("SELECT count(*) FROM act_history WHERE action = 'statement.draw_up'")
    assert acts == 1


async def test_statements_are_for_the_enterprise_itself(world: World, holder: Holder) -> None:
    stranger = await world.holder(2002)
    accounts: list[Account] = [stranger.account, world.reviewer]
    for account in accounts:
        with pytest.raises(NotAllowed):
            await world.statements.get(account, owner_of(holder), NOVEMBER)
    with pytest.raises(NotAllowed):
        await world.statements.draw_up(holder.account, holder.actor, owner_of(holder), date(2026, 10, 1))


def test_a_month_is_written_as_a_year_and_a_month() -> None:
    assert read_month("2026-11") == NOVEMBER
    for text in ("2026-13", "2026", "2026-1", "0000-01", "2026-11-01", "２０２６-11", ""):
        with pytest.raises(MonthUnfit):
            read_month(text)
