"""Which attributes the public reads."""

from __future__ import annotations

import pytest

from node.auth import NotAllowed
from registry.authorisations.scopes import (
    ClassInvalid,
    Readable,
    carry_class_scopes,
    hidden_indexes,
)
from registry.prefixes import held_prefix
from tests.support.granting import hide, pumps_of
from tests.support.notices import Notices
from tests.support.world import Holder, World

GRANTED, PUBLIC = Readable.GRANTED, Readable.PUBLIC


async def hidden(world: World, holder: Holder, suffix: str = "PUMP-1") -> set[int]:
    """The indexes of an identifier that are hidden; pumps have 2000 name, 2001 serial, 2002 model, 2003 weight…"""
    template_id = await world.pool.fetchval("SELECT template_id FROM template WHERE name = 'pump'")
    async with world.pool.acquire() as connection:
        grant = await held_prefix(connection, holder.prefix)
        return set(await hidden_indexes(connection, grant, holder.identifier(suffix).key, template_id))


async def test_everything_is_public_until_the_owner_says_otherwise(world: World, maker: Holder) -> None:
    assert await hidden(world, maker) == set()
    await hide(world, maker, serial=GRANTED, model=GRANTED)
    assert await hidden(world, maker) == {2001, 2002}
    await hide(world, maker, model=None)
    assert await hidden(world, maker) == {2001}
    assert [
        scope.readable for scope in await world.scopes.of_classes(maker.account, pumps_of(maker).enterprise_id)
    ] == [{"serial": GRANTED}]


async def test_an_attribute_goes_before_the_whole_class_and_the_identifier_before_both(
    world: World, maker: Holder
) -> None:
    await hide(world, maker, every=GRANTED, name=PUBLIC)
    assert await hidden(world, maker) == set(range(2001, 2007))
    pump = maker.identifier("PUMP-1")
    await world.scopes.set_identifier(maker.account, maker.actor, pump, PUBLIC)
    assert await hidden(world, maker) == set()
    assert await hidden(world, maker, "PUMP-2") == set(range(2001, 2007))
    await world.scopes.set_identifier(maker.account, maker.actor, pump, GRANTED)
    assert await hidden(world, maker) == set(range(2000, 2007))
    await world.scopes.set_identifier(maker.account, maker.actor, pump, None)
    assert await hidden(world, maker) == set(range(2001, 2007))


async def test_a_change_is_announced_once_and_what_changes_nothing_is_not(
    world: World, maker: Holder, notices: Notices
) -> None:
    await hide(world, maker, serial=GRANTED)
    await hide(world, maker, serial=GRANTED)
    pump = maker.identifier("Pump-1")
    await world.scopes.set_identifier(maker.account, maker.actor, pump, GRANTED)
    await world.scopes.set_identifier(maker.account, maker.actor, pump, GRANTED)
    assert await notices() == ["p88.101.2001/", "k88.101.2001/PUMP-1"]
    acts = await world.pool.fetch("SELECT before, after FROM act_history WHERE action = 'authorisation.scope'")
    assert len(acts) == 2


async def test_scopes_are_the_owner_s_business(world: World, maker: Holder, partner: Holder) -> None:
    owner = pumps_of(maker).enterprise_id
    with pytest.raises(NotAllowed):
        await world.scopes.set_class(partner.account, partner.actor, owner, "pump", {"name": GRANTED})
    with pytest.raises(NotAllowed):
        await world.scopes.set_identifier(partner.account, partner.actor, maker.identifier("PUMP-1"), GRANTED)
    with pytest.raises(NotAllowed):
        await world.scopes.of_identifier(partner.account, maker.identifier("PUMP-1"))
    for template, attribute in (("", "name"), ("pump", "Name"), ("pump", "")):
        with pytest.raises(ClassInvalid):
            await world.scopes.set_class(maker.account, maker.actor, owner, template, {attribute: GRANTED})


async def test_what_was_hidden_stays_hidden_with_the_enterprise_that_takes_it_over(
    world: World, maker: Holder, partner: Holder
) -> None:
    third = await world.holder(2003)
    await hide(world, maker, every=GRANTED, name=PUBLIC)
    await hide(world, partner, serial=GRANTED)
    giver, receiver, other = (pumps_of(one).enterprise_id for one in (maker, third, partner))
    async with world.pool.acquire() as connection:
        await carry_class_scopes(connection, giver, receiver)
        await carry_class_scopes(connection, giver, other)
    assert await hidden(world, third) == set(range(2001, 2007))
    assert await hidden(world, partner) == {2001}
