import itertools
import json
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rejection import MAX_KEPT, MAX_ROW, Rejection
from registry.rows.json_rows import (
    JsonNotClosed,
    JsonRows,
    JsonTooDeep,
    JsonUnreadable,
    NotAJsonArray,
)
from registry.rows.lines import Position


def read(body: bytes, cuts: list[int] | None = None, start: Position | None = None) -> list[Any]:
    reader = JsonRows() if start is None else JsonRows(start=start)
    items: list[Any] = []
    for begin, end in itertools.pairwise([0, *sorted(cuts or []), len(body)]):
        items += reader.feed(body[begin:end])
    return items + reader.finish()


def outcome(body: bytes, cuts: list[int]) -> Any:
    try:
        return read(body, cuts)
    except (JsonNotClosed, JsonUnreadable, JsonTooDeep, NotAJsonArray) as error:
        return type(error), error.evidence


texts = st.text(st.sampled_from('a"\\{}[],: \n阀') | st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.none() | st.booleans() | st.integers() | texts
rows = st.dictionaries(texts, scalars | st.lists(scalars, max_size=3), max_size=4)


@given(st.lists(rows, max_size=6), st.sampled_from([None, 1, "\r\n"]), st.booleans(), st.data())
def test_what_was_written_is_read_however_it_is_cut(
    written: list[dict[str, Any]], indent: int | str | None, mark: bool, data: st.DataObject
) -> None:
    text = json.dumps(written, ensure_ascii=data.draw(st.booleans()), indent=indent)
    body = (b"\xef\xbb\xbf" if mark else b"") + b" \n" + text.encode() + b"\n"
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    items = read(body, cuts)
    assert [item.fields for item in items] == written
    assert [item.line for item in items] == [*range(1, len(written) + 1)]
    assert [body[item.end - len(item.raw) : item.end] for item in items] == [item.raw for item in items]
    for number, item in enumerate(items):
        rest = read(body[item.end :], start=Position(item.line + 1, item.end))
        assert rest == items[number + 1 :]


@given(
    st.lists(
        st.sampled_from(
            [b'{"a":1}', b",", b"[", b"]", b"{", b"}", b'"', b"\\", b"1", b" ", b"\n", b"\xff", b":", b"x"]
        ),
        max_size=30,
    ),
    st.booleans(),
    st.data(),
)
def test_broken_input_is_read_the_same_however_it_is_cut(
    parts: list[bytes], opened: bool, data: st.DataObject
) -> None:
    body = (b"[" if opened else b"") + b"".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
    assert outcome(body, cuts) == outcome(body, []) == outcome(body, [*range(1, len(body))])


def test_an_element_that_is_no_row_is_one_rejection() -> None:
    body = (
        b"""[ {"a":1}, 7, "x\\"]", null, [1,[2]], {"a":{"b":1}}, {"a":tru}, {"a":1,"a":2}, {"b":"\xff"},
      {"a":[1,{}]}, {"a":1}}"""[:-1]
        + b', {"a":[1.50]} ]'
    )
    items = read(body)
    assert [(item.line, getattr(item, "code", None)) for item in items] == [
        (1, None),
        (2, "not_an_object"),
        (3, "not_an_object"),
        (4, "not_an_object"),
        (5, "not_an_object"),
        (6, "nested_value"),
        (7, "bad_json"),
        (8, "duplicate_key"),
        (9, "not_utf8"),
        (10, "nested_value"),
        (11, None),
        (12, None),
    ]
    assert items[2].row == b'"x\\"]"'
    assert items[-1].fields == {"a": [Decimal("1.50")]}


@pytest.mark.parametrize(
    ("body", "error", "evidence"),
    [
        (b"", NotAJsonArray, {}),
        (b" \n", NotAJsonArray, {}),
        (b'{"a":1}', NotAJsonArray, {}),
        (b"suffix,name\n", NotAJsonArray, {}),
        (b"[", JsonNotClosed, {"element": 1}),
        (b'[{"a":1}', JsonNotClosed, {"element": 2}),
        (b'[{"a":1},', JsonNotClosed, {"element": 2}),
        (b'[{"a":1},{"a', JsonNotClosed, {"element": 2}),
        (b'[{"a":1} {"a":2}]', JsonUnreadable, {"element": 2}),
        (b'[{"a":1},]', JsonUnreadable, {"element": 2}),
        (b"[,]", JsonUnreadable, {"element": 1}),
        (b'[{"a":1}] x', JsonUnreadable, {"element": 2}),
        (b'[{"a":1}][', JsonUnreadable, {"element": 2}),
        (b"[" * 100, JsonTooDeep, {"element": 1}),
        (b'[{"a":' + b"[" * 10_000_000, JsonTooDeep, {"element": 1}),
        (b"[" + b"9" * (MAX_ROW + 1), JsonUnreadable, {"element": 1}),
    ],
)
def test_a_fault_between_the_elements_is_named(body: bytes, error: type[Exception], evidence: dict[str, Any]) -> None:
    assert outcome(body, [*range(0, len(body), 65_536)]) == (error, evidence)


def test_an_object_alone_points_to_ndjson() -> None:
    with pytest.raises(NotAJsonArray, match="NDJSON"):
        read(b'{"a":1}\n')


def test_an_element_that_is_too_long_costs_one_row_and_no_memory() -> None:
    reader = JsonRows()
    items: list[Any] = list(reader.feed(b'[{"a":1},{"a":"'))
    tracemalloc.start()
    for _ in range(50):
        items += reader.feed(b'x\\"]}' * 20_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MAX_ROW
    items += reader.feed(b'"},{"a":2}]')
    items += reader.finish()
    assert [item.code for item in items if isinstance(item, Rejection)] == ["row_too_long"]
    assert len(items[1].row) == MAX_KEPT
    assert [items[0].fields, items[2].fields] == [{"a": 1}, {"a": 2}]


def test_tiny_blocks_do_not_make_a_long_element_slow() -> None:
    body = b'[{"a":"' + b"x" * 150_000 + b'"}]'
    assert read(body, [*range(1, len(body))]) == read(body)
