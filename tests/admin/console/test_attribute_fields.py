"""The data of an identifier as fields of a form, and back."""

from __future__ import annotations

import pytest
from multidict import MultiDict

from admin.console.attribute_fields import attributes_of, beside_fields, fields_of
from admin.console.form import Form, Refusal
from registry.templates.template import Template

MOTOR = Template.from_json({
    "name": "motor", "version": 1, "title_zh": "电机",
    "attributes": [
        {"name": "name", "title_zh": "名称"},
        {"name": "colours", "title_zh": "颜色", "many": True},
        {"name": "old", "title_zh": "旧", "state": "disabled"},
    ],
})  # fmt: skip


@pytest.mark.parametrize(
    "items", [["红", "蓝"], ["one\ntwo", "three"], ["[1]", "x"], [" edge"], ['["a"]']], ids=lambda items: ascii(items)
)
def test_a_list_that_is_shown_and_sent_stays_the_same(items: list[str]) -> None:
    shown = fields_of(MOTOR, {"name": "电机", "colours": items, "old": "stays away"})
    assert [field.name for field in shown] == ["a-name", "a-colours"]
    sent = Form(MultiDict({field.name: field.text.replace("\n", "\r\n") for field in shown}))
    assert attributes_of(MOTOR, sent) == {"name": "电机", "colours": items}


def test_what_is_left_empty_is_left_out_and_a_bracket_may_begin_a_line() -> None:
    sent = Form(MultiDict({"a-name": " ", "a-colours": "[red\n\nblue"}))
    assert attributes_of(MOTOR, sent) == {"colours": ["[red", "blue"]}


def test_a_refusal_stands_beside_the_field_of_its_attribute() -> None:
    refusal = beside_fields(Refusal("", "x", "", {"name": "a", "attributes.colours.2": "b", "suffix": "c"}), MOTOR)
    assert refusal.fields["a-name"] == "a"
    assert refusal.fields["a-colours"] == "b"
    assert refusal.fields["suffix"] == "c"
