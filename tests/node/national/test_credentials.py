from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from node.database import Pool
from node.national.access import IssuedKey
from node.national.credentials import KEY_ISSUED, AccessPending, Credentials
from node.national.signature import KeyPair
from node.sealing import Seal, SealBroken
from tests.support.docking import SEAL

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
GIVEN = KeyPair("of-the-settings", "the secret of the settings")
NEXT = IssuedKey(access_key="successor", secret_key="the secret of the successor")


class Clock:
    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def loaded(pool: Pool, clock: Clock, given: KeyPair | None = GIVEN, seal: Seal = SEAL) -> Credentials:
    credentials = Credentials(pool, seal, clock, given, key_days=90)
    await credentials.load()
    return credentials


async def test_without_any_key_pair_access_is_pending(pool: Pool, clock: Clock) -> None:
    credentials = await loaded(pool, clock, given=None)
    assert (credentials.granted, credentials.due, KEY_ISSUED._value.get()) == (False, False, 0)
    with pytest.raises(AccessPending):
        credentials.current()


async def test_the_pair_of_the_settings_signs_until_it_is_replaced(pool: Pool, clock: Clock) -> None:
    credentials = await loaded(pool, clock)
    assert credentials.current() == GIVEN
    await credentials.adopt(NEXT)
    assert credentials.current() == KeyPair(NEXT.access_key, NEXT.secret_key)
    # Also after a restart with the same settings, and after one with none.
    clock.at += timedelta(days=1)
    for given in (GIVEN, None):
        assert (await loaded(pool, clock, given)).current().access_key == "successor"


async def test_a_new_pair_in_the_settings_is_heard(pool: Pool, clock: Clock) -> None:
    await (await loaded(pool, clock)).adopt(NEXT)
    clock.at += timedelta(days=1)
    new = KeyPair("by-hand", "a secret given by hand")
    assert (await loaded(pool, clock, new)).current() == new
    same_key = KeyPair(GIVEN.access_key, "the right secret this time")
    assert (await loaded(pool, clock, same_key)).current() == same_key


async def test_a_clock_that_was_set_back_does_not_take_up_the_old_pair(pool: Pool, clock: Clock) -> None:
    credentials = await loaded(pool, clock)
    clock.at -= timedelta(days=400)
    await credentials.adopt(NEXT)
    assert credentials.current().access_key == "successor"


async def test_a_pair_is_due_at_its_age(pool: Pool, clock: Clock) -> None:
    credentials = await loaded(pool, clock)
    clock.at += timedelta(days=90) - timedelta(seconds=1)
    assert not credentials.due
    clock.at += timedelta(seconds=1)
    assert credentials.due
    await credentials.adopt(NEXT)
    assert not credentials.due
    assert KEY_ISSUED._value.get() == pytest.approx(clock.at.timestamp())


async def test_secrets_lie_sealed_and_bound_to_their_key(pool: Pool, clock: Clock) -> None:
    await (await loaded(pool, clock)).adopt(NEXT)
    rows = await pool.fetch(
        "SELECT access_key, secret_sealed, expires_at FROM national_credential ORDER BY issued_at"
    )
    assert [row["access_key"] for row in rows] == [GIVEN.access_key, NEXT.access_key]
    assert rows[0]["expires_at"] == AT
    assert not any(
        secret.encode() in row["secret_sealed"] for row in rows for secret in (GIVEN.secret_key, NEXT.secret_key)
    )
    with pytest.raises(SealBroken):
        await loaded(pool, clock, seal=Seal(b"another node's"))
    await pool.execute(
        "UPDATE national_credential SET secret_sealed = $1 WHERE access_key = $2",
        rows[0]["secret_sealed"],
        NEXT.access_key,
    )
    with pytest.raises(SealBroken):
        await loaded(pool, clock)
