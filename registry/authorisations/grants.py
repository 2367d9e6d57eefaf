"""Grants of data (数据授权): who besides its owner reads or writes identifiers.

A grant is about a class (an enterprise's identifiers of one template name, some attributes or all), or about one
identifier that has a scope of its own. It is given to an application identity of the own enterprise, or to a group:
one's own, or one imported from another enterprise. Those granted are told; so are those from whom it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.identifier import Identifier
from node.journal import Act, Actor, record_act
from registry.authorisations.application_identities import SQL, fold_handle, identities_of_handles
from registry.authorisations.groups import held_groups
from registry.authorisations.scopes import EVERY, IdentifierFollowsClass, check_class, owned_identifier
from registry.authorisations.told import tell_of_grant
from registry.enterprises import unknown_enterprise
from registry.prefix_grant import PrefixGrant
from registry.prefixes import readable_prefix
from registry.store import reading, refusing

Clock = Callable[[], datetime]

MOST_GRANTEES = 200
"""Of one request."""


class Access(StrEnum):
    """Whoever may write also reads."""

    READ = "read"
    WRITE = "write"


class GranteeUnknown(NotFound):
    title_zh = "授权对象不是应用身份或标识用户组"


class GranteeForeign(Conflict):
    """Another enterprise's identity, or a group that was not imported. Evidence: ``handle``."""

    title_zh = "其他企业只能通过引入的标识用户组授权"


class TooManyGrantees(Malformed):
    title_zh = "一次授权的对象过多"


@dataclass(frozen=True, slots=True)
class ClassOfData:
    """An enterprise's identifiers of one template name; ``attributes`` empty: all of them, also later ones."""

    enterprise_id: UUID
    template: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OneIdentifier:
    """An identifier, with its prefix held by the transaction."""

    grant: PrefixGrant
    identifier: Identifier

    @property
    def text(self) -> str:
        return f"{self.grant.prefix.key}/{self.identifier.suffix}"


Subject = ClassOfData | OneIdentifier


@dataclass(frozen=True, slots=True)
class DataGrant:
    """``template`` with ``attribute`` (``None``: all), or ``prefix`` and ``suffix_key``; ``grantee`` is a handle."""

    data_grant_id: int
    enterprise_id: UUID
    template: str | None
    attribute: str | None
    prefix: str | None
    suffix_key: str | None
    access: Access
    grantee: str
    created_at: datetime


class _Grantee(NamedTuple):
    """Whom a handle means; one of ``account_id`` and ``group_id`` is set."""

    handle: str
    enterprise_id: UUID
    account_id: UUID | None
    group_id: int | None


class DataGrants:
    """The use cases. Besides what they name, all raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def grant(
        self,
        account: Account,
        actor: Actor,
        about: ClassOfData | Identifier,
        access: Access,
        grantees: Sequence[str],
    ) -> None:
        """Let identities and groups read or write; what is granted already stays so.

        Raises ``ClassInvalid``, ``GranteeUnknown``, ``GranteeForeign``, ``TooManyGrantees``, ``EnterpriseUnknown``,
        ``PrefixUnknown``, ``IdentifierUnknown``, ``IdentifierFollowsClass``.
        """
        async with transaction(self._pool) as connection:
            subject = await _subject(connection, account, about)
            await grant(connection, actor, subject, access, grantees, self._clock())

    async def revoke(
        self,
        account: Account,
        actor: Actor,
        about: ClassOfData | Identifier,
        access: Access,
        grantees: Sequence[str],
    ) -> None:
        """Take it back; what is not granted is left out. Raises as ``grant``, but asks for no import."""
        async with transaction(self._pool) as connection:
            subject = await _subject(connection, account, about)
            await revoke(connection, actor, subject, access, grantees, self._clock())

    async def given(
        self,
        account: Account,
        *,
        enterprise_id: UUID | None = None,
        about: str | Identifier | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> Sequence[DataGrant]:
        """What an enterprise has granted, by number, after one: all, of a template's name, or of an identifier.

        An enterprise's account sees its own. Raises ``PrefixUnknown``.
        """
        owner = enterprise_id or account.enterprise_id
        require(account, Action.GRANT_READ, owner)
        async with reading(self._pool) as connection:
            if isinstance(about, Identifier):
                prefix = await readable_prefix(connection, account, Action.GRANT_READ, about.prefix)
                return await grants_of(connection, OneIdentifier(prefix, about), after=after, limit=limit)
            rows = await connection.fetch(SQL["list_grants"], after, owner, about, None, None, limit)
        return [_of_row(row) for row in rows]

    async def received(
        self, account: Account, *, enterprise_id: UUID | None = None, after: int = 0, limit: int = 50
    ) -> Sequence[DataGrant]:
        """What was granted to the identities and groups of an enterprise, by number, after one."""
        owner = enterprise_id or account.enterprise_id
        require(account, Action.GRANT_READ, owner)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_grants_to"], after, owner, limit)
        return [_of_row(row) for row in rows]


async def grants_of(
    connection: Connection, subject: Subject, *, after: int = 0, limit: int = 1000
) -> list[DataGrant]:
    """The grants of a class, whatever attributes, or of an identifier; by number, after one."""
    if isinstance(subject, ClassOfData):
        about: tuple[Any, ...] = (subject.enterprise_id, subject.template, None, None)
    else:
        about = (subject.grant.enterprise_id, None, subject.grant.prefix_id, subject.identifier.key)
    rows = await connection.fetch(SQL["list_grants"], after, *about, limit)
    return [_of_row(row) for row in rows]


async def grant(
    connection: Connection, actor: Actor, subject: Subject, access: Access, grantees: Sequence[str], at: datetime
) -> None:
    """``DataGrants.grant`` inside the caller's transaction, for one who may."""
    owner = _owner(subject)
    if isinstance(subject, ClassOfData):
        check_class(subject.template, subject.attributes)
    else:
        await _check_own_scope(connection, subject)
    found = await _grantees(connection, grantees)
    await _check_within_reach(connection, owner, found)
    await _change(connection, actor, subject, access, found, at, granted=True)


async def revoke(
    connection: Connection, actor: Actor, subject: Subject, access: Access, grantees: Sequence[str], at: datetime
) -> None:
    """``DataGrants.revoke`` inside the caller's transaction, for one who may."""
    if isinstance(subject, ClassOfData):
        check_class(subject.template, subject.attributes)
    found = await _grantees(connection, grantees)
    await _change(connection, actor, subject, access, found, at, granted=False)


async def _change(
    connection: Connection,
    actor: Actor,
    subject: Subject,
    access: Access,
    grantees: Sequence[_Grantee],
    at: datetime,
    *,
    granted: bool,
) -> None:
    changed: dict[str, list[str]] = {}
    for grantee in grantees:
        for attribute, columns in _columns_of(subject):
            keys = (*columns, access, grantee.account_id, grantee.group_id)
            if granted:
                with refusing(data_grant_enterprise_id_fkey=unknown_enterprise(_owner(subject))):
                    done = await connection.fetchval(SQL["add_grant"], *keys, at)
            else:
                done = await connection.fetchval(SQL["drop_grant"], *keys)
            if done is not None:
                changed.setdefault(grantee.handle, []).extend([attribute] if attribute else [])
    if not changed:
        return
    await _trace(connection, actor, subject, access, changed, at, granted=granted)
    kind = "class" if isinstance(subject, ClassOfData) else "identifier"
    owner = await connection.fetchval(SQL["name_of_enterprise"], _owner(subject))
    for grantee in grantees:
        if grantee.handle in changed:
            await tell_of_grant(
                connection,
                to=grantee.enterprise_id,
                account_id=grantee.account_id,
                grantee=grantee.handle,
                owner=owner,
                kind=kind,
                subject=_text(subject),
                attributes=changed[grantee.handle],
                access=access,
                granted=granted,
                at=at,
            )


async def _subject(connection: Connection, account: Account, about: ClassOfData | Identifier) -> Subject:
    if isinstance(about, ClassOfData):
        require(account, Action.GRANT_EDIT, about.enterprise_id)
        return about
    return OneIdentifier(await owned_identifier(connection, account, Action.GRANT_EDIT, about), about)


async def _check_own_scope(connection: Connection, subject: OneIdentifier) -> None:
    row = await connection.fetchrow(SQL["hold_identifier_scope"], subject.grant.prefix_id, subject.identifier.key)
    if row is None:
        raise IdentifierFollowsClass(
            f"{subject.text} follows its class: give it a scope of its own first", identifier=subject.text
        )


async def _grantees(connection: Connection, handles: Sequence[str]) -> list[_Grantee]:
    """Whom the handles mean, each once. Raises ``GranteeUnknown``, ``TooManyGrantees``."""
    if len(handles) > MOST_GRANTEES:
        raise TooManyGrantees(f"one request names at most {MOST_GRANTEES} grantees", limit=MOST_GRANTEES)
    identities = await identities_of_handles(connection, handles)
    groups = await held_groups(connection, handles)
    found: dict[str, _Grantee] = {}
    for handle in handles:
        key = fold_handle(handle)
        if key in identities:
            one = identities[key]
            found[key] = _Grantee(one.handle, one.enterprise_id, one.account_id, None)
        elif key in groups:
            group = groups[key]
            found[key] = _Grantee(group.handle, group.enterprise_id, None, group.identity_group_id)
        else:
            shown = handle[:255]
            raise GranteeUnknown(f"{shown} is neither an application identity nor a group", handle=shown)
    return list(found.values())


async def _check_within_reach(connection: Connection, owner: UUID, grantees: Sequence[_Grantee]) -> None:
    foreign = [one for one in grantees if one.enterprise_id != owner]
    groups = [one.group_id for one in foreign if one.group_id is not None]
    imported = {row["identity_group_id"] for row in await connection.fetch(SQL["imported"], owner, groups)}
    for one in foreign:
        if one.group_id not in imported:
            raise GranteeForeign(
                f"{one.handle} belongs to another enterprise: grant to a group of theirs that you have imported",
                handle=one.handle,
            )


def _columns_of(subject: Subject) -> list[tuple[str | None, tuple[Any, ...]]]:
    """The attribute and what is before ``access`` in the rows that a grant of the subject has."""
    if isinstance(subject, OneIdentifier):
        grant = subject.grant
        return [(None, (grant.enterprise_id, None, None, grant.prefix_id, subject.identifier.key))]
    named = [None if attribute == EVERY else attribute for attribute in dict.fromkeys(subject.attributes)] or [None]
    return [(attribute, (subject.enterprise_id, subject.template, attribute, None, None)) for attribute in named]


def _owner(subject: Subject) -> UUID:
    return subject.enterprise_id if isinstance(subject, ClassOfData) else subject.grant.enterprise_id


def _text(subject: Subject) -> str:
    return subject.template if isinstance(subject, ClassOfData) else subject.text


async def _trace(
    connection: Connection,
    actor: Actor,
    subject: Subject,
    access: Access,
    changed: Mapping[str, Sequence[str]],
    at: datetime,
    *,
    granted: bool,
) -> None:
    kind = "template" if isinstance(subject, ClassOfData) else "identifier"
    said = {
        kind: _text(subject),
        "access": str(access),
        "grantees": {handle: list(changed[handle]) for handle in changed},
    }
    verb = "grant" if granted else "revoke"
    act = Act(f"authorisation.{verb}", "authorisation", str(_owner(subject)), after=said)
    await record_act(connection, actor, act, at)


def _of_row(row: Mapping[str, Any]) -> DataGrant:
    return DataGrant(
        data_grant_id=row["data_grant_id"],
        enterprise_id=row["enterprise_id"],
        template=row["template_name"],
        attribute=row["attribute"],
        prefix=row["prefix"],
        suffix_key=row["suffix_key"],
        access=Access(row["access"]),
        grantee=row["grantee"],
        created_at=row["created_at"],
    )
