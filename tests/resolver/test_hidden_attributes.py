"""What an owner hides is hidden by every front, from the moment its scope is written."""

from __future__ import annotations

import asyncio

import pytest

from node.administration import NotPermitted, ProofNeeded
from node.database import Pool
from node.identifier import Identifier
from registry.authorisations.scopes import Readable
from resolver.answer import Found, Query, RecordDamaged
from resolver.chain import Resolver
from tests.support.dom import dom
from tests.support.granting import hide
from tests.support.registrar import admin_value, opened
from tests.support.shelf import front_of, resolver_of
from tests.support.world import Holder, World

GRANTED = Readable.GRANTED
SUFFIX = "Pump-1"
DATA = {"name": "离心泵", "serial": "S-1", "model": "CP-7"}


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def maker(world: World) -> Holder:
    maker = await world.holder()
    await world.identifiers.register(maker.account, maker.actor, maker.identifier(SUFFIX), "pump", DATA)
    return maker


async def shown(resolver: Resolver, identifier: Identifier) -> dict[str, str]:
    answer = await resolver.resolve(Query(identifier))
    assert isinstance(answer, Found)
    return {one.type: one.data.decode() for one in answer.values}


async def until(resolver: Resolver, identifier: Identifier, wanted: set[str]) -> None:
    async with asyncio.timeout(5):
        while set(await shown(resolver, identifier)) != wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_a_scope_reaches_a_resolver_that_remembers_the_identifier_and_its_end_does_too(
    world: World, maker: Holder, database_url: str
) -> None:
    identifier, other = maker.identifier(SUFFIX), maker.identifier("Pump-2")
    await world.identifiers.register(maker.account, maker.actor, other, "pump", {**DATA, "serial": "S-2"})
    async with resolver_of(database_url) as resolver:
        everything = {"NAME", "SERIAL", "MODEL"}
        assert set(await shown(resolver, identifier)) == everything
        etag = resolver.standing(Query(identifier).key).etag  # type: ignore[union-attr] # it has just been asked for
        await hide(world, maker, serial=GRANTED)
        await until(resolver, identifier, {"NAME", "MODEL"})
        assert resolver.standing(Query(identifier).key).etag != etag  # type: ignore[union-attr]
        await world.scopes.set_identifier(maker.account, maker.actor, identifier, GRANTED)
        await until(resolver, identifier, set())
        assert set(await shown(resolver, other)) == {"NAME", "MODEL"}
        await world.scopes.set_identifier(maker.account, maker.actor, identifier, None)
        await hide(world, maker, serial=None)
        await until(resolver, identifier, everything)


async def test_a_damaged_record_stays_damaged_and_its_neighbours_are_read(
    world: World, maker: Holder, database_url: str
) -> None:
    damaged, whole = maker.identifier("Pump-2"), maker.identifier(SUFFIX)
    await world.identifiers.register(maker.account, maker.actor, damaged, "pump", {**DATA, "serial": "S-2"})
    await world.pool.execute(
        "UPDATE identifier SET record = substring(record for 60) WHERE suffix_key = $1", damaged.key
    )
    await hide(world, maker, serial=GRANTED)
    async with resolver_of(database_url) as resolver:
        answers = await asyncio.gather(
            resolver.resolve(Query(damaged)), resolver.resolve(Query(whole)), return_exceptions=True
        )
    assert isinstance(answers[0], RecordDamaged)
    assert isinstance(answers[1], Found)


async def test_page_and_handle_json_say_nothing_of_what_is_hidden(
    world: World, maker: Holder, database_url: str, pool: Pool
) -> None:
    await hide(world, maker, serial=GRANTED)
    async with front_of(database_url, pool) as front:
        page = await dom(front, f"/88.101.2001/{SUFFIX}")
        assert "CP-7" in page.text
        assert "S-1" not in page.text
        for query in ("", "?index=2001", "?type=SERIAL", "?publicOnly=false&index=2000&index=2001"):
            async with front.session.get(f"/api/handles/88.101.2001/{SUFFIX}{query}") as response:
                assert "S-1" not in await response.text(), query


async def test_by_the_handle_protocol_only_administrators_read_what_is_hidden(world: World) -> None:
    registrar = await opened(world)
    holder = registrar.holder
    thing = {"name": "电机", "serial": "S-1"}
    await world.identifiers.register(holder.account, holder.actor, holder.identifier("M-1"), "thing", thing)
    await registrar.add("M-1", admin_value(f"0.NA/{holder.prefix.text}"))
    assert len(await registrar.read("M-1", 2000, 2001)) == 2
    owner = holder.account.enterprise_id
    assert owner is not None
    await world.scopes.set_class(holder.account, holder.actor, owner, "thing", {"serial": GRANTED})
    assert {one.index: one.permissions for one in await registrar.read("M-1", 2000, 2001)} == {2000: 14, 2001: 12}
    registrar.me = None
    assert [one.index for one in await registrar.read("M-1", 2000)] == [2000]
    with pytest.raises((ProofNeeded, NotPermitted)):
        await registrar.read("M-1", 2000, 2001)
