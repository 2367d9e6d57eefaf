"""A drawn day: its totals, its shares, its quiet time, and nobody who asks twice by accident."""

from __future__ import annotations

from collections import Counter

import pytest

from loadtest.days.plan import FIRST, LAST, READ, SHARES, Ask, Kind, Stock, What, draw_day, in_all

STOCK = Stock(24, 2_000)


@pytest.fixture(scope="module")
def day() -> list[Ask]:
    return draw_day(STOCK, 20_000, 3)


def test_the_same_day_is_drawn_again_and_another_is_another(day: list[Ask]) -> None:
    assert draw_day(STOCK, 20_000, 3) == day
    assert draw_day(STOCK, 20_000, 4) != day


def test_it_has_the_criterion_and_its_shares_of_unknown_identifiers_and_writes(day: list[Ask]) -> None:
    told = in_all(day)
    assert 20_000 < told["valid"] <= 20_800
    assert told["unknown"] / told["resolutions"] == pytest.approx(0.05, abs=0.001)
    writes = told["registered"] + told["updated"]
    assert writes / (writes + told["resolutions"]) == pytest.approx(0.02, abs=0.001)


def test_nothing_is_sent_around_midnight_and_the_day_has_its_shifts(day: list[Ask]) -> None:
    assert all(FIRST <= ask.at < LAST for ask in day)
    assert [ask.at for ask in day] == sorted(ask.at for ask in day)
    hours = Counter(int(ask.at // 3600) for ask in day)
    assert hours[9] > 5 * hours[3]
    assert hours[12] < hours[11]


def test_no_client_asks_again_for_an_identifier_but_by_plan(day: list[Ask]) -> None:
    found = [ask for ask in day if ask.what is not What.UNKNOWN and ask.kind in SHARES]
    asked = Counter((ask.source, ask.enterprise, ask.number, ask.what) for ask in found)
    assert set(asked.values()) == {1}
    assert any(ask.twice for ask in day)


def test_what_is_updated_is_read_only_when_it_is_read_back(day: list[Ask]) -> None:
    kept = int(STOCK.identifiers * READ)
    assert all(ask.number < kept for ask in day if ask.what is What.KNOWN)
    updates = [(ask.enterprise, ask.number) for ask in day if ask.kind is Kind.UPDATE]
    assert len(set(updates)) == len(updates)
    assert all(kept <= number < STOCK.identifiers for _, number in updates)
    changed = {(ask.enterprise, ask.number): ask.at for ask in day if ask.kind is Kind.UPDATE}
    read_back = [ask for ask in day if ask.what is What.CHANGED and ask.kind is Kind.APP]
    assert read_back
    assert all(ask.at > changed[ask.enterprise, ask.number] for ask in read_back)
