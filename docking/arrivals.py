"""What the examiner sees of a request, and what it may do to it instead of an honest answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from node.national.messages import Delivery


@dataclass(slots=True)
class Arrival:
    """One request. ``fault``: what was wrong with its signature, ``malformed``: with its content; ``status`` 0: the
    connection was reset instead of an answer; ``read_to_the_end``: what had no end was read as far as there was."""

    number: int
    at: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    size: int
    fault: str = ""
    malformed: str = ""
    access_key: str = ""
    content: Any = None
    status: int = 0
    read_to_the_end: bool = False

    @property
    def words(self) -> str:
        more = f" ({len(self.content.messages)} messages)" if isinstance(self.content, Delivery) else ""
        query = "?" + "&".join(f"{name}={value}" for name, value in self.query.items())[:60] if self.query else ""
        return f"{self.method} {self.path}{query}{more} → {self.status or 'reset'} {self.fault}".rstrip()


class Instead(NamedTuple):
    """What comes instead of the honest answer. ``applied``: but only after the request had its effect."""

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = {}
    applied: bool = False
    silent_seconds: float = 0.0
    endless: bool = False


LOST_BEFORE = Instead()
"""The connection is reset, and nothing happened."""
LOST_AFTER = Instead(applied=True)
"""The connection is reset after the request had its effect."""

Disturbance = Callable[[Arrival], Instead | None]
