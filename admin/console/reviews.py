"""The queue of reviews (审核任务), and one review with everything to decide side by side.

Decisions are the reviewers' alone: administrators and auditors see the queue and find no buttons.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from admin.console.amendments import amended
from admin.console.enterprise_page import WORDS, record_of
from admin.console.enterprise_words import FIELDS
from admin.console.form import Form, Refusal
from admin.console.page import STAFF, Page
from admin.console.timeline import Change, timeline
from admin.console.visit import Visit, address
from node.auth import Action
from node.errors import NodeError
from registry.api.v1.reviews import ReviewView
from registry.reviews.cases import Occasion, ReviewState, SubjectKind

_ALL = "/console/reviews"
_ONE = "/console/reviews/{review_id}"
_REASONS = 3
_LOOKED_BACK = 200
_DONE = {
    "approve": ("已通过", "Approved"),
    "return": ("已退回修改", "Returned for correction"),
    "reject": ("已驳回", "Rejected"),
}


def review_pages() -> list[Page]:
    """``/console/reviews`` and below."""

    async def listing(visit: Visit) -> web.StreamResponse:
        asked = visit.query("state", "kind", "enterprise_id", "mine", "cursor")
        found = await visit.ask("GET /v1/reviews", query=asked)
        return visit.show(
            "reviews.html", found=found, kinds=list(SubjectKind), states_of_reviews=list(ReviewState), now=_now()
        )

    async def one(visit: Visit) -> web.StreamResponse:
        return await _shown(visit)

    async def people(visit: Visit) -> web.StreamResponse:
        return await _shown(visit, people=True)

    async def decide(visit: Visit) -> web.StreamResponse:
        form = await visit.form()
        body = {"verdict": form.text("verdict"), "reasons": _reasons(form)}
        try:
            decided = await visit.ask("POST /v1/reviews/{review_id}/decision", review_id=_id(visit), body=body)
        except NodeError as error:
            return await _shown(visit, refusal=Refusal.of(error), form=form)
        return await _to_the_next(visit, decided, form.text("verdict"))

    return [
        Page("GET", _ALL, listing, Action.REVIEW_READ, STAFF),
        Page("GET", _ONE, one, Action.REVIEW_READ, STAFF),
        Page("POST", f"{_ONE}/personal", people, Action.ENTERPRISE_PERSONAL_READ, STAFF),
        Page("POST", f"{_ONE}/claim", _press("claim", "已认领", "Claimed"), Action.REVIEW_CLAIM, STAFF),
        Page("POST", f"{_ONE}/release", _press("release", "已退还", "Given back"), Action.REVIEW_CLAIM, STAFF),
        Page("POST", f"{_ONE}/checks", _press("checks", "已核验", "Checked"), Action.REVIEW_CHECK, STAFF),
        Page("POST", f"{_ONE}/decision", decide, Action.REVIEW_CLAIM, STAFF),
    ]


async def _shown(
    visit: Visit, *, people: bool = False, refusal: Refusal | None = None, form: Form | None = None
) -> web.Response:
    review = await visit.ask("GET /v1/reviews/{review_id}", review_id=_id(visit))
    history = await visit.ask("GET /v1/reviews/{review_id}/history", review_id=_id(visit))
    enterprise = await visit.ask("GET /v1/enterprises/{enterprise_id}", enterprise_id=review.enterprise_id)
    holding = await visit.ask("GET /v1/prefixes", query={"enterprise_id": review.enterprise_id})
    clear = None
    if people:
        clear = await visit.ask("GET /v1/enterprises/{enterprise_id}/personal", enterprise_id=review.enterprise_id)
    return visit.show(
        "review.html", here=_here(visit), review=review, enterprise=enterprise, record=record_of(enterprise),
        words=WORDS, clear=clear, prefixes=holding.items, deeds=await timeline(visit, history), now=_now(),
        changes=await _changes(visit, review), subject=await _subject(visit, review), refusal=refusal,
        fields=_fields(visit, review),
        said=[(form.text(f"field{n}"), form.text(f"text{n}")) if form else ("", "") for n in range(_REASONS)],
    )  # fmt: skip


async def _changes(visit: Visit, review: ReviewView) -> list[Change]:
    """What an amended enterprise says otherwise than when it was approved last; none of what is new."""
    if review.kind is not SubjectKind.ENTERPRISE or review.occasion is not Occasion.AMENDMENT:
        return []
    history = await visit.ask(
        "GET /v1/enterprises/{enterprise_id}/history", query={"limit": _LOOKED_BACK},
        enterprise_id=review.enterprise_id,
    )  # fmt: skip
    return amended(visit.t, history.items, review.decided_at)


async def _subject(visit: Visit, review: ReviewView) -> Any:
    """The prefix with its route, or the transfer, that a review is about; an enterprise stands on the page anyway."""
    if review.kind is SubjectKind.TRANSFER:
        return await visit.ask("GET /v1/transfers/{transfer_id}", transfer_id=review.subject.rpartition("/")[2])
    if review.prefix is not None:
        return await visit.ask("GET /v1/prefixes/{prefix}", prefix=review.prefix)
    return None


async def _to_the_next(visit: Visit, decided: ReviewView, verdict: str) -> web.Response:
    """The next review that the visitor may approve, else the queue."""
    done = _DONE[verdict]
    if decided.state is ReviewState.SECONDING:
        done = ("已记录首次同意，须另一名审核员复核", "Recorded; another reviewer has to approve it too")
    found = await visit.ask("GET /v1/reviews", query={"free": True, "limit": 1})
    if not found.items:
        return visit.go(_ALL, (f"{done[0]}。没有其他待审任务", f"{done[1]}. Nothing else is waiting for you"))
    place = address(_ONE, review_id=found.items[0].review_id)
    name = decided.enterprise_name
    return visit.go(place, (f"{name}：{done[0]}。以下是下一项", f"{name}: {done[1]}. Here is the next one"))


def _press(step: str, zh: str, en: str) -> Callable[[Visit], Awaitable[web.StreamResponse]]:
    async def press(visit: Visit) -> web.StreamResponse:
        operation = f"POST /v1/reviews/{{review_id}}/{step}"
        return await visit.press(operation, _here(visit), (zh, en), review_id=_id(visit))

    return press


def _reasons(form: Form) -> list[dict[str, str]]:
    said = ((form.text(f"field{number}"), form.text(f"text{number}")) for number in range(_REASONS))
    return [{"text": text, "field": field} for field, text in said if text]


def _fields(visit: Visit, review: ReviewView) -> list[tuple[str, str]]:
    """What a reason may be about: of an enterprise its fields, of all else the whole."""
    whole = [("", visit.t("整体", "the whole"))]
    if review.kind is not SubjectKind.ENTERPRISE:
        return whole
    named = ((path, visit.t(*words)) for path, words in FIELDS.items() if not path.startswith("person."))
    return [*whole, *named]


def _id(visit: Visit) -> str:
    return visit.text("review_id")


def _here(visit: Visit) -> str:
    return address(_ONE, review_id=_id(visit))


def _now() -> datetime:
    """For how long something has waited; who may decide is the operation's to say."""
    return datetime.now(UTC)
