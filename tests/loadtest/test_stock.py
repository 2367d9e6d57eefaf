"""A stock says of every number what stands there, and finds whatever an answer says otherwise."""

from __future__ import annotations

import json
import random
from typing import Any

from loadtest.stock import TYPES, Stock, texts, unknown_in_json
from node.identifier import Identifier

STOCK = Stock(["88.101.2001", "88.101.2002", "88.101.2003", "88.101.2004", "88.101.2005"], 5_000)


def answer_of(number: int) -> dict[str, Any]:
    values = [
        {"index": 2000 + at, "type": name, "data": {"format": "string", "value": text}}
        for at, (name, text) in enumerate(zip(TYPES, texts(number), strict=True))
    ]
    return {"responseCode": 1, "handle": STOCK.identifier(number), "values": values}


def test_every_number_is_another_identifier_that_the_grammar_allows() -> None:
    names = {STOCK.identifier(number) for number in range(STOCK.rows)}
    assert len(names) == STOCK.rows
    for name in sorted(names)[::100]:
        assert str(Identifier.parse(name)) == name


def test_an_answer_about_another_number_is_a_fault() -> None:
    right, other = json.dumps(answer_of(17)), json.dumps(answer_of(22))
    assert STOCK.fault_of_json(17, 200, right) is None
    assert STOCK.fault_of_json(17, 200, other) is not None
    assert STOCK.fault_of_json(17, 404, right) is not None


def test_a_value_that_is_changed_missing_or_too_much_is_a_fault() -> None:
    changed, missing, more = answer_of(17), answer_of(17), answer_of(17)
    changed["values"][2]["data"]["value"] += "0"
    missing["values"].pop()
    more["values"].append({"index": 1, "type": "URL", "data": {"format": "string", "value": "x"}})
    assert all(STOCK.fault_of_values(17, answer) for answer in (changed, missing, more))


def test_what_nobody_registered_is_known_by_its_answer() -> None:
    assert STOCK.unknown(17) not in {STOCK.identifier(number) for number in range(STOCK.rows)}
    assert unknown_in_json(404, '{"responseCode":100}')
    assert not unknown_in_json(404, '{"responseCode":2}')
    assert not unknown_in_json(200, '{"responseCode":100}')


def test_the_most_wanted_tenth_is_asked_for_most() -> None:
    chance = random.Random(9)
    drawn = [STOCK.popular(chance) for _ in range(2_000)]
    assert sum(number < STOCK.rows // 10 for number in drawn) > 1_200
    assert 0 <= min(drawn) <= max(drawn) < STOCK.rows
