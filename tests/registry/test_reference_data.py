"""Divisions and industries."""

from __future__ import annotations

import pytest

from registry import reference_data
from registry.reference_data import DivisionCodeInvalid, IndustryCodeInvalid


def test_divisions_are_found_by_their_code() -> None:
    ningbo = reference_data.divisions()["330200"]
    assert (ningbo.name, ningbo.level) == ("宁波市", 2)
    assert {division.level for division in reference_data.divisions().values()} == {1, 2, 3}


def test_industries_are_found_by_their_code_and_categories_by_their_letter() -> None:
    assert reference_data.industries()["C"].name == "制造业"
    machinery = reference_data.industries()["34"]
    assert (machinery.category, machinery.level) == ("C", 2)
    assert len(reference_data.industries()) == 20 + 97 + 473 + 1381


def test_a_division_is_found_by_the_beginning_of_its_code_and_by_any_part_of_its_name() -> None:
    found = reference_data.find_divisions("3302", 50)
    assert ("330212", "浙江省 宁波市 鄞州区") in found
    assert all(code.startswith("3302") for code, _ in found)
    assert reference_data.find_divisions("宁波市鄞州", 5) == [("330212", "浙江省 宁波市 鄞州区")]
    assert reference_data.find_divisions("442000", 5) == [("442000", "广东省 中山市")]
    assert reference_data.find_divisions("没有这个地方", 5) == []
    assert len(reference_data.find_divisions("市", 7)) == 7


def test_an_industry_is_found_by_the_beginning_of_its_code_and_by_any_part_of_its_name() -> None:
    assert ("3441", "泵及真空设备制造") in reference_data.find_industries("344", 10)
    assert ("3441", "泵及真空设备制造") in reference_data.find_industries("真空设备", 10)
    assert reference_data.find_industries("C", 10)[0] == ("C", "制造业")


def test_a_known_code_gives_no_caution() -> None:
    assert reference_data.check_division("110105") == []
    assert reference_data.check_industry("C") == []
    assert reference_data.check_industry("0111") == []


def test_an_unknown_code_of_the_right_form_is_a_caution_and_no_refusal() -> None:
    (caution,) = reference_data.check_division("999999")
    assert (caution.field, caution.code) == ("division_code", "division_unknown")
    assert "999999" in caution.message
    (caution,) = reference_data.check_industry("9999")
    assert (caution.field, caution.code) == ("industry_code", "industry_unknown")


@pytest.mark.parametrize("code", ["", "11010", "1101050", "01010A", "010105", "１１０１０５", "110105\n"])
def test_a_division_code_of_another_form_is_refused(code: str) -> None:
    with pytest.raises(DivisionCodeInvalid):
        reference_data.check_division(code)


@pytest.mark.parametrize("code", ["", "U", "c", "C34", "1", "01111", "34\n", "三四"])
def test_an_industry_code_of_another_form_is_refused(code: str) -> None:
    with pytest.raises(IndustryCodeInvalid):
        reference_data.check_industry(code)
