import pytest

from registry.rows.form import FORMATS, Form, Format, UnknownForm, form_of_name


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("products.csv", Form(Format.CSV)),
        ("产品.CSV.GZ", Form(Format.CSV, gzip=True)),
        ("rows.ndjson", Form(Format.NDJSON)),
        ("rows.jsonl.gz", Form(Format.NDJSON, gzip=True)),
        ("rows.json", Form(Format.JSON)),
        ("book.xlsx", Form(Format.XLSX)),
    ],
)
def test_a_name_says_the_form(name: str, form: Form) -> None:
    assert form_of_name(name) == form


def test_a_name_that_says_nothing_is_refused() -> None:
    with pytest.raises(UnknownForm, match=r"\.xlsx"):
        form_of_name("book.ods")


def test_every_format_has_a_media_type_of_its_own() -> None:
    assert {FORMATS[form.media_type] for form in Format} == set(Format)
