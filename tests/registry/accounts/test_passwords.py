"""The bounded hashing of passwords."""

from __future__ import annotations

import asyncio
import time

from argon2 import Parameters
from argon2.low_level import Type
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from registry.accounts import passwords
from registry.accounts.passwords import Passwords, TooManySignIns

# Slow enough to be seen waiting, cheap enough for a test.
_SLOW = Parameters(
    type=Type.ID, version=19, salt_len=8, hash_len=16, time_cost=24, memory_cost=8 * 1024, parallelism=1
)


async def test_a_hash_knows_its_password_and_no_other() -> None:
    hashing = Passwords(CHEAPEST)
    hashed = await hashing.hash("Tr7-lampe-Kran")
    assert hashed.startswith("$argon2id$")
    assert await hashing.verify(hashed, "Tr7-lampe-Kran")
    assert not await hashing.verify(hashed, "Tr7-lampe-kran")
    assert not await hashing.verify(None, "Tr7-lampe-Kran")


async def test_the_default_is_the_low_memory_profile_of_rfc_9106() -> None:
    hashed = await Passwords().hash("Tr7-lampe-Kran")
    profile = RFC_9106_LOW_MEMORY
    assert f"m={profile.memory_cost},t={profile.time_cost},p={profile.parallelism}" in hashed


async def test_nobodys_password_costs_as_much_as_somebodys() -> None:
    hashing = Passwords(_SLOW)
    hashed = await hashing.hash("Tr7-lampe-Kran")

    async def cost(password_hash: str | None) -> float:
        began = time.process_time()
        await hashing.verify(password_hash, "wrong")
        return time.process_time() - began

    real, none = [], []
    for _ in range(7):
        real.append(await cost(hashed))
        none.append(await cost(None))
    assert 0.5 < min(none) / min(real) < 2


async def test_the_queue_has_a_bound_and_the_event_loop_stays_free() -> None:
    hashing = Passwords(_SLOW)
    hashed = await hashing.hash("Tr7-lampe-Kran")
    tasks = [asyncio.create_task(hashing.verify(hashed, "Tr7-lampe-Kran")) for _ in range(passwords.WAITING + 8)]
    longest = 0.0
    while not all(task.done() for task in tasks):
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - began)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes.count(True) == passwords.WAITING
    assert sum(isinstance(outcome, TooManySignIns) for outcome in outcomes) == 8
    assert longest < 1.0
    assert await hashing.verify(hashed, "Tr7-lampe-Kran")
