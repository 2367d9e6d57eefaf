"""Attributes get names of the letters that names have, whatever their columns were called elsewhere."""

from __future__ import annotations

import pytest

from registry.templates.naming import attribute_name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("productName", "product_name"),
        ("URL", "url_2"),
        ("suffix", "suffix_2"),
        ("测试", "item"),
        ("2nd", "item_2nd"),
        ("A-B c", "a_b_c"),
        ("X" * 50, "x" * 50),
        ("taken", "taken_2"),
    ],
)
def test_what_a_column_is_called_makes_the_name_of_an_attribute(said: str, name: str) -> None:
    assert attribute_name(said, {"taken"}) == name


def test_names_that_come_out_alike_are_numbered() -> None:
    taken: list[str] = []
    for said in ("productName", "product name", "PRODUCT_NAME"):
        taken.append(attribute_name(said, taken))
    assert taken == ["product_name", "product_name_2", "product_name_3"]
