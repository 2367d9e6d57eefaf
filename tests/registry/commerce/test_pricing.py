"""Terms and charges: whole 分, by the days that are covered."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.commerce.pricing import InvalidTerms, Price, Service, Terms, fee_for, lines_for, read_terms

USED = dict.fromkeys(Service, 0)


def test_what_is_included_costs_nothing_and_a_begun_unit_costs_a_whole_one() -> None:
    terms = Terms(0, {Service.REGISTRATIONS: Price(included=1000, unit=100, price=5)})
    amounts = []
    for used in (0, 1000, 1001, 1100, 1101):
        (line,) = lines_for(terms, {**USED, Service.REGISTRATIONS: used}, 30, 30)
        amounts.append((line.units, line.amount))
    assert amounts == [(0, 0), (0, 0), (1, 5), (1, 5), (2, 10)]


def test_part_of_a_month_costs_part_of_the_fee_and_includes_part() -> None:
    terms = Terms(100_00, {Service.RESOLUTIONS: Price(included=1000, unit=1, price=1)})
    assert [fee_for(terms, days, 30) for days in (30, 15, 1)] == [100_00, 50_00, 3_33]
    (line,) = lines_for(terms, {**USED, Service.RESOLUTIONS: 400}, 10, 30)
    assert (line.included, line.units, line.amount) == (334, 66, 66)


@given(
    st.integers(0, 10**9), st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 10**9), st.integers(1, 31),
    st.integers(28, 31),
)  # fmt: skip
def test_charges_are_those_of_exact_fractions(
    included: int, unit: int, price: int, used: int, days: int, of_days: int
) -> None:
    terms = Terms(price, {Service.CHANGES: Price(included, unit, price)})
    (line,) = lines_for(terms, {**USED, Service.CHANGES: used}, days, of_days)
    free = ceil(Fraction(included * days, of_days))
    assert line.amount == ceil(Fraction(max(0, used - free), unit)) * price
    assert fee_for(terms, days, of_days) == floor(Fraction(price * days, of_days))


def test_terms_read_back_as_they_were_said() -> None:
    said: dict[str, Any] = {
        "monthly_fee": 5, "prices": {"deletions": {"included": 1, "unit": 2, "price": 3}},
    }  # fmt: skip
    assert read_terms(said).to_json() == said
    assert read_terms({"monthly_fee": 0}).prices == {}


def test_everything_wrong_with_terms_is_said_at_once() -> None:
    with pytest.raises(InvalidTerms) as refusal:
        read_terms({
            "monthly_fee": -1,
            "prices": {"storage": {}, "changes": {"included": 1.5, "unit": 0, "price": True}},
        })  # fmt: skip
    assert [fault["field"] for fault in refusal.value.evidence["faults"]] == [
        "monthly_fee", "prices.storage", "prices.changes.included", "prices.changes.unit", "prices.changes.price",
    ]  # fmt: skip
