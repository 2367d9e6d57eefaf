"""Data templates (数据模板): the list, each edition on a page of its own, its form, and what is done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from admin.console.choosing import definition_of
from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Refusal
from admin.console.page import Page
from admin.console.rows import named_as_fields
from admin.console.template_form import KINDS, STATES, TemplateForm
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action, may
from node.errors import NodeError
from registry.transitions import TEMPLATE, TemplateState, Verb

_ALL = "/console/templates"
_ONE = "/console/templates/{template_id}"
_V1 = "/v1/templates/{template_id}"
_PAGE, _PAGES = 200, 5
_DONE = {
    Verb.PUBLISH: ("模板已发布", "The template is published"),
    Verb.WITHDRAW: ("模板已撤回", "The template is withdrawn"),
    Verb.REVISE: ("已新建下一版本（草稿）", "The next edition is a draft now"),
}


def template_pages() -> list[Page]:
    """``/console/templates`` and below; categories are in ``template_categories.py`` and come before these."""
    return [
        Page("GET", _ALL, _listing, Action.TEMPLATE_READ),
        Page("GET", f"{_ALL}/new", _new, Action.TEMPLATE_EDIT),
        Page("POST", f"{_ALL}/new", _create, Action.TEMPLATE_EDIT),
        Page("GET", _ONE, _one, Action.TEMPLATE_READ),
        Page("GET", f"{_ONE}/edit", _edit, Action.TEMPLATE_EDIT),
        Page("POST", f"{_ONE}/edit", _save, Action.TEMPLATE_EDIT),
        Page("GET", f"{_ONE}/preview", _preview, Action.TEMPLATE_READ),
        Page("POST", f"{_ONE}/copy", _copy, Action.TEMPLATE_EDIT),
        Page("POST", f"{_ONE}/delete", _delete, Action.TEMPLATE_EDIT),
        Page("POST", f"{_ONE}/attributes/{{name}}", _turn, Action.TEMPLATE_EDIT),
        Page("POST", f"{_ONE}/grants", _grant, Action.TEMPLATE_GRANT),
        Page("POST", f"{_ONE}/grants/revoke", _revoke, Action.TEMPLATE_GRANT),
        *(Page("POST", f"{_ONE}/{verb}", _press(verb), _action(verb)) for verb in _DONE),
    ]


async def _listing(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/templates", query=visit.query("state", "cursor"))
    names = await names_of(visit, [one.enterprise_id for one in found.items])
    return visit.show(
        "templates.html", found=found, names=names, states=list(TemplateState), edit=visit.may(Action.TEMPLATE_EDIT)
    )


async def _new(visit: Visit) -> web.StreamResponse:
    return await _show_form(visit, TemplateForm(), owner=visit.request.query.get("enterprise_id", ""))


async def _create(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    filled, owner = TemplateForm.of(form), form.text("enterprise_id")
    if form.text("arrange"):
        return await _show_form(visit, filled, owner=owner)
    body = {**filled.definition(), **({"enterprise_id": owner} if owner else {})}
    try:
        made = await visit.ask("POST /v1/templates", body=body)
    except NodeError as error:
        return await _show_form(visit, filled, owner=owner, error=error)
    return visit.go(
        _here(made.template_id), ("已保存为草稿，检查后发布", "Kept as a draft: look it over and publish it")
    )


async def _one(visit: Visit) -> web.StreamResponse:
    return await _shown(visit)


async def _edit(visit: Visit) -> web.StreamResponse:
    found = await _asked(visit)
    return await _show_form(visit, TemplateForm.of_definition(found.definition), found=found)


async def _save(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    filled, found = TemplateForm.of(form), await _asked(visit)
    if form.text("arrange"):
        return await _show_form(visit, filled, found=found, version=form.text("version"))
    body = {**filled.definition(), "version": form.number("version")}
    try:
        await visit.ask(f"PUT {_V1}", template_id=found.template_id, body=body)
    except NodeError as error:
        return await _show_form(visit, filled, found=found, version=form.text("version"), error=error)
    return visit.go(_here(found.template_id), ("已保存", "Saved"))


async def _preview(visit: Visit) -> web.StreamResponse:
    found = await _asked(visit)
    preview = await visit.ask(f"GET {_V1}/preview", template_id=found.template_id)
    titles = {one.name: (one.title_zh, one.title_en or one.name) for one in definition_of(found).attributes}
    return visit.show("template_preview.html", found=found, preview=preview, titles=titles)


async def _copy(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    body = {"name": form.text("name"), "fixed": form.has("fixed"), **form.given("enterprise_id")}
    try:
        made = await visit.ask(f"POST {_V1}/copy", template_id=visit.text("template_id"), body=body)
    except NodeError as error:
        return await _shown(visit, error, said=form.given("name", "fixed", "enterprise_id"))
    return visit.go(_here(made.template_id), ("已复制为草稿", "Copied into a draft"))


async def _delete(visit: Visit) -> web.StreamResponse:
    template_id = visit.text("template_id")
    try:
        await visit.ask(f"DELETE {_V1}", template_id=template_id)
    except NodeError as error:
        return visit.go(_here(template_id), refused=error)
    return visit.go(_ALL, ("模板已删除", "The template is deleted"))


async def _turn(visit: Visit) -> web.StreamResponse:
    """Enable or disable an attribute: of a published template, as its next edition."""
    form, found, name = await visit.form(), await _asked(visit), visit.text("name")
    attributes = [
        one | {"state": form.text("state")} for one in found.definition["attributes"] if one["name"] == name
    ]
    try:
        changed = await visit.ask(f"PATCH {_V1}", template_id=found.template_id, body={"attributes": attributes})
    except NodeError as error:
        return visit.go(_here(found.template_id), refused=error)
    return visit.go(_here(changed.template_id), ("已保存，见下面的版本", "Saved: see the edition below"))


async def _grant(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    whom = None if form.text("whom") == "everybody" else form.text("enterprise_id")
    try:
        await visit.ask(f"POST {_V1}/grants", template_id=visit.text("template_id"), body={"enterprise_id": whom})
    except NodeError as error:
        return await _shown(visit, error, said=form.given("enterprise_id"))
    return visit.go(_here(visit.text("template_id")), ("已授权", "Granted"))


async def _revoke(visit: Visit) -> web.StreamResponse:
    query = (await visit.form()).given("enterprise_id")
    try:
        await visit.ask(f"DELETE {_V1}/grants", template_id=visit.text("template_id"), query=query)
    except NodeError as error:
        return visit.go(_here(visit.text("template_id")), refused=error)
    return visit.go(_here(visit.text("template_id")), ("授权已收回", "The grant is taken back"))


def _press(verb: Verb) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    async def press(visit: Visit) -> web.StreamResponse:
        def next_page(answer: Any) -> str:
            return _here(answer.template_id) + ("/edit" if verb is Verb.REVISE else "")

        return await visit.press(f"POST {_V1}/{verb}", next_page, _DONE[verb], template_id=visit.text("template_id"))

    return press


async def _asked(visit: Visit) -> Any:
    return await visit.ask(f"GET {_V1}", template_id=visit.text("template_id"))


async def _shown(visit: Visit, error: NodeError | None = None, said: dict[str, str] | None = None) -> web.Response:
    found = await _asked(visit)
    owner = found.enterprise_id
    mine = may(visit.account, Action.TEMPLATE_READ, owner)
    history = None
    if may(visit.account, Action.HISTORY_READ, owner):
        query = {"limit": 20, **visit.query("cursor")}
        history = await visit.ask(f"GET {_V1}/history", template_id=found.template_id, query=query)
    grants = []
    if mine and owner is not None:
        grants = list((await visit.ask(f"GET {_V1}/grants", template_id=found.template_id)).items)
    return visit.show(
        "template.html", refusal=Refusal.of(error) if error else None, said=said or {}, found=found,
        attributes=definition_of(found).attributes,
        here=_here(found.template_id), editions=await _editions(visit, found), grants=grants,
        names=await names_of(visit, [owner, *(one.enterprise_id for one in grants)]),
        verbs=_verbs(visit, found), editable=_may_edit(visit, found), grantable=_grantable(visit, found),
        copies=visit.may(Action.TEMPLATE_EDIT), choice=await to_choose(visit), sought=sought(visit),
        deeds=await timeline(visit, history) if history else None, older=history.next_cursor if history else None,
    )  # fmt: skip


async def _show_form(
    visit: Visit,
    filled: TemplateForm,
    *,
    found: Any = None,
    version: str = "",
    owner: str = "",
    error: NodeError | None = None,
) -> web.Response:
    """``found`` is the edition that is changed, ``None`` for a new template."""
    return visit.show(
        "template_form.html", refusal=named_as_fields(Refusal.of(error)) if error else None,
        form=filled.with_an_attribute(), found=found, version=version or (found.version if found else ""),
        owner=owner, choice=[] if found else await to_choose(visit, owner), kinds=KINDS, states=STATES,
        here=f"{_here(found.template_id)}/edit" if found else f"{_ALL}/new",
    )  # fmt: skip


async def _editions(visit: Visit, found: Any) -> list[Any]:
    """All editions of the same name of the same owner that the visitor may see, the newest first."""
    editions: list[Any] = []
    cursor = None
    for _ in range(_PAGES):
        page = await visit.ask("GET /v1/templates", query={"limit": _PAGE, "cursor": cursor})
        editions += [one for one in page.items if (one.name, one.enterprise_id) == (found.name, found.enterprise_id)]
        cursor = page.next_cursor
        if cursor is None:
            break
    return sorted(editions, key=lambda one: -one.template_version)


def _verbs(visit: Visit, found: Any) -> list[str]:
    return [str(verb) for verb in _DONE if found.state in TEMPLATE[verb].to and _may_edit(visit, found)]


def _may_edit(visit: Visit, found: Any) -> bool:
    action = Action.TEMPLATE_EDIT if found.enterprise_id else Action.TEMPLATE_EDIT_SHARED
    return may(visit.account, action, found.enterprise_id)


def _grantable(visit: Visit, found: Any) -> bool:
    owned = found.enterprise_id is not None and not found.fixed
    return owned and may(visit.account, Action.TEMPLATE_GRANT, found.enterprise_id)


def _action(verb: Verb) -> Action:
    action = TEMPLATE[verb].action
    assert action is not None, "somebody does it"
    return action


def _here(template_id: object) -> str:
    return address(_ONE, template_id=template_id)
