"""The second factor (等保 GB/T 22239-2019 8.1.4.1 d): a code from an authenticator beside the password.

Its secret lies sealed in the database. Each code is good once. Ten recovery codes, told once, stand in for a lost
authenticator; without them an administrator takes the second factor away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from node.auth import Account, Action, NotAllowed, may_ever, require
from node.database import Connection, Pool, transaction
from node.errors import Conflict, Unauthenticated
from node.journal import Act, Actor, record_act
from node.sealing import Seal
from node.sql import statements_beside
from registry.accounts.locking import count_failure
from registry.accounts.one_time_codes import address_of, new_recovery_codes, new_secret, read_code, step_of
from registry.accounts.stored import lock_account
from registry.store import reading

SQL = statements_beside(__file__, "second_factor.sql")
Clock = Callable[[], datetime]

_CODE_DIGITS = 6


class SecondFactorWrong(Unauthenticated):
    """Wrong, too old, or used before; it counts like a wrong password."""

    title_zh = "动态验证码错误或已使用"


class SecondFactorThere(Conflict):
    title_zh = "已启用动态验证码"


class SecondFactorMissing(Conflict):
    title_zh = "未启用动态验证码"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor that is being set up; the secret is told now and not again."""

    secret: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """``since`` is ``None`` where none is asked for."""

    since: datetime | None
    recovery_codes: int


class SecondFactors:
    """The use cases. Besides what they name, all raise ``NotAllowed`` and ``DatabaseAway``."""

    def __init__(self, pool: Pool, clock: Clock, seal: Seal, issuer: str) -> None:
        self._pool = pool
        self._clock = clock
        self._seal = seal
        self._issuer = issuer

    async def state(self, account: Account) -> SecondFactorState:
        """One's own."""
        _permit(account)
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_second_factor"], account.account_id)
        if row is None or row["confirmed_at"] is None:
            return SecondFactorState(None, 0)
        return SecondFactorState(row["confirmed_at"], row["recovery_codes"])

    async def begin(self, account: Account) -> Enrolment:
        """A secret for one's authenticator; asked for as soon as it is confirmed. Raises ``SecondFactorThere``."""
        _permit(account)
        secret = new_secret()
        sealed = self._seal.seal(secret.encode(), _context(account.account_id))
        async with transaction(self._pool) as connection:
            begun = await connection.fetchval(SQL["begin_second_factor"], account.account_id, sealed, self._clock())
        if begun is None:
            raise SecondFactorThere("the account has a second factor: remove it first")
        return Enrolment(secret, address_of(secret, account.name, self._issuer))

    async def confirm(self, account: Account, actor: Actor, code: str) -> Sequence[str]:
        """The first code proves that the authenticator works; answers the recovery codes, for once.

        Raises ``SecondFactorMissing``, ``SecondFactorThere``, ``SecondFactorWrong``.
        """
        _permit(account)
        at = self._clock()
        async with transaction(self._pool) as connection:
            await lock_account(connection, account.account_id)
            return await self.confirm_within(connection, account.account_id, actor, code, at)

    async def confirm_within(
        self, connection: Connection, account_id: UUID, actor: Actor, code: str, at: datetime
    ) -> Sequence[str]:
        """``confirm`` of an account that the transaction has locked."""
        row = await connection.fetchrow(SQL["find_second_factor"], account_id)
        if row is None:
            raise SecondFactorMissing("nobody began to set up a second factor")
        if row["confirmed_at"] is not None:
            raise SecondFactorThere("the account has a second factor: remove it first")
        if not await self._is_step(connection, account_id, row["secret"], read_code(code), at):
            raise _wrong()
        codes = new_recovery_codes()
        await connection.execute(SQL["confirm_second_factor"], account_id, at)
        digests = [self._digest(account_id, read_code(made)) for made in codes]
        await connection.execute(SQL["add_recovery_codes"], account_id, digests)
        await _record(connection, actor, account_id, at, on=True)
        return codes

    async def prove(self, connection: Connection, account_id: UUID, code: str, at: datetime) -> None:
        """Use up a code, or a recovery code, of an account that the transaction has locked.

        Raises ``SecondFactorWrong``; ``SecondFactorMissing`` where none is asked for.
        """
        row = await connection.fetchrow(SQL["find_second_factor"], account_id)
        if row is None or row["confirmed_at"] is None:
            raise SecondFactorMissing("the account has no second factor")
        given = read_code(code)
        if len(given) == _CODE_DIGITS and given.isdigit():
            right = await self._is_step(connection, account_id, row["secret"], given, at)
        else:
            digest = self._digest(account_id, given)
            right = await connection.fetchval(SQL["use_recovery_code"], account_id, digest) is not None
        if not right:
            raise _wrong()

    async def remove(self, account: Account, actor: Actor, code: str) -> None:
        """One's own, proved by a code, so that a stolen session cannot. Raises what ``prove`` raises."""
        _permit(account)
        at = self._clock()
        try:
            async with transaction(self._pool) as connection:
                now = await lock_account(connection, account.account_id)
                if now.locked(at):
                    raise _wrong()
                await self.prove(connection, account.account_id, code, at)
                await self._remove(connection, actor, account.account_id, at)
        except SecondFactorWrong:
            await count_failure(self._pool, now, at)
            raise

    async def remove_of(self, account: Account, actor: Actor, account_id: UUID) -> None:
        """Somebody's who has lost it. Raises ``AccountUnknown``, ``SecondFactorMissing``."""
        require(account, Action.ACCOUNT_CHANGE, None)
        at = self._clock()
        async with transaction(self._pool) as connection:
            await lock_account(connection, account_id)
            if not await self._remove(connection, actor, account_id, at):
                raise SecondFactorMissing("the account has no second factor")

    async def _remove(self, connection: Connection, actor: Actor, account_id: UUID, at: datetime) -> bool:
        removed = await connection.fetchval(SQL["remove_second_factor"], account_id)
        if removed:
            await _record(connection, actor, account_id, at, on=False)
        return bool(removed)

    async def _is_step(
        self, connection: Connection, account_id: UUID, sealed: bytes, code: str, at: datetime
    ) -> bool:
        secret = self._seal.open(sealed, _context(account_id)).decode()
        step = step_of(secret, code, at)
        return step is not None and await connection.fetchval(SQL["use_step"], account_id, step) is not None

    def _digest(self, account_id: UUID, code: str) -> bytes:
        return self._seal.digest(f"recovery:{account_id}:{code}")


def _permit(account: Account) -> None:
    """What is one's own needs no enterprise, which a new account may not have yet."""
    if not may_ever(account, Action.SECOND_FACTOR_EDIT):
        action = Action.SECOND_FACTOR_EDIT
        raise NotAllowed(f"{account.role} has no second factor", action=str(action), role=str(account.role))


async def _record(connection: Connection, actor: Actor, account_id: UUID, at: datetime, *, on: bool) -> None:
    before, after = {"second_factor": not on}, {"second_factor": on}
    act = Act(Action.SECOND_FACTOR_EDIT, "account", str(account_id), before=before, after=after)
    await record_act(connection, actor, act, at)


def _wrong() -> SecondFactorWrong:
    return SecondFactorWrong("the code is wrong, too old, or was used before", field="code")


def _context(account_id: UUID) -> str:
    return f"second_factor:{account_id}"
