"""Registering one identifier (注册标识) and changing its data: forms made from the attributes of its template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from admin.console.attribute_fields import (
    AttributeField,
    Data,
    attributes_of,
    beside_fields,
    fields_of,
    filled,
)
from admin.console.choosing import by_name, definition_of, prefix_named, prefixes_of, published_templates, template_of
from admin.console.form import Form, Refusal
from admin.console.identifier_history import PastVersionUnknown, history_of
from admin.console.identifier_page import named, parts_of
from admin.console.identifiers import ONE
from admin.console.page import Page
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from node.identifier import Identifier
from registry.templates.stored import TemplateUnknown
from registry.templates.template import Template


@dataclass(frozen=True, slots=True)
class _Choice:
    """Below which prefix and by which template: what a registration needs to know before its form can be made."""

    prefix: str
    prefixes: list[Any]
    enterprise_id: Any
    suffix_rule_id: int | None
    templates: Mapping[str, Any]
    chosen: Any
    rules: list[Any]

    @property
    def template(self) -> Template:
        return definition_of(self.chosen)


def identifier_form_pages() -> list[Page]:
    """``/console/identifiers/new`` and ``/console/identifiers/edit``."""

    async def new(visit: Visit) -> web.StreamResponse:
        asked = visit.query("prefix", "suffix", "template", "of")
        choice = await _choice(visit, asked.get("prefix", ""), asked.get("template", ""))
        data: Data = {}
        if choice.chosen and "of" in asked:
            identifier = Identifier.parse(f"{choice.prefix}/{asked.get('suffix', '')}")
            data = await _data_of_version(visit, identifier, None, asked["of"])
        fields = fields_of(choice.template, data) if choice.chosen else []
        return _show_new(visit, choice, fields, suffix=asked.get("suffix", ""))

    async def register(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        choice = await _choice(visit, form.text("prefix"), form.text("template"))
        if choice.chosen is None:
            return _show_new(visit, choice, [])
        body = {
            "prefix": choice.prefix, "template": choice.chosen.name,
            "attributes": attributes_of(choice.template, form), **_suffix(form, choice),
        }  # fmt: skip
        try:
            made = await visit.ask("POST /v1/identifiers", body=body)
        except NodeError as error:
            return _show_refused(visit, choice, form, error)
        return visit.go(address(ONE, identifier=made.identifier), ("已注册", "Registered"))

    async def draw(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        choice = await _choice(visit, form.text("prefix"), form.text("template"))
        if choice.chosen is None:
            return _show_new(visit, choice, [])
        rule = _rule(form, choice)
        needed = {one.get("name") for one in rule.definition["segments"]} if rule else set()
        values = {name: text for name, text in attributes_of(choice.template, form).items() if name in needed}
        try:
            drawn = await visit.ask(
                "POST /v1/coding-rules/{coding_rule_id}/draws", coding_rule_id=form.text("coding_rule_id"),
                body={"prefix": choice.prefix, "count": 1, "values": values},
            )  # fmt: skip
        except NodeError as error:
            return _show_refused(visit, choice, form, error)
        return _show_new(
            visit, choice, filled(choice.template, form), suffix=drawn.suffixes[0], rule=form.text("coding_rule_id")
        )

    async def edit(visit: Visit) -> web.StreamResponse:
        identifier = named(visit)
        standing = await _standing(visit, identifier)
        template = await _own_template(visit, standing)
        version = visit.request.query.get("of", "")
        data = await _data_of_version(visit, identifier, standing, version) if version else standing.attributes
        return _show_edit(visit, standing, standing.version, fields_of(template, data), version)

    async def change(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        identifier = Identifier.parse(form.text("identifier"))
        standing = await _standing(visit, identifier)
        template = await _own_template(visit, standing)
        body = {"version": form.number("version"), "attributes": attributes_of(template, form)}
        try:
            await visit.ask("PUT /v1/identifiers/{prefix}/{suffix}", body=body, **parts_of(identifier))
        except NodeError as error:
            refusal = beside_fields(Refusal.of(error), template)
            expected = form.text("version")  # of somebody else's change this form knows nothing: it stays refused
            return _show_edit(visit, standing, expected, filled(template, form), form.text("of"), refusal)
        return visit.go(address(ONE, identifier=standing.identifier), ("已保存", "Saved"))

    return [
        Page("GET", "/console/identifiers/new", new, Action.IDENTIFIER_REGISTER),
        Page("POST", "/console/identifiers/new", register, Action.IDENTIFIER_REGISTER),
        Page("POST", "/console/identifiers/draw", draw, Action.CODING_RULE_DRAW),
        Page("GET", "/console/identifiers/edit", edit, Action.IDENTIFIER_UPDATE),
        Page("POST", "/console/identifiers/edit", change, Action.IDENTIFIER_UPDATE),
    ]


async def _choice(visit: Visit, prefix: str, template: str) -> _Choice:
    prefixes = await prefixes_of(visit, state="enabled")
    if not prefix and len(prefixes) == 1:
        prefix = prefixes[0].prefix
    grant = await prefix_named(visit, prefixes, prefix)
    owner = grant.enterprise_id if grant else None
    templates = by_name(await published_templates(visit), owner)
    if not template and len(templates) == 1:
        template = next(iter(templates))
    rules: list[Any] = []
    if grant is not None:
        query = {"limit": 200, "enterprise_id": owner}
        rules = list((await visit.ask("GET /v1/coding-rules", query=query)).items)
    chosen = templates.get(template) if grant else None
    return _Choice(prefix, prefixes, owner, grant.suffix_rule_id if grant else None, templates, chosen, rules)


async def _standing(visit: Visit, identifier: Identifier) -> Any:
    return await visit.ask("GET /v1/identifiers/{prefix}/{suffix}", **parts_of(identifier))


async def _own_template(visit: Visit, standing: Any) -> Template:
    """The edition that the data are of. Raises ``TemplateUnknown`` where the visitor may not see it."""
    template = await template_of(visit, standing.template_id)
    if template is None:
        raise TemplateUnknown(f"the template {standing.template} is not for this account")
    return template


async def _data_of_version(visit: Visit, identifier: Identifier, standing: Any, version: str) -> Data:
    """What an older version had. Raises ``PastVersionUnknown``."""
    history = await history_of(visit, identifier, standing)
    step = history.version(int(version)) if version.isdecimal() and len(version) < 10 else None
    if step is None:
        raise PastVersionUnknown(f"there is no version {version[:20]} to go back to")
    return step.data


def _suffix(form: Form, choice: _Choice) -> dict[str, str]:
    """What was typed, else the rule that is to make it."""
    if form.text("suffix") or not form.text("coding_rule_id"):
        return {"suffix": form.text("suffix")}
    rule = _rule(form, choice)
    return {"coding_rule": rule.name} if rule else {"suffix": ""}


def _rule(form: Form, choice: _Choice) -> Any:
    return next((one for one in choice.rules if str(one.coding_rule_id) == form.text("coding_rule_id")), None)


def _show_refused(visit: Visit, choice: _Choice, form: Form, error: NodeError) -> web.StreamResponse:
    refusal = beside_fields(Refusal.of(error), choice.template)
    fields = filled(choice.template, form)
    return _show_new(visit, choice, fields, form.text("suffix"), form.text("coding_rule_id"), refusal)


def _show_new(
    visit: Visit,
    choice: _Choice,
    fields: list[AttributeField],
    suffix: str = "",
    rule: str = "",
    refusal: Refusal | None = None,
) -> web.StreamResponse:
    rule = rule or str(choice.suffix_rule_id or "")
    return visit.show(
        "identifier_new.html", refusal=refusal, choice=choice, fields=fields, suffix=suffix, rule=rule
    )  # fmt: skip


def _show_edit(
    visit: Visit,
    standing: Any,
    expected: int | str,
    fields: list[AttributeField],
    version: str,
    refusal: Refusal | None = None,
) -> web.StreamResponse:
    return visit.show(
        "identifier_edit.html", refusal=refusal, standing=standing, expected=expected, fields=fields, version=version
    )
