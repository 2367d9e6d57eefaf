"""The link to the node above: whether it answers, since when not, and when to try again.

One circuit breaker for all that is asked of it. After five failures in a row the circuit is open: everything rests,
and after each rest one single question goes as the probe. What is refused for its content is an answer like any
other; silence, refusals that ask to come later and refusals of who we are count as failures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Gauge

from node.errors import Unavailable
from node.national.backoff import Backoff, Patience, Random

LAST_CONTACT = Gauge(
    "biaoshi_national_last_contact_seconds",
    "Unix time of the national node's last answer, 0 for none yet",
    multiprocess_mode="livemostrecent",
)
LINK = Gauge(
    "biaoshi_national_link",
    "1 while the node above answers, 0 while it does not, NaN where none is set",
    multiprocess_mode="livemostrecent",
)

OPEN_AFTER = 5
"""Failures in a row after which the circuit is open."""


class NationalSilent(Unavailable):
    title_zh = "国家顶级节点无应答"


class LinkResting(NationalSilent):
    """Not asked at all. Evidence: ``seconds`` of the rest."""

    title_zh = "与上级节点的连接暂停重试"


@dataclass(frozen=True, slots=True)
class LinkState:
    """As an operator sees it: ``failing_since`` is None while the link is healthy, ``last_error`` empty then."""

    last_contact_at: datetime | None = None
    failing_since: datetime | None = None
    last_error: str = ""


class Link:
    """What was heard of the node above since this process began to ask; ``probe_seconds`` bounds one probe."""

    def __init__(
        self,
        patience: Patience,
        random: Random,
        probe_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = LinkState()
        self._backoff = Backoff(patience, random)
        self._probe_seconds = probe_seconds
        self._monotonic = monotonic
        self._probing_until = 0.0

    @property
    def open(self) -> bool:
        """Whether only probes go."""
        return self._backoff.failures >= OPEN_AFTER

    def admit(self) -> None:
        """Called before a question. Raises ``LinkResting`` while the circuit is open and it is no probe's turn."""
        if not self.open:
            return
        now = self._monotonic()
        rest = max(self._backoff.wait(now), self._probing_until - now)
        if rest > 0:
            raise LinkResting("the node above does not answer and is left alone for a moment", seconds=rest)
        self._probing_until = now + self._probe_seconds

    def heard(self, at: datetime) -> None:
        """An answer came."""
        self._backoff.succeeded()
        self._probing_until = 0.0
        self.state = LinkState(at)
        LAST_CONTACT.set(at.timestamp())
        LINK.set(1)

    def failed(self, at: datetime, why: str) -> None:
        """None came, or it asked to come later, or does not know us."""
        self._probing_until = 0.0
        self._backoff.failed(self._monotonic())
        self.state = LinkState(self.state.last_contact_at, self.state.failing_since or at, why)
        LINK.set(0)
