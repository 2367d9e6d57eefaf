"""Templates as stored: draft, publication, withdrawal, next versions; what they say is ``template.py``.

A template belongs to an enterprise or to the node itself; the node's own are for every enterprise, and an enterprise
may grant its own to others (``grants.py``). A published definition never changes, because identifiers point at it;
``revise`` copies it into a draft of the next version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict
from node.journal import Actor, PastAct, acts_of
from registry import transitions
from registry.store import check_version, reading
from registry.templates.copies import copy_template
from registry.templates.editions import (
    SQL,
    StoredTemplate,
    TemplateNameTaken,
    TemplateNotPublished,
    TemplateUnknown,
    add_edition,
    add_template,
    is_granted,
    locked_template,
    move_template,
    name_taken,
    newest_edition,
    permit,
    template_by_id,
    template_of_row,
    usable_template,
    write_edition,
)
from registry.templates.next_edition import (
    AttributeNatureFixed,
    AttributesFixed,
    EditionChanges,
    TemplateDraftExists,
    change_edition,
    check_fixed,
    draft_exists,
)
from registry.templates.removal import TemplateInUse, remove_edition
from registry.templates.template import Template
from registry.transitions import TEMPLATE, TemplateState, Verb

__all__ = [
    "AttributeNatureFixed",
    "AttributesFixed",
    "StoredTemplate",
    "TemplateDraftExists",
    "TemplateInUse",
    "TemplateNameFixed",
    "TemplateNameTaken",
    "TemplateNotEditable",
    "TemplateNotPublished",
    "TemplateUnknown",
    "Templates",
    "template_by_id",
    "template_of_row",
    "usable_template",
]

Clock = Callable[[], datetime]


class TemplateNotEditable(Conflict):
    title_zh = "数据模板不可修改"


class TemplateNameFixed(Conflict):
    title_zh = "数据模板的后续版本不能改名"


class Templates:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``TemplateUnknown`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(
        self, account: Account, actor: Actor, enterprise_id: UUID | None, template: Template
    ) -> StoredTemplate:
        """A draft of the first version. Raises ``TemplateNameTaken``, ``EnterpriseUnknown``."""
        async with transaction(self._pool) as connection:
            return await add_template(connection, account, actor, enterprise_id, template, self._clock())

    async def copy(
        self,
        account: Account,
        actor: Actor,
        template_id: int,
        owner: UUID | None,
        name: str,
        *,
        fixed: bool,
    ) -> StoredTemplate:
        """A draft of the owner's with what another template says, of which it may keep the attributes for ever.

        Raises ``TemplateNotPublished``, ``TemplateNameTaken``, ``EnterpriseUnknown``, ``InvalidTemplate``.
        """
        async with transaction(self._pool) as connection:
            source = await visible_template(connection, account, template_id)
            return await copy_template(connection, account, actor, source, owner, name, self._clock(), fixed=fixed)

    async def edit(
        self, account: Account, actor: Actor, template_id: int, template: Template, version: int
    ) -> StoredTemplate:
        """Replace the definition of a draft of the expected version.

        Raises ``VersionChanged``, ``TemplateNotEditable``, ``TemplateNameTaken``, ``TemplateNameFixed``,
        ``AttributesFixed``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await locked_template(connection, template_id)
            permit(Verb.EDIT, account, before.enterprise_id)
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
            check_fixed(before, template)
            if template.name != before.template.name:
                await _refuse_name(connection, before, template.name)
            state = transitions.step(TEMPLATE, Verb.EDIT, before.state)
            return await write_edition(connection, before, before.changed(state, at, template), Verb.EDIT, actor, at)

    async def change(
        self, account: Account, actor: Actor, template_id: int, changes: EditionChanges
    ) -> StoredTemplate:
        """The template with these changes, published at once if it is published: see ``change_edition``."""
        async with transaction(self._pool) as connection:
            found = await template_by_id(connection, template_id)
            return await change_edition(connection, account, actor, found, changes, self._clock())

    async def publish(self, account: Account, actor: Actor, template_id: int) -> StoredTemplate:
        """Ready for use, and fixed for ever. Raises ``TransitionRefused``."""
        async with transaction(self._pool) as connection:
            return await move_template(connection, account, actor, template_id, Verb.PUBLISH, self._clock())

    async def withdraw(self, account: Account, actor: Actor, template_id: int) -> StoredTemplate:
        """For no new identifiers any more. Raises ``TransitionRefused``."""
        async with transaction(self._pool) as connection:
            return await move_template(connection, account, actor, template_id, Verb.WITHDRAW, self._clock())

    async def revise(self, account: Account, actor: Actor, template_id: int) -> StoredTemplate:
        """The next version as a draft of its own. Raises ``TransitionRefused``, ``TemplateDraftExists``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            origin = await locked_template(connection, template_id)
            permit(Verb.REVISE, account, origin.enterprise_id)
            state = transitions.step(TEMPLATE, Verb.REVISE, origin.state)
            owner, name = origin.enterprise_id, origin.template.name
            newest = await newest_edition(connection, owner, name) or origin
            exists = draft_exists(name)
            if newest.state is TemplateState.DRAFT:
                raise exists
            template = replace(origin.template, version=newest.template.version + 1)
            return await add_edition(
                connection, actor, owner, template, state, exists, Verb.REVISE, at,
                before=origin, based_on=origin.based_on, fixed=origin.fixed,
            )  # fmt: skip

    async def delete(self, account: Account, actor: Actor, template_id: int) -> None:
        """Remove an edition that no registration has asked for yet. Raises ``TemplateInUse``."""
        async with transaction(self._pool) as connection:
            await remove_edition(connection, account, actor, template_id, self._clock())

    async def get(self, account: Account, template_id: int) -> StoredTemplate:
        """One template; an enterprise's account sees its own and, drafts apart, the node's and what it is granted."""
        async with reading(self._pool) as connection:
            return await visible_template(connection, account, template_id)

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
        return [template_of_row(row) for row in rows]


async def visible_template(connection: Connection, account: Account, template_id: int) -> StoredTemplate:
    """A template that the account may read. Raises ``TemplateUnknown``, ``NotAllowed``."""
    found = await template_by_id(connection, template_id)
    owner, reader = found.enterprise_id, account.enterprise_id
    shared = found.state is not TemplateState.DRAFT and (
        owner is None
        or (
            reader is not None
            and owner != reader
            and await is_granted(connection, owner, found.template.name, reader)
        )
    )
    require(account, Action.TEMPLATE_READ, reader if shared else owner)
    return found


async def _refuse_name(connection: Connection, before: StoredTemplate, name: str) -> None:
    if before.template.version > 1:
        raise TemplateNameFixed(
            f"this is version {before.template.version} of {before.template.name} and keeps its name",
            name=before.template.name,
        )
    if await newest_edition(connection, before.enterprise_id, name):
        raise name_taken(name)
