"""Enterprises for the staff: the list, each on a page of its own, the form of the record, what is done to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from admin.console.enterprise_forms import empty_record, entered
from admin.console.enterprise_page import BUTTONS, edited, form_of, shown
from admin.console.page import STAFF, Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from registry.transitions import ENTERPRISE, EnterpriseState, Verb

_ALL = "/console/enterprises"
_ONE = "/console/enterprises/{enterprise_id}"
_DONE = {
    Verb.SUBMIT: ("已提交审核", "Submitted for review"),
    Verb.SUSPEND: ("企业已停用", "The enterprise is suspended"),
    Verb.RESUME: ("企业已恢复", "The enterprise is resumed"),
    Verb.CLOSE: ("企业已注销", "The enterprise is closed"),
}


def enterprise_pages() -> list[Page]:
    """``/console/enterprises`` and below."""

    async def listing(visit: Visit) -> web.StreamResponse:
        found = await visit.ask("GET /v1/enterprises", query=_asked(visit))
        return visit.show("enterprises.html", found=found, states_of_enterprises=list(EnterpriseState))

    async def new(visit: Visit) -> web.StreamResponse:
        if visit.request.method == "GET":
            return form_of(visit, _ALL, empty_record(), version=None, enterprise=None)
        form = await visit.form()
        record = entered(form)
        if form.has("more"):
            return form_of(visit, _ALL, record, version=None, enterprise=None)
        try:
            made = await visit.ask("POST /v1/enterprises", body=record)
        except NodeError as error:
            return form_of(visit, _ALL, record, error, version=None, enterprise=None)
        return visit.go(_here(str(made.enterprise_id)), ("企业已录入（草稿）", "The enterprise is a draft now"))

    async def one(visit: Visit) -> web.StreamResponse:
        return await shown(visit, visit.text("enterprise_id"), _here(visit.text("enterprise_id")))

    async def people(visit: Visit) -> web.StreamResponse:
        return await shown(visit, visit.text("enterprise_id"), _here(visit.text("enterprise_id")), people=True)

    async def edit(visit: Visit) -> web.StreamResponse:
        return await edited(visit, visit.text("enterprise_id"), _here(visit.text("enterprise_id")))

    return [
        Page("GET", _ALL, listing, Action.ENTERPRISE_READ, STAFF),
        Page("GET", f"{_ALL}/new", new, Action.ENTERPRISE_CREATE, STAFF),
        Page("POST", f"{_ALL}/new", new, Action.ENTERPRISE_CREATE, STAFF),
        Page("GET", _ONE, one, Action.ENTERPRISE_READ, STAFF),
        Page("POST", f"{_ONE}/personal", people, Action.ENTERPRISE_PERSONAL_READ, STAFF),
        Page("GET", f"{_ONE}/edit", edit, Action.ENTERPRISE_EDIT, STAFF),
        Page("POST", f"{_ONE}/edit", edit, Action.ENTERPRISE_EDIT, STAFF),
        *(Page("POST", f"{_ONE}/{verb}", _press(verb), _action(verb), STAFF) for verb in BUTTONS),
    ]


def _press(verb: Verb) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    async def press(visit: Visit) -> web.StreamResponse:
        enterprise_id = visit.text("enterprise_id")
        return await visit.press(
            f"POST /v1/enterprises/{{enterprise_id}}/{verb}", _here(enterprise_id), _DONE[verb],
            body=lambda form: form.given("reason"), enterprise_id=enterprise_id,
        )  # fmt: skip

    return press


def _action(verb: Verb) -> Action:
    action = ENTERPRISE[verb].action
    assert action is not None, verb
    return action


def _here(enterprise_id: str) -> str:
    return address(_ONE, enterprise_id=enterprise_id)


def _asked(visit: Visit) -> dict[str, object]:
    """The filters; the days are days of China, both included."""
    days = visit.query("since", "until")
    asked: dict[str, object] = {**visit.query("state", "name", "cursor")}
    if "since" in days:
        asked["since"] = f"{days['since']}T00:00:00+08:00"
    if "until" in days:
        asked["until"] = f"{days['until']}T23:59:59.999999+08:00"
    return asked
