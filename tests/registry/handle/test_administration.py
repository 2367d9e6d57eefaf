"""The registry as the fronts meet it: identifiers that ``/v1`` sees too, and prefixes told apart from them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.administration import (
    Administration,
    CreateHandle,
    HandleUnknown,
    HomePrefix,
    Identity,
    InvalidAdministrator,
    InvalidHandle,
    ModifyValues,
    PrefixElsewhere,
    ReadValues,
    UnhomePrefix,
)
from node.database import Pool
from node.founding import found
from node.handle_data import RsaPublicKey, encode_public_key
from node.identifier import Identifier, Prefix
from node.journal import Interface
from registry.export.forms import as_ndjson
from registry.export.pages import Selection
from registry.search.filters import Condition, Filters
from registry.transitions import Verb
from tests.support.node import Node, running_node
from tests.support.registrar import THING, Registrar, admin_value, administer, opened, value
from tests.support.world import NODE_PREFIX, Holder, World, actor

NAME = value(2000, "NAME", "泵")
KEY = encode_public_key(RsaPublicKey(2**1024 + 1, 65537))


@pytest.fixture
async def registrar(database_url: str, pool: Pool) -> Registrar:
    world = World(pool)
    await found(database_url, laboratory=False, at=world.clock())
    return await opened(world, free_values=True)


def test_it_is_what_the_fronts_ask_for(pool: Pool) -> None:
    registrar = Registrar(World(pool), Holder(World(pool).administrator, Prefix.parse("88.101.2001")))
    administration: Administration = registrar.administration
    assert administration is registrar.administration


async def test_what_the_protocol_creates_v1_reads_searches_follows_and_exports(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    target = "88.101.2001/Whole"
    values = (NAME, value(2001, "SERIAL", "S-1"), value(2004, "PART_OF", target), value(7, "X", b"\xff"))
    await registrar.create("Pump-1", *values)
    world.clock.advance(minutes=1)
    await registrar.modify("PUMP-1", value(2000, "NAME", "阀"))
    identifier = holder.identifier("pump-1")

    stands, stored = await world.identifiers.get(holder.account, identifier)
    assert (stands.suffix, stands.version, stored.template.name) == ("Pump-1", 2, "thing")
    assert stored.template.attributes_of(stands.record) == {"name": "阀", "serial": "S-1", "part_of": target}
    assert [(one.index, one.data) for one in stored.template.free_values_of(stands.record)] == [(7, b"\xff")]

    versions = await world.identifiers.history(holder.account, identifier, before_version=9, limit=9)
    assert [(one.version, one.change.name, one.interface) for one in versions] == [
        (2, "UPDATE", Interface.HANDLE_TCP), (1, "REGISTER", Interface.HANDLE_TCP),
    ]  # fmt: skip

    filters = Filters(template="thing", attributes=(Condition("serial", equal="S-1"),))
    page = await world.search.page(holder.account, holder.prefix, filters, limit=5)
    assert [one.text for one in page.items] == ["88.101.2001/Pump-1"]

    referrers = await world.references.referrers(holder.account, Identifier.parse(target))
    assert [one.suffix for one in referrers] == ["Pump-1"]

    export = await world.exports.open(holder.account, Selection(holder.prefix))
    [line] = b"".join([block async for block in as_ndjson(export)]).splitlines()
    row = json.loads(line)
    assert (row["suffix"], row["name"], row["biaoshi_version"]) == ("Pump-1", "阀", 2)
    assert [one["index"] for one in json.loads(row["biaoshi_values"])] == [7]


async def test_what_v1_registers_the_protocol_reads_changes_lists_and_deletes(registrar: Registrar) -> None:
    world, holder = registrar.world, registrar.holder
    await world.identifiers.register(holder.account, holder.actor, holder.identifier("V"), "thing", {"name": "V"})
    assert [one.data for one in await registrar.read("v", 2000)] == [b"V"]
    await registrar.add("v", value(7, "X", "x"))
    await registrar.modify("v", value(2000, "NAME", "W"))
    listed = [page async for page in registrar.administration.handles("0.NA/88.101.2001", registrar.me, page=9)]
    assert listed == [["88.101.2001/V"]]
    await registrar.delete("v")
    await world.identifiers.register(holder.account, holder.actor, holder.identifier("v"), "thing", {"name": "V"})
    assert (await registrar.standing("v"))["version"] == 5


async def test_the_handle_of_a_prefix_is_another_record_with_its_own_history(registrar: Registrar) -> None:
    change = ModifyValues("0.NA/88.101.2001", (admin_value("0.NA/88.101.2001", 300),))
    await registrar.administration.check(change)
    key = CreateHandle("0.NA/88.101.2001", (value(300, "HS_PUBKEY", KEY), admin_value("0.NA/88.101.2001")), True)
    await administer(registrar.world, NODE_PREFIX, admin_value("0.NA/88.101"))
    node = Identity("0.NA/88.101", 300)
    before = await registrar.world.pool.fetchval("SELECT count(*) FROM identifier_history")
    done = await registrar.administration.perform(key, node, Interface.HANDLE_JSON)
    assert (done.handle, done.overwritten) == ("0.NA/88.101.2001", True)
    assert await registrar.world.pool.fetchval("SELECT count(*) FROM identifier_history") == before
    read = await registrar.administration.read(ReadValues("0.na/88.101.2001", (300,)), registrar.me)
    assert [one.data for one in read] == [KEY]
    assert registrar.me is not None
    keys = await registrar.administration.keys_of(registrar.me)
    assert [(one.index, one.type, one.data) for one in keys] == [(300, "HS_PUBKEY", KEY)]


async def test_an_identifier_may_hold_the_key_of_its_administrator(registrar: Registrar) -> None:
    await registrar.create("Alice", NAME, value(300, "HS_PUBKEY", KEY))
    alice = Identity("88.101.2001/alice", 300)
    [key] = await registrar.administration.keys_of(alice)
    assert (key.index, key.data) == (300, KEY)
    await registrar.create("thing", NAME, admin_value("88.101.2001/Alice", 300, permissions=0x010))
    registrar.me = alice
    await registrar.modify("thing", value(2000, "NAME", "阀"))
    [newest, _] = await registrar.world.identifiers.history(
        registrar.holder.account, registrar.holder.identifier("thing"), before_version=9, limit=9
    )
    name = await registrar.world.pool.fetchval("SELECT name FROM account WHERE account_id = $1", newest.account_id)
    assert name == "handle-88.101.2001"


async def test_nobody_has_keys_where_nothing_stands(registrar: Registrar) -> None:
    for handle in ("88.101.2001/nobody", "0.NA/88.101.9", "20.500.1/x", "no handle", ""):
        assert list(await registrar.administration.keys_of(Identity(handle, 0))) == []


async def test_node_administrators_serve_prefixes_or_do_not(registrar: Registrar) -> None:
    administration = registrar.administration
    await administer(registrar.world, NODE_PREFIX, admin_value("0.NA/88.101"))
    node = Identity("0.NA/88.101", 300)
    assert await administration.is_node_administrator(node)
    assert not await administration.is_node_administrator(registrar.me)
    assert not await administration.is_node_administrator(None)
    assert await administration.homed_prefixes(node) == ["0.NA/88.101", "0.NA/88.101.2001"]
    with pytest.raises(InvalidAdministrator):
        await administration.homed_prefixes(registrar.me)
    unhome = UnhomePrefix("0.NA/88.101.2001")
    await administration.check(unhome)
    await administration.perform(unhome, node, Interface.HANDLE_TCP)
    assert await administration.homed_prefixes(node) == ["0.NA/88.101"]
    await administration.perform(HomePrefix("0.NA/88.101.2001"), node, Interface.HANDLE_TCP)
    assert await administration.homed_prefixes(node) == ["0.NA/88.101", "0.NA/88.101.2001"]


async def test_only_prefixes_are_homed(registrar: Registrar) -> None:
    with pytest.raises((PrefixElsewhere, InvalidHandle)):
        await registrar.administration.check(UnhomePrefix("88.101.2001/x"))


async def test_a_derived_prefix_has_identifiers_of_its_own(registrar: Registrar) -> None:
    world, administration = registrar.world, registrar.administration
    derived = CreateHandle("0.NA/88.101.2001.D1", (admin_value("0.NA/88.101.2001"),))
    await administration.perform(derived, registrar.me, Interface.HANDLE_TCP)
    admin = world.administrator
    prefix = Prefix.parse_derived("88.101.2001.d1")
    terms = (await world.handle_policies.get(admin, registrar.holder.prefix)).terms
    await world.handle_policies.set(admin, actor(admin), prefix, terms, None)
    change = CreateHandle("88.101.2001.D1/a", (NAME,))
    await administration.check(change)
    assert (await administration.perform(change, registrar.me, Interface.HANDLE_TCP)).handle == "88.101.2001.D1/a"
    stands, _ = await world.identifiers.get(admin, Identifier.of(prefix, "A"))
    assert stands.version == 1
    with pytest.raises(HandleUnknown):
        await registrar.read("a")
    assert [page async for page in administration.handles("0.NA/88.101.2001.D1", registrar.me, page=9)] == [
        ["88.101.2001.D1/A"]
    ]


async def test_a_name_without_a_slash_is_a_prefix(registrar: Registrar) -> None:
    assert await registrar.administration.count_handles("88.101.2001", registrar.me) == 0


@pytest.mark.parametrize("handle", ["", "/", "88.101.2001/", "88.101.2001/\u200b", "0.NA/88.1_1", "0.NA/"])
async def test_what_names_nothing_is_an_invalid_handle(registrar: Registrar, handle: str) -> None:
    with pytest.raises((InvalidHandle, PrefixElsewhere)):
        await registrar.administration.read(ReadValues(handle), registrar.me)


async def test_nobody_lists_what_the_node_s_own_prefix_does_not_have(registrar: Registrar) -> None:
    await administer(registrar.world, NODE_PREFIX, admin_value("0.NA/88.101"))
    node = Identity("0.NA/88.101", 300)
    assert await registrar.administration.count_handles("0.NA/88.101", node) == 0
    assert [page async for page in registrar.administration.handles("0.NA/88.101", node, page=5)] == []


# Through a whole node -------------------------------------------------------------------------------


@pytest.fixture
async def node(database_url: str) -> AsyncIterator[Node]:
    async with running_node(database_url, log={"requests": False}) as node:
        yield node


async def at_the_desk(node: Node) -> Registrar:
    await node.world.template(THING)
    await administer(node.world, node.holder.prefix, admin_value("0.NA/88.101.2001"))
    registrar = Registrar(node.world, node.holder)
    await registrar.policy(free_values=True)
    return registrar


async def test_v1_page_and_json_show_a_free_value_as_any_other(node: Node) -> None:
    registrar = await at_the_desk(node)
    await registrar.create("a", NAME, value(7, "NOTE", "frei <b>"), admin_value("0.NA/88.101.2001"))
    seen: dict[str, Any] = (await node("GET", "/v1/identifiers/88.101.2001/a")).json
    assert seen["attributes"] == {"name": "泵"}
    assert [(one["index"], one["type"]) for one in seen["other_values"]] == [(7, "NOTE"), (100, "HS_ADMIN")]
    assert seen["other_values"][0]["data"] == "frei <b>"
    answer = (await node("GET", "/api/handles/88.101.2001/a", by=None)).json
    assert [(one["index"], one["type"]) for one in answer["values"]] == [
        (7, "NOTE"),
        (100, "HS_ADMIN"),
        (2000, "NAME"),
    ]
    assert answer["values"][1]["data"]["value"]["handle"] == "0.NA/88.101.2001"
    page = (await node("GET", "/88.101.2001/a", by=None, headers={"Accept": "text/html"})).body.decode()
    assert "frei &lt;b&gt;" in page


async def test_resolvers_hear_of_every_change(node: Node) -> None:
    registrar = await at_the_desk(node)

    async def resolved() -> tuple[int, Any]:
        answer = await node("GET", "/api/handles/88.101.2001/r?type=NAME", by=None)
        return answer.status, [one["data"]["value"] for one in answer.json.get("values", ())]

    async def until_resolved(expected: tuple[int, Any]) -> None:
        for _ in range(200):
            if await resolved() == expected:
                return
            await asyncio.sleep(0.02)
        assert await resolved() == expected

    assert (await resolved())[0] == 404
    await registrar.create("r", NAME)
    await until_resolved((200, ["泵"]))
    await registrar.modify("r", value(2000, "NAME", "阀"))
    await until_resolved((200, ["阀"]))
    await registrar.delete("r")
    await until_resolved((404, []))
    await registrar.create("r", NAME)
    await until_resolved((200, ["泵"]))
    holder = registrar.holder
    await node.world.prefixes.move(
        node.world.administrator, actor(node.world.administrator), holder.prefix, Verb.SUSPEND, "停"
    )
    await until_resolved((404, []))
