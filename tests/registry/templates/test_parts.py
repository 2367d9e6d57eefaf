"""A value that was seen before becomes what it became the first time; what only looks equal does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from registry.templates import parts
from registry.templates.encoder import Encoder
from registry.templates.template import Template

DEFINITION = {
    "name": "pump",
    "title_zh": "水泵",
    "attributes": [
        {"name": "name", "title_zh": "名称"},
        {"name": "weight", "title_zh": "重量", "kind": "number"},
        {"name": "passed", "title_zh": "合格", "kind": "boolean"},
        {"name": "serial", "title_zh": "编号", "unique": True},
    ],
}


def encoder() -> Encoder:
    return Template.from_json({**DEFINITION, "version": 1}).compile()


def test_records_do_not_depend_on_what_was_seen_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_REMEMBERED", 3)
    used = encoder()
    for second in (1, 2, 1):
        timestamp = second.to_bytes(4, "big")
        for number in range(40):
            values = [f"泵 {number % 7}", f"{number % 5}.0", "yes" if number % 2 else False, f"S-{number}"]
            assert used.row(values, timestamp) == encoder().row(values, timestamp)


@pytest.mark.parametrize(
    ("first", "second"), [(Decimal("1.0"), Decimal("1.00")), (1, Decimal("1.0")), ("1", "01")], ids=str
)
def test_numbers_that_are_equal_keep_their_digits(first: object, second: object) -> None:
    used, timestamp = encoder(), bytes(4)
    used.row([None, first, None, None], timestamp)
    assert used.row([None, second, None, None], timestamp) == encoder().row([None, second, None, None], timestamp)


def test_a_truth_value_is_no_number_though_it_equals_one() -> None:
    used, timestamp = encoder(), bytes(4)
    used.row([None, 1, None, None], timestamp)
    assert isinstance(used.row([None, True, None, None], timestamp), list)


def test_a_value_that_was_refused_is_refused_again() -> None:
    used, timestamp = encoder(), bytes(4)
    assert used.row(["泵", "heavy", None, None], timestamp) == used.row(["泵", "heavy", None, None], timestamp)
    assert isinstance(used.row(["泵", "heavy", None, None], timestamp), list)


def test_what_stands_beside_a_record_is_gathered_each_time() -> None:
    used, timestamp = encoder(), bytes(4)
    first, second = (used.row(["泵", None, None, "S-1"], timestamp) for _ in range(2))
    assert not isinstance(first, list)
    assert [side.value for side in first.side] == ["S-1"]
    assert first == second
