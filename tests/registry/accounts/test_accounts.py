"""Accounts: founding, signing in, locking, tokens, passwords."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
import structlog
from argon2 import Parameters
from argon2.low_level import Type

from node.auth import Account, NotAllowed, Role
from node.database import Pool
from node.errors import NodeError, Unauthenticated
from node.journal import Interface
from node.sealing import Seal
from registry.accounts import accounts as accounts_module
from registry.accounts.accounts import (
    AccountDisabled,
    Accounts,
    LastAdministrator,
    NoSession,
    OldPasswordWrong,
    RoleNeedsEnterprise,
    SessionIdle,
    TokenExpired,
    TokenNotFound,
    TokenRevoked,
    TokenUnknown,
)
from registry.accounts.adding import AccountNameInvalid, AccountNameTaken
from registry.accounts.password_policy import PasswordTooWeak
from registry.accounts.passwords import Passwords
from registry.accounts.signing_in import SignInRefused, TokenLifeTooLong
from registry.accounts.stored import AccountState, AccountUnknown, StoredAccount
from registry.enterprises import EnterpriseUnknown
from tests.support.office import Office, acting

GOOD = "Tr7-lampe-Kran"
BETTER = "Zw8.Fluss-hafen"
WRONG = "Tr7-lampe-Krax"


async def made(office: Office, name: str = "liwei", role: Role = Role.REVIEWER) -> StoredAccount:
    """An account of a role with the good password."""
    enterprise = await office.enterprise() if role in (Role.ENTERPRISE_USER, Role.APPLICATION) else None
    owner = enterprise.enterprise_id if enterprise else None
    return await office.accounts.create(office.admin, acting(office.admin), name, role, owner, GOOD)


async def refused(office: Office, name: str, password: str, times: int = 1) -> list[tuple[str, str]]:
    """Sign-ins that fail, as code and sentence."""
    told = []
    for _ in range(times):
        with pytest.raises(SignInRefused) as refusal:
            await office.accounts.sign_in(name, password)
        told.append((refusal.value.code, refusal.value.detail))
    return told


async def test_the_first_start_makes_an_administrator_and_tells_its_password_once(office: Office) -> None:
    async with office.leaving(None):
        password = await office.accounts.found_administrator("admin")
    assert password is not None
    async with office.nothing_left():
        assert await office.accounts.found_administrator("admin") is None
        assert await office.accounts.found_administrator("root") is None
    issued = await office.accounts.sign_in("admin", password)
    account = await office.accounts.authenticate(issued.text)
    assert (account.name, account.role, account.enterprise_id) == ("admin", Role.ADMINISTRATOR, None)
    assert password not in str(await office.traces())


async def test_two_first_starts_at_once_make_one_administrator(office: Office) -> None:
    async with office.leaving(None):
        passwords = await asyncio.gather(*(office.accounts.found_administrator("admin") for _ in range(8)))
    assert sum(password is not None for password in passwords) == 1


async def test_a_disabled_administrator_is_no_reason_to_found_another(office: Office) -> None:
    await made(office, "chief", Role.ADMINISTRATOR)
    second = await made(office, "deputy", Role.ADMINISTRATOR)
    await office.accounts.disable(office.admin, acting(office.admin), second.account.account_id)
    assert await office.accounts.found_administrator("admin") is None


async def test_signing_in_gives_a_token_that_says_who_it_is(office: Office) -> None:
    for role in Role:
        stored = await made(office, f"user-{role}", role)
        async with office.leaving(None):
            issued = await office.accounts.sign_in(f"USER-{role}".upper(), GOOD, label="laptop")
        assert await office.accounts.authenticate(issued.text) == stored.account
        assert issued.text.startswith(f"bst_{issued.token.token_id.hex}_")
        assert issued.token.expires_at == office.clock() + timedelta(hours=24)
        act = (await office.traces()).acts[-1]
        assert (act["action"], act["account_id"]) == ("token.create", stored.account.account_id)


async def test_neither_password_nor_token_reaches_the_database_or_the_log(office: Office) -> None:
    with structlog.testing.capture_logs() as logged:
        stored = await made(office)
        issued = await office.accounts.sign_in("liwei", GOOD)
        await refused(office, "liwei", WRONG, 5)
    rows = await office.pool.fetch(
        "SELECT concat(to_json(a)::text, to_json(t)::text) FROM account a LEFT JOIN token t USING (account_id)"
    )
    kept = str([row[0] for row in rows]) + str(await office.traces()) + str(logged) + repr(stored) + repr(issued)
    for secret in (GOOD, WRONG, issued.text.split("_", 2)[2]):
        assert secret not in kept
    assert "argon2id" not in str(await office.traces()) + repr(stored)


async def test_one_and_the_same_answer_for_every_failed_sign_in(office: Office) -> None:
    await made(office)
    disabled = await made(office, "gone")
    await office.accounts.disable(office.admin, acting(office.admin), disabled.account.account_id)
    told = {
        *await refused(office, "liwei", WRONG),
        *await refused(office, "nobody", GOOD),
        *await refused(office, "gone", GOOD),
        *await refused(office, "\u212awei", GOOD),  # the Kelvin sign is no k
        *await refused(office, "liwei", WRONG, 4),
        *await refused(office, "liwei", GOOD),
    }
    assert len(told) == 1


async def test_a_failed_sign_in_costs_the_same_for_names_known_unknown_and_locked(pool: Pool) -> None:
    slow = Parameters(
        type=Type.ID, version=19, salt_len=8, hash_len=16, time_cost=12, memory_cost=8 * 1024, parallelism=1
    )
    office = Office(pool)
    office.accounts = Accounts(pool, office.clock, Passwords(slow), seal=Seal(bytes(32)))
    await made(office, "known")
    await made(office, "locked")
    await refused(office, "locked", WRONG, 5)

    async def cost(name: str) -> float:
        # Seconds of processor, threads included: what others do on this machine does not count.
        began = time.process_time()
        await refused(office, name, WRONG)
        return time.process_time() - began

    costs = {name: min([await cost(name) for _ in range(4)]) for name in ("known", "nobody", "locked")}
    assert max(costs.values()) < 1.7 * min(costs.values()), costs


async def test_five_wrong_passwords_in_a_row_lock_for_fifteen_minutes(office: Office) -> None:
    stored = await made(office)
    await refused(office, "liwei", WRONG, 4)
    assert await office.accounts.sign_in("liwei", GOOD)
    await refused(office, "liwei", WRONG, 4)
    with structlog.testing.capture_logs() as logged:
        async with office.leaving(None):
            await refused(office, "liwei", WRONG)
    assert [(line["event"], line["account"]) for line in logged] == [("account_locked", "liwei")]
    act = (await office.traces()).acts[-1]
    assert (act["action"], act["subject_id"], act["account_id"]) == (
        "account.lock", str(stored.account.account_id), None,
    )  # fmt: skip
    async with office.nothing_left():
        await refused(office, "liwei", GOOD)
        office.clock.turn(minutes=14, seconds=59)
        await refused(office, "liwei", GOOD)
    office.clock.turn(seconds=1)
    await refused(office, "liwei", WRONG, 4)
    assert await office.accounts.sign_in("liwei", GOOD)


async def test_guesses_during_a_lock_do_not_lengthen_it(office: Office) -> None:
    await made(office)
    await refused(office, "liwei", WRONG, 5)
    office.clock.turn(minutes=10)
    await refused(office, "liwei", WRONG, 5)
    office.clock.turn(minutes=5)
    assert await office.accounts.sign_in("liwei", GOOD)


async def test_many_guesses_at_once_are_counted_like_guesses_in_turn(office: Office) -> None:
    await made(office)
    await asyncio.gather(*(refused(office, "liwei", WRONG) for _ in range(20)))
    await refused(office, "liwei", GOOD)
    locks = [act for act in (await office.traces()).acts if act["action"] == "account.lock"]
    assert len(locks) == 1


async def test_a_right_guess_that_was_under_way_when_the_lock_fell_does_not_come_in(pool: Pool) -> None:
    slow = Parameters(
        type=Type.ID, version=19, salt_len=8, hash_len=16, time_cost=30, memory_cost=8 * 1024, parallelism=1
    )
    office = Office(pool)
    await made(office)
    lazy = Office(pool, clock=office.clock)
    lazy.accounts = Accounts(pool, office.clock, Passwords(slow), seal=Seal(bytes(32)))
    slow_hash = await Passwords(slow).hash(GOOD)
    await pool.execute("UPDATE account SET password_hash = $1", slow_hash)
    under_way = asyncio.create_task(lazy.accounts.sign_in("liwei", GOOD))
    await asyncio.sleep(0.02)
    await pool.execute("UPDATE account SET locked_until = $1", office.clock() + timedelta(minutes=15))
    with pytest.raises(SignInRefused):
        await under_way


async def test_a_token_ends_with_its_time(office: Office) -> None:
    await made(office)
    short = await office.accounts.sign_in("liwei", GOOD, life=timedelta(hours=1))
    long = await office.accounts.sign_in("liwei", GOOD)
    office.clock.turn(minutes=59, seconds=59)
    await office.accounts.authenticate(short.text)
    office.clock.turn(seconds=1)
    with pytest.raises(TokenExpired):
        await office.accounts.authenticate(short.text)
    await office.accounts.authenticate(long.text)
    with pytest.raises(TokenLifeTooLong):
        await office.accounts.sign_in("liwei", GOOD, life=timedelta(hours=24, seconds=1))


async def test_a_token_ends_with_its_revocation_and_its_account(office: Office) -> None:
    stored = await made(office)
    one, two = [await office.accounts.sign_in("liwei", GOOD) for _ in range(2)]
    owner = stored.account
    async with office.leaving(None):
        await office.accounts.revoke(owner, acting(owner), one.token.token_id)
    async with office.nothing_left():
        await office.accounts.revoke(owner, acting(owner), one.token.token_id)
    with pytest.raises(TokenRevoked):
        await office.accounts.authenticate(one.text)
    await office.accounts.authenticate(two.text)
    await office.accounts.disable(office.admin, acting(office.admin), owner.account_id)
    with pytest.raises(AccountDisabled):
        await office.accounts.authenticate(two.text)
    await office.accounts.enable(office.admin, acting(office.admin), owner.account_id)
    await office.accounts.authenticate(two.text)


async def test_only_the_holder_of_the_secret_learns_why_a_token_is_refused(office: Office) -> None:
    stored = await made(office)
    issued = await office.accounts.sign_in("liwei", GOOD)
    await office.accounts.revoke(stored.account, acting(stored.account), issued.token.token_id)
    secret = issued.text.split("_", 2)[2]
    other = ("A" if secret[0] != "A" else "B") + secret[1:]
    for text in (
        f"bst_{issued.token.token_id.hex}_{other}",
        f"bst_{uuid4().hex}_{secret}",
        f"bst_{issued.token.token_id.hex.upper()}_{secret}",
        issued.text + "A",
        issued.text + "\n",
        "bst_\0_" + secret,
        "",
    ):
        with pytest.raises(TokenUnknown):
            await office.accounts.authenticate(text)
    with pytest.raises(TokenRevoked):
        await office.accounts.authenticate(issued.text)


async def test_tokens_are_listed_to_their_owner_and_revoked_by_owner_and_administrator(office: Office) -> None:
    one, two = (await made(office, "one")).account, (await made(office, "two")).account
    mine = []
    for label in ("a", "b", "c"):
        office.clock.turn(seconds=1)
        mine.append((await office.accounts.sign_in("one", GOOD, label=label)).token)
    first = await office.accounts.tokens(one, limit=2)
    rest = await office.accounts.tokens(one, before=first[-1].token_id, limit=2)
    assert [*first, *rest] == mine[::-1]
    assert await office.accounts.tokens(two) == []
    for stranger in (two, office.auditor):
        with pytest.raises(TokenNotFound):
            await office.accounts.revoke(stranger, acting(stranger), mine[0].token_id)
    with pytest.raises(TokenNotFound):
        await office.accounts.revoke(one, acting(one), uuid4())
    await office.accounts.revoke(office.admin, acting(office.admin), mine[0].token_id)
    assert (await office.accounts.tokens(one))[-1].revoked_at == office.clock()


async def test_an_accounts_name_is_unique_whatever_its_case_even_at_once(office: Office) -> None:
    found = await asyncio.gather(
        *(made(office, name) for name in ("LiWei", "liwei", "LIWEI", "lIwEi")), return_exceptions=True
    )
    assert sum(isinstance(outcome, StoredAccount) for outcome in found) == 1
    assert sum(isinstance(outcome, AccountNameTaken) for outcome in found) == 3


async def test_a_name_of_another_form_is_refused(office: Office) -> None:
    for name in ("", "x", "-li", "li wei", "李伟", "li/wei", "l" * 65, "liwei\n", "li\0wei"):
        with pytest.raises(AccountNameInvalid):
            await made(office, name)


async def test_a_role_and_its_enterprise_go_together(office: Office) -> None:
    enterprise = (await office.enterprise()).enterprise_id
    admin = office.admin
    for role in Role:
        belongs = role in (Role.ENTERPRISE_USER, Role.APPLICATION)
        wrong = None if belongs else enterprise
        async with office.nothing_left():
            with pytest.raises(RoleNeedsEnterprise):
                await office.accounts.create(admin, acting(admin), f"a-{role}", role, wrong, GOOD)
    with pytest.raises(EnterpriseUnknown):
        await office.accounts.create(admin, acting(admin), "user", Role.ENTERPRISE_USER, uuid4(), GOOD)
    with pytest.raises(PasswordTooWeak):
        await office.accounts.create(admin, acting(admin), "user", Role.REVIEWER, None, "short")


async def test_who_may_create_read_and_change_accounts(office: Office) -> None:
    enterprise = await office.enterprise()
    target = await made(office, "target")
    target_id = target.account.account_id
    for number, (name, who) in enumerate(office.cast(enterprise).items()):
        accounts, actor = office.accounts, acting(who)
        changes: list[Callable[[], Awaitable[object]]] = [
            partial(accounts.create, who, actor, f"new-{number}", Role.AUDITOR, None, GOOD),
            partial(accounts.disable, who, actor, target_id),
            partial(accounts.enable, who, actor, target_id),
            partial(accounts.set_password, who, actor, target_id, BETTER),
        ]
        reads: list[Callable[[], Awaitable[object]]] = [
            partial(accounts.get, who, target_id),
            partial(accounts.list, who),
        ]
        for attempts, allowed in ((changes, {"administrator"}), (reads, {"administrator", "auditor"})):
            for attempt in attempts:
                if name in allowed:
                    await attempt()
                    continue
                async with office.nothing_left():
                    with pytest.raises(NotAllowed):
                        await attempt()


async def test_accounts_are_listed_by_name_page_by_page(office: Office) -> None:
    for name in ("Delta", "alpha", "Charlie", "bravo"):
        await made(office, name)
    first = await office.accounts.list(office.auditor, limit=3)
    rest = await office.accounts.list(office.auditor, after=first[-1].account.name.lower(), limit=3)
    assert [stored.account.name for stored in [*first, *rest]] == ["alpha", "bravo", "Charlie", "Delta"]


async def warmed(office: Office) -> None:
    """Open the pool's connections, so that what is started at once also runs at once."""
    await asyncio.gather(*(office.pool.fetchval("SELECT pg_sleep(0.05)") for _ in range(6)))


async def test_the_last_administrator_is_not_disabled_even_by_two_at_once(office: Office) -> None:
    one, two = [(await made(office, name, Role.ADMINISTRATOR)).account for name in ("one", "two")]
    await warmed(office)
    for _ in range(25):
        found = await asyncio.gather(
            office.accounts.disable(one, acting(one), two.account_id),
            office.accounts.disable(two, acting(two), one.account_id),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, StoredAccount) for outcome in found) == 1
        assert sum(isinstance(outcome, LastAdministrator) for outcome in found) == 1
        await office.accounts.enable(one, acting(one), two.account_id)
        await office.accounts.enable(one, acting(one), one.account_id)
    assert (await office.accounts.disable(one, acting(one), one.account_id)).state is AccountState.DISABLED


async def test_enabling_what_is_enabled_changes_nothing_and_ends_a_lock(office: Office) -> None:
    stored = await made(office)
    async with office.nothing_left():
        assert await office.accounts.enable(office.admin, acting(office.admin), stored.account.account_id) == stored
    await refused(office, "liwei", WRONG, 5)
    async with office.leaving(None):
        await office.accounts.enable(office.admin, acting(office.admin), stored.account.account_id)
    assert await office.accounts.sign_in("liwei", GOOD)


async def change(office: Office, who: Account, old: str | None) -> None:
    await office.accounts.set_password(who, acting(who), who.account_id, BETTER, old)


async def test_ones_own_password_needs_the_old_one_and_voids_every_token(office: Office) -> None:
    who = (await made(office)).account
    issued = await office.accounts.sign_in("liwei", GOOD)
    for old in (None, "", WRONG):
        async with office.nothing_left():
            with pytest.raises(OldPasswordWrong):
                await change(office, who, old)
    with pytest.raises(PasswordTooWeak):
        await office.accounts.set_password(who, acting(who), who.account_id, "short", GOOD)
    async with office.leaving(None):
        await change(office, who, GOOD)
    with pytest.raises(TokenRevoked):
        await office.accounts.authenticate(issued.text)
    await refused(office, "liwei", GOOD)
    assert await office.accounts.sign_in("liwei", BETTER)


async def test_guessing_the_old_password_locks_like_guessing_at_the_door(office: Office) -> None:
    who = (await made(office)).account
    for _ in range(5):
        with pytest.raises(OldPasswordWrong):
            await change(office, who, WRONG)
    with pytest.raises(OldPasswordWrong):
        await change(office, who, GOOD)
    await refused(office, "liwei", GOOD)
    office.clock.turn(minutes=15)
    await change(office, who, GOOD)


async def test_the_administrator_sets_a_password_without_the_old_one_and_ends_a_lock(office: Office) -> None:
    for role in (Role.REVIEWER, Role.APPLICATION):
        stored = await made(office, f"user-{role}", role)
        await refused(office, f"user-{role}", WRONG, 5)
        async with office.leaving(None):
            await office.accounts.set_password(office.admin, acting(office.admin), stored.account.account_id, BETTER)
        assert await office.accounts.sign_in(f"user-{role}", BETTER)
    with pytest.raises(AccountUnknown):
        await office.accounts.set_password(office.admin, acting(office.admin), uuid4(), BETTER)


async def test_of_two_changes_of_ones_password_at_once_one_is_refused(office: Office) -> None:
    who = (await made(office)).account
    await warmed(office)
    found = await asyncio.gather(change(office, who, GOOD), change(office, who, GOOD), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in found) == ["NoneType", "OldPasswordWrong"]


async def test_many_sign_ins_of_one_account_at_once_all_succeed(office: Office) -> None:
    await made(office)
    issued = await asyncio.gather(*(office.accounts.sign_in("liwei", GOOD) for _ in range(12)))
    assert len({token.text for token in issued}) == 12


async def test_a_sign_in_remembers_its_door(office: Office) -> None:
    await made(office)
    await office.accounts.sign_in("liwei", GOOD, interface=Interface.COMMAND)
    assert (await office.traces()).acts[-1]["interface"] == Interface.COMMAND


def test_whatever_keeps_somebody_out_is_unauthenticated_or_another_named_refusal() -> None:
    refusals = [
        thing for thing in vars(accounts_module).values() if isinstance(thing, type) and issubclass(thing, NodeError)
    ]
    outside = {TokenUnknown, TokenExpired, TokenRevoked, AccountDisabled, SessionIdle, NoSession}
    assert {kind for kind in refusals if issubclass(kind, Unauthenticated)} - {Unauthenticated} == outside


async def test_tokens_that_are_asked_for_together_are_each_judged_by_themselves(office: Office) -> None:
    one, other = await made(office), await made(office, "zhangsan")
    good = await office.accounts.sign_in("liwei", GOOD)
    revoked = await office.accounts.sign_in("zhangsan", GOOD)
    await office.accounts.revoke(other.account, acting(other.account), revoked.token.token_id)
    told = await asyncio.gather(
        *(office.accounts.authenticate(token) for token in [good.text, revoked.text, good.text[:-1] + "-"] * 20),
        return_exceptions=True,
    )
    assert [one.account if told_one == one.account else type(told_one) for told_one in told] == [
        one.account, TokenRevoked, TokenUnknown,
    ] * 20  # fmt: skip


async def test_a_token_revoked_amid_a_stream_of_requests_opens_nothing_from_then_on(office: Office) -> None:
    stored = await made(office)
    issued = await office.accounts.sign_in("liwei", GOOD)
    revoked = asyncio.Event()
    opened_afterwards = 0

    async def client() -> None:
        nonlocal opened_afterwards
        while True:
            late = revoked.is_set()
            try:
                await office.accounts.authenticate(issued.text)
            except TokenRevoked:
                return
            opened_afterwards += late

    clients = [asyncio.create_task(client()) for _ in range(8)]
    await asyncio.sleep(0.05)
    await office.accounts.revoke(stored.account, acting(stored.account), issued.token.token_id)
    revoked.set()
    await asyncio.wait_for(asyncio.gather(*clients), 10)
    assert not opened_afterwards
