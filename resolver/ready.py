"""Answers that are ready, of whatever front: each rests on an entry, and is given as long as that entry stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from resolver import metrics
from resolver.answer import Entry, Key
from resolver.chain import Resolver
from resolver.second_chance import SecondChance


class Ready(Protocol):
    """``entry`` is what the answer was made of, ``as_of`` when it was last seen to stand."""

    as_of: int

    @property
    def key(self) -> Key: ...

    @property
    def entry(self) -> Entry | None: ...


_ROUND = 10  # seconds

R = TypeVar("R", bound=Ready)


class ReadyStore(Generic[R]):
    """By question, at most ``bound`` bytes as ``weigh`` counts question and answer.

    Whether an entry stands is asked again whenever something has changed anywhere (ADR 0012), and by turns: so the
    resolver learns that it is in use, at most ten seconds late.
    """

    def __init__(self, resolver: Resolver, bound: int, weigh: Callable[[bytes, R], int]) -> None:
        self._resolver = resolver
        self._remembered = resolver.remembered
        self._seconds = self._rounds = 0
        self._kept: SecondChance[bytes, R] = SecondChance(bound, weigh)
        self._get = self._kept.get
        self._hits = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, question: bytes) -> R | None:
        """The answer to a question, if it is ready and still right."""
        slot = self._get(question)
        if slot is None:
            return None
        answer = slot.value
        as_of = self._remembered.epoch + self._rounds  # both only grow: it is another whenever one of them is
        if answer.as_of != as_of:
            if self._resolver.standing(answer.key) is not answer.entry:
                self._kept.drop(question)
                return None
            answer.as_of = as_of
            slot.used = True
        self._hits += 1
        return answer

    def next_second(self) -> None:
        """Tell the metrics, and in its turn ask anew whether entries stand."""
        self._seconds += 1
        self._rounds = self._seconds // _ROUND
        self.tell_hits()

    def tell_hits(self) -> None:
        """Add to the metrics what was answered since the last time."""
        hits, self._hits = self._hits, 0
        if hits:
            metrics.CACHE_HITS.inc(hits)
