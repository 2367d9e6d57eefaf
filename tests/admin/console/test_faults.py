"""Faults are told in the page's language, where there are words for it."""

from __future__ import annotations

from admin.console.faults import bilingual, spoken
from admin.console.form import Refusal
from admin.console.language import Language
from node.web import InvalidInput
from registry.credit_code import CreditCodeInvalid


def test_a_fault_of_the_form_has_chinese_words_and_an_unknown_one_stays_as_it_is() -> None:
    fault = {"field": "profile.capital", "code": "int_parsing", "message": "Input should be a valid integer"}
    assert spoken(bilingual(fault), Language.CHINESE) == "应为整数"
    assert spoken(bilingual(fault), Language.ENGLISH) == "Input should be a valid integer"
    odd = {"field": "x", "code": "odd", "message": "is odd"}
    assert spoken(bilingual(odd), Language.CHINESE) == "is odd"


def test_a_fault_of_the_domain_speaks_both_languages_itself() -> None:
    fault = {
        "field": "profile.valid_until",
        "code": "missing",
        "message": "有效期早于成立日期 / it ends before it began",
    }
    refusal = Refusal.of(InvalidInput("the record has faults", faults=[fault]))
    assert refusal.spoken(Language.CHINESE).fields == {"profile.valid_until": "有效期早于成立日期"}
    assert refusal.spoken(Language.ENGLISH).fields == {"profile.valid_until": "it ends before it began"}


def test_a_refusal_that_names_one_field_is_told_beside_it() -> None:
    refusal = Refusal.of(CreditCodeInvalid("the check character is wrong", field="credit_code"))
    assert refusal.spoken(Language.CHINESE).fields["credit_code"] == CreditCodeInvalid.title_zh
    assert refusal.spoken(Language.ENGLISH).fields["credit_code"] == "the check character is wrong"
