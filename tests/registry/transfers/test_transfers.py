"""A prefix passes to another enterprise: offer, consent, review, and what goes along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from uuid import uuid4

import pytest

from node.administration import NotPermitted
from node.auth import Account, NotAllowed
from node.database import Pool
from node.errors import NodeError
from node.identifier import Prefix
from registry.enterprises import Enterprise, EnterpriseNotApproved, EnterpriseUnknown
from registry.handle.policy import HandlePolicyUnknown, Terms
from registry.handle.store import found_record
from registry.identifiers.identifiers import IdentifierExists
from registry.prefix_grant import PrefixGrant
from registry.prefixes import PrefixDerived, PrefixNotEnabled, PrefixUnknown
from registry.reviews.cases import ReviewPolicy, SecondPersonNeeded
from registry.templates.template import Template
from registry.transfers.transfers import Transfer, TransferOpen, Transfers, TransferToHolder, TransferUnknown
from registry.transitions import EnterpriseState, PrefixState, ReasonMissing, TransferState, TransitionRefused, Verb
from tests.support.notices import Notices
from tests.support.office import Office, acting
from tests.support.registrar import admin_value, administer, opened, value
from tests.support.rights import admin, public_key, say
from tests.support.world import PUMP, Holder, World

S = TransferState


class Deal:
    """A giver with an enabled prefix, a receiver, and a user of each."""

    def __init__(self, office: Office, giver: Enterprise, receiver: Enterprise, grant: PrefixGrant) -> None:
        self.office = office
        self.transfers = office.transfers
        self.receiver = receiver
        self.grant = grant
        self.giving = office.user(giver)
        self.receiving = office.user(receiver)

    async def offer(self, by: Account | None = None, reason: str = "业务合并") -> Transfer:
        who = by or self.giving
        return await self.transfers.offer(who, acting(who), self.grant.prefix, self.receiver.enterprise_id, reason)

    async def answer(self, transfer: Transfer, verb: Verb, by: Account | None = None) -> Transfer:
        who = by or (self.giving if verb is Verb.CANCEL else self.receiving)
        return await self.transfers.answer(who, acting(who), transfer.transfer_id, verb)

    async def decide(self, transfer: Transfer, verb: Verb = Verb.APPROVE, reason: str = "理由") -> Transfer:
        who = self.office.reviewer
        return await self.transfers.decide(who, acting(who), transfer.transfer_id, verb, reason)

    async def in_state(self, state: TransferState) -> Transfer:
        transfer = await self.offer()
        if state is S.OFFERED:
            return transfer
        if state in (S.DECLINED, S.CANCELLED):
            return await self.answer(transfer, Verb.DECLINE if state is S.DECLINED else Verb.CANCEL)
        transfer = await self.answer(transfer, Verb.ACCEPT)
        if state is S.ACCEPTED:
            return transfer
        return await self.decide(transfer, Verb.APPROVE if state is S.DONE else Verb.REJECT)


async def deal(office: Office, state: PrefixState = PrefixState.ENABLED) -> Deal:
    giver, receiver = await office.enterprise(), await office.enterprise()
    return Deal(office, giver, receiver, await office.grant(state, giver))


async def refusal(refused: Awaitable[object], kind: type[NodeError]) -> NodeError:
    with pytest.raises(kind) as caught:
        await refused
    return caught.value


async def told(office: Office, who: Enterprise) -> list[str]:
    rows = await office.pool.fetch(
        "SELECT kind FROM notification WHERE enterprise_id = $1 AND kind LIKE 'transfer.%' ORDER BY notification_id",
        who.enterprise_id,
    )
    return [row["kind"] for row in rows]


async def test_a_prefix_is_offered_accepted_reviewed_and_then_the_receiver_s(
    office: Office, notices: Notices
) -> None:
    made = await deal(office)
    async with office.leaving(None):
        transfer = await made.offer()
    assert (transfer.state, transfer.reason, transfer.version) == (S.OFFERED, "业务合并", 1)
    async with office.leaving(None):
        accepted = await made.answer(transfer, Verb.ACCEPT)
    assert accepted == await made.transfers.get(made.receiving, transfer.transfer_id)
    waiting = "SELECT subject_kind, subject_id, enterprise_id FROM review WHERE state = 'waiting'"
    review = await office.pool.fetchrow(waiting)
    assert tuple(review) == ("transfer", str(transfer.transfer_id), made.receiver.enterprise_id)
    await notices()
    async with office.leaving(None, "prefix.transferred"):
        done = await made.decide(accepted)
    assert done.state is S.DONE
    grant = await office.prefixes.get(made.receiving, made.grant.prefix)
    assert (grant.enterprise_id, grant.state) == (made.receiver.enterprise_id, PrefixState.ENABLED)
    assert grant.enterprise_name == made.receiver.facts.name
    await refusal(office.prefixes.get(made.giving, made.grant.prefix), NotAllowed)
    body = (await office.traces()).messages[-1]["body"]
    assert body["from_enterprise_id"] == str(made.grant.enterprise_id)
    assert (body["enterprise_id"], body["credit_code"]) == (
        str(made.receiver.enterprise_id), made.receiver.facts.credit_code,
    )  # fmt: skip
    assert f"p{grant.prefix.key}/" in await notices()
    giver = await office.enterprises.get(office.admin, made.grant.enterprise_id)
    assert await told(office, made.receiver) == ["transfer.offered"]
    assert await told(office, giver) == ["transfer.accepted", "transfer.done"]


async def test_each_step_is_possible_in_its_states_only(office: Office) -> None:
    possible = {
        (S.OFFERED, Verb.ACCEPT), (S.OFFERED, Verb.DECLINE), (S.OFFERED, Verb.CANCEL), (S.ACCEPTED, Verb.CANCEL),
        (S.ACCEPTED, Verb.APPROVE), (S.ACCEPTED, Verb.REJECT),
    }  # fmt: skip
    for state in S:
        for verb in (Verb.ACCEPT, Verb.DECLINE, Verb.CANCEL, Verb.APPROVE, Verb.REJECT):
            made = await deal(office)
            transfer = await made.in_state(state)
            step = made.decide if verb in (Verb.APPROVE, Verb.REJECT) else made.answer
            if (state, verb) in possible:
                assert (await step(transfer, verb)).version == transfer.version + 1
            else:
                async with office.nothing_left():
                    await refusal(step(transfer, verb), TransitionRefused)


async def test_the_holder_offers_the_receiver_consents_and_a_reviewer_decides(office: Office) -> None:
    made = await deal(office)
    for by in (made.receiving, office.reviewer, office.auditor):
        await refusal(made.offer(by), NotAllowed)
    transfer = await made.offer(office.admin)
    for by in (made.giving, office.admin, office.reviewer, office.user()):
        await refusal(made.answer(transfer, Verb.ACCEPT, by), NotAllowed)
    await refusal(made.answer(transfer, Verb.CANCEL, made.receiving), NotAllowed)
    await refusal(made.transfers.get(office.user(), transfer.transfer_id), NotAllowed)
    accepted = await made.answer(transfer, Verb.ACCEPT)
    for by in (made.giving, made.receiving, office.admin):
        await refusal(made.transfers.decide(by, acting(by), transfer.transfer_id, Verb.APPROVE), NotAllowed)
    await refusal(made.decide(accepted, Verb.REJECT, ""), ReasonMissing)


async def test_only_an_own_prefix_in_use_is_offered_and_only_to_another_approved_enterprise(office: Office) -> None:
    for state in (PrefixState.APPLIED, PrefixState.VERIFIED, PrefixState.SUSPENDED, PrefixState.WITHDRAWN):
        await refusal((await deal(office, state)).offer(), PrefixNotEnabled)
    made = await deal(office)
    offer = office.transfers.offer
    giver, actor = made.giving, acting(made.giving)
    prefix = made.grant.prefix
    await refusal(offer(giver, actor, prefix, made.grant.enterprise_id), TransferToHolder)
    await refusal(offer(giver, actor, prefix, uuid4()), EnterpriseUnknown)
    await refusal(offer(giver, actor, Prefix.parse("88.101.1"), made.receiver.enterprise_id), PrefixUnknown)
    for standing in (EnterpriseState.SUBMITTED, EnterpriseState.SUSPENDED, EnterpriseState.CLOSED):
        other = await office.enterprise(standing)
        await refusal(offer(giver, actor, prefix, other.enterprise_id), EnterpriseNotApproved)
    transfer = await made.offer()
    open_already = await refusal(made.offer(), TransferOpen)
    assert open_already.evidence == {"prefix": prefix.key}
    await made.answer(transfer, Verb.DECLINE)
    assert (await made.offer()).state is S.OFFERED
    await refusal(made.transfers.get(giver, uuid4()), TransferUnknown)


async def test_what_ceased_to_be_possible_meanwhile_is_not_approved_but_can_be_cancelled(office: Office) -> None:
    made = await deal(office)
    transfer = await made.in_state(S.ACCEPTED)
    await office.prefixes.move(office.admin, acting(office.admin), made.grant.prefix, Verb.SUSPEND, "理由")
    await refusal(made.decide(transfer), PrefixNotEnabled)
    await office.prefixes.move(office.admin, acting(office.admin), made.grant.prefix, Verb.RESUME)
    receiver = made.receiver.enterprise_id
    await office.enterprises.move(office.admin, acting(office.admin), receiver, Verb.SUSPEND, "理由")
    await refusal(made.decide(transfer), EnterpriseNotApproved)
    assert (await made.answer(transfer, Verb.CANCEL)).state is S.CANCELLED
    assert await office.pool.fetchval("SELECT count(*) FROM review WHERE state <> 'decided'") == 0


async def test_an_enterprise_lists_what_it_gives_and_what_it_is_offered(office: Office) -> None:
    one, two = await deal(office), await deal(office)
    first = await one.offer()
    office.clock.turn(seconds=1)
    second = await two.offer()
    for who, wanted in (
        (one.giving, [first]), (one.receiving, [first]), (two.receiving, [second]), (office.auditor, [first, second]),
        (office.user(), []),
    ):  # fmt: skip
        assert await office.transfers.list(who) == wanted
    assert await office.transfers.list(office.admin, limit=1) == [first]
    assert await office.transfers.list(office.admin, after=first.transfer_id) == [second]
    assert await office.transfers.list(office.admin, state=S.DONE) == []


async def test_with_four_eyes_a_second_reviewer_hands_the_prefix_over(office: Office) -> None:
    office.transfers = Transfers(office.pool, office.clock, ReviewPolicy(four_eyes=True))
    made = await deal(office)
    transfer = await made.in_state(S.ACCEPTED)
    assert (await made.decide(transfer)).state is S.ACCEPTED
    await refusal(made.decide(transfer), SecondPersonNeeded)
    office.reviewer = Account(uuid4(), "second", office.reviewer.role, None)
    assert (await made.decide(transfer)).state is S.DONE


async def test_what_derives_from_a_prefix_goes_along_and_is_not_offered_by_itself(office: Office) -> None:
    made = await deal(office)
    below = Prefix.parse_derived(f"{made.grant.prefix.key}.7")
    await office.pool.execute(
        "INSERT INTO prefix (prefix, enterprise_id, state, log_secret, created_at, updated_at)"
        " SELECT $1, enterprise_id, 'enabled', log_secret, created_at, created_at FROM prefix WHERE prefix_id = $2",
        below.key, made.grant.prefix_id,
    )  # fmt: skip
    offer = office.transfers.offer(made.giving, acting(made.giving), below, made.receiver.enterprise_id)
    await refusal(offer, PrefixDerived)
    await made.in_state(S.DONE)
    assert (await office.prefixes.get(made.receiving, below)).enterprise_id == made.receiver.enterprise_id


async def test_keys_of_the_giver_do_not_outlive_the_transfer(office: Office) -> None:
    made = await deal(office)
    handle = f"0.NA/{made.grant.prefix.key}"
    async with office.pool.acquire() as connection:
        await say(connection, made.grant.prefix, admin(1, handle, 300), public_key(300))
    await made.in_state(S.DONE)
    async with office.pool.acquire() as connection:
        assert (await found_record(connection, made.grant.prefix)).values == ()


async def test_two_reviewers_hand_a_prefix_over_once(office: Office) -> None:
    for _ in range(3):
        made = await deal(office)
        transfer = await made.in_state(S.ACCEPTED)
        outcomes = await asyncio.gather(*(made.decide(transfer) for _ in range(3)), return_exceptions=True)
        assert sum(isinstance(outcome, Transfer) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, TransitionRefused) for outcome in outcomes) == 2


async def test_the_handle_protocol_serves_the_receiver_once_it_says_who_administers(pool: Pool) -> None:
    world = World(pool)
    registrar, receiver = await opened(world), await world.holder(2002)
    giver = registrar.holder
    name = value(2000, "NAME", "泵")
    await registrar.create("a", name)
    assert receiver.account.enterprise_id
    transfer = await world.transfers.offer(giver.account, giver.actor, giver.prefix, receiver.account.enterprise_id)
    await world.transfers.answer(receiver.account, receiver.actor, transfer.transfer_id, Verb.ACCEPT)
    await world.transfers.decide(world.reviewer, acting(world.reviewer), transfer.transfer_id, Verb.APPROVE)
    with pytest.raises(NotPermitted):
        await registrar.create("b", name)
    await administer(world, giver.prefix, admin_value(f"0.NA/{giver.prefix.text}"))
    await registrar.policy()
    await registrar.create("b", name)
    history = await world.identifiers.history(receiver.account, giver.identifier("b"), before_version=10, limit=1)
    owner = "SELECT enterprise_id FROM account WHERE account_id = $1"
    assert await pool.fetchval(owner, history[0].account_id) == receiver.account.enterprise_id


async def own_template(world: World, holder: Holder, name: str) -> int:
    """A published template of an enterprise."""
    made = await world.templates.create(
        holder.account, holder.actor, holder.account.enterprise_id, Template.from_json({**PUMP, "name": name})
    )
    return (await world.templates.publish(holder.account, holder.actor, made.template_id)).template_id


async def test_identifiers_go_along_with_the_templates_they_need_and_without_the_giver_s_policies(pool: Pool) -> None:
    world = World(pool)
    giver, receiver = await world.holder(2001), await world.holder(2002)
    await world.template()
    own, unused = await own_template(world, giver, "own_pump"), await own_template(world, giver, "unused")
    attributes = {"name": "离心泵", "serial": "S-1"}
    for suffix, template in (("A", "pump"), ("B", "own_pump")):
        await world.identifiers.register(
            giver.account, giver.actor, giver.identifier(suffix), template, {**attributes, "serial": suffix}
        )
    admin_ = world.administrator
    await world.handle_policies.set(admin_, acting(admin_), giver.prefix, Terms("pump"), None)
    await pool.execute(
        "INSERT INTO prefix_quota (prefix_id, identifiers, created_at, updated_at)"
        " SELECT prefix_id, 2, created_at, created_at FROM prefix WHERE prefix = $1", giver.prefix.key,
    )  # fmt: skip
    await pool.execute("UPDATE prefix SET limited = true WHERE prefix = $1", giver.prefix.key)
    assert receiver.account.enterprise_id
    transfer = await world.transfers.offer(giver.account, giver.actor, giver.prefix, receiver.account.enterprise_id)
    await world.transfers.answer(receiver.account, receiver.actor, transfer.transfer_id, Verb.ACCEPT)
    await world.transfers.decide(world.reviewer, acting(world.reviewer), transfer.transfer_id, Verb.APPROVE)
    with pytest.raises(HandlePolicyUnknown):
        await world.handle_policies.get(admin_, giver.prefix)
    assert await pool.fetchval("SELECT count(*) FROM prefix_quota") == 0
    assert not (await world.prefixes.get(receiver.account, giver.prefix)).limited
    assert (await world.templates.get(receiver.account, own)).template.name == "own_pump"
    with pytest.raises(NodeError):
        await world.templates.get(receiver.account, unused)
    with pytest.raises(IdentifierExists):
        await world.identifiers.register(
            receiver.account, receiver.actor, giver.identifier("A"), "pump", {"name": "x", "serial": "x"}
        )
    stored, _ = await world.identifiers.register(
        receiver.account, receiver.actor, giver.identifier("C"), own, {"name": "新泵", "serial": "C"}
    )
    assert stored.version == 1
    await world.identifiers.delete(receiver.account, receiver.actor, giver.identifier("B"), 1)
    with pytest.raises(NotAllowed):
        await world.identifiers.delete(giver.account, giver.actor, giver.identifier("A"), 1)
