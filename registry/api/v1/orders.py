"""``/v1/orders``: fee plans that enterprises ordered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.routes import Call, InvalidPathParameter, Reply, Route
from registry.api.v1.fields import Body, Reason, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor, uuid_cursor
from registry.api.v1.prefixes import EnterpriseNotNamed
from registry.commerce.orders import Order, OrderDaysUnfit, OrderOverlaps, Orders, OrderUnknown, PlanNotOffered
from registry.commerce.plans import PlanUnknown
from registry.commerce.usage import BadPeriod
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.transitions import OrderState, TransitionRefused

_TAG = "orders"
_ONE = "/v1/orders/{plan_order_id}"


class OrderBody(Body):
    """``enterprise_id`` may be left out by the enterprise's own account; both days are in the order."""

    enterprise_id: UUID | None = None
    fee_plan_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    begins_on: date
    ends_on: date


class OrderEndBody(Reason):
    """The last day of an order that ends early."""

    last_day: date


class OrderView(View):
    """An order with the terms as they were when it was placed."""

    plan_order_id: UUID
    enterprise_id: UUID
    fee_plan_id: int
    plan: str
    terms: dict[str, Any]
    state: OrderState
    begins_on: date
    ends_on: date
    reason: str
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        """The answer about one order."""
        said = {name: getattr(order, name) for name in cls.model_fields if name != "terms"}
        return cls(**said, terms=order.terms.to_json())


class OrderList(View):
    items: list[OrderView]
    next_cursor: str | None


class OrdersQuery(Page):
    enterprise_id: UUID | None = None
    state: OrderState | None = None


def order_routes(orders: Orders) -> list[Route]:
    """Every route of orders."""

    async def place(call: Call, body: OrderBody) -> Reply:
        owner = body.enterprise_id or call.account.enterprise_id
        if owner is None:
            raise EnterpriseNotNamed("say which enterprise the order is for", field="enterprise_id")
        placed = await orders.place(call.account, call.actor, owner, body.fee_plan_id, body.begins_on, body.ends_on)
        return Reply(OrderView.of(placed), status=201, headers={"Location": f"/v1/orders/{placed.plan_order_id}"})

    async def listing(call: Call, query: OrdersQuery) -> Reply:
        found = await orders.list(
            call.account,
            enterprise_id=query.enterprise_id,
            state=query.state,
            after=uuid_cursor(query.cursor),
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda order: order.plan_order_id)
        return Reply(OrderList(items=[OrderView.of(order) for order in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(OrderView.of(await orders.get(call.account, call.uuid("plan_order_id"))))

    async def confirm(call: Call) -> Reply:
        return Reply(OrderView.of(await orders.confirm(call.account, call.actor, call.uuid("plan_order_id"))))

    async def cancel(call: Call) -> Reply:
        return Reply(OrderView.of(await orders.cancel(call.account, call.actor, call.uuid("plan_order_id"))))

    async def end(call: Call, body: OrderEndBody) -> Reply:
        number = call.uuid("plan_order_id")
        return Reply(OrderView.of(await orders.end(call.account, call.actor, number, body.last_day, body.reason)))

    async def history(call: Call, query: Page) -> Reply:
        acts = await orders.history(
            call.account, call.uuid("plan_order_id"), before_act=number_cursor(query.cursor), limit=query.limit + 1
        )
        return Reply(HistoryView.of(acts, query.limit))

    known = (InvalidPathParameter, OrderUnknown)
    return [
        Route("POST", "/v1/orders", place, action=Action.ORDER_PLACE, tag=_TAG,
              summary="Order an offered fee plan", summary_zh="提交订单",
              body=OrderBody, answers={201: OrderView},
              errors=(EnterpriseNotNamed, EnterpriseUnknown, EnterpriseNotApproved, PlanUnknown, PlanNotOffered,
                      BadPeriod, OrderDaysUnfit)),
        Route("GET", "/v1/orders", listing, action=Action.ORDER_READ, tag=_TAG,
              summary="List orders in the order of placing", summary_zh="订单列表",
              query=OrdersQuery, answers={200: OrderList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.ORDER_READ, tag=_TAG,
              summary="Read an order", summary_zh="查看订单", answers={200: OrderView}, errors=known),
        Route("POST", f"{_ONE}/confirm", confirm, action=Action.ORDER_CONFIRM, tag=_TAG,
              summary="Confirm an order", summary_zh="确认订单", answers={200: OrderView},
              errors=(*known, TransitionRefused, OrderDaysUnfit, OrderOverlaps)),
        Route("POST", f"{_ONE}/cancel", cancel, action=Action.ORDER_PLACE, tag=_TAG,
              summary="Take back an order that is not confirmed", summary_zh="取消订单", answers={200: OrderView},
              errors=(*known, TransitionRefused)),
        Route("POST", f"{_ONE}/end", end, action=Action.ORDER_CONFIRM, tag=_TAG,
              summary="End a confirmed order early", summary_zh="提前终止订单", body=OrderEndBody,
              answers={200: OrderView}, errors=(*known, TransitionRefused, OrderDaysUnfit)),
        Route("GET", f"{_ONE}/history", history, action=Action.ORDER_READ, tag=_TAG,
              summary="Acts on an order, newest first", summary_zh="订单变更历史",
              query=Page, answers={200: HistoryView}, errors=(*known, CursorBroken)),
    ]  # fmt: skip
