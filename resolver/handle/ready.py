"""Answers that are ready: who asks what was asked before, of an entry that still stands, is answered by copying.

Two resolutions that differ in nothing but the client's number for them and the time at which they expire have the
same answer but for these two, as long as the resolver has the very entry standing that the answer was made of; the
reply repeats both. Whatever makes an answer one of a kind (a session, a signature, a digest of the request, a value
that not everybody may read) never comes here: the desk gives such replies no standing entry.
"""

from __future__ import annotations

from typing import Self

import msgspec

from node.resolutions import Outcome
from resolver.answer import Entry, Key
from resolver.chain import Resolver
from resolver.handle.desk import Reply
from resolver.handle.envelope import DATAGRAM, ENVELOPE_BYTES
from resolver.handle.fragments import datagrams
from resolver.ready import ReadyStore

_BYTES = 32 << 20
_OWN_BYTES = 600  # what an answer and its slot occupy beside its bytes
_LONGEST = 64 * 1024  # a record beyond is rare, and dear to keep twice

_REQUEST_ID = slice(8, 12)
_EXPIRATION = slice(36, 40)


def question_of(request: bytes) -> bytes:
    """What is asked, envelope and all, without the request's number and its expiration."""
    return request[:8] + request[12:36] + request[40:]


class ReadyAnswer(msgspec.Struct, gc=False, eq=False):
    """A reply in pieces, between which the request's number and expiration are put; ``size`` of its message.

    Like all that is kept many times it is not tracked by the garbage collector.
    """

    _head: bytes
    _middle: bytes
    _tail: bytes
    entry: Entry
    key: Key
    outcome: Outcome
    size: int
    as_of: int = -1
    _fragments: tuple[tuple[bytes, bytes], ...] | None = None

    @classmethod
    def of(cls, data: bytes, entry: Entry, key: Key, outcome: Outcome) -> Self:
        """The whole reply ``data``, in pieces."""
        return cls(*_pieces(data), entry, key, outcome, len(data))

    def message(self, request: bytes) -> bytes:
        """The whole reply to a request that asks the same."""
        return b"".join((self._head, request[8:12], self._middle, request[36:40], self._tail))

    def datagrams(self, request: bytes) -> list[bytes]:
        """The same as the datagrams that carry it."""
        if self.size <= DATAGRAM:
            return [self.message(request)]
        if self._fragments is None:
            parts = datagrams(self.message(request))
            self._fragments = tuple((part[:8], part[12:]) for part in parts)
        number, expiration = request[_REQUEST_ID], request[_EXPIRATION]
        filled = [head + number + rest for head, rest in self._fragments]
        filled[0] = filled[0][:36] + expiration + filled[0][40:]
        return filled


class ReadyAnswers(ReadyStore[ReadyAnswer]):
    """What was answered lately from the resolver's entries."""

    def __init__(self, resolver: Resolver, *, bound: int = _BYTES) -> None:
        super().__init__(resolver, bound, _weight)

    def keep(self, request: bytes, question: bytes, reply: Reply) -> None:
        """Remember a reply, if the next one who asks this can be answered by it."""
        if reply.standing is None or reply.outcome is None or len(reply.data) > _LONGEST:
            return
        repeated = request[_REQUEST_ID], request[_EXPIRATION]
        if len(request) < ENVELOPE_BYTES or repeated != (reply.data[_REQUEST_ID], reply.data[_EXPIRATION]):
            return
        answer = ReadyAnswer.of(reply.data, reply.standing, reply.key, reply.outcome)
        self._kept.put(question, answer, tick=0, valid_at=0.0)


def _weight(question: bytes, answer: ReadyAnswer) -> int:
    return _OWN_BYTES + len(question) + answer.size


def _pieces(data: bytes) -> tuple[bytes, bytes, bytes]:
    return data[: _REQUEST_ID.start], data[_REQUEST_ID.stop : _EXPIRATION.start], data[_EXPIRATION.stop :]
