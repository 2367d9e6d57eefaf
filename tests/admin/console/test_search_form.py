"""What a form says of a search, as the operation is asked it."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from multidict import MultiDict

from admin.console.search_form import SearchForm


def form(query: str) -> SearchForm:
    return SearchForm.of(MultiDict(parse_qsl(query, keep_blank_values=True)))


def test_moments_are_meant_in_chinas_time_unless_they_say_otherwise() -> None:
    asked = form("registered_from=2026-11-02T00:00&updated_to=2026-11-02T00:00Z&updated_from=soon").asked()
    assert asked == {
        "registered_from": "2026-11-02T00:00:00+08:00", "updated_to": "2026-11-02T00:00:00+00:00",
        "updated_from": "soon",
    }  # fmt: skip


def test_conditions_that_are_whole_are_asked_where_a_template_is_named() -> None:
    rows = "attribute=model&how=begins&operand=CP&attribute=power&how=from&operand=&attribute=grade&how=odd&operand=A"
    asked = form(f"template=pump&{rows}").asked()
    assert json.loads(asked["where"]) == [
        {"attribute": "model", "begins": "CP"}, {"attribute": "grade", "equal": "A"},
    ]  # fmt: skip
    assert "where" not in form(rows).asked()


def test_a_form_keeps_what_it_said_in_its_address() -> None:
    said = form("prefix=88.101.1&template=a%26b&attribute=model&how=equal&operand=%3D1&suffix_begins=")
    again = form(said.address(state="live"))
    assert again.conditions == said.conditions
    assert again.texts == {"prefix": "88.101.1", "template": "a&b", "state": "live"}
    assert len(again.rows) == 3
