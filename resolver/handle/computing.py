"""Keys are derived and signatures verified in threads, never on the serving loop; few at once, few waiting.

One source has few of the places, so that who is slow with us makes nobody else wait. What a source proves wrongly, or
begins without need, is paid for from its ``Allowance``: when that is spent it is refused before anything is computed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from node.errors import TooMany
from resolver.handle.conversation import neighbourhood

T = TypeVar("T")

_SOURCES = 20_000


class ComputingFull(TooMany):
    title_zh = "身份验证繁忙"


class AllowanceSpent(TooMany):
    """Evidence: ``retry_after`` in seconds."""

    title_zh = "身份验证过于频繁"


class Computing:
    """``threads`` work at once, ``waiting`` may wait, under way and waiting ``per_source`` of one source."""

    def __init__(self, *, threads: int = 1, waiting: int = 64, per_source: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="proof")
        self._most = threads + waiting
        self._per_source = per_source
        self._taken = 0
        self._by_source: Counter[str] = Counter()

    async def run(self, source: str, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises. Raises ``ComputingFull`` at once when no place is free."""
        key = neighbourhood(source)
        if self._taken >= self._most or self._by_source[key] >= self._per_source:
            raise ComputingFull("too many proofs are being verified; try again")
        self._taken += 1
        self._by_source[key] += 1
        loop = asyncio.get_running_loop()

        def over(_: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended before the thread
                loop.call_soon_threadsafe(self._leave, key)

        future = self._pool.submit(work)
        # The place is free when the thread is, not when who asked has lost patience.
        future.add_done_callback(over)
        return await asyncio.wrap_future(future)

    def _leave(self, key: str) -> None:
        self._taken -= 1
        self._by_source[key] -= 1
        if not self._by_source[key]:
            del self._by_source[key]

    async def close(self) -> None:
        """Drop who waits and let what is under way end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._pool.shutdown, wait=True)


class Allowance:
    """What each source may spend: ``most`` at once, growing back by ``per_second``."""

    def __init__(self, most: float, per_second: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}  # source: what was left, when; the longest unseen first

    def spend(self, source: str, price: float) -> None:
        """Raises ``AllowanceSpent``, and then nothing is spent."""
        key, now = neighbourhood(source), self._clock()
        left = self._at(key, now)
        if left < price:
            wait = (price - left) / self._per_second
            raise AllowanceSpent(
                "too many failed or needless proofs from this address; try again later", retry_after=int(wait) + 1
            )
        self._left[key] = (left - price, now)

    def give_back(self, source: str, price: float) -> None:
        """It was no waste after all."""
        key, now = neighbourhood(source), self._clock()
        self._left[key] = (min(self._most, self._at(key, now) + price), now)

    def _at(self, key: str, now: float) -> float:
        left, then = self._left.pop(key, (self._most, now))
        while len(self._left) >= _SOURCES:  # the longest unseen has the most of his allowance back
            del self._left[next(iter(self._left))]
        grown = min(self._most, left + (now - then) * self._per_second)
        self._left[key] = (grown, now)
        return grown
