"""Free values in records of a template: kept by every change of attributes, judged by nobody."""

from __future__ import annotations

from typing import Any

import pytest

from node.record import Reference, Value, decode_values, encode_value, encode_values
from registry.templates.encoder import Encoded, Encoder
from registry.templates.template import Template
from tests.support.registrar import THING, admin_value, value

TEMPLATE = Template.from_json(THING)
NOW = (1_700_000_000).to_bytes(4, "big")
FREE = (
    admin_value("0.NA/88.101.2001"),
    Value(7, "X", b"\xff\x00", 5, 1, 10, 3, (Reference("88.101.2001/a", 9), Reference("ü", 0))),
    value(2**31 - 1, "LAST", ""),
)
RECORD = encode_values(sorted((*FREE, value(1, "URL", "https://a.example", ttl=600)), key=lambda one: one.index))


@pytest.fixture
def encoder() -> Encoder:
    return TEMPLATE.compile()


def changed(encoder: Encoder, changes: dict[str, Any], **free: Any) -> list[Value]:
    found = encoder.merged(RECORD, changes, NOW, **free)
    assert isinstance(found, Encoded), found
    return list(decode_values(found.record))


def test_a_merge_keeps_free_values_octet_for_octet(encoder: Encoder) -> None:
    after = changed(encoder, {"url": None, "name": "泵", "tags": ["a"]})
    assert [one.index for one in after] == [7, 100, 2000, 2003, 2**31 - 1]
    assert [encode_value(one) for one in after if one.index in (7, 100, 2**31 - 1)] == [
        encode_value(one) for one in sorted(FREE, key=lambda one: one.index)
    ]


def test_a_merge_that_changes_nothing_gives_the_very_same_record(encoder: Encoder) -> None:
    found = encoder.merged(RECORD, {"url": "https://a.example"}, NOW)
    assert isinstance(found, Encoded)
    assert found.record == RECORD


def test_free_values_are_put_and_removed_by_their_indexes(encoder: Encoder) -> None:
    octets = encode_value(value(7, "Y", "y"))
    after = changed(encoder, {}, free={7: octets, 100: None, 5: None})
    assert [(one.index, one.type) for one in after] == [(1, "URL"), (7, "Y"), (2**31 - 1, "LAST")]


def test_a_record_of_free_values_alone_is_a_record(encoder: Encoder) -> None:
    assert [one.index for one in changed(encoder, {"url": None})] == [7, 100, 2**31 - 1]
    nothing = encoder.merged(RECORD, {"url": None}, NOW, {7: None, 100: None, 2**31 - 1: None})
    assert isinstance(nothing, list)
    assert [fault.code for fault in nothing] == ["no_values"]


def test_free_values_count_for_the_bounds_of_a_record(encoder: Encoder) -> None:
    full = {index: encode_value(value(index, "X", "")) for index in range(10_000, 10_000 + 2044)}
    assert len(changed(encoder, {}, free=full)) == 2048
    too_many = encoder.merged(RECORD, {"name": "n"}, NOW, full)
    assert isinstance(too_many, list)
    assert [fault.code for fault in too_many] == ["too_many_values"]
    too_large = encoder.merged(RECORD, {}, NOW, {9: encode_value(value(9, "X", bytes(258_000)))})
    assert isinstance(too_large, list)
    assert [fault.code for fault in too_large] == ["record_too_large"]


def test_the_free_values_of_a_record_are_told_apart(encoder: Encoder) -> None:
    assert [index for index, _, _ in encoder.free_of(RECORD)] == [7, 100, 2**31 - 1]
    assert decode_values(encoder.only_free(RECORD)) == tuple(sorted(FREE, key=lambda one: one.index))
    assert TEMPLATE.free_values_of(RECORD) == sorted(FREE, key=lambda one: one.index)
    assert TEMPLATE.attributes_of(RECORD) == {"url": "https://a.example"}
    assert encoder.side_of(RECORD) == ([], ())


def test_free_values_of_another_template_in_the_way_of_attributes_are_named(encoder: Encoder) -> None:
    foreign = encode_values([value(5, "X", ""), value(2000, "X", b"\xff"), value(2004, "X", b"\xff")])
    assert [(fault.field, fault.code) for fault in encoder.occupied(foreign)] == [
        ("name", "index_occupied"), ("part_of", "index_occupied"),
    ]  # fmt: skip
    assert encoder.occupied(encoder.only_free(RECORD)) == []
