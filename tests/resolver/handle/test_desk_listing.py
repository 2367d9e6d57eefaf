"""Lists at the desk: in several replies, for those who may; the status of the node; proofs verified for others."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from node.administration import Identity
from node.database import Pool
from resolver.handle import bodies
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.listing import NAMES
from resolver.handle.message import Digest, DigestKind, digest_and_body
from tests.support.desk import USUAL_FLAGS, Exchange, Office, Peer, admit, key_of
from tests.support.shelf import Shelf

PREFIX = "88.101.1"
SECRET = b"a secret of pumps"


async def register(shelf: Shelf, number: int) -> None:
    await shelf.connection.execute(
        "INSERT INTO identifier"
        " (prefix_id, template_id, version, registered_at, updated_at, suffix_key, suffix, record)"
        " SELECT prefix_id, 1, 1, now(), now(), 'N-' || to_char(n, 'FM0000'), 'n-' || to_char(n, 'FM0000'),"
        " '\\x00000000' FROM prefix, generate_series(1, $1) n",
        number,
    )


async def listed(peer: Peer, me: Identity, operation: int, handle: str, *, flags: int = USUAL_FLAGS) -> Exchange:
    challenged = await peer.send(operation, bodies.encode_handle(handle), flags=flags)
    return await peer.prove(challenged, me, key_of(me.handle.removeprefix("0.NA/")))


def names(exchange: Exchange) -> list[str]:
    """All names; every reply but the last says that more follow."""
    found: list[str] = []
    for number, message in enumerate(exchange.messages, start=1):
        assert message.header.response_code == ResponseCode.SUCCESS
        assert bool(message.header.flags & Flag.CONTINUES) is (number < len(exchange.replies))
        assert message.envelope.request_id == exchange.messages[0].envelope.request_id
        _, body = digest_and_body(message)
        page = bodies.decode_names(body)
        assert len(page) <= NAMES
        found += page
    return found


@pytest.mark.parametrize("number", [0, 1, NAMES, NAMES + 1, 3 * NAMES, 3 * NAMES + 7])
async def test_a_list_comes_in_as_many_replies_as_it_needs(
    office: Office, peer: Peer, shelf: Shelf, pool: Pool, number: int
) -> None:
    await shelf.prefix(PREFIX)
    await register(shelf, number)
    exchange = await listed(peer, await admit(pool, PREFIX), OpCode.LIST_HANDLES, f"0.NA/{PREFIX}")
    assert names(exchange) == [f"{PREFIX}/N-{n:04}" for n in range(1, number + 1)]  # upper case, as it is stored
    assert len(exchange.replies) == max(1, -(-number // NAMES))


async def test_every_reply_of_a_list_repeats_the_digest_and_is_signed_when_asked_so(
    peer: Peer, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix(PREFIX)
    await register(shelf, NAMES + 1)
    flags = USUAL_FLAGS | int(Flag.RETURN_DIGEST | Flag.CERTIFY)
    exchange = await listed(peer, await admit(pool, PREFIX), OpCode.LIST_HANDLES, f"0.NA/{PREFIX}", flags=flags)
    assert len(names(exchange)) == NAMES + 1
    for message in exchange.messages:
        digest, _ = digest_and_body(message)
        assert digest == exchange.request.digest(DigestKind.SHA256)
        assert message.credential


async def test_a_list_needs_the_right_to_list(peer: Peer, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix(PREFIX)
    me = await admit(pool, PREFIX, permissions=0x7FF)
    refused = await listed(peer, me, OpCode.LIST_HANDLES, f"0.NA/{PREFIX}")
    assert refused.code in (ResponseCode.INVALID_ADMIN, ResponseCode.NOT_PERMITTED)


async def test_what_cannot_be_listed_is_refused_without_a_challenge(peer: Peer, shelf: Shelf) -> None:
    await shelf.prefix(PREFIX)
    for handle, code in (
        ("0.NA/88.102.1", ResponseCode.NOT_RESPONSIBLE),
        (f"{PREFIX}/x", ResponseCode.INVALID_HANDLE),
        ("0.NA/", ResponseCode.INVALID_HANDLE),
    ):
        exchange = await peer.send(OpCode.LIST_HANDLES, bodies.encode_handle(handle))
        assert exchange.code == code, handle


async def test_the_homed_prefixes_are_listed_to_the_node_s_administrators(
    peer: Peer, shelf: Shelf, pool: Pool
) -> None:
    await shelf.prefix("88.101.1")
    await shelf.prefix("88.101.2", state="suspended")
    await shelf.prefix("88.101.3")
    me = await admit(pool, "88.101")
    assert names(await listed(peer, me, OpCode.LIST_HOMED, "/")) == ["0.NA/88.101", "0.NA/88.101.1", "0.NA/88.101.3"]
    tenant = await admit(pool, "88.101.1")
    refused = await listed(peer, tenant, OpCode.LIST_HOMED, "/")
    assert refused.code in (ResponseCode.INVALID_ADMIN, ResponseCode.NOT_PERMITTED)


async def test_the_status_is_told_to_the_node_s_administrators_only(peer: Peer, shelf: Shelf, pool: Pool) -> None:
    await shelf.prefix(PREFIX)
    node, tenant = await admit(pool, "88.101"), await admit(pool, PREFIX)
    assert (await peer.resolve("0.SITE/status")).code == ResponseCode.VALUES_NOT_FOUND  # nothing of it is public
    refused = await peer.prove(await peer.resolve("0.SITE/status", flags=0), tenant, key_of(PREFIX))
    assert refused.code == ResponseCode.INVALID_ADMIN
    told = await peer.prove(await peer.resolve("0.site/STATUS", flags=0), node, key_of("88.101"))
    (value,) = told.values
    assert value.type == "CNRI.SERVER_STATUS"
    status = json.loads(value.data)
    assert status["siteHandle"] == "0.SITE/88.101"
    assert status["serialNumber"] == 3
    assert status["protocolVersion"] == "2.11"
    assert status["upTimeSeconds"] >= 0
    assert told.reply.outcome is None


@pytest.mark.parametrize(("secret", "right"), [(SECRET, True), (b"another secret", False)])
async def test_another_server_learns_whether_a_proof_was_made_with_a_secret_and_nothing_else(
    peer: Peer, shelf: Shelf, pool: Pool, secret: bytes, right: bool
) -> None:
    await shelf.prefix(PREFIX)
    await admit(pool, PREFIX)
    await pool.execute("INSERT INTO handle_secret VALUES ($1, 301, $2, now())", PREFIX, SECRET)
    nonce, digest = bytes(range(16)), Digest(DigestKind.SHA256, hashlib.sha256(b"request").digest())
    mac = hmac.digest(secret, nonce + digest.value, "sha256")
    request = bodies.VerifyRequest(f"0.NA/{PREFIX}", 301, nonce, digest, b"\x13" + mac)
    exchange = await peer.send(OpCode.VERIFY_CHALLENGE, bodies.encode_verify(request))
    assert exchange.code == ResponseCode.SUCCESS
    assert exchange.body == bytes((right,))


async def test_who_has_no_secret_here_is_verified_as_wrong(peer: Peer) -> None:
    nonce, digest = bytes(16), Digest(DigestKind.SHA256, bytes(32))
    request = bodies.VerifyRequest("0.NA/88.101.9", 301, nonce, digest, b"\x13" + bytes(32))
    exchange = await peer.send(OpCode.VERIFY_CHALLENGE, bodies.encode_verify(request))
    assert (exchange.code, exchange.body) == (ResponseCode.SUCCESS, b"\0")
