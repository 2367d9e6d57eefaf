"""Groups of applications, and what other enterprises do with them."""

from __future__ import annotations

import pytest

from node.auth import NotAllowed
from registry.authorisations.application_identities import IdentityUnknown
from registry.authorisations.grants import Access
from registry.authorisations.groups import (
    GroupGranted,
    GroupHandleInvalid,
    GroupHandleTaken,
    GroupMemberForeign,
    GroupNotToImport,
    GroupUnknown,
)
from registry.store import VersionChanged
from tests.support.granting import application, grant, pumps_of, shared_group, told
from tests.support.world import Holder, World

GROUP = "88.101.2002/Group_partners"


async def test_a_group_holds_applications_of_its_own_enterprise_and_no_others(
    world: World, maker: Holder, partner: Holder
) -> None:
    mes, wms = await application(world, partner), await application(world, partner, "App_wms")
    foreign = await application(world, maker)
    groups = world.identity_groups
    made = await groups.create(partner.account, partner.actor, GROUP, title="伙伴", members=[wms.handle, mes.handle])
    assert made.members == (mes.handle, wms.handle)
    with pytest.raises(GroupHandleTaken):
        await groups.create(partner.account, partner.actor, GROUP.upper().replace("GROUP", "Group"))
    for wrong, error in ((foreign.handle, GroupMemberForeign), ("88.101.2002/App_none", IdentityUnknown)):
        with pytest.raises(error):
            await groups.edit(partner.account, partner.actor, GROUP, 1, title="伙伴", members=[wrong])
    edited = await groups.edit(partner.account, partner.actor, GROUP, 1, title="少", members=[wms.handle.upper()])
    assert (edited.members, edited.version) == ((wms.handle,), 2)
    with pytest.raises(VersionChanged):
        await groups.edit(partner.account, partner.actor, GROUP, 1, title="旧", members=[])
    assert await groups.get(partner.account, GROUP) == edited
    for bad in ("88.101.2002/partners", "88.101.2002"):
        with pytest.raises(GroupHandleInvalid):
            await groups.create(partner.account, partner.actor, bad)
    with pytest.raises(NotAllowed):
        await groups.create(maker.account, maker.actor, "88.101.2002/Group_spies")


async def test_an_imported_group_is_seen_without_its_members_and_its_owner_sees_who_imported_it(
    world: World, maker: Holder, partner: Holder
) -> None:
    mes = await application(world, partner)
    groups = world.identity_groups
    stranger = await world.holder(2003)
    handle = await shared_group(world, partner, maker, mes)
    assert (await groups.get(maker.account, handle)).members == ()
    assert [group.handle for group in await groups.list(maker.account)] == [handle]
    with pytest.raises(GroupUnknown):
        await groups.get(stranger.account, handle)
    [importer] = await groups.importers(partner.account, handle)
    assert importer.enterprise_id == maker.account.enterprise_id
    with pytest.raises(NotAllowed):
        await groups.importers(maker.account, handle)
    owner = partner.account.enterprise_id
    assert owner is not None
    with pytest.raises(GroupNotToImport):
        await groups.import_group(partner.account, partner.actor, owner, handle)
    [news] = await told(world, partner.account)
    assert news.kind == "identity_group.imported"
    await shared_import_again(world, maker, handle)
    assert len(await told(world, partner.account)) == 1


async def shared_import_again(world: World, maker: Holder, handle: str) -> None:
    """The same import once more, which changes nothing."""
    owner = pumps_of(maker).enterprise_id
    await world.identity_groups.import_group(maker.account, maker.actor, owner, handle)


async def test_an_import_is_dropped_only_when_nothing_is_granted_to_the_group(
    world: World, maker: Holder, partner: Holder
) -> None:
    handle = await shared_group(world, partner, maker)
    groups, owner = world.identity_groups, pumps_of(maker).enterprise_id
    await grant(world, maker, handle)
    with pytest.raises(GroupGranted):
        await groups.drop_import(maker.account, maker.actor, owner, handle)
    assert len(await groups.list(maker.account)) == 1
    await world.data_grants.revoke(maker.account, maker.actor, pumps_of(maker), Access.READ, [handle])
    await groups.drop_import(maker.account, maker.actor, owner, handle)
    assert await groups.list(maker.account) == []
    with pytest.raises(GroupUnknown):
        await groups.drop_import(maker.account, maker.actor, owner, handle)


async def test_a_removed_group_takes_its_grants_along_and_importers_are_told(
    world: World, maker: Holder, partner: Holder
) -> None:
    handle = await shared_group(world, partner, maker)
    await grant(world, maker, handle)
    await world.identity_groups.remove(partner.account, partner.actor, handle)
    assert await world.data_grants.given(maker.account) == []
    [news] = await told(world, maker.account)
    assert (news.kind, news.body["handle"]) == ("identity_group.removed", handle)
    with pytest.raises(GroupUnknown):
        await world.identity_groups.get(partner.account, handle)
