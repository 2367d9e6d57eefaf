"""The queue of reviews: what waits, who has it, what is decided."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest

from node.auth import NotAllowed
from registry.reviews.cases import (
    Occasion,
    ReviewClaimedByOther,
    ReviewDecided,
    ReviewReason,
    ReviewState,
    SecondPersonNeeded,
    SubjectKind,
    drop_review,
)
from registry.reviews.deciding import VerdictNotPossible
from registry.reviews.reviews import ReviewNotClaimed, ReviewUnknown
from registry.transitions import (
    EnterpriseState,
    Hosting,
    PrefixState,
    ReasonMissing,
    TransferState,
    TransitionRefused,
    Verb,
)
from tests.support.office import Office, acting
from tests.support.reviewing import ReviewDesk


async def state_of(desk: ReviewDesk, review_enterprise: object) -> EnterpriseState:
    found = await desk.enterprises.get(desk.office.auditor, review_enterprise)  # type: ignore[arg-type]  # a UUID
    return found.state


async def test_what_is_submitted_waits_in_the_order_of_opening(office: Office) -> None:
    desk = ReviewDesk(office)
    made = []
    for _ in range(3):
        made.append(await desk.submitted())
        office.clock.turn(seconds=1)
    first, second, third = await desk.reviews.list(office.reviewer)
    assert [one.enterprise_id for one in (first, second, third)] == [one.enterprise_id for one in made]
    assert (first.kind, first.occasion, first.state) == (SubjectKind.ENTERPRISE, Occasion.REGISTRATION, "waiting")
    assert (first.enterprise_name, first.prefix) == (made[0].facts.name, None)
    assert await desk.reviews.list(office.reviewer, after=first.review_id, limit=1) == [second]
    assert await desk.reviews.list(office.reviewer, enterprise_id=made[2].enterprise_id) == [third]
    assert await desk.reviews.list(office.reviewer, kind=SubjectKind.PREFIX) == []


async def test_a_decision_in_the_queue_moves_the_enterprise_and_is_kept_with_its_reasons(office: Office) -> None:
    desk = ReviewDesk(office)
    made = await desk.submitted()
    review = await desk.waiting()
    reasons = [ReviewReason("与营业执照不符", "name", "differs"), ReviewReason("请补充", "", "")]
    async with office.leaving(None):
        decided = await desk.reviews.decide(
            office.reviewer, acting(office.reviewer), review.review_id, Verb.RETURN, reasons
        )
    assert (decided.state, decided.outcome, decided.reasons) == ("decided", "return", tuple(reasons))
    assert (decided.decided_by, decided.decided_at) == (office.reviewer.account_id, office.clock())
    returned = await desk.enterprises.get(office.auditor, made.enterprise_id)
    assert (returned.state, returned.reason) == (EnterpriseState.RETURNED, "name：与营业执照不符；请补充")
    assert await desk.reviews.list(office.auditor) == []
    assert await desk.reviews.list(office.auditor, state=ReviewState.DECIDED) == [decided]
    row = await office.pool.fetchrow("SELECT enterprise_id, kind, body FROM notification")
    assert (row["enterprise_id"], row["kind"]) == (made.enterprise_id, "review.return")
    assert json.loads(row["body"])["title_zh"] == "企业信息已退回修改"


async def test_a_direct_approval_settles_the_review_too(office: Office) -> None:
    desk = ReviewDesk(office)
    made = await desk.submitted()
    review = await desk.waiting()
    await desk.enterprises.move(desk.second, acting(desk.second), made.enterprise_id, Verb.APPROVE)
    settled = await desk.reviews.get(office.auditor, review.review_id)
    assert (settled.state, settled.outcome, settled.decided_by) == ("decided", "approve", desk.second.account_id)


async def test_what_is_corrected_and_sent_again_is_a_review_of_its_own(office: Office) -> None:
    desk = ReviewDesk(office)
    made = await desk.submitted()
    old = await desk.waiting()
    await desk.decide(office.reviewer, old, Verb.RETURN, "请补充")
    await desk.enterprises.move(office.admin, acting(office.admin), made.enterprise_id, Verb.SUBMIT)
    new = await desk.waiting()
    assert new.review_id != old.review_id
    with pytest.raises(ReviewDecided):
        await desk.decide(office.reviewer, old, Verb.APPROVE)
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.SUBMITTED
    await desk.decide(office.reviewer, new, Verb.APPROVE)
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.APPROVED


async def test_returning_and_rejecting_need_a_reason(office: Office) -> None:
    desk = ReviewDesk(office)
    await desk.submitted()
    review = await desk.waiting()
    for verdict in (Verb.RETURN, Verb.REJECT):
        async with office.nothing_left():
            with pytest.raises(ReasonMissing):
                await desk.decide(office.reviewer, review, verdict)
    assert await desk.waiting() == review


async def test_a_claimed_review_is_decided_by_its_claimant_only_until_the_claim_ends(office: Office) -> None:
    desk = ReviewDesk(office)
    made = await desk.submitted()
    review = await desk.waiting()
    async with office.leaving(None):
        claimed = await desk.reviews.claim(desk.first, acting(desk.first), review.review_id)
    assert claimed.claimed_by == desk.first.account_id
    assert await desk.reviews.list(desk.first, mine=True) == [claimed]
    assert await desk.reviews.list(desk.second, mine=True) == []
    assert await desk.reviews.list(desk.first, free=True) == [claimed]
    assert await desk.reviews.list(desk.second, free=True) == []
    async with office.nothing_left():
        with pytest.raises(ReviewClaimedByOther):
            await desk.reviews.claim(desk.second, acting(desk.second), review.review_id)
        with pytest.raises(ReviewClaimedByOther):
            await desk.decide(desk.second, review, Verb.APPROVE)
        with pytest.raises(ReviewClaimedByOther):
            await desk.enterprises.move(desk.second, acting(desk.second), made.enterprise_id, Verb.APPROVE)
    office.clock.turn(minutes=29)
    await desk.reviews.claim(desk.first, acting(desk.first), review.review_id)
    office.clock.turn(minutes=29)
    with pytest.raises(ReviewClaimedByOther):
        await desk.decide(desk.second, review, Verb.APPROVE)
    office.clock.turn(minutes=2)
    assert await desk.reviews.list(desk.first, mine=True) == []
    assert len(await desk.reviews.list(desk.second, free=True)) == 1
    await desk.decide(desk.second, review, Verb.APPROVE)
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.APPROVED


async def test_a_claim_is_given_back_by_its_claimant(office: Office) -> None:
    desk = ReviewDesk(office)
    await desk.submitted()
    review = await desk.waiting()
    with pytest.raises(ReviewNotClaimed):
        await desk.reviews.release(desk.first, acting(desk.first), review.review_id)
    await desk.reviews.claim(desk.first, acting(desk.first), review.review_id)
    with pytest.raises(ReviewNotClaimed):
        await desk.reviews.release(desk.second, acting(desk.second), review.review_id)
    async with office.leaving(None):
        released = await desk.reviews.release(desk.first, acting(desk.first), review.review_id)
    assert released.claimed_by is None
    assert (await desk.reviews.claim(desk.second, acting(desk.second), review.review_id)).claimed_by is not None
    acts = await desk.reviews.history(office.auditor, review.review_id)
    assert [act.action for act in acts] == ["review.claim", "review.release", "review.claim"]


async def test_of_twenty_reviewers_one_gets_the_claim(office: Office) -> None:
    desk = ReviewDesk(office)
    await desk.submitted()
    review = await desk.waiting()
    people = [ReviewDesk(office).second for _ in range(20)]
    answers = await asyncio.gather(
        *(desk.reviews.claim(one, acting(one), review.review_id) for one in people), return_exceptions=True
    )
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert sum(isinstance(answer, ReviewClaimedByOther) for answer in answers) == 19


async def test_with_four_eyes_two_people_have_to_approve(office: Office) -> None:
    desk = ReviewDesk(office, four_eyes=True)
    made = await desk.submitted()
    review = await desk.waiting()
    await desk.reviews.claim(desk.first, acting(desk.first), review.review_id)
    async with office.leaving(None):
        seconding = await desk.decide(desk.first, review, Verb.APPROVE)
    assert (seconding.state, seconding.first_approval_by) == ("seconding", desk.first.account_id)
    assert seconding.claimed_by is None
    assert await desk.reviews.list(desk.first, free=True) == []
    assert await desk.reviews.list(desk.second, free=True) == [seconding]
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.SUBMITTED
    async with office.nothing_left():
        with pytest.raises(SecondPersonNeeded):
            await desk.decide(desk.first, review, Verb.APPROVE)
        with pytest.raises(SecondPersonNeeded):
            await desk.enterprises.move(desk.first, acting(desk.first), made.enterprise_id, Verb.APPROVE)
        with pytest.raises(SecondPersonNeeded):
            await desk.reviews.claim(desk.first, acting(desk.first), review.review_id)
    async with office.leaving("enterprise.approved"):
        decided = await desk.decide(desk.second, review, Verb.APPROVE)
    assert (decided.first_approval_by, decided.decided_by) == (desk.first.account_id, desk.second.account_id)
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.APPROVED


async def test_with_four_eyes_one_person_returns_and_the_next_round_needs_two_again(office: Office) -> None:
    desk = ReviewDesk(office, four_eyes=True)
    made = await desk.submitted()
    review = await desk.waiting()
    await desk.decide(desk.first, review, Verb.APPROVE)
    await desk.decide(desk.first, review, Verb.RETURN, "又看了一遍")
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.RETURNED
    await desk.enterprises.move(office.admin, acting(office.admin), made.enterprise_id, Verb.SUBMIT)
    again = await desk.decide(desk.second, await desk.waiting(), Verb.APPROVE)
    assert again.state is ReviewState.SECONDING


async def test_of_two_reviewers_approving_at_once_under_four_eyes_one_is_the_second(office: Office) -> None:
    desk = ReviewDesk(office, four_eyes=True)
    made = await desk.submitted()
    review = await desk.waiting()
    await asyncio.gather(
        desk.decide(desk.first, review, Verb.APPROVE), desk.decide(desk.second, review, Verb.APPROVE)
    )
    decided = await desk.reviews.get(office.auditor, review.review_id)
    assert {decided.first_approval_by, decided.decided_by} == {desk.first.account_id, desk.second.account_id}
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.APPROVED


async def test_an_application_for_a_prefix_is_decided_in_the_queue(office: Office) -> None:
    desk = ReviewDesk(office)
    grant = await office.grant(PrefixState.APPLIED)
    review = await desk.waiting(SubjectKind.PREFIX)
    assert review.prefix == grant.prefix
    facts = await desk.reviews.facts(office.auditor, review)
    assert (facts["prefix"], facts["state"], facts["enterprise_state"]) == (grant.prefix.key, "applied", "approved")
    with pytest.raises(VerdictNotPossible) as refusal:
        await desk.decide(office.reviewer, review, Verb.RETURN, "请补充")
    assert refusal.value.evidence["possible"] == ["approve", "reject"]
    await desk.decide(office.reviewer, review, Verb.APPROVE)
    assert (await desk.prefixes.get(office.auditor, grant.prefix)).state is PrefixState.REVIEWED


async def test_hosting_and_transfers_are_decided_in_the_queue(office: Office) -> None:
    desk = ReviewDesk(office)
    grant = await office.grant()
    await office.pool.execute("UPDATE prefix SET hosting = 'self_hosted'")
    user = office.user(await desk.enterprises.get(office.admin, grant.enterprise_id))
    await desk.hosting.apply(user, acting(user), grant.prefix)
    await desk.decide(office.reviewer, await desk.waiting(SubjectKind.HOSTING), Verb.APPROVE)
    assert (await desk.prefixes.get(office.auditor, grant.prefix)).hosting is Hosting.HOSTED
    receiver = await office.enterprise()
    offered = await desk.transfers.offer(user, acting(user), grant.prefix, receiver.enterprise_id)
    taker = office.user(receiver)
    await desk.transfers.answer(taker, acting(taker), offered.transfer_id, Verb.ACCEPT)
    review = await desk.waiting(SubjectKind.TRANSFER)
    facts = await desk.reviews.facts(office.auditor, review)
    assert (facts["prefix"], facts["to_enterprise"]) == (grant.prefix.key, receiver.facts.name)
    await desk.decide(office.reviewer, review, Verb.REJECT, "资料不全")
    assert (await desk.transfers.get(office.auditor, offered.transfer_id)).state is TransferState.REJECTED


async def test_what_was_withdrawn_leaves_the_queue_undecided(office: Office) -> None:
    desk = ReviewDesk(office)
    made = await desk.submitted()
    review = await desk.waiting()
    async with office.pool.acquire() as connection:
        await drop_review(connection, SubjectKind.ENTERPRISE, str(made.enterprise_id), office.clock())
    assert await desk.reviews.list(office.auditor) == []
    dropped = await desk.reviews.get(office.auditor, review.review_id)
    assert (dropped.state, dropped.outcome, dropped.decided_by) == ("decided", "withdrawn", None)


async def test_what_an_older_node_left_without_a_review_is_decided_all_the_same(office: Office) -> None:
    desk = ReviewDesk(office, four_eyes=True)
    made = await desk.submitted()
    await office.pool.execute("UPDATE review SET subject_id = $1", str(uuid4()))
    await desk.enterprises.move(desk.first, acting(desk.first), made.enterprise_id, Verb.APPROVE)
    assert await state_of(desk, made.enterprise_id) is EnterpriseState.APPROVED


async def test_the_queue_is_open_to_the_listed_people_only(office: Office) -> None:
    desk = ReviewDesk(office)
    made = await desk.submitted()
    review = await desk.waiting()
    for name, who in office.cast(made).items():
        if name in ("administrator", "reviewer", "auditor"):
            assert await desk.reviews.get(who, review.review_id) == review
        else:
            with pytest.raises(NotAllowed):
                await desk.reviews.get(who, review.review_id)
            with pytest.raises(NotAllowed):
                await desk.reviews.list(who)
        if name != "reviewer":
            async with office.nothing_left():
                with pytest.raises(NotAllowed):
                    await desk.reviews.claim(who, acting(who), review.review_id)
                with pytest.raises(NotAllowed):
                    await desk.reviews.check(who, acting(who), review.review_id)
                with pytest.raises(NotAllowed):
                    await desk.decide(who, review, Verb.APPROVE)
    with pytest.raises(ReviewUnknown):
        await desk.reviews.get(office.auditor, uuid4())


async def test_a_refused_move_leaves_the_review_open(office: Office) -> None:
    desk = ReviewDesk(office)
    await desk.submitted()
    review = await desk.waiting()
    await office.pool.execute("UPDATE enterprise SET state = 'suspended'")
    with pytest.raises(TransitionRefused):
        await desk.decide(office.reviewer, review, Verb.APPROVE)
    assert await desk.waiting() == review
