"""What a resolution counts as: the words that those who answer, those who sum up and those who report share."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol
from uuid import UUID

from node.journal import Interface

LABORATORY_MARK = "实验数据"
"""Stands on everything that a laboratory node emits."""


class Outcome(IntEnum):
    """How a resolution ended; numbers are stored and never reused."""

    HIT = 1
    STALE_HIT = 2
    MISSING = 3  # no such identifier, no such value, or a prefix that is not ours
    DENIED = 4  # the prefix is suspended
    ERROR = 5  # the database was away
    REVALIDATED = 6  # HTTP 304: the client's copy is still right
    REFERRED = 7  # its prefix is delegated: the answer says where to ask
    RECURSED = 8  # answered with the contents that another node has


VALID = (Outcome.HIT, Outcome.STALE_HIT)
"""The headline: answered with the contents of a registered identifier."""

BOT = 1
"""A mark of an event: its User-Agent is that of a known bot."""

OWN = 2
"""A mark of an event: an identity of the Handle protocol asked below its own prefix."""


class CountResolution(Protocol):
    """One resolution that was answered.

    ``key`` is the comparison keys of prefix and suffix, both empty when the prefix is not ours; ``source`` the
    client's address; ``micros`` the time to the answer in microseconds, 0 if nobody looked; ``tenant`` the enterprise
    whose account asked (``tenant_of``), else 0; ``marks`` bits ``BOT`` and ``OWN``.
    """

    def __call__(
        self,
        key: tuple[str, str],
        interface: Interface,
        outcome: Outcome,
        source: str,
        micros: int = 0,
        tenant: int = 0,
        marks: int = 0,
    ) -> None: ...


def tenant_of(enterprise_id: UUID) -> int:
    """An enterprise as 64 bits of an event: the random half of its id."""
    return enterprise_id.int & (1 << 64) - 1
