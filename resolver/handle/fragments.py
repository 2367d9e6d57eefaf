"""Messages in several datagrams: each repeats the envelope, marked as truncated and numbered from 0.

Every fragment carries 492 bytes of the message, the last one the rest; ``length`` is that of the whole message.
Reference: RFC 3652 section 2.3.
"""

from __future__ import annotations

from resolver.handle.envelope import (
    ENVELOPE_BYTES,
    FRAGMENT,
    MAX_MESSAGE,
    TRUNCATED,
    Envelope,
    WireFault,
    encode_envelope,
    read_envelope,
)

MAX_FRAGMENTS = -(-MAX_MESSAGE // FRAGMENT)


def datagrams(message: bytes) -> list[bytes]:
    """A whole message as the datagrams that carry it, in their order: itself when it fits into one."""
    if len(message) <= ENVELOPE_BYTES + FRAGMENT:
        return [message]
    envelope = read_envelope(message)
    envelope = envelope._replace(flags=envelope.flags | TRUNCATED)
    starts = range(ENVELOPE_BYTES, len(message), FRAGMENT)
    return [
        encode_envelope(envelope._replace(sequence=number)) + message[start : start + FRAGMENT]
        for number, start in enumerate(starts)
    ]


def fragment_count(envelope: Envelope) -> int:
    """How many fragments the message of a truncated envelope has."""
    return -(-envelope.length // FRAGMENT)


def check_fragment(envelope: Envelope, size: int) -> None:
    """That a fragment has a place in its message, and ``size`` bytes as belong there. Raises WireFault."""
    last = fragment_count(envelope) - 1
    if not 0 <= envelope.sequence <= last:
        detail = f"There is no fragment {envelope.sequence} in a message of {envelope.length} bytes."
        raise WireFault(detail)
    due = FRAGMENT if envelope.sequence < last else envelope.length - FRAGMENT * last
    if size != due:
        raise WireFault(f"Fragment {envelope.sequence} has {size} bytes; {due} belong there.")
