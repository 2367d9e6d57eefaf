"""Every message of the vectors is read as the other programs mean it, and written as they write it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from node.handle_data import RsaPublicKey, decode_public_key, decode_site, encode_site
from node.record import Record, Reference, Value, encode_values
from resolver.handle import bodies, replication
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.credential import decode_credential, encode_credential, signed_input
from resolver.handle.envelope import (
    ENVELOPE_BYTES,
    FRAGMENT,
    Envelope,
    Version,
    answered_version,
    decode_envelope,
    encode_envelope,
)
from resolver.handle.fragments import check_fragment, datagrams, fragment_count
from resolver.handle.message import (
    Digest,
    DigestKind,
    Header,
    Message,
    decode_message,
    digest_and_body,
    encode_digest,
    encode_message,
    encode_payload,
    reply_to,
)

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "handle.json").read_text(encoding="utf-8")
)
IN_CLEAR = ("request", "response", "sdk_request", "sdk_response")
ENCRYPTED = ("encrypted", "sdk_encrypted")
OF_VALUES = ("value", "hs_admin", "hs_vlist", "hs_site", "hs_pubkey")
"""Kinds that tests/node/test_record.py and tests/node/test_handle_data.py read, each vector of them."""

MESSAGES = [vector for vector in VECTORS if vector["kind"] in IN_CLEAR]
WITH_DIGEST = [
    "resolve-response-rrdg-sha1",
    "resolve-response-rrdg-sha256-large",
    "create-response-rrdg",
    "challenge-402-sha256",
    "sdk-login-step3-challenge",
]
SUCCESS, CHALLENGE = int(ResponseCode.SUCCESS), int(ResponseCode.AUTHENTICATION_NEEDED)


def vector_named(name: str) -> dict[str, Any]:
    return next(vector for vector in VECTORS if vector["name"] == name)


def octets(name: str) -> bytes:
    return bytes.fromhex(vector_named(name)["hex"])


def read(data: bytes) -> Message:
    return decode_message(decode_envelope(data), data[ENVELOPE_BYTES:])


def record(values: list[dict[str, Any]]) -> Record:
    return tuple(
        Value(
            value["index"],
            value["type"],
            bytes.fromhex(value["data_hex"]),
            value["ttl"],
            value["ttlType"],
            value["permissions"],
            value["timestamp"],
            tuple(Reference(reference["handle"], reference["index"]) for reference in value["references"]),
        )
        for value in values
    )


Reading = tuple[Any, dict[str, Any], bytes]
"""What a body says as facts of ours, those of the vector's fields that it must be, and the body written anew."""


def _resolve(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_resolve(body)
    told = {
        "handle": read.handle,
        "indexes": list(read.indexes),
        "types": list(read.types),
        "authBytes_hex": (read.authority or b"").hex(),
    }
    return read, told, bodies.encode_resolve(read)


def _handle(fields: dict[str, Any], body: bytes) -> Reading:
    handle = bodies.decode_handle(body)
    return handle, {"handle": handle}, bodies.encode_handle(handle)


def _values(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_values_request(body)
    return read, {"handle": read.handle, "values": read.values}, bodies.encode_values_request(read)


def _remove(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_remove(body)
    return read, {"handle": read.handle, "indexes": list(read.indexes)}, bodies.encode_remove(read)


def _answer(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_challenge_answer(body)
    told = {
        "authType": read.auth_type,
        "userHandle": read.user_handle,
        "userIndex": read.user_index,
        "answer_hex": read.answer.hex(),
    }
    return read, told, bodies.encode_challenge_answer(read)


def _setup(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_session_setup(body)
    told = {
        "mode": read.mode,
        "timeout": read.timeout,
        "publicKey_hex": read.public_key.hex(),
        "exchangeKeyHandle": read.key_handle,
        "exchangeKeyIndex": read.key_index,
    }
    return read, told, bodies.encode_session_setup(read)


def _key_exchange(fields: dict[str, Any], body: bytes) -> Reading:
    key = bodies.decode_key_exchange(body)
    return key, {"encryptedSessionKey_hex": key.hex()}, bodies.encode_key_exchange(key)


def _login(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_login(body)
    return read, {"userHandle": read.user_handle, "userIndex": read.user_index}, bodies.encode_login(read)


def _transactions(fields: dict[str, Any], body: bytes) -> Reading:
    read = replication.decode_transactions_request(body)
    told = {"lastTxnId": read.last_transaction, "lastQueryDate": read.last_query, **_share(read.share)}
    return read, told, replication.encode_transactions_request(read)


def _dump(fields: dict[str, Any], body: bytes) -> Reading:
    share = replication.decode_dump_request(body)
    return share, _share(share), replication.encode_dump_request(share)


def _share(share: replication.Share) -> dict[str, Any]:
    return {"rcvrHashType": share.hash_type, "numServers": share.servers, "serverNum": share.server}


REQUESTS: dict[int, Callable[[dict[str, Any], bytes], Reading]] = {
    OpCode.RESOLVE: _resolve,
    OpCode.CREATE_HANDLE: _values,
    OpCode.DELETE_HANDLE: _handle,
    OpCode.ADD_VALUES: _values,
    OpCode.REMOVE_VALUES: _remove,
    OpCode.MODIFY_VALUES: _values,
    OpCode.LIST_HANDLES: _handle,
    OpCode.CHALLENGE_ANSWER: _answer,
    OpCode.HOME_PREFIX: _handle,
    OpCode.UNHOME_PREFIX: _handle,
    OpCode.LIST_HOMED: _handle,
    OpCode.SESSION_SETUP: _setup,
    OpCode.SESSION_KEY_EXCHANGE: _key_exchange,
    OpCode.GET_NEXT_TXN_ID: _handle,
    OpCode.RETRIEVE_TXN_LOG: _transactions,
    OpCode.DUMP_HANDLES: _dump,
    OpCode.BACKUP: _handle,
    OpCode.LOGIN: _login,
}


def _found(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_found(body)
    told = {"handle": read.handle, "values": read.values}
    return read, told, bodies.encode_found(read.handle, encode_values(read.values))


def _created(fields: dict[str, Any], body: bytes) -> Reading:
    handle = bodies.decode_created(body)
    return handle, {"handle": handle}, bodies.encode_created(handle or "")


def _names(fields: dict[str, Any], body: bytes) -> Reading:
    names = bodies.decode_names(body)
    return names, {"handles": list(names)}, bodies.encode_names(names)


def _site(fields: dict[str, Any], body: bytes) -> Reading:
    site = decode_site(body)
    return site, {"site_hex": body.hex()}, encode_site(site)


def _verified(fields: dict[str, Any], body: bytes) -> Reading:
    valid = bodies.decode_verified(body)
    return valid, {"isValid": valid}, bodies.encode_verified(valid)


def _transaction(fields: dict[str, Any], body: bytes) -> Reading:
    number = replication.decode_next_transaction(body)
    return number, {"nextTxnId": number}, replication.encode_next_transaction(number)


def _set_up(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_session_setup_reply(body)
    return read, {"mode": read.mode, "data_hex": read.data.hex()}, bodies.encode_session_setup_reply(read)


def _nothing(fields: dict[str, Any], body: bytes) -> Reading:
    return body, {"bodyLength": len(body)}, b""


def _challenge(fields: dict[str, Any], body: bytes) -> Reading:
    nonce = bodies.decode_challenge(body)
    return nonce, {"nonce_hex": nonce.hex()}, bodies.encode_challenge(nonce)


def _referral(fields: dict[str, Any], body: bytes) -> Reading:
    read = bodies.decode_referral(body)
    return read, {"referralHandle": read.handle, "values": read.values}, bodies.encode_referral(read)


def _error(fields: dict[str, Any], body: bytes) -> Reading:
    message = bodies.decode_error(body)
    return message, {"message": message}, bodies.encode_error(message)


SUCCESSES: dict[int, Callable[[dict[str, Any], bytes], Reading]] = {
    OpCode.RESOLVE: _found,
    OpCode.GET_SITE_INFO: _site,
    OpCode.CREATE_HANDLE: _created,
    OpCode.DELETE_HANDLE: _nothing,
    OpCode.REMOVE_VALUES: _nothing,
    OpCode.MODIFY_VALUES: _nothing,
    OpCode.LIST_HANDLES: _names,
    OpCode.VERIFY_CHALLENGE: _verified,
    OpCode.HOME_PREFIX: _nothing,
    OpCode.LIST_HOMED: _names,
    OpCode.SESSION_SETUP: _set_up,
    OpCode.SESSION_TERMINATE: _nothing,
    OpCode.SESSION_KEY_EXCHANGE: _nothing,
    OpCode.GET_NEXT_TXN_ID: _transaction,
}


def reading(header: Header) -> Callable[[dict[str, Any], bytes], Reading]:
    if header.response_code == 0:
        return REQUESTS[header.op_code]
    if header.response_code == SUCCESS:
        return SUCCESSES[header.op_code]
    if header.response_code == CHALLENGE:
        return _challenge
    if header.response_code in (ResponseCode.SERVICE_REFERRAL, ResponseCode.PREFIX_REFERRAL):
        return _referral
    return _error


def test_each_of_the_104_vectors_is_read_by_a_test() -> None:
    of_one = {"udp_fragments": 1, **dict.fromkeys(ENCRYPTED, 1)}
    counts = {kind: sum(vector["kind"] == kind for vector in VECTORS) for kind in {v["kind"] for v in VECTORS}}
    assert sum(counts.values()) == 104
    assert {kind: counts[kind] for kind in of_one} == of_one
    assert set(counts) == {*IN_CLEAR, *of_one, *OF_VALUES}
    for module, kinds in (("test_record.py", OF_VALUES[:1]), ("test_handle_data.py", OF_VALUES[1:])):
        text = (Path(__file__).parents[2] / "node" / module).read_text(encoding="utf-8")
        assert all(f'"{kind}"' in text for kind in kinds)


@pytest.mark.parametrize("vector", MESSAGES, ids=lambda vector: vector["name"])
def test_envelope_and_header_say_what_the_other_programs_meant(vector: dict[str, Any]) -> None:
    fields, message = vector["fields"], read(bytes.fromhex(vector["hex"]))
    envelope, header = message.envelope, message.header
    told = {
        "major": envelope.major,
        "minor": envelope.minor,
        "suggestMajor": envelope.suggested_major,
        "suggestMinor": envelope.suggested_minor,
        "sessionId": envelope.session_id,
        "requestId": envelope.request_id,
        "sequence": envelope.sequence,
        "messageLength": envelope.length,
        "truncated": envelope.truncated,
        "encrypted": envelope.encrypted,
        "compressed": False,
        "opCode": header.op_code,
        "responseCode": header.response_code,
        "opFlags": f"{header.flags:08x}",
        "siteInfoSerial": header.site_serial,
        "recursionCount": header.recursion,
        "expiration": header.expiration,
        "bodyLength": len(message.body),
    }
    assert {name: told[name] for name in fields if name in told} == {
        name: fields[name] for name in fields if name in told
    }


@pytest.mark.parametrize("vector", MESSAGES, ids=lambda vector: vector["name"])
def test_a_body_says_what_the_other_programs_meant_and_is_written_as_they_write_it(vector: dict[str, Any]) -> None:
    data, fields = bytes.fromhex(vector["hex"]), dict(vector["fields"])
    message = read(data)
    digest, body = digest_and_body(message)
    _, told, written = reading(message.header)(fields, body)
    if "values" in fields:
        fields["values"] = record(fields["values"])
    shared = told.keys() & fields.keys()
    assert shared or not body
    assert {name: told[name] for name in shared} == {name: fields[name] for name in shared}
    repeated = encode_digest(digest) if digest is not None else b""
    unsigned = "NO 4-byte credential" in fields.get("note", "")
    assert encode_message(message._replace(body=repeated + written), credential_absent=unsigned) == data


@pytest.mark.parametrize("name", WITH_DIGEST)
def test_the_digest_of_the_request_stands_before_the_body(name: str) -> None:
    fields = vector_named(name)["fields"]
    digest, _ = digest_and_body(read(octets(name)))
    assert digest is not None
    assert digest.value.hex() == fields["requestDigest_hex"]
    assert digest.kind == fields.get("rdHashType", DigestKind.SHA256)
    if "requestBody_hex" in fields:
        assert hashlib.sha256(bytes.fromhex(fields["requestBody_hex"])).digest() == digest.value


def test_a_challenge_repeats_the_digest_of_header_and_body() -> None:
    login = read(octets("sdk-login-step2-opcode-2001"))
    assert login.digest(DigestKind.SHA256).value.hex() == vector_named("sdk-login-step3-challenge")["fields"][
        "requestDigest_hex"
    ]  # fmt: skip


def test_our_challenge_to_a_teleinfo_login_is_the_one_its_program_knows() -> None:
    theirs = octets("sdk-login-step3-challenge")
    expected = read(theirs)
    nonce = bytes.fromhex(vector_named("sdk-login-step3-challenge")["fields"]["nonce_hex"])
    ours = reply_to(
        read(octets("sdk-login-step2-opcode-2001")),
        ResponseCode.AUTHENTICATION_NEEDED,
        bodies.encode_challenge(nonce),
        flags=0x19000000,
        expiration=1_800_000_000,
        request_id=expected.envelope.request_id,
    )
    # It answers in 2.11, as the request suggests; the vector's encoder kept the 2.10 of its own messages.
    assert ours.envelope[:2] == (2, 11)
    assert encode_message(ours._replace(envelope=ours.envelope._replace(minor=10))) == theirs


def test_a_signed_reply_is_signed_over_versions_session_request_and_message() -> None:
    fields = vector_named("resolve-response-signed-rsa")["fields"]
    message = read(octets("resolve-response-signed-rsa"))
    assert message.credential.hex() == fields["signature_hex"][: len(message.credential) * 2]
    credential = decode_credential(message.credential)
    assert (credential.kind, credential.digest_name, credential.counter) == ("HS_SIGNED", "SHA-256", 0)
    assert encode_credential(credential) == message.credential
    key = decode_public_key(bytes.fromhex(fields["pubkey_hex"]))
    assert isinstance(key, RsaPublicKey)
    public = rsa.RSAPublicNumbers(key.e, key.n).public_key()
    covered = signed_input(message, Version(2, 11))
    public.verify(credential.signature, covered, padding.PKCS1v15(), SHA256())
    assert message.header.flags & Flag.CERTIFY


def test_the_datagrams_of_a_long_message_are_those_of_the_other_program() -> None:
    vector = next(vector for vector in VECTORS if vector["kind"] == "udp_fragments")
    packets = [bytes.fromhex(packet) for packet in vector["fields"]["packets_hex"]]
    whole = bytes.fromhex(vector["hex"])
    envelope = decode_envelope(packets[0])
    assert envelope.truncated
    assert fragment_count(envelope) == len(packets)
    assert b"".join(packet[ENVELOPE_BYTES:] for packet in packets) == whole
    for number, packet in enumerate(packets):
        fragment = decode_envelope(packet)
        assert fragment.sequence == number
        check_fragment(fragment, len(packet) - ENVELOPE_BYTES)
    single = envelope._replace(flags=0)
    message = decode_message(single, whole)
    assert bodies.decode_found(message.body).values[0].data == b"y" * 1200
    assert datagrams(encode_message(message)) == packets
    assert all(len(packet) == ENVELOPE_BYTES + FRAGMENT for packet in packets[:-1])


@pytest.mark.parametrize("kind", ENCRYPTED)
def test_an_encrypted_message_keeps_its_envelope_in_the_clear(kind: str) -> None:
    vector = next(vector for vector in VECTORS if vector["kind"] == kind)
    data, fields = bytes.fromhex(vector["hex"]), vector["fields"]
    envelope = decode_envelope(data)
    assert envelope.encrypted
    assert envelope.session_id == fields["sessionId"]
    assert envelope.length == len(data) - ENVELOPE_BYTES
    assert encode_envelope(envelope) == data[:ENVELOPE_BYTES]
    plain = bytes.fromhex(fields["plaintext_hex"])
    message = decode_message(envelope, plain)
    assert bodies.decode_resolve(message.body).handle == "88.111.1/Prod-001"
    assert encode_payload(message) == plain


def test_a_request_of_2_3_that_suggests_2_11_is_answered_in_2_11() -> None:
    asked = Envelope(2, 3, 0, 2, 11, 0, 1, 0, 24)
    assert answered_version(asked) == (2, 11)


def test_a_digest_of_2_0_is_a_block_without_a_kind() -> None:
    digest = Digest(DigestKind.BARE_MD5, bytes(range(16)))
    assert encode_digest(digest) == b"\0\0\0\x10" + bytes(range(16))
