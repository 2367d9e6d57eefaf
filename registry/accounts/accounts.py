"""Accounts and their tokens: who may come in, for how long, and who was refused.

Five wrong passwords in a row lock an account for fifteen minutes (等保 GB/T 22239-2019 8.1.4.1 b). A wrong password,
an unknown name, a locked and a disabled account get one and the same answer at the same cost. A change of password
revokes every token of the account. Passwords and tokens never reach history or log.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from node.auth import ENTERPRISE_ROLES, Account, Action, Role, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Forbidden, Malformed, NotFound, Unauthenticated
from node.journal import Act, Actor, Interface, record_act
from registry.accounts import passwords, tokens
from registry.accounts.passwords import Passwords
from registry.accounts.stored import (
    AccountState,
    StoredAccount,
    account_of_row,
    found_account,
    holder_of_row,
    lock_account,
)
from registry.accounts.tokens import IssuedToken, Token
from registry.enterprises import unknown_enterprise
from registry.gathering import Gathering
from registry.store import SQL, reading, refusing, time_ordered_id

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)

FAILURES_ALLOWED = 5
LOCK = timedelta(minutes=15)
_LAST = UUID(int=2**128 - 1)
_MOST_TOKENS = 512
_FOUNDING_LOCK = 0x61_64_6D_69_6E  # "admin": one first start at a time
_NAME_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}", re.ASCII)


class SignInRefused(Unauthenticated):
    title_zh = "账号或口令错误，或账号已被暂时锁定"


class TokenUnknown(Unauthenticated):
    title_zh = "凭证无效"


class TokenExpired(Unauthenticated):
    title_zh = "凭证已过期"


class TokenRevoked(Unauthenticated):
    title_zh = "凭证已撤销"


class AccountDisabled(Unauthenticated):
    title_zh = "账号已停用"


class OldPasswordWrong(Forbidden):
    title_zh = "原口令错误"


class TokenNotFound(NotFound):
    title_zh = "凭证不存在"


class AccountNameInvalid(Malformed):
    title_zh = "账号名有误"


class RoleNeedsEnterprise(Malformed):
    title_zh = "角色与企业不符"


class TokenLifeTooLong(Malformed):
    title_zh = "凭证有效期过长"


class AccountNameTaken(Conflict):
    title_zh = "账号名已被使用"


class LastAdministrator(Conflict):
    title_zh = "不能停用最后一个管理员"


class Accounts:
    """The use cases. ``longest_life`` is the life of a token that asks for none, and the most it may ask for."""

    def __init__(
        self, pool: Pool, clock: Clock, hashing: Passwords, longest_life: timedelta = timedelta(hours=24)
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._hashing = hashing
        self._longest_life = longest_life
        self._holders: Gathering[None, UUID, Mapping[str, Any] | None] = Gathering(self._holders_of, _MOST_TOKENS)

    async def authenticate(self, text: str) -> Account:
        """Whose token this is. Raises ``TokenUnknown``, ``TokenRevoked``, ``TokenExpired``, ``AccountDisabled``."""
        parts = tokens.read_token(text)
        if parts is None:
            raise _unknown_token()
        token_id, secret = parts
        row = await self._holders.ask(None, token_id)
        presented = tokens.secret_hash(secret)
        # Only the holder of the secret learns more than "unknown".
        if row is None or not hmac.compare_digest(presented, row["secret_hash"]):
            raise _unknown_token()
        if row["revoked_at"] is not None:
            raise TokenRevoked("the token was revoked; sign in again")
        if row["expires_at"] <= self._clock():
            raise TokenExpired("the token has expired; sign in again")
        if row["state"] != AccountState.ACTIVE:
            raise AccountDisabled("the account is disabled")
        return holder_of_row(row)

    async def _holders_of(self, _: None, token_ids: Sequence[UUID]) -> list[Mapping[str, Any] | None]:
        """What is stored of tokens and their accounts now: nothing is remembered from one request to another."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["accounts_of_tokens"], list(set(token_ids)))
        found = {row["token_id"]: row for row in rows}
        return [found.get(token_id) for token_id in token_ids]

    async def sign_in(
        self, name: str, password: str, *, life: timedelta | None = None, label: str = "",
        interface: Interface = Interface.V1,
    ) -> IssuedToken:  # fmt: skip
        """A new token. Raises ``SignInRefused``, ``TokenLifeTooLong``, ``TooManySignIns``."""
        life = self._longest_life if life is None else life
        if life > self._longest_life:
            raise TokenLifeTooLong(
                "the token would live longer than this node allows",
                field="hours",
                limit_hours=self._longest_life / timedelta(hours=1),
            )
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_account_by_name"], name)
        known = account_of_row(row) if row else None
        if not await self._proves(known, password) or known is None:
            raise _refused()
        at = self._clock()
        secret = tokens.new_secret()
        token = Token(time_ordered_id(at), known.account.account_id, label, at, at + life, revoked_at=None)
        async with transaction(self._pool) as connection:
            # The account may have been locked or changed while the password was being checked.
            now = await lock_account(connection, token.account_id)
            if now.locked(at) or now.state is not AccountState.ACTIVE or now.password_hash != known.password_hash:
                raise _refused()
            await connection.execute(SQL["forget_failures"], token.account_id)
            await connection.execute(
                SQL["add_token"], token.token_id, token.account_id, label, tokens.secret_hash(secret), at,
                token.expires_at,
            )  # fmt: skip
            act = Act("token.create", "token", str(token.token_id), after=_token_json(token))
            await record_act(connection, Actor(token.account_id, interface), act, at)
        return IssuedToken(token, tokens.token_text(token.token_id, secret))

    async def tokens(self, account: Account, *, before: UUID | None = None, limit: int = 50) -> list[Token]:
        """The account's own tokens, newest first, below an id."""
        require(account, Action.TOKEN_READ, account.enterprise_id)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_tokens"], account.account_id, before or _LAST, limit)
        return [_token_of(row) for row in rows]

    async def revoke(self, account: Account, actor: Actor, token_id: UUID) -> None:
        """End a token of one's own, or as administrator anybody's. Raises ``TokenNotFound``."""
        require(account, Action.TOKEN_REVOKE, account.enterprise_id)
        at = self._clock()
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(SQL["lock_token"], token_id)
            own = row is not None and row["account_id"] == account.account_id
            if row is None or not (own or account.role is Role.ADMINISTRATOR):
                raise TokenNotFound(f"there is no token {token_id}", token_id=str(token_id))
            if row["revoked_at"] is not None:
                return
            before = _token_of(row)
            await connection.execute(SQL["revoke_token"], token_id, at)
            after = _token_json(replace(before, revoked_at=at))
            act = Act("token.revoke", "token", str(token_id), before=_token_json(before), after=after)
            await record_act(connection, actor, act, at)

    async def create(
        self, account: Account, actor: Actor, name: str, role: Role, enterprise_id: UUID | None, password: str
    ) -> StoredAccount:
        """A new account.

        Raises ``AccountNameInvalid``, ``RoleNeedsEnterprise``, ``PasswordTooWeak``, ``AccountNameTaken``,
        ``EnterpriseUnknown``.
        """
        require(account, Action.ACCOUNT_CREATE, enterprise_id)
        _check_name(name)
        if (role in ENTERPRISE_ROLES) is not (enterprise_id is not None):
            raise RoleNeedsEnterprise(
                "enterprise users and application identities belong to an enterprise, other roles to none",
                field="enterprise_id",
                role=str(role),
            )
        passwords.check(password, name)
        password_hash = await self._hashing.hash(password)
        async with transaction(self._pool) as connection:
            return await self._add(connection, actor, name, role, enterprise_id, password_hash)

    async def found_administrator(self, name: str) -> str | None:
        """First start: make an administrator and return its password, for once; ``None`` if there is one already."""
        async with reading(self._pool) as connection:
            if await connection.fetchval(SQL["any_administrator"]):
                return None
        _check_name(name)
        password = passwords.random_password()
        password_hash = await self._hashing.hash(password)
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["hold_first_administrator"], _FOUNDING_LOCK)
            if await connection.fetchval(SQL["any_administrator"]):
                return None
            founder = Actor(None, Interface.COMMAND)
            await self._add(connection, founder, name, Role.ADMINISTRATOR, None, password_hash)
        return password

    async def get(self, account: Account, account_id: UUID) -> StoredAccount:
        """One account. Raises ``AccountUnknown``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_account"], account_id)
        require(account, Action.ACCOUNT_READ, None)
        return found_account(row, account_id)

    async def list(self, account: Account, *, after: str = "", limit: int = 50) -> list[StoredAccount]:
        """By name in lower case, after a name in lower case."""
        require(account, Action.ACCOUNT_READ, None)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_accounts"], after, limit)
        return [account_of_row(row) for row in rows]

    async def disable(self, account: Account, actor: Actor, account_id: UUID) -> StoredAccount:
        """Its tokens work no more. Raises ``AccountUnknown``, ``LastAdministrator``."""
        return await self._turn(account, actor, account_id, AccountState.DISABLED)

    async def enable(self, account: Account, actor: Actor, account_id: UUID) -> StoredAccount:
        """Let an account in again; a lock ends too. Raises ``AccountUnknown``."""
        return await self._turn(account, actor, account_id, AccountState.ACTIVE)

    async def set_password(
        self, account: Account, actor: Actor, account_id: UUID, password: str, old: str | None = None
    ) -> None:
        """A new password; every token of the account is revoked and a lock ends.

        One's own needs the old one. Raises ``OldPasswordWrong``, ``PasswordTooWeak``, ``AccountUnknown``,
        ``TooManySignIns``.
        """
        own = account_id == account.account_id
        if own:
            require(account, Action.OWN_PASSWORD_CHANGE, account.enterprise_id)
        else:
            require(account, Action.ACCOUNT_CHANGE, None)
        async with reading(self._pool) as connection:
            known = found_account(await connection.fetchrow(SQL["find_account"], account_id), account_id)
        # A stolen token must not serve to guess the password: wrong old ones count like wrong sign-ins.
        if own and not await self._proves(known, old or ""):
            raise OldPasswordWrong("the old password is wrong, or the account is locked", field="old")
        passwords.check(password, known.account.name)
        password_hash = await self._hashing.hash(password)
        at = self._clock()
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, account_id)
            if own and (now.password_hash != known.password_hash or now.locked(at)):
                raise OldPasswordWrong("the old password has been changed meanwhile", field="old")
            await connection.execute(SQL["change_password"], account_id, password_hash, at)
            await connection.execute(SQL["revoke_tokens_of_account"], account_id, at)
            action = Action.OWN_PASSWORD_CHANGE if own else "account.set_password"
            act = Act(action, "account", str(account_id), before=now.to_json(), after=now.to_json())
            await record_act(connection, actor, act, at)

    async def _proves(self, known: StoredAccount | None, password: str) -> bool:
        """Whether the password is right and the account open to it; a wrong one is counted."""
        at = self._clock()
        usable = known is not None and known.state is AccountState.ACTIVE and not known.locked(at)
        if await self._hashing.verify(known.password_hash if usable and known else None, password):
            return True
        if known is not None and usable:
            await self._count_failure(known, at)
        return False

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

    async def _add(
        self, connection: Connection, actor: Actor, name: str, role: Role, enterprise_id: UUID | None, hashed: str
    ) -> StoredAccount:
        at = self._clock()
        added = StoredAccount(
            account=Account(time_ordered_id(at), name, role, enterprise_id),
            state=AccountState.ACTIVE,
            failures=0,
            locked_until=None,
            created_at=at,
            updated_at=at,
            password_hash=hashed,
        )
        taken = AccountNameTaken(f"the name {name} belongs to another account", name=name)
        nobody = unknown_enterprise(enterprise_id or UUID(int=0))
        account_id = added.account.account_id
        with refusing(account_name_unique=taken, account_enterprise_known=nobody):
            await connection.execute(SQL["add_account"], account_id, name, role, enterprise_id, hashed, at)
        act = Act(Action.ACCOUNT_CREATE, "account", str(account_id), after=added.to_json())
        await record_act(connection, actor, act, at)
        return added

    async def _turn(self, account: Account, actor: Actor, account_id: UUID, state: AccountState) -> StoredAccount:
        require(account, Action.ACCOUNT_CHANGE, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            # Administrators first and in one order, or two of them could disable each other at once.
            administrators = await connection.fetch(SQL["lock_administrators"])
            before = await lock_account(connection, account_id)
            if before.state is state and not before.failures and not before.locked_until:
                return before
            if state is AccountState.DISABLED and [row["account_id"] for row in administrators] == [account_id]:
                raise LastAdministrator("the last active administrator cannot be disabled")
            await connection.execute(SQL["change_account_state"], account_id, state, at)
            after = replace(before, state=state, failures=0, locked_until=None, updated_at=at)
            verb = "enable" if state is AccountState.ACTIVE else "disable"
            act = Act(f"account.{verb}", "account", str(account_id), before=before.to_json(), after=after.to_json())
            await record_act(connection, actor, act, at)
            return after


def _check_name(name: str) -> None:
    if not _NAME_FORM.fullmatch(name):
        raise AccountNameInvalid(
            "an account's name has 2 to 64 characters of A-Z, a-z, 0-9 and . _ @ -, the first a letter or digit",
            field="name",
        )


def _token_of(row: Mapping[str, Any]) -> Token:
    return Token(
        row["token_id"], row["account_id"], row["label"], row["created_at"], row["expires_at"], row["revoked_at"]
    )


def _token_json(token: Token) -> dict[str, Any]:
    return {
        "account_id": str(token.account_id),
        "label": token.label,
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
    }


def _unknown_token() -> TokenUnknown:
    return TokenUnknown("the token is not known here")


def _refused() -> SignInRefused:
    return SignInRefused(
        "name or password is wrong, or the account is closed: five wrong passwords close it for fifteen minutes"
    )
