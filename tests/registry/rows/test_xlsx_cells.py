import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.rows.xlsx_cells import PLAIN, CellRefused, Shape, Style, number_text, style_of, unescaped


def seen(value: str, style: Style = PLAIN, *, from_1904: bool = False) -> str:
    return number_text(value, style, from_1904=from_1904)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("42", "42"),
        ("42.0", "42"),
        ("12345678901234", "12345678901234"),
        ("1.2345678901234E13", "12345678901234"),
        ("999999999999999", "999999999999999"),
        ("0.30000000000000004", "0.3"),
        ("5.6591084994940368", "5.65910849949404"),
        ("-1.50", "-1.5"),
        ("1E-7", "0.0000001"),
        (".5", "0.5"),
    ],
)
def test_a_number_is_written_as_it_is_seen(value: str, text: str) -> None:
    assert seen(value) == text


@pytest.mark.parametrize("value", ["1E+20", "310101199001011000", "-1E15", "1e400"])
def test_a_number_that_lost_its_last_digits_is_refused(value: str) -> None:
    with pytest.raises(CellRefused) as raised:
        seen(value)
    assert raised.value.fault("证号").code == "number_not_exact"


@pytest.mark.parametrize("value", ["nan", "inf", "1_0", "0x1", "1,5", " 1", "9" * 500, "１"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(CellRefused, match="not_a_number"):
        seen(value)


@pytest.mark.parametrize(
    ("number", "code", "style"),
    [
        (0, None, PLAIN),
        (1, None, PLAIN),
        (14, None, Style(Shape.DATE)),
        (22, None, Style(Shape.DATE_AND_TIME)),
        (31, None, Style(Shape.DATE)),
        (46, None, Style(Shape.ELAPSED)),
        (164, "General", PLAIN),
        (164, "@", PLAIN),
        (164, "0.00", PLAIN),
        (164, "0.00E+00", PLAIN),
        (164, '#,##0.00"days"', PLAIN),
        (164, "[Red]0.0;[Blue]-0.0", PLAIN),
        (164, "[$¥-804]#,##0", PLAIN),
        (164, "00000", Style(Shape.ZEROS, 5)),
        (164, "yyyy-mm-dd", Style(Shape.DATE)),
        (164, 'yyyy"年"m"月"d"日"', Style(Shape.DATE)),
        (164, "[$-804]yyyy/m/d;@", Style(Shape.DATE)),
        (164, "mmm-yy", Style(Shape.DATE)),
        (164, "YYYY-MM-DD HH:MM:SS", Style(Shape.DATE_AND_TIME)),
        (164, "h:mm AM/PM", Style(Shape.TIME)),
        (164, '上午/下午h"时"mm"分"', Style(Shape.TIME)),
        (164, "[h]:mm:ss", Style(Shape.ELAPSED)),
        (164, r"\d0", PLAIN),
    ],
)
def test_a_format_code_says_how_a_number_is_shown(number: int, code: str | None, style: Style) -> None:
    assert style_of(number, code) == style


def test_digits_that_the_style_fills_up_are_digits_of_the_value() -> None:
    zeros = Style(Shape.ZEROS, 6)
    assert [seen(value, zeros) for value in ("42", "0", "1234567", "1.5", "-3")] == [
        "000042", "000000", "1234567", "1.5", "-3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shape", "text"),
    [
        ("1", Shape.DATE, "1900-01-01"),
        ("59", Shape.DATE, "1900-02-28"),
        ("61", Shape.DATE, "1900-03-01"),
        ("46024", Shape.DATE, "2026-01-02"),
        ("46024.75", Shape.DATE, "2026-01-02"),
        ("46024", Shape.DATE_AND_TIME, "2026-01-02"),
        ("46024.127835648149", Shape.DATE_AND_TIME, "2026-01-02T03:04:05"),
        ("2958465", Shape.DATE, "9999-12-31"),
        ("0.5", Shape.TIME, "12:00:00"),
        ("46024.5", Shape.TIME, "2026-01-02T12:00:00"),
        ("1.5", Shape.ELAPSED, "36:00:00"),
    ],
)
def test_a_serial_number_is_a_moment(value: str, shape: Shape, text: str) -> None:
    assert seen(value, Style(shape)) == text


def test_a_workbook_may_count_from_1904() -> None:
    assert seen("0", Style(Shape.DATE), from_1904=True) == "1904-01-01"
    assert seen("44562", Style(Shape.DATE), from_1904=True) == "2026-01-02"


@pytest.mark.parametrize("value", ["0", "60", "-1", "2958466", "1e30"])
def test_a_day_that_never_was_is_refused(value: str) -> None:
    with pytest.raises(CellRefused, match="not_a_date"):
        seen(value, Style(Shape.DATE))


@given(st.datetimes(dt.datetime(1900, 3, 1), dt.datetime(9999, 12, 31, 23, 59, 59)))  # noqa: DTZ001
def test_every_second_comes_back(moment: dt.datetime) -> None:
    moment = moment.replace(microsecond=0)
    since = moment - dt.datetime(1899, 12, 30)  # noqa: DTZ001
    value = repr(since.days + since.seconds / 86_400)
    text = seen(value, Style(Shape.DATE_AND_TIME))
    assert dt.datetime.fromisoformat(text) == moment


def test_escaped_characters_are_characters() -> None:
    assert unescaped("a_x000D_b_x005F_x000D_") == "a\rb_x000D_"
    assert unescaped("_xyz_") == "_xyz_"
