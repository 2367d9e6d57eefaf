"""Acts read as sentences, and what they changed as rows."""

from __future__ import annotations

from admin.console.language import Language
from admin.console.timeline import Change, action_words, changes_of

T = Language.CHINESE.t


def test_acts_are_named_by_what_was_done_to_what() -> None:
    assert action_words("enterprise.approve") == ("企业审核通过", "Enterprise approved")
    assert action_words("something.else") == ("something.else", "something.else")


def test_only_what_differs_is_told_by_the_names_of_fields_and_choices() -> None:
    before = {"name": "甲", "version": 1, "profile": {"nature": None, "licences": []}, "division_code": "330212"}
    licence = {"number": "B2-1", "kind": "value_added_telecom", "valid_until": None}
    after = {
        "name": "乙", "version": 2, "profile": {"nature": "private", "licences": [licence]},
        "division_code": "330212",
    }  # fmt: skip
    assert list(changes_of(T, before, after)) == [
        Change("企业名称", "甲", "乙"), Change("单位性质", "", "民营控股"), Change("许可证编号", "", "B2-1"),
        Change("许可证类型", "", "增值电信业务经营"),
    ]  # fmt: skip


def test_people_whose_masks_are_the_same_are_told_to_have_changed() -> None:
    people = {"contact": {"name": "张*", "phone": "138****0000"}}
    after = {"personal": people, "personal_changed": ["contact.phone"]}
    assert list(changes_of(T, {"personal": people}, after)) == [Change("联系人电话", "138****0000", "138****0000")]


def test_an_act_that_kept_one_side_only_tells_no_changes() -> None:
    assert list(changes_of(T, None, {"name": "甲"})) == []
    assert list(changes_of(T, {"name": "甲"}, None)) == []
