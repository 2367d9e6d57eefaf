"""The second factor: codes by time, each once; recovery codes; who may take it away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from node.auth import Account, NotAllowed, Role
from node.journal import Interface
from registry.accounts.one_time_codes import address_of, code_at, new_secret, read_code, step_of
from registry.accounts.second_factor import SecondFactorMissing, SecondFactorThere, SecondFactorWrong
from registry.accounts.signing_in import SecondFactorNeeded, SignInRefused
from registry.accounts.stored import AccountUnknown
from tests.support.office import Office, acting, person

GOOD = "Tr7-lampe-Kran"


async def made(office: Office, role: Role = Role.REVIEWER) -> Account:
    """An account that signs in as ``liwei``."""
    enterprise = await office.enterprise() if role in (Role.ENTERPRISE_USER, Role.APPLICATION) else None
    owner = enterprise.enterprise_id if enterprise else None
    return (await office.accounts.create(office.admin, acting(office.admin), "liwei", role, owner, GOOD)).account


async def enrolled(office: Office, who: Account) -> tuple[str, list[str]]:
    """The secret of somebody's second factor and the recovery codes; the next step's code is unused."""
    factors = office.accounts.second_factors
    secret = (await factors.begin(who)).secret
    codes = await factors.confirm(who, acting(who), code_at(secret, office.clock()))
    office.clock.turn(seconds=30)
    return secret, list(codes)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    # The table has eight digits; six are their end (RFC 4226 section 5.3).
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # "12345678901234567890" in base 32
    at = datetime.fromtimestamp(seconds, UTC)
    assert code_at(secret, at) == code
    assert step_of(secret, code, at) == seconds // 30


def test_a_code_is_good_one_step_to_either_side_and_no_further() -> None:
    secret, at = new_secret(), datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    for seconds, good in ((-60, False), (-30, True), (0, True), (30, True), (60, False)):
        found = step_of(secret, code_at(secret, at + timedelta(seconds=seconds)), at)
        assert (found is not None) is good


def test_what_people_type_is_read_as_they_mean_it() -> None:
    assert read_code(" 123 456 ") == "123456"
    assert read_code("abcde-fghjk") == "ABCDEFGHJK"
    assert read_code("１２３４５６") == ""
    assert read_code("") == ""


def test_the_address_names_node_and_account() -> None:
    address = address_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "li@wei", "示例节点")
    assert address.startswith("otpauth://totp/%E7%A4%BA%E4%BE%8B%E8%8A%82%E7%82%B9:li%40wei?secret=GEZDGNBV")


async def test_signing_in_asks_for_a_code_and_takes_each_once(office: Office) -> None:
    who = await made(office)
    secret, _ = await enrolled(office, who)
    with pytest.raises(SecondFactorNeeded):
        await office.accounts.sign_in("liwei", GOOD)
    code = code_at(secret, office.clock())
    assert await office.accounts.sign_in("liwei", GOOD, code=code)
    async with office.nothing_left():
        with pytest.raises(SecondFactorWrong):
            await office.accounts.sign_in("liwei", GOOD, code=code)
        with pytest.raises(SignInRefused):  # a code does not stand in for the password
            await office.accounts.sign_in("liwei", "wrong", code=code_at(secret, office.clock()))


async def test_one_code_opens_one_of_many_sign_ins_at_once(office: Office) -> None:
    who = await made(office)
    secret, _ = await enrolled(office, who)
    code = code_at(secret, office.clock())
    outcomes = await asyncio.gather(
        *(office.accounts.sign_in("liwei", GOOD, code=code) for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1


async def test_five_wrong_codes_lock_the_account(office: Office) -> None:
    who = await made(office)
    secret, _ = await enrolled(office, who)
    for _ in range(5):
        with pytest.raises(SecondFactorWrong):
            await office.accounts.sign_in("liwei", GOOD, code="000000")
    with pytest.raises(SignInRefused):
        await office.accounts.sign_in("liwei", GOOD, code=code_at(secret, office.clock()))
    office.clock.turn(minutes=15)
    assert await office.accounts.sign_in("liwei", GOOD, code=code_at(secret, office.clock()))


async def test_a_recovery_code_stands_in_once(office: Office) -> None:
    who = await made(office)
    _, codes = await enrolled(office, who)
    assert len(set(codes)) == 10
    assert await office.accounts.sign_in("liwei", GOOD, code=codes[3].lower())
    with pytest.raises(SecondFactorWrong):
        await office.accounts.sign_in("liwei", GOOD, code=codes[3])
    assert (await office.accounts.second_factors.state(who)).recovery_codes == 9


async def test_neither_secret_nor_recovery_codes_lie_open_in_the_database(office: Office) -> None:
    who = await made(office)
    secret, codes = await enrolled(office, who)
    rows = await office.pool.fetch(
        "SELECT concat(encode(f.secret, 'escape'), encode(r.code_digest, 'escape')) FROM second_factor f"
        " JOIN recovery_code r USING (account_id)"
    )
    kept = str([row[0] for row in rows]) + str(await office.traces())
    assert not [told for told in (secret, *codes, *(read_code(code) for code in codes)) if told in kept]


async def test_one_that_was_begun_is_not_asked_for_before_it_is_confirmed(office: Office) -> None:
    who = await made(office)
    factors = office.accounts.second_factors
    with pytest.raises(SecondFactorMissing):
        await factors.confirm(who, acting(who), "123456")
    first, second = await factors.begin(who), await factors.begin(who)
    assert await office.accounts.sign_in("liwei", GOOD)
    with pytest.raises(SecondFactorWrong):
        await factors.confirm(who, acting(who), code_at(first.secret, office.clock()))
    assert await factors.confirm(who, acting(who), code_at(second.secret, office.clock()))
    with pytest.raises(SecondFactorThere):
        await factors.begin(who)
    with pytest.raises(SecondFactorThere):
        await factors.confirm(who, acting(who), code_at(second.secret, office.clock()))


async def test_a_stolen_session_neither_removes_it_nor_guesses_for_long(office: Office) -> None:
    who = await made(office)
    secret, _ = await enrolled(office, who)
    factors = office.accounts.second_factors
    for _ in range(5):
        with pytest.raises(SecondFactorWrong):
            await factors.remove(who, acting(who), "000000")
    with pytest.raises(SecondFactorWrong):  # locked: not even the right one
        await factors.remove(who, acting(who), code_at(secret, office.clock()))
    office.clock.turn(minutes=15)
    await factors.remove(who, acting(who), code_at(secret, office.clock()))
    assert (await factors.state(who)).since is None
    assert await office.accounts.sign_in("liwei", GOOD)


async def test_an_administrator_takes_a_lost_one_away_and_nobody_else(office: Office) -> None:
    who = await made(office)
    await enrolled(office, who)
    factors = office.accounts.second_factors
    for role in (Role.REVIEWER, Role.AUDITOR):
        with pytest.raises(NotAllowed):
            await factors.remove_of(person(role), acting(who), who.account_id)
    async with office.leaving(None):
        await factors.remove_of(office.admin, acting(office.admin), who.account_id)
    assert await office.accounts.sign_in("liwei", GOOD)
    with pytest.raises(SecondFactorMissing):
        await factors.remove_of(office.admin, acting(office.admin), who.account_id)
    with pytest.raises(AccountUnknown):
        await factors.remove_of(office.admin, acting(office.admin), person(Role.AUDITOR).account_id)


async def test_programs_have_none(office: Office) -> None:
    program = await made(office, Role.APPLICATION)
    with pytest.raises(NotAllowed):
        await office.accounts.second_factors.begin(program)


async def test_the_ciphered_login_and_other_interfaces_are_no_way_around(office: Office) -> None:
    who = await made(office)
    await enrolled(office, who)
    with pytest.raises(SecondFactorNeeded):
        await office.accounts.sign_in("liwei", GOOD, interface=Interface.SNMS)
