"""Editions of templates as rows: found, locked, added, written, each with its traces.

What may be done with them is in ``stored.py``, ``next_edition.py``, ``copies.py`` and ``removal.py``.

Everything works inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, Message, record_act
from node.sql import statements_beside
from registry import transitions
from registry.enterprises import unknown_enterprise
from registry.prefix_grant import PrefixGrant
from registry.store import refusing
from registry.templates.template import Template
from registry.transitions import TEMPLATE, TemplateState, Verb

SQL = statements_beside(__file__, "editions.sql")

_REPORTED = frozenset({TemplateState.PUBLISHED, TemplateState.WITHDRAWN})


class TemplateUnknown(NotFound):
    title_zh = "数据模板不存在"


class TemplateNotPublished(Conflict):
    title_zh = "数据模板未发布"


class TemplateNameTaken(Conflict):
    title_zh = "数据模板名已被使用"


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """``enterprise_id`` is ``None`` for the node's own; ``version`` counts changes, ``template.version`` editions.

    ``based_on`` is the edition that it was copied from; ``fixed``: it keeps the attributes of that one.
    """

    template_id: int
    enterprise_id: UUID | None
    template: Template
    state: TemplateState
    version: int
    created_at: datetime
    updated_at: datetime
    based_on: int | None = None
    fixed: bool = False

    def changed(self, state: TemplateState, at: datetime, template: Template | None = None) -> StoredTemplate:
        """The next version of the row."""
        return replace(self, state=state, template=template or self.template, version=self.version + 1, updated_at=at)

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        origin = {} if self.based_on is None else {"based_on": self.based_on, "fixed": self.fixed}
        return {
            "template_id": self.template_id,
            "enterprise_id": str(self.enterprise_id) if self.enterprise_id else None,
            "state": str(self.state),
            "definition": self.template.to_json(),
            **origin,
        }


async def usable_template(connection: Connection, grant: PrefixGrant, name_or_id: str | int) -> StoredTemplate:
    """The published template that registrations under a prefix mean: its enterprise's own before the node's, and
    both before those that others grant to the enterprise.

    A name means its newest published edition. Whoever asks may register by it: from now on it is never removed.
    Raises ``TemplateUnknown``, ``TemplateNotPublished``.
    """
    owner = grant.enterprise_id
    if isinstance(name_or_id, int):
        row = await connection.fetchrow(SQL["find_template"], name_or_id)
    else:
        row = await connection.fetchrow(SQL["usable_template"], owner, name_or_id)
        if row is None or row["state"] != TemplateState.PUBLISHED:
            row = await connection.fetchrow(SQL["granted_template"], owner, name_or_id) or row
    if row is None or not await _may_use(connection, owner, row):
        raise unknown_template(name_or_id)
    found = template_of_row(row)
    if found.state is not TemplateState.PUBLISHED:
        raise TemplateNotPublished(
            f"the template {name_or_id} is {found.state}, not published",
            template=name_or_id,
            state=str(found.state),
        )
    if not row["used"] and not await _marked_used(connection, found.template_id):
        raise unknown_template(name_or_id)
    return found


async def template_by_id(connection: Connection, template_id: int) -> StoredTemplate:
    """A template in whatever state. Raises ``TemplateUnknown``."""
    return _found(await connection.fetchrow(SQL["find_template"], template_id), template_id)


def template_of_row(row: Mapping[str, Any]) -> StoredTemplate:
    """The template of a row that another module's statement read with all columns."""
    return StoredTemplate(
        template_id=row["template_id"],
        enterprise_id=row["enterprise_id"],
        template=_template_of(row["definition"]),
        state=TemplateState(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        based_on=row["based_on"],
        fixed=row["fixed"],
    )


async def mark_used(connection: Connection, template_ids: Sequence[int]) -> None:
    """Identifiers are being written that have these templates; none of them is removed any more."""
    await connection.fetch(SQL["mark_templates_used"], template_ids)


async def newest_edition(
    connection: Connection, owner: UUID | None, name: str, state: TemplateState | None = None
) -> StoredTemplate | None:
    """The newest edition of a template in that state, or in any; ``None``: there is none."""
    row = await connection.fetchrow(SQL["newest_of_template"], owner, name, state)
    return None if row is None else template_of_row(row)


async def locked_template(connection: Connection, template_id: int) -> StoredTemplate:
    """A template that nobody else changes until the transaction ends. Raises ``TemplateUnknown``."""
    return _found(await connection.fetchrow(SQL["lock_template"], template_id), template_id)


async def locked_editions(connection: Connection, owner: UUID | None, name: str) -> list[StoredTemplate]:
    """Every edition of a template, the newest first; nobody else makes or changes one until the transaction ends."""
    await connection.execute(SQL["lock_template_name"], owner, name)
    return [template_of_row(row) for row in await connection.fetch(SQL["editions_of_template"], owner, name)]


def permit(verb: Verb, account: Account, owner: UUID | None) -> None:
    """Whether the account may do this to templates of that enterprise, or of the node. Raises ``NotAllowed``."""
    if owner is None:
        require(account, Action.TEMPLATE_EDIT_SHARED, None)
    else:
        transitions.permit(TEMPLATE, verb, account, owner)


async def add_template(
    connection: Connection, account: Account, actor: Actor, owner: UUID | None, template: Template, at: datetime
) -> StoredTemplate:
    """A draft of the first edition. Raises ``NotAllowed``, ``TemplateNameTaken``, ``EnterpriseUnknown``."""
    permit(Verb.CREATE, account, owner)
    state = transitions.step(TEMPLATE, Verb.CREATE, None)
    taken = name_taken(template.name)
    if await connection.fetchrow(SQL["newest_of_template"], owner, template.name, None):
        raise taken
    first = replace(template, version=1)
    return await add_edition(connection, actor, owner, first, state, taken, Verb.CREATE, at)


async def add_edition(
    connection: Connection,
    actor: Actor,
    owner: UUID | None,
    template: Template,
    state: TemplateState,
    taken: Conflict,
    verb: Verb,
    at: datetime,
    *,
    before: StoredTemplate | None = None,
    based_on: int | None = None,
    fixed: bool = False,
) -> StoredTemplate:
    """A new row with its traces; ``before`` is the edition it comes from. Raises ``taken``, ``EnterpriseUnknown``."""
    nobody = unknown_enterprise(owner or UUID(int=0))
    with refusing(template_name_unique=taken, template_enterprise_known=nobody):
        template_id = await connection.fetchval(
            SQL["add_template"], owner, template.name, template.version, state, _text(template), at, based_on, fixed
        )
    added = StoredTemplate(template_id, owner, template, state, 1, at, at, based_on, fixed)
    await trace_template(connection, before, added, verb, actor, at)
    return added


async def write_edition(
    connection: Connection, before: StoredTemplate, after: StoredTemplate, verb: Verb, actor: Actor, at: datetime
) -> StoredTemplate:
    """Another definition or state of a locked row, with its traces. Raises ``TemplateNameTaken``."""
    template = after.template
    with refusing(template_name_unique=name_taken(template.name)):
        await connection.execute(
            SQL["change_template"], after.template_id, template.name, after.state, _text(template), after.version, at
        )
    await trace_template(connection, before, after, verb, actor, at)
    return after


async def move_template(
    connection: Connection, account: Account, actor: Actor, template_id: int, verb: Verb, at: datetime
) -> StoredTemplate:
    """Publish or withdraw one edition. Raises ``NotAllowed``, ``TemplateUnknown``, ``TransitionRefused``."""
    before = await locked_template(connection, template_id)
    permit(verb, account, before.enterprise_id)
    after = before.changed(transitions.step(TEMPLATE, verb, before.state), at)
    return await write_edition(connection, before, after, verb, actor, at)


async def trace_template(
    connection: Connection,
    before: StoredTemplate | None,
    after: StoredTemplate | None,
    verb: str,
    actor: Actor,
    at: datetime,
) -> None:
    """History, leaf and, of what was published once, the message upward."""
    subject = after or before
    assert subject is not None
    act = Act(
        action=f"template.{verb}",
        subject_kind="template",
        subject_id=str(subject.template_id),
        before=before.to_json() if before else None,
        after=after.to_json() if after else None,
    )
    report = None
    if after is not None and after.state in _REPORTED:
        naming = {"name": after.template.name, "template_version": after.template.version}
        report = Message("template", f"template.{after.state}", after.to_json() | naming)
    await record_act(connection, actor, act, at, report)


def unknown_template(name_or_id: str | int) -> TemplateUnknown:
    return TemplateUnknown(f"there is no template {name_or_id}", template=name_or_id)


def name_taken(name: str) -> TemplateNameTaken:
    return TemplateNameTaken(f"there is a template {name} already: revise it to make the next version", name=name)


async def _may_use(connection: Connection, enterprise_id: UUID, row: Mapping[str, Any]) -> bool:
    owner = row["enterprise_id"]
    return owner in (None, enterprise_id) or await is_granted(connection, owner, row["name"], enterprise_id)


async def is_granted(connection: Connection, owner: UUID, name: str, enterprise_id: UUID) -> bool:
    """Whether one enterprise may use another's template."""
    granted: bool = await connection.fetchval(SQL["is_granted"], owner, name, enterprise_id)
    return granted


async def _marked_used(connection: Connection, template_id: int) -> bool:
    """False when it has been removed meanwhile."""
    if await connection.fetch(SQL["mark_templates_used"], [template_id]):
        return True
    # Somebody else has marked it since it was read, or removed it.
    return await connection.fetchrow(SQL["find_template"], template_id) is not None


def _found(row: Mapping[str, Any] | None, template_id: int) -> StoredTemplate:
    if row is None:
        raise unknown_template(template_id)
    return template_of_row(row)


# A registration reads its template from the database each time; only the checking of the definition is spared.
@lru_cache(maxsize=256)
def _template_of(definition: str) -> Template:
    return Template.from_json(json.loads(definition))


def _text(template: Template) -> str:
    return json.dumps(template.to_json(), ensure_ascii=False)
