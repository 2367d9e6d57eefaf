"""What the node above blocks is resolved by no front, wherever it is registered, from the moment it is applied."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from node.database import Pool, transaction
from node.identifier import Identifier
from node.national.instructions import Blocked
from registry.connection.blocklist import NotBlockable, block, unblock
from registry.identifiers.stored import IdentifierUnknown
from resolver.answer import Absence, Found, Missing, NotResponsible, Query
from resolver.chain import Resolver
from resolver.handle.codes import Flag
from resolver.recursion.hop import Came
from resolver.recursion.tracing import Tracer
from tests.support.dom import dom
from tests.support.far_side import far_sides, on_behalf_of, recursing
from tests.support.handle import USUAL_FLAGS, connected, resolution, served
from tests.support.notices import Notices
from tests.support.shelf import front_of, resolver_of
from tests.support.world import Holder, World, user_of

DATA = {"name": "离心泵", "serial": "S-1"}


@pytest.fixture
async def world(pool: Pool) -> World:
    world = World(pool)
    await world.template()
    return world


@pytest.fixture
async def maker(world: World) -> Holder:
    maker = await world.holder()
    await world.identifiers.register(maker.account, maker.actor, maker.identifier("Pump-1"), "pump", DATA)
    return maker


@pytest.fixture
async def resolvers(database_url: str) -> AsyncIterator[list[Resolver]]:
    """Two workers."""
    async with resolver_of(database_url) as one, resolver_of(database_url) as other:
        yield [one, other]


async def blocked(world: World, *identifiers: str, reason: str = "非法内容") -> int:
    async with transaction(world.pool) as connection:
        wanted = [Blocked(identifier=one, reason=reason) for one in identifiers]
        return await block(connection, wanted, uuid4(), world.clock())


async def freed(world: World, *identifiers: str) -> int:
    async with transaction(world.pool) as connection:
        return await unblock(connection, identifiers)


async def asked(resolver: Resolver, identifier: Identifier) -> object:
    try:
        answer = await resolver.resolve(Query(identifier))
    except NotResponsible:
        return Absence.ELSEWHERE
    return answer.reason if isinstance(answer, Missing) else type(answer)


async def seconds_until(resolver: Resolver, identifier: Identifier, wanted: object) -> float:
    began = time.monotonic()
    async with asyncio.timeout(5):
        while await asked(resolver, identifier) != wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)
    return time.monotonic() - began


async def test_a_blocked_identifier_is_gone_from_every_worker_within_a_tenth_of_a_second(
    world: World, maker: Holder, resolvers: list[Resolver]
) -> None:
    pump, other = maker.identifier("Pump-1"), maker.identifier("Pump-2")
    await world.identifiers.register(maker.account, maker.actor, other, "pump", {**DATA, "serial": "S-2"})
    for resolver in resolvers:
        assert await asked(resolver, pump) is Found
    assert await blocked(world, "88.101.2001/PUMP-1") == 1
    assert max(await asyncio.gather(*(seconds_until(one, pump, Absence.BLOCKED) for one in resolvers))) < 0.1
    assert await asked(resolvers[0], other) is Found
    assert await freed(world, "88.101.2001/pump-1") == 1
    assert max(await asyncio.gather(*(seconds_until(one, pump, Found) for one in resolvers))) < 0.1


async def test_it_is_blocked_whoever_registered_it_or_nobody(world: World, maker: Holder, database_url: str) -> None:
    elsewhere, nowhere = Identifier.parse("88.202.7/Valve-9"), maker.identifier("Pump-99")
    async with resolver_of(database_url) as resolver:
        assert await asked(resolver, elsewhere) is Absence.ELSEWHERE
        assert await asked(resolver, nowhere) is Absence.UNKNOWN
        assert await blocked(world, elsewhere.text, nowhere.text) == 2
        await seconds_until(resolver, elsewhere, Absence.BLOCKED)
        await seconds_until(resolver, nowhere, Absence.BLOCKED)
        await world.identifiers.register(maker.account, maker.actor, nowhere, "pump", {**DATA, "serial": "S-3"})
        assert isinstance(await resolver.resolve(Query(nowhere), anew=True), Missing)


async def test_the_page_and_the_json_api_say_that_it_is_blocked(
    world: World, maker: Holder, database_url: str
) -> None:
    await blocked(world, "88.101.2001/Pump-1")
    async with front_of(database_url, world.pool) as front:
        assert "标识已被封堵" in (await dom(front, "/88.101.2001/Pump-1", status=404)).text
        async with front.session.get("/api/handles/88.101.2001/Pump-1") as answer:
            assert answer.status == 404
            assert (await answer.json())["responseCode"] == 100
        await front.counter.write()
    rows = await world.pool.fetch("SELECT prefix, outcome, resolutions FROM resolution_count ORDER BY interface")
    assert [tuple(row) for row in rows] == [("88.101.2001", 4, 1)] * 2


async def test_the_native_protocol_answers_as_for_a_suspended_prefix(
    world: World, maker: Holder, database_url: str
) -> None:
    async with served(database_url, world.pool) as node, connected(node.port) as peer:
        assert (await peer.ask(resolution("88.101.2001/Pump-1"))).header.response_code == 1
        before = node.resolver.epoch
        await blocked(world, "88.101.2001/Pump-1")
        async with asyncio.timeout(5):
            while node.resolver.epoch == before:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.002)
        assert (await peer.ask(resolution("88.101.2001/Pump-1"))).header.response_code == 301


async def test_names_of_other_parts_of_the_handle_system_are_not_asked_for_elsewhere_either(
    world: World, database_url: str
) -> None:
    async with far_sides() as [root], recursing(root) as recursion:
        beyond = on_behalf_of(recursion)
        await blocked(world, "10.1000/Bad")
        async with (
            served(database_url, world.pool, beyond=beyond) as node,
            connected(node.port) as peer,
            front_of(database_url, world.pool, beyond=beyond) as front,
        ):
            recursive = USUAL_FLAGS | Flag.RECURSIVE
            refused = await peer.ask(resolution("10.1000/BAD", flags=recursive))
            assert refused.header.response_code == 301
            async with front.session.get("/api/handles/10.1000/bad?recursive=true") as answer:
                assert answer.status == 404
                assert (await answer.json())["responseCode"] == 100
            traced = await Tracer(front.resolver, beyond, "88.101").trace("10.1000/bad", "127.0.0.1")
            assert (traced.came, traced.detail, len(traced.hops)) == (Came.REFUSED, "identifier_blocked", 1)
            assert root.asked == []
            await peer.ask(resolution("10.1000/good", flags=recursive))
            assert root.asked


async def test_others_do_not_read_it_by_the_back_door_and_its_owner_goes_on(world: World, maker: Holder) -> None:
    stranger, pump = user_of(uuid4()), maker.identifier("Pump-1")
    assert (await world.identifiers.get(stranger, pump))[0].suffix == "Pump-1"
    await blocked(world, pump.text)
    with pytest.raises(IdentifierUnknown):
        await world.identifiers.get(stranger, pump)
    found, _ = await world.identifiers.get(maker.account, pump)
    await world.identifiers.update(maker.account, maker.actor, pump, found.version, {**DATA, "name": "新名"})


async def test_blocking_again_keeps_one_entry_with_the_newest_reason(world: World) -> None:
    assert await blocked(world, "88.101.1/a", "88.101.1/A", "88.101.1/b") == 2
    assert await blocked(world, "88.101.1/A", reason="法院裁定") == 0
    rows = await world.pool.fetch("SELECT suffix_key, reason FROM blocked_identifier ORDER BY suffix_key")
    assert [tuple(row) for row in rows] == [("A", "法院裁定"), ("B", "非法内容")]
    assert await freed(world, "88.101.1/a", "88.101.1/none") == 1


async def test_a_thousand_names_of_the_longest_kind_reach_the_resolvers_in_few_notices(
    world: World, notices: Notices
) -> None:
    names = [f"88.101.1/{n:04d}{'长' * 80}" for n in range(1000)]
    assert await blocked(world, *names) == 1000
    told = await notices()
    assert sum(notice.count("\n") + 1 for notice in told) == 1000
    assert len(told) < 50


@pytest.mark.parametrize("name", ["88.101.1", "/a", "88.101.1/", "88.101.1/a\nb", "0.NA/88.101.1"])
async def test_what_names_no_identifier_is_refused_and_nothing_of_it_done(world: World, name: str) -> None:
    with pytest.raises(NotBlockable):
        await blocked(world, "88.101.1/a", name)
    assert await world.pool.fetchval("SELECT count(*) FROM blocked_identifier") == 0


async def test_the_entry_names_the_instruction(world: World) -> None:
    instruction_id = uuid4()
    async with transaction(world.pool) as connection:
        await block(connection, [Blocked(identifier="88.101.1/Ab", reason="r")], instruction_id, world.clock())
    row = await world.pool.fetchrow("SELECT suffix, instruction_id, blocked_at FROM blocked_identifier")
    assert (row["suffix"], UUID(str(row["instruction_id"])), row["blocked_at"]) == (
        "Ab",
        instruction_id,
        world.clock(),
    )
