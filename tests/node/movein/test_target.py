"""What an identifier has over there becomes a row by the attributes here."""

from __future__ import annotations

from typing import Any

import pytest

from node.movein.target import NotMovable, Target, TemplateOtherwise, check_items, row_of, target_of
from node.movein.workplace import Fetched

ATTRIBUTES: list[dict[str, Any]] = [
    {"index": 2000, "name": "product_name", "kind": "string"},
    {"index": 2001, "name": "made_on", "kind": "date", "date_format": "YYYY年MM月DD日"},
    {"index": 2002, "name": "manuals", "kind": "file", "many": True},
    {"index": 2003, "name": "tags", "kind": "string", "many": True},
]


def edition(**changed: Any) -> dict[str, Any]:
    told = {"name": "valve", "template_version": 3, "state": "published", "enterprise_id": "E"}
    return {**told, "definition": {"attributes": ATTRIBUTES}, **changed}


def row(**values: Any) -> dict[str, Any]:
    told = {int(index.removeprefix("i")): value for index, value in values.items()}
    return row_of(
        Fetched("88.101.2001/V", "v", None, None, told), "V", target_of(edition(), "E"), {"a.pdf": "sha256-a"}
    )


def test_values_become_attributes_by_their_indexes() -> None:
    assert row(i2000=15, i2001="2030年1月2日", i2002=["a.pdf"], i2003="x") == {
        "suffix": "V", "product_name": "15", "made_on": "2030-01-02", "manuals": ["sha256-a"], "tags": ["x"],
    }  # fmt: skip


def test_what_is_empty_is_left_out_and_a_day_that_is_none_is_left_to_the_template() -> None:
    assert row(i2000="", i2001="2030年13月2日", i2002=[], i2003=None) == {"suffix": "V", "made_on": "2030年13月2日"}


@pytest.mark.parametrize("values", [{"i1999": "x"}, {"i2000": ["a", "b"]}, {"i2000": {"a": 1}}, {"i2002": ["b.pdf"]}])
def test_what_cannot_be_said_here_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(NotMovable):
        row(**values)


def test_the_mark_says_whose_template_it_is() -> None:
    marks = [target_of(edition(enterprise_id=owner), "E").mark for owner in ("E", None, "F")]
    assert marks == ["valve@3", "valve@3@node", "valve@3@F"]
    with pytest.raises(TemplateOtherwise, match="draft"):
        target_of(edition(state="draft"), "E")


def test_a_row_with_times_is_one_to_restore() -> None:
    first, last = "2030-01-02T02:00:00.000000+00:00", "2030-01-03T02:00:00.000000+00:00"
    fetched = Fetched("88.101.2001/V", "v", first, last, {2000: "x"})
    assert row_of(fetched, "V", Target("valve", "valve@3", {2000: ATTRIBUTES[0]}), {}) == {
        "suffix": "V", "product_name": "x", "biaoshi_template": "valve@3", "biaoshi_version": 1,
        "biaoshi_state": "live", "biaoshi_registered_at": first, "biaoshi_updated_at": last,
    }  # fmt: skip


def test_more_items_may_stand_here_but_none_of_another_name() -> None:
    check_items({2000: "a"}, {2000: "a", 2001: "b"}, "valve")
    for here in ({}, {2000: "b"}):
        with pytest.raises(TemplateOtherwise):
            check_items({2000: "a"}, here, "valve")
