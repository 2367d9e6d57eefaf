"""What the node above tells a node to do, and what it answers: shapes on the wire, version 1.

    probe      {}                                          how are you: answered with what a heartbeat says
    verify     {"prefix"} or {"enterprise_id"}             report it again, as it stands now
    suspend    {"prefix", "reason"}                        the prefix resolves no more; nobody there resumes it
    resume     {"prefix"}                                  the end of that
    blocklist  {"add": [{"identifier", "reason"}], "remove": [identifier]}    never to be resolved
    query      {"what", …, "limit", "after"}               data on demand: see ``Query``
    takeover   {"takeover_id", "on", "drill", "sample"}    emergency takeover begins, or is handed back: ``Takeover``
    key        {"before"}                                  replace your key pair before this moment

Each is performed at least once and in order; performing one again changes nothing. Its answer is a message of stream
``instruction`` and kind ``instruction.answered`` with the body ``Answered``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from node.national.messages import Line, Moment, Number, Shape

INSTRUCTIONS = "/v1/instructions"
MOST_INSTRUCTIONS = 100
"""Of one answer to GET /v1/instructions?after=N&wait=S."""
ANSWER_STREAM = "instruction"
ANSWER_KIND = "instruction.answered"
LARGEST_RESULT = 128 << 10
"""Octets of a result as JSON."""

Name = Annotated[str, msgspec.Meta(min_length=3, max_length=2048)]


class Order(StrEnum):
    """The kinds of this version; another is answered as refused."""

    PROBE = "probe"
    VERIFY = "verify"
    SUSPEND = "suspend"
    RESUME = "resume"
    BLOCKLIST = "blocklist"
    QUERY = "query"
    TAKEOVER = "takeover"
    KEY = "key"


class Instruction(Shape, frozen=True, kw_only=True):
    """One instruction; ``sequence`` grows, ``instruction_id`` makes a second arrival harmless."""

    sequence: Number
    instruction_id: UUID
    kind: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,50}\Z")]
    body: msgspec.Raw
    issued_at: Moment


class Instructions(Shape, frozen=True, kw_only=True):
    instructions: list[Instruction]


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"  # it does not make sense here, and never will
    FAILED = "failed"  # it was tried several times


class Answered(Shape, frozen=True, kw_only=True):
    """The body of the message that answers an instruction."""

    instruction_id: UUID
    sequence: Number
    outcome: Outcome
    detail: str = ""
    result: dict[str, Any] | None = None


class Verify(Shape, frozen=True, kw_only=True):
    prefix: Line = ""
    enterprise_id: UUID | None = None


class Suspend(Shape, frozen=True, kw_only=True):
    prefix: Line
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Resume(Shape, frozen=True, kw_only=True):
    prefix: Line


class Blocked(Shape, frozen=True, kw_only=True):
    identifier: Name
    reason: Line


class Blocklist(Shape, frozen=True, kw_only=True):
    add: Annotated[list[Blocked], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)
    remove: Annotated[list[Name], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)


class Query(Shape, frozen=True, kw_only=True):
    """Data on demand. The result is ``{"items": […], "after": text or null}``; people's data never are in it.

    enterprise   one by ``enterprise_id``, else all by page       prefix    one by ``prefix``, else all by page
    identifier   ``identifier``: its public record and state      history   ``identifier``: what happened to it
    counts       days from ``since`` to before ``until``          template  all by page
    """

    what: Literal["enterprise", "prefix", "identifier", "history", "counts", "template"]
    enterprise_id: UUID | None = None
    prefix: Line = ""
    identifier: str = ""
    since: str = ""
    until: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    after: str = ""


class Takeover(Shape, frozen=True, kw_only=True):
    """``on``: bring the standby records up to date and say how far they go. ``drill``: nobody is sent elsewhere; the
    node answers the SHA-256 of each record of ``sample``, to be compared with the standby record. Off (``on`` false):
    bring them up to date once more and answer like a drill, so that nothing that changed meanwhile is lost."""

    takeover_id: UUID
    on: bool
    drill: bool = False
    sample: Annotated[list[Name], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)


class Compared(Shape, frozen=True, kw_only=True):
    """The result of ``takeover``: ``digests`` has for each identifier of the sample the SHA-256 (hex) of its record
    as bytes, empty where there is none; all as of ``position`` in the node's history."""

    position: Number
    records: Number
    digests: dict[str, str] = msgspec.field(default_factory=dict)


class Key(Shape, frozen=True, kw_only=True):
    before: Moment
