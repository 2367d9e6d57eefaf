from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest

from mocknational.faults import Faults
from mocknational.mock import Mock
from node.handle_data import Site, decode_site
from node.record import Value, encode_values
from resolver.handle.bodies import decode_error, decode_found, decode_referral
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.fragments import datagrams
from resolver.handle.message import Message, digest_and_body, encode_message
from tests.support.bulk import page, record_of
from tests.support.caller import NODE, Caller, message, prefix_route, route
from tests.support.docking import CREDIT_CODE, DockedNode
from tests.support.handle import connected, datagrams_to, request, resolution, served
from tests.support.shelf import PUMP_VALUES, Shelf

PUBLIC = int(Flag.PUBLIC_ONLY)
RECURSIVE = PUBLIC | int(Flag.RECURSIVE)


def site_in(values: Sequence[Value]) -> Site:
    assert [value.type for value in values] == ["HS_SITE"]
    return decode_site(values[0].data)


def ports_of(site: Site) -> set[int]:
    return {interface.port for server in site.servers for interface in server.interfaces}


class Root:
    """The national node's Handle service, asked by TCP."""

    def __init__(self, mock: Mock) -> None:
        assert mock.handle_address is not None
        self.port = mock.handle_address[1]

    async def ask(self, handle: str, flags: int = PUBLIC, **given: object) -> Message:
        async with connected(self.port) as peer:
            return await peer.ask(resolution(handle, flags=flags, **given))

    async def code(self, handle: str, flags: int = PUBLIC) -> int:
        return (await self.ask(handle, flags)).header.response_code


@asynccontextmanager
async def rooted(world: DockedNode, session: aiohttp.ClientSession) -> AsyncIterator[tuple[Caller, Root]]:
    async with world.mock(handle_port=0) as mock:
        yield Caller(session, mock), Root(mock)


async def test_a_prefix_is_answered_with_the_site_of_whoever_answers_for_it(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with rooted(world, session) as (caller, root):
        holder = await caller.hold("88.101.1", upper)
        # Known, and nobody said yet where it is answered.
        assert await root.code("0.NA/88.101.1") == ResponseCode.VALUES_NOT_FOUND
        assert await root.code("0.NA/88.101") == ResponseCode.VALUES_NOT_FOUND
        assert await root.code("88.101.1/x") == ResponseCode.TOO_BUSY
        await caller.deliver(route(2641, 8000, public_key="AAECAw=="))
        for handle in ("0.NA/88.101.1", "0.na/88.101", "88.101.1"):
            answer = await root.ask(handle)
            found = decode_found(answer.body)
            assert found.handle == handle
            site = site_in(found.values)
            assert ports_of(site) == {2641, 8000}
            assert site.servers[0].public_key == bytes(range(4))
            assert found.values[0].ttl == 60
        await caller.deliver(prefix_route("88.101.1", holder, {"address": "127.0.0.1", "tcp_port": 2700}))
        assert ports_of(site_in(decode_found((await root.ask("0.NA/88.101.1")).body).values)) == {2700}
        assert ports_of(site_in(decode_found((await root.ask("0.NA/88.101")).body).values)) == {2641, 8000}
        await caller.deliver(prefix_route("88.101.1", holder))
        assert ports_of(site_in(decode_found((await root.ask("0.NA/88.101.1")).body).values)) == {2641, 8000}


async def test_a_site_of_ipv6_has_its_own_type_and_what_is_no_address_is_passed_over(
    world: DockedNode, session: aiohttp.ClientSession
) -> None:
    sites = [
        {"address": "2001:db8::1", "tcp_port": 2641}, {"address": "127.0.0.1"},
        {"address": "127.0.0.9", "udp_port": 2641},
    ]  # fmt: skip
    async with rooted(world, session) as (caller, root):
        await caller.deliver(route(2641, sites=sites))
        values = decode_found((await root.ask("0.NA/88.101")).body).values
        assert [(value.index, value.type) for value in values] == [(1, "HS_SITE"), (6, "HS_SITE.6")]
        assert [str(server.address) for server in decode_site(values[0].data).servers] == ["127.0.0.9"]
        only = await root.ask("0.NA/88.101", types=["HS_SITE.6"])
        assert [value.type for value in decode_found(only.body).values] == ["HS_SITE.6"]


async def test_a_name_is_referred_to_whoever_answers_for_its_prefix(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with rooted(world, session) as (caller, root):
        await caller.hold("88.101.1", upper)
        await caller.deliver(route(2641))
        for handle, code, named in (
            ("88.101.1/Pump-1", ResponseCode.SERVICE_REFERRAL, "0.NA/88.101.1"),
            ("88.101.1.7/Pump-1", ResponseCode.SERVICE_REFERRAL, "0.NA/88.101.1"),
            ("88.101.99/Pump-1", ResponseCode.SERVICE_REFERRAL, "0.NA/88.101"),
            ("0.NA/88.101.99", ResponseCode.PREFIX_REFERRAL, "0.NA/88.101"),
        ):
            answer = await root.ask(handle)
            assert answer.header.response_code == code, handle
            referral = decode_referral(answer.body)
            assert referral.handle == named
            assert ports_of(site_in(referral.values)) == {2641}
        assert await root.code("88.102.1/x") == ResponseCode.NOT_RESPONSIBLE
        assert await root.code("88.1011.1/x") == ResponseCode.NOT_RESPONSIBLE
        assert await root.code("10.1000/x") == ResponseCode.NOT_RESPONSIBLE
        for handle in ("0.NA/88.102", "0.NA/88.1011", "0.NA/10.1000", "0.NA/0", "0.NA/", "0.NA/88"):
            assert await root.code(handle) == ResponseCode.HANDLE_NOT_FOUND, handle


async def test_a_suspended_prefix_is_answered_by_nobody(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with rooted(world, session) as (caller, root):
        holder = await caller.hold("88.101.1", upper)
        facts = {"prefix": "88.101.1", "enterprise_id": str(holder), "credit_code": CREDIT_CODE}
        await caller.deliver(route(2641), message(3, "prefix.suspended", "prefix", state="suspended", **facts))
        for handle in ("88.101.1/x", "0.NA/88.101.1", "88.101.1.7/x"):
            answer = await root.ask(handle)
            assert answer.header.response_code == ResponseCode.NOT_RESPONSIBLE
            assert "suspended" in decode_error(answer.body)
        await caller.deliver(message(4, "prefix.enabled", "prefix", state="enabled", **facts))
        assert await root.code("88.101.1/x") == ResponseCode.SERVICE_REFERRAL


@pytest.fixture
async def shelf(world: DockedNode, lower: asyncpg.Connection) -> Shelf:
    shelf = Shelf(lower)
    await shelf.prefix("88.101.1")
    await shelf.register("88.101.1/Pump-1")
    return shelf


@pytest.mark.usefixtures("shelf")
async def test_who_asks_recursively_is_answered_in_the_place_of_the_node(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with served(world.database_url, world.pool) as node, rooted(world, session) as (caller, root):
        await caller.hold("88.101.1", upper)
        await caller.deliver(route(node.port))
        answer = await root.ask("88.101.1/pump-1", RECURSIVE)
        found = decode_found(answer.body)
        assert (found.handle, found.values) == ("88.101.1/pump-1", tuple(PUMP_VALUES))
        typed = await root.ask("88.101.1/Pump-1", RECURSIVE, types=["URL"])
        assert [value.type for value in decode_found(typed.body).values] == ["URL"]
        assert await root.code("88.101.1/Pump-2", RECURSIVE) == ResponseCode.HANDLE_NOT_FOUND
        assert await root.code("88.101.1/Pump-1", PUBLIC) == ResponseCode.SERVICE_REFERRAL
        # A node that is away is no "not found".
        await caller.deliver(route(1, serial=2))
        assert await root.code("88.101.1/Pump-3", RECURSIVE) == ResponseCode.TOO_BUSY


async def test_datagrams_are_answered_and_what_is_long_is_asked_for_by_tcp(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    async with rooted(world, session) as (caller, root):
        await caller.deliver(route(2641))
        with datagrams_to(root.port) as peer:
            assert site_in(decode_found((await peer.ask(resolution("0.NA/88.101", flags=PUBLIC))).body).values)
            # A question in several datagrams, and an answer in several.
            parts = datagrams(resolution("0.NA/88.101", flags=PUBLIC, types=["HS_SITE"] * 60))
            assert len(parts) > 1
            peer.send(*parts)
            assert (await peer.message()).header.response_code == ResponseCode.SUCCESS
            sites = [{"address": f"127.0.0.{number}", "tcp_port": 2641} for number in (1, 2, 3, 4)]
            await caller.deliver(route(2641, sites=sites, serial=2, public_key="A" * 4000))
            hint = await peer.ask(resolution("0.NA/88.101", flags=PUBLIC))
            assert hint.header.response_code == ResponseCode.TOO_BUSY
            assert decode_error(hint.body) == "ask by TCP"
            reply = encode_message(await peer.ask(resolution("0.NA/88.101")))
            peer.send(b"", b"x", bytes(20), resolution("0.NA/88.101")[:-3], reply)
            assert await peer.all_that_comes(0.2) == []
        assert len(site_in(decode_found((await root.ask("0.NA/88.101")).body).values).servers) == 4


async def test_what_is_no_question_is_told_so(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with rooted(world, session) as (_, root), connected(root.port) as peer:
        site = await peer.ask(request(OpCode.GET_SITE_INFO, b"\0\0\0\1/"))
        assert ports_of(decode_site(site.body)) == {root.port}
        digest = await peer.ask(resolution("0.NA/88.101", flags=PUBLIC | int(Flag.RETURN_DIGEST)))
        assert digest_and_body(digest)[0] is not None
        assert (await peer.ask(request(OpCode.LIST_HANDLES, b"\0\0\0\1/"))).header.response_code == (
            ResponseCode.OPERATION_UNSUPPORTED
        )
        assert (await peer.ask(request(OpCode.RESOLVE, b"\0\0\0\x09x"))).header.response_code == (
            ResponseCode.PROTOCOL_ERROR
        )
        deep = bytearray(resolution("0.NA/88.101"))
        deep[20 + 14] = 10  # the header's recursion count
        assert (await peer.ask(bytes(deep))).header.response_code == ResponseCode.RECURSION_TOO_HIGH
        # Several at once on one connection, each with its number.
        for number in range(2, 40):
            await peer.send(resolution("0.NA/88.101", number))
        assert {(await peer.message()).envelope.request_id for _ in range(2, 40)} == set(range(2, 40))
        await peer.send(bytes(20))
        assert b"bytes is announced" in await peer.rest()


async def test_a_root_that_plays_dead_answers_nobody(world: DockedNode, session: aiohttp.ClientSession) -> None:
    async with world.mock(handle_port=0) as mock:
        root = Root(mock)
        async with connected(root.port) as peer:
            assert (await peer.ask(resolution("0.NA/88.101"))).header.response_code
            mock.faults = Faults(stopped=True)
            await peer.send(resolution("0.NA/88.101"))
            assert await peer.rest() == b""
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await root.code("0.NA/88.101")
        with datagrams_to(root.port) as peer:
            peer.send(resolution("0.NA/88.101"))
            assert await peer.all_that_comes(0.2) == []


async def test_during_a_takeover_the_standby_records_answer(
    world: DockedNode, session: aiohttp.ClientSession, upper: asyncpg.Connection
) -> None:
    private = encode_values((*PUMP_VALUES, Value(7, "SECRET", b"x", permissions=12), Value(8, "HS_SECKEY", b"x")))
    records = {"88.101.1/Pump-1": private, "88.101.2/Other": record_of("https://example.com/")}
    async with rooted(world, session) as (caller, root):
        holder = await caller.hold("88.101.1", upper)
        await caller.hold("88.101.2", upper)
        await caller.deliver(route(1), prefix_route("88.101.2", holder, {"address": "127.0.0.1", "tcp_port": 2700}))
        await caller.put_standby(page(records, "snapshot", 7, NODE, snapshot_id=holder, last=True))
        async with session.post(
            caller.mock.url + "/takeovers", json={"prefix": "88.101", "reason": "断网"}
        ) as answer:
            takeover_id = (await answer.json())["takeover_id"]
        found = await root.ask("88.101.1/PUMP-1", RECURSIVE)
        assert decode_found(found.body).values == tuple(PUMP_VALUES)
        assert await root.code("88.101.1/Pump-9", PUBLIC) == ResponseCode.HANDLE_NOT_FOUND
        assert ports_of(site_in(decode_found((await root.ask("0.NA/88.101.1")).body).values)) == {root.port}
        assert ports_of(site_in(decode_found((await root.ask("0.NA/88.101")).body).values)) == {root.port}
        assert await root.code("0.NA/88.101.77") == ResponseCode.HANDLE_NOT_FOUND
        # Whose enterprise answers for itself is not taken over with the node.
        assert await root.code("88.101.2/Other") == ResponseCode.SERVICE_REFERRAL
        await asyncio.sleep(1.2)  # answers are noted once a second
        assert await upper.fetchval("SELECT answered FROM docked_takeover WHERE takeover_id = $1", takeover_id) == 2
