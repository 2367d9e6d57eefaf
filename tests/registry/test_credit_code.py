"""GB 32100-2015 and the organisation code inside."""

from __future__ import annotations

import pytest

from registry import credit_code
from registry.credit_code import CreditCodeInvalid

# The sample of the standard and codes that two large bodies print on their own pages.
PUBLISHED = ("91350100M000100Y43", "91110000802100433B", "91440300708461136T")


@pytest.mark.parametrize("code", PUBLISHED)
def test_published_codes_are_valid(code: str) -> None:
    assert credit_code.check(code) == code


@pytest.mark.parametrize("code", PUBLISHED)
def test_every_single_wrong_character_is_found(code: str) -> None:
    for place, right in enumerate(code):
        for wrong in credit_code.ALPHABET.replace(right, ""):
            with pytest.raises(CreditCodeInvalid):
                credit_code.check(code[:place] + wrong + code[place + 1 :])


def test_two_neighbours_that_changed_places_are_found() -> None:
    for code in PUBLISHED:
        for place in range(17):
            swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            if swapped != code:
                with pytest.raises(CreditCodeInvalid):
                    credit_code.check(swapped)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "91350100M000100Y4",
        "91350100M000100Y433",
        "91350100m000100y43",
        "９1350100M000100Y43",
        "91350100I000100Y43",
        "9135O100M000100Y43",
        "91350100M000100Y43\n",
        " 91350100M000100Y43",
    ],
)
def test_what_is_not_of_the_form_is_refused_as_such(code: str) -> None:
    with pytest.raises(CreditCodeInvalid) as refusal:
        credit_code.check(code)
    assert refusal.value.evidence["fault"] == "form"


def test_the_fault_says_which_check_failed() -> None:
    with pytest.raises(CreditCodeInvalid) as refusal:
        credit_code.check("91350100M000100Y44")
    assert refusal.value.evidence["fault"] == "check"
    wrong_organisation = "91350100M000100Y5"
    with pytest.raises(CreditCodeInvalid) as refusal:
        credit_code.check(wrong_organisation + credit_code.check_character(wrong_organisation))
    assert refusal.value.evidence["fault"] == "organisation"


def test_sixteen_characters_are_completed_to_a_valid_code() -> None:
    assert credit_code.complete("91350100M000100Y") == "91350100M000100Y43"
    for number in range(2000):
        assert len(credit_code.check(credit_code.complete(f"91330212{number:08d}"))) == 18


def test_what_cannot_become_a_code_is_not_completed() -> None:
    for stem in ("", "9133021200000I00", "913302120000000", "91330212000000000"):
        with pytest.raises(CreditCodeInvalid):
            credit_code.complete(stem)


def test_check_characters_ten_and_eleven_of_an_organisation_code_are_x_and_0() -> None:
    checks = {credit_code.organisation_check(f"{number:08d}") for number in range(200)}
    assert checks == set("0123456789X")
