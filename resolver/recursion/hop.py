"""One question to one server and what came of it, as people and programs are shown it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Came(StrEnum):
    """What came of a question."""

    RECORD = "record"
    DELEGATION = "delegation"  # the record of a prefix, which says who answers
    REFERRAL = "referral"
    MISSING = "missing"
    REFUSED = "refused"
    SILENT = "silent"
    DISBELIEVED = "disbelieved"
    RESTING = "resting"  # not asked: it was silent a moment ago, or too many are asking
    FORBIDDEN = "forbidden"  # not asked: its network is none that this node goes to


@dataclass(frozen=True, slots=True)
class Hop:
    """``server`` as ``host:port``; ``code`` is the response code, ``None`` where nothing was answered."""

    server: str
    question: str
    came: Came
    code: int | None
    milliseconds: float
    detail: str = ""
