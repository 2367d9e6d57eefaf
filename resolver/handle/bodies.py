"""The bodies of requests and replies, each as a tuple with its names, both ways.

Whatever breaks off, is longer than it says or counts more than can follow raises WireFault before anything is built;
a handle that is too long or no UTF-8 raises it with the code "invalid handle". Nothing may follow a body, but where
said.
Reference: RFC 3652 section 3; what the Teleinfo programs add is named where it is read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from node.record import MAX_VALUES, InvalidRecord, Record, decode_values, encode_values
from resolver.handle.codes import ResponseCode
from resolver.handle.envelope import WireFault
from resolver.handle.fields import (
    as_block,
    as_name,
    as_number,
    as_numbers,
    finish,
    packed,
    read_block,
    read_handle,
    read_name,
    read_names,
    read_number,
    read_numbers,
)
from resolver.handle.message import Digest, DigestKind, decode_digest

_SETUP = struct.Struct(">Hi")
_NOTHING_LISTED = bytes(8)
_PADDING = bytes(2)


class ResolveRequest(NamedTuple):
    """``authority`` is the string that Teleinfo's programs append, empty or not; ``None``: there is none."""

    handle: str
    indexes: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    authority: bytes | None = None


class ValuesRequest(NamedTuple):
    """To create a handle, to add values, to modify values."""

    handle: str
    values: Record


class RemoveRequest(NamedTuple):
    handle: str
    indexes: tuple[int, ...]


class ChallengeAnswer(NamedTuple):
    """``answer`` by ``auth_type``: of a public key a name and a signature, of a secret key an algorithm and a MAC."""

    auth_type: str
    user_handle: str
    user_index: int
    answer: bytes


class VerifyRequest(NamedTuple):
    """Is ``answer`` that of the secret key in the value ``key_index`` of ``handle``?"""

    handle: str
    key_index: int
    nonce: bytes
    digest: Digest
    answer: bytes


class LoginRequest(NamedTuple):
    """Teleinfo's operation 2001."""

    user_handle: str
    user_index: int


class SessionSetup(NamedTuple):
    """``mode`` 1: by the client's RSA key, 2: by the server's, 3: by a key in a handle, 4: Diffie-Hellman.

    ``public_key`` (modes 1 and 4) is the data of an HS_PUBKEY value; mode 3 names it by ``key_handle`` and
    ``key_index``. ``timeout`` in seconds.
    """

    mode: int
    timeout: int
    identity_handle: str
    identity_index: int
    public_key: bytes = b""
    key_handle: str = ""
    key_index: int = 0


class SessionSetupReply(NamedTuple):
    mode: int
    data: bytes


class Referral(NamedTuple):
    """Ask the servers in the HS_SITE and HS_SERV values of ``handle``, some of which may be ``values``."""

    handle: str
    values: Record = ()


# Requests ---------------------------------------------------------------------------------------------------------


def decode_resolve(body: bytes) -> ResolveRequest:
    """Bytes behind the appended string are ignored: programs append more from version to version."""
    handle, at = read_handle(body, 0)
    if body[at : at + 8] == _NOTHING_LISTED:
        indexes: tuple[int, ...] = ()
        types: tuple[str, ...] = ()
        at += 8
    else:
        indexes, at = read_numbers(body, at)
        types, at = read_names(body, at, most=MAX_VALUES)
    if at == len(body):
        return ResolveRequest(handle, indexes, types)
    try:
        authority, _ = read_block(body, at)
    except WireFault:
        return ResolveRequest(handle, indexes, types)
    return ResolveRequest(handle, indexes, types, authority)


def encode_resolve(request: ResolveRequest) -> bytes:
    appended = b"" if request.authority is None else as_block(request.authority)
    return b"".join((as_name(request.handle), as_numbers(request.indexes), encode_names(request.types), appended))


def decode_handle(body: bytes) -> str:
    """The body that is one handle: get site info (there ``/``), delete, list, home and unhome a prefix, …"""
    handle, at = read_handle(body, 0)
    finish(body, at)
    return handle


def encode_handle(handle: str) -> bytes:
    return as_name(handle)


def decode_values_request(body: bytes) -> ValuesRequest:
    handle, at = read_handle(body, 0)
    return ValuesRequest(handle, _read_values(body, at))


def encode_values_request(request: ValuesRequest) -> bytes:
    return encode_found(request.handle, encode_values(request.values))


def decode_remove(body: bytes) -> RemoveRequest:
    handle, at = read_handle(body, 0)
    indexes, at = read_numbers(body, at)
    finish(body, at)
    return RemoveRequest(handle, indexes)


def encode_remove(request: RemoveRequest) -> bytes:
    return as_name(request.handle) + as_numbers(request.indexes)


def decode_challenge_answer(body: bytes) -> ChallengeAnswer:
    auth_type, at = read_name(body, 0)
    user_handle, at = read_handle(body, at)
    user_index, at = read_number(body, at)
    answer, at = read_block(body, at)
    finish(body, at)
    return ChallengeAnswer(auth_type, user_handle, user_index, answer)


def encode_challenge_answer(answer: ChallengeAnswer) -> bytes:
    user = as_name(answer.user_handle) + as_number(answer.user_index)
    return as_name(answer.auth_type) + user + as_block(answer.answer)


def decode_verify(body: bytes) -> VerifyRequest:
    handle, at = read_handle(body, 0)
    key_index, at = read_number(body, at)
    nonce, at = read_block(body, at)
    if body[at : at + 1] == b"\0":  # the digest as a block, which says nothing of its kind but its length
        value, at = read_block(body, at)
        digest = Digest(_KIND_BY_LENGTH.get(len(value), DigestKind.BARE_MD5), value)
    else:
        digest, at = decode_digest(body, at)
    answer, at = read_block(body, at)
    finish(body, at)
    return VerifyRequest(handle, key_index, nonce, digest, answer)


_KIND_BY_LENGTH = {20: DigestKind.SHA1, 32: DigestKind.SHA256}


def encode_verify(request: VerifyRequest) -> bytes:
    """With the digest as a block, the only form that is ever sent."""
    tail = (as_block(request.nonce), as_block(request.digest.value), as_block(request.answer))
    return b"".join((as_name(request.handle), as_number(request.key_index), *tail))


def decode_login(body: bytes) -> LoginRequest:
    user_handle, at = read_handle(body, 0)
    user_index, at = read_number(body, at)
    finish(body, at)
    return LoginRequest(user_handle, user_index)


def encode_login(request: LoginRequest) -> bytes:
    return as_name(request.user_handle) + as_number(request.user_index)


def decode_session_setup(body: bytes) -> SessionSetup:
    """Two bytes may follow: Handle.Net counts four for the mode, and Teleinfo's programs with it."""
    try:
        mode, timeout = _SETUP.unpack_from(body)
    except struct.error:
        raise WireFault("The session set-up breaks off.", offset=0) from None
    identity_handle, at = read_handle(body, _SETUP.size)
    identity_index, at = read_number(body, at)
    public_key, key_handle, key_index = b"", "", 0
    if mode in (1, 4):
        public_key, at = read_block(body, at)
    elif mode == 3:
        key_handle, at = read_handle(body, at)
        key_index, at = read_number(body, at)
    elif mode != 2:
        raise WireFault(f"There is no session set-up of mode {mode}.", ResponseCode.INVALID_SESSION_SETUP, offset=0)
    _finish_padded(body, at)
    return SessionSetup(mode, timeout, identity_handle, identity_index, public_key, key_handle, key_index)


def encode_session_setup(setup: SessionSetup) -> bytes:
    if setup.mode in (1, 4):
        key = as_block(setup.public_key)
    elif setup.mode == 3:
        key = as_name(setup.key_handle) + as_number(setup.key_index)
    else:
        key = b""
    identity = as_name(setup.identity_handle) + as_number(setup.identity_index)
    return packed(_SETUP, setup.mode, setup.timeout) + identity + key + _PADDING


def decode_key_exchange(body: bytes) -> bytes:
    """The encrypted session key."""
    key, at = read_block(body, 0)
    finish(body, at)
    return key


def encode_key_exchange(key: bytes) -> bytes:
    return as_block(key)


# Replies; a digest that may precede them has been taken off -------------------------------------------------------


def encode_found(handle: str, record: bytes) -> bytes:
    """A resolved handle as it was asked for; ``record`` are its values in their encoding, number first."""
    return as_name(handle) + record


def decode_found(body: bytes) -> ValuesRequest:
    return decode_values_request(body)


def encode_error(message: str) -> bytes:
    return as_name(message)


def decode_error(body: bytes) -> str:
    """The text of an error; some programs leave even its length out."""
    if not body:
        return ""
    message, at = read_block(body, 0)
    finish(body, at)
    return message.decode(errors="replace")


def encode_challenge(nonce: bytes) -> bytes:
    return as_block(nonce)


def decode_challenge(body: bytes) -> bytes:
    nonce, at = read_block(body, 0)
    finish(body, at)
    return nonce


def encode_referral(referral: Referral) -> bytes:
    return as_name(referral.handle) + (encode_values(referral.values) if referral.values else b"")


def decode_referral(body: bytes) -> Referral:
    handle, at = read_handle(body, 0)
    return Referral(handle, _read_values(body, at) if at < len(body) else ())


def encode_names(names: Sequence[str]) -> bytes:
    """Handles as they are listed; also the types of a resolve request."""
    return as_number(len(names)) + b"".join([as_name(name) for name in names])


def decode_names(body: bytes) -> tuple[str, ...]:
    names, at = read_names(body, 0, most=len(body))
    finish(body, at)
    return names


def encode_created(handle: str) -> bytes:
    return as_name(handle)


def decode_created(body: bytes) -> str | None:
    """The handle that was created; ``None`` from servers that do not say."""
    return decode_handle(body) if body else None


def encode_verified(valid: bool) -> bytes:
    return bytes((valid,))


def decode_verified(body: bytes) -> bool:
    if len(body) != 1:
        raise WireFault("The answer to a verification is one byte.", offset=0)
    return bool(body[0] & 1)


def encode_session_setup_reply(reply: SessionSetupReply) -> bytes:
    return reply.mode.to_bytes(2, "big") + as_block(reply.data) + _PADDING


def decode_session_setup_reply(body: bytes) -> SessionSetupReply:
    data, at = read_block(body, 2)
    _finish_padded(body, at)
    return SessionSetupReply(int.from_bytes(body[:2], "big"), data)


def _read_values(body: bytes, at: int) -> Record:
    try:
        return decode_values(body[at:])
    except InvalidRecord as fault:
        raise WireFault(fault.detail, offset=at + int(fault.evidence.get("offset", 0))) from fault


def _finish_padded(body: bytes, at: int) -> None:
    if body[at:] not in (b"", _PADDING):
        raise WireFault("Bytes are left behind the body.", offset=at)
