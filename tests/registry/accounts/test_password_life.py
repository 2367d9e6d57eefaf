"""How long a password lives, what may follow it, and who is exempt; what the steward takes away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from argon2.profiles import CHEAPEST

from node.auth import NotAllowed, Role
from node.database import Pool
from node.sealing import Seal
from registry.accounts.access_keys import AccessKeys
from registry.accounts.accounts import Accounts
from registry.accounts.entrance import HalfOpen, Place
from registry.accounts.one_time_codes import code_at
from registry.accounts.password_policy import DENGBAO, NIST, PasswordTooWeak
from registry.accounts.passwords import Passwords
from registry.accounts.purging import purge
from registry.accounts.rules import AccountRules
from registry.accounts.second_factor import SecondFactorWrong
from registry.accounts.signing_in import PasswordExpired
from tests.support.office import Office, acting

GOOD = "Tr7-lampe-Kran"
PLACE = Place("192.0.2.7", "Browser\n\0" + "x" * 300)


def under(pool: Pool, rules: AccountRules) -> Office:
    office = Office(pool)
    office.accounts = Accounts(pool, office.clock, Passwords(CHEAPEST), seal=Seal(bytes(32)), rules=rules)
    return office


def later(number: int) -> str:
    """One of many passwords that meet the policy."""
    return f"Zw8.Fluss-hafen-{number}q"


async def test_a_password_is_over_after_ninety_days_and_leads_to_a_new_one(office: Office) -> None:
    made = await office.accounts.create(office.admin, acting(office.admin), "liwei", Role.REVIEWER, None, GOOD)
    assert await office.accounts.password_ends_at(made.account) == office.clock() + timedelta(days=90)
    office.clock.turn(days=89, hours=23)
    assert await office.accounts.sign_in("liwei", GOOD)
    office.clock.turn(hours=1)
    with pytest.raises(PasswordExpired):
        await office.accounts.sign_in("liwei", GOOD)
    with pytest.raises(PasswordTooWeak) as again:
        await office.accounts.sign_in("liwei", GOOD, new_password=GOOD)
    assert [fault["code"] for fault in again.value.evidence["faults"]] == ["used_before"]
    issued = await office.accounts.sign_in("liwei", GOOD, new_password=later(0))
    assert await office.accounts.authenticate(issued.text) == made.account
    assert [act["action"] for act in (await office.traces()).acts[-2:]] == ["account.change_password", "token.create"]
    assert await office.accounts.sign_in("liwei", later(0))


async def test_the_last_five_do_not_come_again_and_the_sixth_may(office: Office) -> None:
    made = await office.accounts.create(office.admin, acting(office.admin), "liwei", Role.REVIEWER, None, GOOD)
    admin, account_id = office.admin, made.account.account_id
    used = [GOOD]
    for number in range(5):
        office.clock.turn(minutes=1)
        for password in used[-5:]:
            with pytest.raises(PasswordTooWeak):
                await office.accounts.set_password(admin, acting(admin), account_id, password)
        await office.accounts.set_password(admin, acting(admin), account_id, later(number))
        used.append(later(number))
    assert await office.pool.fetchval("SELECT count(*) FROM past_password") == 4
    await office.accounts.set_password(admin, acting(admin), account_id, GOOD)


async def test_programs_and_access_keys_are_exempt(office: Office) -> None:
    enterprise = await office.enterprise()
    admin = office.admin
    program = await office.accounts.create(
        admin, acting(admin), "mes", Role.APPLICATION, enterprise.enterprise_id, GOOD
    )
    user = await office.accounts.create(
        admin, acting(admin), "liwei", Role.ENTERPRISE_USER, enterprise.enterprise_id, GOOD
    )
    keys = AccessKeys(office.pool, office.clock, office.accounts.credentials)
    pair = await keys.create(user.account, acting(user.account), user.account.account_id, "MES")
    office.clock.turn(days=400)
    assert await office.accounts.sign_in("mes", GOOD)
    assert await office.accounts.password_ends_at(program.account) is None
    assert await office.accounts.sign_in(pair.key.access_key, pair.secret)
    with pytest.raises(PasswordExpired):
        await office.accounts.sign_in("liwei", GOOD)
    for name, secret in (("mes", GOOD), (pair.key.access_key, pair.secret)):
        with pytest.raises(NotAllowed):
            await office.accounts.sign_in(name, secret, new_password=later(0))


async def test_nist_and_a_life_of_none_never_end(pool: Pool) -> None:
    for name, policy in (("a-1", NIST), ("a-2", replace(DENGBAO, life=None))):
        office = under(pool, AccountRules(policy=policy))
        made = await office.accounts.create(office.admin, acting(office.admin), name, Role.AUDITOR, None, GOOD)
        office.clock.turn(days=4000)
        assert await office.accounts.sign_in(name, GOOD)
        assert await office.accounts.password_ends_at(made.account) is None


async def test_a_password_contains_no_name_of_its_enterprise(office: Office) -> None:
    enterprise = await office.enterprise()
    await office.pool.execute("UPDATE enterprise SET name_en = 'Fujiang Valves'")
    for password in (f"Kq7!{enterprise.facts.name}", "Kq7!-fujiang-xw"):
        with pytest.raises(PasswordTooWeak) as refusal:
            await office.accounts.create(
                office.admin, acting(office.admin), "liwei", Role.ENTERPRISE_USER, enterprise.enterprise_id, password
            )
        assert "context" in [fault["code"] for fault in refusal.value.evidence["faults"]]


async def test_an_expired_password_and_a_second_factor_are_both_asked_for_in_order(office: Office) -> None:
    made = await office.accounts.create(office.admin, acting(office.admin), "liwei", Role.REVIEWER, None, GOOD)
    factors, entrance = office.accounts.second_factors, office.accounts.entrance
    secret = (await factors.begin(made.account)).secret
    await factors.confirm(made.account, acting(made.account), code_at(secret, office.clock()))
    office.clock.turn(days=90)
    first = await entrance.begin("liwei", GOOD, PLACE)
    assert isinstance(first, HalfOpen)
    with pytest.raises(SecondFactorWrong):
        await entrance.give_code(first.text, "000000", PLACE)
    second = await entrance.give_code(first.text, code_at(secret, office.clock()), PLACE)
    assert isinstance(second, HalfOpen)
    assert [first.step, second.step] == ["code", "password"]
    issued = await entrance.give_password(second.text, later(0), PLACE)
    assert not isinstance(issued, HalfOpen)
    assert await office.accounts.visit(issued.text) == made.account
    (listed,) = await office.accounts.tokens(made.account)
    assert listed.used_at is not None
    assert (listed.used_at.source, listed.used_at.user_agent) == ("192.0.2.7", "Browser" + "x" * 193)


async def test_what_nobody_needs_any_more_is_taken_away(office: Office) -> None:
    made = await office.accounts.create(office.admin, acting(office.admin), "liwei", Role.REVIEWER, None, GOOD)
    await office.accounts.second_factors.begin(made.account)
    await office.accounts.entrance.begin("liwei", GOOD, PLACE)
    for _ in range(3):
        await office.accounts.sign_in("liwei", GOOD)
    kept = (
        "SELECT (SELECT count(*) FROM token), (SELECT count(*) FROM console_session),"
        " (SELECT count(*) FROM second_factor)"
    )
    assert await purge(office.pool, office.clock()) == 0
    assert tuple(await office.pool.fetchrow(kept)) == (4, 1, 1)
    office.clock.turn(days=30, hours=12)
    await office.accounts.sign_in("liwei", GOOD)
    assert await purge(office.pool, office.clock()) == 1  # the session of the console ended after twelve hours
    assert tuple(await office.pool.fetchrow(kept)) == (4, 0, 0)
    office.clock.turn(hours=12)
    assert await purge(office.pool, office.clock()) == 3
    acts = [act["action"] for act in (await office.traces()).acts]
    assert acts.count("token.create") == 5
