"""Changes at the desk: checked first, then challenged, then done; and all of it by TCP only."""

from __future__ import annotations

import pytest

from node.administration import Identity
from node.database import Pool
from node.journal import Interface
from node.record import Value
from resolver.handle import bodies
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.conversation import Transport
from tests.support.desk import USUAL_FLAGS, Exchange, Office, Peer, admit, key_of
from tests.support.registrar import Registrar, opened
from tests.support.world import World

PREFIX = "88.101.2001"
NODE = "88.101"
NAME = Value(2000, "NAME", "泵".encode())
NOTE = Value(50, "NOTE", b"free")


@pytest.fixture
async def registrar(pool: Pool) -> Registrar:
    """A prefix that the protocol may register under."""
    return await opened(World(pool), free_values=True)


@pytest.fixture
async def me(registrar: Registrar, pool: Pool) -> Identity:
    """Its administrator."""
    return await admit(pool, PREFIX)


async def done(peer: Peer, me: Identity, operation: int, body: bytes, *, flags: int = USUAL_FLAGS) -> Exchange:
    """An operation, with the proof of who asks; the challenge comes first."""
    challenged = await peer.send(operation, body, flags=flags)
    assert challenged.code == ResponseCode.AUTHENTICATION_NEEDED, (challenged.code, challenged.told)
    assert challenged.message.header.op_code == operation
    assert challenged.reply.outcome is None
    proved = await peer.prove(challenged, me, key_of(me.handle.removeprefix("0.NA/")))
    assert proved.message.header.op_code == operation
    assert proved.reply.outcome is None
    return proved


async def create(peer: Peer, me: Identity, handle: str, *values: Value, flags: int = 0) -> Exchange:
    body = bodies.encode_values_request(bodies.ValuesRequest(handle, values))
    return await done(peer, me, OpCode.CREATE_HANDLE, body, flags=USUAL_FLAGS | flags)


async def is_resolved(office: Office, handle: str, values: dict[int, bytes]) -> None:
    """At once, before any notice can have come."""
    exchange = await office.peer().resolve(handle)
    found = {value.index: value.data for value in exchange.values} if exchange.code == 1 else {}
    assert found == values


async def test_a_handle_is_created_changed_and_deleted_by_who_proves_that_he_may(
    office: Office, peer: Peer, me: Identity
) -> None:
    handle = f"{PREFIX}/Pump-1"
    created = await create(peer, me, handle, NAME, NOTE)
    assert (created.code, bodies.decode_created(created.body)) == (ResponseCode.SUCCESS, handle)
    await is_resolved(office, handle, {2000: "泵".encode(), 50: b"free"})

    more = bodies.encode_values_request(bodies.ValuesRequest(handle, (Value(51, "NOTE", b"second"),)))
    added = await done(peer, me, OpCode.ADD_VALUES, more)
    assert (added.code, added.body) == (ResponseCode.SUCCESS, b"")

    other = bodies.encode_values_request(bodies.ValuesRequest(handle, (Value(51, "NOTE", b"third"),)))
    assert (await done(peer, me, OpCode.MODIFY_VALUES, other)).code == ResponseCode.SUCCESS
    await is_resolved(office, handle, {2000: "泵".encode(), 50: b"free", 51: b"third"})

    less = bodies.encode_remove(bodies.RemoveRequest(handle, (50, 51)))
    assert (await done(peer, me, OpCode.REMOVE_VALUES, less)).code == ResponseCode.SUCCESS
    await is_resolved(office, handle, {2000: "泵".encode()})

    deleted = await done(peer, me, OpCode.DELETE_HANDLE, bodies.encode_handle(handle))
    assert (deleted.code, deleted.body) == (ResponseCode.SUCCESS, b"")
    await is_resolved(office, handle, {})
    assert (await peer.resolve(handle)).code == ResponseCode.HANDLE_NOT_FOUND


async def test_what_is_wrong_whoever_asks_is_told_before_anybody_proves_who_he_is(
    office: Office, peer: Peer, me: Identity
) -> None:
    handle = f"{PREFIX}/Pump-1"
    await create(peer, me, handle, NAME)

    async def told(operation: int, body: bytes) -> int:
        return (await peer.send(operation, body)).code

    def values(name: str, *given: Value) -> bytes:
        return bodies.encode_values_request(bodies.ValuesRequest(name, given))

    for operation, body, code in (
        (OpCode.CREATE_HANDLE, values("88.102.1/x", NAME), ResponseCode.NOT_RESPONSIBLE),
        (OpCode.CREATE_HANDLE, values("10.1000/x", NAME), ResponseCode.NOT_RESPONSIBLE),
        (OpCode.CREATE_HANDLE, values(f"{PREFIX}/", NAME), ResponseCode.INVALID_HANDLE),
        (OpCode.CREATE_HANDLE, b"\0\0\0\x02\xff\xfe" + bytes(4), ResponseCode.INVALID_HANDLE),
        (OpCode.CREATE_HANDLE, values(f"{PREFIX}/n", NAME, Value(0, "X", b"")), ResponseCode.INVALID_VALUE),
        (OpCode.CREATE_HANDLE, values(f"{PREFIX}/n", NAME, NAME), ResponseCode.VALUE_EXISTS),
        (OpCode.CREATE_HANDLE, values(handle.upper(), NAME), ResponseCode.HANDLE_EXISTS),
        (OpCode.ADD_VALUES, values(handle, NAME), ResponseCode.VALUE_EXISTS),
        (OpCode.ADD_VALUES, values(f"{PREFIX}/none", NAME), ResponseCode.HANDLE_NOT_FOUND),
        (OpCode.MODIFY_VALUES, values(handle, NOTE), ResponseCode.VALUES_NOT_FOUND),
        (
            OpCode.REMOVE_VALUES,
            bodies.encode_remove(bodies.RemoveRequest(handle, (99,))),
            ResponseCode.VALUES_NOT_FOUND,
        ),
        (OpCode.DELETE_HANDLE, bodies.encode_handle(f"{PREFIX}/none"), ResponseCode.HANDLE_NOT_FOUND),
        (OpCode.DELETE_HANDLE, b"\0\0", ResponseCode.PROTOCOL_ERROR),
    ):
        assert await told(operation, body) == code, (operation, body)
    # A peer before 2.5 knows no "invalid value".
    old = await peer.send(
        OpCode.CREATE_HANDLE, values(f"{PREFIX}/n", NAME, Value(0, "X", b"")), version=(2, 4), suggests=(2, 4)
    )
    assert old.code == ResponseCode.VALUE_EXISTS


async def test_overwrite_and_mint_are_flags(office: Office, peer: Peer, me: Identity) -> None:
    handle = f"{PREFIX}/Pump-1"
    await create(peer, me, handle, NAME, NOTE)
    replaced = await create(peer, me, handle, NAME, flags=Flag.OVERWRITE)
    assert replaced.code == ResponseCode.SUCCESS, replaced.told
    await is_resolved(office, handle, {2000: "泵".encode()})

    more = bodies.encode_values_request(bodies.ValuesRequest(handle, (Value(2000, "NAME", b"other"),)))
    added = await done(peer, me, OpCode.ADD_VALUES, more, flags=USUAL_FLAGS | Flag.OVERWRITE)
    assert added.code == ResponseCode.SUCCESS, added.told
    await is_resolved(office, handle, {2000: b"other"})

    minted = [
        bodies.decode_created((await create(peer, me, f"{PREFIX}/m-", NAME, flags=Flag.MINT)).body) for _ in range(2)
    ]
    assert all(name is not None and name.startswith(f"{PREFIX}/m-") for name in minted)
    assert minted[0] != minted[1]
    await is_resolved(office, str(minted[1]), {2000: "泵".encode()})


async def test_a_signature_of_somebody_else_s_key_changes_nothing(peer: Peer, me: Identity) -> None:
    body = bodies.encode_values_request(bodies.ValuesRequest(f"{PREFIX}/x", (NAME,)))
    for identity, key in ((me, "a stranger"), (Identity("0.NA/88.101.9999", 300), "a stranger")):
        refused = await peer.prove(await peer.send(OpCode.CREATE_HANDLE, body), identity, key_of(key))
        assert refused.message.header.response_code == ResponseCode.AUTHENTICATION_FAILED
    assert (await peer.resolve(f"{PREFIX}/x")).code == ResponseCode.HANDLE_NOT_FOUND


async def test_the_administrator_of_another_prefix_is_none_here(peer: Peer, me: Identity, pool: Pool) -> None:
    await opened(World(pool), 2002)
    other = await admit(pool, "88.101.2002")
    body = bodies.encode_values_request(bodies.ValuesRequest(f"{PREFIX}/x", (NAME,)))
    refused = await done(peer, other, OpCode.CREATE_HANDLE, body)
    assert refused.code == ResponseCode.INVALID_ADMIN
    assert (await peer.resolve(f"{PREFIX}/x")).code == ResponseCode.HANDLE_NOT_FOUND


async def test_an_answer_counts_once(office: Office, peer: Peer, me: Identity) -> None:
    body = bodies.encode_values_request(bodies.ValuesRequest(f"{PREFIX}/x", (NAME,)))
    challenged = await peer.send(OpCode.CREATE_HANDLE, body)
    assert (await peer.prove(challenged, me, key_of(PREFIX))).code == ResponseCode.SUCCESS
    again = await peer.prove(challenged, me, key_of(PREFIX))
    assert again.message.header.response_code == ResponseCode.AUTHENTICATION_TIMEOUT


async def test_what_came_by_tcp_is_recorded_as_that(office: Office, peer: Peer, me: Identity, pool: Pool) -> None:
    await create(peer, me, f"{PREFIX}/tcp", NAME)
    await create(office.peer(Transport.HTTP), me, f"{PREFIX}/http", NAME)
    rows = await pool.fetch("SELECT suffix_key, interface FROM identifier_history")
    assert {(row["suffix_key"], row["interface"]) for row in rows} == {
        ("TCP", Interface.HANDLE_TCP),
        ("HTTP", Interface.HANDLE_HTTP),
    }


@pytest.mark.parametrize("operation", [100, 101, 102, 103, 104, 105, 201, 300, 301, 302, 2001])
async def test_by_udp_nothing_is_administered(office: Office, me: Identity, operation: int) -> None:
    exchange = await office.peer(Transport.UDP).send(operation, bodies.encode_handle(f"0.NA/{PREFIX}"))
    assert exchange.code == ResponseCode.OPERATION_UNSUPPORTED
    assert "TCP" in exchange.told
    assert len(exchange.reply.data) < 200


async def test_a_challenge_of_tcp_is_not_answered_by_udp(office: Office, peer: Peer, me: Identity) -> None:
    body = bodies.encode_values_request(bodies.ValuesRequest(f"{PREFIX}/x", (NAME,)))
    challenged = await peer.send(OpCode.CREATE_HANDLE, body)
    answered = await office.peer(Transport.UDP).prove(challenged, me, key_of(PREFIX))
    assert answered.message.header.response_code == ResponseCode.AUTHENTICATION_TIMEOUT
    assert (await peer.resolve(f"{PREFIX}/x")).code == ResponseCode.HANDLE_NOT_FOUND


async def test_a_limit_is_told_by_its_own_code_to_those_who_know_it(
    office: Office, peer: Peer, registrar: Registrar, me: Identity
) -> None:
    await registrar.policy(identifiers=1)
    assert (await create(peer, me, f"{PREFIX}/one", NAME)).code == ResponseCode.SUCCESS
    assert (await create(peer, me, f"{PREFIX}/two", NAME)).code == ResponseCode.TOO_BUSY

    teleinfo = office.peer()
    login = bodies.encode_login(bodies.LoginRequest(me.handle, me.index))
    challenged = await teleinfo.send(OpCode.LOGIN, login, version=(2, 10), suggests=(2, 11), session_id=10_001)
    assert challenged.message.envelope.session_id == 10_001
    welcomed = await teleinfo.prove(challenged, me, key_of(PREFIX), version=(2, 10), suggests=(2, 11))
    assert (welcomed.code, welcomed.message.header.op_code) == (ResponseCode.SUCCESS, OpCode.LOGIN)
    body = bodies.encode_values_request(bodies.ValuesRequest(f"{PREFIX}/two", (NAME,)))
    refused = await teleinfo.send(OpCode.CREATE_HANDLE, body, session_id=10_001)
    assert refused.code == ResponseCode.REGISTRATION_COUNT_LIMIT
    await registrar.policy(identifiers=5)
    assert (await teleinfo.send(OpCode.CREATE_HANDLE, body, session_id=10_001)).code == ResponseCode.SUCCESS
    # Somebody else's connection with the same number is nobody's session.
    stranger = await office.peer().send(
        OpCode.DELETE_HANDLE, bodies.encode_handle(f"{PREFIX}/two"), session_id=10_001
    )
    assert stranger.code == ResponseCode.AUTHENTICATION_NEEDED


async def test_a_prefix_is_unhomed_and_homed_by_the_node_s_administrators(
    office: Office, peer: Peer, me: Identity, pool: Pool
) -> None:
    node = await admit(pool, NODE)
    await create(peer, me, f"{PREFIX}/x", NAME)
    await is_resolved(office, f"{PREFIX}/x", {2000: "泵".encode()})
    named = bodies.encode_handle(f"0.NA/{PREFIX}")
    refused = await done(peer, me, OpCode.UNHOME_PREFIX, named)
    assert refused.code in (ResponseCode.INVALID_ADMIN, ResponseCode.NOT_PERMITTED)
    unhomed = await done(peer, node, OpCode.UNHOME_PREFIX, named)
    assert (unhomed.code, unhomed.body) == (ResponseCode.SUCCESS, b"")
    await is_resolved(office, f"{PREFIX}/x", {})
    assert (await peer.resolve(f"{PREFIX}/x")).code == ResponseCode.NOT_RESPONSIBLE
    assert (await done(peer, node, OpCode.HOME_PREFIX, named)).code == ResponseCode.SUCCESS
    await is_resolved(office, f"{PREFIX}/x", {2000: "泵".encode()})
