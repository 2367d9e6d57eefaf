"""Orders of fee plans: placed, confirmed, taken back, ended early."""

from __future__ import annotations

from aiohttp import web
from multidict import MultiDict

from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.plans import plan_pages
from admin.console.statements import statement_pages
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError

_ALL = "/console/orders"
_ONE = f"{_ALL}/{{plan_order_id}}"
_OPERATION = "/v1/orders/{plan_order_id}"
_ROWS = 20


def order_pages() -> list[Page]:
    """``/console/orders`` with its plans and statements."""

    async def listing(visit: Visit) -> web.StreamResponse:
        query = visit.query("cursor", "state", "enterprise_id")
        found = await visit.ask("GET /v1/orders", query={"limit": _ROWS, **query})
        names = await names_of(visit, [one.enterprise_id for one in found.items])
        return visit.show("orders.html", found=found, names=names, state=query.get("state", ""))

    async def written(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
        plans = await visit.ask("GET /v1/plans", query={"state": "offered", "limit": 200})
        enterprises = await to_choose(visit, form.text("enterprise_id"))
        return visit.show(
            "order_new.html", form=form, plans=plans.items, enterprises=enterprises, sought=sought(visit),
            refusal=refusal,
        )  # fmt: skip

    async def blank(visit: Visit) -> web.StreamResponse:
        return await written(visit, Form(MultiDict(visit.query("enterprise_id", "fee_plan_id"))))

    async def place(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {**form.given("enterprise_id", "begins_on", "ends_on"), "fee_plan_id": form.number("fee_plan_id")}
        try:
            placed = await visit.ask("POST /v1/orders", body=body)
        except NodeError as error:
            return await written(visit, form, Refusal.of(error))
        return visit.go(
            address(_ONE, plan_order_id=placed.plan_order_id),
            ("订单已提交，待平台确认", "The order is placed and waits to be confirmed"),
        )

    async def shown(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
        number = visit.text("plan_order_id")
        order = await visit.ask(f"GET {_OPERATION}", plan_order_id=number)
        history = await visit.ask(
            f"GET {_OPERATION}/history", plan_order_id=number, query={"limit": 20, **visit.query("cursor")}
        )
        return visit.show(
            "order.html", order=order, names=await names_of(visit, [order.enterprise_id]), refusal=refusal,
            deeds=await timeline(visit, history), older=history.next_cursor, form=form or Form(MultiDict()),
        )  # fmt: skip

    async def one(visit: Visit) -> web.StreamResponse:
        return await shown(visit)

    async def end(visit: Visit) -> web.StreamResponse:
        form, number = await visit.form(), visit.text("plan_order_id")
        try:
            await visit.ask(f"POST {_OPERATION}/end", plan_order_id=number, body=form.given("last_day", "reason"))
        except NodeError as error:
            return await shown(visit, form, Refusal.of(error))
        return visit.go(address(_ONE, plan_order_id=number), ("订单已终止", "The order is ended"))

    return [
        *plan_pages(),
        *statement_pages(),
        Page("GET", _ALL, listing, Action.ORDER_READ),
        Page("GET", f"{_ALL}/new", blank, Action.ORDER_PLACE),
        Page("POST", f"{_ALL}/new", place, Action.ORDER_PLACE),
        Page("GET", _ONE, one, Action.ORDER_READ),
        _button("confirm", ("订单已确认", "The order is confirmed"), Action.ORDER_CONFIRM),
        _button("cancel", ("订单已取消", "The order is taken back"), Action.ORDER_PLACE),
        Page("POST", f"{_ONE}/end", end, Action.ORDER_CONFIRM),
    ]


def _button(verb: str, done: tuple[str, str], action: Action) -> Page:
    async def press(visit: Visit) -> web.StreamResponse:
        number = visit.text("plan_order_id")
        return await visit.press(
            f"POST {_OPERATION}/{verb}", address(_ONE, plan_order_id=number), done, plan_order_id=number
        )

    return Page("POST", f"{_ONE}/{verb}", press, action)
