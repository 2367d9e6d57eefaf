"""One path of a desk: who is let in, who answers, and how much may be sent to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import web

from node.database import Connection
from node.errors import Internal, NodeError, Unauthenticated
from node.problem import status_of
from node.upper.exchange import Answered, Caller, Moods, refusal

log = structlog.get_logger("docking")

LARGEST_BODY = 4 << 20
"""Octets of the body of a request to a path that says nothing else."""


@dataclass(slots=True)
class Visit:
    """One request under way, and what was found out about it."""

    request: web.Request
    body: bytes
    target: str
    at: datetime
    moods: Moods
    signature: str = "unread"
    caller: Caller | None = None

    def answered(self, status: int, body: bytes) -> Answered:
        """As it leaves."""
        return Answered(status, body, self.signature, self.caller.access_key if self.caller else "")

    def refused(self, error: NodeError) -> Answered:
        """The refusal; what is our own fault is logged."""
        if isinstance(error, Unauthenticated):
            self.signature = error.code
        if isinstance(error, Internal):
            log.error("docking_request_failed", path=self.request.path[:512], exc_info=error)
        return self.answered(status_of(error), refusal(error))


Admit = Callable[[Connection, Visit], Awaitable[None]]
"""Lets a visit in before it has any effect; what it writes stays when the request is refused."""
Answering = Callable[[Connection, Visit], Awaitable[bytes | None]]
"""``None``: nothing to say yet."""


@dataclass(frozen=True, slots=True)
class Path:
    """``pattern`` may end in ``/{…}``. ``static`` is answered to everybody; ``nothing`` to who waited in vain."""

    part: str
    method: str
    pattern: str
    admit: Admit | None = None
    answer: Answering | None = None
    largest: int = LARGEST_BODY
    static: bytes | None = None
    nothing: bytes | None = None

    def target_of(self, path: str) -> str | None:
        """What stands in the place of the braces, empty where there are none; ``None``: this is another path."""
        before, braces, _ = self.pattern.partition("{")
        if not braces:
            return "" if path == before else None
        target = path.removeprefix(before)
        return target if target and target != path and "/" not in target else None
