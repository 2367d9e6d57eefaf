"""Identity numbers of GB 11643-1999; the first two are the standard's own examples."""

from __future__ import annotations

import random

from registry.identity_card import check_character, well_formed

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHARACTERS = "10X98765432"


def test_the_examples_of_the_standard_are_well_formed() -> None:
    assert well_formed("11010519491231002X")
    assert well_formed("440524188001010014")


def test_the_check_character_is_that_of_the_table_of_weights() -> None:
    rng = random.Random(11643)
    for _ in range(2000):
        digits = "".join(rng.choices("0123456789", k=17))
        total = sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True))
        assert check_character(digits) == CHARACTERS[total % 11]


def test_what_is_no_such_number_is_refused() -> None:
    for number in (
        "", "11010519491231002x", "11010519491231002", "1101051949123100２X", "01010519491231002X",
        "110105194912310021", "11010519490231002X",
    ):  # fmt: skip
        assert not well_formed(number)


def test_a_day_that_there_was_not_is_refused_although_the_check_character_fits() -> None:
    first17 = "11010519490230002"
    assert not well_formed(first17 + check_character(first17))
