"""The numbering plan: what it makes of an enterprise, what it passes over, and what nobody gets twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.auth import NotAllowed, Role
from node.database import Pool, open_pool
from node.identifier import Prefix
from registry.enterprises import Enterprise
from registry.numbering.allotting import NumbersExhausted
from registry.numbering.plan import DEFAULT_PLAN, NumberingPlan, Place, PlanInvalid, read_plan
from registry.numbering.reserved import (
    NumberRange,
    NumberRangeInvalid,
    NumberReserved,
    ReservationKind,
    ReservedNumbersUnknown,
)
from registry.prefixes import PrefixTaken
from registry.store import VersionChanged
from registry.transitions import PrefixState, Verb
from tests.support.office import Office, acting, person

ZHENHAI = Place("330211", "3443")


def plan(*segments: dict[str, Any]) -> NumberingPlan:
    return read_plan({"segments": list(segments)})


def serial(width: int, first: int = 1) -> dict[str, Any]:
    return {"kind": "serial", "width": width, "first": first}


async def applied(office: Office, enterprise: Enterprise, text: str | None = None, by: Any = None) -> str:
    who = by or office.user(enterprise)
    prefix = Prefix.parse(text) if text else None
    return (await office.prefixes.apply(who, acting(who), enterprise.enterprise_id, prefix)).prefix.key


async def set_plan(office: Office, made: NumberingPlan, version: int | None = None) -> int:
    return (await office.numbering.set_plan(office.admin, acting(office.admin), made, version)).version


async def reserve(office: Office, first: str, last: str | None = None) -> int:
    made = await office.reserved_numbers.add(
        office.admin, acting(office.admin), NumberRange.of(first, last), ReservationKind.VANITY, "靓号"
    )
    return made.reserved_number_id


# The plan itself ----------------------------------------------------------------------------------


def test_a_number_is_region_industry_and_fixed_digits_and_a_serial_number_with_leading_zeros() -> None:
    made = plan(
        {"kind": "region", "digits": 4},
        {"kind": "fixed", "digits": "08"},
        {"kind": "industry", "digits": 2},
        serial(5),
    )
    assert made.beginning(ZHENHAI) == "33020834"
    assert made.number(made.beginning(ZHENHAI), 17) == "3302083400017"
    assert read_plan(made.to_json()) == made


def test_an_industry_that_is_shorter_than_its_segment_or_a_letter_is_filled_up_with_zeros() -> None:
    made = plan({"kind": "industry", "digits": 4}, serial(3))
    assert [made.beginning(Place("330211", code)) for code in ("34", "344", "3443", "C")] == [
        "3400", "3440", "3443", "0000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"segments": []},
        {"segments": [serial(4)], "more": 1},
        {"segments": [{"kind": "region", "digits": 4}]},
        {"segments": [serial(4), serial(4)]},
        {"segments": [serial(4), {"kind": "fixed", "digits": "1"}]},
        {"segments": [{"kind": "region", "digits": 3}, serial(4)]},
        {"segments": [{"kind": "industry", "digits": 1}, serial(4)]},
        {"segments": [{"kind": "fixed", "digits": "1a"}, serial(4)]},
        {"segments": [{"kind": "letter"}, serial(4)]},
        {"segments": [{"kind": "fixed", "digits": "1", "width": 2}, serial(4)]},
        {"segments": [serial(13)]},
        {"segments": [serial(2, first=100)]},
        {"segments": [serial(True)]},
        {"segments": [{"kind": "fixed", "digits": "1" * 16}, serial(5)]},
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(definition: dict[str, Any]) -> None:
    with pytest.raises(PlanInvalid) as refusal:
        read_plan(definition)
    assert refusal.value.evidence["field"].startswith("segments")


# Allotment ----------------------------------------------------------------------------------------


async def test_without_a_plan_numbers_are_four_digits_from_2001_on(office: Office) -> None:
    enterprise = await office.enterprise()
    assert [await applied(office, enterprise) for _ in range(3)] == ["88.101.2001", "88.101.2002", "88.101.2003"]
    assert (await office.numbering.plan(office.auditor)).plan == DEFAULT_PLAN


async def test_each_beginning_has_serial_numbers_of_its_own(office: Office) -> None:
    await set_plan(office, plan({"kind": "region", "digits": 2}, serial(3)))
    here = await office.enterprise()  # of the division 330212
    there = await office.enterprise()
    await office.pool.execute(
        "UPDATE enterprise SET division_code = '442000' WHERE enterprise_id = $1", there.enterprise_id
    )
    assert [await applied(office, who) for who in (here, there, here)] == [
        "88.101.33001", "88.101.44001", "88.101.33002",
    ]  # fmt: skip


async def test_the_plan_passes_over_what_is_taken_or_kept_back_however_much_it_is(office: Office) -> None:
    enterprise = await office.enterprise()
    await applied(office, enterprise, "88.101.2001")
    await reserve(office, "2002")
    await reserve(office, "2003", "7999")
    await reserve(office, "20040", "20049")  # of another length
    assert await applied(office, enterprise) == "88.101.8000"
    assert await applied(office, enterprise) == "88.101.8001"


async def test_a_number_once_allotted_is_not_allotted_again_even_if_its_application_was_turned_down(
    office: Office,
) -> None:
    enterprise = await office.enterprise()
    first = Prefix.parse(await applied(office, enterprise))
    await office.prefixes.move(office.reviewer, acting(office.reviewer), first, Verb.REJECT, "理由")
    assert await applied(office, enterprise) == "88.101.2002"
    assert await applied(office, enterprise, first.text) == first.key  # by name it may be asked for


async def test_an_application_that_fails_gives_its_number_back(office: Office) -> None:
    enterprise = await office.enterprise()
    with pytest.raises(NotAllowed):
        await applied(office, enterprise, by=office.auditor)
    assert await applied(office, enterprise) == "88.101.2001"


async def test_a_plan_whose_numbers_are_all_given_says_so(office: Office) -> None:
    await set_plan(office, plan({"kind": "fixed", "digits": "7"}, serial(1, first=8)))
    enterprise = await office.enterprise()
    assert [await applied(office, enterprise) for _ in range(2)] == ["88.101.78", "88.101.79"]
    with pytest.raises(NumbersExhausted) as refusal:
        await applied(office, enterprise)
    assert refusal.value.evidence == {"beginning": "7"}


async def test_another_plan_is_followed_from_now_on_and_a_stale_one_is_refused(office: Office) -> None:
    enterprise = await office.enterprise()
    assert await applied(office, enterprise) == "88.101.2001"
    async with office.leaving(None):
        assert await set_plan(office, plan(serial(4, first=5001))) == 1
    assert await applied(office, enterprise) == "88.101.5001"
    assert await set_plan(office, plan(serial(6)), version=1) == 2
    assert await applied(office, enterprise) == "88.101.000001"
    for version in (None, 1):
        async with office.nothing_left():
            with pytest.raises(VersionChanged):
                await set_plan(office, DEFAULT_PLAN, version)
    assert await set_plan(office, plan(serial(4)), version=2) == 3
    assert await applied(office, enterprise) == "88.101.5002"


async def test_a_preview_takes_nothing(office: Office) -> None:
    await reserve(office, "2002")
    for _ in range(2):
        found = await office.numbering.preview(office.reviewer, ZHENHAI)
        assert [prefix.key for prefix in found] == ["88.101.2001", "88.101.2003", "88.101.2004"]
    tight = plan({"kind": "industry", "digits": 2}, serial(1, first=8))
    assert [prefix.key for prefix in await office.numbering.preview(office.admin, ZHENHAI, tight)] == [
        "88.101.348", "88.101.349",
    ]  # fmt: skip


async def test_staff_reads_the_plan_and_only_administrators_change_it(office: Office) -> None:
    user = office.user()
    for who in (user, person(Role.APPLICATION, user.enterprise_id)):
        with pytest.raises(NotAllowed):
            await office.numbering.plan(who)
    for who in (user, office.reviewer, office.auditor):
        with pytest.raises(NotAllowed):
            await office.numbering.set_plan(who, acting(who), DEFAULT_PLAN, None)
        with pytest.raises(NotAllowed):
            await office.reserved_numbers.add(who, acting(who), NumberRange.of("1"), ReservationKind.RESERVED, "x")


# Numbers that are kept back -----------------------------------------------------------------------


async def test_a_reserved_number_is_the_administrators_to_give(office: Office) -> None:
    enterprise = await office.enterprise()
    number = await reserve(office, "8880", "8889")
    async with office.nothing_left():
        with pytest.raises(NumberReserved) as refusal:
            await applied(office, enterprise, "88.101.8888")
    assert refusal.value.evidence == {"number": "8888"}
    assert await applied(office, enterprise, "88.101.8888", by=office.admin) == "88.101.8888"
    assert await applied(office, enterprise, "88.101.888") == "88.101.888"
    assert await applied(office, enterprise, "88.101.88A5") == "88.101.88A5"
    async with office.leaving(None):
        await office.reserved_numbers.remove(office.admin, acting(office.admin), number)
    assert await applied(office, enterprise, "88.101.8887") == "88.101.8887"
    with pytest.raises(ReservedNumbersUnknown):
        await office.reserved_numbers.remove(office.admin, acting(office.admin), number)


async def test_reserved_numbers_are_listed_in_pages(office: Office) -> None:
    numbers = [await reserve(office, str(first), str(first + 9)) for first in (3000, 4000, 5000)]
    listed = await office.reserved_numbers.list(office.auditor, limit=2)
    assert [one.reserved_number_id for one in listed] == numbers[:2]
    rest = await office.reserved_numbers.list(office.auditor, after=numbers[1])
    assert [(one.numbers.first, one.numbers.last, one.reason) for one in rest] == [("5000", "5009", "靓号")]
    assert await office.reserved_numbers.list(office.auditor, kind=ReservationKind.RESERVED) == []


@pytest.mark.parametrize(
    ("first", "last"), [("", None), ("12a", None), ("12", "123"), ("13", "12"), ("1" * 21, None)]
)
def test_what_is_no_range_of_numbers_is_refused(first: str, last: str | None) -> None:
    with pytest.raises(NumberRangeInvalid):
        NumberRange.of(first, last)


# Races --------------------------------------------------------------------------------------------

MANY = 50


async def many(office: Office) -> list[Enterprise]:
    return [await office.enterprise() for _ in range(MANY)]


@pytest.fixture
async def crowd(database_url: str, office: Office) -> Any:
    """The same office with a connection for each of fifty enterprises."""
    pool: Pool = await open_pool(database_url, "biaoshi_writer", size=MANY, seconds=30, name="crowd")
    yield Office(pool, office.clock)
    pool.terminate()


async def test_of_fifty_enterprises_that_ask_for_one_number_one_gets_it(office: Office, crowd: Office) -> None:
    enterprises = await many(office)
    outcomes = await asyncio.gather(
        *(applied(crowd, enterprise, "88.101.6666") for enterprise in enterprises), return_exceptions=True
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["88.101.6666"]
    assert sum(isinstance(outcome, PrefixTaken) for outcome in outcomes) == MANY - 1
    living = "SELECT count(*) FROM prefix WHERE prefix = '88.101.6666'"
    assert await office.pool.fetchval(living) == 1


async def test_fifty_enterprises_that_ask_for_the_next_number_get_fifty_consecutive_ones(
    office: Office, crowd: Office
) -> None:
    enterprises = await many(office)
    given = await asyncio.gather(*(applied(crowd, enterprise) for enterprise in enterprises))
    assert sorted(given) == [f"88.101.{number}" for number in range(2001, 2001 + MANY)]
    assert await office.pool.fetchval("SELECT count(*) FROM review WHERE subject_kind = 'prefix'") == MANY


async def test_the_plan_and_enterprises_with_wishes_never_give_a_number_twice(office: Office, crowd: Office) -> None:
    enterprise = await office.enterprise()
    wishes = [f"88.101.{2001 + number}" for number in range(0, MANY, 2)]
    outcomes = await asyncio.gather(
        *(applied(crowd, enterprise, wish) for wish in wishes),
        *(applied(crowd, enterprise) for _ in wishes),
        return_exceptions=True,
    )
    given = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(set(given)) == len(given)
    assert all(isinstance(outcome, str) for outcome in outcomes[len(wishes) :])
    assert all(isinstance(outcome, str | PrefixTaken) for outcome in outcomes)
    rows = await office.pool.fetch("SELECT prefix, state FROM prefix")
    assert sorted(given) == sorted(row["prefix"] for row in rows)
    assert {row["state"] for row in rows} == {PrefixState.APPLIED}
