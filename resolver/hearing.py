"""A burst of notices heard in small parts, so that no turn of the event loop grows with what somebody else changed.

One change of many identifiers comes as many notices in one read of the socket, each of some hundred names; to forget
a name that is kept takes about 10 µs (`make bench-cache`). What waits here counts as fresh for some turns more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from node.notices import Notice

MOST_AT_ONCE = 200
"""Names that are heard in one turn of the loop: about 2 ms of it when all are kept."""

MOST_WAITING = 100_000
"""Names that may wait for their turn; behind more than these everything counts as changed."""


class Hearing:
    """Gives notices on to ``hear`` in their order; ``hear_unknown`` is called instead of too many."""

    def __init__(self, hear: Callable[[Notice], None], hear_unknown: Callable[[], None]) -> None:
        self._hear = hear
        self._hear_unknown = hear_unknown
        self._waiting: deque[Notice] = deque()
        self._names = 0
        self._left = MOST_AT_ONCE
        self._turn_ends = False

    def take(self, notice: Notice) -> None:
        """Heard now, if nothing waits and this turn has room for it. Called in a running event loop."""
        for part in _parts(notice):
            self._waiting.append(part)
            self._names += _names(part)
        if self._names > MOST_WAITING:
            self._waiting.clear()
            self._names = 0
            self._hear_unknown()
        else:
            self._hear_some()

    def _hear_some(self) -> None:
        if not self._turn_ends:
            self._turn_ends = True
            asyncio.get_running_loop().call_soon(self._next_turn)
        while self._waiting and _names(self._waiting[0]) <= self._left:
            part = self._waiting.popleft()
            self._left -= _names(part)
            self._names -= _names(part)
            self._hear(part)

    def _next_turn(self) -> None:
        self._turn_ends = False
        self._left = MOST_AT_ONCE
        if self._waiting:
            self._hear_some()


def _names(notice: Notice) -> int:
    """How many it names; what concerns a whole prefix names that."""
    return max(1, len(notice.suffix_keys))


def _parts(notice: Notice) -> Iterator[Notice]:
    keys = notice.suffix_keys
    if len(keys) <= MOST_AT_ONCE:
        yield notice
        return
    for begin in range(0, len(keys), MOST_AT_ONCE):
        yield Notice(notice.kind, notice.prefix, keys[begin : begin + MOST_AT_ONCE])
