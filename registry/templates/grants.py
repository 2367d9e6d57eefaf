"""Grants of templates: an enterprise lets another, or everybody, register by a template of its own.

A grant is for the name and so for every edition, drafts apart. Identifiers that were registered by a template stay
when its grant is taken back; their owner may change and delete them as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.enterprises import unknown_enterprise
from registry.notifications import notify
from registry.store import reading
from registry.templates.editions import StoredTemplate, template_by_id

SQL = statements_beside(__file__, "grants.sql")
Clock = Callable[[], datetime]

_EVERYBODY = "*"


class TemplateNotGrantable(Conflict):
    title_zh = "该数据模板不能授权给其他企业"


@dataclass(frozen=True, slots=True)
class TemplateGrant:
    """Who may use a template since when; ``grantee`` is an enterprise, ``None``: every one."""

    grantee: UUID | None
    created_at: datetime


class TemplateGrants:
    """The use cases. All raise ``NotAllowed``, ``TemplateUnknown`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def grant(
        self, account: Account, actor: Actor, template_id: int, grantee: UUID | None
    ) -> list[TemplateGrant]:
        """Grant; all grants from now on. Raises ``TemplateNotGrantable``, ``EnterpriseUnknown``."""
        async with transaction(self._pool) as connection:
            stored = await template_by_id(connection, template_id)
            await grant_template(connection, account, actor, stored, grantee, self._clock())
            return await grants_of_template(connection, stored)

    async def revoke(self, account: Account, actor: Actor, template_id: int, grantee: UUID | None) -> None:
        """Take a grant back; one that is none stays so."""
        async with transaction(self._pool) as connection:
            stored = await template_by_id(connection, template_id)
            await revoke_template(connection, account, actor, stored, grantee, self._clock())

    async def list(self, account: Account, template_id: int) -> list[TemplateGrant]:
        """The grants of a template, the oldest first, for those it belongs to."""
        async with reading(self._pool) as connection:
            stored = await template_by_id(connection, template_id)
            require(account, Action.TEMPLATE_READ, stored.enterprise_id)
            return await grants_of_template(connection, stored)


async def grant_template(
    connection: Connection, account: Account, actor: Actor, stored: StoredTemplate, grantee: UUID | None, at: datetime
) -> bool:
    """Let an enterprise, or with ``None`` everybody, use a template; false if it may already. It is told.

    Raises ``NotAllowed``, ``TemplateNotGrantable``, ``EnterpriseUnknown``.
    """
    owner = _owner(account, stored)
    if stored.fixed:
        raise TemplateNotGrantable(
            f"{stored.template.name} is a copy for the own enterprise", template=stored.template.name
        )
    names = await _names(connection, owner, grantee)
    whom = _EVERYBODY if grantee is None else str(grantee)
    if not await connection.fetchval(SQL["add_template_grant"], owner, stored.template.name, whom, at):
        return False
    await _trace(connection, actor, stored, "grant", whom, at)
    if grantee is not None:
        await _tell(connection, stored, grantee, names[owner], at, granted=True)
    return True


async def revoke_template(
    connection: Connection, account: Account, actor: Actor, stored: StoredTemplate, grantee: UUID | None, at: datetime
) -> bool:
    """Take a grant back; false if there was none. Whom it was for is told. Raises ``NotAllowed``."""
    owner = _owner(account, stored)
    whom = _EVERYBODY if grantee is None else str(grantee)
    if not await connection.fetchval(SQL["remove_template_grant"], owner, stored.template.name, whom):
        return False
    await _trace(connection, actor, stored, "revoke", whom, at)
    if grantee is not None:
        names = await _names(connection, owner, grantee)
        await _tell(connection, stored, grantee, names[owner], at, granted=False)
    return True


async def grants_of_template(connection: Connection, stored: StoredTemplate) -> list[TemplateGrant]:
    """Who may use it besides its owner, the oldest grant first."""
    rows = await connection.fetch(SQL["list_template_grants"], stored.enterprise_id, stored.template.name)
    return [
        TemplateGrant(None if row["grantee"] == _EVERYBODY else UUID(row["grantee"]), row["created_at"])
        for row in rows
    ]


async def forget_grants(connection: Connection, owner: UUID, name: str) -> None:
    """Of a template that is gone."""
    await connection.execute(SQL["forget_template_grants"], owner, name)


def _owner(account: Account, stored: StoredTemplate) -> UUID:
    require(account, Action.TEMPLATE_GRANT, stored.enterprise_id)
    if stored.enterprise_id is None:
        raise TemplateNotGrantable("the node's own templates are every enterprise's already")
    return stored.enterprise_id


async def _names(connection: Connection, owner: UUID, grantee: UUID | None) -> dict[UUID, str]:
    wanted = [owner] if grantee is None else [owner, grantee]
    names = {row["enterprise_id"]: row["name"] for row in await connection.fetch(SQL["names_of_enterprises"], wanted)}
    if grantee is not None and grantee not in names:
        raise unknown_enterprise(grantee)
    return names


async def _trace(
    connection: Connection, actor: Actor, stored: StoredTemplate, verb: str, whom: str, at: datetime
) -> None:
    said = {"name": stored.template.name, "enterprise_id": str(stored.enterprise_id), "grantee": whom}
    granted = verb == "grant"
    act = Act(
        action=f"template.{verb}",
        subject_kind="template",
        subject_id=str(stored.template_id),
        before=None if granted else said,
        after=said if granted else None,
    )
    await record_act(connection, actor, act, at)


async def _tell(
    connection: Connection, stored: StoredTemplate, grantee: UUID, owner_name: str, at: datetime, *, granted: bool
) -> None:
    template = stored.template
    title = template.title_en or template.title_zh
    verb_zh, verb_en = ("授权", "lets you use") if granted else ("收回", "no longer lets you use")
    body = {
        "title_zh": "数据模板授权" if granted else "数据模板授权移除",
        "title_en": "Template granted" if granted else "Grant of a template taken back",
        "detail_zh": f"{owner_name}已{verb_zh}数据模板 {template.name}（{template.title_zh}）的使用权限",
        "detail_en": f"{owner_name} {verb_en} {template.name} ({title})",
        "template": template.name,
        "template_id": stored.template_id,
        "owner": str(stored.enterprise_id),
    }
    word = "granted" if granted else "removed"
    await notify(connection, grantee, f"authorisation.template.{word}", body, at)
