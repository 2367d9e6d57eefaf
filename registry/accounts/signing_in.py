"""Signing in: a token for a password, for the digest of one and a day, or for a secret key.

Five wrong passwords in a row lock an account for fifteen minutes (等保 GB/T 22239-2019 8.1.4.1 b). A wrong password,
an unknown name, a locked and a disabled account get one and the same answer at the same cost. Secret keys have 256
random bits that nobody guesses: a wrong one locks nothing, so that nobody can shut an application out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from node.database import Connection, Pool, transaction
from node.errors import Forbidden, Malformed, Unauthenticated
from node.journal import Act, Actor, Interface, record_act
from registry.accounts import tokens
from registry.accounts.access_keys import AccessKey, find_access_key
from registry.accounts.credentials import SQL as CREDENTIALS
from registry.accounts.credentials import Credentials
from registry.accounts.digests import inner_digest, is_of_these_days, read_digest
from registry.accounts.passwords import Passwords
from registry.accounts.stored import AccountState, StoredAccount, account_of_row, lock_account
from registry.accounts.tokens import IssuedToken, Token
from registry.store import SQL, reading, time_ordered_id

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)

FAILURES_ALLOWED = 5
LOCK = timedelta(minutes=15)


class SignInRefused(Unauthenticated):
    title_zh = "账号或口令错误，或账号已被暂时锁定"


class TokenLifeTooLong(Malformed):
    title_zh = "凭证有效期过长"


class DigestLoginOff(Forbidden):
    title_zh = "本节点未启用密文登录"


class SigningIn:
    """``longest_life`` is the life of a token that asks for none, and the most it may ask for."""

    def __init__(
        self, pool: Pool, clock: Clock, hashing: Passwords, longest_life: timedelta, credentials: Credentials
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._hashing = hashing
        self._longest_life = longest_life
        self._credentials = credentials

    async def by_password(
        self, name: str, password: str, *, life: timedelta | None, label: str, interface: Interface
    ) -> IssuedToken:
        """For an account's name and password, or an access key and its secret key.

        Raises ``SignInRefused``, ``TokenLifeTooLong``, ``TooManySignIns``.
        """
        life = self._longest_life if life is None else life
        if life > self._longest_life:
            raise TokenLifeTooLong(
                "the token would live longer than this node allows",
                field="hours",
                limit_hours=self._longest_life / timedelta(hours=1),
            )
        known, key = await self._known(name)
        if key is not None:
            if not key.is_proved_by(password):
                raise _refused()
        elif not await self.proves(known, password):
            raise _refused()
        issued = await self._issue(known, key, life, label, interface)
        if key is None and known is not None and self._credentials.digest_login is (known.verifier is None):
            await self._keep_verifier(known, password)
        return issued

    async def by_day_digest(self, name: str, digest: str, *, interface: Interface) -> IssuedToken:
        """For the digest of a password (or secret key) and of yesterday, today or tomorrow in China.

        Raises ``DigestLoginOff``, ``SignInRefused``.
        """
        if not self._credentials.digest_login:
            raise DigestLoginOff("this node does not accept the ciphered login; sign in with the password itself")
        at = self._clock()
        known, key = await self._known(name)
        owner, verifier = "", None
        if key is not None:
            owner, verifier = key.access_key, key.verifier
        elif known is not None and _usable(known, at):
            owner, verifier = str(known.account.account_id), known.verifier
        presented = read_digest(digest) or ""
        if verifier is None or not is_of_these_days(self._credentials.inner_of(owner, verifier), presented, at):
            if key is None and known is not None and _usable(known, at):
                await self._count_failure(known, at)
            raise _refused()
        return await self._issue(known, key, self._longest_life, "", interface)

    async def proves(self, known: StoredAccount | None, password: str) -> bool:
        """Whether the password is right and the account open to it; a wrong one is counted."""
        at = self._clock()
        usable = known is not None and _usable(known, at)
        presented = known.password_form.presented(password) if known is not None else password
        if await self._hashing.verify(known.password_hash if usable and known else None, presented):
            return True
        if known is not None and usable:
            await self._count_failure(known, at)
        return False

    async def _known(self, name: str) -> tuple[StoredAccount | None, AccessKey | None]:
        """The account of that name; or the access key of that name with its account."""
        async with reading(self._pool) as connection:
            key = await find_access_key(connection, name)
            if key is not None:
                row = await connection.fetchrow(SQL["find_account"], key.account_id)
            else:
                row = await connection.fetchrow(SQL["find_account_by_name"], name)
        return account_of_row(row) if row else None, key

    async def _issue(
        self, known: StoredAccount | None, key: AccessKey | None, life: timedelta, label: str, interface: Interface
    ) -> IssuedToken:
        if known is None:
            raise _refused()
        at = self._clock()
        async with transaction(self._pool) as connection:
            # The account may have been locked or changed while the password was being checked.
            now = await lock_account(connection, known.account.account_id)
            changed = key is None and (now.locked(at) or now.password_hash != known.password_hash)
            if changed or now.state is not AccountState.ACTIVE:
                raise _refused()
            if key is None:
                await connection.execute(SQL["forget_failures"], known.account.account_id)
            proof = {} if key is None else {"access_key": key.access_key}
            return await issue_token(
                connection, known.account.account_id, life, label=label, interface=interface, proof=proof, at=at
            )

    async def _keep_verifier(self, known: StoredAccount, password: str) -> None:
        """The operator has turned the ciphered login on or off since the password was set."""
        account_id = known.account.account_id
        verifier = self._credentials.verifier(str(account_id), inner_digest(password))
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, account_id)
            if now.password_hash == known.password_hash:
                await connection.execute(CREDENTIALS["set_verifier"], account_id, verifier)

    async def _count_failure(self, known: StoredAccount, at: datetime) -> None:
        account_id = known.account.account_id
        async with transaction(self._pool) as connection:
            until = await connection.fetchval(SQL["count_failure"], account_id, at, FAILURES_ALLOWED, at + LOCK)
            if until is None or until <= at:
                return
            after = {**known.to_json(), "locked_until": until}
            act = Act("account.lock", "account", str(account_id), before=known.to_json(), after=after)
            await record_act(connection, Actor(None, Interface.V1), act, at)
        log.warning("account_locked", account=known.account.name, until=until.isoformat())


async def issue_token(
    connection: Connection,
    account_id: UUID,
    life: timedelta,
    *,
    label: str,
    interface: Interface,
    proof: Mapping[str, Any],
    at: datetime,
) -> IssuedToken:
    """A token for somebody who has proved who they are, inside the caller's transaction; history keeps ``proof``."""
    secret = tokens.new_secret()
    token = Token(time_ordered_id(at), account_id, label, at, at + life, revoked_at=None)
    await connection.execute(
        SQL["add_token"], token.token_id, account_id, label, tokens.secret_hash(secret), at, token.expires_at
    )
    act = Act("token.create", "token", str(token.token_id), after={**token.to_json(), **proof})
    await record_act(connection, Actor(account_id, interface), act, at)
    return IssuedToken(token, tokens.token_text(token.token_id, secret))


def _usable(known: StoredAccount, at: datetime) -> bool:
    return known.state is AccountState.ACTIVE and not known.locked(at)


def _refused() -> SignInRefused:
    return SignInRefused(
        "name or password is wrong, or the account is closed: five wrong passwords close it for fifteen minutes"
    )
