"""A new password for an account that has one: checked and hashed outside, written inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from node.database import Connection, Pool
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.accounts.credentials import Credential, Credentials, PasswordForm
from registry.accounts.password_policy import too_weak
from registry.accounts.passwords import Passwords
from registry.accounts.stored import StoredAccount
from registry.store import SQL as STORE
from registry.store import reading

SQL = statements_beside(__file__, "changing_password.sql")


class PasswordChange:
    """What a change of password needs to know and to do."""

    def __init__(self, pool: Pool, hashing: Passwords, credentials: Credentials) -> None:
        self._pool = pool
        self._hashing = hashing
        self._credentials = credentials

    async def check(self, password: str, account_name: str, enterprise_id: UUID | None) -> None:
        """Raises ``PasswordTooWeak``."""
        policy = self._credentials.policy
        context: Sequence[str] = ()
        if enterprise_id is not None:
            async with reading(self._pool) as connection:
                row = await connection.fetchrow(SQL["names_of_enterprise"], enterprise_id)
            context = (row["name"], *(row["name_en"] or "").split()) if row else ()
        policy.check(password, account_name, context)

    async def prepared(self, known: StoredAccount, password: str) -> Credential:
        """What the account will keep of a password that it may have.

        Raises ``PasswordTooWeak``, ``TooManySignIns``.
        """
        account = known.account
        await self.check(password, account.name, account.enterprise_id)
        await self._check_new(known, password)
        return await self._credentials.of_password(account.account_id, password)

    async def write(
        self,
        connection: Connection,
        now: StoredAccount,
        credential: Credential,
        actor: Actor,
        action: str,
        at: datetime,
    ) -> None:
        """The new password of an account that the transaction has locked: its tokens are revoked, its lock ends."""
        account_id = now.account.account_id
        remembered = self._credentials.policy.remembered
        if remembered and now.password_hash is not None:
            # One is the present password, and one of the past gives way to the one that is added here.
            await connection.execute(
                SQL["keep_past_password"], account_id, at, now.password_hash, remembered - 2, now.password_form
            )
        await connection.execute(
            STORE["change_password"], account_id, credential.password_hash, at, credential.form, credential.verifier
        )
        await connection.execute(STORE["revoke_tokens_of_account"], account_id, at)
        act = Act(action, "account", str(account_id), before=now.to_json(), after=now.to_json())
        await record_act(connection, actor, act, at)

    async def _check_new(self, known: StoredAccount, password: str) -> None:
        remembered = self._credentials.policy.remembered
        if not remembered:
            return
        async with reading(self._pool) as connection:
            rows = await connection.fetch(SQL["past_passwords"], known.account.account_id, remembered - 1)
        had = [(row["password_hash"], PasswordForm(row["password_form"])) for row in rows]
        if known.password_hash is not None:
            had.append((known.password_hash, known.password_form))
        for password_hash, form in had:
            if await self._hashing.verify(password_hash, form.presented(password)):
                raise too_weak([(
                    "used_before", f"与最近 {remembered} 个口令之一相同",
                    f"it is one of the last {remembered} passwords of this account",
                )])  # fmt: skip
