"""Scopes (公开范围): which attributes of identifiers anybody reads, and which only those they are granted to.

A class is what an enterprise's identifiers of one template name have in common, whatever edition. Without a scope
everything of it is public; ``*`` stands for every attribute that has no scope of its own. An identifier follows its
class until it gets a scope of its own, and grants of its own with it. The rule itself is the database's function
``hidden_indexes``, for the resolver goes by it too; values that no template knows are not touched by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed
from node.identifier import Identifier, Prefix
from node.journal import Act, Actor, record_act
from node.notices import CHANNEL, Notice, NoticeKind
from registry.authorisations.application_identities import SQL
from registry.enterprises import unknown_enterprise
from registry.identifiers.stored import found_identifier
from registry.prefix_grant import PrefixGrant
from registry.prefixes import held_prefix, readable_prefix
from registry.store import SQL as STORE
from registry.store import reading, refusing

Clock = Callable[[], datetime]

EVERY = "*"
"""In the place of an attribute: every one that is not named."""
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class Readable(StrEnum):
    """By whom besides the owner."""

    PUBLIC = "public"
    GRANTED = "granted"


class ClassInvalid(Malformed):
    title_zh = "数据模板名或属性名有误"


class IdentifierFollowsClass(Conflict):
    title_zh = "标识已为同类授权"


@dataclass(frozen=True, slots=True)
class ClassScope:
    """What is said of a class: by the attribute's name, or ``*``."""

    template: str
    readable: Mapping[str, Readable]


class Scopes:
    """The use cases. All raise ``NotAllowed`` and ``DatabaseAway`` besides what they name."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def of_classes(
        self, account: Account, enterprise_id: UUID, template: str | None = None
    ) -> list[ClassScope]:
        """What an enterprise has said of its classes, by template; of those it said nothing about, nothing."""
        require(account, Action.GRANT_READ, enterprise_id)
        async with reading(self._pool) as connection:
            return await class_scopes(connection, enterprise_id, template)

    async def set_class(
        self,
        account: Account,
        actor: Actor,
        enterprise_id: UUID,
        template: str,
        readable: Mapping[str, Readable | None],
    ) -> ClassScope:
        """Say of attributes of a class who reads them; ``None``: what ``*`` says, or public.

        What is not named stays. Raises ``ClassInvalid``, ``EnterpriseUnknown``.
        """
        require(account, Action.GRANT_EDIT, enterprise_id)
        async with transaction(self._pool) as connection:
            return await set_class_scope(connection, actor, enterprise_id, template, readable, self._clock())

    async def of_identifier(self, account: Account, identifier: Identifier) -> Readable | None:
        """The scope of its own that an identifier has; ``None``: it follows its class. Raises ``PrefixUnknown``."""
        async with reading(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.GRANT_READ, identifier.prefix)
            return await identifier_scope(connection, grant, identifier)

    async def set_identifier(
        self, account: Account, actor: Actor, identifier: Identifier, readable: Readable | None
    ) -> None:
        """Give an identifier a scope of its own; ``None``: it follows its class again, which ends its grants.

        Raises ``PrefixUnknown``, ``IdentifierUnknown``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await owned_identifier(connection, account, Action.GRANT_EDIT, identifier)
            if readable is None:
                await follow_class(connection, actor, grant, identifier, at)
            else:
                await set_identifier_scope(connection, actor, grant, identifier, readable, at)


async def class_scopes(connection: Connection, enterprise_id: UUID, template: str | None) -> list[ClassScope]:
    """What an enterprise has said of one of its classes, or of all, by template."""
    found: dict[str, dict[str, Readable]] = {}
    for row in await connection.fetch(SQL["class_scopes"], enterprise_id, template):
        found.setdefault(row["template_name"], {})[row["attribute"]] = Readable(row["readable"])
    return [ClassScope(name, readable) for name, readable in found.items()]


async def set_class_scope(
    connection: Connection,
    actor: Actor,
    enterprise_id: UUID,
    template: str,
    readable: Mapping[str, Readable | None],
    at: datetime,
) -> ClassScope:
    """``Scopes.set_class`` inside the caller's transaction, for one who may. Resolvers are told at its commit."""
    check_class(template, readable)
    before = await _class_scope(connection, enterprise_id, template)
    with refusing(class_scope_enterprise_id_fkey=unknown_enterprise(enterprise_id)):
        for attribute, wanted in sorted(readable.items()):
            if wanted is None:
                await connection.execute(SQL["drop_class_scope"], enterprise_id, template, attribute)
            else:
                await connection.execute(SQL["put_class_scope"], enterprise_id, template, attribute, wanted)
    after = await _class_scope(connection, enterprise_id, template)
    if after != before:
        await _trace(connection, actor, enterprise_id, _class_json(before), _class_json(after), at)
        await _announce_prefixes(connection, enterprise_id)
    return after


async def set_identifier_scope(
    connection: Connection, actor: Actor, grant: PrefixGrant, identifier: Identifier, readable: Readable, at: datetime
) -> None:
    """``Scopes.set_identifier`` inside the caller's transaction, for one who may."""
    before = await identifier_scope(connection, grant, identifier)
    if before is readable:
        return
    await connection.execute(SQL["put_identifier_scope"], grant.prefix_id, identifier.key, readable)
    await _trace_identifier(connection, actor, grant, identifier, before, readable, at)


async def follow_class(
    connection: Connection, actor: Actor, grant: PrefixGrant, identifier: Identifier, at: datetime
) -> None:
    """The identifier has the scopes and grants of its class again; its own end. Nothing if it does already."""
    dropped = await connection.fetchval(SQL["drop_identifier_scope"], grant.prefix_id, identifier.key)
    if dropped is None:
        return
    await connection.execute(SQL["drop_grants_of_identifier"], grant.prefix_id, identifier.key)
    await _trace_identifier(connection, actor, grant, identifier, Readable(dropped), None, at)


async def identifier_scope(connection: Connection, grant: PrefixGrant, identifier: Identifier) -> Readable | None:
    """The scope of its own that an identifier has; ``None``: it follows its class."""
    found = await connection.fetchval(SQL["identifier_scope"], grant.prefix_id, identifier.key)
    return None if found is None else Readable(found)


async def carry_class_scopes(connection: Connection, giver: UUID, receiver: UUID) -> None:
    """For identifiers that pass from one enterprise to another: what was hidden there stays hidden.

    Classes that the receiver has said something about stay as it said; the others are as the giver said, also for
    what the receiver has had before. Resolvers are told at the caller's commit.
    """
    done = await connection.execute(SQL["carry_class_scopes"], giver, receiver)
    if done != "INSERT 0 0":
        await _announce_prefixes(connection, receiver)


async def hidden_indexes(
    connection: Connection, grant: PrefixGrant, suffix_key: str, template_id: int
) -> frozenset[int]:
    """The indexes of an identifier's attributes that the public does not read."""
    hidden = await connection.fetchval(
        SQL["hidden_indexes"], grant.enterprise_id, grant.prefix_id, suffix_key, template_id
    )
    return frozenset(hidden or ())


async def owned_identifier(
    connection: Connection, account: Account, action: Action, identifier: Identifier
) -> PrefixGrant:
    """The prefix, held, of a registered identifier whose owner the account acts for.

    Raises ``PrefixUnknown``, ``NotAllowed``, ``IdentifierUnknown``.
    """
    grant = await held_prefix(connection, identifier.prefix)
    require(account, action, grant.enterprise_id)
    await found_identifier(connection, grant, identifier)
    return grant


def check_class(template: str, attributes: Mapping[str, Any] | tuple[str, ...]) -> None:
    """Whether these could be names of a template and its attributes. Raises ``ClassInvalid``."""
    if not _TEMPLATE.fullmatch(template):
        raise ClassInvalid("a template's name is letters, digits, dots, dashes and underscores", field="template")
    for attribute in attributes:
        if attribute != EVERY and not _ATTRIBUTE.fullmatch(attribute):
            raise ClassInvalid(
                "an attribute's name is a small letter, then small letters, digits, underscores", field="attributes"
            )


async def _class_scope(connection: Connection, enterprise_id: UUID, template: str) -> ClassScope:
    found = await class_scopes(connection, enterprise_id, template)
    return found[0] if found else ClassScope(template, {})


def _class_json(scope: ClassScope) -> dict[str, Any]:
    return {"template": scope.template, "readable": {name: str(word) for name, word in scope.readable.items()}}


async def _trace(
    connection: Connection,
    actor: Actor,
    enterprise_id: UUID,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    at: datetime,
) -> None:
    act = Act("authorisation.scope", "authorisation", str(enterprise_id), before=before, after=after)
    await record_act(connection, actor, act, at)


async def _trace_identifier(
    connection: Connection,
    actor: Actor,
    grant: PrefixGrant,
    identifier: Identifier,
    before: Readable | None,
    after: Readable | None,
    at: datetime,
) -> None:
    named = {"identifier": f"{grant.prefix.key}/{identifier.suffix}"}
    said = [{**named, "readable": str(word) if word else "class"} for word in (before, after)]
    await _trace(connection, actor, grant.enterprise_id, said[0], said[1], at)
    notice = Notice(NoticeKind.IDENTIFIERS, grant.prefix.key, (identifier.key,))
    await connection.execute(STORE["announce"], CHANNEL, notice.encode())


async def _announce_prefixes(connection: Connection, enterprise_id: UUID) -> None:
    for row in await connection.fetch(SQL["prefixes_in_use"], enterprise_id):
        notice = Notice(NoticeKind.PREFIX, Prefix.parse_derived(row["prefix"]).key)
        await connection.execute(STORE["announce"], CHANNEL, notice.encode())
