"""Changing a template that is in use: its next edition, made and published in one transaction.

What is published never changes, so a change is a new edition. Attributes are appended, bounded otherwise, enabled and
disabled, but never taken away: identifiers of earlier editions have their values (snms-api 6.3 and 10.3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from node.auth import Account
from node.database import Connection
from node.errors import Conflict
from node.journal import Actor
from registry import transitions
from registry.templates.attributes import Attribute
from registry.templates.display import Display
from registry.templates.editions import (
    StoredTemplate,
    add_edition,
    locked_editions,
    permit,
    unknown_template,
    write_edition,
)
from registry.templates.template import Template
from registry.transitions import TEMPLATE, TemplateState, Verb


class TemplateDraftExists(Conflict):
    title_zh = "该数据模板已有草稿版本"


class AttributesFixed(Conflict):
    title_zh = "副本模板的属性不可修改"


class AttributeNatureFixed(Conflict):
    title_zh = "属性的类型、索引和值类型不可修改"


@dataclass(frozen=True, slots=True)
class EditionChanges:
    """What the next edition says otherwise; ``None`` and what is not named stay as they are.

    ``attributes`` are whole: one with the name of a standing attribute replaces it where it stands, any other is
    appended. An index of 0 and an empty type mean what the standing one has, or the next free index.
    """

    title_zh: str | None = None
    title_en: str | None = None
    attributes: tuple[Attribute, ...] = ()
    display: Display | None = None


async def change_edition(
    connection: Connection,
    account: Account,
    actor: Actor,
    template: StoredTemplate,
    changes: EditionChanges,
    at: datetime,
) -> StoredTemplate:
    """The template with these changes, of which ``template`` is any edition; the newest one is what is changed.

    A published one gets its next edition, published at once. Where none is published, the draft is edited, or made
    from what was withdrawn, and stays a draft. Changes that say what stands change nothing. Raises ``NotAllowed``,
    ``InvalidTemplate``, ``AttributesFixed``, ``AttributeNatureFixed``, ``TemplateUnknown``; and
    ``TemplateDraftExists`` when somebody is at work on a draft of a later edition than the published one.
    """
    owner, name = template.enterprise_id, template.template.name
    permit(Verb.EDIT, account, owner)
    editions = await locked_editions(connection, owner, name)
    if not editions:
        raise unknown_template(name)
    newest = editions[0]
    published = any(edition.state is TemplateState.PUBLISHED for edition in editions)
    exists = draft_exists(name)
    if published and newest.state is TemplateState.DRAFT:
        raise exists
    changed = changed_template(newest, changes)
    if changed == newest.template:
        return newest
    if newest.state is TemplateState.DRAFT:
        state = transitions.step(TEMPLATE, Verb.EDIT, newest.state)
        return await write_edition(connection, newest, newest.changed(state, at, changed), Verb.EDIT, actor, at)
    if published:
        permit(Verb.PUBLISH, account, owner)
    draft = await add_edition(
        connection, actor, owner, replace(changed, version=newest.template.version + 1),
        transitions.step(TEMPLATE, Verb.REVISE, newest.state), exists, Verb.REVISE, at,
        before=newest, based_on=newest.based_on, fixed=newest.fixed,
    )  # fmt: skip
    if not published:
        return draft
    state = transitions.step(TEMPLATE, Verb.PUBLISH, draft.state)
    return await write_edition(connection, draft, draft.changed(state, at), Verb.PUBLISH, actor, at)


def changed_template(stored: StoredTemplate, changes: EditionChanges) -> Template:
    """The definition with the changes. Raises ``InvalidTemplate``, ``AttributesFixed``, ``AttributeNatureFixed``."""
    template = stored.template
    attributes = {attribute.name: attribute for attribute in template.attributes}
    for asked in changes.attributes:
        standing = attributes.get(asked.name)
        attributes[asked.name] = asked if standing is None else _of_same_nature(standing, asked)
    changed = replace(
        template,
        title_zh=template.title_zh if changes.title_zh is None else changes.title_zh,
        title_en=template.title_en if changes.title_en is None else changes.title_en,
        attributes=tuple(attributes.values()),
        display=template.display if changes.display is None else changes.display,
    )
    check_fixed(stored, changed)
    return changed


def check_fixed(stored: StoredTemplate, changed: Template) -> None:
    """Raises ``AttributesFixed`` when the attributes of a fixed copy would change."""
    if stored.fixed and changed.attributes != stored.template.attributes:
        raise AttributesFixed(
            f"{stored.template.name} is a copy that keeps the attributes of template {stored.based_on}",
            name=stored.template.name,
            based_on=stored.based_on,
        )


def draft_exists(name: str) -> TemplateDraftExists:
    return TemplateDraftExists(f"{name} has a draft already: edit or publish it", name=name)


def _of_same_nature(standing: Attribute, asked: Attribute) -> Attribute:
    """What is asked for, if the values of earlier editions are values of it too, as far as their form goes."""
    completed = replace(asked, index=asked.index or standing.index, type=asked.type or standing.type)
    if _nature(completed) != _nature(standing):
        raise AttributeNatureFixed(
            f"{standing.name} keeps its index, type and kind: disable it and append another",
            attribute=standing.name, index=standing.index, value_type=standing.type, kind=str(standing.kind),
        )  # fmt: skip
    return completed


def _nature(attribute: Attribute) -> tuple[object, ...]:
    return attribute.index, attribute.type, attribute.kind, attribute.many
