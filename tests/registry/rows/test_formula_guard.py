import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rows.formula_guard import guard, unguard

DANGEROUS = "=+-@\t\r\0"

cells = st.text(st.sampled_from("'=+-@\t\r\0a1") | st.characters(), max_size=6)


@given(cells)
def test_what_was_guarded_comes_back(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@given(cells)
def test_no_guarded_cell_begins_a_formula(cell: str) -> None:
    assert not guard(cell).startswith(tuple(DANGEROUS))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("''@x", "'''@x"),
        ("-5", "'-5"),
        ("'tis", "'tis"),
        ("a=b", "a=b"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_only_what_a_spreadsheet_would_run_is_guarded(cell: str, written: str) -> None:
    assert guard(cell) == written
