"""Identifiers: register, update, delete, look at; one path for every interface.

Whatever door a change comes through, it ends in this module: prefix and template are checked and held, the row,
its side index, its history, its leaf and its report are written in one transaction, and resolvers are told at
its commit. Bulk work (``registry/batches``) uses ``write_new`` of ``writing.py`` and ``change_many`` of
``changes.py`` as a single registration or change does: one is a batch of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random, SystemRandom
from typing import Any
from uuid import UUID

from node.auth import Account, Action, Role, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed
from node.identifier import Identifier, Prefix
from node.journal import Actor, Interface
from node.sql import statements_beside
from registry.authorisations.reading import (
    check_changes,
    readable_values,
    refuse_writing,
    writable_attributes,
)
from registry.coding.registration import register_by_rule
from registry.enterprises import check_approved
from registry.identifiers.admission import QuotaReached
from registry.identifiers.changes import Asked, change_many
from registry.identifiers.leaves import Change
from registry.identifiers.registering import Refused, Registered, Registering, Registration
from registry.identifiers.state import IdentifierState
from registry.identifiers.stored import (
    IdentifierUnknown,
    StoredIdentifier,
    found_identifier,
    identifier_of_row,
    unknown_identifier,
)
from registry.prefixes import (
    PrefixGrant,
    check_enabled,
    check_writable,
    held_prefix,
    readable_prefix,
    writable_prefix,
)
from registry.rejection import Code, Fault
from registry.templates.stored import StoredTemplate, template_by_id

__all__ = [
    "AttributesInvalid",
    "IdentifierChanged",
    "IdentifierExists",
    "IdentifierUnknown",
    "Identifiers",
    "PastVersion",
    "StoredIdentifier",
    "ValueTaken",
    "identifier_of_row",
]
SQL = statements_beside(__file__, "identifiers.sql")
Clock = Callable[[], datetime]
_UNGUESSABLE = SystemRandom()  # for the random segments of coding rules


class IdentifierExists(Conflict):
    title_zh = "标识已存在"


class IdentifierChanged(Conflict):
    title_zh = "标识已被他人修改"


class ValueTaken(Conflict):
    title_zh = "属性值已被使用"


class AttributesInvalid(Malformed):
    title_zh = "标识数据有误"


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One entry of an identifier's history: what this version replaced.

    ``before`` is ``None`` where there was no record or it stayed the same; ``before_state`` and
    ``before_template_id`` for a first registration, and for changes older than these columns.
    """

    version: int
    change: Change
    interface: Interface
    at: datetime
    account_id: UUID
    batch_id: UUID | None
    before: bytes | None
    before_state: IdentifierState | None
    before_template_id: int | None


class Identifiers:
    """The use cases. Every method raises ``NotAllowed``, ``PrefixUnknown`` and ``DatabaseAway`` besides its own."""

    def __init__(self, pool: Pool, clock: Clock, rng: Random = _UNGUESSABLE) -> None:
        self._pool = pool
        self._clock = clock
        self._rng = rng
        self._registering = Registering(pool)

    async def register(
        self,
        account: Account,
        actor: Actor,
        identifier: Identifier,
        template: str | int,
        attributes: Mapping[str, Any],
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        """A new identifier. Raises ``IdentifierExists``, ``ValueTaken``, ``AttributesInvalid``, ``QuotaReached``."""
        asked = Registration(account, actor.interface, identifier, attributes, self._clock())
        return _settled(identifier, await self._registering.register(template, asked))

    async def register_by_rule(
        self,
        account: Account,
        actor: Actor,
        prefix: Prefix,
        coding_rule: str,
        template: str | int,
        attributes: Mapping[str, Any],
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        """As ``register``, with the next suffix of a coding rule of the prefix's enterprise.

        A refusal takes no serial number. Raises also ``CodingRuleUnknown``, ``SuffixNotMade``, ``SuffixesTaken``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            identifier, registered = await register_by_rule(
                connection, account, actor.interface, prefix, coding_rule, template, attributes, at, self._rng
            )
            return _settled(identifier, registered)

    async def update(
        self, account: Account, actor: Actor, identifier: Identifier, version: int, attributes: Mapping[str, Any]
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        """Replace the attributes of the expected version. Raises ``IdentifierChanged`` and those of ``register``.

        Another enterprise's application, which sees only a part, changes only the attributes that it names: all have
        to be visible to it, and those that become others granted to it for writing, else ``NotWritable``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await held_prefix(connection, identifier.prefix)
            if account.role is Role.APPLICATION and account.enterprise_id != grant.enterprise_id:
                return await _updated_by_grant(connection, grant, account, actor, identifier, version, attributes, at)
            check_writable(grant, account, Action.IDENTIFIER_UPDATE)
            asked = Asked(identifier.key, version, attributes, whole=True)
            await _changed(connection, grant, account, actor, identifier, Change.UPDATE, asked, at)
            found = await found_identifier(connection, grant, identifier)
            return found, await template_by_id(connection, found.template_id)

    async def delete(self, account: Account, actor: Actor, identifier: Identifier, version: int) -> None:
        """Delete the expected version; history stays. Raises ``IdentifierUnknown``, ``IdentifierChanged``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await writable_prefix(connection, account, Action.IDENTIFIER_DELETE, identifier.prefix)
            asked = Asked(identifier.key, version)
            if await _changed(connection, grant, account, actor, identifier, Change.DELETE, asked, at):
                return
            raise unknown_identifier(identifier)

    async def turn(
        self, account: Account, actor: Actor, identifier: Identifier, version: int, state: IdentifierState
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        """Suspend (停用) or resume the expected version; one that is so already stays as it is.

        Raises ``IdentifierUnknown``, ``IdentifierChanged``.
        """
        change = Change.SUSPEND if state is IdentifierState.SUSPENDED else Change.RESUME
        asked = Asked(identifier.key, version)
        return await self._change(account, actor, Action.IDENTIFIER_SUSPEND, identifier, change, asked)

    async def _change(
        self, account: Account, actor: Actor, action: Action, identifier: Identifier, change: Change, asked: Asked
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await writable_prefix(connection, account, action, identifier.prefix)
            await _changed(connection, grant, account, actor, identifier, change, asked, at)
            found = await found_identifier(connection, grant, identifier)
            return found, await template_by_id(connection, found.template_id)

    async def get(self, account: Account, identifier: Identifier) -> tuple[StoredIdentifier, StoredTemplate]:
        """One identifier, live or suspended, and its template. Raises ``IdentifierUnknown``.

        For accounts of other enterprises it must resolve, and its record holds what they may see (``NotReadable``:
        nothing).
        """
        async with transaction(self._pool) as connection:
            found, stored, _ = await readable_values(connection, account, identifier)
            return found, stored

    async def history(
        self, account: Account, identifier: Identifier, *, before_version: int, limit: int
    ) -> list[PastVersion]:
        """Versions below ``before_version``, newest first. Raises ``IdentifierUnknown`` when there never was one."""
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.HISTORY_READ, identifier.prefix)
            rows = await connection.fetch(
                SQL["history_of_identifier"], grant.prefix_id, identifier.key, before_version, limit
            )
            if not rows and not await connection.fetchrow(SQL["find_identifier"], grant.prefix_id, identifier.key):
                raise unknown_identifier(identifier)
        return [
            PastVersion(
                version=row["version"],
                change=Change(row["action"]),
                interface=Interface(row["interface"]),
                at=row["at"],
                account_id=row["account_id"],
                batch_id=row["batch_id"],
                before=row["before"],
                before_state=None if row["before_state"] is None else IdentifierState(row["before_state"]),
                before_template_id=row["before_template_id"],
            )
            for row in rows
        ]


async def _updated_by_grant(
    connection: Connection,
    grant: PrefixGrant,
    account: Account,
    actor: Actor,
    identifier: Identifier,
    version: int,
    attributes: Mapping[str, Any],
    at: datetime,
) -> tuple[StoredIdentifier, StoredTemplate]:
    """A change by another enterprise's application; whoever has no grant to write is not allowed anything."""
    before, stored, visible = await readable_values(connection, account, identifier)
    template = stored.template
    writable = await writable_attributes(connection, account, grant, before, template)
    if not writable:
        require(account, Action.IDENTIFIER_UPDATE, grant.enterprise_id)
    check_enabled(grant)
    check_approved(grant.enterprise_state)
    if before.version != version:
        raise _overtaken(version, before.version)
    # What it cannot see it must not find out by trying values either.
    refuse_writing(attributes.keys() & (set(template.names) - visible))
    asked = Asked(identifier.key, version, attributes)
    await _changed(connection, grant, account, actor, identifier, Change.UPDATE, asked, at)
    after, _, _ = await readable_values(connection, account, identifier)
    check_changes(before, after, template, writable)
    return after, stored


def refusal_of(
    identifier: Identifier, refused: Refused
) -> AttributesInvalid | IdentifierExists | QuotaReached | ValueTaken:
    """Why a registration was not written, as the error that it is refused with."""
    if isinstance(refused, list):
        if any(fault.code == Code.QUOTA_REACHED for fault in refused):
            faults = [fault.to_json() for fault in refused]
            return QuotaReached(f"{identifier.text} is beyond the quota of its prefix", faults=faults)
        return faulty(refused)
    if refused.attribute_index is None:
        return exists(identifier)
    return ValueTaken(
        "another identifier holds this value", attribute_index=refused.attribute_index, identifier=identifier.text
    )


def exists(identifier: Identifier) -> IdentifierExists:
    """The refusal of an identifier that stands."""
    return IdentifierExists(f"{identifier.text} is registered already", identifier=identifier.text)


def faulty(faults: Sequence[Fault]) -> AttributesInvalid:
    """Everything wrong with the attributes of one identifier."""
    return AttributesInvalid(f"{len(faults)} faults in the attributes", faults=[fault.to_json() for fault in faults])


def _settled(identifier: Identifier, registered: Registered | Refused) -> tuple[StoredIdentifier, StoredTemplate]:
    if not isinstance(registered, Registered):
        raise refusal_of(identifier, registered)
    return _registered(registered), registered.stored


def _registered(new: Registered) -> StoredIdentifier:
    """What a registration has just written."""
    return StoredIdentifier(
        prefix=new.grant.prefix,
        suffix=new.entry.suffix,
        suffix_key=new.entry.suffix_key,
        template_id=new.stored.template_id,
        version=new.version,
        state=IdentifierState.LIVE,
        registered_at=new.at,
        updated_at=new.at,
        record=new.entry.record,
    )


async def _changed(
    connection: Connection,
    grant: PrefixGrant,
    account: Account,
    actor: Actor,
    identifier: Identifier,
    change: Change,
    asked: Asked,
    at: datetime,
) -> bool:
    """One change, which is a batch of one; false when it stands so already. Raises what it is refused with."""
    outcome = await change_many(
        connection, grant, change, [asked],
        account_id=account.account_id, interface=actor.interface, at=at, batch_id=None,
    )  # fmt: skip
    faults = [fault for _, fault in outcome.refused]
    if not faults:
        return outcome.changed > 0
    codes = {fault.code for fault in faults}
    if Code.IDENTIFIER_UNKNOWN in codes:
        raise unknown_identifier(identifier)
    if Code.VERSION_CHANGED in codes:
        found = await found_identifier(connection, grant, identifier)
        raise _overtaken(asked.expected_version, found.version)
    if Code.VALUE_TAKEN in codes:
        raise ValueTaken("another identifier holds this value", field=faults[0].field)
    raise faulty(faults)


def _overtaken(expected: int | None, found: int) -> IdentifierChanged:
    return IdentifierChanged(
        f"version {expected} is expected, version {found} stands", expected=expected, found=found
    )
