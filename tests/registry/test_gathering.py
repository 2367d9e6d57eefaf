"""Questions that are answered together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from registry.gathering import Gathering


class Desk:
    """Answers when it is told to, and remembers what was asked together."""

    def __init__(self, most: int = 10) -> None:
        self.asked: list[tuple[str, list[int]]] = []
        self.open = asyncio.Event()
        self.gathering: Gathering[str, int, int] = Gathering(self._answer, most)

    async def _answer(self, key: str, questions: Sequence[int]) -> list[int | Exception]:
        self.asked.append((key, list(questions)))
        await self.open.wait()
        if 13 in questions:
            raise RuntimeError("thirteen")
        return [ValueError(str(question)) if question < 0 else question * 10 for question in questions]

    def ask(self, *questions: int, key: str = "a") -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.gathering.ask(key, question)) for question in questions]


async def passed() -> None:
    """The event loop has had its turns."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_while_one_is_answered_is_answered_together() -> None:
    desk = Desk()
    first = desk.ask(1)
    await passed()
    rest = desk.ask(2, 3, 4)
    await passed()
    assert desk.asked == [("a", [1])]
    desk.open.set()
    assert await asyncio.gather(*first, *rest) == [10, 20, 30, 40]
    assert desk.asked == [("a", [1]), ("a", [2, 3, 4])]


async def test_an_answer_begins_after_its_question_came() -> None:
    """A token that was revoked before the question is seen as revoked, whatever is under way."""
    desk = Desk()
    desk.open.set()
    assert await asyncio.gather(*desk.ask(1)) == [10]
    assert await asyncio.gather(*desk.ask(1)) == [10]
    assert desk.asked == [("a", [1]), ("a", [1])]


async def test_no_more_than_the_most_are_answered_at_once() -> None:
    desk = Desk(most=2)
    desk.open.set()
    assert await asyncio.gather(*desk.ask(1, 2, 3, 4, 5)) == [10, 20, 30, 40, 50]
    assert [questions for _, questions in desk.asked] == [[1, 2], [3, 4], [5]]


async def test_one_key_does_not_wait_for_another() -> None:
    desk = Desk()
    tasks = desk.ask(1) + desk.ask(2, key="b")
    await passed()
    assert desk.asked == [("a", [1]), ("b", [2])]
    desk.open.set()
    await asyncio.gather(*tasks)


async def test_an_answer_that_is_an_error_fails_its_own_question_only() -> None:
    desk = Desk()
    desk.open.set()
    answers = await asyncio.gather(*desk.ask(1, -2, 3), return_exceptions=True)
    assert [repr(answer) for answer in answers] == ["10", "ValueError('-2')", "30"]


async def test_if_nothing_can_be_answered_all_are_told_and_the_next_are_served() -> None:
    desk = Desk()
    desk.open.set()
    told = await asyncio.gather(*desk.ask(1, 13), return_exceptions=True)
    assert [repr(answer) for answer in told] == ["RuntimeError('thirteen')"] * 2
    assert await asyncio.gather(*desk.ask(2)) == [20]


async def test_whoever_goes_takes_nobody_along() -> None:
    desk = Desk()
    first, second = desk.ask(1, 2)
    await passed()
    first.cancel()
    await passed()
    desk.open.set()
    assert await second == 20
    with pytest.raises(asyncio.CancelledError):
        await first
