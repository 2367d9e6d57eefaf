"""Answers in bytes, and those that are ready: who asks what was asked before gets what was answered before.

Between the pieces of an answer stand the request's id and the date. As long as the resolver has the very entry
standing that an answer was made of, all else is the same for everybody who asks with the same target.
"""

from __future__ import annotations

import msgspec

from node.resolutions import Outcome
from resolver.answer import Entry, Key
from resolver.chain import Resolver
from resolver.ready import ReadyStore

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
    as_of: int = -1


class ReadyAnswers(ReadyStore[HttpAnswer]):
    """By target."""

    def __init__(self, resolver: Resolver, bound: int = READY_BYTES) -> None:
        super().__init__(resolver, bound, _weight)

    def keep(self, target: bytes, answer: HttpAnswer) -> None:
        """Remember an answer, if its entry stands."""
        if answer.entry is None or len(answer.body) > _LONGEST:
            return
        if self._resolver.standing(answer.key) is not answer.entry:
            return
        self._kept.put(target, answer, tick=0, valid_at=0.0)


def _weight(target: bytes, answer: HttpAnswer) -> int:
    return _OWN_BYTES + len(target) + len(answer.head) + len(answer.body)
