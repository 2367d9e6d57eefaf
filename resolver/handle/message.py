"""A whole message: envelope, header, body and credential; and the reply to a request.

The header is 24 bytes: operation, response code and flags of 4 bytes each, serial number of the site information
(2), recursion count (1), a reserved byte, expiration in Unix seconds (4), length of the body (4). The credential
follows the body behind its own length. Reference: RFC 3652 section 2.2.
"""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum
from typing import NamedTuple

from resolver.handle.codes import Flag, ResponseCode
from resolver.handle.envelope import (
    HEADER_BYTES,
    HIGHEST,
    MAX_MESSAGE,
    Envelope,
    Version,
    WireFault,
    answered_version,
    encode_envelope,
)

UNKNOWN_SERIAL = 0xFFFF
"""The serial number of site information that a client does not have."""

_HEADER = struct.Struct(">iiIHBBiI")
_LENGTH = struct.Struct(">I")
_UNSIGNED = bytes(4)

_COPIED = int(
    Flag.AUTHORITATIVE
    | Flag.CERTIFY
    | Flag.ENCRYPT
    | Flag.CACHE_CERTIFY
    | Flag.PUBLIC_ONLY
    | Flag.RETURN_DIGEST
    | Flag.NO_REFERRAL
)
_RETURN_DIGEST = int(Flag.RETURN_DIGEST)
_ROLES_SPLIT = Version(2, 5)


class DigestKind(IntEnum):
    """How a reply repeats the digest of its request; ``BARE_MD5`` is the form of 2.0, without a code of its own."""

    BARE_MD5 = 0
    MD5 = 1
    SHA1 = 2
    SHA256 = 3


_DIGESTS = {
    DigestKind.BARE_MD5: ("md5", 16),
    DigestKind.MD5: ("md5", 16),
    DigestKind.SHA1: ("sha1", 20),
    DigestKind.SHA256: ("sha256", 32),
}


class Digest(NamedTuple):
    kind: DigestKind
    value: bytes


class Header(NamedTuple):
    """Codes and flags stay plain numbers: a message may carry some that nobody defined."""

    op_code: int
    response_code: int
    flags: int
    site_serial: int
    recursion: int
    expiration: int
    reserved: int = 0


class Message(NamedTuple):
    """``credential`` is what stands in the credential's block: empty when the message is unsigned."""

    envelope: Envelope
    header: Header
    body: bytes
    credential: bytes = b""

    @property
    def signed_part(self) -> bytes:
        """Header and body: what digests and, behind a prefix of the envelope, signatures cover."""
        return _encode_header(self.header, len(self.body)) + self.body

    def digest(self, kind: DigestKind) -> Digest:
        """The digest of a request, as its reply repeats it. Never a matter of security but in the proof of a key,
        where SHA-256 is used."""
        name, _ = _DIGESTS[kind]
        return Digest(kind, hashlib.new(name, self.signed_part, usedforsecurity=False).digest())


def decode_message(envelope: Envelope, payload: bytes) -> Message:
    """The message of an envelope; ``payload`` is all that follows it, decrypted if it was encrypted.

    Raises WireFault.
    """
    size = len(payload)
    if size < HEADER_BYTES:
        raise WireFault(f"A message has at least {HEADER_BYTES} bytes; there are {size}.", length=size)
    if size > MAX_MESSAGE:
        raise WireFault(f"A message of {size} bytes is too long.", length=size, limit=MAX_MESSAGE)
    op_code, response_code, flags, serial, recursion, reserved, expiration, length = _HEADER.unpack_from(payload)
    if op_code == 0:
        raise WireFault("The message names no operation.", offset=0)
    end = HEADER_BYTES + length
    if end > size:
        raise WireFault(f"A body of {length} bytes is announced; there are {size - HEADER_BYTES}.", offset=20)
    credential = b""
    if end < size:  # absent in the Teleinfo program's login
        start = end + 4
        if start > size or _LENGTH.unpack_from(payload, end)[0] != size - start:
            raise WireFault("The credential does not end where the message ends.", offset=end)
        credential = payload[start:]
    header = Header(op_code, response_code, flags, serial, recursion, expiration, reserved)
    return Message(envelope, header, payload[HEADER_BYTES:end], credential)


def encode_message(message: Message, *, credential_absent: bool = False) -> bytes:
    """Envelope and message, the lengths filled in; ``credential_absent`` leaves out even the credential's length.

    Raises WireFault when the message would be longer than the protocol allows, or a field is out of range.
    """
    payload = encode_payload(message, credential_absent=credential_absent)
    envelope = message.envelope._replace(length=len(payload))
    return encode_envelope(envelope) + payload


def encode_payload(message: Message, *, credential_absent: bool = False) -> bytes:
    """The message without its envelope: what is encrypted in a session. Raises WireFault."""
    _, header, body, credential = message
    if credential:
        parts = (_encode_header(header, len(body)), body, _LENGTH.pack(len(credential)), credential)
    else:
        parts = (_encode_header(header, len(body)), body, b"" if credential_absent else _UNSIGNED, b"")
    payload = b"".join(parts)
    if len(payload) > MAX_MESSAGE:
        detail = f"A message of {len(payload)} bytes is too long; {MAX_MESSAGE} are allowed."
        raise WireFault(detail, ResponseCode.ERROR, length=len(payload), limit=MAX_MESSAGE)
    return payload


def _encode_header(header: Header, length: int) -> bytes:
    op_code, response_code, flags, serial, recursion, expiration, reserved = header
    try:
        return _HEADER.pack(op_code, response_code, flags, serial, recursion, reserved, expiration, length)
    except struct.error:
        raise WireFault("The header has a field out of range.") from None


def reply_to(
    request: Message,
    response_code: ResponseCode,
    body: bytes = b"",
    *,
    flags: int = 0,
    site_serial: int = UNKNOWN_SERIAL,
    expiration: int = 0,
    session_id: int | None = None,
    request_id: int | None = None,
    op_code: int | None = None,
) -> Message:
    """The reply to a request: its operation, request and session, in the version it suggests.

    ``flags`` come on top of those that a reply repeats. The digest of the request is put before ``body`` when it was
    asked for, or when the reply is a challenge. To the answer of a challenge the reply is made of the request that
    was challenged, with the answer's ``request_id``.
    """
    asked, header, _, _ = request
    version = answered_version(asked)
    repeated = header.flags & _COPIED | flags
    if response_code is ResponseCode.AUTHENTICATION_NEEDED:
        repeated |= _RETURN_DIGEST
    if repeated & _RETURN_DIGEST:
        body = encode_digest(request.digest(digest_kind(version))) + body
    return Message(
        Envelope(
            version.major,
            version.minor,
            0,
            HIGHEST.major,
            HIGHEST.minor,
            asked.session_id if session_id is None else session_id,
            asked.request_id if request_id is None else request_id,
            0,
            0,
        ),
        Header(
            header.op_code if op_code is None else op_code,
            code_in(version, response_code),
            repeated,
            site_serial,
            header.recursion,
            expiration,
        ),
        body,
    )


def unreadable(envelope: Envelope, payload: bytes) -> Message:
    """What a reply to undecodable bytes can be made of: the operation where it can be read, and nothing else."""
    readable = len(payload) >= HEADER_BYTES and not envelope.encrypted
    op_code = _HEADER.unpack_from(payload)[0] if readable else 0
    return Message(envelope, Header(op_code, 0, 0, UNKNOWN_SERIAL, 0, 0), b"")


def code_in(version: Version, code: ResponseCode) -> int:
    """A response code as a version writes it: before 2.5 two of them shared a number with another."""
    if version < _ROLES_SPLIT:
        if code is ResponseCode.SERVER_BACKUP:
            return ResponseCode.PREFIX_REFERRAL
        if code is ResponseCode.INVALID_VALUE:
            return ResponseCode.VALUE_EXISTS
    return code


def digest_kind(version: Version) -> DigestKind:
    """The digest of requests in a version."""
    if version >= (2, 7):
        return DigestKind.SHA256
    return DigestKind.SHA1 if version >= (2, 1) else DigestKind.BARE_MD5


def encode_digest(digest: Digest) -> bytes:
    """A byte with the kind and the digest; in the old form the digest as a block, whose first byte is always 0."""
    if digest.kind is DigestKind.BARE_MD5:
        return _LENGTH.pack(len(digest.value)) + digest.value
    return bytes((digest.kind,)) + digest.value


def decode_digest(body: bytes, at: int = 0) -> tuple[Digest, int]:
    """The digest that begins at ``at`` and the offset behind it. Raises WireFault."""
    try:
        kind = DigestKind(body[at])
    except (IndexError, ValueError):
        raise WireFault("The digest of the request is of an unknown kind.", offset=at) from None
    _, size = _DIGESTS[kind]
    start = at + 1
    if kind is DigestKind.BARE_MD5:
        start = at + 4
        if body[at:start] != _LENGTH.pack(size):
            raise WireFault(f"A digest of 2.0 has {size} bytes.", offset=at)
    value = body[start : start + size]
    if len(value) != size:
        raise WireFault("The digest of the request breaks off.", offset=start)
    return Digest(kind, value), start + size


def digest_and_body(reply: Message) -> tuple[Digest | None, bytes]:
    """The digest of the request that a reply repeats, if it does, and what follows it. Raises WireFault."""
    if not reply.header.flags & _RETURN_DIGEST or not reply.header.response_code:  # a request only asks for one
        return None, reply.body
    digest, end = decode_digest(reply.body)
    return digest, reply.body[end:]
