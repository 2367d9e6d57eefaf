"""What others than the owner see of an identifier, and what they may change."""

from __future__ import annotations

from uuid import uuid4

import pytest

from node.auth import Account, NotAllowed, Role
from node.record import Value, decode_values, encode_values
from registry.authorisations.grants import Access
from registry.authorisations.reading import NotReadable, NotWritable, readable_values
from registry.authorisations.scopes import Readable
from registry.identifiers.identifiers import AttributesInvalid, IdentifierChanged, IdentifierUnknown
from registry.identifiers.state import IdentifierState
from registry.transitions import Verb
from tests.support.granting import Application, application, grant, hide, shared_group
from tests.support.world import Holder, World, actor, user_of

GRANTED = Readable.GRANTED


@pytest.fixture
async def mes(world: World, partner: Holder) -> Application:
    return await application(world, partner)


@pytest.fixture
async def group(world: World, maker: Holder, partner: Holder, mes: Application) -> str:
    """A group of the partner's application, imported by the maker."""
    return await shared_group(world, partner, maker, mes)


async def seen(world: World, maker: Holder, account: Account | None) -> dict[str, str | list[str]]:
    """The attributes of PUMP-1 that an account sees; no record holds more than it may see."""
    async with world.pool.acquire() as connection:
        found, stored, visible = await readable_values(connection, account, maker.identifier("PUMP-1"))
    attributes = stored.template.attributes_of(found.record)
    assert set(attributes) <= visible
    return attributes


async def test_others_see_what_is_public_and_the_owner_and_the_staff_see_all(
    world: World, maker: Holder, mes: Application
) -> None:
    everything = await seen(world, maker, maker.account)
    assert set(everything) == {"name", "serial", "model", "weight_kg"}
    assert await seen(world, maker, None) == everything
    await hide(world, maker, serial=GRANTED, weight_kg=GRANTED)
    public = {"name": "离心泵", "model": "CP-7"}
    for account in (None, mes.account, user_of(uuid4())):
        assert await seen(world, maker, account) == public
    colleague = Account(maker.account.account_id, "app", Role.APPLICATION, maker.account.enterprise_id)
    for account in (maker.account, colleague, world.administrator, world.reviewer):
        assert await seen(world, maker, account) == everything


async def test_a_grant_opens_its_attributes_to_the_members_of_the_group_and_to_nobody_else(
    world: World, maker: Holder, partner: Holder, mes: Application, group: str
) -> None:
    wms = await application(world, partner, "App_wms")
    await hide(world, maker, every=GRANTED)
    await grant(world, maker, group, "serial")
    assert await seen(world, maker, mes.account) == {"serial": "S-1"}
    for account in (wms.account, partner.account, None):
        with pytest.raises(NotReadable):
            await seen(world, maker, account)
    await grant(world, maker, group, "model", access=Access.WRITE)
    assert await seen(world, maker, mes.account) == {"serial": "S-1", "model": "CP-7"}
    await grant(world, maker, group)
    assert len(await seen(world, maker, mes.account)) == 4
    await world.identity_groups.edit(partner.account, partner.actor, group, 1, title="", members=[wms.handle])
    with pytest.raises(NotReadable):
        await seen(world, maker, mes.account)


async def test_an_identifier_with_a_scope_of_its_own_goes_by_its_own_grants(
    world: World, maker: Holder, mes: Application, group: str
) -> None:
    pump = maker.identifier("PUMP-1")
    await hide(world, maker, every=GRANTED)
    await grant(world, maker, group)
    await world.scopes.set_identifier(maker.account, maker.actor, pump, GRANTED)
    with pytest.raises(NotReadable):
        await seen(world, maker, mes.account)
    await world.data_grants.grant(maker.account, maker.actor, pump, Access.READ, [group])
    assert len(await seen(world, maker, mes.account)) == 4


async def test_values_stored_as_not_public_and_secret_keys_are_shown_to_no_stranger(
    world: World, maker: Holder, mes: Application
) -> None:
    template_id = await world.pool.fetchval("SELECT template_id FROM template WHERE name = 'pump'")
    record = [
        Value(2000, "NAME", "泵".encode()), Value(2001, "SERIAL", b"S-1", permissions=12),
        Value(500, "NOTE", b"open"), Value(501, "NOTE", b"closed", permissions=12),
        Value(502, "HS_SECKEY", b"key"),
    ]  # fmt: skip
    await world.pool.execute(
        "UPDATE identifier SET record = $1 WHERE template_id = $2", encode_values(record), template_id
    )
    found, _ = await world.identifiers.get(mes.account, maker.identifier("PUMP-1"))
    assert [value.data for value in decode_values(found.record)] == ["泵".encode(), b"open"]


async def test_strangers_see_nothing_that_does_not_resolve(world: World, maker: Holder, mes: Application) -> None:
    pump, admin = maker.identifier("PUMP-1"), world.administrator
    await world.identifiers.turn(maker.account, maker.actor, pump, 1, IdentifierState.SUSPENDED)
    with pytest.raises(IdentifierUnknown):
        await seen(world, maker, mes.account)
    await world.identifiers.turn(maker.account, maker.actor, pump, 2, IdentifierState.LIVE)
    await world.prefixes.move(admin, actor(admin), maker.prefix, Verb.SUSPEND, "检查")
    with pytest.raises(IdentifierUnknown):
        await seen(world, maker, mes.account)
    assert await seen(world, maker, maker.account)


async def test_a_grant_to_write_changes_its_attributes_and_leaves_the_others(
    world: World, maker: Holder, mes: Application, group: str
) -> None:
    pump = maker.identifier("PUMP-1")
    await hide(world, maker, serial=GRANTED)
    await grant(world, maker, group, "model", "weight_kg", access=Access.WRITE)
    after, stored = await world.identifiers.update(
        mes.account, mes.actor, pump, 1, {"model": "CP-8", "weight_kg": None, "name": "离心泵"}
    )
    assert stored.template.attributes_of(after.record) == {"name": "离心泵", "model": "CP-8"}
    assert await seen(world, maker, maker.account) == {"name": "离心泵", "serial": "S-1", "model": "CP-8"}
    [newest, _] = await world.identifiers.history(maker.account, pump, before_version=9, limit=5)
    assert (newest.account_id, newest.interface) == (mes.identity.account_id, mes.actor.interface)


async def test_what_was_not_granted_for_writing_is_neither_changed_nor_guessed(
    world: World, maker: Holder, mes: Application, group: str
) -> None:
    pump, update = maker.identifier("PUMP-1"), world.identifiers.update
    with pytest.raises(NotAllowed):
        await update(mes.account, mes.actor, pump, 1, {"model": "CP-8"})
    await hide(world, maker, serial=GRANTED)
    await grant(world, maker, group, "model", access=Access.WRITE)
    for attributes, named in (({"name": "别的", "model": "CP-8"}, ["name"]), ({"serial": "S-1"}, ["serial"])):
        with pytest.raises(NotWritable) as refused:
            await update(mes.account, mes.actor, pump, 1, attributes)
        assert refused.value.evidence["attributes"] == named
    with pytest.raises(AttributesInvalid):
        await update(mes.account, mes.actor, pump, 1, {"colour": "red"})
    with pytest.raises(IdentifierChanged):
        await update(mes.account, mes.actor, pump, 2, {"model": "CP-8"})
    with pytest.raises(NotAllowed):
        await world.identifiers.delete(mes.account, mes.actor, pump, 1)
    assert (await seen(world, maker, maker.account))["model"] == "CP-7"
    await update(mes.account, mes.actor, pump, 1, {"model": "CP-8"})
