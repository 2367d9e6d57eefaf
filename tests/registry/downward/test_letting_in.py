"""Which enterprise nodes are let in, by whom, and until when."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import pytest

from node.database import transaction
from node.national.access import ApplicationState, Kind
from node.national.instructions import Order
from node.upper.applications import ApplicationDecided, ApplicationUnknown
from registry.downward.access import PrefixNotDocked
from registry.downward.nodes import InstructionUnfit, NodeNotDocked, NodesBelow, OrderNotByHand
from registry.downward.passing_down import pass_down
from registry.own_enterprise import facts_of
from registry.prefix_grant import PrefixGrant
from registry.prefixes import PrefixNotEnabled
from registry.transitions import PrefixState, Verb
from tests.support.node_below import NodeBelow, Refused, desk_open
from tests.support.office import Office, acting


@pytest.fixture
def staff(office: Office) -> NodesBelow:
    return NodesBelow(office.pool, office.clock, office.seal)


async def test_an_application_waits_for_a_reviewer_and_then_tells_whose_node_it_is(
    office: Office, below: NodeBelow, held: PrefixGrant, staff: NodesBelow
) -> None:
    application = await below.apply()
    waiting = await below.status(application)
    assert (waiting.state, waiting.key, waiting.enterprise) == (ApplicationState.PENDING, None, {})
    listed = await staff.applications(office.auditor, state="pending")
    assert [row["application_id"] for row in listed] == [application.application_id]
    async with office.leaving(None):
        await staff.approve(office.reviewer, acting(office.reviewer), application.application_id)
    status = await below.status(application)
    assert (status.state, status.prefix) == (ApplicationState.APPROVED, held.prefix.key)
    enterprise = await office.enterprises.get(office.admin, held.enterprise_id)
    assert facts_of(status.enterprise) == enterprise.facts
    assert status.enterprise["enterprise_id"] == str(held.enterprise_id)
    assert await below.verdicts() == []
    with pytest.raises(ApplicationDecided):
        await staff.approve(office.reviewer, acting(office.reviewer), application.application_id)


async def test_nothing_about_people_is_told_to_a_node(office: Office, below: NodeBelow, staff: NodesBelow) -> None:
    application = await below.apply()
    await staff.approve(office.reviewer, acting(office.reviewer), application.application_id)
    told = (await below.status(application)).enterprise
    assert set(told) == {
        "enterprise_id", "credit_code", "other_certificate", "name", "name_en", "division_code", "industry_code",
        "address", "website",
    }  # fmt: skip


async def test_a_rejected_applicant_reads_the_reason(office: Office, below: NodeBelow, staff: NodesBelow) -> None:
    application = await below.apply()
    await staff.reject(office.reviewer, acting(office.reviewer), application.application_id, "联系人不符")
    status = await below.status(application)
    assert (status.state, status.reason, status.key) == (ApplicationState.REJECTED, "联系人不符", None)


async def test_no_secondary_node_docks_at_a_secondary_node(below: NodeBelow) -> None:
    with pytest.raises(Refused) as refused:
        await below.apply(Kind.SECONDARY)
    assert refused.value.code == "kind_not_docked"


async def test_who_floods_one_prefix_with_applications_takes_no_room_of_the_others(
    office: Office, below: NodeBelow
) -> None:
    other = await office.grant()
    for _ in range(20):
        await below.apply()
    with pytest.raises(Refused) as refused:
        await below.apply()
    assert (refused.value.code, refused.value.retry) == ("too_many_for_prefix", True)
    await below.apply(prefix=other.prefix.key)


@pytest.mark.parametrize("prefix", ["88.101", "88.101.9999", "88.102.2001"])
async def test_a_prefix_that_no_enterprise_holds_here_is_refused_at_once(below: NodeBelow, prefix: str) -> None:
    with pytest.raises(Refused) as refused:
        await below.apply(prefix=prefix)
    assert refused.value.code == "prefix_not_docked"


async def test_no_reviewer_lets_in_whom_the_prefix_is_not_in_use_for_or_who_names_another_enterprise(
    office: Office, below: NodeBelow, held: PrefixGrant, staff: NodesBelow
) -> None:
    reviewer = office.reviewer
    other = await below.apply(credit_code="91442000MAD0000198")
    with pytest.raises(PrefixNotDocked):
        await staff.approve(reviewer, acting(reviewer), other.application_id)
    right = await below.apply()
    await office.prefixes.move(office.admin, acting(office.admin), held.prefix, Verb.SUSPEND, "欠费")
    with pytest.raises(PrefixNotEnabled):
        await staff.approve(reviewer, acting(reviewer), right.application_id)
    with pytest.raises(ApplicationUnknown):
        await staff.approve(reviewer, acting(reviewer), uuid4())


async def test_where_the_settings_say_so_who_names_prefix_and_credit_code_is_let_in_at_once(
    office: Office, held: PrefixGrant
) -> None:
    async with desk_open(office, office.pool, at_once=True) as url, aiohttp.ClientSession() as session:
        node = NodeBelow(office, session, url, held.prefix.key, held.credit_code)
        unsaid, wrong = await node.apply(credit_code=""), await node.apply(credit_code="91442000MAD0000198")
        assert (await node.status(unsaid)).state is ApplicationState.PENDING
        assert (await node.status(wrong)).state is ApplicationState.PENDING
        assert (await node.status(await node.apply())).state is ApplicationState.APPROVED
        assert await node.verdicts() == []


async def test_who_applied_before_the_prefix_was_enabled_is_let_in_when_it_is(office: Office) -> None:
    reviewed = await office.grant(PrefixState.REVIEWED)
    async with desk_open(office, office.pool, at_once=True) as url, aiohttp.ClientSession() as session:
        node = NodeBelow(office, session, url, reviewed.prefix.key, reviewed.credit_code)
        application = await node.apply()
        await pass_down(office.pool, office.seal, office.clock(), at_once=True)
        assert (await node.status(application)).state is ApplicationState.PENDING
        await office.prefixes.apply_verdict(reviewed.prefix, True, "", enable=True)
        await pass_down(office.pool, office.seal, office.clock(), at_once=True)
        assert (await node.status(application)).state is ApplicationState.APPROVED


async def test_a_revoked_key_opens_nothing(office: Office, docked: NodeBelow, staff: NodesBelow) -> None:
    assert docked.keys is not None
    async with office.leaving(None):
        await staff.revoke(office.admin, acting(office.admin), docked.keys.access_key)
    with pytest.raises(Refused) as refused:
        await docked.verdicts()
    assert refused.value.code == "signature_wrong"
    (key,) = await staff.keys(office.auditor)
    assert key["revoked_at"] == office.clock()


async def test_the_former_holder_s_node_is_let_in_no_more(
    office: Office, docked: NodeBelow, held: PrefixGrant
) -> None:
    assert await docked.verdicts() == []
    receiver = await office.enterprise()
    giver, taker = office.user(await office.enterprises.get(office.admin, held.enterprise_id)), office.user(receiver)
    offer = await office.transfers.offer(giver, acting(giver), held.prefix, receiver.enterprise_id)
    await office.transfers.answer(taker, acting(taker), offer.transfer_id, Verb.ACCEPT)
    await office.transfers.decide(office.reviewer, acting(office.reviewer), offer.transfer_id, Verb.APPROVE)
    with pytest.raises(Refused) as refused:
        await docked.verdicts()
    assert refused.value.code == "signature_wrong"
    heir = NodeBelow(office, docked.session, docked.url, held.prefix.key, receiver.facts.credit_code)
    await heir.be_let_in()
    assert (await heir.report("docking_test.probe", {})).status == "accepted"


async def test_staff_asks_a_node_something_and_reads_what_it_answers(
    office: Office, docked: NodeBelow, held: PrefixGrant, staff: NodesBelow
) -> None:
    admin = office.admin
    async with office.leaving(None):
        issued = await staff.instruct(admin, acting(admin), held.prefix, Order.PROBE, {})
    (told,) = await docked.instructions()
    assert (told.kind, told.instruction_id) == ("probe", issued.instruction_id)
    answer = {"instruction_id": str(told.instruction_id), "sequence": told.sequence, "outcome": "done",
              "result": {"state": "running"}}  # fmt: skip
    assert (await docked.report("instruction.answered", answer)).status == "accepted"
    (row,) = await staff.instructions(office.auditor, prefix=held.prefix)
    assert (row["outcome"], row["result"]) == ("done", '{"state": "running"}')


async def test_what_follows_from_the_prefix_is_not_told_by_hand(
    office: Office, docked: NodeBelow, held: PrefixGrant, staff: NodesBelow
) -> None:
    admin = office.admin
    with pytest.raises(OrderNotByHand):
        await staff.instruct(admin, acting(admin), held.prefix, Order.SUSPEND, {"prefix": held.prefix.key})
    with pytest.raises(InstructionUnfit):
        await staff.instruct(admin, acting(admin), held.prefix, Order.KEY, {"before": "soon"})
    undocked = await office.grant()
    with pytest.raises(NodeNotDocked):
        await staff.instruct(admin, acting(admin), undocked.prefix, Order.PROBE, {})
    before = {"before": datetime(2026, 12, 1, tzinfo=UTC).isoformat()}
    await staff.instruct(admin, acting(admin), held.prefix, Order.KEY, before)
    assert [told.kind for told in await docked.instructions()] == ["key"]


async def test_an_application_for_what_is_no_prefix_leaves_nothing(office: Office, below: NodeBelow) -> None:
    async with office.nothing_left():
        with pytest.raises(Refused):
            await below.apply(prefix="一")
    async with transaction(office.pool) as connection:
        assert await connection.fetchval("SELECT count(*) FROM docking_application") == 0
