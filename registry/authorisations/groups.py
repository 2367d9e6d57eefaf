"""Identity groups (标识用户组): application identities of one enterprise, such as ``88.101.2001/Group_x``.

An enterprise grants to groups of its own, and to those of others that it has imported by their handle: that is the
only way to grant to another enterprise's applications. Whoever owns a group decides who stands in it, and sees who
imported it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.journal import Act, Actor, record_act
from registry.authorisations.application_identities import (
    SQL,
    fold_handle,
    identifier_key,
    identities_of_handles,
    owned_prefix,
    unknown_identity,
)
from registry.enterprises import unknown_enterprise
from registry.notifications import notify
from registry.store import check_version, reading, refusing

Clock = Callable[[], datetime]

MOST_MEMBERS = 500
_SUFFIX = re.compile(r"Group_[A-Za-z0-9._-]{1,64}")


class GroupUnknown(NotFound):
    title_zh = "标识用户组不存在"


class GroupHandleTaken(Conflict):
    title_zh = "标识用户组标识已被使用"


class GroupHandleInvalid(Malformed):
    title_zh = "标识用户组标识有误"


class GroupMemberForeign(Malformed):
    title_zh = "标识用户组只能包含本企业的应用身份"


class GroupNotToImport(Conflict):
    title_zh = "本企业的标识用户组无需引入"


class GroupGranted(Conflict):
    title_zh = "该标识用户组仍有授权"


@dataclass(frozen=True, slots=True)
class IdentityGroup:
    """``members`` are the handles of its identities; nobody but its enterprise and the staff is told them."""

    identity_group_id: int
    enterprise_id: UUID
    enterprise_name: str
    handle: str
    title: str
    members: tuple[str, ...]
    version: int
    created_at: datetime
    updated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "handle": self.handle,
            "enterprise_id": str(self.enterprise_id),
            "title": self.title,
            "members": list(self.members),
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Importer:
    """An enterprise that may grant to a group which is not its own."""

    enterprise_id: UUID
    name: str
    imported_at: datetime


class IdentityGroups:
    """The use cases. Besides what they name, all raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def create(
        self, account: Account, actor: Actor, handle: str, *, title: str = "", members: Sequence[str] = ()
    ) -> IdentityGroup:
        """A group under an enabled prefix, of identities of the prefix's enterprise.

        Raises ``GroupHandleInvalid``, ``GroupHandleTaken``, ``IdentityUnknown``, ``GroupMemberForeign``,
        ``PrefixUnknown``, ``PrefixNotEnabled``.
        """
        identifier = _parsed(handle)
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await owned_prefix(connection, account, Action.GROUP_EDIT, identifier)
            spelled = f"{grant.prefix.key}/{identifier.suffix}"
            taken = GroupHandleTaken(f"{spelled} is a group already", handle=spelled)
            with refusing(identity_group_handle_unique=taken):
                number = await connection.fetchval(
                    SQL["add_group"], grant.enterprise_id, spelled, identifier_key(identifier), title, at
                )
            made = IdentityGroup(number, grant.enterprise_id, grant.enterprise_name, spelled, title, (), 1, at, at)
            made = await _with_members(connection, made, members)
            await _trace(connection, None, made, "create", actor, at)
            return made

    async def get(self, account: Account, handle: str) -> IdentityGroup:
        """One group of the caller's enterprise, or one it has imported, without members. Raises ``GroupUnknown``."""
        async with reading(self._pool) as connection:
            found = (await groups_of_handles(connection, [handle])).get(fold_handle(handle))
            owner = account.enterprise_id
            if found is None or owner in (None, found.enterprise_id):
                seen = owner is None or found is not None
            else:
                seen = bool(await connection.fetch(SQL["imported"], owner, [found.identity_group_id]))
        require(account, Action.GROUP_READ, owner)
        if found is None or not seen:
            raise unknown_group(handle)
        return _shown_to(account, found)

    async def list(
        self, account: Account, *, enterprise_id: UUID | None = None, after: str = "", limit: int = 50
    ) -> Sequence[IdentityGroup]:
        """An enterprise's own groups and those it has imported, by handle in upper case, after one."""
        owner = enterprise_id or account.enterprise_id
        require(account, Action.GROUP_READ, owner)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_groups"], owner, after, limit)
            return [_shown_to(account, group) for group in await _of_rows(connection, rows)]

    async def edit(
        self, account: Account, actor: Actor, handle: str, version: int, *, title: str, members: Sequence[str]
    ) -> IdentityGroup:
        """Title and members anew, for the expected version: who is no longer named has what it was granted no more.

        Raises ``GroupUnknown``, ``VersionChanged``, ``IdentityUnknown``, ``GroupMemberForeign``.
        """
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, handle)
            check_version(version, before.version)
            after = replace(before, title=title, version=version + 1, updated_at=at)
            await connection.execute(SQL["clear_group"], before.identity_group_id)
            after = await _with_members(connection, after, members)
            await connection.execute(SQL["change_group"], before.identity_group_id, title, after.version, at)
            await _trace(connection, before, after, "change", actor, at)
            return after

    async def remove(self, account: Account, actor: Actor, handle: str) -> None:
        """End a group, its imports and all grants to it; those who imported it are told. Raises ``GroupUnknown``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, handle)
            importers = await _importers(connection, before)
            await connection.execute(SQL["remove_group"], before.identity_group_id)
            await _trace(connection, before, None, "remove", actor, at)
            for importer in importers:
                await notify(connection, importer.enterprise_id, "identity_group.removed", _end_of(before), at)

    async def import_group(self, account: Account, actor: Actor, enterprise_id: UUID, handle: str) -> IdentityGroup:
        """Let an enterprise grant to a group of another; its owner is told.

        Raises ``GroupUnknown``, ``GroupNotToImport``, ``EnterpriseUnknown``.
        """
        require(account, Action.GROUP_EDIT, enterprise_id)
        at = self._clock()
        async with transaction(self._pool) as connection:
            group = await _held(connection, handle)
            if group.enterprise_id == enterprise_id:
                raise GroupNotToImport(f"{group.handle} is the enterprise's own group", handle=group.handle)
            with refusing(identity_group_import_enterprise_id_fkey=unknown_enterprise(enterprise_id)):
                done = await connection.execute(SQL["import_group"], enterprise_id, group.identity_group_id, at)
            if done != "INSERT 0 0":
                await _trace_import(connection, group, enterprise_id, "import", actor, at)
                await notify(connection, group.enterprise_id, "identity_group.imported", _import_of(group), at)
            return _shown_to(account, group)

    async def drop_import(self, account: Account, actor: Actor, enterprise_id: UUID, handle: str) -> None:
        """An enterprise wants to grant to a group no more. Raises ``GroupUnknown``, ``GroupGranted``."""
        require(account, Action.GROUP_EDIT, enterprise_id)
        async with transaction(self._pool) as connection:
            group = await _held(connection, handle)
            done = await connection.execute(SQL["drop_import"], enterprise_id, group.identity_group_id)
            if done == "DELETE 0":
                raise unknown_group(handle)
            if await connection.fetchval(SQL["any_grant_to_group"], enterprise_id, group.identity_group_id):
                raise GroupGranted(f"there are grants to {group.handle}: revoke them first", handle=group.handle)
            await _trace_import(connection, group, enterprise_id, "drop_import", actor, self._clock())

    async def importers(self, account: Account, handle: str) -> Sequence[Importer]:
        """Who may grant to a group, for its owner and the staff. Raises ``GroupUnknown``."""
        async with reading(self._pool) as connection:
            found = (await groups_of_handles(connection, [handle])).get(fold_handle(handle))
            require(account, Action.GROUP_READ, found.enterprise_id if found else account.enterprise_id)
            if found is None:
                raise unknown_group(handle)
            return await _importers(connection, found)


async def groups_of_handles(connection: Connection, handles: Iterable[str]) -> dict[str, IdentityGroup]:
    """Those of the handles that are groups, with their members, by ``fold_handle``."""
    return await _by_handle(connection, "find_groups", handles)


async def held_groups(connection: Connection, handles: Iterable[str]) -> dict[str, IdentityGroup]:
    """The same, and none of them is removed before the caller's transaction has ended."""
    return await _by_handle(connection, "hold_groups", handles)


def unknown_group(handle: str) -> GroupUnknown:
    """The error for a handle that is no group, or none that the caller knows of."""
    return GroupUnknown(f"{handle[:255]} is no identity group known here", handle=handle[:255])


async def _locked(connection: Connection, account: Account, handle: str) -> IdentityGroup:
    row = await connection.fetchrow(SQL["lock_group"], fold_handle(handle))
    require(account, Action.GROUP_EDIT, row["enterprise_id"] if row else account.enterprise_id)
    if row is None:
        raise unknown_group(handle)
    return (await _of_rows(connection, [row]))[0]


async def _held(connection: Connection, handle: str) -> IdentityGroup:
    found = await held_groups(connection, [handle])
    if not found:
        raise unknown_group(handle)
    return found[fold_handle(handle)]


async def _by_handle(connection: Connection, statement: str, handles: Iterable[str]) -> dict[str, IdentityGroup]:
    rows = await connection.fetch(SQL[statement], [fold_handle(handle) for handle in handles])
    return {row["handle_key"]: group for row, group in zip(rows, await _of_rows(connection, rows), strict=True)}


async def _with_members(connection: Connection, group: IdentityGroup, handles: Sequence[str]) -> IdentityGroup:
    if len(handles) > MOST_MEMBERS:
        raise GroupMemberForeign(f"a group has at most {MOST_MEMBERS} members", field="members")
    found = await identities_of_handles(connection, handles)
    for handle in handles:
        identity = found.get(fold_handle(handle))
        if identity is None:
            raise unknown_identity(handle)
        if identity.enterprise_id != group.enterprise_id:
            raise GroupMemberForeign(
                f"{identity.handle} is an identity of another enterprise", field="members", handle=identity.handle
            )
    await connection.execute(
        SQL["add_members"], group.identity_group_id, [identity.account_id for identity in found.values()]
    )
    return replace(group, members=tuple(found[key].handle for key in sorted(found)))


async def _of_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[IdentityGroup]:
    members: dict[int, list[str]] = {}
    if rows:
        numbers = [row["identity_group_id"] for row in rows]
        for row in await connection.fetch(SQL["members_of_groups"], numbers):
            members.setdefault(row["identity_group_id"], []).append(row["handle"])
    return [
        IdentityGroup(
            identity_group_id=row["identity_group_id"],
            enterprise_id=row["enterprise_id"],
            enterprise_name=row["enterprise_name"],
            handle=row["handle"],
            title=row["title"],
            members=tuple(members.get(row["identity_group_id"], ())),
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
        for row in rows
    ]


async def _importers(connection: Connection, group: IdentityGroup) -> list[Importer]:
    rows = await connection.fetch(SQL["importers_of_group"], group.identity_group_id)
    return [Importer(row["enterprise_id"], row["name"], row["imported_at"]) for row in rows]


def _shown_to(account: Account, group: IdentityGroup) -> IdentityGroup:
    return group if account.enterprise_id in (None, group.enterprise_id) else replace(group, members=())


def _parsed(handle: str) -> Identifier:
    try:
        identifier = Identifier.parse(handle)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix) as error:
        raise GroupHandleInvalid(error.detail, field="handle") from error
    if not _SUFFIX.fullmatch(identifier.suffix):
        raise GroupHandleInvalid(
            "the handle of a group is <prefix>/Group_ and 1 to 64 characters of A-Z, a-z, 0-9 . _ -", field="handle"
        )
    return identifier


async def _trace(
    connection: Connection,
    before: IdentityGroup | None,
    after: IdentityGroup | None,
    verb: str,
    actor: Actor,
    at: datetime,
) -> None:
    subject = after or before
    assert subject is not None, "an act is on something"
    act = Act(
        f"identity_group.{verb}",
        "identity_group",
        str(subject.identity_group_id),
        before=before.to_json() if before else None,
        after=after.to_json() if after else None,
    )
    await record_act(connection, actor, act, at)


async def _trace_import(
    connection: Connection, group: IdentityGroup, enterprise_id: UUID, verb: str, actor: Actor, at: datetime
) -> None:
    after = {"handle": group.handle, "importer": str(enterprise_id)}
    act = Act(f"identity_group.{verb}", "identity_group", str(group.identity_group_id), after=after)
    await record_act(connection, actor, act, at)


def _import_of(group: IdentityGroup) -> dict[str, str]:
    return {
        "title_zh": "标识用户组被引入",
        "title_en": "An identity group was imported",
        "detail_zh": f"另一企业引入了标识用户组{group.handle}，可以向其授权数据。",
        "detail_en": f"Another enterprise imported the group {group.handle} and may grant data to it.",
        "handle": group.handle,
    }


def _end_of(group: IdentityGroup) -> dict[str, str]:
    return {
        "title_zh": "标识用户组已删除",
        "title_en": "An identity group was removed",
        "detail_zh": f"{group.enterprise_name}删除了标识用户组{group.handle}，对它的授权同时结束。",
        "detail_en": f"The group {group.handle} was removed, and with it what was granted to it.",
        "handle": group.handle,
    }
