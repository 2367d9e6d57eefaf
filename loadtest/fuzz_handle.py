"""Messages of the Handle protocol, damaged in every way that a network, a bad program or a bad person knows.

``frames`` makes them from whole messages of every operation; ``read`` takes one apart as far as any front, desk or
client would. The same seed makes the same frames. ``make fuzz`` hands a million of them to the codec and to a desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from node.handle_data import (
    AdminData,
    RsaPublicKey,
    decode_admin,
    decode_public_key,
    decode_site,
    decode_vlist,
    encode_admin,
    encode_public_key,
    encode_vlist,
)
from node.record import InvalidRecord, Record, Reference, Value, encode_values
from resolver.handle.bodies import (
    ChallengeAnswer,
    LoginRequest,
    Referral,
    RemoveRequest,
    ResolveRequest,
    SessionSetup,
    SessionSetupReply,
    ValuesRequest,
    VerifyRequest,
    decode_challenge,
    decode_challenge_answer,
    decode_created,
    decode_error,
    decode_found,
    decode_handle,
    decode_key_exchange,
    decode_login,
    decode_names,
    decode_referral,
    decode_remove,
    decode_resolve,
    decode_session_setup,
    decode_session_setup_reply,
    decode_values_request,
    decode_verified,
    decode_verify,
    encode_challenge,
    encode_challenge_answer,
    encode_error,
    encode_found,
    encode_handle,
    encode_key_exchange,
    encode_login,
    encode_names,
    encode_referral,
    encode_remove,
    encode_resolve,
    encode_session_setup,
    encode_session_setup_reply,
    encode_values_request,
    encode_verify,
)
from resolver.handle.codes import Flag, OpCode, ResponseCode
from resolver.handle.credential import MAC, Credential, decode_credential, encode_credential, signed_input
from resolver.handle.envelope import (
    ENVELOPE_BYTES,
    HEADER_BYTES,
    Envelope,
    WireFault,
    answered_version,
    decode_envelope,
)
from resolver.handle.fragments import check_fragment, datagrams
from resolver.handle.message import (
    Digest,
    DigestKind,
    Header,
    Message,
    decode_message,
    digest_and_body,
    digest_kind,
    encode_message,
    reply_to,
)
from resolver.handle.replication import (
    Share,
    TransactionsRequest,
    decode_dump_request,
    decode_next_transaction,
    decode_transactions_request,
    encode_dump_request,
    encode_transactions_request,
)

PREFIX = "88.101.1"

_PREFIX_HANDLE = f"0.NA/{PREFIX}"
_HANDLE = f"{PREFIX}/Pump-001"
_EXTREMES = tuple(
    number.to_bytes(4, "big")
    for number in (0, 1, 4, 24, 255, 2048, 2049, 65_535, 262_144, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
)
_TEXTS = (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\0", "标识".encode(), b"/", b"0.NA/", b"%00", b"\r\n\r\n")
_BODY = ENVELOPE_BYTES + HEADER_BYTES
_MENDED = 0.7
_CHANGES = (1, 1, 1, 2, 3, 4)  # to one frame


def _values() -> Record:
    admin = encode_admin(AdminData(_PREFIX_HANDLE, 300, 0xFFF))
    key = encode_public_key(RsaPublicKey((1 << 2047) | 1, 65_537))
    group = encode_vlist((Reference(_PREFIX_HANDLE, 300), Reference(_PREFIX_HANDLE, 301)))
    return (
        Value(1, "URL", b"https://example.org/", references=(Reference(_HANDLE, 2),)),
        Value(100, "HS_ADMIN", admin),
        Value(300, "HS_PUBKEY", key),
        Value(200, "HS_VLIST", group),
    )


def seeds() -> list[bytes]:
    """A sound message of every operation, and of every kind of reply."""
    values, digest = _values(), Digest(DigestKind.SHA256, bytes(range(32)))
    nonce, key = bytes(range(16)), encode_public_key(RsaPublicKey((1 << 2047) | 1, 65_537))
    proof = b"\x22" + encode_challenge(nonce) + (10_000).to_bytes(4, "big") + (160).to_bytes(4, "big") + bytes(24)
    requests: list[tuple[OpCode, bytes, int]] = [
        (OpCode.RESOLVE, encode_resolve(ResolveRequest(_HANDLE)), Flag.PUBLIC_ONLY),
        (OpCode.RESOLVE, encode_resolve(ResolveRequest(_HANDLE, (1, 100), ("URL", "HS_."), b"")), 0),
        (OpCode.RESOLVE, encode_resolve(ResolveRequest(_PREFIX_HANDLE)), Flag.CERTIFY | Flag.RETURN_DIGEST),
        (OpCode.RESOLVE, encode_resolve(ResolveRequest("0")), Flag.PUBLIC_ONLY),
        (OpCode.GET_SITE_INFO, encode_handle("/"), 0),
        (OpCode.CREATE_HANDLE, encode_values_request(ValuesRequest(_HANDLE, values)), Flag.OVERWRITE | Flag.MINT),
        (OpCode.DELETE_HANDLE, encode_handle(_HANDLE), 0),
        (OpCode.ADD_VALUES, encode_values_request(ValuesRequest(_HANDLE, values[:1])), 0),
        (OpCode.REMOVE_VALUES, encode_remove(RemoveRequest(_HANDLE, (1, 2))), 0),
        (OpCode.MODIFY_VALUES, encode_values_request(ValuesRequest(_PREFIX_HANDLE, values[1:])), 0),
        (OpCode.LIST_HANDLES, encode_handle(_PREFIX_HANDLE), 0),
        (
            OpCode.CHALLENGE_ANSWER,
            encode_challenge_answer(ChallengeAnswer("HS_SECKEY", _PREFIX_HANDLE, 300, proof)),
            0,
        ),
        (OpCode.VERIFY_CHALLENGE, encode_verify(VerifyRequest(_PREFIX_HANDLE, 300, nonce, digest, proof)), 0),
        (OpCode.HOME_PREFIX, encode_handle(_PREFIX_HANDLE), 0),
        (OpCode.UNHOME_PREFIX, encode_handle(_PREFIX_HANDLE), 0),
        (OpCode.LIST_HOMED, encode_handle("/"), 0),
        (OpCode.SESSION_SETUP, encode_session_setup(SessionSetup(1, 60, "", -1, key)), 0),
        (OpCode.SESSION_SETUP, encode_session_setup(SessionSetup(2, 60, _PREFIX_HANDLE, 300)), 0),
        (OpCode.SESSION_SETUP, encode_session_setup(SessionSetup(3, 60, "", -1, b"", _PREFIX_HANDLE, 300)), 0),
        (OpCode.SESSION_SETUP, encode_session_setup(SessionSetup(4, 60, "", -1, key)), 0),
        (OpCode.SESSION_KEY_EXCHANGE, encode_key_exchange(bytes(256)), 0),
        (OpCode.SESSION_TERMINATE, encode_handle("/"), 0),
        (OpCode.GET_NEXT_TXN_ID, encode_handle("/"), 0),
        (OpCode.RETRIEVE_TXN_LOG, encode_transactions_request(TransactionsRequest(1, 2, Share(2, 1, 0))), 0),
        (OpCode.DUMP_HANDLES, encode_dump_request(Share(2, 1, 0)), 0),
        (OpCode.BACKUP, encode_handle("/"), 0),
        (OpCode.LOGIN, encode_login(LoginRequest(_PREFIX_HANDLE, 300)), Flag.RETURN_DIGEST),
    ]
    asked = [_request(op_code, body, int(flags)) for op_code, body, flags in requests]
    mac = encode_credential(Credential(MAC, "HMAC-SHA256", bytes(32), 1))
    signed = [asked[0]._replace(credential=mac), asked[5]._replace(credential=mac)]
    replies = [
        reply_to(asked[0], ResponseCode.SUCCESS, encode_found(_HANDLE, encode_values(values))),
        reply_to(asked[2], ResponseCode.SUCCESS, encode_found(_HANDLE, encode_values(values))),
        reply_to(asked[5], ResponseCode.AUTHENTICATION_NEEDED, encode_challenge(nonce)),
        reply_to(asked[0], ResponseCode.SERVICE_REFERRAL, encode_referral(Referral("0.SERV/88", values[:1]))),
        reply_to(asked[0], ResponseCode.HANDLE_NOT_FOUND, encode_error("标识不存在")),
        reply_to(asked[10], ResponseCode.SUCCESS, encode_names((_HANDLE, _HANDLE))),
        reply_to(asked[16], ResponseCode.SUCCESS, encode_session_setup_reply(SessionSetupReply(1, bytes(256)))),
    ]
    long = _request(OpCode.CREATE_HANDLE, encode_values_request(ValuesRequest(_HANDLE, values * 8)), 0)
    return [encode_message(one) for one in (*asked, *signed, *replies)] + datagrams(encode_message(long))


def _request(op_code: OpCode, body: bytes, flags: int) -> Message:
    return Message(Envelope(2, 11, 0, 2, 11, 0, 1000, 0, 0), Header(op_code, 0, flags, 0xFFFF, 0, 0), body)


# Damage -----------------------------------------------------------------------------------------------------------


def frames(seed: int, count: int) -> Iterator[bytes]:
    """``count`` damaged messages. Of most the lengths are made right again, so that what is behind them is read."""
    chance = Random(seed)
    sound = seeds()
    for _ in range(count):
        frame = bytearray(chance.choice(sound))
        for _ in range(chance.choice(_CHANGES)):
            chance.choice(_DAMAGE)(frame, chance, sound)
        if chance.random() < _MENDED:
            _mend_lengths(frame)
        yield bytes(frame)


def _mend_lengths(frame: bytearray) -> None:
    """Those of the message and of its body, as if no credential followed."""
    if len(frame) >= ENVELOPE_BYTES:
        frame[16:20] = (len(frame) - ENVELOPE_BYTES).to_bytes(4, "big")
    if len(frame) >= _BODY + 4:
        frame[_BODY - 4 : _BODY] = (len(frame) - _BODY - 4).to_bytes(4, "big")
        frame[-4:] = bytes(4)


def _place(frame: bytearray, chance: Random) -> int:
    return chance.randrange(len(frame) + 1)


def _flip(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    if frame:
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)


def _overwrite(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    if frame:
        frame[chance.randrange(len(frame))] = chance.randrange(256)


def _extreme(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    """A number as small or large as it gets, where a number may stand."""
    at = _place(frame, chance) & ~3
    frame[at : at + 4] = chance.choice(_EXTREMES)


def _text(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    at, text = _place(frame, chance), chance.choice(_TEXTS)
    frame[at : at + len(text)] = text


def _cut(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    del frame[_place(frame, chance) :]


def _leave_out(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    at = _place(frame, chance)
    del frame[at : at + chance.randrange(1, 9)]


def _insert(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    at = _place(frame, chance)
    frame[at:at] = chance.randbytes(chance.randrange(1, 9))


def _repeat(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    at = _place(frame, chance)
    frame[at:at] = frame[at : at + chance.randrange(1, 65)]


def _splice(frame: bytearray, chance: Random, sound: list[bytes]) -> None:
    other = chance.choice(sound)
    frame[_place(frame, chance) :] = other[chance.randrange(len(other)) :]


def _graft(frame: bytearray, chance: Random, sound: list[bytes]) -> None:
    """One message's envelope and header before another's body."""
    frame[:40] = chance.choice(sound)[:40]


def _operation(frame: bytearray, chance: Random, _: list[bytes]) -> None:
    frame[20:24] = chance.choice(list(OpCode)).to_bytes(4, "big")


_DAMAGE: tuple[Callable[[bytearray, Random, list[bytes]], None], ...] = (
    _flip, _overwrite, _extreme, _text, _cut, _leave_out, _insert, _repeat, _splice, _graft, _operation,
)  # fmt: skip


# Reading ----------------------------------------------------------------------------------------------------------

_REQUESTS: Mapping[int, Callable[[bytes], Any]] = {
    OpCode.RESOLVE: decode_resolve,
    OpCode.CREATE_HANDLE: decode_values_request,
    OpCode.ADD_VALUES: decode_values_request,
    OpCode.MODIFY_VALUES: decode_values_request,
    OpCode.REMOVE_VALUES: decode_remove,
    OpCode.CHALLENGE_ANSWER: decode_challenge_answer,
    OpCode.VERIFY_CHALLENGE: decode_verify,
    OpCode.SESSION_SETUP: decode_session_setup,
    OpCode.SESSION_KEY_EXCHANGE: decode_key_exchange,
    OpCode.RETRIEVE_TXN_LOG: decode_transactions_request,
    OpCode.DUMP_HANDLES: decode_dump_request,
    OpCode.LOGIN: decode_login,
}
_SUCCESSES: Mapping[int, Callable[[bytes], Any]] = {
    OpCode.RESOLVE: decode_found,
    OpCode.CREATE_HANDLE: decode_created,
    OpCode.LIST_HANDLES: decode_names,
    OpCode.LIST_HOMED: decode_names,
    OpCode.VERIFY_CHALLENGE: decode_verified,
    OpCode.SESSION_SETUP: decode_session_setup_reply,
    OpCode.GET_NEXT_TXN_ID: decode_next_transaction,
}
_OTHERS: Mapping[int, Callable[[bytes], Any]] = {
    ResponseCode.AUTHENTICATION_NEEDED: decode_challenge,
    ResponseCode.SERVICE_REFERRAL: decode_referral,
    ResponseCode.PREFIX_REFERRAL: decode_referral,
}
_DATA: Mapping[str, Callable[[bytes], Any]] = {
    "HS_ADMIN": decode_admin,
    "HS_VLIST": decode_vlist,
    "HS_SITE": decode_site,
    "HS_PUBKEY": decode_public_key,
}


def read(frame: bytes) -> bool:
    """Whether a frame is a message to the last field; whatever but WireFault and InvalidRecord is wrong with us."""
    try:
        envelope = decode_envelope(frame)
        payload = frame[ENVELOPE_BYTES:]
        if envelope.truncated:
            check_fragment(envelope, len(payload))
            return True
        message = decode_message(envelope, payload)
        if message.credential:
            credential = decode_credential(message.credential)
            signed_input(message, answered_version(envelope), credential.counter)
        _read_body(message)
    except (WireFault, InvalidRecord):
        return False
    return True


def _read_body(message: Message) -> None:
    header = message.header
    if not header.response_code:
        message.digest(digest_kind(answered_version(message.envelope)))
        told = _REQUESTS.get(header.op_code, decode_handle)(message.body)
    else:
        _, body = digest_and_body(message)
        if header.response_code == ResponseCode.SUCCESS:
            told = _SUCCESSES.get(header.op_code, decode_handle)(body)
        else:
            told = _OTHERS.get(header.response_code, decode_error)(body)
    if isinstance(told, ValuesRequest | Referral):
        for value in told.values:
            if (decode := _DATA.get(value.type)) is not None:
                decode(value.data)
