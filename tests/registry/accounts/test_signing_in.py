"""Ways in beside the password: the digest of one and a day, and access keys. Vectors: the guides of SNMS."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from argon2.profiles import CHEAPEST

from node.auth import Account, NotAllowed, Role
from node.database import Pool
from node.journal import Interface
from node.sealing import Seal
from registry.accounts.access_keys import AccessKeys, AccessKeyUnknown, TooManyAccessKeys
from registry.accounts.accounts import Accounts
from registry.accounts.adding import EmailTaken, MobileTaken
from registry.accounts.contact import Contact
from registry.accounts.digests import day_digest, inner_digest, is_of_these_days
from registry.accounts.passwords import Passwords
from registry.accounts.signing_in import DigestLoginOff, SignInRefused
from registry.accounts.stored import StoredAccount
from tests.support.office import Office, acting

GOOD = "Tr7-lampe-Kran"


@pytest.fixture
def ciphered(pool: Pool) -> Office:
    """An office where the ciphered login is on."""
    office = Office(pool)
    office.accounts = Accounts(pool, office.clock, Passwords(CHEAPEST), seal=Seal(bytes(32)), digest_login=True)
    return office


async def reviewer(office: Office, name: str = "liwei", contact: Contact | None = None) -> StoredAccount:
    admin = office.admin
    return await office.accounts.create(admin, acting(admin), name, Role.REVIEWER, None, GOOD, contact or Contact())


def keys_of(office: Office) -> AccessKeys:
    return AccessKeys(office.pool, office.clock, office.accounts.credentials)


def sent(password: str, office: Office) -> str:
    return day_digest(inner_digest(password), office.clock().date())


def test_the_published_digests_come_out() -> None:
    assert inner_digest("123456") == "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"
    published = "58e2c92c46485fdbc35fdcd0814d6c0f000cad5aa156848ca5edaf29406b7661"
    assert day_digest(inner_digest("123456"), date(2019, 8, 15)) == published
    assert day_digest(inner_digest("12345"), date(2019, 8, 15)) != published
    assert inner_digest("Demo#2030") == "8ac64d54e71e0d6ef0e594d0cdc0a06f28c2b0f3c426735847b9f1b7ee46a705"
    composed = "1b179180e9157b826d54c116dd5f4233bf7ab3a403ed6906e4bdc0c5462bc653"
    assert day_digest(inner_digest("Demo#2030"), date(2030, 1, 2)) == composed


def test_a_digest_is_good_for_the_days_beside_today_in_china() -> None:
    inner = inner_digest(GOOD)
    late = datetime(2030, 1, 1, 16, 30, tzinfo=UTC)  # 00:30 on the second in Shanghai
    good = {day for day in range(1, 6) if is_of_these_days(inner, day_digest(inner, date(2030, 1, day)), late)}
    assert good == {1, 2, 3}


async def test_whoever_sends_the_digest_of_the_day_signs_in(ciphered: Office) -> None:
    stored = await reviewer(ciphered)
    issued = await ciphered.accounts.sign_in_by_digest("liwei", sent(GOOD, ciphered), interface=Interface.SNMS)
    assert await ciphered.accounts.authenticate(issued.text) == stored.account
    ciphered.clock.turn(days=2)
    with pytest.raises(SignInRefused):
        await ciphered.accounts.sign_in_by_digest("liwei", sent("other", ciphered), interface=Interface.SNMS)


async def test_wrong_digests_lock_the_account_as_wrong_passwords_do(ciphered: Office) -> None:
    await reviewer(ciphered)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await ciphered.accounts.sign_in_by_digest("liwei", "0" * 64, interface=Interface.SNMS)
    for way in (
        ciphered.accounts.sign_in_by_digest("liwei", sent(GOOD, ciphered), interface=Interface.SNMS),
        ciphered.accounts.sign_in("liwei", GOOD),
    ):
        with pytest.raises(SignInRefused):
            await way


async def test_where_the_ciphered_login_is_off_no_digest_is_kept_or_taken(office: Office) -> None:
    await reviewer(office)
    with pytest.raises(DigestLoginOff):
        await office.accounts.sign_in_by_digest("liwei", sent(GOOD, office), interface=Interface.SNMS)
    assert await office.pool.fetchval("SELECT count(verifier) FROM account") == 0


async def test_the_kept_digest_follows_the_switch_at_the_next_sign_in(office: Office, ciphered: Office) -> None:
    await reviewer(office)
    await ciphered.accounts.sign_in("liwei", GOOD)
    await ciphered.accounts.sign_in_by_digest("liwei", sent(GOOD, ciphered), interface=Interface.SNMS)
    kept = await office.pool.fetchval("SELECT verifier FROM account WHERE name = 'liwei'")
    assert inner_digest(GOOD).encode() not in kept
    await office.accounts.sign_in("liwei", GOOD)
    assert await office.pool.fetchval("SELECT count(verifier) FROM account") == 0


async def test_a_new_password_ends_the_digest_of_the_old_one(ciphered: Office) -> None:
    account_id = (await reviewer(ciphered)).account.account_id
    await ciphered.accounts.set_password(ciphered.admin, acting(ciphered.admin), account_id, "Zw8.Fluss-hafen")
    with pytest.raises(SignInRefused):
        await ciphered.accounts.sign_in_by_digest("liwei", sent(GOOD, ciphered), interface=Interface.SNMS)
    new = sent("Zw8.Fluss-hafen", ciphered)
    await ciphered.accounts.sign_in_by_digest("liwei", new, interface=Interface.SNMS)


async def test_an_access_key_signs_in_by_its_secret_key_in_both_ways(ciphered: Office) -> None:
    stored = await reviewer(ciphered)
    account_id = stored.account.account_id
    keys = keys_of(ciphered)
    async with ciphered.leaving(None):
        issued = await keys.create(ciphered.admin, acting(ciphered.admin), account_id, "MES")
    name, secret = issued.key.access_key, issued.secret
    assert len(name) <= 50
    assert len(secret) <= 64
    for token in (
        await ciphered.accounts.sign_in(name, secret),
        await ciphered.accounts.sign_in_by_digest(name, sent(secret, ciphered), interface=Interface.SNMS),
    ):
        assert await ciphered.accounts.authenticate(token.text) == stored.account
    kept = str(await ciphered.pool.fetchrow("SELECT * FROM access_key")) + str(await ciphered.traces())
    assert secret not in kept
    assert inner_digest(secret) not in kept
    await keys.revoke(ciphered.admin, acting(ciphered.admin), account_id, name)
    with pytest.raises(SignInRefused):
        await ciphered.accounts.sign_in(name, secret)


async def test_wrong_secret_keys_shut_nobody_out_and_a_locked_account_keeps_its_keys(office: Office) -> None:
    account_id = (await reviewer(office)).account.account_id
    issued = await keys_of(office).create(office.admin, acting(office.admin), account_id, "")
    for _ in range(6):
        with pytest.raises(SignInRefused):
            await office.accounts.sign_in(issued.key.access_key, "wrong")
        with pytest.raises(SignInRefused):
            await office.accounts.sign_in("liwei", "wrong")
    assert await office.accounts.sign_in(issued.key.access_key, issued.secret)
    with pytest.raises(SignInRefused):
        await office.accounts.sign_in("liwei", GOOD)
    await office.accounts.disable(office.admin, acting(office.admin), account_id)
    with pytest.raises(SignInRefused):
        await office.accounts.sign_in(issued.key.access_key, issued.secret)


async def test_access_keys_are_ones_own_or_the_administrators_business(office: Office) -> None:
    enterprise = await office.enterprise()
    admin = office.admin
    made = await office.accounts.create(
        admin, acting(admin), "demo", Role.ENTERPRISE_USER, enterprise.enterprise_id, GOOD
    )
    own, keys = made.account, keys_of(office)
    issued = await keys.create(own, acting(own), own.account_id, "own")
    colleague = Account(uuid4(), "colleague", Role.ENTERPRISE_USER, own.enterprise_id)
    for someone in (colleague, office.reviewer, office.auditor):
        with pytest.raises(NotAllowed):
            await keys.list(someone, own.account_id)
    assert [key.label for key in await keys.list(admin, own.account_id)] == ["own"]
    with pytest.raises(AccessKeyUnknown):
        await keys.revoke(admin, acting(admin), admin.account_id, issued.key.access_key)
    for number in range(19):
        await keys.create(own, acting(own), own.account_id, str(number))
    with pytest.raises(TooManyAccessKeys):
        await keys.create(own, acting(own), own.account_id, "one more")


async def test_an_address_belongs_to_one_account_and_is_not_readable_in_the_database(office: Office) -> None:
    contact = Contact(email="Ops@example.com", mobile="13800000000")
    stored = await reviewer(office, contact=contact)
    assert office.accounts.contact_of(stored) == contact
    assert office.accounts.contact_of(await reviewer(office, "nobody")) == Contact()
    with pytest.raises(EmailTaken):
        await reviewer(office, "second", Contact(email="ops@EXAMPLE.com"))
    with pytest.raises(MobileTaken):
        await reviewer(office, "second", Contact(mobile="13800000000"))
    rows = str([tuple(row) for row in await office.pool.fetch("SELECT * FROM account")]) + str(await office.traces())
    assert "13800000000" not in rows
    assert "example.com" not in rows.lower()
