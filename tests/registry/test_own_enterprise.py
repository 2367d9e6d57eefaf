"""The enterprise and the prefix of an enterprise's own node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from node.database import transaction
from node.errors import NodeError
from node.identifier import Identifier, Prefix
from node.national.access import ApplicationState, ApplicationStatus
from registry import credit_code
from registry.enterprise_record import EnterpriseFacts
from registry.identifiers.identifiers import Identifiers
from registry.own_enterprise import (
    OwnPrefixPassedOn,
    facts_of,
    facts_told,
    found_own_enterprise,
    own_enterprise_duty,
)
from registry.prefixes import Prefixes, PrefixUnknown
from registry.templates.template import Template
from registry.transitions import EnterpriseState, PrefixState
from tests.support.office import Office, acting
from tests.support.world import PUMP

OWN = Prefix.parse("88.101.2001")
FACTS = EnterpriseFacts(
    credit_code=credit_code.complete("91442000MAD02001"), name="中山示例企业", division_code="442000",
    industry_code="3441", name_en="Zhongshan Example", address="示例路1号",
)  # fmt: skip


async def founded(office: Office, told: dict[str, str]) -> PrefixState:
    async with transaction(office.pool) as connection:
        return (await found_own_enterprise(connection, OWN, told, office.clock())).state


def test_what_a_secondary_node_tells_is_read_as_it_was_meant() -> None:
    assert facts_of(facts_told(FACTS, uuid4())) == FACTS
    other = replace(FACTS, credit_code="", other_certificate="事证第1号", name_en=None)
    assert facts_of(facts_told(other, uuid4())) == other


async def test_an_enterprise_that_cannot_be_one_is_not_founded(office: Office) -> None:
    async with office.nothing_left():
        with pytest.raises(NodeError):
            await founded(office, {"name": "无证企业"})


async def test_founding_leaves_an_approved_enterprise_and_a_prefix_that_asks_for_verification(office: Office) -> None:
    enterprise_id = uuid4()
    async with office.leaving("enterprise.approved", "prefix.reviewed"):
        assert await founded(office, facts_told(FACTS, enterprise_id)) is PrefixState.REVIEWED
    enterprise = await office.enterprises.get(office.admin, enterprise_id)
    assert (enterprise.facts, enterprise.state) == (FACTS, EnterpriseState.APPROVED)
    report = (await office.traces()).messages[-1]["body"]
    assert (report["prefix"], report["enterprise_id"]) == (OWN.key, str(enterprise_id))
    assert report["credit_code"] == FACTS.credit_code


async def test_nothing_is_registered_before_the_prefix_is_there_and_verified(office: Office) -> None:
    prefixes, identifiers = Prefixes(office.pool, office.clock, OWN), Identifiers(office.pool, office.clock)
    admin, made = office.admin, await office.templates.create(office.admin, acting(office.admin), None,
                                                              Template.from_json(PUMP))  # fmt: skip
    await office.templates.publish(admin, acting(admin), made.template_id)

    async def register() -> object:
        return await identifiers.register(
            admin, acting(admin), Identifier.of(OWN, "PUMP-1"), "pump", {"name": "离心泵"}
        )

    with pytest.raises(PrefixUnknown):
        await register()
    enterprise_id = uuid4()
    await founded(office, facts_told(FACTS, enterprise_id))
    with pytest.raises(NodeError, match="not enabled"):
        await register()
    await prefixes.apply_verdict(OWN, True, "", True)
    assert await register()


async def test_founding_again_changes_nothing(office: Office) -> None:
    told = facts_told(FACTS, uuid4())
    await founded(office, told)
    async with office.nothing_left():
        await founded(office, told)


async def test_what_changed_above_changes_here(office: Office) -> None:
    enterprise_id = uuid4()
    await founded(office, facts_told(FACTS, enterprise_id))
    renamed = replace(FACTS, name="中山新名企业")
    async with office.leaving("enterprise.approved"):
        await founded(office, facts_told(renamed, enterprise_id))
    assert (await office.enterprises.get(office.admin, enterprise_id)).facts == renamed


async def test_the_facts_of_whom_the_prefix_passed_to_are_not_taken_for_one_s_own(office: Office) -> None:
    enterprise_id = uuid4()
    await founded(office, facts_told(FACTS, enterprise_id))
    receiver = replace(FACTS, credit_code=credit_code.complete("91442000MAD02002"), name="受让企业")
    async with office.nothing_left():
        with pytest.raises(OwnPrefixPassedOn):
            await founded(office, facts_told(receiver, uuid4()))


class Above:
    """The node above, as far as applications go."""

    def __init__(self) -> None:
        self.asked: list[tuple[UUID, str]] = []
        self.facts = FACTS

    async def application(self, application_id: UUID, secret: str) -> ApplicationStatus:
        self.asked.append((application_id, secret))
        return ApplicationStatus(
            application_id=application_id, state=ApplicationState.APPROVED, prefix=OWN.key,
            enterprise=facts_told(self.facts, application_id),
        )  # fmt: skip


async def test_the_node_asks_now_and_then_what_is_known_of_it_above(office: Office) -> None:
    above: Any = Above()
    duty = own_enterprise_duty(office.pool, office.seal, office.clock)
    assert await duty.turn(above) > 60
    assert above.asked == []
    application_id = uuid4()
    sealed = office.seal.seal(b"secret-of-the-applicant", f"national_application:{application_id}")
    await office.pool.execute(
        "INSERT INTO national_application (application_id, secret_sealed, body, state, created_at, decided_at)"
        " VALUES ($1, $2, '{}', 'approved', $3, $3)",
        application_id, sealed, office.clock(),
    )  # fmt: skip
    async with office.leaving("enterprise.approved", "prefix.reviewed"):
        await duty.turn(above)
    assert above.asked == [(application_id, "secret-of-the-applicant")]
    async with office.nothing_left():
        await duty.turn(above)
    above.facts = replace(FACTS, name="中山新名企业")
    async with office.leaving("enterprise.approved"):
        await duty.turn(above)


async def test_a_prefix_that_was_refused_is_asked_for_again_with_the_same_enterprise(office: Office) -> None:
    told = facts_told(FACTS, uuid4())
    await founded(office, told)
    prefixes = Prefixes(office.pool, office.clock, OWN)
    assert (await prefixes.apply_verdict(OWN, False, "不由该企业持有", True)).state is PrefixState.REFUSED
    async with office.leaving("prefix.reviewed"):
        assert await founded(office, told) is PrefixState.REVIEWED
