"""Questions that come while a like one is being answered are answered together by the next.

A crowd of requests so becomes few statements and few transactions, while one that comes alone waits for nobody.
What a question sees is never older than the question: whatever answers it begins after it came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")


class Gathering(Generic[K, Q, A]):
    """``answer`` takes a key and up to ``most`` questions of that key and gives their answers in order.

    A question whose answer is an exception fails with it; if ``answer`` itself fails, all of them do. Each key has
    one answer under way at a time. Who asks is bounded by the connections of whoever asks through them.
    """

    def __init__(self, answer: Callable[[K, Sequence[Q]], Awaitable[Sequence[A | Exception]]], most: int) -> None:
        self._answer = answer
        self._most = most
        self._waiting: dict[K, list[tuple[Q, asyncio.Future[A]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: K, question: Q) -> A:
        """The answer. It is worked out to its end even if nobody waits for it any more."""
        landing: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting.append((question, landing))
        else:
            self._waiting[key] = [(question, landing)]
            task = asyncio.create_task(self._work(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await landing

    async def _work(self, key: K) -> None:
        together: list[tuple[Q, asyncio.Future[A]]] = []
        try:
            while waiting := self._waiting[key]:
                together, self._waiting[key] = waiting[: self._most], waiting[self._most :]
                await self._serve(key, together)
        finally:
            # Somebody is left only if the loop itself is ending.
            for _, landing in together + self._waiting.pop(key):
                landing.cancel()

    async def _serve(self, key: K, together: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        answers: Sequence[A | Exception]
        try:
            answers = await self._answer(key, [question for question, _ in together])
        except Exception as error:  # noqa: BLE001 - it is raised where the questions were asked
            answers = [error] * len(together)
        for (_, landing), answer in zip(together, answers, strict=True):
            if landing.done():  # whoever asked has gone
                continue
            if isinstance(answer, Exception):
                landing.set_exception(answer)
            else:
                landing.set_result(answer)
