"""Identifiers: register, update, delete, look at, list; one path for every interface.

Whatever door a change comes through, it ends in this module: prefix and template are checked and held, the row,
its side index, its history, its leaf and its report are written in one transaction, and resolvers are told at
its commit. Bulk registration (``registry/batches.py``) uses ``write_new`` of ``registry/writing.py`` as a single
registration does: one is a batch of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.identifier import Identifier, Prefix
from node.journal import Actor, Interface
from node.notices import CHANNEL, Notice, NoticeKind
from node.sql import statements_beside
from registry.encoder import Entry
from registry.leaves import Change, leaf_maker
from registry.prefixes import PrefixGrant, readable_prefix, writable_prefix
from registry.template_store import StoredTemplate, template_by_id, usable_template
from registry.writing import Taken, report_changes, write_new

SQL = statements_beside(__file__, "identifiers.sql")
Clock = Callable[[], datetime]
LIVE = 1


class IdentifierUnknown(NotFound):
    title_zh = "标识不存在"


class IdentifierExists(Conflict):
    title_zh = "标识已存在"


class IdentifierChanged(Conflict):
    title_zh = "标识已被他人修改"


class ValueTaken(Conflict):
    title_zh = "属性值已被使用"


class AttributesInvalid(Malformed):
    title_zh = "标识数据有误"


class NotListed(Malformed):
    title_zh = "该属性不可检索"


@dataclass(frozen=True, slots=True)
class StoredIdentifier:
    """One identifier as stored; ``record`` is a 4-byte count and Handle values as on the wire."""

    prefix: Prefix
    suffix: str
    suffix_key: str
    template_id: int
    version: int
    registered_at: datetime
    updated_at: datetime
    record: bytes

    @property
    def text(self) -> str:
        return f"{self.prefix.text}/{self.suffix}"


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One entry of an identifier's history; ``before`` is the record that this version replaced."""

    version: int
    change: Change
    interface: Interface
    at: datetime
    account_id: UUID
    batch_id: UUID | None
    before: bytes | None


class Identifiers:
    """The use cases. Every method raises ``NotAllowed``, ``PrefixUnknown`` and ``DatabaseAway`` besides its own."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def register(
        self,
        account: Account,
        actor: Actor,
        identifier: Identifier,
        template: str | int,
        attributes: Mapping[str, Any],
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        """A new identifier. Raises ``IdentifierExists``, ``ValueTaken``, ``AttributesInvalid``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await writable_prefix(connection, account, Action.IDENTIFIER_REGISTER, identifier.prefix)
            stored = await usable_template(connection, grant, template)
            row = encoded(stored, identifier, attributes, at)
            outcome = await write_new(
                connection, grant, stored.template_id, [row], account_id=account.account_id,
                interface=actor.interface, at=at, batch_id=None,
            )  # fmt: skip
            for taken in outcome.taken:
                raise _refusal(identifier, taken)
            if outcome.unchanged:
                raise _exists(identifier)
            return await _found(connection, grant, identifier), stored

    async def update(
        self, account: Account, actor: Actor, identifier: Identifier, version: int, attributes: Mapping[str, Any]
    ) -> tuple[StoredIdentifier, StoredTemplate]:
        """Replace the attributes of the expected version. Raises ``IdentifierChanged`` and those of ``register``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await writable_prefix(connection, account, Action.IDENTIFIER_UPDATE, identifier.prefix)
            before = await _locked(connection, grant, identifier, version)
            stored = await template_by_id(connection, before.template_id)
            row = encoded(stored, identifier, attributes, at)
            await _refuse_taken_values(connection, grant, stored, row)
            changed = await connection.fetchval(
                SQL["change_identifier"], grant.prefix_id, row.suffix_key, version, at, row.record
            )
            await connection.execute(SQL["forget_attributes"], grant.prefix_id, row.suffix_key)
            await connection.execute(
                SQL["add_attributes"], grant.prefix_id, stored.template_id, row.suffix_key,
                [entry.index for entry in row.side], [entry.unique for entry in row.side],
                [entry.value for entry in row.side],
            )  # fmt: skip
            await _trace(connection, Change.UPDATE, grant, actor, account, at, changed, before, row.record)
            return await _found(connection, grant, identifier), stored

    async def delete(self, account: Account, actor: Actor, identifier: Identifier, version: int) -> None:
        """Delete the expected version; history stays. Raises ``IdentifierUnknown``, ``IdentifierChanged``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await writable_prefix(connection, account, Action.IDENTIFIER_DELETE, identifier.prefix)
            before = await _locked(connection, grant, identifier, version)
            changed = await connection.fetchval(
                SQL["delete_identifier"], grant.prefix_id, before.suffix_key, version, at
            )
            await connection.execute(SQL["forget_attributes"], grant.prefix_id, before.suffix_key)
            await _trace(connection, Change.DELETE, grant, actor, account, at, changed, before, b"\0\0\0\0")

    async def get(self, account: Account, identifier: Identifier) -> tuple[StoredIdentifier, StoredTemplate]:
        """One live identifier and its template. Raises ``IdentifierUnknown``."""
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, identifier.prefix)
            found = await _found(connection, grant, identifier)
            return found, await template_by_id(connection, found.template_id)

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
                raise _unknown(identifier)
        return [
            PastVersion(
                version=row["version"],
                change=Change(row["action"]),
                interface=Interface(row["interface"]),
                at=row["at"],
                account_id=row["account_id"],
                batch_id=row["batch_id"],
                before=row["before"],
            )
            for row in rows
        ]

    async def list(
        self,
        account: Account,
        prefix: Prefix,
        *,
        after: str,
        limit: int,
        template_id: int | None = None,
        attribute: tuple[str, str] | None = None,
    ) -> tuple[list[StoredIdentifier], dict[int, StoredTemplate]]:
        """Live identifiers after a suffix key in key order, with the templates they use.

        ``attribute`` is a (name, value) of a listed or unique attribute and needs ``template_id``. Raises
        ``NotListed``.
        """
        async with transaction(self._pool) as connection:
            grant = await readable_prefix(connection, account, Action.IDENTIFIER_READ, prefix)
            if attribute is None:
                rows = await connection.fetch(SQL["list_identifiers"], grant.prefix_id, after, limit, template_id)
            else:
                if template_id is None:
                    raise NotListed("name the template whose attribute is meant", field="template_id")
                stored = await template_by_id(connection, template_id)
                index, unique = _searchable(stored, attribute[0])
                rows = await connection.fetch(
                    SQL["list_by_attribute"], grant.prefix_id, after, limit, template_id, index, attribute[1], unique
                )
            found = [_of_row(grant, row) for row in rows]
            templates = {}
            for number in {identifier.template_id for identifier in found}:
                templates[number] = await template_by_id(connection, number)
            return found, templates


def encoded(stored: StoredTemplate, identifier: Identifier, attributes: Mapping[str, Any], at: datetime) -> Entry:
    """Attributes checked against the template and encoded. Raises ``AttributesInvalid`` with every fault."""
    encoder = stored.template.compile()
    checked, faults = encoder.check(attributes)
    if faults:
        raise AttributesInvalid(
            f"{len(faults)} faults in the attributes", faults=[fault.to_json() for fault in faults]
        )
    return Entry(identifier.suffix, identifier.key, *encoder.encode(checked, timestamp_of(at)))


def timestamp_of(at: datetime) -> bytes:
    """The timestamp of Handle values: four big-endian bytes of Unix seconds."""
    return int(at.timestamp()).to_bytes(4, "big")


async def _locked(
    connection: Connection, grant: PrefixGrant, identifier: Identifier, version: int
) -> StoredIdentifier:
    row = await connection.fetchrow(SQL["lock_identifier"], grant.prefix_id, identifier.key)
    if row is None or row["state"] != LIVE:
        raise _unknown(identifier)
    if row["version"] != version:
        raise IdentifierChanged(
            f"version {version} is expected, version {row['version']} stands", expected=version, found=row["version"]
        )
    return _of_row(grant, row)


async def _found(connection: Connection, grant: PrefixGrant, identifier: Identifier) -> StoredIdentifier:
    row = await connection.fetchrow(SQL["find_identifier"], grant.prefix_id, identifier.key)
    if row is None or row["state"] != LIVE:
        raise _unknown(identifier)
    return _of_row(grant, row)


def _of_row(grant: PrefixGrant, row: Any) -> StoredIdentifier:
    return StoredIdentifier(
        prefix=grant.prefix,
        suffix=row["suffix"],
        suffix_key=row["suffix_key"],
        template_id=row["template_id"],
        version=row["version"],
        registered_at=row["registered_at"],
        updated_at=row["updated_at"],
        record=row["record"],
    )


async def _refuse_taken_values(
    connection: Connection, grant: PrefixGrant, stored: StoredTemplate, row: Entry
) -> None:
    unique = [entry for entry in row.side if entry.unique]
    holders = await connection.fetch(
        SQL["find_taken_values"], grant.prefix_id, stored.template_id,
        [entry.index for entry in unique], [entry.value for entry in unique],
    )  # fmt: skip
    for holder in holders:
        if holder["suffix_key"] != row.suffix_key:
            raise ValueTaken(
                "another identifier holds this value",
                attribute_index=holder["attribute_index"],
                value=holder["value"],
            )


async def _trace(
    connection: Connection,
    change: Change,
    grant: PrefixGrant,
    actor: Actor,
    account: Account,
    at: datetime,
    version: int,
    before: StoredIdentifier,
    record: bytes,
) -> None:
    make = leaf_maker(change, grant.prefix.key, grant.log_secret, account.account_id, at)
    await connection.execute(
        SQL["add_history"], grant.prefix_id, version, int(change), int(actor.interface), at, account.account_id,
        None, before.suffix_key, before.record,
    )  # fmt: skip
    await connection.execute(SQL["add_event"], make(before.suffix_key, version, record))
    await report_changes(connection, grant, at, {change: 1})
    notice = Notice(NoticeKind.IDENTIFIER, grant.prefix.key, before.suffix_key)
    await connection.execute(SQL["announce"], CHANNEL, notice.encode())


def _refusal(identifier: Identifier, taken: Taken) -> IdentifierExists | ValueTaken:
    if taken.attribute_index is None:
        return _exists(identifier)
    return ValueTaken(
        "another identifier holds this value", attribute_index=taken.attribute_index, identifier=identifier.text
    )


def _searchable(stored: StoredTemplate, name: str) -> tuple[int, bool]:
    for attribute in stored.template.attributes:
        if attribute.name == name and (attribute.listed or attribute.unique):
            return attribute.index, attribute.unique
    raise NotListed(f"{name} is no listed or unique attribute of this template", field=name)


def _exists(identifier: Identifier) -> IdentifierExists:
    return IdentifierExists(f"{identifier.text} is registered already", identifier=identifier.text)


def _unknown(identifier: Identifier) -> IdentifierUnknown:
    return IdentifierUnknown(f"{identifier.text} is not registered", identifier=identifier.text)
