"""The envelope: the 20 bytes in front of every message, and the rule by which two programs agree on a version.

    0  1  major version        4  4  session (0: none)
    1  1  minor version        8  4  request, chosen by the client
    2  1  flags, and in the   12  4  sequence: which fragment of a datagram message
          low two bits the    16  4  length of the whole message, without its envelope
          suggested major
    3  1  suggested minor

Reference: RFC 3652 section 2.1, where the bytes of the suggested version are not yet put to use.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from node.errors import Malformed
from resolver.handle.codes import ResponseCode

ENVELOPE_BYTES = 20
HEADER_BYTES = 24
MAX_MESSAGE = 262_144
"""Bytes of a message without its envelope."""
DATAGRAM = 512
"""Bytes of a datagram at most, envelope included."""
FRAGMENT = DATAGRAM - ENVELOPE_BYTES
"""Bytes of a message in each fragment but the last."""

COMPRESSED = 0x80
ENCRYPTED = 0x40
TRUNCATED = 0x20
_FLAGS = 0xFC
_SUGGESTED_MAJOR = 0x03

_ENVELOPE = struct.Struct(">4B3iI")  # a negative length reads as one far too long


class WireFault(Malformed):
    """Bytes that are no message of the protocol; ``response_code`` is what its sender is told, where he can be.

    Evidence: ``offset`` in the part that is at fault, where one place is.
    """

    title_zh = "协议消息有误"

    def __init__(
        self, detail: str, response_code: ResponseCode = ResponseCode.PROTOCOL_ERROR, **evidence: int
    ) -> None:
        super().__init__(detail, **evidence)
        self.response_code = response_code


class Version(NamedTuple):
    major: int
    minor: int


HIGHEST = Version(2, 11)
OLDEST = Version(2, 0)
_SUGGESTING = (2, 3)
_MAJORS = (*_SUGGESTING, 5)  # 5: how programs before 2.1 call what became 2.0


class Envelope(NamedTuple):
    """``flags`` without the suggested major version; ``suggested_major`` 0: no suggestion was made."""

    major: int
    minor: int
    flags: int
    suggested_major: int
    suggested_minor: int
    session_id: int
    request_id: int
    sequence: int
    length: int

    @property
    def truncated(self) -> bool:
        """Whether this is a fragment of a message in several datagrams."""
        return bool(self.flags & TRUNCATED)

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & ENCRYPTED)


def decode_envelope(data: bytes, at: int = 0) -> Envelope:
    """The envelope at ``at``, one that a message can follow. Raises WireFault."""
    envelope = read_envelope(data, at)
    if not HEADER_BYTES <= envelope.length <= MAX_MESSAGE:
        detail = f"A message of {envelope.length} bytes is announced; {HEADER_BYTES} to {MAX_MESSAGE} are possible."
        raise WireFault(detail, length=envelope.length, limit=MAX_MESSAGE)
    if envelope.major not in _MAJORS:
        raise WireFault(f"Version {envelope.major}.{envelope.minor} of the protocol is unknown.")
    if envelope.flags & COMPRESSED:
        raise WireFault("The message is compressed, which no version of the protocol defines.")
    return envelope


def read_envelope(data: bytes, at: int = 0) -> Envelope:
    """The envelope at ``at`` whatever it says, to answer even one that is wrong.

    Raises WireFault only when there are fewer than 20 bytes.
    """
    try:
        major, minor, flags, suggested_minor, session, request, sequence, length = _ENVELOPE.unpack_from(data, at)
    except struct.error:
        raise WireFault(f"An envelope has {ENVELOPE_BYTES} bytes; there are {len(data) - at}.") from None
    suggested_major = flags & _SUGGESTED_MAJOR
    return Envelope(
        major, minor, flags & _FLAGS, suggested_major, suggested_minor, session, request, sequence, length
    )


def encode_envelope(envelope: Envelope) -> bytes:
    """The 20 bytes. Raises WireFault when a field is out of range."""
    major, minor, flags, suggested_major, suggested_minor, session_id, request_id, sequence, length = envelope
    try:
        return _ENVELOPE.pack(
            major, minor, flags | suggested_major, suggested_minor, session_id, request_id, sequence, length
        )
    except struct.error:
        raise WireFault("The envelope has a field out of range.") from None


def answered_version(envelope: Envelope) -> Version:
    """The version in which a request is answered: the one its sender suggests, as far as we know it.

    Who suggests nothing is answered in his own version; the answer suggests 2.11, the highest we speak.
    """
    if envelope.major not in _SUGGESTING:
        return OLDEST
    suggested = (
        Version(envelope.suggested_major, envelope.suggested_minor)
        if envelope.suggested_major
        else Version(envelope.major, envelope.minor)
    )
    return max(OLDEST, min(suggested, HIGHEST))
