"""Who is granted what, and who is told."""

from __future__ import annotations

import pytest

from node.auth import NotAllowed
from registry.authorisations.grants import Access, GranteeForeign, GranteeUnknown
from registry.authorisations.scopes import ClassInvalid, IdentifierFollowsClass, Readable
from registry.identifiers.identifiers import IdentifierUnknown
from tests.support.granting import application, grant, pumps_of, shared_group, told
from tests.support.world import Holder, World


async def test_another_enterprise_is_reached_only_through_a_group_of_its_own_that_was_imported(
    world: World, maker: Holder, partner: Holder
) -> None:
    mes = await application(world, partner)
    for handle in (mes.handle, "88.101.2002/Group_partners"):
        with pytest.raises((GranteeForeign, GranteeUnknown)):
            await grant(world, maker, handle)
    await world.identity_groups.create(partner.account, partner.actor, "88.101.2002/Group_closed")
    with pytest.raises(GranteeForeign) as refused:
        await grant(world, maker, "88.101.2002/Group_closed")
    assert refused.value.evidence["handle"] == "88.101.2002/Group_closed"
    group = await shared_group(world, partner, maker, mes)
    own = await application(world, maker)
    await world.data_grants.grant(
        maker.account, maker.actor, pumps_of(maker, "name", "model"), Access.READ, [group, own.handle.lower(), group]
    )
    given = await world.data_grants.given(maker.account, about="pump")
    assert [(one.attribute, one.grantee) for one in given] == [
        ("name", group), ("model", group), ("name", own.handle), ("model", own.handle),
    ]  # fmt: skip
    assert [one.grantee for one in await world.data_grants.received(partner.account)] == [group, group]
    assert await world.data_grants.received(mes.account) == await world.data_grants.received(partner.account)


async def test_what_is_granted_already_is_neither_written_nor_told_again(
    world: World, maker: Holder, partner: Holder
) -> None:
    group = await shared_group(world, partner, maker)
    await grant(world, maker, group, "name")
    await grant(world, maker, group, "name", "model")
    *news, _ = await told(world, partner.account)
    assert [(one.kind, one.body["attributes"]) for one in news] == [
        ("authorisation.class.granted", ["model"]), ("authorisation.class.granted", ["name"]),
    ]  # fmt: skip
    assert news[0].body["detail_zh"] == (f"中山示例企业2001已授权同类数据pump的属性model的查看权限（{group}）")
    await world.data_grants.revoke(maker.account, maker.actor, pumps_of(maker, "name"), Access.READ, [group])
    await world.data_grants.revoke(maker.account, maker.actor, pumps_of(maker, "name"), Access.READ, [group])
    kinds = [one.kind for one in await told(world, partner.account)]
    assert kinds.count("authorisation.class.removed") == 1
    assert [one.attribute for one in await world.data_grants.given(maker.account)] == ["model"]
    acts = await world.pool.fetch("SELECT action FROM act_history WHERE subject_kind = 'authorisation'")
    assert [row["action"] for row in acts] == ["authorisation.grant"] * 2 + ["authorisation.revoke"]


async def test_an_identity_is_told_itself_and_its_colleagues_are_not(world: World, maker: Holder) -> None:
    mes, wms = await application(world, maker), await application(world, maker, "App_wms")
    await grant(world, maker, mes.handle)
    assert len(await told(world, mes.account)) == 1
    assert await told(world, wms.account) == []
    assert await told(world, maker.account) == []


async def test_an_identifier_has_grants_only_with_a_scope_of_its_own_and_they_end_with_it(
    world: World, maker: Holder
) -> None:
    mes, pump = await application(world, maker), maker.identifier("PUMP-1")
    grants, scopes = world.data_grants, world.scopes
    with pytest.raises(IdentifierFollowsClass):
        await grants.grant(maker.account, maker.actor, pump, Access.READ, [mes.handle])
    assert await scopes.of_identifier(maker.account, pump) is None
    await scopes.set_identifier(maker.account, maker.actor, pump, Readable.GRANTED)
    await grants.grant(mes.account, mes.actor, pump, Access.WRITE, [mes.handle])
    [one] = await grants.given(maker.account, about=pump)
    assert (one.prefix, one.suffix_key, one.access, one.template) == ("88.101.2001", "PUMP-1", Access.WRITE, None)
    assert [one.kind for one in await told(world, mes.account)] == ["authorisation.identifier.granted"]
    await scopes.set_identifier(maker.account, maker.actor, pump, None)
    assert await grants.given(maker.account) == []
    with pytest.raises(IdentifierUnknown):
        await scopes.set_identifier(maker.account, maker.actor, maker.identifier("PUMP-9"), Readable.GRANTED)


async def test_only_the_owner_grants_and_names_have_to_be_names(world: World, maker: Holder, partner: Holder) -> None:
    mes = await application(world, partner)
    with pytest.raises(NotAllowed):
        await world.data_grants.grant(partner.account, partner.actor, pumps_of(maker), Access.READ, [mes.handle])
    with pytest.raises(NotAllowed):
        await world.data_grants.grant(mes.account, mes.actor, maker.identifier("PUMP-1"), Access.READ, [mes.handle])
    with pytest.raises(NotAllowed):
        await world.data_grants.given(partner.account, enterprise_id=pumps_of(maker).enterprise_id)
    with pytest.raises(ClassInvalid):
        await grant(world, partner, mes.handle, "Not A Name")
    assert await world.pool.fetchval("SELECT count(*) FROM data_grant") == 0
