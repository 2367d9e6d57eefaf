"""Changes by the Handle protocol that come at the same time: none is lost, none is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from node.administration import Done, HandleExists, HandleUnknown, InvalidValue, NotPermitted, RegistrationCountLimit
from node.database import Pool
from node.errors import NodeError
from node.record import decode_values
from registry.identifiers.identifiers import IdentifierExists
from registry.transitions import Verb
from tests.support.registrar import Registrar, opened, value
from tests.support.world import World, actor

NAME = value(2000, "NAME", "泵")
ROUNDS = 6
AT_ONCE = 8


@pytest.fixture
async def registrar(pool: Pool) -> Registrar:
    return await opened(World(pool), free_values=True)


async def together(*attempts: Any) -> list[Any]:
    """What comes of attempts made at once; only refusals with a name are answers."""
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    for answer in answers:
        assert not isinstance(answer, BaseException) or isinstance(answer, NodeError), repr(answer)
    return answers


def kinds(answers: list[Any]) -> Counter[str]:
    return Counter(type(answer).__name__ for answer in answers)


async def versions(registrar: Registrar, suffix: str) -> list[int]:
    """All versions in history, which must be those up to the one that stands."""
    rows = await registrar.world.pool.fetch(
        "SELECT version FROM identifier_history WHERE suffix_key = $1 ORDER BY version", suffix.upper()
    )
    found = [row["version"] for row in rows]
    assert found == list(range(1, (await registrar.standing(suffix))["version"] + 1))
    return found


async def test_of_many_that_create_one_handle_one_has_it(registrar: Registrar) -> None:
    for number in range(ROUNDS):
        answers = await together(
            *(registrar.create(f"r{number}", NAME, value(7, "BY", str(who))) for who in range(AT_ONCE))
        )
        assert kinds(answers) == {"Done": 1, "HandleExists": AT_ONCE - 1}
        winner = next(who for who, answer in enumerate(answers) if isinstance(answer, Done))
        assert (await registrar.stored(f"r{number}"))[7] == ("BY", str(winner).encode())
        assert await versions(registrar, f"r{number}") == [1]
    assert await registrar.world.pool.fetchval("SELECT registered FROM handle_policy") == ROUNDS


async def test_many_that_overwrite_one_handle_all_do_one_after_the_other(registrar: Registrar) -> None:
    answers = await together(
        *(registrar.create("r", NAME, value(7, "BY", str(who)), overwrite=True) for who in range(AT_ONCE))
    )
    assert Counter(answer.overwritten for answer in answers) == {False: 1, True: AT_ONCE - 1}
    assert len(await versions(registrar, "r")) == AT_ONCE
    assert await registrar.world.pool.fetchval("SELECT registered FROM handle_policy") == 1


async def test_of_the_protocol_and_v1_one_registers(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    for number in range(ROUNDS):
        suffix = f"v{number}"
        attempts = [registrar.create(suffix, NAME) for _ in range(4)] + [
            world.identifiers.register(
                holder.account, holder.actor, holder.identifier(suffix), "thing", {"name": "V"}
            )
            for _ in range(4)
        ]
        answers = await together(*attempts)
        refused = [answer for answer in answers if isinstance(answer, HandleExists | IdentifierExists)]
        assert len(refused) == 7
        assert await versions(registrar, suffix) == [1]


async def test_no_modification_is_lost(registrar: Registrar) -> None:
    await registrar.create("r", NAME, *(value(index, "N", "") for index in range(10, 10 + AT_ONCE)))
    answers = await together(*(registrar.modify("r", value(10 + who, "N", str(who))) for who in range(AT_ONCE)))
    assert kinds(answers) == {"Done": AT_ONCE}
    stored = await registrar.stored("r")
    assert [stored[10 + who][1] for who in range(AT_ONCE)] == [str(who).encode() for who in range(AT_ONCE)]
    assert len(await versions(registrar, "r")) == AT_ONCE + 1


async def test_no_modification_beside_an_update_by_v1_is_lost(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    identifier = holder.identifier("r")
    await registrar.create("r", NAME, value(7, "N", "old"))

    async def update() -> None:
        while True:
            found, _ = await world.identifiers.get(holder.account, identifier)
            try:
                await world.identifiers.update(
                    holder.account, holder.actor, identifier, found.version, {"name": "by v1"}
                )
            except NodeError:
                continue
            return

    await together(update(), registrar.modify("r", value(7, "N", "new")), registrar.add("r", value(8, "M", "m")))
    assert await registrar.stored("r") == {7: ("N", b"new"), 8: ("M", b"m"), 2000: ("NAME", b"by v1")}
    await versions(registrar, "r")


async def test_a_handle_that_is_deleted_and_changed_at_once_ends_in_one_of_the_two_orders(
    registrar: Registrar,
) -> None:
    for number in range(ROUNDS):
        suffix = f"d{number}"
        await registrar.create(suffix, NAME)
        deleted, modified = await together(
            registrar.delete(suffix), registrar.modify(suffix, value(2000, "NAME", "x"))
        )
        assert isinstance(deleted, Done)
        assert isinstance(modified, Done | HandleUnknown)
        assert await versions(registrar, suffix) == ([1, 2, 3] if isinstance(modified, Done) else [1, 2])
        assert (await registrar.standing(suffix))["state"] == 2


async def test_a_unique_value_goes_to_one_of_many(registrar: Registrar) -> None:
    answers = await together(*(registrar.create(f"u{who}", value(2001, "SERIAL", "S")) for who in range(AT_ONCE)))
    assert kinds(answers) == {"Done": 1, "InvalidValue": AT_ONCE - 1}
    for answer in answers:
        if isinstance(answer, InvalidValue):
            assert [fault["code"] for fault in answer.evidence["faults"]] == ["value_taken"]
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM identifier") == 1


async def test_the_last_place_of_a_quota_goes_to_one_of_many(registrar: Registrar) -> None:
    await registrar.policy(free_values=True, identifiers=3)
    answers = await together(*(registrar.create(f"q{who}", NAME) for who in range(AT_ONCE)))
    assert kinds(answers) == {"Done": 3, "RegistrationCountLimit": AT_ONCE - 3}
    refusal = next(answer for answer in answers if isinstance(answer, RegistrationCountLimit))
    assert refusal.evidence == {"limit": 3, "used": 3}
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM identifier") == 3


async def test_minted_handles_differ_though_they_are_minted_at_once(registrar: Registrar) -> None:
    await registrar.save_rule({"kind": "serial", "width": 4})
    await registrar.policy(coding_rule="number")
    answers = await together(*(registrar.create("", NAME, mint=True) for _ in range(AT_ONCE)))
    assert sorted(answer.handle for answer in answers) == [
        f"88.101.2001/{number:04d}" for number in range(1, AT_ONCE + 1)
    ]


async def test_a_prefix_that_is_suspended_meanwhile_lets_nothing_more_in(registrar: Registrar) -> None:
    admin = registrar.world.administrator
    answers = await together(
        *(registrar.create(f"s{who}", NAME) for who in range(4)),
        registrar.world.prefixes.move(admin, actor(admin), registrar.holder.prefix, Verb.SUSPEND, "停"),
        *(registrar.create(f"t{who}", NAME) for who in range(4)),
    )
    created = [answer for answer in answers if isinstance(answer, Done)]
    refused = [answer for answer in answers if isinstance(answer, NotPermitted)]
    assert len(created) + len(refused) == 2 * 4
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM identifier") == len(created)


async def test_values_added_at_once_all_stand(registrar: Registrar) -> None:
    await registrar.create("r", NAME)
    await together(*(registrar.add("r", value(10 + who, "N", str(who))) for who in range(AT_ONCE)))
    row = await registrar.standing("r")
    assert [one.index for one in decode_values(row["record"])] == [*range(10, 10 + AT_ONCE), 2000]
