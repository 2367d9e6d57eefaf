"""A client asks as regularly as a clock (等间隔)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from math import sqrt

from admin.statistics.digest.day import HOUR, Day
from admin.statistics.digest.rule import DigestRule


def metronome(day: Day, rule: DigestRule) -> Iterator[int]:
    """The rows of a client's hour with at least ``metronome_resolutions`` at nearly the same distances in time."""
    for rows in day.rows_of_clients(rule.metronome_resolutions):
        ats = [day.at[row] for row in rows]
        start = 0
        while start < len(ats):
            end = bisect_left(ats, ats[start] // HOUR * HOUR + HOUR, start)
            if end - start >= rule.metronome_resolutions and _variation(ats[start:end]) < rule.metronome_variation:
                yield from rows[start:end]
            start = end


def _variation(ats: list[int]) -> float:
    """Standard deviation of the distances, as a share of their mean; 0 when all came at once."""
    mean = (ats[-1] - ats[0]) / (len(ats) - 1)
    if mean == 0:
        return 0.0
    squares = sum((later - earlier) ** 2 for earlier, later in pairwise(ats)) / (len(ats) - 1)
    return sqrt(max(squares - mean * mean, 0)) / mean
