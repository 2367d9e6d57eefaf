"""The credential of a message: the server's signature, or the MAC of a session.

A version byte, a reserved byte and two bytes of options, all zero; the signer's handle and a number; what kind of
credential it is; behind the length of the rest, the name of the digest and the signature. Handle.Net leaves the
handle empty and uses the number, which RFC 3652 section 2.2.4 has for the signer's index, to count the messages of a
session. What a signature covers depends on the version: see ``signed_input``.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from resolver.handle.codes import ResponseCode
from resolver.handle.envelope import Version, WireFault
from resolver.handle.fields import (
    as_block,
    as_name,
    as_number,
    finish,
    read_block,
    read_handle,
    read_name,
    read_number,
)
from resolver.handle.message import Message

SIGNED = "HS_SIGNED"
"""Signed with the key in the server's site information."""
MAC = "HS_MAC"
"""Authenticated with the key of a session."""

_FRONT = bytes(4)
_SUGGESTION_SIGNED = struct.Struct(">4Biii")
_ENVELOPE_SIGNED = struct.Struct(">2Biii")


class Credential(NamedTuple):
    """``counter`` counts the messages of a session, else 0."""

    kind: str
    digest_name: str
    signature: bytes
    counter: int = 0
    signer_handle: str = ""


def encode_credential(credential: Credential) -> bytes:
    """What ``Message.credential`` holds."""
    section = as_name(credential.digest_name) + as_block(credential.signature)
    return b"".join(
        (
            _FRONT,
            as_name(credential.signer_handle),
            as_number(credential.counter),
            as_name(credential.kind),
            as_block(section),
        )
    )


def decode_credential(data: bytes) -> Credential:
    """The credential of a signed message; ``data`` is not empty. Raises WireFault (404, "invalid credential")."""
    try:
        signer_handle, at = read_handle(data, len(_FRONT))
        counter, at = read_number(data, at)
        kind, at = read_name(data, at)
        section, at = read_block(data, at)
        finish(data, at)
        digest_name, at = read_name(section, 0)
        signature, at = read_block(section, at)
        finish(section, at)
    except WireFault as fault:
        raise WireFault(f"The credential is broken: {fault.detail}", ResponseCode.INVALID_CREDENTIAL) from fault
    return Credential(kind, digest_name, signature, counter, signer_handle)


def signed_input(message: Message, version: Version, counter: int = 0) -> bytes:
    """The bytes that a signature or MAC covers: since 2.8 the versions of the envelope, its session and request, the
    counter, and the message; 2.6 and 2.7 leave out the suggested version; before, only the message.
    """
    envelope, part = message.envelope, message.signed_part
    if version >= (2, 8):
        versions = (envelope.major, envelope.minor, envelope.suggested_major, envelope.suggested_minor)
        return _SUGGESTION_SIGNED.pack(*versions, envelope.session_id, envelope.request_id, counter) + part
    if version >= (2, 6):
        numbers = (envelope.major, envelope.minor, envelope.session_id, envelope.request_id, counter)
        return _ENVELOPE_SIGNED.pack(*numbers) + part
    return part
