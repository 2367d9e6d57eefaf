"""Copies of templates: a draft of one's own with what another says, free to change or with its attributes kept.

A copy that keeps its attributes is IDHub's 副本 (snms-api 10.7): it is used inside the enterprise and not granted on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from node.auth import Account
from node.database import Connection
from node.journal import Actor
from registry import transitions
from registry.templates.editions import (
    StoredTemplate,
    TemplateNotPublished,
    add_edition,
    name_taken,
    newest_edition,
    permit,
)
from registry.transitions import TEMPLATE, TemplateState, Verb


async def copy_template(
    connection: Connection,
    account: Account,
    actor: Actor,
    source: StoredTemplate,
    owner: UUID | None,
    name: str,
    at: datetime,
    *,
    fixed: bool,
) -> StoredTemplate:
    """A draft named ``name``; ``source`` is one that the account may read (``visible_template``).

    Raises ``NotAllowed``, ``TemplateNotPublished`` for what others do not publish now, ``TemplateNameTaken``,
    ``EnterpriseUnknown``, ``InvalidTemplate``.
    """
    permit(Verb.CREATE, account, owner)
    if source.enterprise_id != owner and source.state is not TemplateState.PUBLISHED:
        raise TemplateNotPublished(
            f"the template {source.template.name} is {source.state}, not published",
            template=source.template.name,
            state=str(source.state),
        )
    template = replace(source.template, name=name, version=1)
    taken = name_taken(name)
    if await newest_edition(connection, owner, name):
        raise taken
    state = transitions.step(TEMPLATE, Verb.CREATE, None)
    return await add_edition(
        connection, actor, owner, template, state, taken, Verb.CREATE, at,
        before=source, based_on=source.template_id, fixed=fixed,
    )  # fmt: skip
