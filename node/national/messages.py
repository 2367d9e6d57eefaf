"""What travels between a node and the national top-level node, interface version 1: JSON, one shape per struct.

The version is the first segment of every path. Within a version shapes only gain members; a receiver ignores
members it does not know. Times are RFC 3339 with an offset, days are days of UTC+8.
``docs/national-interface.md`` is the prose to these shapes.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

MESSAGES = "/v1/messages"
HEARTBEATS = "/v1/heartbeats"
COUNTS = "/v1/counts"
VERDICTS = "/v1/verdicts"
INTERFACE = "/v1/interface"

MOST_MESSAGES = 200
"""Messages of one delivery."""
MOST_VERDICTS = 100
"""Verification results of one answer."""
MOST_HOURS = 6
"""Hours of one statement of counts, and as many times sixty minutes."""
MOST_BELOW = 50
"""Nodes below of one statement of counts."""
LONGEST_WAIT = 25
"""Seconds for which a question for what is new may be kept waiting (``wait=``)."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Line = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00-\x1f]*\Z")]
"""Text without control characters."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What every shape of the interface is: frozen, members by name, unknown ones ignored."""


class Message(Shape, frozen=True, kw_only=True):
    """One report. ``sequence`` grows within a stream; ``message_id`` makes a second arrival harmless."""

    message_id: UUID
    stream: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}\Z")]
    sequence: Number
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,50}(\.[a-z_]{1,50})+\Z")]
    created_at: Moment
    body: msgspec.Raw


class Delivery(Shape, frozen=True, kw_only=True):
    """POST /v1/messages; ``laboratory`` (实验数据) marks every message in it."""

    node: UUID
    laboratory: bool
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=MOST_MESSAGES)]


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class Result(Shape, frozen=True, kw_only=True):
    """What became of one message. ``retry`` of a refused one: come again, and hold its stream until then."""

    message_id: UUID
    status: Status
    retry: bool = False
    reason: str = ""


class Results(Shape, frozen=True, kw_only=True):
    results: list[Result]


class Heartbeat(Shape, frozen=True, kw_only=True):
    """POST /v1/heartbeats; ``backlog`` is the number of messages waiting to be delivered."""

    node: UUID
    laboratory: bool
    state: Line
    version: Line
    uptime_seconds: Number
    backlog: Number
    at: Moment


class ResolutionCount(Shape, frozen=True, kw_only=True):
    """Resolutions of a day through one interface with one outcome, numbered as the node stores them."""

    interface: int
    outcome: int
    resolutions: Number


class PeriodCounts(Shape, frozen=True, kw_only=True):
    """Resolutions of one hour or minute so far, beginning at ``at``; a later statement replaces this one."""

    at: Moment
    resolutions: list[ResolutionCount]


class DayCounts(Shape, frozen=True, kw_only=True):
    """All there is to say about one day so far; a later statement about the same day replaces this one."""

    day: date
    registered: Number
    updated: Number
    deleted: Number
    suspended: Number = 0
    resumed: Number = 0
    resolutions: list[ResolutionCount]


class BelowCounts(Shape, frozen=True, kw_only=True):
    """The counts of a node below the one that states them, as that node stated them at ``at``."""

    node: UUID
    prefix: Line
    laboratory: bool
    at: Moment
    days: Annotated[list[DayCounts], msgspec.Meta(max_length=10)] = msgspec.field(default_factory=list)
    hours: Annotated[list[PeriodCounts], msgspec.Meta(max_length=MOST_HOURS)] = msgspec.field(default_factory=list)


class Counts(Shape, frozen=True, kw_only=True):
    """POST /v1/counts; ``at`` decides which of two statements about a period is the later one."""

    node: UUID
    laboratory: bool
    at: Moment
    days: Annotated[list[DayCounts], msgspec.Meta(max_length=10)]
    hours: Annotated[list[PeriodCounts], msgspec.Meta(max_length=MOST_HOURS)] = msgspec.field(default_factory=list)
    minutes: Annotated[list[PeriodCounts], msgspec.Meta(max_length=60 * MOST_HOURS)] = msgspec.field(
        default_factory=list
    )
    below: Annotated[list[BelowCounts], msgspec.Meta(max_length=MOST_BELOW)] = msgspec.field(default_factory=list)


class Verdict(Shape, frozen=True, kw_only=True):
    """The national node's verification of a prefix that the node had reviewed.

    ``application`` is the number that the report named, 0 if it named none: a verdict on an application that is gone
    must not hit the one that came after it.
    """

    sequence: Number
    prefix: Line
    passed: bool
    reason: Line
    at: Moment
    application: Number = 0


class Verdicts(Shape, frozen=True, kw_only=True):
    """GET /v1/verdicts?after=N: those with a greater sequence, in order, at most ``MOST_VERDICTS``."""

    verdicts: list[Verdict]


class Offers(Shape, frozen=True, kw_only=True):
    """GET /v1/interface, unsigned: which parts of the interface the node above answers, and who it is.

    ``parts`` are words of ``PARTS``; one that does not stand here is not asked for.
    """

    version: int
    name: Line
    prefix: Line
    laboratory: bool
    parts: list[str]


PARTS = (
    "applications", "keys", "messages", "heartbeats", "counts", "verdicts", "instructions", "files", "standby",
)  # fmt: skip
"""The parts of the interface, version 1."""


class Refusal(Shape, frozen=True, kw_only=True):
    """The body of every answer that is not a 200: whether the same content may be tried again."""

    code: str
    reason: str
    retry: bool


def encode(content: Any) -> bytes:
    """The JSON of one shape."""
    return msgspec.json.encode(content)
