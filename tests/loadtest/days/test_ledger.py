"""The clients' account of a day, and what makes it equal to the node's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtest.days.comparing import Pair, pairs_of
from loadtest.days.ledger import HIT, JSON, MISSING, UDP, DayLedger, read_ledgers
from loadtest.days.plan import Ask, Kind, What

PREFIX = "88.101.2001"


def booked() -> DayLedger:
    ledger = DayLedger("2026-01-01")
    for number in range(3):
        ledger.book(Ask(3600.0, Kind.APP, "127.20.0.1", 0, number), PREFIX, 1.5)
    ledger.book(Ask(7200.0, Kind.NODE, "127.30.0.1", 0, 1, What.UNKNOWN), PREFIX, 1.5)
    ledger.book(Ask(7200.0, Kind.REGISTER, "127.40.0.1", 0, 1, What.FRESH), PREFIX, 1.5)
    ledger.book_repetition(0.0, 20.0)
    return ledger


def figures(**changes: Any) -> Mapping[str, Any]:
    """What a node says that counted the same."""
    return {
        "raw": 4, "valid": 3, "deduplicated": 2, "valid_by_prefix": {PREFIX: 3},
        "by_interface": {str(JSON): {str(HIT): 3}, str(UDP): {str(MISSING): 1}},
        "registrations": {
            "registered": 1, "first_registered": 1, "updated": 0, "deleted": 0, "suspended": 0, "resumed": 0,
        },
        "evidence": {"events": 4}, "gaps": [], "clients": {"estimate": 2, "plus_minus": 1},
        "identifiers": {"estimate": 3, "plus_minus": 1}, **changes,
    }  # fmt: skip


def differing(ledger: DayLedger, theirs: Mapping[str, Any]) -> list[str]:
    return [pair.what for pair in pairs_of(ledger.told(), theirs) if not pair.equal]


def test_a_node_that_counted_the_same_is_equal_in_every_number() -> None:
    assert differing(booked(), figures()) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"raw": 5}, "raw"),
        ({"valid": 4}, "valid"),
        ({"deduplicated": 3}, "deduplicated"),
        ({"by_interface": {str(JSON): {str(HIT): 3}}}, f"interface {UDP} outcome {MISSING}"),
        ({"valid_by_prefix": {PREFIX: 2, "88.101.2002": 1}}, "valid 88.101.2002"),
        ({"evidence": {"events": 3}}, "events in sealed files"),
        ({"gaps": [{}]}, "gaps"),
        ({"clients": {"estimate": 9, "plus_minus": 1}}, "different clients"),
        ({"deduplicated": None}, "deduplicated"),
    ],
)
def test_one_number_that_is_another_is_found(changes: dict[str, Any], found: str) -> None:
    assert found in differing(booked(), figures(**changes))


def test_a_second_scan_that_may_be_a_repetition_makes_a_range_and_not_a_guess() -> None:
    ledger = booked()
    ledger.book_repetition(50.0, 70.0)
    assert differing(ledger, figures(deduplicated=2)) == []
    assert differing(ledger, figures(deduplicated=1)) == []
    assert differing(ledger, figures(deduplicated=3)) == ["deduplicated"]


def test_a_second_scan_that_is_surely_none_changes_nothing() -> None:
    ledger = booked()
    ledger.book_repetition(61.0, 90.0)
    assert (ledger.repeated, ledger.perhaps) == (1, 0)


def test_an_estimate_may_be_off_by_its_bound_only() -> None:
    assert Pair("d", "w", 100, 102, margin=2).equal
    assert not Pair("d", "w", 100, 103, margin=2).equal
    assert not Pair("d", "w", 100, None).equal


def test_ledgers_are_read_as_they_were_written(tmp_path: Path) -> None:
    booked().write(tmp_path)
    assert read_ledgers(tmp_path) == [booked().told()]
