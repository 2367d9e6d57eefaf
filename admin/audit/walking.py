"""Back through one table of history by its positions, a stretch at a time: no question costs more than its page.

Positions grow with time, but for what waited for others or for a clock that was set right: whoever looks for a time
begins and ends a little beyond it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from admin.audit.entries import Entry

_STRETCH = 20_000
_LONGEST_STRETCH = 1 << 20
_QUICK, _SLOW = 0.01, 0.05
DISORDER = timedelta(minutes=10)
"""By how much the times of two neighbours may contradict their positions."""

Fetch = Callable[[int, int, int], Awaitable[Sequence[Entry]]]
"""The newest entries above one position and below another, at most so many."""
TimeFrom = Callable[[int, int], Awaitable[datetime | None]]
"""The time of the first entry from one position on that stands below another."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The time is used up: everything from ``position`` on has been looked through."""

    position: int


async def walk_back(
    fetch: Fetch, below: int, down_to: int, *, limit: int, ticks: Callable[[], float], deadline: float, whole: bool
) -> AsyncIterator[Entry | Pause]:
    """Entries below a position, newest first, those at or below ``down_to`` not. Past the deadline it pauses, but
    never before a first stretch. ``whole``: an index finds them, so that there is nothing to divide.
    """
    stretch = below if whole else _STRETCH
    while below > down_to + 1:
        began = ticks()
        above = max(below - stretch - 1, down_to)
        found = await fetch(above, below, limit)
        for entry in found:
            yield entry
        below = found[-1].number if len(found) == limit else above + 1
        now = ticks()
        if now - began < _QUICK:
            stretch = min(stretch * 2, _LONGEST_STRETCH)
        elif now - began > _SLOW:
            stretch = max(stretch // 2, limit)
        if now > deadline and below > down_to + 1:
            yield Pause(below)
            return


async def first_position(time_from: TimeFrom, moment: datetime, below: int) -> int:
    """The first position whose entry was done at ``moment`` or later, as far as positions follow time; ``below``
    where there is none."""
    low, high = 1, below
    while low < high:
        middle = (low + high) // 2
        at = await time_from(middle, high)
        if at is None or at >= moment:
            high = middle
        else:
            low = middle + 1
    return low
