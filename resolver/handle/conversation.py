"""With whom a message was exchanged, and over what: one TCP connection, one HTTP request, one datagram.

Handle.Net's clients open a new connection for every message, so what the node lets survive a message (challenges,
classic sessions) goes by the client's address. Only what a client names by a number of its own choice, as Teleinfo's
programs do, belongs to its connection; such things end with it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

OUR_IDS = 1 << 30
"""Session numbers from here on are chosen by us; Teleinfo's programs count theirs from 10,001."""


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    HTTP = "http"


class Conversation:
    """``source`` is the client's address as text, ``secure``: by TLS.

    ``over``: the front ends the connection behind the reply that is being sent, so that the client logs in anew.
    """

    __slots__ = ("_endings", "closed", "logins", "over", "secure", "source", "transport")

    def __init__(self, source: str, transport: Transport, *, secure: bool = False) -> None:
        self.source = source
        self.transport = transport
        self.secure = secure
        self.over = False
        self.closed = False
        self.logins = 0
        self._endings: dict[tuple[str, int], Callable[[], None]] | None = None

    @property
    def logged_in(self) -> bool:
        """Whether somebody logged in by Teleinfo's operation 2001: he knows their codes."""
        return self.logins > 0

    def keep(self, kind: str, session_id: int, ending: Callable[[], None]) -> None:
        """Call ``ending`` when the conversation ends, unless it is released before; at once when it has ended."""
        if self.closed:
            ending()
            return
        if self._endings is None:
            self._endings = {}
        self._endings[kind, session_id] = ending

    def release(self, kind: str, session_id: int) -> None:
        if self._endings is not None:
            self._endings.pop((kind, session_id), None)

    def close(self) -> None:
        """Free whatever belongs to this conversation."""
        self.closed = True
        endings, self._endings = self._endings, None
        for ending in list((endings or {}).values()):
            ending()


class Place(NamedTuple):
    """Which of the node's workers this is. Each keeps what it began and gives it numbers that name the worker, for
    the client's next message may reach another.
    """

    number: int = 0
    of: int = 1

    def owner_of(self, session_id: int) -> int:
        """The worker that a session's number names: this one, where no worker chose it."""
        return session_id % self.of if session_id >= OUR_IDS else self.number

    def fresh_id(self, random: Callable[[int], bytes]) -> int:
        """An unguessable number that names this worker."""
        while True:
            number = int.from_bytes(random(4), "big") % OUR_IDS + OUR_IDS
            number += self.number - number % self.of
            if OUR_IDS <= number < 2 * OUR_IDS:
                return number


def neighbourhood(source: str) -> str:
    """What counts as one client: an IPv4 address, a /64 of IPv6 (a household is given one)."""
    if ":" not in source:
        return source
    try:
        packed = ipaddress.IPv6Address(source.partition("%")[0]).packed
    except ValueError:
        return source
    return packed[:8].hex()
