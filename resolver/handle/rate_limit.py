"""What is answered to datagrams whose sender nobody knows, so that the node cannot be used to flood a third.

An answer that is longer than ``ratio`` times its request costs its source's network (/24 of IPv4, /56 of IPv6) one
of ``answers`` a second; they can be saved up for a second. Above that it is held back: each ``slip``-th time a small
reply leaves in its place, so that a client whose network is under attack learns to ask by TCP, otherwise nothing.
Answers up to the ratio, and listed networks, are not limited.

A network that asked for nothing during a second has all its answers again, so only those of the last two seconds
need to be remembered. Where even those are more than the bound, the others have one allowance together.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from node.client_address import KnownNetworks, Network
from resolver import metrics

_NETWORKS = 65_536
_SAVED_SECONDS = 1.0
_OTHERS = b""


class Leave(Enum):
    """What may leave in answer to a request."""

    ANSWER = 1
    HINT = 2
    NOTHING = 3


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float
    held_back: int = 0


class RateLimit:
    """``answers`` a second for each network; ``networks`` are remembered at most, twice."""

    def __init__(
        self, *, ratio: float, answers: float, slip: int, allow_list: Sequence[Network], networks: int = _NETWORKS
    ) -> None:
        self.ratio = ratio
        self._answers = answers
        self._saved = max(1.0, answers * _SAVED_SECONDS)
        self._seconds = self._saved / answers  # in which an allowance is whole again
        self._slip = slip
        self._listed = KnownNetworks(allow_list)
        self._networks = networks
        self._young: dict[bytes, _Allowance] = {}
        self._old: dict[bytes, _Allowance] = {}
        self._turned_at = 0.0

    def judge(self, source: str, request_bytes: int, answer_bytes: int, now: float) -> Leave:
        """What may leave: the bytes are those of all datagrams of a message, ``now`` in seconds."""
        if answer_bytes <= request_bytes * self.ratio or source in self._listed:
            return Leave.ANSWER
        allowance = self._allowance(network_of(source), now)
        allowance.left = min(self._saved, allowance.left + (now - allowance.at) * self._answers)
        allowance.at = now
        if allowance.left >= 1:
            allowance.left -= 1
            return Leave.ANSWER
        metrics.HANDLE_LIMITED.inc()
        allowance.held_back += 1
        slips = self._slip and allowance.held_back % self._slip == 0
        return Leave.HINT if slips else Leave.NOTHING

    def _allowance(self, network: bytes, now: float) -> _Allowance:
        if now - self._turned_at >= self._seconds:
            self._old = self._young if now - self._turned_at < 2 * self._seconds else {}
            self._young = {}
            self._turned_at = now
        known = self._young.get(network)
        if known is not None:
            return known
        known = self._old.pop(network, None) or _Allowance(self._saved, now)
        if len(self._young) >= self._networks and network != _OTHERS:
            return self._allowance(_OTHERS, now)
        self._young[network] = known
        return known


def network_of(source: str) -> bytes:
    """What counts as one network: /24 of IPv4, also where it is written as IPv6, /56 of IPv6."""
    if "." in source:
        return source.rpartition(":")[2].rpartition(".")[0].encode()
    try:
        return socket.inet_pton(socket.AF_INET6, source.partition("%")[0])[:7]
    except OSError:
        return source.encode()
