import csv
import io
import itertools
import json
import random
import tracemalloc
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import node
from registry.rejection import MAX_KEPT, Rejection
from registry.rows import MAX_ROW, CsvRows, NdjsonRows, Position, Row
from registry.rows.csv_rows import MAX_LINES
from registry.rows.header import (
    BadDelimiter,
    DuplicateColumn,
    EmptyColumn,
    NoHeader,
    UnreadableHeader,
    WrongDelimiter,
)

Reader = CsvRows | NdjsonRows

PRODUCTS = Path(node.__file__).parent / "demo" / "products.csv"


@pytest.fixture(scope="module")
def products() -> bytes:
    return PRODUCTS.read_bytes()


def read(reader: Reader, body: bytes, cuts: Iterable[int] = ()) -> list[Any]:
    """Everything in ``body``, fed in the blocks between ``cuts``."""
    items: list[Any] = []
    edges = [0, *sorted(cuts), len(body)]
    for start, stop in itertools.pairwise(edges):
        items += reader.feed(body[start:stop])
    return items + list(reader.finish())


def codes(items: list[Any]) -> list[tuple[int, str]]:
    return [(item.line, item.code) for item in items if isinstance(item, Rejection)]


def good(items: list[Any]) -> list[Any]:
    return [item.fields for item in items if isinstance(item, Row)]


def table(rows: list[list[str]], terminator: str = "\r\n", delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=terminator, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


cells = st.text(
    st.sampled_from('ab,;"\n\t 闸\U0001f3ed') | st.characters(exclude_categories=["Cc", "Cs"]), max_size=8
)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8)
)


class TestCsv:
    @given(tables, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.data())
    def test_what_was_written_is_read_however_it_is_cut(
        self, rows: list[list[str]], terminator: str, bom: bool, data: st.DataObject
    ) -> None:
        width = len(rows[0]) if rows else 1
        header = [f"column {number}" for number in range(width)]
        body = (b"\xef\xbb\xbf" if bom else b"") + table([header, *rows], terminator)
        cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
        reader = CsvRows()
        items = read(reader, body, cuts)
        assert good(items) == rows
        assert codes(items) == []
        assert reader.header == header
        assert reader.position.offset == len(body)
        assert [body[item.end - len(item.raw) - 1 : item.end] for item in items] == [
            item.raw + b"\n" for item in items
        ]

    @given(tables)
    def test_reading_can_start_again_after_any_row(self, rows: list[list[str]]) -> None:
        header = [f"c{number}" for number in range(len(rows[0]) if rows else 1)]
        lines = [table([header]), b"only, one\xff, too, many, fields, really\n", table(rows), b'"open\n', table(rows)]
        body = b"".join(lines)
        whole = read(CsvRows(), body)
        for number, item in enumerate(whole):
            if isinstance(item, Row):
                rest = read(CsvRows(header=header, start=item.after), body[item.end :])
                assert rest == whole[number + 1 :]

    @given(
        st.lists(
            st.sampled_from(
                [b"a,b", b'"', b"\n", b"\r\n", b",", b'x","', b"\xff", b"\xe9\x97\xb8", b"\x00", b"a", b"\r", b'""']
            ),
            max_size=40,
        ),
        st.data(),
    )
    @settings(max_examples=300)
    def test_broken_input_is_read_the_same_however_it_is_cut(self, parts: list[bytes], data: st.DataObject) -> None:
        body = b"a,b\n" + b"".join(parts)
        whole = read(CsvRows(), body)
        assert read(CsvRows(), body, range(1, len(body))) == whole
        cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=4))
        assert read(CsvRows(), body, cuts) == whole
        lines = [item.line for item in whole]
        assert lines == sorted(lines)

    def test_a_place_between_blocks_is_a_place_to_start_again(self) -> None:
        body = b'a,b\n1,2\n"x\ny",3\nbad\n4,5\n\n6,"7\n8"\n'
        for cut in range(4, len(body)):
            reader = CsvRows()
            before = reader.feed(body[:cut])
            rest = CsvRows(header=reader.header, start=reader.position)
            after = [*rest.feed(body[reader.position.offset :]), *rest.finish()]
            assert [*before, *after] == read(CsvRows(), body)

    def test_the_products_are_5249_rows(self, products: bytes) -> None:
        reader = CsvRows()
        items = read(reader, products, range(0, len(products), 65536))
        assert len(good(items)) == len(items) == 5249
        assert reader.header is not None
        assert {len(fields) for fields in good(items)} == {len(reader.header)} == {26}
        assert good(items) == list(csv.reader(io.StringIO(products.decode(), newline="")))[1:]

    def test_blank_lines_are_skipped_and_counted(self) -> None:
        items = read(CsvRows(), b"\n\r\nsuffix\n\nA\n\n\nB")
        assert [(item.line, item.fields) for item in items] == [(5, ["A"]), (8, ["B"])]
        assert items[1].end == 16

    def test_an_empty_quoted_cell_is_not_a_blank_line(self) -> None:
        assert good(read(CsvRows(), b'suffix\n""\n')) == [[""]]

    def test_a_quote_inside_an_unquoted_field_is_a_character(self) -> None:
        items = read(CsvRows(), b'suffix,name\nA,5" pipe\nB,6" pipe\n')
        assert good(items) == [["A", '5" pipe'], ["B", '6" pipe']]

    def test_an_open_quote_costs_one_line(self) -> None:
        items = read(CsvRows(), b'suffix,name\nA,"open\nB,good\nC,"good too"\n')
        assert codes(items) == [(2, "unclosed_quote")]
        assert good(items) == [["B", "good"], ["C", "good too"]]

    def test_an_open_quote_at_the_end_costs_one_line(self) -> None:
        items = read(CsvRows(), b'suffix,name\nA,good\nB,"open\nC,good')
        assert codes(items) == [(3, "unclosed_quote")]
        assert good(items) == [["A", "good"], ["C", "good"]]

    def test_a_row_has_at_most_a_thousand_lines(self) -> None:
        longest = b'A,"' + b"x\n" * (MAX_LINES - 1) + b'"\n'
        assert len(good(read(CsvRows(), b"a,b\n" + longest))) == 1
        items = read(CsvRows(), b"a,b\n" + longest.replace(b'"\n', b'\n"\n') + b"B,2\n")
        assert codes(items)[0] == (2, "unclosed_quote")
        assert good(items)[-1] == ["B", "2"]

    def test_a_row_of_many_octets_is_refused_the_same_however_it_is_cut(self) -> None:
        cell = b"x" * 999 + b"\n"
        for count in (MAX_ROW // 1000 - 1, MAX_ROW // 1000 + 2):
            body = b'a,b\nA,"' + cell * count + b'"\nB,2\n'
            whole = read(CsvRows(), body)
            assert codes(whole)[:1] == ([] if count < MAX_ROW // 1000 else [(2, "unclosed_quote")])
            assert good(whole)[-1] == ["B", "2"]
            for step in (1000, 65536, 262_144):
                assert read(CsvRows(), body, range(0, len(body), step)) == whole

    def test_text_after_a_closing_quote_is_refused(self) -> None:
        items = read(CsvRows(), b'a,b\nA,"x"y\nB,2\n')
        assert codes(items) == [(2, "stray_quote")]
        assert good(items) == [["B", "2"]]

    def test_octets_that_are_not_utf8_are_named_by_position(self) -> None:
        items = read(CsvRows(), "a,b\nA,闸阀\n".encode() + "B,闸阀\n".encode("gbk") + "C,阀\n".encode())
        assert codes(items) == [(3, "not_utf8")]
        assert "第 5 个字节" in items[1].message
        assert items[1].row == "B,闸阀".encode("gbk")
        assert good(items) == [["A", "闸阀"], ["C", "阀"]]

    @pytest.mark.parametrize("control", [b"\x00", b"\x08", b"\x1b", b"\x7f", "\x85".encode()])
    def test_control_characters_are_refused(self, control: bytes) -> None:
        items = read(CsvRows(), b"a,b\nA,x" + control + b'\nB,"2\t\r\n"\n')
        assert codes(items) == [(2, "control_character")]
        assert good(items) == [["B", "2\t\r\n"]]

    def test_a_lone_carriage_return_outside_quotes_is_refused(self) -> None:
        items = read(CsvRows(), b"a,b\nA,x\rB,y\nC,3\n")
        assert codes(items) == [(2, "control_character")]
        assert good(items) == [["C", "3"]]

    def test_a_wrong_number_of_fields_says_both_numbers(self) -> None:
        items = read(CsvRows(), b"a,b\nA\nB,2\nC,3,4\n")
        assert codes(items) == [(2, "wrong_field_count"), (4, "wrong_field_count")]
        assert items[0].message == "应有 2 列，实际 1 列 / expected 2 fields, found 1"
        assert good(items) == [["B", "2"]]

    def test_a_rejected_row_is_kept_whole_unless_it_was_too_long_to_read(self) -> None:
        items = read(CsvRows(), b"a,b\n" + b"x" * 10_000 + b"\n" + b"y" * (MAX_ROW + 1) + b"\n")
        assert [item.row for item in items] == [b"x" * 10_000, b"y" * MAX_KEPT]

    def test_an_endless_line_needs_no_memory_and_costs_one_row(self) -> None:
        block = b"x" * 65536
        reader = CsvRows()
        items: list[Any] = list(reader.feed(b"a,b\nA,1\n"))
        tracemalloc.start()
        for _ in range(50 * 16):
            items += reader.feed(block)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * MAX_ROW
        assert reader.position == Position(3, 8)
        items += reader.feed(b"\nB,2\n")
        assert codes(items) == [(3, "row_too_long")]
        assert len(items[1].row) == MAX_KEPT
        assert good(items) == [["A", "1"], ["B", "2"]]
        assert items[2].end == 8 + 50 * 16 * 65536 + 1 + 4

    def test_an_endless_open_quote_needs_no_memory(self) -> None:
        reader = CsvRows()
        reader.feed(b"a,b\n")
        refused = 0
        tracemalloc.start()
        refused += len(reader.feed(b'A,"open\n'))
        for _ in range(100):
            refused += len(reader.feed(b"y" * 9999 + b"\n"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert refused > 70
        assert peak < 16 * MAX_ROW  # what is kept, as octets and as text

    @pytest.mark.parametrize("length", [MAX_ROW, MAX_ROW + 1])
    def test_the_longest_line_is_the_same_in_one_block_and_in_many(self, length: int) -> None:
        body = b"a,b\nA," + b"x" * (length - 2) + b"\nB,2\n"
        whole = read(CsvRows(), body)
        assert codes(whole) == ([] if length == MAX_ROW else [(2, "row_too_long")])
        for step in (4096, 100_000):
            assert read(CsvRows(), body, range(0, len(body), step)) == whole
        assert read(CsvRows(), body[:-5]) == whole[:1] or length == MAX_ROW

    def test_quotes_that_never_close_take_linear_time(self) -> None:
        # Each line reads as an open quote, from wherever one starts: looking ahead must not pay for each anew.
        # A hundred thousand lines would take minutes if it did.
        items = read(CsvRows(), b"a,b\n" + b'x","\n' * 20_000, range(0, 100_000, 65536))
        assert len(codes(items)) == 20_000

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_other_delimiters_can_be_named(self, delimiter: str) -> None:
        body = table([["a", "b"], ["1,5", delimiter]], delimiter=delimiter)
        assert good(read(CsvRows(delimiter), body)) == [["1,5", delimiter]]

    def test_a_delimiter_of_letters_is_refused(self) -> None:
        with pytest.raises(BadDelimiter):
            CsvRows("x")

    @pytest.mark.parametrize("body", [b"", b"\n\r\n", b"\xef\xbb\xbf"])
    def test_an_empty_file_has_no_header(self, body: bytes) -> None:
        with pytest.raises(NoHeader):
            read(CsvRows(), body)

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_a_wrong_delimiter_is_suspected(self, delimiter: str) -> None:
        with pytest.raises(WrongDelimiter) as raised:
            read(CsvRows(), table([["a", "b"]], delimiter=delimiter))
        assert raised.value.evidence["suspected"] == delimiter

    def test_a_column_named_twice_is_refused(self) -> None:
        with pytest.raises(DuplicateColumn) as raised:
            read(CsvRows(), b"a,b,a\n")
        assert raised.value.evidence == {"line": 1, "name": "a"}

    def test_a_column_without_name_is_refused(self) -> None:
        with pytest.raises(EmptyColumn):
            read(CsvRows(), b"a,,c\n")

    @pytest.mark.parametrize(
        ("body", "hint"),
        [
            ("名称,尺寸\n".encode("gbk"), "GBK"),
            ("名称,尺寸\r\n".encode("utf-16"), "UTF-16"),
            (b'a,"b\n' * 3, "never closed"),
            (b"a,\x01\n", "U+0001"),
            (b"a" * (MAX_ROW + 1) + b"\n", "longer than"),
        ],
    )
    def test_an_unreadable_header_says_why(self, body: bytes, hint: str) -> None:
        with pytest.raises(UnreadableHeader, match=hint.replace("+", r"\+")):
            read(CsvRows(), body, range(0, len(body), 1000))

    def test_a_header_may_have_line_breaks_in_quotes(self) -> None:
        reader = CsvRows()
        items = read(reader, b'"suffix","net\nweight"\nA,1\n')
        assert reader.header == ["suffix", "net\nweight"]
        assert [(item.line, item.fields) for item in items] == [(3, ["A", "1"])]


scalars = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
objects = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.just('":'),
    scalars | st.lists(scalars, max_size=3),
    max_size=5,
)


class TestNdjson:
    @given(st.lists(objects, max_size=6), st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]), st.data())
    def test_what_was_written_is_read_however_it_is_cut(
        self, rows: list[dict[str, Any]], separators: tuple[str, str], data: st.DataObject
    ) -> None:
        body = b"".join(json.dumps(row, separators=separators).encode() + b"\r\n" for row in rows)
        cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6))
        items = read(NdjsonRows(), body, cuts)
        assert good(items) == rows
        for number, item in enumerate(items):
            rest = read(NdjsonRows(start=item.after), body[item.end :])
            assert rest == items[number + 1 :]

    @given(st.lists(st.sampled_from([b'{"a":1}', b"\n", b"{", b"[", b"\xff", b'"', b" ", b"1"]), max_size=30))
    def test_broken_input_is_read_the_same_however_it_is_cut(self, parts: list[bytes]) -> None:
        body = b"".join(parts)
        assert read(NdjsonRows(), body, range(1, len(body))) == read(NdjsonRows(), body)

    def test_numbers_keep_their_digits(self) -> None:
        body = b'{"a": 1.10, "b": 12345678901234567890123, "c": -0.0, "d": 1e2}\n'
        fields = good(read(NdjsonRows(), body))[0]
        assert {key: str(number) for key, number in fields.items()} == {
            "a": "1.10",
            "b": "12345678901234567890123",
            "c": "-0.0",
            "d": "1E+2",
        }
        assert isinstance(fields["a"], Decimal)

    @pytest.mark.parametrize(
        ("line", "code", "field"),
        [
            (b"{", "bad_json", None),
            (b'{"a":1}{"b":2}', "bad_json", None),
            (b'{"a":NaN}', "bad_json", None),
            (b'{"a":' + b"9" * 10_000 + b"}", "bad_json", None),
            (b'{"a":1e99999999999999999999}', "bad_json", None),
            (b'{"a":"\\ud800"}', "bad_json", None),
            (b'{"a":"\x00"}', "bad_json", None),
            (b'{"a":"\xff"}', "not_utf8", None),
            (b"[1]", "not_an_object", None),
            (b"null", "not_an_object", None),
            (b'"text"', "not_an_object", None),
            (b'{"a":1,"b":[[1]]}', "nested_value", "b"),
            (b'{"a":1,"b":[1,{}]}', "nested_value", "b"),
            (b'{"a":{}}', "nested_value", "a"),
            (b'{"a":' * 50_000, "nested_value", None),
            (b"[" * 200_000, "nested_value", None),
            (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested_value", None),
            (b'{"a":1,"a":1}', "duplicate_key", "a"),
            (b'{"a" :1,"a":1}', "duplicate_key", "a"),
            (b'{"a":1,"\\u0061":1}', "duplicate_key", "a"),
            (b'{"a":1,"b":"x\\":","a":2}', "duplicate_key", "a"),
            (b'{"a\\u0000":1,"a\\u0000":1}', "duplicate_key", "a\\u0000"),
            (b'{"a":"' + b"x" * MAX_ROW + b'"}', "row_too_long", None),
        ],
    )
    def test_a_bad_line_is_named_and_the_others_are_kept(self, line: bytes, code: str, field: str | None) -> None:
        body = b'{"suffix":"A"}\n' + line + b'\n{"suffix":"B"}\n'
        items = read(NdjsonRows(), body)
        assert [(item.line, item.code, item.field) for item in items if isinstance(item, Rejection)] == [
            (2, code, field)
        ]
        assert good(items) == [{"suffix": "A"}, {"suffix": "B"}]
        assert items[1].row == (line if len(line) <= MAX_ROW else line[:MAX_KEPT])

    def test_a_value_may_be_a_list_of_plain_values(self) -> None:
        body = b'{"a":[],"b":[1,"x",null,true,2.50]}\n{"a" :["y","[z]"],"b":":"}\n'
        items = good(read(NdjsonRows(), body))
        assert items == [{"a": [], "b": [1, "x", None, True, Decimal("2.50")]}, {"a": ["y", "[z]"], "b": ":"}]
        assert str(items[0]["b"][4]) == "2.50"

    def test_brackets_and_colons_in_text_are_text(self) -> None:
        body = b'{"a":"[x] {y} \\": z","url":"https://example.com:80/"}\n'
        assert good(read(NdjsonRows(), body)) == [{"a": '[x] {y} ": z', "url": "https://example.com:80/"}]

    def test_blank_lines_and_a_byte_order_mark_are_skipped(self) -> None:
        items = read(NdjsonRows(), b'\xef\xbb\xbf\n \t\r\n{"a":1}')
        assert [(item.line, item.end, item.fields) for item in items] == [(3, 15, {"a": 1})]

    def test_an_endless_line_needs_no_memory(self) -> None:
        reader = NdjsonRows()
        block = b"[" * 65536
        tracemalloc.start()
        for _ in range(50 * 16):
            assert reader.feed(block) == []
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * MAX_ROW
        items = [*reader.feed(b'\n{"a":1}'), *reader.finish()]
        assert codes(items) == [(1, "row_too_long")]
        assert good(items) == [{"a": 1}]

    def test_an_endless_line_that_ends_with_the_input_is_refused_too(self) -> None:
        items = read(NdjsonRows(), b"[" * (MAX_ROW + 7), [5, MAX_ROW + 1])
        assert codes(items) == [(1, "row_too_long")]


def test_tiny_blocks_do_not_make_a_long_row_slow() -> None:
    # 200 kB octet by octet; looking at the whole row again for each octet would take minutes.
    body = b'a,b\nA,"' + b"x,\n" * 990 + b"y" * 60_000 + b'"\n'
    assert read(CsvRows(), body, range(1, len(body))) == read(CsvRows(), body)


def test_a_thousand_random_edits_of_the_products_never_stop_the_reader(products: bytes) -> None:
    random.seed(1)
    start = products[:60_000]
    for _ in range(100):
        body = bytearray(start)
        for _ in range(10):
            body[random.randrange(400, len(body))] = random.choice(b'",\n\r\x00\xff;a')
        items = read(CsvRows(), bytes(body), range(0, len(body), 8192))
        assert len(good(items)) > 400
