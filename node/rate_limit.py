"""How often somebody may do something: an allowance for each source's network, in bounded memory.

A network (/24 of IPv4, /56 of IPv6) has an allowance that fills up at a steady rate. One that asked for nothing until
its allowance was whole again need not be remembered, so the networks of two such spans are all there is to keep.
Where even those are more than the bound, the others have one allowance together. Each worker counts for itself.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from dataclasses import dataclass

from node.errors import TooMany

_OTHERS = b""


class TooManyRequests(TooMany):
    """A source asked more often than the operation allows."""

    title_zh = "请求过于频繁"


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float
    held_back: int = 0


class Allowances:
    """``per_second`` for each network, of which ``saved`` can be saved up; ``networks`` are remembered, twice."""

    def __init__(self, *, per_second: float, saved: float, networks: int) -> None:
        self._per_second = per_second
        self._saved = saved
        self._seconds = saved / per_second  # in which an allowance is whole again
        self._networks = networks
        self._young: dict[bytes, _Allowance] = {}
        self._old: dict[bytes, _Allowance] = {}
        self._turned_at = 0.0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, network: bytes, now: float) -> int:
        """0 when there was one to take; otherwise how many the network was denied so far. ``now`` in seconds."""
        allowance = self._allowance(network, now)
        allowance.left = min(self._saved, allowance.left + (now - allowance.at) * self._per_second)
        allowance.at = now
        if allowance.left >= 1:
            allowance.left -= 1
            return 0
        allowance.held_back += 1
        return allowance.held_back

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


class RateLimit:
    """``per_minute`` in the long run, ``burst`` at once, for each of ``most_sources`` networks; clock in seconds."""

    def __init__(self, *, per_minute: float, burst: int, most_sources: int, clock: Callable[[], float]) -> None:
        self._allowances = Allowances(per_second=per_minute / 60, saved=burst, networks=most_sources)
        self._retry_after = math.ceil(60 / per_minute)
        self._clock = clock

    def allow(self, source: str) -> bool:
        """Whether the address may do it once more now."""
        return self._allowances.take(network_of(source), self._clock()) == 0

    def require(self, source: str) -> None:
        """``allow`` or ``TooManyRequests``."""
        if not self.allow(source):
            raise TooManyRequests(
                "too many requests came from this network; try again later", retry_after=self._retry_after
            )


def network_of(source: str) -> bytes:
    """What counts as one network: /24 of IPv4, also where it is written as IPv6, /56 of IPv6."""
    if "." in source:
        return source.rpartition(":")[2].rpartition(".")[0].encode()
    try:
        return socket.inet_pton(socket.AF_INET6, source.partition("%")[0])[:7]
    except OSError:
        return source.encode()
