"""Coding rules (编码规则): the list, each on a page of its own with preview, check and draw, and its form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from admin.console.choosing import prefixes_of
from admin.console.coding_rule_form import MEMBERS, CodingRuleForm, names_of_values
from admin.console.enterprise_choice import names_of, sought, to_choose
from admin.console.form import Form, Refusal
from admin.console.page import Page
from admin.console.rows import lines_of, named_as_fields
from admin.console.timeline import timeline
from admin.console.visit import Visit, address
from node.auth import Action, may
from node.errors import NodeError

_ALL = "/console/coding-rules"
_ONE = "/console/coding-rules/{coding_rule_id}"
_V1 = "/v1/coding-rules/{coding_rule_id}"
_NODE = "node"
_VALUE = "value."


def coding_rule_pages() -> list[Page]:
    """``/console/coding-rules`` and below."""
    return [
        Page("GET", _ALL, _listing, Action.CODING_RULE_READ),
        Page("GET", f"{_ALL}/new", _new, Action.CODING_RULE_EDIT),
        Page("POST", f"{_ALL}/new", _create, Action.CODING_RULE_EDIT),
        Page("GET", _ONE, _one, Action.CODING_RULE_READ),
        Page("GET", f"{_ONE}/edit", _edit, Action.CODING_RULE_EDIT),
        Page("POST", f"{_ONE}/edit", _save, Action.CODING_RULE_EDIT),
        Page("POST", f"{_ONE}/copy", _copy, Action.CODING_RULE_EDIT),
        Page("POST", f"{_ONE}/delete", _delete, Action.CODING_RULE_EDIT),
        Page("POST", f"{_ONE}/preview", _preview, Action.CODING_RULE_READ),
        Page("POST", f"{_ONE}/check", _check, Action.CODING_RULE_READ),
        Page("POST", f"{_ONE}/draw", _draw, Action.CODING_RULE_DRAW),
        Page("POST", f"{_ONE}/suffix-rule", _bind, Action.SUFFIX_RULE_EDIT),
    ]


async def _listing(visit: Visit) -> web.StreamResponse:
    found = await visit.ask("GET /v1/coding-rules", query=visit.query("enterprise_id", "cursor"))
    names = await names_of(visit, [one.enterprise_id for one in found.items])
    return visit.show(
        "coding_rules.html", found=found, names=names, edit=visit.may(Action.CODING_RULE_EDIT), sought=sought(visit),
        choice=await to_choose(visit, visit.request.query.get("enterprise_id", "")),
    )  # fmt: skip


async def _new(visit: Visit) -> web.StreamResponse:
    return await _show_form(visit, CodingRuleForm(), owner=visit.request.query.get("enterprise_id", ""))


async def _create(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    filled, owner = CodingRuleForm.of(form), form.text("enterprise_id")
    if form.text("arrange"):
        return await _show_form(visit, filled, owner=owner)
    whose = {"of_node": True} if owner == _NODE else {"enterprise_id": owner} if owner else {}
    try:
        body = {"name": filled.name, "definition": filled.definition(), **whose}
        made = await visit.ask("POST /v1/coding-rules", body=body)
    except NodeError as error:
        return await _show_form(visit, filled, owner=owner, error=error)
    return visit.go(_here(made.coding_rule_id), ("编码规则已新建，可在下面试用", "The rule is made: try it below"))


async def _one(visit: Visit) -> web.StreamResponse:
    return await _shown(visit)


async def _edit(visit: Visit) -> web.StreamResponse:
    found = await _asked(visit)
    return await _show_form(visit, CodingRuleForm.of_rule(found.name, found.definition), found=found)


async def _save(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    filled, found = CodingRuleForm.of(form), await _asked(visit)
    if form.text("arrange"):
        return await _show_form(visit, filled, found=found, version=form.text("version"))
    body = {"name": filled.name, "definition": filled.definition(), "version": form.number("version")}
    try:
        await visit.ask(f"PUT {_V1}", coding_rule_id=found.coding_rule_id, body=body)
    except NodeError as error:
        return await _show_form(visit, filled, found=found, version=form.text("version"), error=error)
    return visit.go(_here(found.coding_rule_id), ("已保存", "Saved"))


async def _copy(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    body = {"name": form.text("name"), **form.given("enterprise_id")}
    try:
        made = await visit.ask(f"POST {_V1}/copies", coding_rule_id=visit.text("coding_rule_id"), body=body)
    except NodeError as error:
        return await _shown(visit, form=form, error=error)
    return visit.go(_here(made.coding_rule_id), ("已复制", "Copied"))


async def _delete(visit: Visit) -> web.StreamResponse:
    number, version = visit.text("coding_rule_id"), (await visit.form()).text("version")
    try:
        await visit.ask(f"DELETE {_V1}", coding_rule_id=number, query={"version": version})
    except NodeError as error:
        return visit.go(_here(number), refused=error)
    return visit.go(_ALL, ("编码规则已删除", "The rule is deleted"))


async def _preview(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    body = {"values": _values(form, await _asked(visit)), "serial": form.number("serial")}
    return await _tried(visit, form, f"POST {_V1}/preview", body, "preview")


async def _check(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    return await _tried(visit, form, f"POST {_V1}/checks", {"suffixes": lines_of(form.text("suffixes"))}, "check")


async def _draw(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    body = {
        "prefix": form.text("prefix"), "count": form.number("count"), "values": _values(form, await _asked(visit)),
    }  # fmt: skip
    return await _tried(visit, form, f"POST {_V1}/draws", body, "draw")


async def _bind(visit: Visit) -> web.StreamResponse:
    """Let all new suffixes of a prefix obey this rule, or none."""
    form, found = await visit.form(), await _asked(visit)
    body = {"coding_rule": found.name if form.has("bind") else None, "version": form.number("version")}
    try:
        await visit.ask("PUT /v1/prefixes/{prefix}/suffix-rule", prefix=form.text("prefix"), body=body)
    except NodeError as error:
        return visit.go(_here(found.coding_rule_id), refused=error)
    return visit.go(_here(found.coding_rule_id), ("前缀的后缀规则已更改", "The suffix rule of the prefix is changed"))


async def _tried(visit: Visit, form: Form, operation: str, body: dict[str, Any], what: str) -> web.Response:
    """The page with what came of it: nothing is redirected, for what was drawn is shown once."""
    try:
        made = await visit.ask(operation, coding_rule_id=visit.text("coding_rule_id"), body=body)
    except NodeError as error:
        return await _shown(visit, form=form, error=error)
    return await _shown(visit, form=form, made={what: made})


def _values(form: Form, found: Any) -> dict[str, str]:
    return {name: text for name in names_of_values(found.definition) if (text := form.text(_VALUE + name))}


async def _asked(visit: Visit) -> Any:
    return await visit.ask(f"GET {_V1}", coding_rule_id=visit.text("coding_rule_id"))


async def _shown(
    visit: Visit, *, form: Form | None = None, error: NodeError | None = None, made: dict[str, Any] | None = None
) -> web.Response:
    found = await _asked(visit)
    owner = found.enterprise_id
    history = None
    if may(visit.account, Action.HISTORY_READ, owner):
        query = {"limit": 20, **visit.query("cursor")}
        history = await visit.ask(f"GET {_V1}/history", coding_rule_id=found.coding_rule_id, query=query)
    said = {name: form.text(name) if form else "" for name in ("serial", "suffixes", "prefix", "count", "name")}
    values = {name: form.text(_VALUE + name) if form else "" for name in names_of_values(found.definition)}
    prefixes = await prefixes_of(visit, state="enabled", enterprise_id=owner or visit.account.enterprise_id)
    return visit.show(
        "coding_rule.html", refusal=Refusal.of(error) if error else None, found=found, said=said,
        made={"preview": None, "check": None, "draw": None, **(made or {})}, values=values,
        here=_here(found.coding_rule_id), names=await names_of(visit, [owner]), prefixes=prefixes,
        editable=may(visit.account, Action.CODING_RULE_EDIT, owner), binds=visit.may(Action.SUFFIX_RULE_EDIT),
        draws=visit.may(Action.CODING_RULE_DRAW), copies=visit.may(Action.CODING_RULE_EDIT),
        choice=await to_choose(visit), sought=sought(visit),
        deeds=await timeline(visit, history) if history else None, older=history.next_cursor if history else None,
    )  # fmt: skip


async def _show_form(
    visit: Visit,
    filled: CodingRuleForm,
    *,
    found: Any = None,
    version: str = "",
    owner: str = "",
    error: NodeError | None = None,
) -> web.Response:
    """``found`` is the rule that is changed, ``None`` for a new one."""
    refusal = named_as_fields(_below_definition(Refusal.of(error))) if error else None
    return visit.show(
        "coding_rule_form.html", refusal=refusal, form=filled, found=found, owner=owner, members=MEMBERS,
        version=version or (found.version if found else ""), choice=[] if found else await to_choose(visit, owner),
        of_node=found.enterprise_id is None if found else not visit.account.of_enterprise,
        here=f"{_here(found.coding_rule_id)}/edit" if found else f"{_ALL}/new",
    )  # fmt: skip


def _below_definition(refusal: Refusal) -> Refusal:
    """The rule itself names its faults from ``segments`` on, where the operation has them in ``definition``."""
    fields = {
        f"definition.{name}" if name.startswith(("segments", "scope")) else name: message
        for name, message in refusal.fields.items()
    }
    return replace(refusal, fields=fields)


def _here(coding_rule_id: object) -> str:
    return address(_ONE, coding_rule_id=coding_rule_id)
