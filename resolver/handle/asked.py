"""One request while it is worked on, and what is told in answer to it, before it is sealed and written.

An operation is a function from an ``Asked`` to a ``Told``; what it refuses it raises, and the desk tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.administration import Identity
from node.errors import NodeError
from node.journal import Interface
from node.resolutions import Outcome
from resolver.answer import NOT_OURS, Entry, Key
from resolver.handle.bodies import encode_error
from resolver.handle.codes import Flag, ResponseCode, response_code_of
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.guard import Heard
from resolver.handle.message import Message, reply_to

_PRIMARY = int(Flag.AUTHORITATIVE)
_INTERFACES = {
    Transport.UDP: Interface.HANDLE_UDP,
    Transport.TCP: Interface.HANDLE_TCP,
    Transport.HTTP: Interface.HANDLE_HTTP,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was heard: the request (behind a challenge the one that waited), who asks, in which session."""

    heard: Heard
    conversation: Conversation
    site_serial: int

    @property
    def message(self) -> Message:
        return self.heard.message

    @property
    def identity(self) -> Identity | None:
        """Who has been proved to ask."""
        return self.heard.identity

    def has(self, flag: Flag) -> bool:
        """Whether the request carries a flag."""
        return self.message.header.flags & int(flag) != 0  # as enum members they take a microsecond

    @property
    def interface(self) -> Interface:
        """The door that it came through."""
        return _INTERFACES[self.conversation.transport]

    def reply(
        self, code: ResponseCode, body: bytes = b"", *, flags: int = 0, session_id: int | None = None
    ) -> Message:
        """The reply of this node, which is a primary server. It lasts as long as its request."""
        return reply_to(
            self.message,
            code,
            body,
            flags=flags | _PRIMARY,
            site_serial=self.site_serial,
            expiration=self.message.header.expiration,
            session_id=session_id,
            request_id=self.heard.request_id,
        )

    def relay(self, code: ResponseCode, body: bytes) -> Message:
        """A reply in which this node repeats what others answered: it is no authority for it."""
        return reply_to(
            self.message,
            code,
            body,
            site_serial=self.site_serial,
            expiration=self.message.header.expiration,
            request_id=self.heard.request_id,
        )

    def refusal(self, error: NodeError) -> Message:
        """The reply that says what is wrong."""
        return self.reply(response_code_of(error, teleinfo=self.conversation.logged_in), encode_error(error.detail))


@dataclass(frozen=True, slots=True)
class Told:
    """``outcome`` and ``key`` are what a resolution counts as; other operations do not count.

    ``standing`` is the entry on which a public answer to the identifier of ``key`` rests: while the resolver has the
    same entry standing, the same question has the same answer. ``private``: it holds what not everybody may read.
    ``recursed``: others were asked for it.
    """

    message: Message
    outcome: Outcome | None = None
    key: Key = NOT_OURS
    standing: Entry | None = None
    private: bool = False
    recursed: bool = False
