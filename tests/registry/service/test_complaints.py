"""Complaints of people without an account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node.auth import NotAllowed
from node.rate_limit import RateLimit, TooManyRequests
from registry.service.complaints import Complaints, ComplaintsFull, ComplaintUnknown
from registry.service.requests import ServiceRequests
from registry.service.stored import Contact, Deadlines, ServiceRequest, Speaker
from registry.transitions import ServiceState, Verb
from tests.support.office import Office, acting

CONTACT = Contact("王五", "13900000000", "wang@example.com")


def complaints_of(office: Office, *, burst: int = 100, most_waiting: int = 100) -> Complaints:
    limit = RateLimit(per_minute=6, burst=burst, most_sources=100, clock=lambda: office.clock().timestamp())
    return Complaints(office.pool, office.clock, office.seal, Deadlines(), limit, most_waiting=most_waiting)


async def filed(complaints: Complaints, source: str = "203.0.113.7") -> tuple[ServiceRequest, str]:
    return await complaints.file(source, "二维码无法识别", "扫码后显示他人商品", "88.101.2001/A-1", CONTACT)


async def test_anybody_complains_and_looks_at_the_answer_by_number_and_code(office: Office) -> None:
    complaints = complaints_of(office)
    requests = ServiceRequests(office.pool, office.clock, office.seal, Deadlines())
    async with office.leaving(None):
        made, code = await filed(complaints)
    assert made.number.startswith("C20260302-")
    assert made.due_at == office.clock() + timedelta(days=15)
    admin = office.admin
    await requests.say(admin, acting(admin), made.service_request_id, "已联系企业", internal=True)
    await requests.move(admin, acting(admin), made.service_request_id, Verb.ANSWER, "已下线该标识")
    found, entries = await complaints.look("198.51.100.1", made.number, code.lower())
    assert found.state is ServiceState.ANSWERED
    assert [entry.said for entry in entries] == ["扫码后显示他人商品", "已下线该标识"]
    assert entries[0].speaker is Speaker.COMPLAINANT


async def test_what_is_added_to_an_answered_complaint_takes_it_up_again(office: Office) -> None:
    complaints = complaints_of(office)
    requests = ServiceRequests(office.pool, office.clock, office.seal, Deadlines())
    made, code = await filed(complaints)
    async with office.leaving(None):
        found, _ = await complaints.say("203.0.113.7", made.number, code, "补充照片编号 12")
    assert found.state is ServiceState.OPEN
    await requests.move(office.admin, acting(office.admin), made.service_request_id, Verb.ANSWER, "已处理")
    office.clock.turn(days=3)
    async with office.leaving(None):
        again, entries = await complaints.say("203.0.113.7", made.number, code, "仍然如此")
    assert (again.state, again.due_at) == (ServiceState.IN_PROGRESS, office.clock() + timedelta(days=15))
    assert entries[-1].said == "仍然如此"


async def test_without_the_code_of_the_number_nothing_is_told(office: Office) -> None:
    complaints = complaints_of(office)
    made, code = await filed(complaints)
    other, other_code = await filed(complaints)
    for number, wrong in [(made.number, other_code), ("C20260302-AAAAAAAA", code), (other.number, "")]:
        with pytest.raises(ComplaintUnknown):
            await complaints.look("203.0.113.7", number, wrong)
        async with office.nothing_left():
            with pytest.raises(ComplaintUnknown):
                await complaints.say("203.0.113.7", number, wrong, "你好")


async def test_a_request_of_an_enterprise_is_not_found_by_any_code(office: Office) -> None:
    complaints = complaints_of(office)
    made, code = await filed(complaints)
    await office.pool.execute("UPDATE service_request SET query_digest = NULL")
    with pytest.raises(ComplaintUnknown):
        await complaints.look("203.0.113.7", made.number, code)


async def test_the_contact_lies_sealed_and_every_look_at_it_is_recorded(office: Office) -> None:
    complaints = complaints_of(office)
    requests = ServiceRequests(office.pool, office.clock, office.seal, Deadlines())
    made, code = await filed(complaints)
    row = await office.pool.fetchrow("SELECT contact, query_digest FROM service_request")
    assert not any(part.encode() in row["contact"] for part in (CONTACT.name, CONTACT.phone, CONTACT.email))
    assert code.encode() not in row["query_digest"]
    async with office.leaving(None):
        assert await requests.contact(office.admin, acting(office.admin), made.service_request_id) == CONTACT
    assert CONTACT.phone not in str(await office.traces())
    for who in (office.auditor, office.reviewer):
        with pytest.raises(NotAllowed):
            await requests.contact(who, acting(who), made.service_request_id)


async def test_a_network_complains_so_often_and_no_more(office: Office) -> None:
    complaints = complaints_of(office, burst=3)
    for host in range(3):
        made, code = await filed(complaints, f"203.0.113.{host}")
    with pytest.raises(TooManyRequests):
        await filed(complaints, "203.0.113.200")
    with pytest.raises(TooManyRequests):
        await complaints.look("203.0.113.200", made.number, code)
    assert (await complaints.look("198.51.100.1", made.number, code))[0] == made
    office.clock.turn(seconds=11)
    await filed(complaints, "203.0.113.200")
    assert await office.pool.fetchval("SELECT count(*) FROM service_request") == 4


async def test_only_so_many_complaints_wait_at_once(office: Office) -> None:
    complaints = complaints_of(office, most_waiting=2)
    requests = ServiceRequests(office.pool, office.clock, office.seal, Deadlines())
    first, _ = await filed(complaints)
    await filed(complaints)
    async with office.nothing_left():
        with pytest.raises(ComplaintsFull):
            await filed(complaints)
    await requests.move(office.admin, acting(office.admin), first.service_request_id, Verb.ANSWER, "已处理")
    await filed(complaints)
