"""The list of identifiers that somebody brings, because SNMS has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.movein.handles_file import HandlesFileUnusable, Unreadable, read_handles
from node.movein.wanted import Wanted


def listed(tmp_path: Path, content: str | bytes) -> list[Wanted | Unreadable]:
    file = tmp_path / "handles"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_handles(file))


def told(one: Wanted | Unreadable) -> tuple[str, str | None, str | None]:
    assert isinstance(one, Wanted), one
    return one.identifier.text, one.registered_at, one.updated_at


def test_a_line_is_a_handle_in_its_own_spelling(tmp_path: Path) -> None:
    found = listed(tmp_path, "\ufeff88.101.2001/Prod-1\r\n\n  88.101.2001/a,b\n")
    assert [told(one) for one in found] == [("88.101.2001/Prod-1", None, None), ("88.101.2001/a,b", None, None)]


def test_times_without_an_offset_are_times_in_china(tmp_path: Path) -> None:
    found = listed(
        tmp_path,
        "handle,registered_at,updated_at\n"
        "88.101.2001/A,2030-01-02 10:00:00,2030-01-03 10:00:00\n"
        '"88.101.2001/B,1",2030-01-02T10:00:00.25+00:00,\n'
        "88.101.2001/C,,\n",
    )
    assert [told(one) for one in found] == [
        ("88.101.2001/A", "2030-01-02T02:00:00.000000+00:00", "2030-01-03T02:00:00.000000+00:00"),
        ("88.101.2001/B,1", "2030-01-02T10:00:00.250000+00:00", "2030-01-02T10:00:00.250000+00:00"),
        ("88.101.2001/C", None, None),
    ]


def test_columns_stand_in_any_order_and_may_be_missing(tmp_path: Path) -> None:
    (one,) = listed(tmp_path, "Handle , registered_at\n88.101.2001/A,2030-01-02 10:00:00\n")
    assert told(one)[1:] == ("2030-01-02T02:00:00.000000+00:00",) * 2


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("nonsense,,", "invalid_identifier"),
        ("99.1/A,,", "invalid_prefix"),
        ("88.101.2001/,,", "invalid_suffix"),
        ("88.101.2001/A,yesterday,", "time_unreadable"),
        ("88.101.2001/A,1960-01-01 00:00:00,", "time_unreadable"),
        ("88.101.2001/A,,2030-01-02 10:00:00", "time_unreadable"),
        ("88.101.2001/A,2030-01-03 10:00:00,2030-01-02 10:00:00", "time_unreadable"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_and_the_others_are_read(tmp_path: Path, row: str, code: str) -> None:
    wrong, right = listed(tmp_path, f"handle,registered_at,updated_at\n{row}\n88.101.2001/B,,\n")
    assert isinstance(wrong, Unreadable)
    assert (wrong.handle, wrong.error.code) == (row.partition(",")[0], code)
    assert told(right)[0] == "88.101.2001/B"


@pytest.mark.parametrize("content", ["handle,name\n88.101.2001/A,x\n", "handle,handle\n", b"\xff\xfe8\x008\x00"])
def test_what_is_no_list_is_refused_as_a_whole(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(HandlesFileUnusable):
        listed(tmp_path, content)
    with pytest.raises(HandlesFileUnusable):
        list(read_handles(tmp_path))


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    assert listed(tmp_path, "") == []
