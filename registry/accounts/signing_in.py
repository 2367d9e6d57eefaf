"""Signing in: a token for a password, for the digest of one and a day, or for a secret key.

A wrong password, an unknown name, a locked and a disabled account get one and the same answer at the same cost
(``locking.py`` says when an account is locked). Whoever proved the password has to give the code of the second factor
if the account has one, and a new password if its life is over. Applications and access keys are programs: nobody asks
them for either. Secret keys have 256 random bits that nobody guesses: a wrong one locks nothing, so that nobody can
shut an application out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.auth import Action, NotAllowed, Role, may_ever
from node.database import Connection, Pool, transaction
from node.errors import Forbidden, Malformed, Unauthenticated
from node.journal import Act, Actor, Interface, record_act
from registry.accounts import tokens
from registry.accounts.access_keys import AccessKey, find_access_key
from registry.accounts.changing_password import PasswordChange
from registry.accounts.credentials import SQL as CREDENTIALS
from registry.accounts.credentials import Credential, Credentials
from registry.accounts.digests import inner_digest, is_of_these_days, read_digest
from registry.accounts.locking import count_failure
from registry.accounts.passwords import Passwords
from registry.accounts.rules import AccountRules
from registry.accounts.second_factor import SecondFactors, SecondFactorWrong
from registry.accounts.stored import AccountState, StoredAccount, account_of_row, lock_account
from registry.accounts.tokens import IssuedToken, Token
from registry.store import SQL, reading, time_ordered_id

Clock = Callable[[], datetime]


class SignInRefused(Unauthenticated):
    title_zh = "账号或口令错误，或账号已被暂时锁定"


class SecondFactorNeeded(Unauthenticated):
    """The password is right; the code is missing."""

    title_zh = "需要动态验证码"


class SecondFactorDemanded(Forbidden):
    """The node demands a second factor of its staff, and the account has none yet."""

    title_zh = "须先启用动态验证码"


class PasswordExpired(Unauthenticated):
    """The password is right, and its life is over."""

    title_zh = "口令已过期，请修改口令"


class TokenLifeTooLong(Malformed):
    title_zh = "凭证有效期过长"


class DigestLoginOff(Forbidden):
    title_zh = "本节点未启用密文登录"


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody brings besides the name; ``new_password`` is to take the place of the other."""

    password: str = field(repr=False)
    code: str = field(default="", repr=False)
    new_password: str | None = field(default=None, repr=False)


class SigningIn:
    """``longest_life`` is the life of a token that asks for none, and the most it may ask for."""

    def __init__(
        self, pool: Pool, clock: Clock, hashing: Passwords, longest_life: timedelta, credentials: Credentials,
        rules: AccountRules, second_factors: SecondFactors, change: PasswordChange,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._clock = clock
        self._hashing = hashing
        self._longest_life = longest_life
        self._credentials = credentials
        self._rules = rules
        self._second_factors = second_factors
        self._change = change

    async def by_password(
        self, name: str, proof: Proof, *, life: timedelta | None, label: str, interface: Interface
    ) -> IssuedToken:
        """For an account's name and password, or an access key and its secret key.

        Raises ``SignInRefused``, ``TokenLifeTooLong``, ``TooManySignIns``; where an account's password is not all
        that is asked for, ``SecondFactorNeeded``, ``SecondFactorWrong``, ``SecondFactorDemanded``,
        ``PasswordExpired``; for a new password, ``PasswordTooWeak``.
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
            if not key.is_proved_by(proof.password):
                raise refused()
        elif not await self.proves(known, proof.password):
            raise refused()
        issued = await self._issue(known, key, proof, life, label, interface)
        if key is None and known is not None:
            await self.keep_verifier(known, proof.password)
        return issued

    async def by_day_digest(self, name: str, digest: str, *, interface: Interface) -> IssuedToken:
        """For the digest of a password (or secret key) and of yesterday, today or tomorrow in China.

        Raises ``DigestLoginOff``, ``SignInRefused``; where a password is not all that is asked for,
        ``SecondFactorNeeded``, ``SecondFactorDemanded``, ``PasswordExpired``.
        """
        if not self._credentials.digest_login:
            raise DigestLoginOff("this node does not accept the ciphered login; sign in with the password itself")
        at = self._clock()
        known, key = await self._known(name)
        owner, verifier = "", None
        if key is not None:
            owner, verifier = key.access_key, key.verifier
        elif known is not None and is_open(known, at):
            owner, verifier = str(known.account.account_id), known.verifier
        presented = read_digest(digest) or ""
        if verifier is None or not is_of_these_days(self._credentials.inner_of(owner, verifier), presented, at):
            if key is None and known is not None and is_open(known, at):
                await count_failure(self._pool, known, at)
            raise refused()
        return await self._issue(known, key, Proof(""), self._longest_life, "", interface)

    async def proves(self, known: StoredAccount | None, password: str) -> bool:
        """Whether the password is right and the account open to it; a wrong one is counted."""
        at = self._clock()
        usable = known is not None and is_open(known, at)
        presented = known.password_form.presented(password) if known is not None else password
        if await self._hashing.verify(known.password_hash if usable and known else None, presented):
            return True
        if known is not None and usable:
            await count_failure(self._pool, known, at)
        return False

    async def keep_verifier(self, known: StoredAccount, password: str) -> None:
        """Where the operator has turned the ciphered login on or off since the password was set."""
        if self._credentials.digest_login is not (known.verifier is None):
            return
        account_id = known.account.account_id
        verifier = self._credentials.verifier(str(account_id), inner_digest(password))
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, account_id)
            if now.password_hash == known.password_hash:
                await connection.execute(CREDENTIALS["set_verifier"], account_id, verifier)

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
        self, known: StoredAccount | None, key: AccessKey | None, proof: Proof, life: timedelta, label: str,
        interface: Interface,
    ) -> IssuedToken:  # fmt: skip
        if known is None:
            raise refused()
        credential = await self._credential_for(known, key, proof.new_password)
        account_id, at = known.account.account_id, self._clock()
        try:
            async with transaction(self._pool) as connection:
                # The account may have been locked or changed while the password was being checked.
                now = await lock_account(connection, account_id)
                changed = key is None and (now.locked(at) or now.password_hash != known.password_hash)
                if changed or now.state is not AccountState.ACTIVE:
                    raise refused()
                if key is None:
                    await self._meet(connection, now, proof.code, credential, interface, at)
                    await connection.execute(SQL["forget_failures"], account_id)
                how = {} if key is None else {"access_key": key.access_key}
                return await issue_token(
                    connection, account_id, life, label=label, interface=interface, proof=how, at=at
                )
        except SecondFactorWrong:
            await count_failure(self._pool, known, at)
            raise

    async def _credential_for(
        self, known: StoredAccount, key: AccessKey | None, new_password: str | None
    ) -> Credential | None:
        if new_password is None:
            return None
        if key is not None or not may_ever(known.account, Action.OWN_PASSWORD_CHANGE):
            action = Action.OWN_PASSWORD_CHANGE
            raise NotAllowed("whoever signs in so has no password to change", action=str(action))
        return await self._change.prepared(known, new_password)

    async def _meet(
        self, connection: Connection, now: StoredAccount, code: str, credential: Credential | None,
        interface: Interface, at: datetime,
    ) -> None:  # fmt: skip
        """What is asked for besides the password; a code is used up with the token it leads to, or not at all."""
        asked, account_id = steps_asked(self._rules, now, at), now.account.account_id
        if Step.CODE in asked:
            if not code:
                raise SecondFactorNeeded("the account has a second factor: send its code too", field="code")
            await self._second_factors.prove(connection, account_id, code, at)
        if Step.NEW_PASSWORD in asked and credential is None:
            raise PasswordExpired(
                "the life of the password is over: send a new one too, or change it in the console",
                field="new_password",
            )
        if Step.ENROL in asked:
            raise SecondFactorDemanded("this node demands a second factor of its staff: set one up in the console")
        if credential is not None:
            actor = Actor(account_id, interface)
            await self._change.write(connection, now, credential, actor, Action.OWN_PASSWORD_CHANGE, at)


class Step(StrEnum):
    """What may be asked for besides the password."""

    CODE = "code"
    NEW_PASSWORD = "password"  # noqa: S105 - the name of a step
    ENROL = "second-factor"


def steps_asked(rules: AccountRules, known: StoredAccount, at: datetime) -> list[Step]:
    """What the node asks of an account besides its password, in this order; nothing of applications."""
    role = known.account.role
    if role is Role.APPLICATION:
        return []
    asked = [Step.CODE] if known.second_factor else []
    ends_at = rules.password_ends_at(known)
    if ends_at is not None and ends_at <= at:
        asked.append(Step.NEW_PASSWORD)
    if rules.demands_second_factor(role) and not known.second_factor:
        asked.append(Step.ENROL)
    return asked


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


def is_open(known: StoredAccount, at: datetime) -> bool:
    """Whether a right password opens the account now."""
    return known.state is AccountState.ACTIVE and not known.locked(at)


def refused() -> SignInRefused:
    """The one answer to whoever cannot come in."""
    return SignInRefused(
        "name or password is wrong, or the account is closed: five wrong passwords close it for fifteen minutes"
    )
