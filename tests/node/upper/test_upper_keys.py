"""Key pairs follow each other without a gap."""

from __future__ import annotations

import asyncio

import pytest

from node.national.access import Kind
from node.national.signature import KeyPair
from node.upper.keys import KeyUnknown, issue_key, new_key_pair, revoke_key
from tests.support.upper import SEAL, Below, Upper, moment

VERDICTS = "/v1/verdicts?after=0"


async def next_of(below: Below, keys: KeyPair | None = None) -> KeyPair:
    said = await below.ask("POST", "/v1/keys", keys=keys or below.keys)
    assert said.status == 200, said
    return KeyPair(said.content["access_key"], said.content["secret_key"])


async def holds(below: Below, keys: KeyPair) -> bool:
    return (await below.ask("GET", VERDICTS, keys=keys)).status == 200


def test_new_key_pairs_differ() -> None:
    pairs = {(keys.access_key, keys.secret_key) for keys in (new_key_pair() for _ in range(100))}
    assert len(pairs) == 100


async def test_a_secret_does_not_lie_open_in_the_table(upper: Upper, below: Below) -> None:
    (row,) = await upper.rows("SELECT secret_sealed FROM docking_key")
    assert below.keys.secret_key.encode() not in row["secret_sealed"]


async def test_both_keys_hold_until_the_old_one_has_expired(upper: Upper, below: Below) -> None:
    successor = await next_of(below)
    assert await holds(below, below.keys)
    assert await holds(below, successor)
    upper.clock.advance(hours=23, minutes=59)
    assert await holds(below, below.keys)
    upper.clock.advance(minutes=2)
    assert not await holds(below, below.keys)
    assert await holds(below, successor)


async def test_the_answer_says_until_when_the_old_key_holds_at_least(upper: Upper, below: Below) -> None:
    said = await below.ask("POST", "/v1/keys")
    assert (moment(said.content["previous_expires_at"]) - upper.clock()).total_seconds() == 24 * 3600


async def test_asked_again_before_its_first_use_the_successor_is_the_same(below: Below) -> None:
    first = await next_of(below)
    assert await next_of(below) == first
    assert await holds(below, first)


async def test_asked_twice_at_once_there_is_one_successor(upper: Upper, below: Below) -> None:
    assert len(set(await asyncio.gather(*[next_of(below) for _ in range(6)]))) == 1
    assert len(await upper.rows("SELECT 1 FROM docking_key")) == 2


async def test_whose_answer_was_lost_is_not_locked_out(upper: Upper, below: Below) -> None:
    """The old key begins to expire with the first use of the new one, not with its issue."""
    lost = await next_of(below)
    upper.clock.advance(days=30)
    assert await holds(below, below.keys)
    assert await next_of(below) == lost


async def test_who_holds_the_old_key_gets_no_second_successor(below: Below) -> None:
    assert await holds(below, await next_of(below))
    said = await below.ask("POST", "/v1/keys")
    assert (said.status, said.code, said.content["retry"]) == (409, "key_succeeded", False)


async def test_keys_follow_each_other_again_and_again(upper: Upper, below: Below) -> None:
    keys = below.keys
    for _ in range(4):
        successor = await next_of(below, keys)
        assert await holds(below, successor)
        upper.clock.advance(hours=25)
        assert not await holds(below, keys)
        keys = successor
    assert await holds(below, keys)


async def test_a_successor_is_for_the_same_prefix_and_the_same_certificate(upper: Upper) -> None:
    below = await upper.below("88.101.2001", Kind.ENTERPRISE)
    await next_of(below)
    rows = await upper.rows("SELECT name, kind, delegated_prefix, certificate_sha256 FROM docking_key")
    assert len(rows) == 2
    assert rows[0] == rows[1]


async def test_no_request_falls_between_two_keys(upper: Upper, below: Below) -> None:
    """Requests go on with whatever key is at hand while it is replaced."""
    keys = below.keys
    stop = asyncio.Event()

    async def deliver() -> int:
        sent = 0
        while not stop.is_set():
            said = await below.send(below.message("audit.note", {}), keys=keys)
            assert said.status == 200, said
            sent += 1
        return sent

    delivering = [asyncio.create_task(deliver()) for _ in range(3)]
    for _ in range(5):
        keys = await next_of(below, keys)
        await asyncio.sleep(0.05)
    stop.set()
    sent = sum(await asyncio.gather(*delivering))
    assert sent > 5
    assert len(await upper.rows("SELECT 1 FROM docked_message")) == sent


async def test_issuing_the_same_access_key_again_replaces_its_secret(upper: Upper, below: Below) -> None:
    other = KeyPair(below.keys.access_key, "another secret of the tests")
    async with upper.pool.acquire() as connection:
        await issue_key(
            connection, SEAL, other, name="n", kind=Kind.SECONDARY, delegated_prefix="88.101", at=upper.clock()
        )
    assert await holds(below, other)
    assert not await holds(below, below.keys)


async def test_a_key_that_there_is_not_cannot_be_revoked(upper: Upper) -> None:
    async with upper.pool.acquire() as connection:
        with pytest.raises(KeyUnknown):
            await revoke_key(connection, "nobody", upper.clock())


async def test_a_revoked_successor_is_followed_by_another(upper: Upper, below: Below) -> None:
    first = await next_of(below)
    async with upper.pool.acquire() as connection:
        await revoke_key(connection, first.access_key, upper.clock())
    second = await next_of(below)
    assert second != first
    assert await holds(below, second)
    assert not await holds(below, first)
