"""What an act needs, without a database."""

from __future__ import annotations

import pytest

from node.administration import (
    AddValues,
    CreateHandle,
    DeleteHandle,
    HomePrefix,
    ModifyValues,
    NotPermitted,
    RemoveValues,
    UnhomePrefix,
)
from node.record import Value
from registry.handle.permissions import (
    Grantor,
    Need,
    Permission,
    ways,
    ways_of_prefix_handle,
    ways_to_read,
)
from tests.support.rights import admin, group, plain, public_key

NAME = "88.101.2001/Pump-1"
PREFIX = "0.NA/88.101.2001"
P, G = Permission, Grantor


def site(index: int, kind: str = "HS_SITE") -> Value:
    return Value(index, kind, b"")


def test_the_bits_are_those_of_the_reference() -> None:
    assert [permission.value for permission in Permission] == [1 << at for at in range(12)]
    assert Permission.ADD_HANDLE == 0x001
    assert Permission.MODIFY_ADMIN == 0x080
    assert Permission.LIST_HANDLES == 0x800


def test_a_public_write_value_is_modified_by_anybody() -> None:
    standing = (plain(1, permissions=0x0F),)
    assert ways(ModifyValues(NAME, (plain(1, "new"),)), standing) == ((),)
    assert ways(AddValues(NAME, (plain(1, "new"),), overwrite=True), standing) == ((),)


def test_a_public_write_value_is_removed_by_administrators_only() -> None:
    assert ways(RemoveValues(NAME, (1,)), (plain(1, permissions=0x0F),)) == ((Need(G.RECORD, P.REMOVE_VALUE),),)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (public_key(1), public_key(1)),
        (plain(1), public_key(1)),
        (group(1), plain(1)),
        (plain(1), site(1)),
        (admin(1, PREFIX, 300), plain(1)),
        (plain(1), admin(1, PREFIX, 300)),
    ],
)
def test_values_that_say_who_may_act_are_never_open_to_the_public(old: Value, new: Value) -> None:
    standing = (Value(1, old.type, old.data, permissions=0x0F),)
    for found in (
        ways(ModifyValues(NAME, (new,)), standing),
        ways_of_prefix_handle(ModifyValues(PREFIX, (new,)), standing),
    ):
        assert () not in found


@pytest.mark.parametrize("permissions", [0x0A, 0x0B, 0x00, 0x01])
def test_a_value_that_administrators_may_not_write_is_read_only_for_everybody(permissions: int) -> None:
    standing = (plain(1), plain(7, permissions=permissions))
    for change in (
        ModifyValues(NAME, (plain(7, "new"),)),
        RemoveValues(NAME, (1, 7)),
        AddValues(NAME, (plain(7, "new"),), overwrite=True),
    ):
        with pytest.raises(NotPermitted, match="read-only") as caught:
            ways(change, standing)
        assert caught.value.evidence == {"index": 7}


def test_a_read_only_value_goes_with_its_handle() -> None:
    standing = (plain(7, permissions=0x0A),)
    assert ways(DeleteHandle(NAME), standing) == ((Need(G.RECORD, P.DELETE_HANDLE),),)
    anew = (Need(G.RECORD, P.DELETE_HANDLE), Need(G.PREFIX, P.ADD_HANDLE))
    assert ways(CreateHandle(NAME, (plain(7, "new"),), overwrite=True), standing) == (anew,)


def test_overwriting_needs_what_the_difference_needs_or_to_name_administrators_or_to_delete_and_create() -> None:
    standing = (plain(1), plain(2), plain(3), admin(100, PREFIX, 300))
    wanted = (plain(1), plain(3, "new"), plain(4), admin(100, PREFIX, 301))
    assert ways(CreateHandle(NAME, wanted, overwrite=True), standing) == (
        (Need(G.RECORD, P.REMOVE_VALUE | P.MODIFY_VALUE | P.ADD_VALUE | P.MODIFY_ADMIN),),
        (Need(G.RECORD, P.ADD_ADMIN),),
        (Need(G.RECORD, P.DELETE_HANDLE), Need(G.PREFIX, P.ADD_HANDLE)),
    )


def test_a_change_that_changes_nothing_is_for_any_administrator_and_not_for_everybody() -> None:
    standing = (plain(1, permissions=0x0F),)
    first, *_ = ways(CreateHandle(NAME, standing, overwrite=True), standing)
    assert first == (Need(G.RECORD, P(0)),)
    for change in (
        AddValues(NAME, standing, overwrite=True),
        AddValues(NAME, ()),
        ModifyValues(NAME, ()),
        RemoveValues(NAME, ()),
    ):
        assert ways(change, standing) == ((Need(G.RECORD, P(0)),),)
        assert ways_of_prefix_handle(change, standing) == ((Need(G.RECORD, P(0)),),)


def test_adding_over_a_value_that_stands_so_already_needs_nothing_for_it() -> None:
    change = AddValues(NAME, (plain(1), plain(2)), overwrite=True)
    assert ways(change, (plain(1),)) == ((Need(G.RECORD, P.ADD_VALUE),),)


def test_of_a_prefix_handle_those_above_name_the_administrators_and_the_node_says_where_it_is_served() -> None:
    change = AddValues(PREFIX, (plain(1), admin(100, PREFIX, 300), site(2), public_key(300)))
    [way] = ways_of_prefix_handle(change, ())
    assert set(way) == {Need(G.RECORD, P.ADD_VALUE), Need(G.ABOVE, P.ADD_ADMIN), Need(G.NODE, P.ADD_VALUE)}


@pytest.mark.parametrize(
    "kind",
    [
        "HS_SITE",
        "hs_site",
        "HS_SITE.6",
        "HS_SITE.PREFIX",
        "HS_SERV",
        "HS_SERV.PREFIX",
        "HS_NA_DELEGATE",
        "Hs_NameSpace",
    ],
)
def test_what_says_where_a_prefix_is_served_is_the_node_s_in_every_spelling(kind: str) -> None:
    standing = (site(5, kind),)
    for change, bits in (
        (AddValues(PREFIX, (site(6, kind),)), P.ADD_VALUE),
        (RemoveValues(PREFIX, (5,)), P.REMOVE_VALUE),
        (ModifyValues(PREFIX, (site(5, kind),)), P.MODIFY_VALUE),
    ):
        assert ways_of_prefix_handle(change, standing) == ((Need(G.NODE, bits),),)
    for way in ways_of_prefix_handle(CreateHandle(PREFIX, (), overwrite=True), standing):
        assert Need(G.NODE, P.REMOVE_VALUE) in way
    [way] = ways_of_prefix_handle(CreateHandle(PREFIX, (site(5, kind),)), None)
    assert way == (Need(G.ABOVE, P.ADD_DERIVED_PREFIX), Need(G.NODE, P.ADD_VALUE))


def test_a_plain_value_does_not_become_a_site_by_its_own_administrators() -> None:
    [way] = ways_of_prefix_handle(ModifyValues(PREFIX, (site(1),)), (plain(1),))
    assert set(way) == {Need(G.RECORD, P.MODIFY_VALUE), Need(G.NODE, P.MODIFY_VALUE)}


def test_prefixes_are_homed_by_the_node() -> None:
    assert ways_of_prefix_handle(HomePrefix(PREFIX), None) == ((Need(G.NODE, P.ADD_DERIVED_PREFIX),),)
    assert ways_of_prefix_handle(UnhomePrefix(PREFIX), None) == ((Need(G.NODE, P.DELETE_DERIVED_PREFIX),),)


def test_reading_needs_a_bit_only_for_what_the_public_may_not_read() -> None:
    assert ways_to_read([plain(1), plain(2)]) == ((),)
    assert ways_to_read([]) == ((),)
    assert ways_to_read([plain(1), plain(2, permissions=0x0C)]) == ((Need(G.RECORD, P.READ_VALUE),),)
    with pytest.raises(NotPermitted, match="nobody") as caught:
        ways_to_read([plain(1), plain(2, permissions=0x04)])
    assert caught.value.evidence == {"index": 2}
