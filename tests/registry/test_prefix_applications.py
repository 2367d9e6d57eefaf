"""Applications for prefixes: together with the enterprise, in the queue of reviews, by two persons."""

from __future__ import annotations

from uuid import uuid4

import pytest

from node.auth import Account, NotAllowed
from node.database import transaction
from node.identifier import Prefix
from registry.enterprises import Enterprise, EnterpriseNotApproved
from registry.prefix_application import apply_prefix
from registry.prefix_grant import PrefixGrant
from registry.prefixes import Prefixes, PrefixTaken
from registry.reviews.cases import ReviewPolicy, SecondPersonNeeded
from registry.transitions import EnterpriseState, Hosting, PrefixState, Verb
from tests.support.office import NODE_PREFIX, Office, acting

S = PrefixState


async def together(office: Office, enterprise: Enterprise, prefix: Prefix | None = None) -> PrefixGrant:
    async with transaction(office.pool) as connection:
        return await apply_prefix(
            connection, office.admin, acting(office.admin), enterprise.enterprise_id, prefix, "追溯", office.clock(),
            node_prefix=NODE_PREFIX, with_enterprise=True, hosting=Hosting.SELF_HOSTED,
        )  # fmt: skip


async def decide(office: Office, enterprise: Enterprise, verb: Verb) -> Enterprise:
    who = office.reviewer
    return await office.enterprises.move(who, acting(who), enterprise.enterprise_id, verb, "理由")


async def open_reviews(office: Office) -> list[str]:
    rows = await office.pool.fetch("SELECT subject_kind FROM review WHERE state <> 'decided' ORDER BY review_id")
    return [row["subject_kind"] for row in rows]


async def test_a_prefix_applied_for_with_its_enterprise_shares_the_outcome_of_its_review(office: Office) -> None:
    for verb, state in ((Verb.APPROVE, S.REVIEWED), (Verb.REJECT, S.REJECTED), (Verb.RETURN, S.APPLIED)):
        enterprise = await office.enterprise(EnterpriseState.SUBMITTED)
        grant = await together(office, enterprise)
        assert (grant.state, grant.with_enterprise, grant.hosting) == (S.APPLIED, True, Hosting.SELF_HOSTED)
        assert await open_reviews(office) == ["enterprise"]
        await decide(office, enterprise, verb)
        after = await office.prefixes.get(office.user(enterprise), grant.prefix)
        assert (after.state, await open_reviews(office)) == (state, [])
        if state is S.REVIEWED:
            assert (await office.traces()).messages[-1]["kind"] == "prefix.reviewed"
            passed = await office.prefixes.apply_verdict(grant.prefix, True, "", enable=True)
            assert passed.state is S.ENABLED


async def test_what_was_returned_and_submitted_again_is_approved_with_its_prefix(office: Office) -> None:
    enterprise = await office.enterprise(EnterpriseState.SUBMITTED)
    grant = await together(office, enterprise)
    await decide(office, enterprise, Verb.RETURN)
    with pytest.raises(EnterpriseNotApproved):
        await together(office, enterprise)
    await office.enterprises.move(office.admin, acting(office.admin), enterprise.enterprise_id, Verb.SUBMIT)
    await decide(office, enterprise, Verb.APPROVE)
    assert (await office.prefixes.get(office.admin, grant.prefix)).state is S.REVIEWED


async def test_a_rejected_enterprise_s_number_is_free_again(office: Office) -> None:
    enterprise = await office.enterprise(EnterpriseState.SUBMITTED)
    wanted = Prefix.parse("88.101.6001")
    await together(office, enterprise, wanted)
    other = await office.enterprise()
    with pytest.raises(PrefixTaken):
        await together(office, other, wanted)
    await decide(office, enterprise, Verb.REJECT)
    assert (await together(office, other, wanted)).enterprise_id == other.enterprise_id


async def test_other_applications_of_the_enterprise_wait_for_a_review_of_their_own(office: Office) -> None:
    enterprise = await office.enterprise()
    grant = await together(office, enterprise)
    assert not grant.with_enterprise  # the enterprise had its review already
    assert await open_reviews(office) == ["prefix"]
    facts = office.facts(credit_code=enterprise.facts.credit_code)
    await office.enterprises.edit(
        office.admin, acting(office.admin), enterprise.enterprise_id, facts, version=enterprise.version
    )
    joined = await together(office, enterprise)
    assert joined.with_enterprise
    await decide(office, enterprise, Verb.APPROVE)
    assert (await office.prefixes.get(office.admin, grant.prefix)).state is S.APPLIED
    assert (await office.prefixes.get(office.admin, joined.prefix)).state is S.REVIEWED


async def test_nobody_applies_for_a_stranger(office: Office) -> None:
    enterprise = await office.enterprise(EnterpriseState.SUBMITTED)
    stranger = office.user()
    async with transaction(office.pool) as connection:
        with pytest.raises(NotAllowed):
            await apply_prefix(
                connection, stranger, acting(stranger), enterprise.enterprise_id, None, "", office.clock(),
                node_prefix=NODE_PREFIX, with_enterprise=True,
            )  # fmt: skip


async def test_an_application_waits_in_the_queue_until_it_is_decided_or_its_enterprise_closed(office: Office) -> None:
    for ends in (Verb.APPROVE, Verb.REJECT, Verb.CLOSE):
        grant = await office.grant(S.APPLIED)
        assert await open_reviews(office) == ["prefix"]
        if ends is Verb.CLOSE:
            await office.enterprises.move(office.admin, acting(office.admin), grant.enterprise_id, ends, "理由")
        else:
            await office.prefixes.move(office.reviewer, acting(office.reviewer), grant.prefix, ends, "理由")
        assert await open_reviews(office) == []


async def test_with_four_eyes_a_prefix_moves_when_the_second_reviewer_approves(office: Office) -> None:
    office.prefixes = Prefixes(office.pool, office.clock, NODE_PREFIX, ReviewPolicy(four_eyes=True))
    grant = await office.grant(S.APPLIED)
    first, second = office.reviewer, Account(uuid4(), "second", office.reviewer.role, None)
    assert await office.prefixes.move(first, acting(first), grant.prefix, Verb.APPROVE) == grant
    with pytest.raises(SecondPersonNeeded):
        await office.prefixes.move(first, acting(first), grant.prefix, Verb.APPROVE)
    moved = await office.prefixes.move(second, acting(second), grant.prefix, Verb.APPROVE)
    assert moved.state is S.REVIEWED
