"""What is answered to datagrams whose sender nobody knows, so that the node cannot be used to flood a third.

An answer that is longer than ``ratio`` times its request costs its source's network (/24 of IPv4, /56 of IPv6) one
of ``answers`` a second; they can be saved up for a second. Above that it is held back: each ``slip``-th time a small
reply leaves in its place, so that a client whose network is under attack learns to ask by TCP, otherwise nothing.
Answers up to the ratio, and listed networks, are not limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from node.client_address import KnownNetworks, Network
from node.rate_limit import Allowances, network_of
from resolver import metrics

_NETWORKS = 65_536
_SAVED_SECONDS = 1.0


class Leave(Enum):
    """What may leave in answer to a request."""

    ANSWER = 1
    HINT = 2
    NOTHING = 3


class RateLimit:
    """``answers`` a second for each network; ``networks`` are remembered at most, twice."""

    def __init__(
        self, *, ratio: float, answers: float, slip: int, allow_list: Sequence[Network], networks: int = _NETWORKS
    ) -> None:
        self.ratio = ratio
        saved = max(1.0, answers * _SAVED_SECONDS)
        self._allowances = Allowances(per_second=answers, saved=saved, networks=networks)
        self._slip = slip
        self._listed = KnownNetworks(allow_list)

    def judge(self, source: str, request_bytes: int, answer_bytes: int, now: float) -> Leave:
        """What may leave: the bytes are those of all datagrams of a message, ``now`` in seconds."""
        if answer_bytes <= request_bytes * self.ratio or source in self._listed:
            return Leave.ANSWER
        held_back = self._allowances.take(network_of(source), now)
        if not held_back:
            return Leave.ANSWER
        metrics.HANDLE_LIMITED.inc()
        slips = self._slip and held_back % self._slip == 0
        return Leave.HINT if slips else Leave.NOTHING
