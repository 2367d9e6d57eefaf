"""Templates as stored: draft, publication, withdrawal, next versions; what they say is ``template.py``.

A template belongs to an enterprise or to the node itself, and the node's own are for every enterprise. A published
definition never changes, because identifiers point at it; ``revise`` copies it into a draft of the next version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, Message, PastAct, acts_of, record_act
from registry import transitions
from registry.enterprises import unknown_enterprise
from registry.prefix_grant import PrefixGrant
from registry.store import SQL, check_version, reading, refusing
from registry.templates.template import Template
from registry.transitions import TEMPLATE, TemplateState, Verb

Clock = Callable[[], datetime]

_REPORTED = frozenset({TemplateState.PUBLISHED, TemplateState.WITHDRAWN})


class TemplateUnknown(NotFound):
    title_zh = "数据模板不存在"


class TemplateNotPublished(Conflict):
    title_zh = "数据模板未发布"


class TemplateNotEditable(Conflict):
    title_zh = "数据模板不可修改"


class TemplateNameTaken(Conflict):
    title_zh = "数据模板名已被使用"


class TemplateNameFixed(Conflict):
    title_zh = "数据模板的后续版本不能改名"


class TemplateDraftExists(Conflict):
    title_zh = "该数据模板已有草稿版本"


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """``enterprise_id`` is ``None`` for the node's own; ``version`` counts changes, ``template.version`` editions."""

    template_id: int
    enterprise_id: UUID | None
    template: Template
    state: TemplateState
    version: int
    created_at: datetime
    updated_at: datetime

    def changed(self, state: TemplateState, at: datetime, template: Template | None = None) -> StoredTemplate:
        """The next version of the row."""
        return replace(self, state=state, template=template or self.template, version=self.version + 1, updated_at=at)

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it and, once it is published, the national node learns."""
        return {
            "template_id": self.template_id,
            "enterprise_id": str(self.enterprise_id) if self.enterprise_id else None,
            "state": str(self.state),
            "definition": self.template.to_json(),
        }


class Templates:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``TemplateUnknown`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(
        self, account: Account, actor: Actor, enterprise_id: UUID | None, template: Template
    ) -> StoredTemplate:
        """A draft of the first version. Raises ``TemplateNameTaken``, ``EnterpriseUnknown``."""
        _permit(Verb.CREATE, account, enterprise_id)
        state = transitions.step(TEMPLATE, Verb.CREATE, None)
        async with transaction(self._pool) as connection:
            taken = _name_taken(template.name)
            if await connection.fetchrow(SQL["newest_of_template"], enterprise_id, template.name):
                raise taken
            return await self._add(connection, actor, enterprise_id, replace(template, version=1), state, None, taken)

    async def edit(
        self, account: Account, actor: Actor, template_id: int, template: Template, version: int
    ) -> StoredTemplate:
        """Replace the definition of a draft of the expected version.

        Raises ``VersionChanged``, ``TemplateNotEditable``, ``TemplateNameTaken``, ``TemplateNameFixed``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = _found(await connection.fetchrow(SQL["lock_template"], template_id), template_id)
            _permit(Verb.EDIT, account, before.enterprise_id)
            check_version(version, before.version)
            if before.state not in TEMPLATE[Verb.EDIT].to:
                raise TemplateNotEditable(
                    f"the template is {before.state}; revise it to make the next version",
                    template_id=template_id,
                    state=str(before.state),
                )
            template = replace(template, version=before.template.version)
            if template == before.template:
                return before
            if template.name != before.template.name:
                await _refuse_name(connection, before, template.name)
            state = transitions.step(TEMPLATE, Verb.EDIT, before.state)
            after = before.changed(state, at, template)
            with refusing(template_name_unique=_name_taken(template.name)):
                await _write(connection, after)
            await _trace(connection, before, after, Verb.EDIT, actor, at)
            return after

    async def publish(self, account: Account, actor: Actor, template_id: int) -> StoredTemplate:
        """Ready for use, and fixed for ever. Raises ``TransitionRefused``."""
        return await self._move(account, actor, template_id, Verb.PUBLISH)

    async def withdraw(self, account: Account, actor: Actor, template_id: int) -> StoredTemplate:
        """For no new identifiers any more. Raises ``TransitionRefused``."""
        return await self._move(account, actor, template_id, Verb.WITHDRAW)

    async def revise(self, account: Account, actor: Actor, template_id: int) -> StoredTemplate:
        """The next version as a draft of its own. Raises ``TransitionRefused``, ``TemplateDraftExists``."""
        async with transaction(self._pool) as connection:
            origin = _found(await connection.fetchrow(SQL["lock_template"], template_id), template_id)
            _permit(Verb.REVISE, account, origin.enterprise_id)
            state = transitions.step(TEMPLATE, Verb.REVISE, origin.state)
            owner, name = origin.enterprise_id, origin.template.name
            newest = await connection.fetchrow(SQL["newest_of_template"], owner, name)
            exists = TemplateDraftExists(f"{name} has a draft already: edit or publish it", name=name)
            if newest["state"] == TemplateState.DRAFT:
                raise exists
            template = replace(origin.template, version=newest["template_version"] + 1)
            return await self._add(connection, actor, owner, template, state, origin, exists)

    async def get(self, account: Account, template_id: int) -> StoredTemplate:
        """One template; an enterprise's account sees its own and what the node has published."""
        async with reading(self._pool) as connection:
            found = await template_by_id(connection, template_id)
        shared = found.enterprise_id is None and found.state is not TemplateState.DRAFT
        require(account, Action.TEMPLATE_READ, account.enterprise_id if shared else found.enterprise_id)
        return found

    async def history(
        self, account: Account, template_id: int, *, before_act: int | None = None, limit: int = 50
    ) -> list[PastAct]:
        """The acts on it, newest first."""
        async with reading(self._pool) as connection:
            found = await template_by_id(connection, template_id)
            require(account, Action.HISTORY_READ, found.enterprise_id)
            return await acts_of(connection, "template", str(template_id), before_act=before_act, limit=limit)

    async def list(
        self, account: Account, *, state: TemplateState | None = None, after: int = 0, limit: int = 50
    ) -> list[StoredTemplate]:
        """In the order of creation, after an id; an enterprise's account sees what ``get`` shows it."""
        require(account, Action.TEMPLATE_READ, account.enterprise_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_templates"], after, state, account.enterprise_id, limit)
        return [_of_row(row) for row in rows]

    async def _move(self, account: Account, actor: Actor, template_id: int, verb: Verb) -> StoredTemplate:
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = _found(await connection.fetchrow(SQL["lock_template"], template_id), template_id)
            _permit(verb, account, before.enterprise_id)
            after = before.changed(transitions.step(TEMPLATE, verb, before.state), at)
            await _write(connection, after)
            await _trace(connection, before, after, verb, actor, at)
            return after

    async def _add(
        self,
        connection: Connection,
        actor: Actor,
        enterprise_id: UUID | None,
        template: Template,
        state: TemplateState,
        origin: StoredTemplate | None,
        taken: Conflict,
    ) -> StoredTemplate:
        at = self._clock()
        nobody = unknown_enterprise(enterprise_id or UUID(int=0))
        with refusing(template_name_unique=taken, template_enterprise_known=nobody):
            template_id = await connection.fetchval(
                SQL["add_template"], enterprise_id, template.name, template.version, state, _text(template), at
            )
        added = StoredTemplate(template_id, enterprise_id, template, state, version=1, created_at=at, updated_at=at)
        await _trace(connection, origin, added, Verb.REVISE if origin else Verb.CREATE, actor, at)
        return added


async def usable_template(connection: Connection, grant: PrefixGrant, name_or_id: str | int) -> StoredTemplate:
    """The published template that registrations under a prefix mean: its enterprise's own before the node's.

    A name means its newest published version. Raises ``TemplateUnknown``, ``TemplateNotPublished``.
    """
    if isinstance(name_or_id, int):
        row = await connection.fetchrow(SQL["find_template"], name_or_id)
    else:
        row = await connection.fetchrow(SQL["usable_template"], grant.enterprise_id, name_or_id)
    if row is None or row["enterprise_id"] not in (None, grant.enterprise_id):
        raise _unknown(name_or_id)
    found = _of_row(row)
    if found.state is not TemplateState.PUBLISHED:
        raise TemplateNotPublished(
            f"the template {name_or_id} is {found.state}, not published",
            template=name_or_id,
            state=str(found.state),
        )
    return found


async def template_by_id(connection: Connection, template_id: int) -> StoredTemplate:
    """A template in whatever state. Raises ``TemplateUnknown``."""
    return _found(await connection.fetchrow(SQL["find_template"], template_id), template_id)


def template_of_row(row: Mapping[str, Any]) -> StoredTemplate:
    """The template of a row that another module's statement read with all columns."""
    return _of_row(row)


def _permit(verb: Verb, account: Account, owner: UUID | None) -> None:
    if owner is None:
        require(account, Action.TEMPLATE_EDIT_SHARED, None)
    else:
        transitions.permit(TEMPLATE, verb, account, owner)


async def _refuse_name(connection: Connection, before: StoredTemplate, name: str) -> None:
    if before.template.version > 1:
        raise TemplateNameFixed(
            f"this is version {before.template.version} of {before.template.name} and keeps its name",
            name=before.template.name,
        )
    if await connection.fetchrow(SQL["newest_of_template"], before.enterprise_id, name):
        raise _name_taken(name)


def _found(row: Mapping[str, Any] | None, template_id: int) -> StoredTemplate:
    if row is None:
        raise _unknown(template_id)
    return _of_row(row)


def _of_row(row: Mapping[str, Any]) -> StoredTemplate:
    return StoredTemplate(
        template_id=row["template_id"],
        enterprise_id=row["enterprise_id"],
        template=_template_of(row["definition"]),
        state=TemplateState(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


# A registration reads its template from the database each time; only the checking of the definition is spared.
@lru_cache(maxsize=256)
def _template_of(definition: str) -> Template:
    return Template.from_json(json.loads(definition))


def _text(template: Template) -> str:
    return json.dumps(template.to_json(), ensure_ascii=False)


async def _write(connection: Connection, after: StoredTemplate) -> None:
    await connection.execute(
        SQL["change_template"], after.template_id, after.template.name, after.state, _text(after.template),
        after.version, after.updated_at,
    )  # fmt: skip


async def _trace(
    connection: Connection,
    before: StoredTemplate | None,
    after: StoredTemplate,
    verb: Verb,
    actor: Actor,
    at: datetime,
) -> None:
    act = Act(
        action=f"template.{verb}",
        subject_kind="template",
        subject_id=str(after.template_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
    )
    report = Message("template", f"template.{after.state}", after.to_json()) if after.state in _REPORTED else None
    await record_act(connection, actor, act, at, report)


def _unknown(name_or_id: str | int) -> TemplateUnknown:
    return TemplateUnknown(f"there is no template {name_or_id}", template=name_or_id)


def _name_taken(name: str) -> TemplateNameTaken:
    return TemplateNameTaken(f"there is a template {name} already: revise it to make the next version", name=name)
