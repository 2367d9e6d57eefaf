"""Values of the protocol and the template: what fits, what is free, and every sentence of refusal."""

from __future__ import annotations

from typing import Any

import pytest

from node.administration import InvalidValue, ValueExists
from node.handle_data import RsaPublicKey, encode_public_key, encode_vlist
from node.record import ADMIN_READ, DEFAULT_TTL, Reference, Value, decode_values, encode_values
from registry.handle.values import check_indexes, fitted, merged, removed
from registry.identifiers.revisions import EMPTY
from registry.templates.template import Template
from tests.support.registrar import THING, admin_value, value

TEMPLATE = Template.from_json(THING)
ENCODER = TEMPLATE.compile()
NOW = (1_700_000_000).to_bytes(4, "big")
ADMIN = admin_value("0.NA/88.101.2001")


def record(*values: Value, before: bytes = EMPTY, free_values: bool = True) -> tuple[Value, ...]:
    """What stands after these values are put on what stood before."""
    fit = fitted(values, TEMPLATE, free_values=free_values, timestamp=NOW)
    return decode_values(merged(ENCODER, before, fit, NOW).record)


def faults(error: InvalidValue) -> list[tuple[str | None, str]]:
    return [(fault["field"], fault["code"]) for fault in error.evidence["faults"]]


def test_an_attribute_is_stored_as_its_template_says_whatever_life_and_time_came_with_it() -> None:
    [stored] = record(value(2000, "name", "泵", ttl=5, ttl_type=1, timestamp=77), free_values=False)
    assert stored == Value(2000, "NAME", "泵".encode(), ttl=600, timestamp=1_700_000_000)


def test_an_attribute_is_judged_by_its_rule_and_written_as_the_rule_writes() -> None:
    by_index = {
        one.index: one.data for one in record(value(2002, "WEIGHT", " +5.0"), value(2003, "TAGS", '["a", "b"]'))
    }
    assert by_index == {2002: b"5.0", 2003: b'["a","b"]'}


def test_values_stand_in_the_order_of_their_indexes_whatever_they_are() -> None:
    values = (value(9000, "X", "1"), value(2000, "NAME", "n"), ADMIN, value(1, "URL", "https://a.example"))
    assert [one.index for one in record(*values)] == [1, 100, 2000, 9000]


def test_a_free_value_is_kept_as_it_came_but_for_its_time() -> None:
    came = Value(7, "x-Sec", b"\xff\x00", 60, 1, ADMIN_READ, 5, (Reference("88.101/a", 3),))
    [stored] = record(came)
    assert stored == Value(7, "x-Sec", b"\xff\x00", 60, 1, ADMIN_READ, 1_700_000_000, (Reference("88.101/a", 3),))


def test_administrators_are_kept_even_where_free_values_are_not() -> None:
    [stored] = record(ADMIN, free_values=False)
    assert (stored.index, stored.type, stored.data) == (100, "HS_ADMIN", ADMIN.data)


def test_other_values_are_refused_there_with_what_the_template_has() -> None:
    with pytest.raises(InvalidValue) as refusal:
        record(value(5, "DESC", "x"), free_values=False)
    assert faults(refusal.value) == [("5", "not_in_template")]
    assert "索引 5 处没有属性" in refusal.value.detail
    assert "1 URL, 2000 NAME, 2001 SERIAL, 2002 WEIGHT, 2003 TAGS, …" in refusal.value.detail


@pytest.mark.parametrize(
    ("came", "field", "code"),
    [
        (value(1, "EMAIL", "a@b.example"), "url", "wrong_value_type"),
        (value(1, "URL", "ftp://a.example"), "url", "not_a_url"),
        (value(2000, "NAME", b"\xff"), "name", "data_not_utf8"),
        (value(2000, "NAME", ""), "name", "no_data"),
        (value(2003, "TAGS", " [\n ]"), "tags", "no_data"),
        (value(2003, "TAGS", '["a", ""]'), "tags", "empty_item"),
        (value(2002, "WEIGHT", "heavy"), "weight", "not_a_number"),
        (value(2000, "NAME", "n", permissions=10), "name", "unusual_permissions"),
        (value(2000, "NAME", "n", references=(Reference("a/b", 1),)), "name", "no_references"),
        (value(2004, "PART_OF", "nothing"), "part_of", "not_an_identifier"),
        (value(2000, "HS_ADMIN", ADMIN.data), "name", "wrong_value_type"),
        (value(3, "HS_SECKEY", "12345678"), "3", "type_of_prefixes"),
        (value(3, "hs_seckey", "12345678"), "3", "type_of_prefixes"),
        (value(3, "HS_SITE", "x"), "3", "type_of_prefixes"),
        (value(3, "HS_SITE.6", "x"), "3", "type_of_prefixes"),
        (value(3, "hs_site.prefix", "x"), "3", "type_of_prefixes"),
        (value(3, "HS_SERV", "x"), "3", "type_of_prefixes"),
        (value(3, "HS_SERV.PREFIX", "x"), "3", "type_of_prefixes"),
        (value(3, "HS_NA_DELEGATE", "x"), "3", "type_of_prefixes"),
        (value(3, "HS_NAMESPACE", "<x/>"), "3", "type_of_prefixes"),
        (value(3, "HS_ADMIN", "nobody"), "3", "value_unreadable"),
        (value(3, "HS_VLIST", b"\0\0\0\1"), "3", "value_unreadable"),
        (value(3, "HS_PUBKEY", b"\0"), "3", "value_unreadable"),
        (value(3, "", "x"), "3", "bad_value_type"),
        (value(3, "A\nB", "x"), "3", "bad_value_type"),
        (value(3, "T" * 256, "x"), "3", "bad_value_type"),
        (value(3, "X", "x", ttl=-1), "3", "value_out_of_range"),
        (value(3, "X", "x", permissions=16), "3", "value_out_of_range"),
        (value(3, "X", "x", references=(Reference("h" * 2049, 1),)), "3", "value_unreadable"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_both_languages(came: Value, field: str, code: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        record(came)
    assert faults(refusal.value) == [(field, code)]
    chinese, slash, english = refusal.value.detail.partition(" / ")
    assert slash
    assert english.isascii() or "\n" in came.type
    assert not chinese.isascii()


@pytest.mark.parametrize("kind", ["HS_SITEX", "HS_SERVICE", "HS_ALIAS", "HS_SIGNATURE", "HS_CERT", "10320/loc"])
def test_types_that_merely_look_reserved_are_free(kind: str) -> None:
    assert [one.type for one in record(value(3, kind, "x"))] == [kind]


def test_groups_and_keys_are_free_values_that_must_be_readable() -> None:
    group = encode_vlist((Reference("0.NA/88.101.2001", 300),))
    key = encode_public_key(RsaPublicKey(2**1024 + 1, 65537))
    assert [one.data for one in record(value(200, "HS_VLIST", group), value(300, "HS_PUBKEY", key))] == [group, key]


def test_everything_wrong_is_one_refusal() -> None:
    with pytest.raises(InvalidValue) as refusal:
        record(value(1, "EMAIL", "x"), *(value(index, "HS_SITE", "x") for index in range(10, 18)))
    assert len(refusal.value.evidence["faults"]) == 9
    assert refusal.value.detail.endswith("; and 4 more")


def test_what_the_template_demands_is_demanded_of_the_protocol_too() -> None:
    strict = Template.from_json({**THING, "attributes": [{"name": "name", "title_zh": "名称", "required": True}]})
    fit = fitted((ADMIN,), strict, free_values=False, timestamp=NOW)
    with pytest.raises(InvalidValue) as refusal:
        merged(strict.compile(), EMPTY, fit, NOW)
    assert faults(refusal.value) == [("name", "required")]


def test_a_record_says_something() -> None:
    with pytest.raises(InvalidValue) as refusal:
        record()
    assert faults(refusal.value) == [(None, "no_values")]


def test_a_record_keeps_to_the_bounds_of_the_protocol() -> None:
    many = tuple(value(index, "X", "") for index in range(3000, 3000 + 2048))
    assert len(record(*many)) == 2048
    with pytest.raises(InvalidValue) as too_many:
        record(*many, value(2, "X", ""))
    assert faults(too_many.value) == [(None, "too_many_values")]
    with pytest.raises(InvalidValue) as too_large:
        record(value(2, "X", bytes(258_048)))
    assert faults(too_large.value) == [(None, "record_too_large")]


def test_a_value_that_says_what_stands_stays_octet_for_octet() -> None:
    before = encode_values(
        [Value(1, "URL", b"https://a.example", 600, timestamp=9), Value(7, "X", b"x", timestamp=9)]
    )
    after = record(value(1, "URL", "https://a.example"), value(7, "X", "x", timestamp=3), before=before)
    assert encode_values(after) == before
    assert [one.timestamp for one in record(value(7, "X", "x", ttl=DEFAULT_TTL + 1), before=before)] == [
        9,
        1_700_000_000,
    ]


def test_removed_are_attributes_and_free_values_alike() -> None:
    before = encode_values([Value(1, "URL", b"https://a.example", 600), Value(7, "X", b"x"), Value(8, "Y", b"y")])
    after = merged(ENCODER, before, removed((7, 1), TEMPLATE), NOW)
    assert [one.index for one in decode_values(after.record)] == [8]


def test_what_stands_beside_a_record_is_found_though_free_values_are_no_text() -> None:
    fit = fitted(
        (value(7, "X", b"\xff"), value(2001, "SERIAL", "S1"), value(2004, "PART_OF", "88.101.2001/a")),
        TEMPLATE, free_values=True, timestamp=NOW,
    )  # fmt: skip
    found: Any = merged(ENCODER, EMPTY, fit, NOW)
    assert [(side.index, side.value) for side in found.side] == [(2001, "S1")]
    assert [tuple(one) for one in found.references] == [(2004, "88.101.2001", "A")]


def test_indexes_are_positive_and_stand_once() -> None:
    check_indexes([3, 1, 2])
    for index in (0, -1):
        with pytest.raises(InvalidValue) as refusal:
            check_indexes([1, index, 1])
        assert refusal.value.evidence == {"index": index}
    with pytest.raises(ValueExists) as twice:
        check_indexes([1, 2, 1, 0])
    assert twice.value.evidence == {"index": 1}
