"""Resolving for clients, where this node would refer them by the handle of a service."""

from __future__ import annotations

import pytest

from node.record import Value
from resolver.answer import Absence, Found, Missing, Referral
from resolver.recursion.errors import DelegationUnusable, RecursionTooDeep
from tests.support.far_side import far_sides, on_behalf_of, recursing, text, texts

SOURCE = "192.0.2.1"


async def test_a_service_that_this_node_names_by_its_handle_is_looked_up_before() -> None:
    async with far_sides(2) as (root, owner), recursing(root) as recursion:
        referral = Referral(302, "0.NA/88.101.1", (Value(1, "HS_SERV", b"0.NA/88.102"),))
        root.record("0.NA/88.102", owner.site())
        owner.record("88.101.1/x", text("theirs"))
        found = await on_behalf_of(recursion).find("88.101.1/x", source=SOURCE, referral=referral)
        assert isinstance(found, Found)
        assert texts(found.values) == ["theirs"]
        assert found.age is None
        missing = await on_behalf_of(recursion).find("88.101.1/none", source=SOURCE, referral=referral)
        assert missing == Missing(Absence.UNKNOWN)


@pytest.mark.parametrize("service", [b"0.SITE/88.102", b"0.NA/88.103", b"\xff", b""])
async def test_a_service_that_cannot_be_looked_up_is_no_way(service: bytes) -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        referral = Referral(302, "0.NA/88.101.1", (Value(1, "HS_SERV", service),))
        with pytest.raises(DelegationUnusable):
            await on_behalf_of(recursion).find("88.101.1/x", source=SOURCE, referral=referral)


async def test_as_many_servers_may_ask_for_one_another_as_a_way_has_hops() -> None:
    async with far_sides(1) as (root,), recursing(root) as recursion:
        with pytest.raises(RecursionTooDeep):
            await on_behalf_of(recursion).find("88.102.7/x", source=SOURCE, depth=8)
        assert await on_behalf_of(recursion).find("88.102.7/x", source=SOURCE, depth=7) == Missing(Absence.UNKNOWN)


async def test_clients_are_known_by_their_networks() -> None:
    async with recursing() as recursion:
        beyond = on_behalf_of(recursion, clients=["10.0.0.0/8", "2001:db8::/32"])
        assert beyond.serves("10.1.2.3")
        assert beyond.serves("::ffff:10.1.2.3")
        assert beyond.serves("2001:db8::1")
        assert not beyond.serves("192.0.2.1")
        assert not beyond.serves("no address")
