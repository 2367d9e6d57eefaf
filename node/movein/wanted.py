"""An identifier to ask another node for, and the times it has there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from node.china_time import CHINA
from node.errors import Malformed
from node.identifier import Identifier, Prefix

_LAST = 2**32
"""Seconds that a Handle value can bear."""


class TimeUnreadable(Malformed):
    title_zh = "时间有误"


@dataclass(frozen=True, slots=True)
class Wanted:
    """``registered_at`` and ``updated_at`` are known both or not at all; ISO 8601 in UTC with microseconds."""

    identifier: Identifier
    registered_at: str | None = None
    updated_at: str | None = None

    @property
    def key(self) -> str:
        """The same for every spelling of the identifier."""
        return key_of(self.identifier)

    @property
    def times(self) -> str:
        """What tells one reading of an identifier from a later one."""
        return f"{self.registered_at}/{self.updated_at}"


def identifier_of(handle: str) -> Identifier:
    """``prefix/suffix``. Raises ``InvalidPrefix``, ``InvalidSuffix``, ``InvalidIdentifier``."""
    prefix, slash, suffix = handle.partition("/")
    return Identifier.of(Prefix.parse_derived(prefix), suffix) if slash else Identifier.parse(handle)


def key_of(identifier: Identifier) -> str:
    """The folded form of the whole."""
    return f"{identifier.prefix.key}/{identifier.key}"


def wanted(handle: str, registered: str, updated: str) -> Wanted:
    """By texts; a time that is missing is the other one's. Raises ``TimeUnreadable`` and as ``identifier_of``."""
    identifier = identifier_of(handle)
    if not registered and not updated:
        return Wanted(identifier)
    if not registered:
        raise TimeUnreadable("the time of registration is missing")
    first = read_time(registered)
    last = read_time(updated) if updated else first
    if last < first:
        raise TimeUnreadable("it was updated before it was registered")
    return Wanted(identifier, first.isoformat(timespec="microseconds"), last.isoformat(timespec="microseconds"))


def read_time(text: str) -> datetime:
    """ISO 8601, or ``yyyy-MM-dd HH:mm:ss``; without an offset it is a time in China. Raises ``TimeUnreadable``."""
    try:
        at = datetime.fromisoformat(text.strip())
        at = (at if at.tzinfo else at.replace(tzinfo=CHINA)).astimezone(UTC)
        if 0 <= at.timestamp() < _LAST:
            return at
    except (ValueError, OverflowError):
        pass
    raise TimeUnreadable(f"{text[:40]!r} is no time; write yyyy-MM-dd HH:mm:ss")
