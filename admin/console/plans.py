"""Fee plans: drafted and offered by administrators, looked at by all."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.form import Form, Refusal
from admin.console.money import fen_of, yuan_of
from admin.console.page import Page
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from registry.commerce.pricing import Service

PLANS = "/console/orders/plans"
_ONE = f"{PLANS}/{{fee_plan_id}}"
_OPERATION = "/v1/plans/{fee_plan_id}"
_TEXTS = ("name", "title_zh", "title_en", "description")


def plan_pages() -> list[Page]:
    """``/console/orders/plans`` and one page a plan."""

    async def listing(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/plans", query=visit.query("cursor", "state"))
        return visit.show("plans.html", found=found, state=visit.query("state").get("state", ""))

    def written(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
        return visit.show("plan_new.html", form=form, services=list(Service), refusal=refusal)

    async def blank(visit: Visit) -> web.StreamResponse:
        return written(visit, Form(MultiDict()))

    async def create(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        try:
            made = await visit.ask("POST /v1/plans", body=_body(form))
        except NodeError as error:
            return written(visit, form, Refusal.of(error))
        return visit.go(
            address(_ONE, fee_plan_id=made.fee_plan_id),
            ("套餐草稿已保存，核对后发布", "The draft is saved: look at it, then offer it"),
        )

    async def shown(visit: Visit, form: Form | None = None, refusal: Refusal | None = None) -> web.Response:
        number = visit.text("fee_plan_id")
        plan = await visit.ask(f"GET {_OPERATION}", fee_plan_id=number)
        deeds, older = [], None
        if visit.may(Action.PLAN_EDIT):
            history = await visit.ask(
                f"GET {_OPERATION}/history", fee_plan_id=number, query={"limit": 20, **visit.query("cursor")}
            )
            deeds, older = await timeline(visit, history), history.next_cursor
        return visit.show(
            "plan.html", plan=plan, form=form or _form_of(plan), services=list(Service), refusal=refusal,
            deeds=deeds, older=older,
        )  # fmt: skip

    async def one(visit: Visit) -> web.StreamResponse:
        return await shown(visit)

    async def edit(visit: Visit) -> web.StreamResponse:
        form, number = await visit.form(), visit.text("fee_plan_id")
        try:
            await visit.ask(
                f"PUT {_OPERATION}", fee_plan_id=number, body={**_body(form), "version": form.number("version")}
            )
        except NodeError as error:
            return await shown(visit, form, Refusal.of(error))
        return visit.go(address(_ONE, fee_plan_id=number), ("已保存", "Saved"))

    return [
        Page("GET", PLANS, listing, Action.PLAN_READ),
        Page("GET", f"{PLANS}/new", blank, Action.PLAN_EDIT),
        Page("POST", f"{PLANS}/new", create, Action.PLAN_EDIT),
        Page("GET", _ONE, one, Action.PLAN_READ),
        Page("POST", _ONE, edit, Action.PLAN_EDIT),
        _button("offer", ("套餐已发布", "The plan is offered")),
        _button("withdraw", ("套餐已停售，已有订单不受影响", "The plan is withdrawn; orders of it go on")),
    ]


def _button(verb: str, done: tuple[str, str]) -> Page:
    async def press(visit: Visit) -> web.StreamResponse:
        number = visit.text("fee_plan_id")
        return await visit.press(
            f"POST {_OPERATION}/{verb}", address(_ONE, fee_plan_id=number), done, fee_plan_id=number
        )

    return Page("POST", f"{_ONE}/{verb}", press, Action.PLAN_EDIT)


def _body(form: Form) -> dict[str, Any]:
    """What the form says, as the operation reads it; a service whose fields are empty has no price."""
    prices = {}
    for service in Service:
        place = f"terms.prices.{service}"
        included, unit = form.number(f"{place}.included"), form.number(f"{place}.unit")
        price = fen_of(form.text(f"{place}.price"))
        if (included, unit, price) != (None, None, None):
            prices[str(service)] = {
                "included": 0 if included is None else included,
                "unit": 1 if unit is None else unit,
                "price": 0 if price is None else price,
            }
    fee = fen_of(form.text("terms.monthly_fee"))
    terms = {"monthly_fee": 0 if fee is None else fee, "prices": prices}
    return {**{name: form.text(name) for name in _TEXTS}, "terms": terms}


def _form_of(plan: Any) -> Form:
    said = {name: getattr(plan, name) for name in _TEXTS}
    said["terms.monthly_fee"] = yuan_of(plan.terms["monthly_fee"])
    for service, price in plan.terms["prices"].items():
        place = f"terms.prices.{service}"
        said |= {f"{place}.included": str(price["included"]), f"{place}.unit": str(price["unit"])}
        said[f"{place}.price"] = yuan_of(price["price"])
    return Form(MultiDict(said))
