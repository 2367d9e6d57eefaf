from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.mappings.date_formats import BadDateFormat, date_reader


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("YYYY/M/D", "2024/2/9", "2024-02-09"),
        ("YYYY/M/D", "2024/12/31", "2024-12-31"),
        ("YYYY/M/D", "2024/02/09", "2024-02-09"),
        ("DD.MM.YYYY", "09.02.2024", "2024-02-09"),
        ("MM/DD/YYYY", "02/09/2024", "2024-02-09"),
        ("YYYYMMDD", "20240209", "2024-02-09"),
        ("YYYY年M月D日", "2024年2月9日", "2024-02-09"),
        ("YYYY-MM-DD hh:mm:ss", "2024-02-09 23:59:59", "2024-02-09"),
        ("YYYY/M/D h:mm", "2024/2/9 0:00", "2024-02-09"),
        ("YYYY/M/D", "2024-02-09", "2024-02-09"),
        ("YYYY-DD-MM", "2024-09-02", "2024-02-09"),
    ],
)
def test_a_date_is_read_as_its_format_says(form: str, text: str, day: str) -> None:
    assert date_reader(form)(text) == day


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("YYYY/M/D", "2023/2/29"),
        ("YYYY/M/D", "24/2/9"),
        ("YYYY/M/D", "2024/2/9 "),
        ("YYYY/MM/DD", "2024/2/9"),
        ("YYYY/M/D", "0000/1/1"),
        ("YYYY/M/D", "٢٠٢٤/2/9"),
        ("YYYY-MM-DD hh:mm", "2024-02-09 24:00"),
        # It might mean the thirteenth of May, but says another thing.
        ("YYYY-DD-MM", "2024-05-13"),
    ],
)
def test_what_is_no_such_date_is_none(form: str, text: str) -> None:
    assert date_reader(form)(text) is None


@pytest.mark.parametrize(
    "form",
    [
        "", "YYYY", "YYYY/MM", "YY/MM/DD", "YYYY/MM/DD/DD", "YYYY/M/M", "YYYYMD", "YYYY/MMDD/D", "dd/MM/YYYY",
        "YYYY/MM/DD T", "YYYY/MM/DD 1", "Y" * 100, "YYYYYYYYMMDD",
    ],
)  # fmt: skip
def test_a_format_that_would_be_guessed_at_is_refused(form: str) -> None:
    with pytest.raises(BadDateFormat, match=" / "):
        date_reader(form)


@given(st.dates(), st.sampled_from(["{0.year:04d}/{0.month}/{0.day}", "{0.year:04d}/{0.month:02d}/{0.day:02d}"]))
def test_every_day_is_read(day: date, form: str) -> None:
    assert date_reader("YYYY/M/D")(form.format(day)) == day.isoformat()


@given(st.text(), st.sampled_from(["YYYY/M/D", "YYYYMMDD", "D.M.YYYY h:mm:ss"]))
def test_any_text_is_a_day_or_none(text: str, form: str) -> None:
    found = date_reader(form)(text)
    assert found is None or date.fromisoformat(found)
