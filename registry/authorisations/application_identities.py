"""Application identities (应用身份): accounts of applications, known by a handle such as ``88.101.2001/App_mes``.

An identity belongs to the enterprise whose prefix its handle lies under. It signs in by a password, if it was given
one, or by an RSA key where an interface offers that; of the key the node has the public half only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from node.auth import Account, Action, Role, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Malformed, NotFound
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.accounts.password_policy import DENGBAO, PasswordPolicy
from registry.accounts.passwords import Passwords
from registry.accounts.stored import AccountState
from registry.prefix_grant import PrefixGrant
from registry.prefixes import check_enabled, held_prefix
from registry.store import reading, refusing, time_ordered_id

SQL = statements_beside(__file__, "authorisations.sql")
Clock = Callable[[], datetime]

LEAST_BITS, MOST_BITS = 2048, 8192
_MOST_PEM = 8192
_SUFFIX = re.compile(r"App_[A-Za-z0-9._-]{1,32}")
_MOST_NAME = 64  # of an account


class IdentityUnknown(NotFound):
    title_zh = "应用身份不存在"


class IdentityHandleTaken(Conflict):
    title_zh = "应用身份标识已被使用"


class IdentityHandleInvalid(Malformed):
    title_zh = "应用身份标识有误"


class IdentityKeyInvalid(Malformed):
    title_zh = "应用身份公钥有误"


@dataclass(frozen=True, slots=True)
class ApplicationIdentity:
    """``name`` is the account's, by which it signs in; ``public_key`` is PEM (SubjectPublicKeyInfo) or ``None``."""

    account_id: UUID
    name: str
    handle: str
    enterprise_id: UUID
    enterprise_name: str
    title: str
    public_key: str | None
    state: AccountState
    created_at: datetime
    updated_at: datetime

    @property
    def account(self) -> Account:
        """Who acts when it acts."""
        return Account(self.account_id, self.name, Role.APPLICATION, self.enterprise_id)

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "name": self.name,
            "handle": self.handle,
            "enterprise_id": str(self.enterprise_id),
            "title": self.title,
            "public_key": self.public_key,
            "state": str(self.state),
        }


class ApplicationIdentities:
    """The use cases. Besides what they name, all raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock, hashing: Passwords, policy: PasswordPolicy = DENGBAO) -> None:
        self._pool = pool
        self._clock = clock
        self._hashing = hashing
        self._policy = policy

    async def create(
        self,
        account: Account,
        actor: Actor,
        handle: str,
        *,
        title: str = "",
        public_key: str | None = None,
        password: str | None = None,
    ) -> ApplicationIdentity:
        """A new account with the role application, of the enterprise whose enabled prefix the handle lies under.

        Raises ``IdentityHandleInvalid``, ``IdentityHandleTaken``, ``IdentityKeyInvalid``, ``PasswordTooWeak``,
        ``TooManySignIns``, ``PrefixUnknown``, ``PrefixNotEnabled``.
        """
        identifier = _parsed(handle)
        name = f"{identifier.prefix.key}.{identifier.suffix}"
        key = read_public_key(public_key) if public_key is not None else None
        if password is not None:
            self._policy.check(password, name)
        hashed = await self._hashing.hash(password) if password is not None else None
        at = self._clock()
        async with transaction(self._pool) as connection:
            grant = await owned_prefix(connection, account, Action.IDENTITY_EDIT, identifier)
            made = ApplicationIdentity(
                account_id=time_ordered_id(at),
                name=name,
                handle=f"{grant.prefix.key}/{identifier.suffix}",
                enterprise_id=grant.enterprise_id,
                enterprise_name=grant.enterprise_name,
                title=title,
                public_key=key,
                state=AccountState.ACTIVE,
                created_at=at,
                updated_at=at,
            )
            taken = IdentityHandleTaken(f"{made.handle} is an application identity already", handle=made.handle)
            with refusing(application_identity_handle_unique=taken, account_name_unique=taken):
                await connection.execute(
                    SQL["add_identity"], made.account_id, name, made.enterprise_id, hashed, at, made.handle,
                    identifier_key(identifier), title, key,
                )  # fmt: skip
            await _trace(connection, None, made, "create", actor, at)
            return made

    async def get(self, account: Account, handle: str) -> ApplicationIdentity:
        """One identity. Raises ``IdentityUnknown``."""
        async with reading(self._pool) as connection:
            found = await identity_of_handle(connection, handle)
        require(account, Action.IDENTITY_READ, found.enterprise_id if found else account.enterprise_id)
        if found is None:
            raise unknown_identity(handle)
        return found

    async def list(
        self, account: Account, *, enterprise_id: UUID | None = None, after: str = "", limit: int = 50
    ) -> Sequence[ApplicationIdentity]:
        """By handle in upper case, after one; an enterprise's account sees its own."""
        owner = enterprise_id or account.enterprise_id
        require(account, Action.IDENTITY_READ, owner)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_identities"], owner, after, limit)
        return [_of_row(row) for row in rows]

    async def change(
        self, account: Account, actor: Actor, handle: str, *, title: str, public_key: str | None
    ) -> ApplicationIdentity:
        """Another title, another key or none. Raises ``IdentityUnknown``, ``IdentityKeyInvalid``."""
        key = read_public_key(public_key) if public_key is not None else None
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, handle)
            if (before.title, before.public_key) == (title, key):
                return before
            after = replace(before, title=title, public_key=key, updated_at=at)
            await connection.execute(SQL["change_identity"], before.account_id, title, key, at)
            await _trace(connection, before, after, "change", actor, at)
            return after

    async def turn(self, account: Account, actor: Actor, handle: str, state: AccountState) -> ApplicationIdentity:
        """Disable: its tokens and its key work no more; or enable again. Raises ``IdentityUnknown``."""
        at = self._clock()
        async with transaction(self._pool) as connection:
            before = await _locked(connection, account, handle)
            if before.state is state:
                return before
            after = replace(before, state=state)
            await connection.execute(SQL["turn_identity"], before.account_id, state, at)
            verb = "enable" if state is AccountState.ACTIVE else "disable"
            await _trace(connection, before, after, verb, actor, at)
            return after


async def identity_of_handle(connection: Connection, handle: str) -> ApplicationIdentity | None:
    """The identity with this handle, whatever its state; ``None`` for anything else."""
    found = await identities_of_handles(connection, [handle])
    return found.get(fold_handle(handle))


async def identities_of_handles(connection: Connection, handles: Iterable[str]) -> dict[str, ApplicationIdentity]:
    """Those of the handles that are identities, by ``fold_handle``."""
    rows = await connection.fetch(SQL["find_identities"], [fold_handle(handle) for handle in handles])
    return {row["handle_key"]: _of_row(row) for row in rows}


async def handles_of_accounts(connection: Connection, account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What accounts are called as application identities; those that are none are left out."""
    rows = await connection.fetch(SQL["handles_of_accounts"], list(account_ids))
    return {row["account_id"]: row["handle"] for row in rows}


def read_public_key(text: str) -> str:
    """An RSA public key of 2,048 to 8,192 bits in PEM, as SubjectPublicKeyInfo. Raises ``IdentityKeyInvalid``."""
    if len(text) > _MOST_PEM:
        raise IdentityKeyInvalid(f"a key in PEM has at most {_MOST_PEM} characters", field="public_key")
    if "PRIVATE KEY" in text:
        raise IdentityKeyInvalid("this is a private key: send the public one, and replace both", field="public_key")
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IdentityKeyInvalid("this is no public key in PEM", field="public_key") from error
    if not isinstance(key, RSAPublicKey) or not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise IdentityKeyInvalid(f"an RSA key of {LEAST_BITS} to {MOST_BITS} bits is needed", field="public_key")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fold_handle(handle: str) -> str:
    """The form in which two handles of identities or groups are the same; text that is none stays as it is."""
    try:
        return identifier_key(Identifier.parse(handle))
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        return handle


def identifier_key(identifier: Identifier) -> str:
    """Prefix and suffix as they are compared, with the slash between."""
    return f"{identifier.prefix.key}/{identifier.key}"


def unknown_identity(handle: str) -> IdentityUnknown:
    """The error for a handle that is no application identity."""
    return IdentityUnknown(f"{handle[:255]} is no application identity", handle=handle[:255])


async def owned_prefix(
    connection: Connection, account: Account, action: Action, identifier: Identifier
) -> PrefixGrant:
    """The enabled prefix of an identity or group, held. Raises ``PrefixUnknown``, ``NotAllowed``, ``…NotEnabled``."""
    grant = await held_prefix(connection, identifier.prefix)
    require(account, action, grant.enterprise_id)
    check_enabled(grant)
    return grant


def _parsed(handle: str) -> Identifier:
    try:
        identifier = Identifier.parse(handle)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix) as error:
        raise IdentityHandleInvalid(error.detail, field="handle") from error
    if not _SUFFIX.fullmatch(identifier.suffix) or len(identifier.text) > _MOST_NAME:
        raise IdentityHandleInvalid(
            "the handle of an application identity is <prefix>/App_ and 1 to 32 characters of A-Z, a-z, 0-9 . _ -, "
            f"{_MOST_NAME} characters in all at most",
            field="handle",
        )
    return identifier


async def _locked(connection: Connection, account: Account, handle: str) -> ApplicationIdentity:
    row = await connection.fetchrow(SQL["lock_identity"], fold_handle(handle))
    require(account, Action.IDENTITY_EDIT, row["enterprise_id"] if row else account.enterprise_id)
    if row is None:
        raise unknown_identity(handle)
    return _of_row(row)


def _of_row(row: Mapping[str, Any]) -> ApplicationIdentity:
    return ApplicationIdentity(
        account_id=row["account_id"],
        name=row["name"],
        handle=row["handle"],
        enterprise_id=row["enterprise_id"],
        enterprise_name=row["enterprise_name"],
        title=row["title"],
        public_key=row["public_key"],
        state=AccountState(row["state"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def _trace(
    connection: Connection,
    before: ApplicationIdentity | None,
    after: ApplicationIdentity,
    verb: str,
    actor: Actor,
    at: datetime,
) -> None:
    act = Act(
        f"identity.{verb}",
        "application_identity",
        str(after.account_id),
        before=before.to_json() if before else None,
        after=after.to_json(),
    )
    await record_act(connection, actor, act, at)
