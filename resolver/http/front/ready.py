"""Answers in bytes, and those that are ready: who asks what was asked before gets what was answered before.

Between the pieces of an answer stand the request's id and the date. As long as the resolver has the very entry
standing that an answer was made of, all else is the same for everybody who asks with the same target.
"""

from __future__ import annotations

import msgspec

from node.resolutions import Outcome
from resolver import metrics
from resolver.answer import Entry, Key
from resolver.chain import Resolver
from resolver.second_chance import SecondChance

READY_BYTES = 160 << 20
"""Of answers that are ready, in each process: those of 100,000 identifiers and more."""
_OWN_BYTES = 500  # what an answer and its place occupy beside their bytes
_LONGEST = 16 * 1024  # a record beyond is rare, and dear to keep twice


# Out of the garbage collector's sight, as entries are (docs/adr/0025): it leads to nothing that leads back.
class HttpAnswer(msgspec.Struct, gc=False, eq=False):
    """``head`` ends before the request's id, ``middle`` stands between it and the date, ``body`` behind the head's
    end. ``entry`` is what it was made of; without one it is not kept.
    """

    status: int
    head: bytes
    middle: bytes
    body: bytes
    key: Key
    outcome: Outcome
    entry: Entry | None
    as_of: tuple[int, int] = (-1, -1)


class ReadyAnswers:
    """By target. Whether its entry stands is asked in each second, and whenever something has changed anywhere."""

    def __init__(self, resolver: Resolver, bound: int = READY_BYTES) -> None:
        self._resolver = resolver
        self._second = 0
        self._kept: SecondChance[bytes, HttpAnswer] = SecondChance(bound, _weight)
        self._get = self._kept.get
        self._hits = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, target: bytes) -> HttpAnswer | None:
        """The answer to who asks for this, if it is ready and still right."""
        slot = self._get(target)
        if slot is None:
            return None
        answer = slot.value
        as_of = self._resolver.epoch, self._second
        if answer.as_of != as_of:
            if self._resolver.standing(answer.key) is not answer.entry:
                self._kept.drop(target)
                return None
            answer.as_of = as_of
            slot.used = True
        self._hits += 1
        return answer

    def next_second(self) -> None:
        """Ask anew whether entries stand, by which the resolver learns that they are in use."""
        self._second += 1
        self.tell_hits()

    def tell_hits(self) -> None:
        """Add to the metrics what was answered since the last time."""
        hits, self._hits = self._hits, 0
        if hits:
            metrics.CACHE_HITS.inc(hits)

    def keep(self, target: bytes, answer: HttpAnswer) -> None:
        """Remember an answer, if its entry stands."""
        if answer.entry is None or len(answer.body) > _LONGEST:
            return
        if self._resolver.standing(answer.key) is not answer.entry:
            return
        self._kept.put(target, answer, tick=0, valid_at=0.0)


def _weight(target: bytes, answer: HttpAnswer) -> int:
    return _OWN_BYTES + len(target) + len(answer.head) + len(answer.body)
