"""``/v1/reviews``: the queue of real-name reviews, its checks and decisions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from node.auth import Action
from node.routes import Call, Reply, Route
from registry.api.v1.fields import Body, Text, View
from registry.api.v1.history import HistoryView
from registry.api.v1.paging import CursorBroken, Page, cut, number_cursor, uuid_cursor
from registry.enterprises import EnterpriseHoldsPrefixes, EnterpriseNotApproved
from registry.reviews.cases import (
    Occasion,
    ReviewClaimedByOther,
    ReviewDecided,
    ReviewReason,
    ReviewState,
    SecondPersonNeeded,
    SubjectKind,
)
from registry.reviews.deciding import VerdictNotPossible
from registry.reviews.reviews import ReviewNotClaimed, Reviews, ReviewUnknown
from registry.reviews.stored import IdentityCheck, Review
from registry.reviews.verifiers import Outcome
from registry.transitions import ReasonMissing, TransitionRefused, Verb

_TAG = "reviews"
_ONE = "/v1/reviews/{review_id}"
_MOST_REASONS = 20


class ReasonBody(Body):
    """Why; ``field`` and ``code`` say what it is about, and are empty where it is about the whole."""

    text: Annotated[Text, Field(min_length=1, max_length=500)]
    field: Annotated[Text, Field(max_length=100)] = ""
    code: Annotated[Text, Field(max_length=64)] = ""


class DecisionBody(Body):
    """Returning (enterprises only) and rejecting need reasons, which the enterprise reads."""

    verdict: Literal["approve", "return", "reject"]
    reasons: Annotated[list[ReasonBody], Field(max_length=_MOST_REASONS)] = Field(default_factory=list)


class ReviewQuery(Page):
    """Without ``state`` what is still open; ``mine`` leaves what the caller has claimed.

    ``free`` leaves what the caller may approve: nobody else claimed it, nor was it the caller who approved first.
    """

    state: ReviewState | None = None
    kind: SubjectKind | None = None
    enterprise_id: UUID | None = None
    mine: bool = False
    free: bool = False


class ReasonView(View):
    text: str
    field: str
    code: str


class ReviewView(View):
    """A review; ``subject`` is the address of what it is about."""

    review_id: UUID
    kind: SubjectKind
    subject: str
    enterprise_id: UUID
    enterprise_name: str
    prefix: str | None
    occasion: Occasion
    state: ReviewState
    claimed_by: UUID | None
    claimed_by_name: str | None
    claimed_until: datetime | None
    first_approval_by: UUID | None
    first_approval_by_name: str | None
    first_approval_at: datetime | None
    outcome: str | None
    reasons: list[ReasonView]
    decided_by: UUID | None
    decided_by_name: str | None
    opened_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, review: Review) -> Self:
        """The answer about one review."""
        return cls(**_members(review))


class FindingView(View):
    """One sentence about a field: Chinese, a slash, English."""

    field: str
    code: str
    message: str


class CheckView(View):
    """What a verifier said; ``form_only`` compared with no register."""

    identity_check_id: int
    verifier: str
    account_id: UUID
    outcome: Outcome
    findings: list[FindingView]
    checked_at: datetime

    @classmethod
    def of(cls, check: IdentityCheck) -> Self:
        """The answer about one check."""
        return cls(
            identity_check_id=check.identity_check_id,
            verifier=check.verifier,
            account_id=check.account_id,
            outcome=check.outcome,
            findings=[FindingView(field=one.field, code=one.code, message=one.message) for one in check.findings],
            checked_at=check.checked_at,
        )


class CheckList(View):
    items: list[CheckView]


class ReviewDetailView(ReviewView):
    """A review with the facts of its subject as they stand now, and what verifiers said, newest first."""

    facts: dict[str, str | int | bool | None]
    checks: list[CheckView]


class ReviewList(View):
    items: list[ReviewView]
    next_cursor: str | None


def review_routes(reviews: Reviews) -> list[Route]:
    """Every route of reviews."""

    async def listing(call: Call, query: ReviewQuery) -> Reply:
        found = await reviews.list(
            call.account,
            state=query.state,
            kind=query.kind,
            enterprise_id=query.enterprise_id,
            mine=query.mine,
            free=query.free,
            after=uuid_cursor(query.cursor),
            limit=query.limit + 1,
        )
        shown, cursor = cut(found, query.limit, lambda review: review.review_id)
        return Reply(ReviewList(items=[ReviewView.of(review) for review in shown], next_cursor=cursor))

    async def read(call: Call) -> Reply:
        review = await reviews.get(call.account, call.uuid("review_id"))
        facts = await reviews.facts(call.account, review)
        checks = await reviews.checks(call.account, review.review_id)
        detail = ReviewDetailView(
            **_members(review),
            facts={name: _plain(value) for name, value in facts.items()},
            checks=[CheckView.of(check) for check in checks],
        )
        return Reply(detail)

    async def claim(call: Call) -> Reply:
        return Reply(ReviewView.of(await reviews.claim(call.account, call.actor, call.uuid("review_id"))))

    async def release(call: Call) -> Reply:
        return Reply(ReviewView.of(await reviews.release(call.account, call.actor, call.uuid("review_id"))))

    async def check(call: Call) -> Reply:
        checks = await reviews.check(call.account, call.actor, call.uuid("review_id"))
        return Reply(CheckList(items=[CheckView.of(one) for one in checks]))

    async def decide(call: Call, body: DecisionBody) -> Reply:
        reasons = [ReviewReason(one.text, one.field, one.code) for one in body.reasons]
        decided = await reviews.decide(call.account, call.actor, call.uuid("review_id"), Verb(body.verdict), reasons)
        return Reply(ReviewView.of(decided))

    async def history(call: Call, query: Page) -> Reply:
        acts = await reviews.history(
            call.account, call.uuid("review_id"), before_act=number_cursor(query.cursor), limit=query.limit + 1
        )
        return Reply(HistoryView.of(acts, query.limit))

    claiming = (ReviewUnknown, ReviewDecided, ReviewClaimedByOther, SecondPersonNeeded)
    return [
        Route("GET", "/v1/reviews", listing, action=Action.REVIEW_READ, tag=_TAG,
              summary="The queue of reviews in the order of opening", summary_zh="审核队列",
              query=ReviewQuery, answers={200: ReviewList}, errors=(CursorBroken,)),
        Route("GET", _ONE, read, action=Action.REVIEW_READ, tag=_TAG,
              summary="A review with its facts and checks", summary_zh="查看审核",
              answers={200: ReviewDetailView}, errors=(ReviewUnknown,)),
        Route("POST", f"{_ONE}/claim", claim, action=Action.REVIEW_CLAIM, tag=_TAG,
              summary="Claim a review for some time", summary_zh="认领审核",
              answers={200: ReviewView}, errors=claiming),
        Route("POST", f"{_ONE}/release", release, action=Action.REVIEW_CLAIM, tag=_TAG,
              summary="Give a claimed review back", summary_zh="退还审核",
              answers={200: ReviewView}, errors=(ReviewUnknown, ReviewDecided, ReviewNotClaimed)),
        Route("POST", f"{_ONE}/checks", check, action=Action.REVIEW_CHECK, tag=_TAG,
              summary="Ask the configured verifiers about the enterprise", summary_zh="实名核验",
              answers={200: CheckList}, errors=(ReviewUnknown, ReviewDecided)),
        Route("POST", f"{_ONE}/decision", decide, action=Action.REVIEW_CLAIM, tag=_TAG,
              summary="Approve, return or reject", summary_zh="作出审核结论",
              body=DecisionBody, answers={200: ReviewView},
              errors=(*claiming, VerdictNotPossible, ReasonMissing, TransitionRefused, EnterpriseHoldsPrefixes,
                      EnterpriseNotApproved)),
        Route("GET", f"{_ONE}/history", history, action=Action.REVIEW_READ, tag=_TAG,
              summary="Claims, checks and first approvals of a review, newest first", summary_zh="审核过程",
              query=Page, answers={200: HistoryView}, errors=(ReviewUnknown, CursorBroken)),
    ]  # fmt: skip


def _members(review: Review) -> dict[str, Any]:
    return {
        "review_id": review.review_id,
        "kind": review.kind,
        "subject": _address(review),
        "enterprise_id": review.enterprise_id,
        "enterprise_name": review.enterprise_name,
        "prefix": review.prefix.text if review.prefix else None,
        "occasion": review.occasion,
        "state": review.state,
        "claimed_by": review.claimed_by,
        "claimed_by_name": review.claimed_by_name,
        "claimed_until": review.claimed_until,
        "first_approval_by": review.first_approval_by,
        "first_approval_by_name": review.first_approval_by_name,
        "first_approval_at": review.first_approval_at,
        "outcome": review.outcome,
        "reasons": [ReasonView(text=one.text, field=one.field, code=one.code) for one in review.reasons],
        "decided_by": review.decided_by,
        "decided_by_name": review.decided_by_name,
        "opened_at": review.opened_at,
        "decided_at": review.decided_at,
    }


def _address(review: Review) -> str:
    if review.kind is SubjectKind.TRANSFER:
        return f"/v1/transfers/{review.subject_id}"
    if review.prefix is not None:
        return f"/v1/prefixes/{review.prefix.text}"
    return f"/v1/enterprises/{review.enterprise_id}"


def _plain(value: Any) -> str | int | bool | None:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
