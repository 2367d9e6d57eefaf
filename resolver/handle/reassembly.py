"""Requests in several datagrams, put together: bounded in number, in bytes and in time.

Fragments belong together by their sender and request; they come in any order and more than once. Where too many
messages wait for the rest of theirs, the one that waits longest is given up: a flood of beginnings that nobody
means to complete then costs a real request no more than another attempt. Reference: RFC 3652 section 2.3.
"""

from __future__ import annotations

from typing import NamedTuple

from resolver import metrics
from resolver.handle.envelope import ENVELOPE_BYTES, TRUNCATED, Envelope
from resolver.handle.fragments import check_fragment, fragment_count

_BYTES = 16 << 20
_FRAGMENT_COST = 128
"""Bytes that a fragment occupies beside its own."""

Peer = tuple[object, ...]
"""The address of a datagram's sender as the socket gives it."""


class Whole(NamedTuple):
    """A complete message: ``received`` counts the bytes of its datagrams."""

    envelope: Envelope
    payload: bytes
    received: int


class _Waiting:
    __slots__ = ("began_at", "cost", "envelope", "parts", "received")

    def __init__(self, envelope: Envelope, began_at: float) -> None:
        self.envelope = envelope
        self.began_at = began_at
        self.parts: dict[int, bytes] = {}
        self.cost = 0
        self.received = 0


class Reassembly:
    """At most ``messages`` at once, each for ``seconds``, all together in at most ``bound`` bytes."""

    def __init__(self, *, messages: int, seconds: float, bound: int = _BYTES) -> None:
        self._messages = messages
        self._seconds = seconds
        self._bound = bound
        self._waiting: dict[tuple[Peer, int], _Waiting] = {}  # in the order in which they began
        self._cost = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def cost(self) -> int:
        """Bytes that are kept."""
        return self._cost

    def add(self, peer: Peer, envelope: Envelope, part: bytes, now: float) -> Whole | None:
        """Take one fragment; the message, when this was the last that it lacked. Raises WireFault."""
        check_fragment(envelope, len(part))
        self.forget_late(now)
        key = peer, envelope.request_id
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.envelope._replace(sequence=0) != envelope._replace(sequence=0):
            self._give_up(key)  # the client has begun another message under the same number
            waiting = None
        if waiting is None:
            waiting = self._waiting[key] = _Waiting(envelope, now)
        waiting.received += ENVELOPE_BYTES + len(part)
        if envelope.sequence not in waiting.parts:
            waiting.parts[envelope.sequence] = part
            waiting.cost += len(part) + _FRAGMENT_COST
            self._cost += len(part) + _FRAGMENT_COST
        if len(waiting.parts) == fragment_count(envelope):
            self._drop(key)
            whole = envelope._replace(flags=envelope.flags & ~TRUNCATED, sequence=0)
            return Whole(whole, b"".join(waiting.parts[number] for number in sorted(waiting.parts)), waiting.received)
        while len(self._waiting) > self._messages or self._cost > self._bound:
            self._give_up(next(iter(self._waiting)))
        return None

    def forget_late(self, now: float) -> None:
        """Give up what has waited too long."""
        while self._waiting:
            key = next(iter(self._waiting))
            if now - self._waiting[key].began_at < self._seconds:
                return
            self._give_up(key)

    def _give_up(self, key: tuple[Peer, int]) -> None:
        metrics.HANDLE_REASSEMBLIES_DROPPED.inc()
        self._drop(key)

    def _drop(self, key: tuple[Peer, int]) -> None:
        self._cost -= self._waiting.pop(key).cost
