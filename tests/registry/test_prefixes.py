"""Prefixes from application to withdrawal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from uuid import UUID, uuid4

import pytest

from node.auth import Account, Action, NotAllowed
from node.database import DatabaseAway, transaction
from node.errors import NodeError
from node.identifier import Prefix
from node.notices import Notice, NoticeKind
from registry.enterprises import EnterpriseNotApproved, EnterpriseUnknown
from registry.prefixes import (
    PrefixGrant,
    PrefixNotEnabled,
    PrefixOutsideNode,
    PrefixTaken,
    PrefixUnknown,
    VerdictOutdated,
    readable_prefix,
    writable_prefix,
)
from registry.transitions import EnterpriseState, PrefixState, ReasonMissing, TransitionRefused, Verb
from tests.support.notices import Notices
from tests.support.office import Office, acting

S = PrefixState
MOVES = (Verb.APPROVE, Verb.REJECT, Verb.ENABLE, Verb.SUSPEND, Verb.RESUME, Verb.WITHDRAW)

# What each move leads to and reports; written down independently of registry/transitions.py.
LEADS: dict[tuple[S, Verb], tuple[S, str | None]] = {
    (S.APPLIED, Verb.APPROVE): (S.REVIEWED, "prefix.reviewed"),
    (S.APPLIED, Verb.REJECT): (S.REJECTED, None),
    (S.VERIFIED, Verb.ENABLE): (S.ENABLED, "prefix.enabled"),
    (S.ENABLED, Verb.SUSPEND): (S.SUSPENDED, "prefix.suspended"),
    (S.SUSPENDED, Verb.RESUME): (S.ENABLED, "prefix.enabled"),
    (S.VERIFIED, Verb.WITHDRAW): (S.WITHDRAWN, "prefix.withdrawn"),
    (S.ENABLED, Verb.WITHDRAW): (S.WITHDRAWN, "prefix.withdrawn"),
    (S.SUSPENDED, Verb.WITHDRAW): (S.WITHDRAWN, "prefix.withdrawn"),
}
WHO = {
    Verb.APPROVE: {"reviewer"},
    Verb.REJECT: {"reviewer"},
    Verb.ENABLE: {"administrator"},
    Verb.SUSPEND: {"administrator"},
    Verb.RESUME: {"administrator"},
    Verb.WITHDRAW: {"administrator"},
}


async def mover(office: Office, grant: PrefixGrant, verb: Verb, reason: str = "理由") -> PrefixGrant:
    who = office.reviewer if WHO[verb] == {"reviewer"} else office.admin
    return await office.prefixes.move(who, acting(who), grant.prefix, verb, reason)


async def suspended_enterprise(office: Office, enterprise_id: UUID) -> None:
    await office.enterprises.move(office.admin, acting(office.admin), enterprise_id, Verb.SUSPEND, "理由")


async def test_a_verdict_on_an_application_that_is_gone_does_not_hit_the_one_after_it(office: Office) -> None:
    first = await office.grant(S.REVIEWED)
    number = (await office.traces()).messages[-1]["body"]["application"]
    assert number == first.prefix_id
    await office.prefixes.apply_verdict(first.prefix, False, "名称不符", True, number)
    holder = await office.enterprises.get(office.admin, first.enterprise_id)
    user = office.user(holder)
    again = await office.prefixes.apply(user, acting(user), holder.enterprise_id, first.prefix)
    await office.prefixes.move(office.reviewer, acting(office.reviewer), first.prefix, Verb.APPROVE)
    async with office.nothing_left():
        with pytest.raises(VerdictOutdated) as outdated:
            await office.prefixes.apply_verdict(first.prefix, True, "", True, number)
    assert outdated.value.evidence == {"prefix": first.prefix.key, "application": number}
    passed = await office.prefixes.apply_verdict(first.prefix, True, "", True, again.prefix_id)
    assert passed.state is S.ENABLED


async def test_every_move_in_every_state_leads_where_it_should_and_tells_the_resolvers(
    office: Office, notices: Notices
) -> None:
    for state, verb in product(S, MOVES):
        grant = await office.grant(state)
        await notices()
        expected = LEADS.get((state, verb))
        if expected is None:
            async with office.nothing_left():
                with pytest.raises(TransitionRefused) as refusal:
                    await mover(office, grant, verb)
            assert refusal.value.evidence["state"] == state
            continue
        office.clock.turn(seconds=1)
        async with office.leaving(expected[1]):
            moved = await mover(office, grant, verb)
        assert moved == await office.prefixes.get(office.auditor, grant.prefix)
        assert (moved.state, moved.version, moved.updated_at) == (expected[0], grant.version + 1, office.clock())
        assert (moved.reason, moved.log_secret) == ("理由", grant.log_secret)
        act = (await office.traces()).acts[-1]
        assert (act["action"], act["reason"]) == (f"prefix.{verb}", "理由")
        assert (act["before"]["state"], act["after"]["state"]) == (state, moved.state)
        assert await notices() == [Notice(NoticeKind.PREFIX, grant.prefix.key).encode()]


async def test_each_move_is_open_to_the_listed_people_only(office: Office) -> None:
    enterprise = await office.enterprise()
    for (state, verb), _ in LEADS.items():
        for name, who in office.cast(enterprise).items():
            grant = await office.grant(state, enterprise)
            if name in WHO[verb]:
                await office.prefixes.move(who, acting(who), grant.prefix, verb, "理由")
            else:
                async with office.nothing_left():
                    with pytest.raises(NotAllowed):
                        await office.prefixes.move(who, acting(who), grant.prefix, verb, "理由")


async def test_the_nodes_own_verbs_are_nobodys(office: Office) -> None:
    grant = await office.grant(S.REVIEWED)
    for verb in (Verb.VERIFY, Verb.REFUSE):
        with pytest.raises(TransitionRefused):
            await office.prefixes.move(office.admin, acting(office.admin), grant.prefix, verb, "理由")


async def test_rejecting_suspending_and_withdrawing_need_a_reason(office: Office) -> None:
    for state, verb in ((S.APPLIED, Verb.REJECT), (S.ENABLED, Verb.SUSPEND), (S.ENABLED, Verb.WITHDRAW)):
        grant = await office.grant(state)
        async with office.nothing_left():
            with pytest.raises(ReasonMissing):
                await mover(office, grant, verb, reason="")


async def test_who_may_apply_for_an_enterprise(office: Office) -> None:
    enterprise = await office.enterprise()
    for number, (name, who) in enumerate(office.cast(enterprise).items()):
        prefix = Prefix.parse(f"88.101.7{number}")
        applied = office.prefixes.apply(who, acting(who), enterprise.enterprise_id, prefix, "产品追溯")
        if name in ("administrator", "own user"):
            async with office.leaving(None):
                grant = await applied
            assert (grant.state, grant.purpose, grant.credit_code) == (
                S.APPLIED, "产品追溯", enterprise.facts.credit_code,
            )  # fmt: skip
            assert grant == await office.prefixes.get(who, prefix)
        else:
            async with office.nothing_left():
                with pytest.raises(NotAllowed):
                    await applied


async def test_every_prefix_gets_a_secret_of_its_own_that_is_never_shown(office: Office) -> None:
    one, two = await office.grant(), await office.grant()
    assert len(one.log_secret) == len(two.log_secret) == 32
    assert one.log_secret != two.log_secret
    assert "log_secret" not in repr(one)
    assert "log_secret" not in str(await office.traces())


async def test_a_prefix_that_is_not_directly_below_the_nodes_own_is_refused(office: Office) -> None:
    enterprise_id = (await office.enterprise()).enterprise_id
    for text in ("88.101", "88.102.1", "86.101.1", "88.10.1", "88.1011.1", "88.1010"):
        with pytest.raises(PrefixOutsideNode) as refusal:
            await office.prefixes.apply(office.admin, acting(office.admin), enterprise_id, Prefix.parse(text))
        assert refusal.value.evidence == {"prefix": text, "node_prefix": "88.101"}


async def test_leading_zeros_and_letters_make_a_prefix_of_their_own_and_case_does_not(office: Office) -> None:
    enterprise = await office.enterprise()
    for text in ("88.101.81101", "88.101.081101", "88.101.ab1"):
        await office.prefixes.apply(office.admin, acting(office.admin), enterprise.enterprise_id, Prefix.parse(text))
    assert (await office.prefixes.get(office.admin, Prefix.parse("88.101.Ab1"))).prefix.key == "88.101.AB1"
    with pytest.raises(PrefixTaken):
        await office.prefixes.apply(
            office.admin, acting(office.admin), enterprise.enterprise_id, Prefix.parse("88.101.AB1")
        )


async def test_only_an_approved_enterprise_applies(office: Office) -> None:
    for state in EnterpriseState:
        enterprise = await office.enterprise(state)
        user = office.user(enterprise)
        prefix = Prefix.parse(f"88.101.{state.upper()}")
        if state is EnterpriseState.APPROVED:
            await office.prefixes.apply(user, acting(user), enterprise.enterprise_id, prefix)
        else:
            with pytest.raises(EnterpriseNotApproved):
                await office.prefixes.apply(user, acting(user), enterprise.enterprise_id, prefix)
    with pytest.raises(EnterpriseUnknown):
        await office.prefixes.apply(office.admin, acting(office.admin), uuid4(), Prefix.parse("88.101.1"))


async def test_a_number_is_free_again_only_after_an_application_was_turned_down(office: Office) -> None:
    other = await office.enterprise()
    user = office.user(other)
    for state in S:
        grant = await office.grant(state)
        again = office.prefixes.apply(user, acting(user), other.enterprise_id, grant.prefix)
        if state in (S.REJECTED, S.REFUSED):
            assert (await again).enterprise_id == other.enterprise_id
        else:
            with pytest.raises(PrefixTaken) as refusal:
                await again
            assert refusal.value.evidence == {"prefix": grant.prefix.key}


async def test_staff_learns_who_holds_a_taken_prefix(office: Office) -> None:
    grant, other = await office.grant(), await office.enterprise()
    with pytest.raises(PrefixTaken) as refusal:
        await office.prefixes.apply(office.admin, acting(office.admin), other.enterprise_id, grant.prefix)
    assert refusal.value.evidence["holder"] == str(grant.enterprise_id)


async def test_the_second_holder_of_a_number_does_not_see_the_first_ones_history(office: Office) -> None:
    turned_down = await office.grant(S.REJECTED)
    second = await office.enterprise()
    user = office.user(second)
    grant = await office.prefixes.apply(user, acting(user), second.enterprise_id, turned_down.prefix)
    acts = await office.prefixes.history(user, grant.prefix)
    assert [act.action for act in acts] == ["prefix.apply"]
    first = await office.enterprises.get(office.admin, turned_down.enterprise_id)
    acts = await office.prefixes.history(office.user(first), grant.prefix)
    assert [act.action for act in acts] == ["prefix.reject", "prefix.apply"]
    assert (await office.prefixes.get(office.user(first), grant.prefix)).state is S.REJECTED
    assert (await office.prefixes.get(office.admin, grant.prefix)).enterprise_id == second.enterprise_id


async def test_a_verdict_verifies_and_if_wanted_enables(office: Office) -> None:
    one, two, three = [await office.grant(S.REVIEWED) for _ in range(3)]
    async with office.leaving(None):
        assert (await office.prefixes.apply_verdict(one.prefix, True, "核验通过", enable=False)).state is S.VERIFIED
    async with office.leaving(None, "prefix.enabled"):
        assert (await office.prefixes.apply_verdict(two.prefix, True, "核验通过", enable=True)).state is S.ENABLED
    async with office.leaving(None):
        refused = await office.prefixes.apply_verdict(three.prefix, False, "名称不符", enable=True)
    assert (refused.state, refused.reason) == (S.REFUSED, "名称不符")
    acts = (await office.traces()).acts
    assert [act["account_id"] for act in acts if act["action"] in ("prefix.verify", "prefix.refuse")] == [None] * 3


async def test_a_verdict_that_comes_again_or_contradicts_changes_nothing(office: Office) -> None:
    for state in (S.VERIFIED, S.ENABLED, S.SUSPENDED, S.WITHDRAWN, S.REFUSED):
        grant = await office.grant(state)
        for passed in (True, False):
            async with office.nothing_left():
                again = await office.prefixes.apply_verdict(grant.prefix, passed, "again", enable=True)
            assert again == grant


async def test_a_verdict_on_what_was_never_sent_up_is_refused(office: Office) -> None:
    for state in (S.APPLIED, S.REJECTED):
        grant = await office.grant(state)
        with pytest.raises(TransitionRefused):
            await office.prefixes.apply_verdict(grant.prefix, True, "", enable=True)
    with pytest.raises(PrefixUnknown):
        await office.prefixes.apply_verdict(Prefix.parse("88.101.1"), True, "", enable=True)


async def test_two_stewards_with_the_same_verdict_enable_once(office: Office) -> None:
    for _ in range(5):
        grant = await office.grant(S.REVIEWED)
        async with office.leaving(None, "prefix.enabled"):
            await asyncio.gather(
                *(office.prefixes.apply_verdict(grant.prefix, True, "passed", enable=True) for _ in range(4))
            )


async def test_the_prefix_of_a_suspended_enterprise_takes_no_step_towards_use(office: Office) -> None:
    steps = {S.APPLIED: Verb.APPROVE, S.VERIFIED: Verb.ENABLE, S.SUSPENDED: Verb.RESUME}
    for state, verb in steps.items():
        grant = await office.grant(state)
        await suspended_enterprise(office, grant.enterprise_id)
        async with office.nothing_left():
            with pytest.raises(EnterpriseNotApproved):
                await mover(office, grant, verb)
    grant = await office.grant(S.REVIEWED)
    await suspended_enterprise(office, grant.enterprise_id)
    assert (await office.prefixes.apply_verdict(grant.prefix, True, "", enable=True)).state is S.VERIFIED


async def test_a_prefix_suspended_by_itself_stays_so_when_its_enterprise_resumes(office: Office) -> None:
    grant = await office.grant(S.SUSPENDED)
    await suspended_enterprise(office, grant.enterprise_id)
    await office.enterprises.move(office.admin, acting(office.admin), grant.enterprise_id, Verb.RESUME)
    assert (await office.prefixes.get(office.admin, grant.prefix)).state is S.SUSPENDED


async def test_a_list_shows_staff_everything_page_by_page_and_an_enterprise_its_own(office: Office) -> None:
    one, two = await office.enterprise(), await office.enterprise()
    made = [await office.grant(state, one) for state in (S.APPLIED, S.ENABLED)]
    made += [await office.grant(state, two) for state in (S.APPLIED, S.REJECTED)]
    first = await office.prefixes.list(office.reviewer, limit=3)
    rest = await office.prefixes.list(office.reviewer, after=first[-1].prefix_id, limit=3)
    assert [*first, *rest] == made
    assert await office.prefixes.list(office.reviewer, state=S.APPLIED) == [made[0], made[2]]
    assert await office.prefixes.list(office.reviewer, enterprise_id=two.enterprise_id) == made[2:]
    assert await office.prefixes.list(office.user(one)) == made[:2]
    with pytest.raises(NotAllowed):
        await office.prefixes.list(office.user(one), enterprise_id=two.enterprise_id)


async def test_who_may_read_a_prefix_and_its_history(office: Office) -> None:
    grant = await office.grant()
    enterprise = await office.enterprises.get(office.admin, grant.enterprise_id)
    for name, who in office.cast(enterprise).items():
        if name.startswith("other"):
            for attempt in (office.prefixes.get(who, grant.prefix), office.prefixes.history(who, grant.prefix)):
                with pytest.raises(NotAllowed):
                    await attempt
        else:
            assert (await office.prefixes.get(who, grant.prefix)).state is S.ENABLED
            assert len(await office.prefixes.history(who, grant.prefix)) == 4


async def held(office: Office, account: Account, grant: PrefixGrant, action: Action) -> PrefixGrant:
    async with transaction(office.pool) as connection:
        return await writable_prefix(connection, account, action, grant.prefix)


async def test_identifiers_are_written_below_enabled_prefixes_of_approved_enterprises_only(office: Office) -> None:
    for state in S:
        grant = await office.grant(state)
        user = office.user(await office.enterprises.get(office.admin, grant.enterprise_id))
        if state is S.ENABLED:
            assert await held(office, user, grant, Action.IDENTIFIER_REGISTER) == grant
            continue
        wanted = PrefixUnknown if state in (S.REJECTED, S.REFUSED) else PrefixNotEnabled
        with pytest.raises(wanted):
            await held(office, user, grant, Action.IDENTIFIER_REGISTER)
    grant = await office.grant()
    enterprise = await office.enterprises.get(office.admin, grant.enterprise_id)
    user = office.user(enterprise)
    await office.enterprises.edit(
        user,
        acting(user),
        enterprise.enterprise_id,
        replace(enterprise.facts, name="新名有限公司"),
        enterprise.version,
    )
    with pytest.raises(EnterpriseNotApproved):
        await held(office, user, grant, Action.IDENTIFIER_UPDATE)


async def test_who_may_write_below_a_prefix(office: Office) -> None:
    grant = await office.grant()
    enterprise = await office.enterprises.get(office.admin, grant.enterprise_id)
    for name, who in office.cast(enterprise).items():
        for action in (Action.IDENTIFIER_REGISTER, Action.IDENTIFIER_UPDATE, Action.IDENTIFIER_DELETE):
            if name in ("administrator", "own user", "own application"):
                await held(office, who, grant, action)
            else:
                with pytest.raises(NotAllowed):
                    await held(office, who, grant, action)


async def test_a_look_below_a_prefix_needs_no_enabled_one(office: Office) -> None:
    grant = await office.grant(S.WITHDRAWN)
    async with transaction(office.pool) as connection:
        found = await readable_prefix(connection, office.auditor, Action.IDENTIFIER_READ, grant.prefix)
        assert found == grant
        with pytest.raises(PrefixUnknown):
            await readable_prefix(connection, office.auditor, Action.IDENTIFIER_READ, Prefix.parse("88.101.1"))


async def test_a_suspension_waits_for_the_registration_that_holds_the_prefix(office: Office) -> None:
    grant = await office.grant()
    async with transaction(office.pool) as connection:
        await writable_prefix(connection, office.admin, Action.IDENTIFIER_REGISTER, grant.prefix)
        moves = [
            asyncio.create_task(mover(office, grant, Verb.SUSPEND)),
            asyncio.create_task(suspended_enterprise(office, grant.enterprise_id)),
        ]
        _, waiting = await asyncio.wait(moves, timeout=0.2)
        assert len(waiting) == 2
    await asyncio.gather(*moves)
    with pytest.raises(PrefixNotEnabled):
        await held(office, office.admin, grant, Action.IDENTIFIER_REGISTER)


async def test_of_twenty_applicants_for_one_prefix_one_wins(office: Office) -> None:
    enterprises = [await office.enterprise() for _ in range(20)]
    for number in range(5):
        prefix = Prefix.parse(f"88.101.900{number}")
        async with office.leaving(None):
            found = await asyncio.gather(
                *(
                    office.prefixes.apply(office.admin, acting(office.admin), one.enterprise_id, prefix)
                    for one in enterprises
                ),
                return_exceptions=True,
            )
        assert sum(isinstance(outcome, PrefixGrant) for outcome in found) == 1
        assert sum(isinstance(outcome, PrefixTaken) for outcome in found) == 19


async def test_registrations_suspensions_and_resumptions_at_once_never_lock_each_other_out(office: Office) -> None:
    enterprise = await office.enterprise()
    grants = [await office.grant(S.ENABLED, enterprise) for _ in range(3)]
    admin = office.admin

    # A deadlock is no NodeError: it fails the test.
    async def tolerant(attempt: object) -> None:
        try:
            await attempt  # type: ignore[misc]  # one of three kinds of coroutine
        except DatabaseAway:
            raise
        except NodeError:
            pass

    async def registering(grant: PrefixGrant) -> None:
        for _ in range(30):
            await tolerant(held(office, admin, grant, Action.IDENTIFIER_REGISTER))

    async def turning(verbs: tuple[Verb, Verb]) -> None:
        for verb in verbs * 10:
            await tolerant(office.enterprises.move(admin, acting(admin), enterprise.enterprise_id, verb, "理由"))

    async def switching(grant: PrefixGrant) -> None:
        for verb in (Verb.SUSPEND, Verb.RESUME) * 10:
            await tolerant(mover(office, grant, verb))

    async with asyncio.timeout(30):
        await asyncio.gather(
            *(registering(grant) for grant in grants),
            *(switching(grant) for grant in grants),
            turning((Verb.SUSPEND, Verb.RESUME)),
            turning((Verb.RESUME, Verb.SUSPEND)),
        )
