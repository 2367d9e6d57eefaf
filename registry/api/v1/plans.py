"""``/v1/plans``: fee plans that the node offers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.documents import Lines
from registry.api.v1.fields import Body, Text, Version, View
from registry.api.v1.history import HistoryView
from registry.api.v1.mappings import Name
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor
from registry.commerce.plans import Plan, PlanFacts, PlanNameTaken, Plans, PlanUnknown
from registry.commerce.pricing import MOST, Price, Service, Terms
from registry.store import VersionChanged
from registry.transitions import PlanState, TransitionRefused, Verb

_TAG = "plans"
_ONE = "/v1/plans/{fee_plan_id}"
_Amount = Annotated[int, Field(ge=0, le=MOST)]


class PriceBody(Body):
    """``included`` a month; beyond, ``price`` 分 for each begun ``unit``."""

    included: _Amount
    unit: Annotated[int, Field(ge=1, le=MOST)] = 1
    price: _Amount


class TermsBody(Body):
    """Amounts are whole 分, a hundredth of a yuan; a service without a price costs nothing."""

    monthly_fee: _Amount = 0
    prices: dict[Service, PriceBody] = Field(default_factory=dict)

    def terms(self) -> Terms:
        """The domain value."""
        prices = {service: Price(one.included, one.unit, one.price) for service, one in self.prices.items()}
        return Terms(self.monthly_fee, prices)


class PlanBody(Body):
    name: Name
    title_zh: Annotated[Text, Field(min_length=1, max_length=200)]
    title_en: Annotated[Text, Field(max_length=200)] = ""
    description: Annotated[Lines, Field(max_length=4000)] = ""
    terms: TermsBody

    def facts(self) -> PlanFacts:
        """The domain value."""
        return PlanFacts(self.name, self.title_zh, self.title_en, self.description, self.terms.terms())


class PlanEditBody(PlanBody):
    """A draft anew, for the version that was read."""

    version: Version


class PlanView(View):
    """A fee plan; ``terms`` as they were sent."""

    fee_plan_id: int
    name: str
    title_zh: str
    title_en: str
    description: str
    terms: dict[str, Any]
    state: PlanState
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """The answer about one plan."""
        return cls(
            fee_plan_id=plan.fee_plan_id,
            name=plan.name,
            title_zh=plan.title_zh,
            title_en=plan.title_en,
            description=plan.description,
            terms=plan.terms.to_json(),
            state=plan.state,
            version=plan.version,
            created_at=plan.created_at,
            updated_at=plan.updated_at,
        )


class PlanList(View):
    items: list[PlanView]
    next_cursor: str | None


class PlansQuery(Page):
    state: PlanState | None = None


def plan_routes(plans: Plans) -> list[Route]:
    """Every route of fee plans."""

    async def create(call: Call, body: PlanBody) -> Reply:
        made = await plans.create(call.account, call.actor, body.facts())
        return Reply(PlanView.of(made), status=201, headers={"Location": f"/v1/plans/{made.fee_plan_id}"})

    async def listing(call: Call, query: PlansQuery) -> Reply:
        found = await plans.list(
            call.account, state=query.state, after=number_cursor(query.cursor) or 0, limit=query.limit + 1
        )
        shown, cursor = cut(found, query.limit, lambda plan: plan.fee_plan_id)
        return Reply(PlanList(items=[PlanView.of(plan) for plan in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        return Reply(PlanView.of(await plans.get(call.account, call.number("fee_plan_id"))))

    async def edit(call: Call, body: PlanEditBody) -> Reply:
        number = call.number("fee_plan_id")
        return Reply(PlanView.of(await plans.edit(call.account, call.actor, number, body.facts(), body.version)))

    async def offer(call: Call) -> Reply:
        return Reply(PlanView.of(await plans.move(call.account, call.actor, call.number("fee_plan_id"), Verb.OFFER)))

    async def withdraw(call: Call) -> Reply:
        number = call.number("fee_plan_id")
        return Reply(PlanView.of(await plans.move(call.account, call.actor, number, Verb.WITHDRAW)))

    async def history(call: Call, query: Page) -> Reply:
        acts = await plans.history(
            call.account, call.number("fee_plan_id"), before_act=number_cursor(query.cursor), limit=query.limit + 1
        )
        return Reply(HistoryView.of(acts, query.limit))

    return [
        Route("POST", "/v1/plans", create, action=Action.PLAN_EDIT, tag=_TAG,
              summary="Draft a fee plan", summary_zh="新建资费方案",
              body=PlanBody, answers={201: PlanView}, errors=(PlanNameTaken,)),
        Route("GET", "/v1/plans", listing, action=Action.PLAN_READ, tag=_TAG,
              summary="List fee plans; enterprises see those that are offered", summary_zh="资费方案列表",
              query=PlansQuery, answers={200: PlanList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.PLAN_READ, tag=_TAG,
              summary="Read a fee plan", summary_zh="查看资费方案",
              answers={200: PlanView}, errors=(PlanUnknown,)),
        Route("PUT", _ONE, edit, action=Action.PLAN_EDIT, tag=_TAG,
              summary="Change a draft of a fee plan", summary_zh="修改资费方案草稿",
              body=PlanEditBody, answers={200: PlanView},
              errors=(PlanUnknown, TransitionRefused, VersionChanged, PlanNameTaken)),
        Route("POST", f"{_ONE}/offer", offer, action=Action.PLAN_EDIT, tag=_TAG,
              summary="Offer a fee plan; from now on it does not change", summary_zh="发布资费方案",
              answers={200: PlanView}, errors=(PlanUnknown, TransitionRefused)),
        Route("POST", f"{_ONE}/withdraw", withdraw, action=Action.PLAN_EDIT, tag=_TAG,
              summary="Offer a fee plan no more; orders of it go on", summary_zh="停售资费方案",
              answers={200: PlanView}, errors=(PlanUnknown, TransitionRefused)),
        Route("GET", f"{_ONE}/history", history, action=Action.PLAN_EDIT, tag=_TAG,
              summary="Acts on a fee plan, newest first", summary_zh="资费方案变更历史",
              query=Page, answers={200: HistoryView}, errors=(CursorBroken,)),
    ]  # fmt: skip
