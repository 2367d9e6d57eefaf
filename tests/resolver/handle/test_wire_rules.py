"""What a message may be, what a reply repeats, and in which version it is said."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.administration import (
    DailyRequestLimit,
    HandleExists,
    HandleUnknown,
    InvalidAdministrator,
    InvalidHandle,
    InvalidProof,
    InvalidValue,
    NotPermitted,
    OperationUnsupported,
    PrefixElsewhere,
    PrefixLimit,
    ProofFailed,
    ProofLate,
    ProofNeeded,
    ProofUnsupported,
    RegistrationCountLimit,
    ValueExists,
    ValueUnknown,
)
from node.database import DatabaseAway
from node.errors import Forbidden, Malformed, NodeError, TooMany, Unauthenticated, Unavailable
from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix
from node.record import DuplicateIndex, InvalidIndex
from resolver.answer import NotResponsible, RecordDamaged
from resolver.handle import bodies, replication
from resolver.handle.codes import Flag, OpCode, ResponseCode, response_code_of
from resolver.handle.credential import Credential, decode_credential, encode_credential, signed_input
from resolver.handle.envelope import (
    ENVELOPE_BYTES,
    HEADER_BYTES,
    MAX_MESSAGE,
    Envelope,
    Version,
    WireFault,
    answered_version,
    decode_envelope,
    encode_envelope,
    read_envelope,
)
from resolver.handle.fragments import check_fragment, datagrams, fragment_count
from resolver.handle.message import (
    DigestKind,
    Header,
    Message,
    decode_message,
    digest_and_body,
    digest_kind,
    encode_message,
    encode_payload,
    reply_to,
    unreadable,
)

ENVELOPE = Envelope(2, 11, 0, 2, 11, 7, 1000, 0, 0)
BODY = bodies.encode_resolve(bodies.ResolveRequest("88.111.1/A"))


def request_of(
    flags: int = 0, *, envelope: Envelope = ENVELOPE, op_code: int = OpCode.RESOLVE, body: bytes = BODY
) -> Message:
    return Message(envelope, Header(op_code, 0, flags, 0xFFFF, 3, 1_800_000_000), body)


def speaking(major: int, minor: int, suggested_major: int = 0, suggested_minor: int = 0) -> Envelope:
    return ENVELOPE._replace(
        major=major, minor=minor, suggested_major=suggested_major, suggested_minor=suggested_minor
    )


# Versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", range(12))
def test_who_suggests_nothing_is_answered_in_his_own_version(minor: int) -> None:
    assert answered_version(speaking(2, minor)) == (2, minor)


@pytest.mark.parametrize(
    ("envelope", "answered"),
    [
        (speaking(2, 3, 2, 11), (2, 11)),
        (speaking(2, 10, 2, 11), (2, 11)),
        (speaking(2, 11, 2, 4), (2, 4)),
        (speaking(2, 11, 2, 12), (2, 11)),
        (speaking(2, 200), (2, 11)),
        (speaking(3, 0), (2, 11)),
        (speaking(3, 0, 3, 0), (2, 11)),
        (speaking(2, 11, 3, 1), (2, 11)),
        (speaking(2, 11, 1, 9), (2, 0)),
        (speaking(5, 4), (2, 0)),
        (speaking(5, 4, 1, 4), (2, 0)),
    ],
)
def test_a_request_is_answered_in_the_version_it_suggests_as_far_as_we_know_it(
    envelope: Envelope, answered: tuple[int, int]
) -> None:
    assert answered_version(envelope) == answered
    reply = reply_to(request_of(envelope=envelope), ResponseCode.SUCCESS)
    assert reply.envelope[:2] == answered
    assert (reply.envelope.suggested_major, reply.envelope.suggested_minor) == (2, 11)


@pytest.mark.parametrize("major", [0, 1, 4, 6, 255])
def test_a_version_that_never_was_is_refused(major: int) -> None:
    with pytest.raises(WireFault) as fault:
        decode_envelope(encode_envelope(speaking(major, 0)._replace(length=HEADER_BYTES)))
    assert fault.value.response_code is ResponseCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("version", "kind"),
    [((2, 0), 0), ((2, 1), 2), ((2, 6), 2), ((2, 7), 3), ((2, 11), 3)],
)
def test_the_digest_goes_by_the_version_of_the_answer(version: tuple[int, int], kind: int) -> None:
    assert digest_kind(Version(*version)) == kind
    request = request_of(Flag.RETURN_DIGEST, envelope=speaking(*version))
    digest, body = digest_and_body(reply_to(request, ResponseCode.SUCCESS, b"found"))
    assert (digest, body) == (request.digest(DigestKind(kind)), b"found")


def test_a_digest_covers_header_and_body_but_neither_envelope_nor_credential() -> None:
    request = request_of()
    data = encode_message(request._replace(credential=b"signed"))
    covered = data[ENVELOPE_BYTES : ENVELOPE_BYTES + HEADER_BYTES + len(BODY)]
    read = decode_message(decode_envelope(data), data[ENVELOPE_BYTES:])
    assert read.digest(DigestKind.SHA256) == (3, hashlib.sha256(covered).digest())
    assert read.digest(DigestKind.SHA1).value == hashlib.sha1(covered).digest()  # noqa: S324
    assert read.digest(DigestKind.BARE_MD5).value == hashlib.md5(covered).digest()  # noqa: S324


def test_the_reserved_byte_of_a_header_counts_in_the_digest() -> None:
    data = bytearray(encode_message(request_of()))
    data[ENVELOPE_BYTES + 15] = 9
    read = decode_message(decode_envelope(bytes(data)), bytes(data[ENVELOPE_BYTES:]))
    assert read.signed_part == bytes(data[ENVELOPE_BYTES:-4])


@pytest.mark.parametrize(
    ("version", "code", "written"),
    [
        ((2, 4), ResponseCode.SERVER_BACKUP, 303),
        ((2, 4), ResponseCode.INVALID_VALUE, 201),
        ((2, 5), ResponseCode.SERVER_BACKUP, 7),
        ((2, 5), ResponseCode.INVALID_VALUE, 202),
        ((2, 4), ResponseCode.NOT_RESPONSIBLE, 301),
    ],
)
def test_two_codes_are_written_otherwise_before_2_5(
    version: tuple[int, int], code: ResponseCode, written: int
) -> None:
    assert reply_to(request_of(envelope=speaking(*version)), code).header.response_code == written


# Replies ----------------------------------------------------------------------------------------------------------

REPEATED = {
    Flag.AUTHORITATIVE, Flag.CERTIFY, Flag.ENCRYPT, Flag.CACHE_CERTIFY, Flag.PUBLIC_ONLY, Flag.NO_REFERRAL,
    Flag.RETURN_DIGEST,
}  # fmt: skip


@pytest.mark.parametrize("flag", list(Flag), ids=lambda flag: flag.name)
def test_a_reply_repeats_some_flags_of_its_request_and_drops_the_others(flag: Flag) -> None:
    reply = reply_to(request_of(flag), ResponseCode.SUCCESS)
    assert reply.header.flags == (flag if flag in REPEATED else 0)


def test_a_reply_repeats_operation_session_request_and_recursion() -> None:
    reply = reply_to(request_of(op_code=OpCode.DELETE_HANDLE), ResponseCode.SUCCESS, site_serial=4, expiration=9)
    assert reply.header == (OpCode.DELETE_HANDLE, 1, 0, 4, 3, 9, 0)
    assert reply.envelope[:8] == (2, 11, 0, 2, 11, 7, 1000, 0)


def test_a_reply_to_a_challenge_s_answer_is_to_the_request_that_was_challenged() -> None:
    request = request_of(op_code=OpCode.CREATE_HANDLE)
    reply = reply_to(request, ResponseCode.SUCCESS, session_id=4242, request_id=1001, flags=Flag.AUTHORITATIVE)
    assert (reply.header.op_code, reply.header.flags) == (OpCode.CREATE_HANDLE, Flag.AUTHORITATIVE)
    assert (reply.envelope.session_id, reply.envelope.request_id) == (4242, 1001)


def test_a_challenge_always_carries_the_digest() -> None:
    request = request_of()
    reply = reply_to(request, ResponseCode.AUTHENTICATION_NEEDED, bodies.encode_challenge(bytes(16)))
    digest, body = digest_and_body(reply)
    assert digest == request.digest(DigestKind.SHA256)
    assert bodies.decode_challenge(body) == bytes(16)


def test_a_reply_to_what_cannot_be_read_names_the_operation_where_that_can() -> None:
    payload = encode_payload(request_of())
    assert unreadable(ENVELOPE, payload[:40]).header.op_code == OpCode.RESOLVE
    assert unreadable(ENVELOPE, payload[:20]).header.op_code == 0
    assert unreadable(ENVELOPE._replace(flags=0x40), payload).header.op_code == 0


# Faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 23, MAX_MESSAGE + 1, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_message_that_no_message_can_be_is_refused_by_its_envelope(length: int) -> None:
    data = encode_envelope(ENVELOPE._replace(length=length))
    with pytest.raises(WireFault):
        decode_envelope(data)
    assert read_envelope(data).request_id == 1000


def test_a_message_of_the_greatest_length_is_read() -> None:
    body = bytes(MAX_MESSAGE - HEADER_BYTES - 4)
    data = encode_message(request_of(body=body))
    assert decode_message(decode_envelope(data), data[ENVELOPE_BYTES:]).body == body
    with pytest.raises(WireFault):
        encode_message(request_of(body=body + b"\0"))


def test_a_compressed_message_is_refused() -> None:
    with pytest.raises(WireFault):
        decode_envelope(encode_envelope(ENVELOPE._replace(flags=0x80, length=HEADER_BYTES)))


@pytest.mark.parametrize("size", range(ENVELOPE_BYTES))
def test_less_than_an_envelope_is_refused(size: int) -> None:
    with pytest.raises(WireFault):
        read_envelope(encode_envelope(ENVELOPE)[:size])


def payload_with(op_code: int = 1, length: int = 4, rest: bytes = bytes(8)) -> bytes:
    return struct.pack(">iiIHBBiI", op_code, 0, 0, 0, 0, 0, 0, length) + rest


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(23),
        payload_with(op_code=0),
        payload_with(length=9),
        payload_with(length=0xFFFF_FFFF),
        payload_with(length=7),  # one byte is left for a credential's length
        payload_with(length=5),
        payload_with(rest=bytes(4) + b"\0\0\0\x01"),  # a credential of one byte which is not there
        payload_with(rest=bytes(9)),  # something behind the credential
        payload_with(rest=bytes(MAX_MESSAGE)),
    ],
)
def test_a_message_that_contradicts_itself_is_a_protocol_error(payload: bytes) -> None:
    with pytest.raises(WireFault) as fault:
        decode_message(ENVELOPE, payload)
    assert fault.value.response_code is ResponseCode.PROTOCOL_ERROR


def test_a_message_without_even_the_length_of_a_credential_is_read() -> None:
    assert decode_message(ENVELOPE, payload_with(rest=bytes(4))).credential == b""


DECODERS: list[Callable[[bytes], Any]] = [
    getattr(module, name)
    for module in (bodies, replication)
    for name in dir(module)
    if name.startswith("decode_") and getattr(module, name).__module__ == module.__name__
]


def test_the_decoders_of_all_bodies_are_known() -> None:
    assert len(DECODERS) == 20


@pytest.mark.parametrize("decode", DECODERS, ids=lambda decode: decode.__name__)
@given(data=st.binary(max_size=80))
def test_a_body_of_any_bytes_is_read_or_refused(decode: Callable[[bytes], Any], data: bytes) -> None:
    with contextlib.suppress(WireFault):
        decode(data)


@pytest.mark.parametrize(
    ("decode", "front"),
    [
        (bodies.decode_resolve, b"\0\0\0\x01A"),
        (bodies.decode_resolve, b"\0\0\0\x01A" + bytes(4)),
        (bodies.decode_values_request, b"\0\0\0\x01A"),
        (bodies.decode_remove, b"\0\0\0\x01A"),
        (bodies.decode_names, b""),
        (bodies.decode_referral, b"\0\0\0\0"),
    ],
)
@pytest.mark.parametrize("count", [2049, 60_000, 1_048_576, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_more_than_can_follow_is_refused_before_anything_is_built(
    decode: Callable[[bytes], Any], front: bytes, count: int
) -> None:
    body = front + count.to_bytes(4, "big") + b"\xff" * 8192
    tracemalloc.start()
    try:
        with pytest.raises(WireFault):
            decode(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000


def test_a_handle_of_2048_bytes_is_read_and_a_longer_one_is_invalid() -> None:
    longest = "88.111.1/" + "a" * (2048 - 9)
    assert bodies.decode_handle(bodies.encode_handle(longest)) == longest
    with pytest.raises(WireFault) as fault:
        bodies.decode_handle(bodies.encode_handle(longest + "a"))
    assert fault.value.response_code is ResponseCode.INVALID_HANDLE


def test_a_handle_that_is_no_utf_8_is_invalid() -> None:
    for decode in (bodies.decode_resolve, bodies.decode_handle, bodies.decode_values_request, bodies.decode_login):
        with pytest.raises(WireFault) as fault:
            decode(b"\0\0\0\x02\xff\xfe" + bytes(8))
        assert fault.value.response_code is ResponseCode.INVALID_HANDLE


@pytest.mark.parametrize("behind", [b"", b"\0", bytes(4), b"\0\0\0\x05token", b"\0\0\0\x05toke", b"\xff" * 30])
def test_whatever_stands_behind_a_question_is_no_fault(behind: bytes) -> None:
    read = bodies.decode_resolve(BODY + behind)
    assert read[:3] == ("88.111.1/A", (), ())
    assert read.authority == {bytes(4): b"", b"\0\0\0\x05token": b"token"}.get(behind)


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (bodies.decode_handle, bodies.encode_handle("A")),
        (bodies.decode_remove, bodies.encode_remove(bodies.RemoveRequest("A", (1,)))),
        (bodies.decode_login, bodies.encode_login(bodies.LoginRequest("A", 1))),
        (bodies.decode_values_request, bodies.encode_values_request(bodies.ValuesRequest("A", ()))),
        (bodies.decode_challenge_answer, bodies.encode_challenge_answer(bodies.ChallengeAnswer("", "A", 1, b""))),
    ],
)
def test_bytes_behind_other_bodies_are_a_fault(decode: Callable[[bytes], Any], body: bytes) -> None:
    decode(body)
    with pytest.raises(WireFault):
        decode(body + b"\0")


@pytest.mark.parametrize("mode", [0, 5, 65535])
def test_a_session_of_an_unknown_mode_is_an_invalid_set_up(mode: int) -> None:
    body = bodies.encode_session_setup(bodies.SessionSetup(mode, 60, "", -1))
    with pytest.raises(WireFault) as fault:
        bodies.decode_session_setup(body)
    assert fault.value.response_code is ResponseCode.INVALID_SESSION_SETUP


@pytest.mark.parametrize("kind", [DigestKind.BARE_MD5, DigestKind.SHA1, DigestKind.SHA256])
def test_a_verification_names_its_digest_as_a_block_or_by_its_kind(kind: DigestKind) -> None:
    digest = Message(ENVELOPE, Header(1, 0, 0, 0, 0, 0), b"").digest(kind)
    asked = bodies.VerifyRequest("0.NA/88.111.1", 301, bytes(16), digest, b"\x13answer")
    as_block = bodies.encode_verify(asked)
    assert bodies.decode_verify(as_block) == asked
    if kind is not DigestKind.BARE_MD5:
        written = len(digest.value).to_bytes(4, "big") + digest.value
        assert bodies.decode_verify(as_block.replace(written, bytes((kind,)) + digest.value)) == asked


# Credentials ------------------------------------------------------------------------------------------------------

CREDENTIAL = Credential("HS_MAC", "HMAC-SHA256", bytes(32), 5)


def test_a_credential_is_read_as_it_was_written() -> None:
    assert decode_credential(encode_credential(CREDENTIAL)) == CREDENTIAL


def test_every_truncation_of_a_credential_is_an_invalid_one() -> None:
    data = encode_credential(CREDENTIAL)
    for broken in (*(data[:size] for size in range(1, len(data))), data + b"\0"):
        with pytest.raises(WireFault) as fault:
            decode_credential(broken)
        assert fault.value.response_code is ResponseCode.INVALID_CREDENTIAL


@pytest.mark.parametrize(("version", "front"), [((2, 11), 16), ((2, 8), 16), ((2, 7), 14), ((2, 6), 14), ((2, 5), 0)])
def test_what_a_signature_covers_goes_by_the_version(version: tuple[int, int], front: int) -> None:
    message = request_of()
    covered = signed_input(message, Version(*version), 5)
    assert covered[front:] == message.signed_part
    assert covered[:front][-12:] == (struct.pack(">iii", 7, 1000, 5) if front else b"")


# Fragments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 492, 493, 984, 985, 100_000])
def test_the_fragments_of_a_message_are_the_message(size: int) -> None:
    data = encode_message(request_of(body=bytes(max(0, size - HEADER_BYTES - 4))))
    packets = datagrams(data)
    assert all(len(packet) <= 512 for packet in packets)
    assert b"".join(packet[ENVELOPE_BYTES:] for packet in packets) == data[ENVELOPE_BYTES:]
    envelopes = [decode_envelope(packet) for packet in packets]
    assert {envelope.length for envelope in envelopes} == {len(data) - ENVELOPE_BYTES}
    if len(packets) > 1:
        assert [envelope.sequence for envelope in envelopes] == list(range(len(packets)))
        assert fragment_count(envelopes[0]) == len(packets)
        for envelope, packet in zip(envelopes, packets, strict=True):
            check_fragment(envelope, len(packet) - ENVELOPE_BYTES)


@pytest.mark.parametrize(("sequence", "size"), [(-1, 492), (3, 492), (2, 17), (0, 491), (1, 493), (0, 0)])
def test_a_fragment_without_a_place_in_its_message_is_refused(sequence: int, size: int) -> None:
    envelope = ENVELOPE._replace(flags=0x20, sequence=sequence, length=1000)
    with pytest.raises(WireFault):
        check_fragment(envelope, size)


# Codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (HandleUnknown, 100), (HandleExists, 101), (InvalidHandle, 102), (ValueUnknown, 200), (ValueExists, 201),
        (InvalidValue, 202), (InvalidIndex, 202), (DuplicateIndex, 201), (PrefixElsewhere, 301),
        (NotResponsible, 301), (InvalidAdministrator, 400), (NotPermitted, 401), (ProofNeeded, 402),
        (ProofFailed, 403), (InvalidProof, 404), (ProofLate, 405), (ProofUnsupported, 406),
        (OperationUnsupported, 5), (InvalidIdentifier, 102), (InvalidPrefix, 102), (InvalidSuffix, 102),
        (DatabaseAway, 3), (RecordDamaged, 2), (Malformed, 4), (Unauthenticated, 402), (Forbidden, 400),
        (TooMany, 3), (Unavailable, 3),
    ],
)  # fmt: skip
def test_a_refusal_has_the_code_that_clients_know(kind: type[NodeError], code: int) -> None:
    assert response_code_of(kind("for a reason")) == code


@pytest.mark.parametrize(
    ("kind", "code"), [(DailyRequestLimit, 603), (RegistrationCountLimit, 604), (PrefixLimit, 605)]
)
def test_a_limit_is_told_by_its_name_only_to_who_knows_it(kind: type[NodeError], code: int) -> None:
    assert response_code_of(kind("reached"), teleinfo=True) == code
    assert response_code_of(kind("reached")) == ResponseCode.TOO_BUSY


def test_a_refusal_of_the_protocol_itself_names_its_own_code() -> None:
    assert response_code_of(WireFault("broken", ResponseCode.INVALID_CREDENTIAL)) == 404
    assert response_code_of(WireFault("broken")) == 4


def test_a_digest_of_an_unknown_kind_is_refused() -> None:
    for body in (b"", b"\x04" + bytes(64), b"\x03" + bytes(31), b"\0\0\0\x11" + bytes(17), b"\0\0\0\x10" + bytes(15)):
        with pytest.raises(WireFault):
            digest_and_body(Message(ENVELOPE, Header(1, 1, Flag.RETURN_DIGEST, 0, 0, 0), body))
