"""Accounts and their tokens: who may come in, and for how long; who is refused is in ``signing_in.py``.

A change of password revokes every token of the account. Passwords and tokens never reach history or log. How the
console lets people in by steps is in ``entrance.py``, the second factor in ``second_factor.py``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from node.auth import ENTERPRISE_ROLES, Account, Action, NotAllowed, Role, may_ever, require
from node.database import Pool, transaction
from node.errors import Conflict, Forbidden, Malformed, NotFound, Unauthenticated
from node.journal import Act, Actor, Interface, record_act
from node.rate_limit import RateLimit
from node.sealing import Seal
from registry.accounts import tokens
from registry.accounts.adding import NewAccount, add_account, check_name
from registry.accounts.changing_password import PasswordChange
from registry.accounts.contact import NOBODY, Contact, open_contact
from registry.accounts.credentials import SQL as CREDENTIALS
from registry.accounts.credentials import Credentials
from registry.accounts.entrance import SQL as ENTRANCE
from registry.accounts.entrance import Entrance
from registry.accounts.password_policy import random_password
from registry.accounts.passwords import Passwords
from registry.accounts.rules import AccountRules
from registry.accounts.second_factor import SecondFactors
from registry.accounts.signing_in import Proof, SigningIn
from registry.accounts.stored import (
    AccountState,
    StoredAccount,
    account_of_row,
    found_account,
    holder_of_row,
    lock_account,
)
from registry.accounts.tokens import IssuedToken, Token, TokenState, UsedAt
from registry.gathering import Gathering
from registry.store import SQL, reading, time_ordered_id

Clock = Callable[[], datetime]

_LAST = UUID(int=2**128 - 1)
_MOST_TOKENS = 512
_SEEN_AGAIN = timedelta(minutes=1)
_FOUNDING_LOCK = 0x61_64_6D_69_6E  # "admin": one first start at a time


class TokenUnknown(Unauthenticated):
    title_zh = "凭证无效"


class TokenExpired(Unauthenticated):
    title_zh = "凭证已过期"


class TokenRevoked(Unauthenticated):
    title_zh = "凭证已撤销"


class AccountDisabled(Unauthenticated):
    title_zh = "账号已停用"


class SessionIdle(Unauthenticated):
    title_zh = "会话长时间未使用，请重新登录"


class NoSession(Unauthenticated):
    """A token that the console did not issue opens no page of it."""

    title_zh = "请从登录页面登录控制台"


class OldPasswordWrong(Forbidden):
    title_zh = "原口令错误"


class TokenNotFound(NotFound):
    title_zh = "凭证不存在"


class RoleNeedsEnterprise(Malformed):
    title_zh = "角色与企业不符"


class LastAdministrator(Conflict):
    title_zh = "不能停用最后一个管理员"


class Accounts:
    """The use cases. ``longest_life`` is the life of a token that asks for none, and the most it may ask for.

    ``seal`` closes what is kept about people; with ``digest_login`` the digests of passwords are kept too, sealed.
    ``sign_ins`` limits how often a network may try.
    """

    def __init__(
        self, pool: Pool, clock: Clock, hashing: Passwords, longest_life: timedelta = timedelta(hours=24),
        *, seal: Seal, digest_login: bool = False, rules: AccountRules | None = None,
        sign_ins: RateLimit | None = None,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._sign_ins = sign_ins
        self.rules = rules or AccountRules()
        self.credentials = Credentials(hashing, seal, digest_login=digest_login, policy=self.rules.policy)
        self._change = PasswordChange(pool, hashing, self.credentials)
        self.second_factors = SecondFactors(pool, clock, seal, self.rules.issuer)
        self._door = SigningIn(
            pool, clock, hashing, longest_life, self.credentials, self.rules, self.second_factors, self._change
        )
        self.entrance = Entrance(pool, clock, self.rules, longest_life, self._door, self.second_factors, self._change)
        self._holders: Gathering[None, UUID, Mapping[str, Any] | None] = Gathering(self._holders_of, _MOST_TOKENS)

    async def authenticate(self, text: str) -> Account:
        """Whose token this is.

        Raises ``TokenUnknown``, ``TokenRevoked``, ``TokenExpired``, ``SessionIdle``, ``AccountDisabled``.
        """
        return holder_of_row(await self._holding(text))

    async def visit(self, text: str) -> Account:
        """Whose session of the console this is; it is in use. Raises what ``authenticate`` raises, ``NoSession``."""
        row = await self._holding(text)
        if row["last_seen"] is None:
            raise NoSession("the token is not a session of the console: sign in by the page")
        at = self._clock()
        if at - row["last_seen"] >= _SEEN_AGAIN:
            async with reading(self._pool) as connection:
                await connection.execute(ENTRANCE["see_session"], row["token_id"], at)
        return holder_of_row(row)

    def check_source(self, source: str) -> None:
        """Before a sign-in from that address. Raises ``TooManyRequests``."""
        if self._sign_ins is not None:
            self._sign_ins.require(source)

    async def _holding(self, text: str) -> Mapping[str, Any]:
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
        if row["last_seen"] is not None and row["last_seen"] + self.rules.idle <= self._clock():
            raise SessionIdle("the session was not used for a while; sign in again")
        if row["state"] != AccountState.ACTIVE:
            raise AccountDisabled("the account is disabled")
        return row

    async def _holders_of(self, _: None, token_ids: Sequence[UUID]) -> list[Mapping[str, Any] | None]:
        """What is stored of tokens and their accounts now: nothing is remembered from one request to another."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["accounts_of_tokens"], list(set(token_ids)))
        found = {row["token_id"]: row for row in rows}
        return [found.get(token_id) for token_id in token_ids]

    async def sign_in(
        self, name: str, password: str, *, life: timedelta | None = None, label: str = "",
        interface: Interface = Interface.V1, code: str = "", new_password: str | None = None,
    ) -> IssuedToken:  # fmt: skip
        """A new token for a name and password, or for an access key and its secret key.

        Raises what ``SigningIn.by_password`` raises.
        """
        proof = Proof(password, code, new_password)
        return await self._door.by_password(name, proof, life=life, label=label, interface=interface)

    async def sign_in_by_digest(self, name: str, digest: str, *, interface: Interface) -> IssuedToken:
        """A new token for the digest of a password and a day. Raises what ``SigningIn.by_day_digest`` raises."""
        return await self._door.by_day_digest(name, digest, interface=interface)

    async def tokens(self, account: Account, *, before: UUID | None = None, limit: int = 50) -> list[Token]:
        """The account's own tokens, newest first, below an id."""
        _require_own(account, Action.TOKEN_READ)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_tokens"], account.account_id, before or _LAST, limit)
        return [replace(_token_of(row), used_at=_used_at(row)) for row in rows]

    def state_of(self, token: Token) -> TokenState:
        """Whether it opens anything now."""
        return token.state(self._clock(), self.rules.idle)

    def is_locked(self, stored: StoredAccount) -> bool:
        """Whether wrong passwords have locked it now."""
        return stored.locked(self._clock())

    async def revoke(self, account: Account, actor: Actor, token_id: UUID) -> None:
        """End a token of one's own, or as administrator anybody's. Raises ``TokenNotFound``."""
        _require_own(account, Action.TOKEN_REVOKE)
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
            after = replace(before, revoked_at=at).to_json()
            act = Act("token.revoke", "token", str(token_id), before=before.to_json(), after=after)
            await record_act(connection, actor, act, at)

    async def create(
        self,
        account: Account,
        actor: Actor,
        name: str,
        role: Role,
        enterprise_id: UUID | None,
        password: str,
        contact: Contact = NOBODY,
        remarks: str = "",
    ) -> StoredAccount:
        """A new account.

        Raises ``AccountNameInvalid``, ``RoleNeedsEnterprise``, ``PasswordTooWeak``, ``AccountNameTaken``,
        ``EmailTaken``, ``MobileTaken``, ``EnterpriseUnknown``.
        """
        require(account, Action.ACCOUNT_CREATE, enterprise_id)
        check_name(name)
        if (role in ENTERPRISE_ROLES) is not (enterprise_id is not None):
            raise RoleNeedsEnterprise(
                "enterprise users and application identities belong to an enterprise, other roles to none",
                field="enterprise_id",
                role=str(role),
            )
        await self._change.check(password, name, enterprise_id)
        at = self._clock()
        account_id = time_ordered_id(at)
        credential = await self.credentials.of_password(account_id, password)
        async with transaction(self._pool) as connection:
            new = NewAccount(account_id, name, role, enterprise_id, credential, contact, remarks)
            return await add_account(connection, actor, self._seal, new, at)

    async def found_administrator(self, name: str) -> str | None:
        """First start: make an administrator and return its password, for once; ``None`` if there is one already."""
        async with reading(self._pool) as connection:
            if await connection.fetchval(SQL["any_administrator"]):
                return None
        check_name(name)
        password = random_password()
        at = self._clock()
        account_id = time_ordered_id(at)
        new = NewAccount(
            account_id, name, Role.ADMINISTRATOR, None, await self.credentials.of_password(account_id, password)
        )
        async with transaction(self._pool) as connection:
            await connection.execute(SQL["hold_first_administrator"], _FOUNDING_LOCK)
            if await connection.fetchval(SQL["any_administrator"]):
                return None
            await add_account(connection, Actor(None, Interface.COMMAND), self._seal, new, at)
        return password

    async def get(self, account: Account, account_id: UUID) -> StoredAccount:
        """One account. Raises ``AccountUnknown``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_account"], account_id)
        require(account, Action.ACCOUNT_READ, None)
        return found_account(row, account_id)

    async def password_ends_at(self, account: Account) -> datetime | None:
        """When one's own password has to be changed; ``None`` for never. Raises ``AccountUnknown``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_account"], account.account_id)
        return self.rules.password_ends_at(found_account(row, account.account_id))

    def contact_of(self, stored: StoredAccount) -> Contact:
        """How its holder is reached, in clear: for whoever may read the account, masked."""
        return open_contact(self._seal, stored.account.account_id, stored.personal)

    async def open_ids(self, enterprise_ids: Sequence[UUID]) -> dict[UUID, Sequence[str]]:
        """What the users of enterprises, which somebody may read, are called at a third party."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(CREDENTIALS["personal_of_enterprises"], enterprise_ids)
        found: dict[UUID, Sequence[str]] = {}
        for row in rows:
            open_id = open_contact(self._seal, row["account_id"], row["personal"]).open_id
            if open_id:
                found[row["enterprise_id"]] = [*found.get(row["enterprise_id"], ()), open_id]
        return found

    async def list(
        self, account: Account, *, after: str = "", limit: int = 50, part: str | None = None,
        role: Role | None = None, enterprise_id: UUID | None = None,
    ) -> list[StoredAccount]:  # fmt: skip
        """By name in lower case, after a name in lower case; ``part`` is a part of the name."""
        require(account, Action.ACCOUNT_READ, None)
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["list_accounts"], after, limit, part, role, enterprise_id)
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
            _require_own(account, Action.OWN_PASSWORD_CHANGE)
        else:
            require(account, Action.ACCOUNT_CHANGE, None)
        async with reading(self._pool) as connection:
            known = found_account(await connection.fetchrow(SQL["find_account"], account_id), account_id)
        # A stolen token must not serve to guess the password: wrong old ones count like wrong sign-ins.
        if own and not await self._door.proves(known, old or ""):
            raise OldPasswordWrong("the old password is wrong, or the account is locked", field="old")
        credential = await self._change.prepared(known, password)
        at = self._clock()
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, account_id)
            if own and (now.password_hash != known.password_hash or now.locked(at)):
                raise OldPasswordWrong("the old password has been changed meanwhile", field="old")
            action = Action.OWN_PASSWORD_CHANGE if own else "account.set_password"
            await self._change.write(connection, now, credential, actor, action, at)

    async def sign_out(self, account: Account, actor: Actor, account_id: UUID) -> None:
        """End every token and session of somebody; a new sign-in is possible. Raises ``AccountUnknown``."""
        require(account, Action.ACCOUNT_CHANGE, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, account_id)
            await connection.execute(SQL["revoke_tokens_of_account"], account_id, at)
            act = Act("account.sign_out", "account", str(account_id), before=now.to_json(), after=now.to_json())
            await record_act(connection, actor, act, at)

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


def _require_own(account: Account, action: Action) -> None:
    """What is one's own needs no enterprise, which a new account may not have yet."""
    if not may_ever(account, action):
        raise NotAllowed(f"{account.role} may not do {action}", action=str(action), role=str(account.role))


def _token_of(row: Mapping[str, Any]) -> Token:
    return Token(
        row["token_id"], row["account_id"], row["label"], row["created_at"], row["expires_at"], row["revoked_at"]
    )


def _used_at(row: Mapping[str, Any]) -> UsedAt | None:
    return UsedAt(row["source"], row["user_agent"], row["last_seen"]) if row["last_seen"] else None


def _unknown_token() -> TokenUnknown:
    return TokenUnknown("the token is not known here")
