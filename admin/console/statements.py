"""Usage by day, and monthly statements: drawn up once, worked out again at any time to compare."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web
from multidict import MultiDict

from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.china_time import CHINA, day_of
from node.errors import NodeError

_ALL = "/console/orders/statements"
_ONE = f"{_ALL}/{{enterprise_id}}/{{month}}"
_OPERATION = "/v1/statements/{enterprise_id}/{month}"
_DAYS = 30


def statement_pages() -> list[Page]:
    """``/console/orders/statements`` and one page a month."""

    async def shown(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
        asked = form.text("enterprise_id") or visit.request.query.get("enterprise_id", "")
        owner = str(visit.account.enterprise_id or asked)
        enterprises = await to_choose(visit, owner)
        statements = usage = None
        if owner:
            query = {"enterprise_id": owner}
            statements = await visit.ask("GET /v1/statements", query={**query, **visit.query("cursor")})
            today = day_of(datetime.now(CHINA))
            days = {"first_day": today - timedelta(days=_DAYS - 1), "last_day": today}
            usage = await visit.ask("GET /v1/usage", query={**query, **days})
        return visit.show(
            "statements.html", owner=owner, enterprises=enterprises, sought=sought(visit), statements=statements,
            usage=usage, form=form, refusal=refusal,
        )  # fmt: skip

    async def listing(visit: Visit) -> web.StreamResponse:
        return await shown(visit, Form(MultiDict()))

    async def draw_up(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        try:
            drawn = await visit.ask("POST /v1/statements", body=form.given("enterprise_id", "month"))
        except NodeError as error:
            return await shown(visit, form, Refusal.of(error))
        return visit.go(
            address(_ONE, enterprise_id=drawn.enterprise_id, month=drawn.month),
            ("账单已出具", "The statement is drawn up"),
        )

    async def one(visit: Visit) -> web.StreamResponse:
        owner, month = visit.text("enterprise_id"), visit.text("month")
        statement = await visit.ask(f"GET {_OPERATION}", enterprise_id=owner, month=month)
        again = None
        if visit.request.query.get("compare"):
            again = await visit.ask(f"GET {_OPERATION}/recomputed", enterprise_id=owner, month=month)
        names = await names_of(visit, [statement.enterprise_id])
        return visit.show("statement.html", statement=statement, again=again, names=names)

    return [
        Page("GET", _ALL, listing, Action.STATEMENT_READ),
        Page("POST", _ALL, draw_up, Action.STATEMENT_DRAW_UP),
        Page("GET", _ONE, one, Action.STATEMENT_READ),
    ]
