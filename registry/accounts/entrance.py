"""The door of the console: in by steps, until everything that the node asks for is given; then a session.

Between the steps a half-open sign-in stands in the database, where every worker finds it: five minutes at each step,
led on once. The browser has its secret in a cookie; password and codes never come back to a page. A session is a
token with a place; unused it ends after ``AccountRules.idle``, used after twelve hours.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from node.auth import Account, Action
from node.database import Connection, Pool, transaction
from node.errors import Unauthenticated
from node.journal import Actor, Interface
from node.sql import statements_beside
from registry.accounts.changing_password import PasswordChange
from registry.accounts.locking import count_failure
from registry.accounts.rules import SESSION_LIFE, AccountRules
from registry.accounts.second_factor import Enrolment, SecondFactors, SecondFactorWrong
from registry.accounts.signing_in import Clock, SigningIn, Step, is_open, issue_token, refused, steps_asked
from registry.accounts.stored import StoredAccount, account_of_row, found_account, lock_account
from registry.accounts.tokens import IssuedToken
from registry.store import SQL as STORE
from registry.store import reading

SQL = statements_beside(__file__, "entrance.sql")

STEP_LIFE = timedelta(minutes=5)
_LONGEST_AGENT = 200
_SECRET_BYTES = 32


class EntryOver(Unauthenticated):
    """A half-open sign-in that is too old, was led on, or never was."""

    title_zh = "登录已超时，请重新登录"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is opened: the client's address, and what its browser says of itself."""

    source: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Somebody who proved a password and has this to do next; ``text`` is the secret by which it goes on."""

    account: Account
    step: Step
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Half:
    known: StoredAccount
    password_set_at: datetime
    code_given: bool


class Entrance:
    """The use cases. Besides what they name, all raise ``SignInRefused``, ``EntryOver`` and ``DatabaseAway``."""

    def __init__(
        self, pool: Pool, clock: Clock, rules: AccountRules, longest_life: timedelta, signing_in: SigningIn,
        second_factors: SecondFactors, change: PasswordChange,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._clock = clock
        self._rules = rules
        self._life = min(SESSION_LIFE, longest_life)
        self._signing_in = signing_in
        self._second_factors = second_factors
        self._change = change

    async def begin(self, name: str, password: str, place: Place) -> IssuedToken | HalfOpen:
        """For an account's name and password: access keys open no console. Raises ``TooManySignIns``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(STORE["find_account_by_name"], name)
        known = account_of_row(row) if row else None
        if not await self._signing_in.proves(known, password) or known is None:
            raise refused()
        at = self._clock()
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, known.account.account_id)
            if not is_open(now, at) or now.password_hash != known.password_hash:
                raise refused()
            led = await self._onward(connection, now, place, at, code_given=False)
        await self._signing_in.keep_verifier(known, password)
        return led

    async def waiting(self, text: str) -> HalfOpen:
        """Who stands at the door with this secret, and what is next."""
        half = await self._half(text)
        return HalfOpen(half.known.account, self._next(half, self._clock()), text)

    async def give_code(self, text: str, code: str, place: Place) -> IssuedToken | HalfOpen:
        """The code of the second factor. Raises ``SecondFactorWrong``, which counts like a wrong password."""
        half, at = await self._half(text), self._clock()
        try:
            async with transaction(self._pool) as connection:
                now = await self._lead(connection, text, half, Step.CODE, at)
                await self._second_factors.prove(connection, now.account.account_id, code, at)
                return await self._onward(connection, now, place, at, code_given=True)
        except SecondFactorWrong:
            await count_failure(self._pool, half.known, at)
            raise

    async def give_password(self, text: str, password: str, place: Place) -> IssuedToken | HalfOpen:
        """A new password for one whose life is over. Raises ``PasswordTooWeak``, ``TooManySignIns``."""
        half = await self._half(text)
        credential = await self._change.prepared(half.known, password)
        at = self._clock()
        async with transaction(self._pool) as connection:
            now = await self._lead(connection, text, half, Step.NEW_PASSWORD, at)
            account_id = now.account.account_id
            actor = Actor(account_id, Interface.CONSOLE)
            await self._change.write(connection, now, credential, actor, Action.OWN_PASSWORD_CHANGE, at)
            changed = await lock_account(connection, account_id)
            return await self._onward(connection, changed, place, at, code_given=half.code_given)

    async def begin_enrolment(self, text: str) -> Enrolment:
        """The second factor that the node demands, to be set up. Raises ``SecondFactorThere``."""
        half = await self._half(text)
        if self._next(half, self._clock()) is not Step.ENROL:
            raise _over()
        return await self._second_factors.begin(half.known.account)

    async def confirm_enrolment(self, text: str, code: str, place: Place) -> tuple[IssuedToken, Sequence[str]]:
        """Its first code; answers the session and the recovery codes.

        Raises what ``SecondFactors.confirm`` raises.
        """
        half, at = await self._half(text), self._clock()
        async with transaction(self._pool) as connection:
            now = await self._lead(connection, text, half, Step.ENROL, at)
            account_id = now.account.account_id
            actor = Actor(account_id, Interface.CONSOLE)
            codes = await self._second_factors.confirm_within(connection, account_id, actor, code, at)
            return await self._open(connection, now, place, at), codes

    async def _half(self, text: str) -> _Half:
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(SQL["find_half"], _digest(text), self._clock())
        if row is None:
            raise _over()
        account_id: UUID = row["account_id"]
        async with reading(self._pool) as connection:
            known = found_account(await connection.fetchrow(STORE["find_account"], account_id), account_id)
        return _Half(known, row["password_set_at"], row["code_given"])

    def _next(self, half: _Half, at: datetime) -> Step:
        """Raises ``EntryOver`` where the password is another now, ``SignInRefused`` for a closed account."""
        if not is_open(half.known, at):
            raise refused()
        step = self._step(half.known, at, code_given=half.code_given)
        if step is None or half.known.password_set_at != half.password_set_at:
            raise _over()
        return step

    async def _lead(self, connection: Connection, text: str, half: _Half, step: Step, at: datetime) -> StoredAccount:
        """The account, held, if this step is next for it; nobody else is led on by the same secret."""
        now = await lock_account(connection, half.known.account.account_id)
        if self._next(_Half(now, half.password_set_at, half.code_given), at) is not step:
            raise _over()
        if await connection.fetchval(SQL["take_half"], _digest(text), at) is None:
            raise _over()
        return now

    async def _onward(
        self, connection: Connection, now: StoredAccount, place: Place, at: datetime, *, code_given: bool
    ) -> IssuedToken | HalfOpen:
        step = self._step(now, at, code_given=code_given)
        if step is None:
            return await self._open(connection, now, place, at)
        text = secrets.token_urlsafe(_SECRET_BYTES)
        await connection.execute(
            SQL["open_half"], _digest(text), now.account.account_id, now.password_set_at, code_given, at + STEP_LIFE
        )
        return HalfOpen(now.account, step, text)

    def _step(self, known: StoredAccount, at: datetime, *, code_given: bool) -> Step | None:
        asked = steps_asked(self._rules, known, at)
        return next((step for step in asked if not (code_given and step is Step.CODE)), None)

    async def _open(self, connection: Connection, now: StoredAccount, place: Place, at: datetime) -> IssuedToken:
        await connection.execute(STORE["forget_failures"], now.account.account_id)
        issued = await issue_token(
            connection, now.account.account_id, self._life, label="console", interface=Interface.CONSOLE,
            proof={"source": place.source}, at=at,
        )  # fmt: skip
        agent = "".join(character for character in place.user_agent if character.isprintable())
        await connection.execute(SQL["add_session"], issued.token.token_id, place.source, agent[:_LONGEST_AGENT], at)
        return issued


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def _over() -> EntryOver:
    return EntryOver("the sign-in took too long or was completed elsewhere: begin again")
