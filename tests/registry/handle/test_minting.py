"""Minted handles: by the coding rule that the policy names, or by chance."""

from __future__ import annotations

import re
from random import Random

import pytest

from node.administration import CreateHandle, HandleExists, InvalidHandle, InvalidValue, OperationUnsupported
from node.database import Pool
from registry.handle.administration import HandleAdministration
from tests.support.registrar import Registrar, opened, value
from tests.support.world import NODE_PREFIX, World

NAME = value(2000, "NAME", "泵")


@pytest.fixture
async def registrar(pool: Pool) -> Registrar:
    return await opened(World(pool), free_values=True)


async def test_without_a_rule_chance_goes_on_where_the_suffix_begins(registrar: Registrar) -> None:
    done = await registrar.create("P-", NAME, mint=True)
    assert re.fullmatch(r"88\.101\.2001/P-[2-9A-HJ-NP-Z]{26}", done.handle)
    assert not done.overwritten
    suffix = done.handle.partition("/")[2]
    assert (await registrar.standing(suffix))["version"] == 1
    other = await registrar.create("", NAME, mint=True)
    assert re.fullmatch(r"88\.101\.2001/[2-9A-HJ-NP-Z]{26}", other.handle)


async def test_the_slash_may_be_left_out_where_the_whole_suffix_is_minted(registrar: Registrar) -> None:
    change = CreateHandle("88.101.2001", (NAME,), mint=True)
    await registrar.administration.check(change)
    done = await registrar.administration.perform(change, registrar.me, registrar.interface)
    assert re.fullmatch(r"88\.101\.2001/[2-9A-HJ-NP-Z]{26}", done.handle)


async def test_a_rule_takes_its_values_from_the_values_and_counts_on(registrar: Registrar) -> None:
    await registrar.save_rule(
        {"kind": "value", "name": "name", "case": "upper"}, {"kind": "literal", "text": "-"},
        {"kind": "serial", "width": 3},
    )  # fmt: skip
    await registrar.policy(coding_rule="number")
    made = [
        (await registrar.create(start, value(2000, "NAME", name), mint=True)).handle.partition("/")[2]
        for start, name in (("", "ab"), ("x/", "cd"), ("", "ef"))
    ]
    assert made == ["AB-001", "x/CD-002", "EF-003"]


async def test_what_stands_already_is_passed_over(registrar: Registrar) -> None:
    await registrar.create("1", NAME)
    await registrar.create("x3", NAME)
    await registrar.create("4", NAME)
    await registrar.delete("4")  # it was given out once
    await registrar.save_rule({"kind": "serial", "width": 1})
    await registrar.policy(coding_rule="number")
    made = [(await registrar.create(start, NAME, mint=True)).handle.partition("/")[2] for start in ("", "x", "")]
    assert made[0] == "2"
    assert made[1].startswith("x")
    assert made[1] != "x3"
    assert made[2] not in ("1", "2", "4")


async def test_chance_that_hits_what_stands_tries_again(registrar: Registrar) -> None:
    first = (await registrar.create("", NAME, mint=True)).handle
    again = HandleAdministration(registrar.world.pool, registrar.world.clock, NODE_PREFIX, Random(11))
    second = (
        await again.perform(CreateHandle("88.101.2001/", (NAME,), mint=True), registrar.me, registrar.interface)
    ).handle
    assert first != second
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM identifier") == 2


async def test_a_rule_that_can_make_only_what_stands_says_so(registrar: Registrar) -> None:
    await registrar.save_rule({"kind": "value", "name": "name"})
    await registrar.policy(coding_rule="number")
    await registrar.create("", value(2000, "NAME", "once"), mint=True)
    with pytest.raises(HandleExists):
        await registrar.create("", value(2000, "NAME", "ONCE"), mint=True)


async def test_a_rule_without_its_values_makes_nothing_and_takes_no_number(registrar: Registrar) -> None:
    await registrar.save_rule({"kind": "value", "name": "weight"}, {"kind": "serial", "width": 3})
    await registrar.policy(coding_rule="number")
    with pytest.raises(InvalidValue) as refusal:
        await registrar.create("", NAME, mint=True)
    assert [fault["code"] for fault in refusal.value.evidence["faults"]] == ["coding_value_missing"]
    done = await registrar.create("", value(2002, "WEIGHT", "5"), mint=True)
    assert done.handle == "88.101.2001/5001"


async def test_a_refused_creation_gives_its_number_back(registrar: Registrar) -> None:
    await registrar.save_rule({"kind": "serial", "width": 3})
    await registrar.create("a", value(2001, "SERIAL", "S"))
    await registrar.policy(coding_rule="number")
    with pytest.raises(InvalidValue):
        await registrar.create("", value(2001, "SERIAL", "S"), mint=True)
    assert (await registrar.create("", NAME, mint=True)).handle == "88.101.2001/001"


async def test_looking_for_faults_takes_no_number(registrar: Registrar) -> None:
    await registrar.save_rule({"kind": "serial", "width": 3})
    await registrar.policy(coding_rule="number")
    for _ in range(3):
        await registrar.administration.check(CreateHandle("88.101.2001/", (NAME,), mint=True))
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM coding_serial") == 0


@pytest.mark.parametrize("start", [" ", "\u200b", "x" * 240])
async def test_a_beginning_that_no_suffix_has_is_refused(registrar: Registrar, start: str) -> None:
    with pytest.raises(InvalidHandle):
        await registrar.administration.check(CreateHandle(f"88.101.2001/{start}", (NAME,), mint=True))


async def test_a_rule_that_makes_the_suffix_too_long_is_refused(registrar: Registrar) -> None:
    await registrar.save_rule(*({"kind": "value", "name": "name"}, {"kind": "literal", "text": "y" * 60}))
    await registrar.policy(coding_rule="number")
    with pytest.raises(InvalidHandle):
        await registrar.create("", value(2000, "NAME", "x" * 200), mint=True)


async def test_prefixes_are_not_minted(registrar: Registrar) -> None:
    with pytest.raises(OperationUnsupported):
        await registrar.administration.check(CreateHandle("0.NA/88.101.2001", (NAME,), mint=True))


async def test_overwriting_has_no_meaning_for_what_is_new(registrar: Registrar) -> None:
    done = await registrar.create("", NAME, mint=True, overwrite=True)
    assert not done.overwritten
