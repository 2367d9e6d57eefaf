"""Seconds that pass when a test says so."""

from __future__ import annotations


class Ticks:
    """A clock to call; ``pass_`` lets time go by."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds
