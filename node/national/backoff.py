"""How long to leave something alone after it failed: doubling, capped, with jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Random = Callable[[], float]
"""Evenly distributed in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds of the first pause and of the longest one."""

    first: float = 0.25
    longest: float = 60.0


DEFAULT_PATIENCE = Patience()


class Backoff:
    """The failures of one thing in a row. ``now`` is a monotonic clock: wall clocks jump."""

    __slots__ = ("_patience", "_random", "_until", "failures")

    def __init__(self, patience: Patience, random: Random) -> None:
        self._patience = patience
        self._random = random
        self._until = 0.0
        self.failures = 0

    def failed(self, now: float) -> float:
        """Count a failure and return the seconds to wait. A failure during a pause does not lengthen it."""
        if now < self._until:
            return self._until - now
        whole = min(self._patience.first * 2.0 ** min(self.failures, 60), self._patience.longest)
        self.failures += 1
        # Half of the pause is chance, so that nodes that lost the same far side do not return together.
        self._until = now + whole * (0.5 + 0.5 * self._random())
        return self._until - now

    def succeeded(self) -> None:
        self.failures = 0
        self._until = 0.0

    def wait(self, now: float) -> float:
        """Seconds left of the pause, 0 when it may be tried."""
        return max(0.0, self._until - now)
