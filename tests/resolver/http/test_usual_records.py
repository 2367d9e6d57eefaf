"""Usual records straight from their bytes: the same JSON as by way of values, or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.record import PUBLIC_READ, TTL_ABSOLUTE, Reference, Value, decode_values, encode_values
from resolver.http.handle_json import record_json
from resolver.http.usual_records import drawn

USUAL = (
    Value(1, "URL", b"https://a.example/?q=\"1\"&r='2'\\", 3600, timestamp=1_700_000_000),
    Value(2000, "NAME", "离心泵\n\t\x00\x7f\u2028".encode(), 60, timestamp=1_700_000_001),
    Value(2001, '?"?"', b"", 0, permissions=0x0F, timestamp=2**31 - 1),
    Value(2002, "COST", b"\xff", permissions=0x0C, timestamp=7),
    Value(-5, "ﬀ/1970-01-01T00:00:01Z", b"1970-01-01T00:00:01Z", timestamp=-1),
)


def by_values(record: bytes) -> tuple[bytes, int]:
    values = [value for value in decode_values(record) if value.permissions & PUBLIC_READ]
    body = record_json("H", values)
    return body.removeprefix(b'{"responseCode":1,"handle":"H","values":[').removesuffix(b"]}"), min(
        value.ttl for value in values
    )


@pytest.mark.parametrize("count", range(1, len(USUAL) + 1))
def test_usual_values_are_drawn_as_record_json_has_them(count: int) -> None:
    record = encode_values(USUAL[:count])
    assert drawn(record) == by_values(record)


@given(
    st.lists(
        st.builds(
            Value,
            st.integers(-(2**31), 2**31 - 1),
            st.text(max_size=12).filter(lambda name: name.isprintable()),
            st.text(max_size=40).map(str.encode) | st.binary(max_size=8),
            st.integers(-(2**31), 2**31 - 1),
            st.sampled_from([0, 0, 0, 1]),
            st.integers(0, 255),
            st.integers(-(2**31), 2**31 - 1),
            st.sampled_from([(), (), (Reference("88.101.1/A", 1),)]),
        ),
        max_size=5,
    )
)
def test_whatever_is_drawn_is_as_record_json_has_it(values: list[Value]) -> None:
    record = encode_values(values)
    found = drawn(record)
    assert found is None or found == by_values(record)


UNUSUAL = {
    "a type of the Handle System": replace(USUAL[0], type="hs_admin"),
    "a secret": replace(USUAL[0], type="HS_SECKEY", permissions=0x0C),
    "a TTL that is a moment": replace(USUAL[0], ttl_type=TTL_ABSOLUTE),
    "no time": replace(USUAL[0], timestamp=0),
    "data that are not UTF-8": replace(USUAL[0], data=b"\xff"),
    "references": replace(USUAL[0], references=(Reference("88.101.1/A", 1),)),
    "nothing public": USUAL[3],
}


@pytest.mark.parametrize("value", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_is_not_drawn(value: Value) -> None:
    assert drawn(encode_values([value])) is None
    if value is not USUAL[3]:
        assert drawn(encode_values([*USUAL[:2], value])) is None


def test_what_is_damaged_is_not_drawn() -> None:
    record = encode_values(USUAL)
    for end in range(len(record)):
        assert drawn(record[:end]) is None, end
    assert drawn(record + b"\0") is None
    assert drawn(encode_values(())) is None
    assert drawn((2049).to_bytes(4, "big") + record[4:] * 410) is None
