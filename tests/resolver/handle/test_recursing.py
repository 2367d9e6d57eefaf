"""The native protocol answers for other nodes' names too: for those who ask for it and may."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from node.database import Pool
from node.journal import Interface
from node.resolutions import Outcome
from node.site_key import public_key_data
from resolver.handle.bodies import decode_error, decode_referral
from resolver.handle.codes import Flag, ResponseCode
from resolver.handle.message import digest_and_body
from resolver.recursion.delegation import Delegation, Target
from resolver.recursion.errors import AnswerNotBelieved
from resolver.recursion.foreign import ForeignMissing, ForeignRecord, ForeignRefusal
from resolver.recursion.recursion import RecursionLimits
from tests.support.desk import store_prefix_handle
from tests.support.far_side import (
    HASTY,
    PATIENT,
    FarSide,
    far_sides,
    on_behalf_of,
    recursing,
    silent,
    site_value,
    text,
    texts,
)
from tests.support.handle import (
    USUAL_FLAGS,
    Peer,
    Served,
    connected,
    datagrams_to,
    record_of,
    resolution,
    served,
    told,
)
from tests.support.node import own_key
from tests.support.shelf import Shelf

NAME = "88.102.7/Pump-1"
ITERATIVE = USUAL_FLAGS & ~int(Flag.RECURSIVE)


@dataclass
class Crossing:
    """A node that asks others, the root, and who answers for 88.102.7."""

    node: Served
    root: FarSide
    owner: FarSide


@contextlib.asynccontextmanager
async def crossing(url: str, pool: Pool, limits: RecursionLimits = PATIENT, **given: Any) -> AsyncIterator[Crossing]:
    async with far_sides(2) as (root, owner), recursing(root, limits=limits) as recursion:
        root.record("0.NA/88.102.7", owner.site())
        owner.record(NAME, text("a pump"), text("https://pump.example/", 2, kind="URL"))
        async with served(url, pool, beyond=on_behalf_of(recursion, **given)) as node:
            yield Crossing(node, root, owner)


@pytest.fixture
async def cross(database_url: str, pool: Pool, pump: str) -> AsyncIterator[Crossing]:
    async with crossing(database_url, pool) as cross:
        yield cross


@pytest.fixture
async def peer(cross: Crossing) -> AsyncIterator[Peer]:
    async with connected(cross.node.port) as peer:
        yield peer


async def counted(node: Served, pool: Pool) -> dict[tuple[str, Interface, Outcome], int]:
    await node.counter.write()
    rows = await pool.fetch("SELECT prefix, interface, outcome, resolutions FROM resolution_count")
    return {(row["prefix"], Interface(row["interface"]), Outcome(row["outcome"])): row["resolutions"] for row in rows}


async def test_who_asks_for_recursion_gets_the_record_of_another_node(
    cross: Crossing, peer: Peer, pool: Pool
) -> None:
    for number in (1, 2):
        reply = await peer.ask(resolution("88.102.7/pump-1", number))
        assert texts(record_of(reply)) == ["a pump", "https://pump.example/"]
        assert not reply.header.flags & Flag.AUTHORITATIVE
    assert cross.owner.asked == ["88.102.7/pump-1"]
    assert await counted(cross.node, pool) == {("", Interface.RECURSIVE, Outcome.RECURSED): 2}


async def test_types_are_chosen_from_it(peer: Peer) -> None:
    assert texts(record_of(await peer.ask(resolution(NAME, types=["URL"])))) == ["https://pump.example/"]
    reply = await peer.ask(resolution(NAME, 2, types=["EMAIL"]))
    assert reply.header.response_code == ResponseCode.VALUES_NOT_FOUND


async def test_by_udp_as_well(cross: Crossing) -> None:
    with datagrams_to(cross.node.port) as peer:
        assert texts(record_of(await peer.ask(resolution(NAME)))) == ["a pump", "https://pump.example/"]


@pytest.mark.parametrize("flags", [ITERATIVE, USUAL_FLAGS & ~int(Flag.PUBLIC_ONLY)])
async def test_who_does_not_ask_for_it_is_told_that_it_is_not_here(cross: Crossing, peer: Peer, flags: int) -> None:
    reply = await peer.ask(resolution(NAME, flags=flags))
    assert reply.header.response_code == ResponseCode.NOT_RESPONSIBLE
    assert cross.root.asked == []


async def test_our_own_identifiers_are_asked_of_nobody(cross: Crossing, peer: Peer, pump: str, pool: Pool) -> None:
    assert len(record_of(await peer.ask(resolution(pump)))) == 3
    reply = await peer.ask(resolution("88.101.1/none", 2))
    assert reply.header.response_code == ResponseCode.HANDLE_NOT_FOUND
    assert (cross.root.asked, cross.owner.asked) == ([], [])
    assert {interface for _, interface, _ in await counted(cross.node, pool)} == {Interface.HANDLE_TCP}


async def test_clients_outside_the_operator_s_networks_are_told_as_ever(database_url: str, pool: Pool) -> None:
    async with crossing(database_url, pool, clients=["127.0.0.2/32"]) as cross:
        async with connected(cross.node.port) as stranger:
            reply = await stranger.ask(resolution(NAME))
            assert reply.header.response_code == ResponseCode.NOT_RESPONSIBLE
        async with connected(cross.node.port, source="127.0.0.2") as friend:
            assert texts(record_of(await friend.ask(resolution(NAME))))[0] == "a pump"


async def test_a_network_has_so_many_questions_a_minute_and_answers_that_are_known_cost_none(
    database_url: str, pool: Pool
) -> None:
    async with crossing(database_url, pool, per_minute=18) as cross, connected(cross.node.port) as peer:
        codes = [
            (await peer.ask(resolution(f"88.102.7/{number}", number))).header.response_code for number in range(1, 8)
        ]
        assert codes == [ResponseCode.HANDLE_NOT_FOUND] * 3 + [ResponseCode.TOO_BUSY] * 4
        assert (await peer.ask(resolution("88.102.7/1", 9))).header.response_code == ResponseCode.HANDLE_NOT_FOUND


async def test_servers_that_ask_for_one_another_without_end_are_stopped(cross: Crossing, peer: Peer) -> None:
    asked = bytearray(resolution(NAME))
    asked[20 + 14] = 8
    reply = await peer.ask(bytes(asked))
    assert reply.header.response_code == ResponseCode.RECURSION_TOO_HIGH
    assert cross.root.asked == []
    asked[20 + 14] = 7
    assert texts(record_of(await peer.ask(bytes(asked))))[0] == "a pump"
    assert cross.owner.questions[0].header.recursion == 8


async def test_a_delegated_prefix_is_resolved_at_its_own_node(
    cross: Crossing, peer: Peer, pool: Pool, pump: str
) -> None:
    await store_prefix_handle(pool, "88.101.1", [cross.owner.site()])
    cross.owner.record("88.101.1/theirs", text("theirs"))
    assert texts(record_of(await peer.ask(resolution("88.101.1/theirs")))) == ["theirs"]
    refused = await peer.ask(resolution("88.101.1/none", 2, flags=USUAL_FLAGS | int(Flag.NO_REFERRAL)))
    assert refused.header.response_code == ResponseCode.HANDLE_NOT_FOUND
    assert cross.owner.asked == ["88.101.1/theirs", "88.101.1/none"]
    assert cross.root.asked == []
    referred = await peer.ask(resolution("88.101.1/theirs", 3, flags=ITERATIVE))
    assert referred.header.response_code == ResponseCode.SERVICE_REFERRAL
    assert decode_referral(referred.body).handle == "0.NA/88.101.1"
    assert len(record_of(await peer.ask(resolution(pump, 4)))) == 3
    assert await counted(cross.node, pool) == {
        ("88.101.1", Interface.RECURSIVE, Outcome.RECURSED): 1,
        ("88.101.1", Interface.RECURSIVE, Outcome.MISSING): 1,
        ("88.101.1", Interface.HANDLE_TCP, Outcome.REFERRED): 1,
        ("88.101.1", Interface.HANDLE_TCP, Outcome.HIT): 1,
    }


async def test_prefixes_below_a_delegated_one_are_found_through_it(cross: Crossing, peer: Peer, pool: Pool) -> None:
    await store_prefix_handle(pool, "88.101.1", [cross.owner.site(kind="HS_SITE.PREFIX")])
    cross.owner.record("0.NA/88.101.1.7", cross.owner.site())
    cross.owner.record("88.101.1.7/x", text("below"))
    assert texts(record_of(await peer.ask(resolution("88.101.1.7/x")))) == ["below"]
    assert cross.owner.asked == ["0.NA/88.101.1.7", "88.101.1.7/x"]


async def test_names_of_other_parts_of_the_handle_system_are_found_too(
    cross: Crossing, peer: Peer, pool: Pool
) -> None:
    cross.root.record("0.NA/10.1000", cross.owner.site())
    cross.owner.record("10.1000/182", text("a book"))
    assert texts(record_of(await peer.ask(resolution("10.1000/182")))) == ["a book"]
    assert await counted(cross.node, pool) == {("", Interface.RECURSIVE, Outcome.RECURSED): 1}


async def test_what_the_node_above_blocks_is_asked_of_nobody(cross: Crossing, peer: Peer, pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO blocked_identifier (prefix, suffix_key, suffix, reason, instruction_id, blocked_at)"
        " VALUES ('88.102.7', 'PUMP-1', 'Pump-1', '封堵', gen_random_uuid(), now())"
    )
    reply = await peer.ask(resolution(NAME))
    assert reply.header.response_code == ResponseCode.NOT_RESPONSIBLE
    assert cross.root.asked == []
    assert {outcome for _, _, outcome in await counted(cross.node, pool)} == {Outcome.DENIED}


async def test_the_record_of_another_node_s_prefix_is_no_resolution(cross: Crossing, peer: Peer, pool: Pool) -> None:
    assert [value.type for value in record_of(await peer.ask(resolution("0.NA/88.102.7")))] == ["HS_SITE"]
    assert await counted(cross.node, pool) == {}


@pytest.mark.parametrize(
    ("says", "code", "outcome"),
    [
        (301, ResponseCode.NOT_RESPONSIBLE, Outcome.MISSING),
        (402, ResponseCode.TOO_BUSY, Outcome.ERROR),
        (2, ResponseCode.TOO_BUSY, Outcome.ERROR),
        (100, ResponseCode.HANDLE_NOT_FOUND, Outcome.MISSING),
        (200, ResponseCode.VALUES_NOT_FOUND, Outcome.MISSING),
    ],
)
async def test_what_the_far_side_says_instead_is_told_in_codes_that_every_client_knows(
    cross: Crossing, peer: Peer, pool: Pool, says: int, code: ResponseCode, outcome: Outcome
) -> None:
    cross.owner.says(NAME, says, "no")
    assert (await peer.ask(resolution(NAME))).header.response_code == code
    assert await counted(cross.node, pool) == {("", Interface.RECURSIVE, outcome): 1}


async def test_while_the_far_side_is_silent_the_client_is_told_to_come_again(database_url: str, pool: Pool) -> None:
    async with crossing(database_url, pool, limits=HASTY) as cross, connected(cross.node.port) as peer:
        cross.root.answers = {"*": silent}
        reply = await peer.ask(resolution(NAME))
        assert reply.header.response_code == ResponseCode.TOO_BUSY
        assert "do not answer" in decode_error(reply.body)
        assert await counted(cross.node, pool) == {("", Interface.RECURSIVE, Outcome.ERROR): 1}


async def test_a_client_may_want_it_signed_and_with_the_digest_of_his_question(cross: Crossing, peer: Peer) -> None:
    asked = resolution(NAME, flags=USUAL_FLAGS | int(Flag.CERTIFY | Flag.RETURN_DIGEST))
    reply = await peer.ask(asked)
    assert reply.credential
    digest, _ = digest_and_body(reply)
    assert digest is not None
    assert digest == told(asked).digest(digest.kind)


# Our own node as the far side ---------------------------------------------------------------------------


async def test_our_own_node_is_a_far_side_like_any_other_and_its_signature_is_checked(
    database_url: str, pool: Pool, pump: str
) -> None:
    key = public_key_data(own_key())
    async with served(database_url, pool) as far, recursing() as recursion:
        right = Delegation("88.101.1", targets=(Target("127.0.0.1", far.port, key),))
        found = await recursion.resolve(pump, start=right)
        assert isinstance(found, ForeignRecord)
        assert len(found.values) == 3
        assert isinstance(await recursion.resolve("88.101.1/none", start=right), ForeignMissing)
        elsewhere = Delegation("88.999.1", targets=(Target("127.0.0.1", far.port, key),))
        refusal = await recursion.resolve("88.999.1/x", start=elsewhere)
        assert isinstance(refusal, ForeignRefusal)
        assert refusal.code == ResponseCode.NOT_RESPONSIBLE


async def test_a_server_without_the_key_that_the_delegation_names_is_not_believed(
    database_url: str, pool: Pool, pump: str
) -> None:
    other = public_key_data(generate_private_key(public_exponent=65537, key_size=2048))
    async with served(database_url, pool) as far, far_sides(1) as (unsigned,), recursing() as recursion:
        for target in (Target("127.0.0.1", far.port, other), Target("127.0.0.1", unsigned.port, other)):
            unsigned.record(pump, text("unsigned"))
            with pytest.raises(AnswerNotBelieved):
                await recursion.resolve(pump, start=Delegation("88.101.1", targets=(target,)))
        assert not recursion.knows(pump)


async def test_two_nodes_resolve_across_each_other(database_url: str, pool: Pool, pump: str, shelf: Shelf) -> None:
    """One has the pump; the other knows nobody but the root, which knows where the pump's prefix is."""
    async with served(database_url, pool) as far, far_sides(1) as (root,), recursing(root) as recursion:
        site = site_value([("127.0.0.1", far.port)], key=public_key_data(own_key()))
        root.record("0.NA/88.101.1", site)
        found = await recursion.resolve(pump)
        assert isinstance(found, ForeignRecord)
        assert found.values[1].data.decode() == "多级离心泵"
        await shelf.set_prefix_state("88.101.1", "suspended")
        refusal = await recursion.resolve("88.101.1/other")
        assert isinstance(refusal, ForeignRefusal)
