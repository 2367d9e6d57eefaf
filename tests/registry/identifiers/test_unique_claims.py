"""Unique values among identifiers that change at once: exchanged freely, never held twice."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from registry.identifiers.unique_claims import Claim, losers


def value(text: str) -> Claim:
    return 1, 2001, text


def wanting(**values: str) -> dict[str, list[Claim]]:
    return {key: [value(text)] for key, text in values.items()}


def holding(**values: str) -> dict[Claim, str]:
    return {value(text): key for key, text in values.items()}


def test_two_identifiers_may_exchange_their_values() -> None:
    assert losers(wanting(A="2", B="1"), holding(A="1", B="2")) == {}


def test_a_value_of_one_that_does_not_change_is_taken() -> None:
    assert losers(wanting(A="3"), holding(A="1", C="3")) == {"A": value("3")}


def test_the_first_of_two_that_ask_gets_the_value() -> None:
    assert losers(wanting(B="5", A="5"), {}) == {"A": value("5")}


def test_who_keeps_its_value_comes_before_who_asks_for_it() -> None:
    assert losers(wanting(A="2", B="2"), holding(A="1", B="2")) == {"A": value("2")}


def test_what_a_refused_one_keeps_nobody_else_gets() -> None:
    wanted = wanting(A="2", B="3", C="4")
    held = holding(A="1", B="2", C="3", D="4")
    assert losers(wanted, held) == {"C": value("4"), "B": value("3"), "A": value("2")}


def test_a_long_row_of_refusals_takes_no_time() -> None:
    count = 5000
    wanted = {f"K{number}": [value(str(number + 1))] for number in range(count)}
    held = {value(str(number)): f"K{number}" for number in range(count)} | {value(str(count)): "other"}
    begin = time.perf_counter()
    assert len(losers(wanted, held)) == count
    assert time.perf_counter() - begin < 1


KEYS = ["A", "B", "C", "D", "E"]
CLAIMS = [value(text) for text in "12345"] + [(1, 2002, text) for text in "12"]
WANTED = st.dictionaries(st.sampled_from(KEYS[:4]), st.lists(st.sampled_from(CLAIMS), max_size=2, unique=True))
HELD = st.dictionaries(st.sampled_from(CLAIMS), st.sampled_from(KEYS))


@given(WANTED, HELD)
def test_in_the_end_everybody_holds_what_nobody_else_holds(
    wanted: dict[str, list[Claim]], held: dict[Claim, str]
) -> None:
    lost = losers(
        wanted, {claim: key for claim, key in held.items() if any(claim in asked for asked in wanted.values())}
    )
    after: dict[Claim, str] = {claim: key for claim, key in held.items() if key not in wanted or key in lost}
    for key, claims in wanted.items():
        for claim in claims if key not in lost else ():
            assert after.setdefault(claim, key) == key
    for key, claim in lost.items():
        assert claim in wanted[key]
        assert held.get(claim) != key


@given(st.permutations("12345"))
def test_any_exchange_among_themselves_succeeds(order: list[str]) -> None:
    assert losers({key: [value(text)] for key, text in zip(KEYS, order, strict=True)},
                  {value(text): key for key, text in zip(KEYS, "12345", strict=True)}) == {}  # fmt: skip
