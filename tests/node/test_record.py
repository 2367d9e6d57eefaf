from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.record import (
    MAX_RECORD_BYTES,
    DuplicateIndex,
    InvalidIndex,
    InvalidRecord,
    Reference,
    Value,
    ValueEncoder,
    check_record,
    check_values,
    decode_references,
    decode_value,
    decode_values,
    encode_value,
    encode_values,
    join_values,
    select,
    without_public_read,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "handle.json").read_text(encoding="utf-8"))
VALUES = [vector for vector in VECTORS if vector["kind"] == "value"]

int32 = st.integers(-(2**31), 2**31 - 1)
references = st.lists(st.builds(Reference, st.text(max_size=20), int32), max_size=3).map(tuple)
values = st.builds(
    Value,
    index=int32,
    type=st.text(max_size=12),
    data=st.binary(max_size=40),
    ttl=int32,
    ttl_type=st.integers(0, 1),
    permissions=st.integers(0, 255),
    timestamp=int32,
    references=references,
)
SAMPLE = (
    Value(1, "URL", b"https://example.org/", timestamp=1_700_000_000),
    Value(2, "名称", "产品".encode(), references=(Reference("88.111.1/标识", 3), Reference("0.NA/88.111.1", 300))),
    Value(3, "", b"", ttl=1_900_000_000, ttl_type=1),
)


def value_of(fields: dict[str, Any]) -> Value:
    return Value(
        index=fields["index"],
        type=fields["type"],
        data=bytes.fromhex(fields["data_hex"]),
        ttl=fields["ttl"],
        ttl_type=fields["ttlType"],
        permissions=fields["permissions"],
        timestamp=fields["timestamp"],
        references=tuple(Reference(each["handle"], each["index"]) for each in fields["references"]),
    )


@pytest.mark.parametrize("vector", VALUES, ids=lambda vector: vector["name"])
def test_values_are_the_bytes_that_handle_net_writes(vector: dict[str, Any]) -> None:
    data, value = bytes.fromhex(vector["hex"]), value_of(vector["fields"])
    assert encode_value(value) == data
    assert decode_value(data, 0) == (value, len(data))


def test_all_seven_vectors_of_values_are_there() -> None:
    assert len(VALUES) == 7


def test_a_record_is_the_tail_of_a_resolution_s_body() -> None:
    response = next(vector for vector in VECTORS if vector["name"] == "resolve-response")
    body = bytes.fromhex(response["hex"])[44:]
    handle = len(response["fields"]["handle"].encode())
    tail = body[4 + handle : response["fields"]["bodyLength"]]
    assert encode_values(decode_values(tail)) == tail
    assert len(decode_values(tail)) > 1


@given(values, st.binary(max_size=8), st.binary(max_size=8))
def test_a_value_is_read_from_the_middle_of_other_bytes(value: Value, before: bytes, after: bytes) -> None:
    encoded = encode_value(value)
    assert decode_value(before + encoded + after, len(before)) == (value, len(before) + len(encoded))


@given(st.lists(values, max_size=5).map(tuple))
def test_every_record_survives_encoding(record: tuple[Value, ...]) -> None:
    encoded = encode_values(record)
    assert decode_values(encoded) == record
    assert join_values([encode_value(value) for value in record]) == encoded


def test_every_truncation_of_a_record_is_refused_with_an_offset_inside() -> None:
    encoded = encode_values(SAMPLE)
    assert decode_values(encoded) == SAMPLE
    for length in range(len(encoded)):
        with pytest.raises(InvalidRecord) as caught:
            decode_values(encoded[:length])
        assert 0 <= caught.value.evidence["offset"] <= len(encoded)


def test_bytes_behind_the_last_value_are_refused() -> None:
    encoded = encode_values(SAMPLE)
    with pytest.raises(InvalidRecord) as caught:
        decode_values(encoded + b"\0")
    assert caught.value.evidence["offset"] == len(encoded)


@given(st.binary(max_size=120))
def test_random_bytes_are_a_record_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidRecord):
        assert encode_values(decode_values(data)) == data


@given(st.data())
def test_a_record_with_some_bytes_changed_is_a_record_or_is_refused(data: st.DataObject) -> None:
    encoded = bytearray(encode_values(SAMPLE))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidRecord):
        assert encode_values(decode_values(bytes(encoded))) == bytes(encoded)


def test_negative_lengths_are_refused() -> None:
    encoded = bytearray(encode_value(SAMPLE[0]))
    for at in (14, 21, len(encoded) - 4):
        broken = encoded.copy()
        broken[at : at + 4] = b"\xff\xff\xff\xff"
        with pytest.raises(InvalidRecord):
            decode_value(bytes(broken), 0)


def test_a_huge_number_of_references_is_refused_before_they_are_built() -> None:
    with pytest.raises(InvalidRecord, match="announced"):
        decode_references(b"\x7f\xff\xff\xff" + bytes(64), 0)


def test_a_type_or_reference_that_is_not_utf_8_is_refused() -> None:
    encoded = encode_value(SAMPLE[1])
    with pytest.raises(InvalidRecord, match="type at byte 18 is not UTF-8"):
        decode_value(encoded.replace("名称".encode(), b"\xff" * 6), 0)
    with pytest.raises(InvalidRecord, match="not UTF-8"):
        decode_value(encoded.replace("标识".encode(), b"\xff" * 6), 0)


def test_a_third_kind_of_ttl_is_refused_in_both_directions() -> None:
    encoded = bytearray(encode_value(SAMPLE[0]))
    encoded[8] = 2
    with pytest.raises(InvalidRecord) as caught:
        decode_value(bytes(encoded), 0)
    assert caught.value.evidence["offset"] == 8
    with pytest.raises(InvalidRecord):
        encode_value(Value(1, "URL", b"", ttl_type=2))


@pytest.mark.parametrize(
    "value",
    [
        Value(2**31, "URL", b""),
        Value(1, "URL", b"", ttl=2**31),
        Value(1, "URL", b"", timestamp=-(2**31) - 1),
        Value(1, "URL", b"", permissions=256),
        Value(1, "\ud800", b""),
        Value(1, "URL", b"", references=(Reference("88.1/x", 2**31),)),
        Value(1, "URL", b"", references=(Reference("\udfff", 1),)),
        Value(1, "URL", b"", references=(Reference("x" * 2049, 1),)),
    ],
)
def test_a_field_out_of_range_is_refused(value: Value) -> None:
    with pytest.raises(InvalidRecord):
        encode_value(value)


def test_a_reference_longer_than_an_identifier_is_refused() -> None:
    encoded = b"\0\0\0\1" + (2049).to_bytes(4, "big") + b"x" * 2049 + b"\0\0\0\1"
    with pytest.raises(InvalidRecord, match="too long"):
        decode_references(encoded, 0)


def test_a_record_has_2048_values_at_most() -> None:
    one = encode_value(Value(1, "", b""))
    assert len(decode_values(join_values([one] * 2048))) == 2048
    with pytest.raises(InvalidRecord):
        join_values([one] * 2049)
    with pytest.raises(InvalidRecord):
        decode_values((2049).to_bytes(4, "big") + one * 2049)


def test_a_record_fits_into_one_message() -> None:
    overhead = len(encode_values([Value(1, "BLOB", b"")]))
    assert encode_values([Value(1, "BLOB", bytes(MAX_RECORD_BYTES - overhead))])
    with pytest.raises(InvalidRecord):
        encode_values([Value(1, "BLOB", bytes(MAX_RECORD_BYTES - overhead + 1))])


@given(
    int32, st.text(max_size=12), int32, st.integers(0, 255), st.binary(max_size=60), st.binary(min_size=4, max_size=4)
)
def test_the_bulk_encoder_writes_the_same_bytes(
    index: int, kind: str, ttl: int, permissions: int, data: bytes, timestamp: bytes
) -> None:
    value = Value(index, kind, data, ttl, 0, permissions, int.from_bytes(timestamp, "big", signed=True))
    assert ValueEncoder(index, kind, ttl, permissions).encode(data, timestamp) == encode_value(value)


def test_the_bulk_encoder_refuses_what_encoding_refuses() -> None:
    with pytest.raises(InvalidRecord):
        ValueEncoder(2**31, "URL")


@pytest.mark.parametrize("index", [0, -1])
def test_an_index_that_is_not_positive_may_not_be_stored(index: int) -> None:
    with pytest.raises(InvalidIndex) as caught:
        check_values([Value(1, "URL", b""), Value(index, "URL", b"")])
    assert caught.value.evidence == {"index": index}


def test_an_index_may_not_be_stored_twice() -> None:
    check_values(SAMPLE)
    with pytest.raises(DuplicateIndex) as caught:
        check_values([*SAMPLE, Value(2, "URL", b"")])
    assert caught.value.evidence == {"index": 2}


RECORD = tuple(
    Value(index, kind, b"")
    for index, kind in [(1, "URL"), (2, "url"), (3, "HS_SITE"), (4, "hs_site.6"), (5, "HS_SITEX"), (6, "EMAIL")]
)


@pytest.mark.parametrize(
    ("indexes", "types", "expected"),
    [
        ((), (), [1, 2, 3, 4, 5, 6]),
        ((6,), (), [6]),
        ((6, 99), (), [6]),
        ((), ("URL",), [1, 2]),
        ((), ("uRl", "email"), [1, 2, 6]),
        ((3,), ("Url",), [1, 2, 3]),
        ((), ("HS_SITE",), [3]),
        ((), ("hs_site.",), [3, 4]),
        ((), ("HS_SITE.6",), [4]),
        ((99,), ("DESC",), []),
        ((0,), (), []),
    ],
)
def test_a_query_takes_listed_indexes_and_listed_types_together(
    indexes: tuple[int, ...], types: tuple[str, ...], expected: list[int]
) -> None:
    assert [value.index for value in select(RECORD, indexes, types)] == expected


def test_types_are_compared_without_ascii_case_only() -> None:
    record = (Value(1, "\u212aG", b""), Value(2, "KG", b""), Value(3, "名é", b""))
    assert [value.index for value in select(record, types=["kg"])] == [2]
    assert [value.index for value in select(record, types=["名É"])] == []


def test_a_value_that_is_no_longer_public_differs_in_that_bit_only() -> None:
    record = encode_values([Value(1, "URL", b"a"), Value(2, "NAME", b"b", permissions=3), Value(3, "NAME", b"c")])
    assert decode_values(without_public_read(record, [2, 3, 9])) == (
        Value(1, "URL", b"a"), Value(2, "NAME", b"b", permissions=1), Value(3, "NAME", b"c", permissions=12),
    )  # fmt: skip
    with pytest.raises(InvalidRecord):
        without_public_read(record[:-1], [1])


def _refused(judge: Callable[[bytes], object], record: bytes) -> str | None:
    try:
        judge(record)
    except InvalidRecord as error:
        return error.detail
    return None


@given(st.lists(values, max_size=4), st.data())
def test_a_record_is_checked_as_strictly_as_it_is_decoded(several: list[Value], data: st.DataObject) -> None:
    record = bytearray(encode_values(several))
    assert _refused(check_record, bytes(record)) is None
    for _ in range(data.draw(st.integers(1, 3))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(record[: data.draw(st.integers(0, len(record)))])
    for damaged in (bytes(record), cut, bytes(record) + b"x"):
        assert _refused(check_record, damaged) == _refused(decode_values, damaged)


def test_too_many_values_are_refused_by_checking_too() -> None:
    value = encode_value(Value(1, "URL", b""))
    record = (2049).to_bytes(4, "big") + 2049 * value
    assert _refused(decode_values, record) is not None
    assert _refused(check_record, record) == _refused(decode_values, record)
