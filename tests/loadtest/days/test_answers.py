"""What an answer has to hold: the corpus in every word."""

from __future__ import annotations

import json

import pytest

from loadtest.corpus import products
from loadtest.days.answers import Asked, WrongAnswer, asked_of, attributes_of, check_json, check_page, check_record
from loadtest.days.plan import Ask, Kind, What
from node.record import Value

KNOWN = asked_of(Ask(0.0, Kind.APP, "127.20.0.1", 0, 7), "88.101.2001", 0)
LOST = asked_of(Ask(0.0, Kind.APP, "127.20.0.1", 0, 7, What.UNKNOWN), "88.101.2001", 0)


def told(asked: Asked, **changes: str) -> bytes:
    values = [
        {"type": name, "data": {"value": value}} for name, value in ({**(asked.values or {}), **changes}).items()
    ]
    return json.dumps({"responseCode": 1, "handle": asked.identifier, "values": values}).encode()


def test_the_attributes_of_a_number_are_those_that_the_corpus_writes() -> None:
    for number, row in enumerate(products(600)):
        assert attributes_of(number)["name"] == row.name
        assert attributes_of(number)["weight_kg"] == f"{row.weight_kg:.1f}"
        assert attributes_of(number)["made_on"] == str(row.made_on)


def test_a_right_answer_passes_by_every_door() -> None:
    check_json(KNOWN, 200, told(KNOWN))
    check_json(LOST, 404, json.dumps({"responseCode": 100, "handle": LOST.identifier}).encode())
    assert KNOWN.values is not None
    check_page(KNOWN, 200, f"<bdi>{KNOWN.identifier}</bdi>{' '.join(KNOWN.values.values())}".encode())
    check_record(KNOWN, KNOWN.identifier, tuple(
        Value(number, name, value.encode()) for number, (name, value) in enumerate(KNOWN.values.items(), 1)
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        (KNOWN, 200, told(KNOWN, MODEL="CP-0008")),
        (KNOWN, 200, told(KNOWN, EXTRA="1")),
        (KNOWN, 404, told(KNOWN)),
        (KNOWN, 200, told(LOST)),
        (LOST, 200, told(LOST)),
        (LOST, 404, told(LOST)),
    ],
)
def test_a_wrong_answer_is_an_error(asked: Asked, status: int, body: bytes) -> None:
    with pytest.raises(WrongAnswer):
        check_json(asked, status, body)


def test_a_page_without_one_value_is_wrong() -> None:
    assert KNOWN.values is not None
    page = f"<bdi>{KNOWN.identifier}</bdi>{' '.join(KNOWN.values.values())}"
    with pytest.raises(WrongAnswer, match="does not show"):
        check_page(KNOWN, 200, page.replace("CP-0007", "").encode())
