"""A review is opened and settled in the transaction of what it is about, so that the two never disagree.

The use case that puts something before the reviewers calls ``open_review``; the one that decides calls
``settle_review`` after ``permit`` and ``step`` have found the decision possible, and moves its thing only when the
answer is true. With four eyes (双人复核) the first approval is recorded and moves nothing; returning and rejecting
need one person. What was opened by an older node and has no review is decided without one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from node.database import Connection
from node.errors import Conflict
from node.journal import Act, Actor, record_act
from node.sql import statements_beside
from registry.notifications import notify
from registry.store import time_ordered_id
from registry.transitions import Verb

_SQL = statements_beside(__file__, "cases.sql")


class SubjectKind(StrEnum):
    """What a review is about, and what its ``subject_id`` holds as text."""

    ENTERPRISE = "enterprise"  # enterprise_id
    PREFIX = "prefix"  # prefix_id of the application
    HOSTING = "hosting"  # prefix_id
    TRANSFER = "transfer"  # prefix_transfer_id


class Occasion(StrEnum):
    """申请状态: 注册 or 修改."""

    REGISTRATION = "registration"
    AMENDMENT = "amendment"


class ReviewState(StrEnum):
    WAITING = "waiting"
    SECONDING = "seconding"
    DECIDED = "decided"


class ReviewClaimedByOther(Conflict):
    """Evidence: ``claimed_until``."""

    title_zh = "他人正在审核"


class SecondPersonNeeded(Conflict):
    title_zh = "须由另一名审核员复核"


class ReviewDecided(Conflict):
    title_zh = "审核已结束"


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """Why something is returned or rejected: ``field`` and ``code`` are empty where it is about the whole."""

    text: str
    field: str = ""
    code: str = ""

    def to_json(self) -> dict[str, str]:
        """What the review keeps of it."""
        return {"field": self.field, "code": self.code, "text": self.text}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reviewer says in the queue, handed through to ``settle_review``: which review it is about, and why."""

    review_id: UUID | None = None
    reasons: tuple[ReviewReason, ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """``four_eyes``: two reviewers have to approve; ``claim`` is how long a review is reserved for one."""

    four_eyes: bool = False
    claim: timedelta = timedelta(minutes=30)


async def open_review(
    connection: Connection, kind: SubjectKind, subject_id: str, enterprise_id: UUID, occasion: Occasion, at: datetime
) -> UUID:
    """Put it into the queue; a review of it that is still open begins anew. The review's id."""
    review_id: UUID = await connection.fetchval(
        _SQL["open_review"], time_ordered_id(at), kind, subject_id, enterprise_id, occasion, at
    )
    return review_id


async def settle_review(
    connection: Connection,
    kind: SubjectKind,
    subject_id: str,
    verb: Verb,
    actor: Actor,
    at: datetime,
    *,
    policy: ReviewPolicy,
    reason: str = "",
    judgement: Judgement | None = None,
) -> bool:
    """Whether the thing moves now; false: a first approval was recorded, and a second person must approve.

    ``verb`` is approve, return or reject; ``reason`` is kept where the judgement names none. The act of the decision
    is the thing's own; a first approval, which moves nothing, leaves an act of its own. Call it with the thing's row
    locked. Raises ``ReviewClaimedByOther``, ``SecondPersonNeeded``, ``ReviewDecided``.
    """
    judgement = judgement or Judgement()
    row = await connection.fetchrow(_SQL["lock_open_review"], kind, subject_id)
    if judgement.review_id not in (None, row["review_id"] if row else None):
        raise ReviewDecided("this review has ended; look whether another one is open")
    if row is None:
        return True
    check_claim(row["claimed_by"], row["claimed_until"], actor, at)
    if verb is Verb.APPROVE and policy.four_eyes:
        if row["first_approval_by"] is None:
            await connection.execute(_SQL["approve_first"], row["review_id"], actor.account_id, at)
            act = Act("review.first_approval", "review", str(row["review_id"]), reason=reason)
            await record_act(connection, actor, act, at)
            return False
        check_second(row["first_approval_by"], actor)
    reasons = judgement.reasons or ((ReviewReason(reason),) if reason else ())
    kept = json.dumps([one.to_json() for one in reasons], ensure_ascii=False)
    await connection.execute(_SQL["decide_review"], row["review_id"], verb, kept, actor.account_id, at)
    await notify(connection, row["enterprise_id"], f"review.{verb}", _told(row, verb, reason), at)
    return True


async def drop_review(connection: Connection, kind: SubjectKind, subject_id: str, at: datetime) -> None:
    """Take it out of the queue undecided: who asked for it has withdrawn."""
    await connection.execute(_SQL["drop_review"], kind, subject_id, at)


def check_claim(claimed_by: UUID | None, claimed_until: datetime | None, actor: Actor, at: datetime) -> None:
    """Raises ``ReviewClaimedByOther`` while somebody else has it reserved."""
    if claimed_by not in (None, actor.account_id) and claimed_until is not None and claimed_until > at:
        raise ReviewClaimedByOther(
            "another reviewer has claimed this review", claimed_until=claimed_until.isoformat()
        )


def check_second(first_approval_by: UUID | None, actor: Actor) -> None:
    """Raises ``SecondPersonNeeded`` for whoever approved first."""
    if first_approval_by is not None and first_approval_by == actor.account_id:
        raise SecondPersonNeeded("you approved this already; another reviewer has to approve it too")


_KINDS = {
    SubjectKind.ENTERPRISE: ("企业信息", "the enterprise's record"),
    SubjectKind.PREFIX: ("前缀申请", "the application for a prefix"),
    SubjectKind.HOSTING: ("托管申请", "the application for hosting"),
    SubjectKind.TRANSFER: ("前缀转让", "the transfer of a prefix"),
}
_VERDICTS = {
    Verb.APPROVE: ("审核通过", "was approved"),
    Verb.RETURN: ("已退回修改", "was returned for correction"),
    Verb.REJECT: ("已驳回", "was rejected"),
}


def _told(row: Mapping[str, Any], verb: Verb, reason: str) -> dict[str, str]:
    """What the enterprise is notified of; the reason was written for it to read."""
    (thing_zh, thing_en), (verdict_zh, verdict_en) = _KINDS[SubjectKind(row["subject_kind"])], _VERDICTS[verb]
    return {
        "title_zh": f"{thing_zh}{verdict_zh}",
        "title_en": f"{thing_en} {verdict_en}",
        "detail_zh": reason,
        "detail_en": reason,
        "subject_kind": row["subject_kind"],
        "subject_id": row["subject_id"],
    }
