"""Grants, imports and scopes that are changed at once."""

from __future__ import annotations

import asyncio

from registry.authorisations.grants import GranteeForeign, GranteeUnknown
from registry.authorisations.groups import GroupGranted, GroupUnknown
from registry.authorisations.scopes import Readable
from tests.support.granting import grant, hide, pumps_of, shared_group, told
from tests.support.world import Holder, World


async def test_twenty_grants_of_the_same_thing_are_one_grant_and_one_notification(
    world: World, maker: Holder, partner: Holder
) -> None:
    group = await shared_group(world, partner, maker)
    await asyncio.gather(*(grant(world, maker, group, "name") for _ in range(20)))
    assert len(await world.data_grants.given(maker.account)) == 1
    assert [one.kind for one in await told(world, partner.account)] == [
        "authorisation.class.granted", "identity_group.imported",
    ]  # fmt: skip


async def test_a_grant_never_outlives_the_import_it_needs(world: World, maker: Holder, partner: Holder) -> None:
    group = await shared_group(world, partner, maker)
    owner, groups = pumps_of(maker).enterprise_id, world.identity_groups
    for _ in range(15):
        granted, dropped = await asyncio.gather(
            grant(world, maker, group),
            groups.drop_import(maker.account, maker.actor, owner, group),
            return_exceptions=True,
        )
        held = bool(await world.data_grants.given(maker.account))
        imported = bool(await groups.list(maker.account))
        assert held is (granted is None)
        assert imported is (dropped is not None)
        assert not (held and not imported)
        assert granted is None or isinstance(granted, GranteeForeign)
        assert dropped is None or isinstance(dropped, GroupGranted | GroupUnknown)
        await world.pool.execute("DELETE FROM data_grant")
        await groups.import_group(maker.account, maker.actor, owner, group)


async def test_scopes_of_a_class_set_at_once_are_all_kept(world: World, maker: Holder) -> None:
    names = ("name", "serial", "model", "weight_kg", "made_on", "passed", "grade")
    await asyncio.gather(*(hide(world, maker, **{name: Readable.GRANTED}) for name in names))
    [scope] = await world.scopes.of_classes(maker.account, pumps_of(maker).enterprise_id)
    assert set(scope.readable) == set(names)


async def test_a_group_that_is_removed_while_it_is_granted_to_leaves_no_grant(
    world: World, maker: Holder, partner: Holder
) -> None:
    for _ in range(10):
        group = await shared_group(world, partner, maker)
        granted, removed = await asyncio.gather(
            grant(world, maker, group),
            world.identity_groups.remove(partner.account, partner.actor, group),
            return_exceptions=True,
        )
        assert granted is None or isinstance(granted, GranteeUnknown | GranteeForeign)
        assert removed is None
        assert await world.data_grants.given(maker.account) == []
