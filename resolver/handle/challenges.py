"""Challenges: a request that needs a proof waits here for the answer to a nonce.

A challenge is told by the session number of its reply. Numbers that we choose are unguessable and go by the client's
address, for Handle.Net's clients answer on another connection than they asked on; in a session it is the session's
number; a number that the client chose belongs to its TCP connection. Each challenge is taken once, right or wrong,
within its time; what is answered is the request that waited, so an answer to another proves nothing. When there are
too many, the oldest of the same source gives way, then the oldest of all.
Reference: RFC 3652 section 3.5.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from node.administration import ProofLate
from resolver.handle.conversation import Conversation, Place, Transport, neighbourhood
from resolver.handle.envelope import answered_version
from resolver.handle.message import Message, digest_kind

NONCE_BYTES = 16
MOST = 20_000
MOST_PER_SOURCE = 128
MOST_BYTES = 64 << 20
"""Of the requests that wait, in a worker: a request has up to 256 KiB."""

_REPEATS = 16
"""Of the latest challenges of a source, among which the repetition of a request is looked for."""

_Key = tuple[Conversation | None, int]
"""The connection that a number belongs to, or ``None``, and the number."""


@dataclass(frozen=True, slots=True, eq=False)
class Challenge:
    """``request`` waits, which came by ``way``, TLS or not. ``authenticated``: its session vouched for it."""

    key: _Key
    source: str
    way: tuple[Transport, bool]
    request: Message
    nonce: bytes = field(repr=False)
    made: float
    authenticated: bool = False

    @property
    def session_id(self) -> int:
        return self.key[1]

    @property
    def signed(self) -> bytes:
        """What the answer proves: the nonce and the digest of the request as its reply repeated it."""
        return self.nonce + self.request.digest(digest_kind(answered_version(self.request.envelope))).value

    @property
    def size(self) -> int:
        return len(self.request.body) + len(self.request.credential) + 256


class Challenges:
    """``seconds`` is how long an answer may take on ``clock``; ``random`` gives as many bytes as it is asked for."""

    def __init__(
        self, *, seconds: float, clock: Callable[[], float], random: Callable[[int], bytes], place: Place
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._random = random
        self._place = place
        self._open: dict[_Key, Challenge] = {}  # the oldest first
        self._by_source: dict[str, dict[_Key, None]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    def make(
        self,
        conversation: Conversation,
        request: Message,
        *,
        session_id: int = 0,
        of_connection: bool = False,
        authenticated: bool = False,
    ) -> Challenge:
        """A challenge for the request, in the session ``session_id`` or, without one, under a number of its own.

        ``of_connection``: the client chose the number. The same request asked again, as datagrams are when their
        answer is late, has the same challenge.
        """
        now = self._clock()
        self._forget_late(now)
        if (known := self._asked_before(conversation, request, session_id, of_connection)) is not None:
            return known
        key = (conversation if of_connection else None, session_id or self._fresh_id())
        self._forget(key)  # a session waits for one answer at a time
        challenge = Challenge(
            key,
            conversation.source,
            _way(conversation),
            request,
            self._random(NONCE_BYTES),
            now,
            authenticated=authenticated,
        )
        siblings = self._by_source.setdefault(neighbourhood(conversation.source), {})
        if len(siblings) >= MOST_PER_SOURCE:
            self._forget(next(iter(siblings)))
        self._open[key] = challenge
        self._by_source.setdefault(neighbourhood(conversation.source), {})[key] = None
        self._bytes += challenge.size
        while len(self._open) > MOST or self._bytes > MOST_BYTES:
            self._forget(next(iter(self._open)))
        if of_connection:
            conversation.keep("challenge", session_id, lambda: self._forget(key))
        return challenge

    def take(self, conversation: Conversation, session_id: int) -> Challenge:
        """The challenge that an answer is for; it is gone then. Raises ``ProofLate``: late, unknown, taken before, or
        somebody else's."""
        self._forget_late(self._clock())
        for key in ((conversation, session_id), (None, session_id)):
            challenge = self._open.get(key)
            if challenge is not None and _same_client(challenge, conversation):
                self._forget(key)
                return challenge
        raise ProofLate("there is no open challenge of this number: it was answered, too late, or never made")

    def _asked_before(
        self, conversation: Conversation, request: Message, session_id: int, of_connection: bool
    ) -> Challenge | None:
        if session_id:
            known = self._open.get((conversation if of_connection else None, session_id))
            return known if known is not None and _same(known.request, request) else None
        siblings = self._by_source.get(neighbourhood(conversation.source), {})
        for key in itertools.islice(reversed(siblings), _REPEATS):
            known = self._open[key]
            if _same_client(known, conversation) and _same(known.request, request):
                return known
        return None

    def _fresh_id(self) -> int:
        while (None, number := self._place.fresh_id(self._random)) in self._open:
            pass
        return number

    def _forget_late(self, now: float) -> None:
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.made + self._seconds > now:
                return
            self._forget(oldest.key)

    def _forget(self, key: _Key) -> None:
        challenge = self._open.pop(key, None)
        if challenge is None:
            return
        self._bytes -= challenge.size
        source = neighbourhood(challenge.source)
        siblings = self._by_source[source]
        del siblings[key]
        if not siblings:
            del self._by_source[source]
        if key[0] is not None:
            key[0].release("challenge", key[1])


def _way(conversation: Conversation) -> tuple[Transport, bool]:
    return conversation.transport, conversation.secure


def _same_client(challenge: Challenge, conversation: Conversation) -> bool:
    return challenge.source == conversation.source and challenge.way == _way(conversation)


def _same(one: Message, other: Message) -> bool:
    """A repetition in a session has a MAC of its own; all else is the same."""
    return one.envelope.request_id == other.envelope.request_id and one[1:3] == other[1:3]
