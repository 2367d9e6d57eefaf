"""Enterprises from draft to closing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from itertools import product
from uuid import uuid4

import pytest

from node.auth import NotAllowed
from node.errors import Conflict, NodeError
from node.notices import Notice, NoticeKind
from registry.credit_code import CreditCodeInvalid
from registry.enterprises import (
    CreditCodeTaken,
    Enterprise,
    EnterpriseHoldsPrefixes,
    EnterpriseUnknown,
)
from registry.profiles.personal import Personal
from registry.reference_data import DivisionCodeInvalid, IndustryCodeInvalid
from registry.store import VersionChanged
from registry.transitions import EnterpriseState, PrefixState, ReasonMissing, TransitionRefused, Verb
from tests.support.notices import Notices
from tests.support.office import CONTACT, Office, acting

S = EnterpriseState
MOVES = (Verb.SUBMIT, Verb.APPROVE, Verb.RETURN, Verb.REJECT, Verb.SUSPEND, Verb.RESUME, Verb.CLOSE)


# What each move leads to and reports; written down independently of registry/transitions.py.
LEADS: dict[tuple[S, Verb], tuple[S, str | None]] = {
    (S.DRAFT, Verb.SUBMIT): (S.SUBMITTED, None),
    (S.RETURNED, Verb.SUBMIT): (S.SUBMITTED, None),
    (S.SUBMITTED, Verb.APPROVE): (S.APPROVED, "enterprise.approved"),
    (S.SUBMITTED, Verb.RETURN): (S.RETURNED, None),
    (S.SUBMITTED, Verb.REJECT): (S.REJECTED, None),
    (S.APPROVED, Verb.SUSPEND): (S.SUSPENDED, "enterprise.suspended"),
    (S.SUSPENDED, Verb.RESUME): (S.APPROVED, "enterprise.approved"),
    (S.DRAFT, Verb.CLOSE): (S.CLOSED, None),
    (S.RETURNED, Verb.CLOSE): (S.CLOSED, "enterprise.closed"),
    (S.APPROVED, Verb.CLOSE): (S.CLOSED, "enterprise.closed"),
    (S.SUSPENDED, Verb.CLOSE): (S.CLOSED, "enterprise.closed"),
}
WHO = {
    Verb.SUBMIT: {"administrator", "own user"},
    Verb.APPROVE: {"reviewer"},
    Verb.RETURN: {"reviewer"},
    Verb.REJECT: {"reviewer"},
    Verb.SUSPEND: {"administrator"},
    Verb.RESUME: {"administrator"},
    Verb.CLOSE: {"administrator"},
}


async def mover(office: Office, enterprise: Enterprise, verb: Verb, reason: str = "理由") -> Enterprise:
    who = office.reviewer if WHO[verb] == {"reviewer"} else office.admin
    return await office.enterprises.move(who, acting(who), enterprise.enterprise_id, verb, reason)


async def test_every_move_in_every_state_leads_where_it_should_and_leaves_its_traces(office: Office) -> None:
    for state, verb in product(S, MOVES):
        enterprise = await office.enterprise(state)
        expected = LEADS.get((state, verb))
        if expected is None:
            async with office.nothing_left():
                with pytest.raises(TransitionRefused) as refusal:
                    await mover(office, enterprise, verb)
            assert refusal.value.evidence["state"] == state
            assert await office.enterprises.get(office.auditor, enterprise.enterprise_id) == enterprise
            continue
        office.clock.turn(seconds=1)
        async with office.leaving(expected[1]):
            moved = await mover(office, enterprise, verb)
        assert moved == await office.enterprises.get(office.auditor, enterprise.enterprise_id)
        assert (moved.state, moved.version, moved.updated_at) == (expected[0], enterprise.version + 1, office.clock())
        act = (await office.traces()).acts[-1]
        assert (act["action"], act["reason"]) == (f"enterprise.{verb}", "理由")
        assert (act["before"]["state"], act["after"]["state"]) == (state, moved.state)


async def test_each_move_is_open_to_the_listed_people_only(office: Office) -> None:
    for (state, verb), _ in LEADS.items():
        for name in office.cast(await office.enterprise(S.DRAFT)):
            enterprise = await office.enterprise(state)
            who = office.cast(enterprise)[name]
            if name in WHO[verb]:
                await office.enterprises.move(who, acting(who), enterprise.enterprise_id, verb, "理由")
            else:
                async with office.nothing_left():
                    with pytest.raises(NotAllowed):
                        await office.enterprises.move(who, acting(who), enterprise.enterprise_id, verb, "理由")


async def test_returning_rejecting_suspending_and_closing_need_a_reason(office: Office) -> None:
    for state, verb in [
        (S.SUBMITTED, Verb.RETURN), (S.SUBMITTED, Verb.REJECT), (S.APPROVED, Verb.SUSPEND), (S.APPROVED, Verb.CLOSE),
    ]:  # fmt: skip
        enterprise = await office.enterprise(state)
        async with office.nothing_left():
            with pytest.raises(ReasonMissing):
                await mover(office, enterprise, verb, reason="")


async def test_only_the_administrator_opens_an_enterprise(office: Office) -> None:
    for name, who in office.cast(await office.enterprise()).items():
        if name == "administrator":
            async with office.leaving(None):
                made = await office.enterprises.create(who, acting(who), office.facts())
            assert (made.state, made.version) == (S.DRAFT, 1)
            continue
        with pytest.raises(NotAllowed):
            await office.enterprises.create(who, acting(who), office.facts())


async def test_wrong_codes_are_refused_and_unknown_ones_are_cautions(office: Office) -> None:
    for faulty, error in [
        (office.facts(credit_code="91350100M000100Y44"), CreditCodeInvalid),
        (office.facts(division_code="33021"), DivisionCodeInvalid),
        (office.facts(industry_code="C3443"), IndustryCodeInvalid),
    ]:
        async with office.nothing_left():
            with pytest.raises(error):
                await office.enterprises.create(office.admin, acting(office.admin), faulty)
    odd = office.facts(division_code="339999", industry_code="9999")
    made = await office.enterprises.create(office.admin, acting(office.admin), odd)
    assert [caution.code for caution in made.facts.check()] == ["division_unknown", "industry_unknown"]


async def test_a_credit_code_is_free_again_after_rejection_and_closing_and_not_before(office: Office) -> None:
    for state in S:
        code = (await office.enterprise(state)).facts.credit_code
        again = office.facts(credit_code=code)
        if state in (S.REJECTED, S.CLOSED):
            await office.enterprises.create(office.admin, acting(office.admin), again)
        else:
            async with office.nothing_left():
                with pytest.raises(CreditCodeTaken):
                    await office.enterprises.create(office.admin, acting(office.admin), again)


async def test_staff_learns_who_holds_a_credit_code_and_an_enterprise_does_not(office: Office) -> None:
    holder, other = await office.enterprise(), await office.enterprise(S.DRAFT)
    wanted = replace(other.facts, credit_code=holder.facts.credit_code)
    user = office.user(other)
    with pytest.raises(CreditCodeTaken) as refusal:
        await office.enterprises.edit(user, acting(user), other.enterprise_id, wanted, other.version)
    assert refusal.value.evidence == {"credit_code": holder.facts.credit_code}
    with pytest.raises(CreditCodeTaken) as refusal:
        await office.enterprises.edit(office.admin, acting(office.admin), other.enterprise_id, wanted, other.version)
    assert refusal.value.evidence["holder"] == str(holder.enterprise_id)


async def test_facts_are_edited_in_draft_returned_and_approved_only(office: Office) -> None:
    for state in S:
        enterprise = await office.enterprise(state)
        user = office.user(enterprise)
        people = Personal(contact=replace(CONTACT, phone="13900000000"))
        edit = office.enterprises.edit(
            user, acting(user), enterprise.enterprise_id, enterprise.facts, enterprise.version, personal=people
        )
        if state in (S.DRAFT, S.RETURNED, S.APPROVED):
            async with office.leaving(None):
                edited = await edit
            assert (edited.state, edited.version) == (state, enterprise.version + 1)
            assert edited.reason == enterprise.reason
            assert await office.enterprises.personal(user, acting(user), edited.enterprise_id) == people
        else:
            async with office.nothing_left():
                with pytest.raises(TransitionRefused):
                    await edit


async def test_an_approved_enterprise_that_amends_reviewed_facts_is_submitted_again(office: Office) -> None:
    for changed in (
        {"name": "新名有限公司"},
        {"division_code": "110105"},
        {"industry_code": "34"},
        {"credit_code": ""},
    ):
        enterprise = await office.enterprise()
        changed = {name: value or office.facts().credit_code for name, value in changed.items()}
        user = office.user(enterprise)
        async with office.leaving(None):
            amended = await office.enterprises.edit(
                user, acting(user), enterprise.enterprise_id, replace(enterprise.facts, **changed), enterprise.version
            )
        assert amended.state is S.SUBMITTED
        assert (await office.traces()).acts[-1]["action"] == "enterprise.amend"


async def test_resolvers_hear_that_the_name_of_a_holder_changed(office: Office, notices: Notices) -> None:
    grant = await office.grant(PrefixState.ENABLED)
    enterprise = await office.enterprises.get(office.admin, grant.enterprise_id)
    user = office.user(enterprise)
    announced = Notice(NoticeKind.PREFIX, grant.prefix.key).encode()
    await notices()
    await office.enterprises.edit(
        user,
        acting(user),
        enterprise.enterprise_id,
        replace(enterprise.facts, name="新名有限公司"),
        enterprise.version,
    )
    assert await notices() == [announced]
    await office.enterprises.move(office.reviewer, acting(office.reviewer), enterprise.enterprise_id, Verb.APPROVE)
    assert await notices() == [announced]


async def test_facts_that_stand_already_change_nothing(office: Office) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    async with office.nothing_left():
        same = await office.enterprises.edit(
            user, acting(user), enterprise.enterprise_id, enterprise.facts, enterprise.version
        )
    assert same == enterprise


async def test_the_national_node_hears_of_facts_that_change_without_a_review(office: Office) -> None:
    enterprise = await office.enterprise()
    moved = replace(enterprise.facts, address="新地址1号")
    async with office.leaving("enterprise.approved"):
        await office.enterprises.edit(office.admin, acting(office.admin), enterprise.enterprise_id, moved, 3)
    assert (await office.traces()).messages[-1]["body"]["address"] == "新地址1号"
    called = replace(moved, name="新名有限公司")
    async with office.leaving(None):  # nothing of it holds before a reviewer has approved it
        await office.enterprises.edit(office.admin, acting(office.admin), enterprise.enterprise_id, called, 4)


async def test_an_edit_of_an_older_version_is_refused_with_both_numbers(office: Office) -> None:
    enterprise = await office.enterprise(S.DRAFT)
    facts = replace(enterprise.facts, address="新地址1号")
    await office.enterprises.edit(office.admin, acting(office.admin), enterprise.enterprise_id, facts, 1)
    async with office.nothing_left():
        with pytest.raises(VersionChanged) as refusal:
            await office.enterprises.edit(office.admin, acting(office.admin), enterprise.enterprise_id, facts, 1)
    assert refusal.value.evidence == {"expected": 1, "found": 2}


async def test_who_may_read_edit_and_look_into_history(office: Office) -> None:
    enterprise = await office.enterprise()
    for name, who in office.cast(enterprise).items():
        for read in (office.enterprises.get, office.enterprises.history):
            if name.startswith("other"):
                with pytest.raises(NotAllowed):
                    await read(who, enterprise.enterprise_id)
            else:
                assert await read(who, enterprise.enterprise_id)
        contact = replace(enterprise.facts, website=f"https://{name.replace(' ', '-')}.example")
        if name in ("administrator", "own user"):
            enterprise = await office.enterprises.edit(
                who, acting(who), enterprise.enterprise_id, contact, enterprise.version
            )
        else:
            with pytest.raises(NotAllowed):
                await office.enterprises.edit(who, acting(who), enterprise.enterprise_id, contact, enterprise.version)


async def test_a_list_shows_staff_everything_page_by_page_and_an_enterprise_itself(office: Office) -> None:
    made = []
    for state in (S.DRAFT, S.SUBMITTED, S.DRAFT, S.APPROVED, S.DRAFT):
        office.clock.turn(seconds=1)
        made.append((await office.enterprise(state)).enterprise_id)
    first = await office.enterprises.list(office.auditor, limit=3)
    rest = await office.enterprises.list(office.auditor, after=first[-1].enterprise_id, limit=3)
    assert [enterprise.enterprise_id for enterprise in [*first, *rest]] == made
    drafts = await office.enterprises.list(office.auditor, state=S.DRAFT)
    assert [enterprise.enterprise_id for enterprise in drafts] == [made[0], made[2], made[4]]
    own = await office.enterprises.list(office.user(first[1]))
    assert [enterprise.enterprise_id for enterprise in own] == [made[1]]
    assert await office.enterprises.list(office.user()) == []


async def test_what_nobody_has_is_unknown(office: Office) -> None:
    nobody = uuid4()
    for attempt in (
        office.enterprises.get(office.admin, nobody),
        office.enterprises.history(office.admin, nobody),
        office.enterprises.edit(office.admin, acting(office.admin), nobody, office.facts(), 1),
        office.enterprises.move(office.admin, acting(office.admin), nobody, Verb.SUBMIT),
    ):
        with pytest.raises(EnterpriseUnknown):
            await attempt


async def test_history_tells_the_whole_life_newest_first_and_page_by_page(office: Office) -> None:
    enterprise = await office.enterprise(S.SUSPENDED)
    acts = await office.enterprises.history(office.user(enterprise), enterprise.enterprise_id)
    assert [act.action for act in acts] == [
        "enterprise.suspend", "enterprise.approve", "enterprise.submit", "enterprise.create",
    ]  # fmt: skip
    assert acts[-1].before is None
    first = await office.enterprises.history(office.auditor, enterprise.enterprise_id, limit=3)
    rest = await office.enterprises.history(office.auditor, enterprise.enterprise_id, before_act=first[-1].act_id)
    assert [*first, *rest] == acts


async def test_no_word_about_people_goes_upward_and_history_keeps_masks(office: Office) -> None:
    enterprise = await office.enterprise(S.SUSPENDED)
    await mover(office, enterprise, Verb.CLOSE)
    traces = await office.traces()
    assert len(traces.messages) == 3
    for message in traces.messages:
        assert set(message["body"]) == {
            "enterprise_id", "credit_code", "other_certificate", "name", "name_en", "division_code", "industry_code",
            "address", "website", "state", "profile",
        }  # fmt: skip
        assert "papers" not in message["body"]["profile"]
        assert not any(word in str(message) for word in (CONTACT.name, CONTACT.phone, CONTACT.email))
    assert traces.acts[0]["after"]["personal"]["contact"]["phone"] == "138****0000"
    assert traces.acts[0]["after"]["personal_changed"] == ["contact.name", "contact.email", "contact.phone"]
    for act in traces.acts:
        assert not any(word in str(act) for word in (CONTACT.name, CONTACT.phone, CONTACT.email))


async def test_suspension_takes_the_enabled_prefixes_along_and_resumption_brings_those_back(
    office: Office, notices: Notices
) -> None:
    enterprise = await office.enterprise()
    before = {
        state: await office.grant(state, enterprise) for state in PrefixState if state is not PrefixState.WITHDRAWN
    }
    await notices()

    async def states() -> dict[PrefixState, PrefixState]:
        found = {grant.prefix_id: grant.state for grant in await office.prefixes.list(office.admin)}
        return {state: found[grant.prefix_id] for state, grant in before.items()}

    async with office.leaving("enterprise.suspended", "prefix.suspended"):
        await mover(office, enterprise, Verb.SUSPEND)
    assert await states() == {state: state for state in before} | {PrefixState.ENABLED: PrefixState.SUSPENDED}
    assert await notices() == [f"p{before[PrefixState.ENABLED].prefix.key}/"]
    async with office.leaving("enterprise.approved", "prefix.enabled"):
        await mover(office, enterprise, Verb.RESUME)
    assert await states() == {state: state for state in before}


async def test_closing_withdraws_what_is_in_use_and_turns_down_what_is_applied_for(office: Office) -> None:
    enterprise = await office.enterprise()
    before = {state: await office.grant(state, enterprise) for state in PrefixState}
    await mover(office, enterprise, Verb.CLOSE)
    found = {grant.prefix_id: grant.state for grant in await office.prefixes.list(office.admin)}
    after = {state: found[grant.prefix_id] for state, grant in before.items()}
    withdrawn = {PrefixState.VERIFIED, PrefixState.ENABLED, PrefixState.SUSPENDED, PrefixState.WITHDRAWN}
    assert {state for state, now in after.items() if now is PrefixState.WITHDRAWN} == withdrawn
    assert after[PrefixState.APPLIED] is PrefixState.REJECTED
    assert after[PrefixState.REVIEWED] is PrefixState.REVIEWED
    verdict = await office.prefixes.apply_verdict(before[PrefixState.REVIEWED].prefix, True, "passed", enable=True)
    assert verdict.state is PrefixState.WITHDRAWN


async def test_a_reviewer_does_not_end_an_enterprise_that_holds_prefixes(office: Office) -> None:
    grant = await office.grant()
    held = await office.enterprises.get(office.admin, grant.enterprise_id)
    await office.enterprises.edit(
        office.admin, acting(office.admin), held.enterprise_id, replace(held.facts, name="新名有限公司"), held.version
    )
    async with office.nothing_left():
        with pytest.raises(EnterpriseHoldsPrefixes) as refusal:
            await mover(office, held, Verb.REJECT)
    assert refusal.value.evidence["prefixes"] == [grant.prefix.key]
    await mover(office, held, Verb.RETURN)
    assert (await mover(office, held, Verb.CLOSE)).state is S.CLOSED


async def outcomes(attempts: list[Awaitable[object]]) -> tuple[list[object], list[NodeError]]:
    """Attempts at once, as those that succeeded and those that were refused; anything else fails the test."""
    found = await asyncio.gather(*attempts, return_exceptions=True)
    for outcome in found:
        if isinstance(outcome, BaseException) and not isinstance(outcome, NodeError):
            raise outcome
    return (
        [outcome for outcome in found if not isinstance(outcome, BaseException)],
        [outcome for outcome in found if isinstance(outcome, NodeError)],
    )


async def test_of_two_reviewers_at_once_one_decides(office: Office) -> None:
    for _ in range(10):
        enterprise = await office.enterprise(S.SUBMITTED)
        async with office.leaving("enterprise.approved"):
            done, refused = await outcomes([mover(office, enterprise, Verb.APPROVE) for _ in range(2)])
        assert (len(done), [type(error) for error in refused]) == (1, [TransitionRefused])


async def test_of_many_with_one_credit_code_one_wins(office: Office) -> None:
    facts = office.facts()
    async with office.leaving(None):
        done, refused = await outcomes(
            [office.enterprises.create(office.admin, acting(office.admin), facts) for _ in range(8)]
        )
    assert len(done) == 1
    assert {type(error) for error in refused} == {CreditCodeTaken}
    assert all(isinstance(error, Conflict) for error in refused)
