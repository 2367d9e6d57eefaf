"""AccessKey and SecretKey: a pair by which an application signs in as an account without knowing its password.

The access key is a name (``AK`` and 24 letters and digits), the secret key 32 random bytes, shown once. Of the latter
only SHA-256 digests are kept: 256 random bits need no slow hash. A pair works until it is revoked or its account is
disabled; a change of the account's password does not touch it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from node.auth import Account, Action, NotAllowed, Role, may_ever
from node.database import Connection, Pool, transaction
from node.errors import Conflict, NotFound
from node.journal import Act, Actor, record_act
from registry.accounts import tokens
from registry.accounts.credentials import SQL as CREDENTIALS
from registry.accounts.credentials import Credentials
from registry.accounts.digests import inner_digest
from registry.accounts.stored import lock_account
from registry.store import reading

Clock = Callable[[], datetime]

MOST_KEYS = 20
_NAME_BYTES = 15  # 24 letters and digits in base 32


class AccessKeyUnknown(NotFound):
    title_zh = "访问密钥不存在"


class TooManyAccessKeys(Conflict):
    title_zh = "访问密钥过多"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A pair as stored; its secret key is not known any more."""

    access_key: str
    account_id: UUID
    label: str
    created_at: datetime
    revoked_at: datetime | None
    secret_hash: bytes = field(repr=False)
    verifier: bytes | None = field(repr=False)

    def is_proved_by(self, secret: str) -> bool:
        return hmac.compare_digest(self.secret_hash, _hash(self.access_key, secret))

    def to_json(self) -> dict[str, Any]:
        """What history keeps of it."""
        return {
            "account_id": str(self.account_id),
            "label": self.label,
            "revoked_at": self.revoked_at.isoformat() if self.revoked_at else None,
        }


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A pair at the only moment when its secret key is known."""

    key: AccessKey
    secret: str = field(repr=False)


class AccessKeys:
    """The use cases. Besides what they name, all raise ``NotAllowed``, ``AccountUnknown`` and ``DatabaseAway``."""

    def __init__(
        self, pool: Pool, clock: Clock, credentials: Credentials, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._credentials = credentials
        self._random = random

    async def create(self, account: Account, actor: Actor, account_id: UUID, label: str) -> IssuedKey:
        """A new pair for oneself, or as administrator for anybody. Raises ``TooManyAccessKeys``."""
        _permit(account, Action.ACCESS_KEY_CREATE, account_id)
        at = self._clock()
        secret = tokens.new_secret(self._random)
        name = "AK" + base64.b32encode(self._random(_NAME_BYTES)).decode()
        verifier = self._credentials.verifier(name, inner_digest(secret))
        key = AccessKey(name, account_id, label, at, None, _hash(name, secret), verifier)
        async with transaction(self._pool) as connection:
            await lock_account(connection, account_id)
            standing = await _of_account(connection, account_id)
            if sum(other.revoked_at is None for other in standing) >= MOST_KEYS:
                raise TooManyAccessKeys(
                    f"an account has at most {MOST_KEYS} access keys: revoke one", limit=MOST_KEYS
                )
            await connection.execute(
                CREDENTIALS["add_access_key"], name, account_id, label, key.secret_hash, verifier, at
            )
            act = Act(Action.ACCESS_KEY_CREATE, "access_key", name, after=key.to_json())
            await record_act(connection, actor, act, at)
        return IssuedKey(key, secret)

    async def list(self, account: Account, account_id: UUID) -> list[AccessKey]:
        """The pairs of an account, oldest first, revoked ones too."""
        _permit(account, Action.ACCESS_KEY_READ, account_id)
        async with reading(self._pool) as connection:
            return await _of_account(connection, account_id)

    async def revoke(self, account: Account, actor: Actor, account_id: UUID, access_key: str) -> None:
        """End a pair for ever; tokens that were got by it live on. Raises ``AccessKeyUnknown``."""
        _permit(account, Action.ACCESS_KEY_REVOKE, account_id)
        at = self._clock()
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(CREDENTIALS["lock_access_key"], access_key)
            before = _of_row(row) if row else None
            if before is None or before.account_id != account_id:
                raise AccessKeyUnknown(f"the account has no access key {access_key}", access_key=access_key)
            if before.revoked_at is not None:
                return
            await connection.execute(CREDENTIALS["revoke_access_key"], access_key, at)
            after = replace(before, revoked_at=at).to_json()
            act = Act(Action.ACCESS_KEY_REVOKE, "access_key", access_key, before=before.to_json(), after=after)
            await record_act(connection, actor, act, at)


async def find_access_key(connection: Connection, name: str) -> AccessKey | None:
    """The pair of that name, unless it is revoked."""
    row = await connection.fetchrow(CREDENTIALS["find_access_key"], name)
    found = _of_row(row) if row else None
    return found if found is not None and found.revoked_at is None else None


async def _of_account(connection: Connection, account_id: UUID) -> list[AccessKey]:
    return [_of_row(row) for row in await connection.fetch(CREDENTIALS["list_access_keys"], account_id)]


def _permit(account: Account, action: Action, account_id: UUID) -> None:
    if not may_ever(account, action) or (account.account_id != account_id and account.role is not Role.ADMINISTRATOR):
        raise NotAllowed(f"{account.role} may not do {action} here", action=str(action), role=str(account.role))


def _hash(name: str, secret: str) -> bytes:
    return hashlib.sha256(f"{name}:{secret}".encode()).digest()


def _of_row(row: Mapping[str, Any]) -> AccessKey:
    return AccessKey(
        access_key=row["access_key"],
        account_id=row["account_id"],
        label=row["label"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        secret_hash=row["secret_hash"],
        verifier=row["verifier"],
    )
