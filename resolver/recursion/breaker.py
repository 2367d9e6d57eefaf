"""Servers that are silent are left alone for a while: asking them costs every client the whole patience.

After three failures in a row a server rests; when its rest is over, one question goes there as a probe, and each
failure of a probe doubles the rest. An answer ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from resolver.recursion.delegation import Target

OPEN_AFTER = 3
"""Failures in a row after which a server rests."""
FIRST_REST = 5.0
LONGEST_REST = 60.0
_REMEMBERED = 10_000  # servers with failures; of more, the first are forgotten


class Random(Protocol):
    def random(self) -> float: ...


@dataclass(slots=True)
class _Mood:
    failures: int = 0
    until: float = 0.0


class Breakers:
    """One for each server that failed lately; ``monotonic`` in seconds, ``random`` spreads the rests of workers."""

    def __init__(self, monotonic: Callable[[], float], random: Random) -> None:
        self._monotonic = monotonic
        self._random = random
        self._moods: dict[Target, _Mood] = {}

    def __len__(self) -> int:
        return len(self._moods)

    def allows(self, target: Target) -> bool:
        """Whether a server may be asked now; behind a rest this admits one, who has to tell what came of it."""
        mood = self._moods.get(target)
        if mood is None or mood.failures < OPEN_AFTER:
            return True
        now = self._monotonic()
        if now < mood.until:
            return False
        mood.until = now + self._rest(mood.failures)
        return True

    def answered(self, target: Target) -> None:
        self._moods.pop(target, None)

    def failed(self, target: Target) -> None:
        """It said nothing, or nothing that can be believed."""
        if target not in self._moods and len(self._moods) >= _REMEMBERED:
            del self._moods[next(iter(self._moods))]
        mood = self._moods.setdefault(target, _Mood())
        mood.failures += 1
        if mood.failures >= OPEN_AFTER:
            mood.until = self._monotonic() + self._rest(mood.failures)

    def _rest(self, failures: int) -> float:
        doubled = FIRST_REST * 2.0 ** min(failures - OPEN_AFTER, 10)
        return min(doubled, LONGEST_REST) * (0.75 + 0.5 * self._random.random())
