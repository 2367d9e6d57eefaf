import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rows.delimiter import delimiter_of
from registry.rows.header import DELIMITERS

cells = st.text(st.sampled_from('ab ,;"\n\t|阀'), max_size=6)


@given(
    st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=3, max_size=12)
    ),
    st.sampled_from(DELIMITERS),
)
def test_a_table_with_plain_names_is_told_by_its_delimiter(rows: list[list[str]], delimiter: str) -> None:
    header = [f"column {number}" for number in range(len(rows[0]))]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    assert delimiter_of(text.getvalue().encode(), complete=True) == delimiter


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("suffix,name\nA,x\n", ","),
        ("suffix;name\nA;x\n", ";"),
        ("suffix\tname\nA\tx\n", "\t"),
        ("suffix|name\nA|x\n", "|"),
        ("suffix\nA\n", ","),
        ("", ","),
        ("suffix;price\nA;1,5\nB;2,5\n", ";"),
        ("suffix;size, mm;x\nA;1,5;y\nB;2,5;y\nC;3\n", ";"),
        ('suffix,"a;b;c;d;e"\n', ","),
        ('suffix,"a;b"\nA,x;y\n', ","),
        ("suffix,name,note\nA,x\nB,y,z\nC,x,y\nD,1,2\n", ","),
        ("\ufeffsuffix;name\nA;x\n", ";"),
        ('suffix;name\nA;"open\n', ";"),
    ],
)
def test_the_delimiter_is_the_one_by_which_the_rows_fit_the_header(text: str, delimiter: str) -> None:
    assert delimiter_of(text.encode(), complete=True) == delimiter


def test_a_line_that_was_cut_off_says_nothing() -> None:
    assert delimiter_of(b"suffix,name;x,note\nA,b,c\nD;", complete=False) == ","
