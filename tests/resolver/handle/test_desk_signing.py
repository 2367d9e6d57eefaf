"""Replies signed with the node's key, checked with the public key that its HS_SITE names."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from node.handle_data import RsaPublicKey, decode_public_key, decode_site
from node.resolutions import Outcome
from resolver.handle import bodies
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.credential import decode_credential, encode_credential
from resolver.handle.message import Message
from resolver.handle.signing import sign
from tests.support.desk import USUAL_FLAGS, Office, Peer, key_of, read

CERTIFIED = USUAL_FLAGS | int(Flag.CERTIFY)
VECTOR = next(
    vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8"))
    if vector["name"] == "resolve-response-signed-rsa"
)


def public_key(data: bytes) -> RSAPublicKey:
    key = decode_public_key(data)
    assert isinstance(key, RsaPublicKey)
    return RSAPublicNumbers(key.e, key.n).public_key()


async def site_key_of(peer: Peer) -> RSAPublicKey:
    """As a client learns it."""
    site = await peer.send(OpCode.GET_SITE_INFO, bodies.encode_handle("/"))
    return public_key(decode_site(site.body).servers[0].public_key)


def covered(message: Message) -> bytes:
    """What a signature of 2.8 and later covers, put together from the layout of the reference."""
    envelope, header = message.envelope, message.header
    versions = bytes((envelope.major, envelope.minor, envelope.suggested_major, envelope.suggested_minor))
    numbers = b"".join(n.to_bytes(4, "big") for n in (envelope.session_id, envelope.request_id, 0))
    fields = (
        (header.op_code, 4), (header.response_code, 4), (header.flags, 4), (header.site_serial, 2),
        (header.recursion, 1), (0, 1), (header.expiration, 4), (len(message.body), 4),
    )  # fmt: skip
    return versions + numbers + b"".join(n.to_bytes(size, "big") for n, size in fields) + message.body


def test_the_layout_is_that_of_handle_net_s_own_signature() -> None:
    signed = read(bytes.fromhex(VECTOR["hex"]))
    credential = decode_credential(signed.credential)
    key = public_key(bytes.fromhex(VECTOR["fields"]["pubkey_hex"]))
    key.verify(credential.signature, covered(signed), PKCS1v15(), SHA256())
    ours = decode_credential(sign(signed._replace(credential=b""), key_of("node")).credential)
    # Nothing but the signature itself differs.
    assert encode_credential(ours._replace(signature=credential.signature)) == signed.credential


async def test_a_signed_reply_is_verified_with_the_key_in_the_site(peer: Peer, pump: str) -> None:
    key = await site_key_of(peer)
    for handle, code in ((pump, ResponseCode.SUCCESS), ("88.101.1/none", ResponseCode.HANDLE_NOT_FOUND)):
        reply = (await peer.resolve(handle, flags=CERTIFIED)).message
        assert reply.header.response_code == code
        assert reply.header.flags & Flag.CERTIFY
        credential = decode_credential(reply.credential)
        assert (credential.kind, credential.digest_name, credential.signer_handle) == ("HS_SIGNED", "SHA-256", "")
        key.verify(credential.signature, covered(reply), PKCS1v15(), SHA256())
        other = reply._replace(envelope=reply.envelope._replace(request_id=reply.envelope.request_id + 1))
        with pytest.raises(InvalidSignature):
            key.verify(credential.signature, covered(other), PKCS1v15(), SHA256())


async def test_a_reply_with_the_digest_of_its_request_is_signed_with_it(peer: Peer, pump: str) -> None:
    exchange = await peer.resolve(pump, flags=CERTIFIED | Flag.RETURN_DIGEST)
    assert len(exchange.values) == 3
    signature = decode_credential(exchange.message.credential).signature
    (await site_key_of(peer)).verify(signature, covered(exchange.message), PKCS1v15(), SHA256())


async def test_a_challenge_and_site_info_are_signed_too(peer: Peer) -> None:
    key = await site_key_of(peer)
    for exchange in (
        await peer.send(OpCode.GET_SITE_INFO, bodies.encode_handle("/"), flags=CERTIFIED),
        await peer.resolve("0.SITE/status", flags=int(Flag.CERTIFY)),
    ):
        signature = decode_credential(exchange.message.credential).signature
        key.verify(signature, covered(exchange.message), PKCS1v15(), SHA256())
    assert exchange.code == ResponseCode.AUTHENTICATION_NEEDED


async def test_clients_before_2_7_get_the_only_digest_that_they_read(peer: Peer, pump: str) -> None:
    key = await site_key_of(peer)
    reply = (await peer.resolve(pump, flags=CERTIFIED, version=(2, 5))).message
    credential = decode_credential(reply.credential)
    assert credential.digest_name == "SHA1"
    key.verify(credential.signature, reply.signed_part, PKCS1v15(), SHA1())  # noqa: S303 - all that they read


async def test_nobody_gets_a_signature_that_he_did_not_ask_for(peer: Peer, pump: str) -> None:
    assert (await peer.resolve(pump)).message.credential == b""


async def test_when_too_many_wait_for_a_signature_the_rest_is_told_to_come_back(office: Office, pump: str) -> None:
    peers = [office.peer() for _ in range(100)]
    exchanges = await asyncio.gather(*(peer.resolve(pump, flags=CERTIFIED) for peer in peers))
    codes = Counter(exchange.code for exchange in exchanges)
    assert set(codes) == {ResponseCode.SUCCESS, ResponseCode.TOO_BUSY}
    assert codes[ResponseCode.SUCCESS] >= 50
    refused = next(exchange for exchange in exchanges if exchange.code == ResponseCode.TOO_BUSY)
    assert (refused.reply.outcome, refused.reply.key[0]) == (Outcome.ERROR, "88.101.1")
    assert (await peers[0].resolve(pump, flags=CERTIFIED)).code == ResponseCode.SUCCESS
