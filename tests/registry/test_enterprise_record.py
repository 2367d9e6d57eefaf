"""The full record of enterprises: what asks for another review, who sees people, reviews, pages, one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from node.auth import Account, NotAllowed, Role
from node.database import transaction
from node.sealing import Seal, SealBroken
from registry.enterprises import (
    CertificateTaken,
    Enterprise,
    EnterpriseNotApproved,
    Enterprises,
    EnterpriseUnknown,
    OneCertificateNeeded,
    approved_enterprise,
    open_enterprise,
    submit_enterprise,
)
from registry.files.attachments import AttachmentBound
from registry.profiles.checks import ProfileInvalid
from registry.profiles.personal import Person, Personal, PersonCertificate
from registry.profiles.profile import Papers, Profile
from registry.reviews.cases import ReviewPolicy, SecondPersonNeeded
from registry.transitions import EnterpriseState, Verb
from tests.support.office import CONTACT, Office, acting, person
from tests.support.record import FULL, PEOPLE

S = EnterpriseState


async def amend(office: Office, enterprise: Enterprise, **record: Any) -> Enterprise:
    """The enterprise's user changes a part of its record."""
    user = office.user(enterprise)
    facts = record.pop("facts", enterprise.facts)
    return await office.enterprises.edit(
        user, acting(user), enterprise.enterprise_id, facts, enterprise.version, **record
    )


async def decide(office: Office, enterprise: Enterprise, verb: Verb) -> Enterprise:
    who = office.reviewer
    return await office.enterprises.move(who, acting(who), enterprise.enterprise_id, verb, "理由")


async def test_only_what_a_review_was_about_asks_for_another_one(office: Office) -> None:
    card = Person("示例法人", PersonCertificate.OTHER, "TEST-0002", phone="13700000000")
    for people, state in [
        (Personal(CONTACT, replace(card, phone="13711111111")), S.APPROVED),
        (Personal(replace(CONTACT, name="别人"), card), S.APPROVED),
        (Personal(CONTACT, replace(card, name="别人")), S.SUBMITTED),
        (Personal(CONTACT, replace(card, certificate=PersonCertificate.PASSPORT)), S.SUBMITTED),
        (Personal(CONTACT, replace(card, certificate_number="TEST-0003")), S.SUBMITTED),
    ]:
        drafted = await office.enterprise(S.DRAFT)
        await amend(office, drafted, personal=Personal(CONTACT, card))
        for who, verb in ((office.admin, Verb.SUBMIT), (office.reviewer, Verb.APPROVE)):
            approved = await office.enterprises.move(who, acting(who), drafted.enterprise_id, verb)
        assert (await amend(office, approved, personal=people)).state is state
    assert (await amend(office, await office.enterprise(), profile=FULL)).state is S.APPROVED


async def test_another_licence_image_asks_for_another_review_and_is_bound(office: Office) -> None:
    enterprise = await office.enterprise()
    user = office.user(enterprise)
    number = await attached(office, user)
    papers = Profile(papers=Papers(licence_image=number))
    amended = await office.enterprises.edit(
        user, acting(user), enterprise.enterprise_id, enterprise.facts, enterprise.version, papers
    )
    assert amended.state is S.SUBMITTED
    row = await office.pool.fetchrow(
        "SELECT enterprise_id, bound_to FROM attachment WHERE attachment_id = $1", number
    )
    assert tuple(row) == (enterprise.enterprise_id, "licence_image")
    other = await office.enterprise(S.DRAFT)
    async with office.nothing_left():
        with pytest.raises(AttachmentBound):
            await office.enterprises.edit(
                office.admin, acting(office.admin), other.enterprise_id, other.facts, other.version, papers
            )


async def attached(office: Office, account: Account) -> int:
    number: int = await office.pool.fetchval(
        "INSERT INTO attachment (path, account_id, enterprise_id, name, media_type, bytes, sha256, created_at)"
        " VALUES ($1, $2, $3, 'licence.png', 'image/png', 1, $4, now()) RETURNING attachment_id",
        f"{uuid4()}.png", account.account_id, account.enterprise_id, bytes(32),
    )  # fmt: skip
    return number


async def test_a_masked_value_changes_nothing_and_a_wrong_mask_is_refused(office: Office) -> None:
    enterprise = await office.enterprise()
    shown = office.enterprises.shown(enterprise)
    assert shown.contact.phone == "138****0000"
    async with office.nothing_left():
        assert await amend(office, enterprise, personal=shown) == enterprise
        with pytest.raises(ProfileInvalid):
            await amend(office, enterprise, personal=Personal(replace(CONTACT, phone="138****0001")))
        with pytest.raises(ProfileInvalid):
            await office.enterprises.create(office.admin, acting(office.admin), office.facts(), personal=shown)


async def test_people_are_shown_in_clear_to_the_listed_and_every_look_is_recorded(office: Office) -> None:
    enterprise = await office.enterprise()
    for name, who in office.cast(enterprise).items():
        if name in ("administrator", "reviewer", "own user"):
            async with office.leaving(None):
                people = await office.enterprises.personal(who, acting(who), enterprise.enterprise_id)
            assert people == Personal(contact=CONTACT)
            act = (await office.traces()).acts[-1]
            assert (act["action"], act["account_id"], act["after"]) == (
                "enterprise.read_personal", who.account_id, None,
            )  # fmt: skip
            continue
        async with office.nothing_left():
            with pytest.raises(NotAllowed):
                await office.enterprises.personal(who, acting(who), enterprise.enterprise_id)


async def test_in_the_database_people_lie_sealed(office: Office) -> None:
    await office.enterprise()
    row = await office.pool.fetchrow("SELECT e::text AS row, personal FROM enterprise e")
    assert row["personal"] is not None
    assert not any(word in row["row"] for word in (CONTACT.name, CONTACT.phone, CONTACT.email))


async def test_a_node_that_lost_its_key_goes_on_and_is_told_people_anew(office: Office) -> None:
    enterprise = await office.enterprise()
    bereft = Enterprises(office.pool, office.clock, Seal(b"another key of thirty-two octets"))
    admin = office.admin
    assert [bereft.shown(one) for one in await bereft.list(admin)] == [Personal()]
    with pytest.raises(SealBroken):
        await bereft.personal(admin, acting(admin), enterprise.enterprise_id)
    moved = replace(enterprise.facts, address="新1号")
    kept = await bereft.edit(admin, acting(admin), enterprise.enterprise_id, moved, enterprise.version)
    assert kept.sealed == enterprise.sealed
    again = Personal(contact=CONTACT)
    await bereft.edit(admin, acting(admin), enterprise.enterprise_id, moved, kept.version, personal=again)
    assert await bereft.personal(admin, acting(admin), enterprise.enterprise_id) == again


async def test_another_certificate_stands_for_a_credit_code_and_is_as_unique(office: Office) -> None:
    foreign = office.facts(credit_code="", other_certificate="HRB-4711")
    made = await office.enterprises.create(office.admin, acting(office.admin), foreign)
    assert made.report().body["other_certificate"] == "HRB-4711"
    again = office.facts(credit_code="", other_certificate="HRB-4711")
    async with office.nothing_left():
        with pytest.raises(CertificateTaken) as refusal:
            await office.enterprises.create(office.admin, acting(office.admin), again)
        assert refusal.value.evidence["holder"] == str(made.enterprise_id)
        for faulty in (
            {"credit_code": ""},
            {"other_certificate": "1"},
            {"credit_code": "", "other_certificate": "1" * 33},
        ):
            with pytest.raises(OneCertificateNeeded):
                await office.enterprises.create(office.admin, acting(office.admin), office.facts(**faulty))


async def test_two_enterprises_with_one_certificate_at_once_are_one_enterprise(office: Office) -> None:
    facts = [office.facts(credit_code="", other_certificate="HRB-1") for _ in range(5)]
    made = await asyncio.gather(
        *(office.enterprises.create(office.admin, acting(office.admin), one) for one in facts), return_exceptions=True
    )
    assert sum(isinstance(one, Enterprise) for one in made) == 1
    assert sum(isinstance(one, CertificateTaken) for one in made) == 4


async def test_submitting_opens_a_review_for_what_it_is_and_deciding_ends_it(office: Office) -> None:
    enterprise = await office.enterprise(S.SUBMITTED)

    async def reviews() -> list[tuple[str, str, str | None]]:
        rows = await office.pool.fetch(
            "SELECT occasion, state, outcome FROM review WHERE subject_id = $1 ORDER BY review_id",
            str(enterprise.enterprise_id),
        )
        return [tuple(row) for row in rows]

    assert await reviews() == [("registration", "waiting", None)]
    approved = await decide(office, enterprise, Verb.APPROVE)
    office.clock.turn(seconds=1)
    amended = await amend(office, approved, facts=replace(enterprise.facts, name="新名有限公司"))
    returned = await decide(office, amended, Verb.RETURN)
    office.clock.turn(seconds=1)
    await office.enterprises.move(office.admin, acting(office.admin), returned.enterprise_id, Verb.SUBMIT)
    assert await reviews() == [
        ("registration", "decided", "approve"), ("amendment", "decided", "return"), ("amendment", "waiting", None),
    ]  # fmt: skip


async def test_with_four_eyes_the_first_approval_moves_nothing_and_the_second_has_to_be_another_s(
    office: Office,
) -> None:
    careful = Enterprises(office.pool, office.clock, office.seal, ReviewPolicy(four_eyes=True))
    enterprise = await office.enterprise(S.SUBMITTED)
    first, second = person(Role.REVIEWER), person(Role.REVIEWER)
    seen = await careful.move(first, acting(first), enterprise.enterprise_id, Verb.APPROVE)
    assert seen == enterprise
    with pytest.raises(SecondPersonNeeded):
        await careful.move(first, acting(first), enterprise.enterprise_id, Verb.APPROVE)
    approved = await careful.move(second, acting(second), enterprise.enterprise_id, Verb.APPROVE)
    assert approved.state is S.APPROVED


async def test_opening_submitting_and_what_else_belongs_to_it_are_one_transaction(office: Office) -> None:
    async def onboard_and_fail() -> None:
        admin, at = office.admin, office.clock()
        async with transaction(office.pool) as connection:
            made = await open_enterprise(
                connection, admin, acting(admin), office.facts(), FULL, PEOPLE, office.seal, at
            )
            submitted = await submit_enterprise(connection, admin, acting(admin), made.enterprise_id, at)
            assert submitted.state is S.SUBMITTED
            await approved_enterprise(connection, made.enterprise_id)

    async with office.nothing_left():
        with pytest.raises(EnterpriseNotApproved):
            await onboard_and_fail()
    assert await office.enterprises.list(office.admin) == []


async def test_a_list_is_narrowed_by_a_part_of_the_name_and_by_time(office: Office) -> None:
    names = ["中山示例阀门", "宁波示例阀门", "宁波%水泵"]
    made, times = [], []
    for name in names:
        times.append(office.clock())
        made.append(await office.enterprises.create(office.admin, acting(office.admin), office.facts(name=name)))
        office.clock.turn(hours=1)

    async def found(**wanted: Any) -> list[str]:
        return [one.facts.name for one in await office.enterprises.list(office.auditor, **wanted)]

    assert await found(name="阀门") == names[:2]
    assert await found(name="%") == names[2:]
    assert await found(since=times[1]) == names[1:]
    assert await found(since=times[1], until=times[1]) == names[1:2]
    assert await found(name="阀门", limit=1, after=made[0].enterprise_id) == names[1:2]


async def test_pages_with_numbers_tell_how_many_there_are_in_all(office: Office) -> None:
    made = []
    for _ in range(5):
        office.clock.turn(seconds=1)
        made.append(await office.enterprises.create(office.admin, acting(office.admin), office.facts()))
    newest = made[::-1]
    assert await office.enterprises.page(office.admin, None, None, None, 1, 2) == (newest[:2], 5)
    assert await office.enterprises.page(office.admin, None, None, None, 3, 2) == (newest[4:], 5)
    assert await office.enterprises.page(office.admin, None, None, None, 4, 2) == ([], 5)
    assert await office.enterprises.page(office.user(made[1]), None, None, None, 1, 2) == ([made[1]], 1)
    assert await office.enterprises.page(office.user(), None, None, None, 1, 2) == ([], 0)
    assert await office.enterprises.page(office.admin, made[2].facts.name, None, None, 1, 2) == ([made[2]], 1)


async def test_an_enterprise_is_found_by_its_number_by_whom_it_concerns(office: Office) -> None:
    one, other = await office.enterprise(), await office.enterprise()
    assert other.number > one.number
    assert await office.enterprises.by_number(office.user(one), one.number) == one
    with pytest.raises(NotAllowed):
        await office.enterprises.by_number(office.user(other), one.number)
    with pytest.raises(EnterpriseUnknown):
        await office.enterprises.by_number(office.admin, other.number + 1)
