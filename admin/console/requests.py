"""Service requests of enterprises and complaints of the public: filed, taken up, answered in time, closed."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDict

from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from registry.transitions import Verb

_ALL = "/console/requests"
_ONE = f"{_ALL}/{{service_request_id}}"
_OPERATION = "/v1/service-requests/{service_request_id}"
_ROWS = 20


def request_pages() -> list[Page]:
    """``/console/requests`` and one page a request."""

    async def listing(visit: Visit) -> web.StreamResponse:
        query = visit.query("cursor", "state", "kind", "overdue")
        found = await visit.ask("GET /v1/service-requests", query={"limit": _ROWS, **query})
        names = await names_of(visit, [one.enterprise_id for one in found.items])
        return visit.show("requests.html", found=found, names=names, asked=query)

    async def written(visit: Visit, form: Form, refusal: Refusal | None = None) -> web.Response:
        enterprises = await to_choose(visit, form.text("enterprise_id"))
        return visit.show(
            "request_new.html", form=form, enterprises=enterprises, sought=sought(visit), refusal=refusal
        )

    async def blank(visit: Visit) -> web.StreamResponse:
        return await written(visit, Form(MultiDict(visit.query("enterprise_id", "about"))))

    async def file(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = form.given("kind", "subject", "said", "about", "enterprise_id")
        try:
            filed = await visit.ask("POST /v1/service-requests", body=body)
        except NodeError as error:
            return await written(visit, form, Refusal.of(error))
        return visit.go(
            address(_ONE, service_request_id=filed.service_request_id),
            (f"已提交，编号 {filed.number}", f"Filed under number {filed.number}"),
        )

    async def one(visit: Visit) -> web.StreamResponse:
        return await _shown(visit)

    async def say(visit: Visit) -> web.StreamResponse:
        """The one form of the page: something added, an answer, or why it is reopened."""
        form, number = await visit.form(), visit.text("service_request_id")
        as_what, body = form.text("as"), form.given("said")
        operation, done = f"POST {_OPERATION}/entries", ("已补充", "Added")
        if as_what == "answer":
            operation, done = f"POST {_OPERATION}/answer", ("已答复", "Answered")
        elif as_what == "reopen":
            operation, done = f"POST {_OPERATION}/reopen", ("已重新打开", "Reopened")
        given: dict[str, Any] = {**body, "internal": True} if as_what == "note" else dict(body)
        try:
            await visit.ask(operation, service_request_id=number, body=given)
        except NodeError as error:
            return await _shown(visit, form=form, refusal=Refusal.of(error))
        return visit.go(address(_ONE, service_request_id=number), done)

    async def contact(visit: Visit) -> web.StreamResponse:
        """In clear on this one page; the look is recorded."""
        number = visit.text("service_request_id")
        found = await visit.ask(f"GET {_OPERATION}/contact", service_request_id=number)
        return await _shown(visit, contact=found)

    return [
        Page("GET", _ALL, listing, Action.SERVICE_REQUEST_READ),
        Page("GET", f"{_ALL}/new", blank, Action.SERVICE_REQUEST_FILE),
        Page("POST", f"{_ALL}/new", file, Action.SERVICE_REQUEST_FILE),
        Page("GET", _ONE, one, Action.SERVICE_REQUEST_READ),
        Page("POST", f"{_ONE}/say", say, Action.SERVICE_REQUEST_FILE),
        Page("POST", f"{_ONE}/contact", contact, Action.SERVICE_REQUEST_HANDLE),
        _button(Verb.TAKE, ("已受理", "Taken up"), Action.SERVICE_REQUEST_HANDLE),
        _button(Verb.CLOSE, ("已关闭", "Closed"), Action.SERVICE_REQUEST_CLOSE),
    ]


async def _shown(
    visit: Visit, *, contact: Any = None, form: Form | None = None, refusal: Refusal | None = None
) -> web.Response:
    number = visit.text("service_request_id")
    found = await visit.ask(f"GET {_OPERATION}", service_request_id=number)
    query = {"limit": 20, **visit.query("cursor")}
    history = await visit.ask(f"GET {_OPERATION}/history", service_request_id=number, query=query)
    return visit.show(
        "request.html", found=found.request, entries=found.entries, contact=contact, form=form or Form(MultiDict()),
        names=await names_of(visit, [found.request.enterprise_id]), refusal=refusal,
        deeds=await timeline(visit, history), older=history.next_cursor,
    )  # fmt: skip


def _button(verb: Verb, done: tuple[str, str], action: Action) -> Page:
    async def press(visit: Visit) -> web.StreamResponse:
        number = visit.text("service_request_id")
        back = address(_ONE, service_request_id=number)
        return await visit.press(f"POST {_OPERATION}/{verb}", back, done, service_request_id=number)

    return Page("POST", f"{_ONE}/{verb}", press, action)
