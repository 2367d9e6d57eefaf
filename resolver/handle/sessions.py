"""Sessions: classic ones, which a key protects, and those of a Teleinfo login, which belong to a TCP connection.

A classic session is set up with a key and a number that we choose; Handle.Net's clients use it from connection to
connection, so it goes by the client's address and believes a message only by its MAC. A session of a number that the
client chose is believed because the connection is the same; it may have a key, which then only encrypts.
What is not used ends, and nothing outlives ``seconds``. Sessions of which nobody has proved who he is have fewer
places than the others and never take one of theirs.
Reference: RFC 3652 section 3.8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.administration import Identity, IdentityKey
from node.errors import Conflict, Forbidden, Malformed, Unauthenticated
from node.identifier import fold
from resolver.handle.codes import ResponseCode
from resolver.handle.conversation import Conversation, Place, neighbourhood
from resolver.handle.session_cipher import SessionKey

IDLE_SECONDS = 900.0
"""A classic session that is not used; its client sets up another when it is told so."""

MOST_UNPROVED = 2_000
MOST_PROVED = 20_000
MOST_UNPROVED_PER_SOURCE = 64
MOST_PER_SOURCE = 1_024
CONFIRMED_SECONDS = 10.0
"""How long a session goes on when the key that proved it has been taken away."""
_WINDOW = 256
_MOST_FAILURES = 8


_Key = tuple[Conversation | None, int]
"""The connection that a number belongs to, or ``None``, and the number."""


class NoSuchSession(Unauthenticated):
    """500: there is none of that number, or it is over. Clients begin another."""

    title_zh = "会话不存在或已结束"
    response_code = ResponseCode.SESSION_TIMEOUT


class InvalidSessionKey(Forbidden):
    """502: the MAC is not made with the session's key."""

    title_zh = "会话密钥有误"
    response_code = ResponseCode.INVALID_SESSION_KEY


class RsaKeyNeeded(Malformed):
    """503."""

    title_zh = "会话建立需要 RSA 密钥"
    response_code = ResponseCode.RSA_KEY_NEEDED


class InvalidSessionSetup(Malformed):
    """504."""

    title_zh = "会话建立请求有误"
    response_code = ResponseCode.INVALID_SESSION_SETUP


class MessageReplayed(Conflict):
    """505: a message with this counter has been received."""

    title_zh = "会话消息重复"
    response_code = ResponseCode.SESSION_MESSAGE_REJECTED


class Counters:
    """Which counters of messages have come: each is accepted once, and none far below the highest.

    Clients send from several threads, so a little disorder is no fault.
    """

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = 0
        self._seen = 0  # bit n: the highest less n has come

    def accept(self, counter: int) -> None:
        """Raises ``MessageReplayed``."""
        ahead = counter - self._highest
        if ahead > 0:
            self._seen = 1 if ahead >= _WINDOW else (self._seen << ahead | 1) & ((1 << _WINDOW) - 1)
            self._highest = counter
            return
        if counter <= 0 or -ahead >= _WINDOW or self._seen >> -ahead & 1:
            raise MessageReplayed(f"message {counter} of this session has been received before", counter=counter)
        self._seen |= 1 << -ahead


@dataclass(slots=True, eq=False)
class Session:
    """``claimed`` is who the client said he is, ``identity`` who he proved to be. ``connection`` is set when the
    client chose the number. ``key`` is ``None`` before the exchange of mode 2, and in a login without encryption.
    """

    id: int
    source: str
    began: float
    used: float
    idle_seconds: float
    connection: Conversation | None = None
    claimed: Identity | None = None
    identity: Identity | None = None
    proved_by: IdentityKey | None = field(default=None, repr=False)
    confirmed: float = 0.0
    key: SessionKey | None = field(default=None, repr=False)
    awaits_key: bool = False
    received: Counters = field(default_factory=Counters)
    sent: int = 0
    failures: int = 0

    def next_counter(self) -> int:
        self.sent += 1
        return self.sent

    def is_claimed_by(self, identity: Identity) -> bool:
        """Whether the identity, as the answer to a challenge names it, is the one that set the session up. Only then
        does its proof count for later messages."""
        return self.claimed is not None and same_identity(self.claimed, identity)


class Sessions:
    """All sessions of a worker; ``seconds`` is the longest life of one, whatever its client asks."""

    def __init__(
        self, *, seconds: float, clock: Callable[[], float], random: Callable[[int], bytes], place: Place
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._random = random
        self._place = place
        self._unproved: dict[_Key, Session] = {}  # the longest unused first
        self._proved: dict[_Key, Session] = {}
        self._by_source: dict[str, dict[_Key, Session]] = {}

    def __len__(self) -> int:
        return len(self._unproved) + len(self._proved)

    def find(self, conversation: Conversation, session_id: int) -> Session | None:
        """The session that a message of this conversation belongs to; using it keeps it alive.

        A login that is over ends its connection: only then does its client log in again. Raises ``NoSuchSession``
        for such.
        """
        if not session_id:
            return None
        now = self._clock()
        session = self._get(conversation, session_id) or self._get(None, session_id)
        if session is None or session.source != conversation.source:
            return None
        if self._over(session, now):
            self.end(session)
            if session.connection is None:
                return None
            session.connection.over = True
            raise NoSuchSession("the session is over; log in again on another connection", session=session_id)
        session.used = now
        table = self._unproved if _key(session) in self._unproved else self._proved
        table[_key(session)] = table.pop(_key(session))
        return session

    def begin(
        self,
        conversation: Conversation,
        *,
        chosen_id: int = 0,
        claimed: Identity | None = None,
        key: SessionKey | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> Session:
        """A session under a number of ours, or under the one the client chose for its connection.

        One that stands under that number there is replaced.
        """
        now = self._clock()
        connection = conversation if chosen_id else None
        session = Session(
            chosen_id or self._fresh_id(),
            conversation.source,
            began=now,
            used=now,
            idle_seconds=self._seconds if connection else min(idle_seconds, IDLE_SECONDS),
            connection=connection,
            claimed=claimed,
            key=key,
            awaits_key=key is None and connection is None,
        )
        if (standing := self._get(connection, session.id)) is not None:
            self.end(standing)
        self._make_room(conversation.source, now)
        self._unproved[_key(session)] = session
        self._by_source.setdefault(neighbourhood(session.source), {})[_key(session)] = session
        if connection is not None:
            connection.keep("session", session.id, lambda: self.end(session))
        return session

    def proved(self, session: Session, identity: Identity, key: IdentityKey) -> None:
        """Somebody has proved by ``key`` who he is: later messages are his, and it has a better place now."""
        if session.connection is not None:
            session.connection.logins += session.identity is None
        session.identity, session.proved_by, session.confirmed = identity, key, self._clock()
        if self._unproved.pop(_key(session), None) is None:
            return
        while len(self._proved) >= MOST_PROVED:
            self.end(next(iter(self._proved.values())))
        self._proved[_key(session)] = session

    def to_be_confirmed(self, session: Session) -> bool:
        """Whether it is time to look again if the key that proved it still stands; then it is for some seconds."""
        now = self._clock()
        if session.confirmed + CONFIRMED_SECONDS > now:
            return False
        session.confirmed = now
        return True

    def failed(self, session: Session) -> None:
        """A message could not be deciphered. After a few the session is over: nobody learns by trying."""
        session.failures += 1
        if session.failures >= _MOST_FAILURES and session.connection is None:
            self.end(session)

    def end(self, session: Session) -> None:
        """Forget it."""
        key = _key(session)
        if self._unproved.pop(key, None) is None and self._proved.pop(key, None) is None:
            return
        source = neighbourhood(session.source)
        del self._by_source[source][key]
        if not self._by_source[source]:
            del self._by_source[source]
        if session.connection is not None:
            session.connection.release("session", session.id)
            session.connection.logins -= session.identity is not None

    def _get(self, connection: Conversation | None, session_id: int) -> Session | None:
        key = (connection, session_id)
        return self._unproved.get(key) or self._proved.get(key)

    def _over(self, session: Session, now: float) -> bool:
        return session.began + self._seconds <= now or session.used + session.idle_seconds <= now

    def _make_room(self, source: str, now: float) -> None:
        for table in (self._unproved, self._proved):
            while table and self._over(oldest := next(iter(table.values())), now):
                self.end(oldest)
        own = self._by_source.get(neighbourhood(source), {})
        unproved = [session for session in own.values() if session.identity is None]
        if len(unproved) >= MOST_UNPROVED_PER_SOURCE:
            self.end(unproved[0])
        elif len(own) >= MOST_PER_SOURCE:
            self.end(next(iter(own.values())))
        while len(self._unproved) >= MOST_UNPROVED:
            self.end(next(iter(self._unproved.values())))

    def _fresh_id(self) -> int:
        while self._get(None, number := self._place.fresh_id(self._random)) is not None:
            pass
        return number


def _key(session: Session) -> _Key:
    return session.connection, session.id


def same_identity(one: Identity, other: Identity) -> bool:
    """Whether two name the same value, whatever case their handles are written in."""
    return one.index == other.index and fold(one.handle) == fold(other.handle)
