"""Removing templates that nobody has used; one that identifiers may have is withdrawn and stays.

Whether a registration has ever asked for an edition stands in its row, which the registration marks and the removal
holds: neither misses the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account
from node.database import Connection
from node.errors import Conflict
from node.journal import Actor
from registry import transitions
from registry.templates.aliases import forget_aliases
from registry.templates.editions import (
    SQL,
    StoredTemplate,
    permit,
    template_of_row,
    trace_template,
    unknown_template,
    write_edition,
)
from registry.templates.grants import forget_grants
from registry.transitions import TEMPLATE, TemplateState, Verb


class TemplateInUse(Conflict):
    title_zh = "数据模板已被使用，只能撤回"


async def remove_edition(
    connection: Connection, account: Account, actor: Actor, template_id: int, at: datetime
) -> None:
    """Remove one edition. Raises ``NotAllowed``, ``TemplateUnknown``, ``TemplateInUse``."""
    row = await connection.fetchrow(SQL["lock_template"], template_id)
    if row is None:
        raise unknown_template(template_id)
    found = template_of_row(row)
    permit(Verb.EDIT, account, found.enterprise_id)
    if row["used"]:
        name = found.template.name
        raise TemplateInUse(f"identifiers may have {name}: withdraw it instead", template=name)
    await _remove(connection, actor, found, at)
    await _forget(connection, found.enterprise_id, found.template.name)


async def remove_template(
    connection: Connection, account: Account, actor: Actor, owner: UUID | None, name: str, at: datetime
) -> list[StoredTemplate]:
    """Remove every edition of a template that nobody has used, and withdraw the others, which are returned.

    Where none is left, its aliases and grants are gone too. Raises ``NotAllowed``, ``TemplateUnknown``.
    """
    permit(Verb.EDIT, account, owner)
    await connection.execute(SQL["lock_template_name"], owner, name)
    rows = await connection.fetch(SQL["editions_of_template"], owner, name)
    if not rows:
        raise unknown_template(name)
    kept = [await _withdrawn(connection, account, actor, row, at) for row in rows if row["used"]]
    for row in rows:
        if not row["used"]:
            await _remove(connection, actor, template_of_row(row), at)
    await _forget(connection, owner, name)
    return kept


async def withdraw_editions(
    connection: Connection, account: Account, actor: Actor, owner: UUID | None, name: str, at: datetime
) -> list[StoredTemplate]:
    """Withdraw every published edition, so that the name is for no new identifiers; those that were published.

    Raises ``NotAllowed``, ``TemplateUnknown``.
    """
    permit(Verb.WITHDRAW, account, owner)
    await connection.execute(SQL["lock_template_name"], owner, name)
    rows = await connection.fetch(SQL["editions_of_template"], owner, name)
    if not rows:
        raise unknown_template(name)
    published = [row for row in rows if row["state"] == TemplateState.PUBLISHED]
    return [await _withdrawn(connection, account, actor, row, at) for row in published]


async def _withdrawn(
    connection: Connection, account: Account, actor: Actor, row: Mapping[str, Any], at: datetime
) -> StoredTemplate:
    found = template_of_row(row)
    if found.state is not TemplateState.PUBLISHED:
        return found
    permit(Verb.WITHDRAW, account, found.enterprise_id)
    state = transitions.step(TEMPLATE, Verb.WITHDRAW, found.state)
    return await write_edition(connection, found, found.changed(state, at), Verb.WITHDRAW, actor, at)


async def _remove(connection: Connection, actor: Actor, found: StoredTemplate, at: datetime) -> None:
    if found.state is TemplateState.PUBLISHED:  # the national node knows it
        state = transitions.step(TEMPLATE, Verb.WITHDRAW, found.state)
        found = await write_edition(connection, found, found.changed(state, at), Verb.WITHDRAW, actor, at)
    await connection.execute(SQL["remove_template"], found.template_id)
    await trace_template(connection, found, None, "delete", actor, at)


async def _forget(connection: Connection, owner: UUID | None, name: str) -> None:
    """What leads to a template that has no edition any more."""
    if owner is None or await connection.fetchrow(SQL["newest_of_template"], owner, name, None):
        return
    await forget_aliases(connection, owner, name)
    await forget_grants(connection, owner, name)
