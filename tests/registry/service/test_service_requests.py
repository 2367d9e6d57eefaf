"""Service requests and complaints of enterprises, from filing to closing."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from node.auth import Account, NotAllowed, Role
from registry.enterprises import EnterpriseUnknown
from registry.service.requests import Place, ServiceRequestClosed, ServiceRequests
from registry.service.stored import (
    MOST_ENTRIES,
    Deadlines,
    EntriesFull,
    ServiceKind,
    ServiceRequest,
    ServiceRequestUnknown,
    Speaker,
)
from registry.transitions import ReasonMissing, ServiceState, TransitionRefused, Verb
from tests.support.office import Office, acting

PASSWORD = "Tr7-lampe-Kran"


@pytest.fixture
def requests(office: Office) -> ServiceRequests:
    return ServiceRequests(office.pool, office.clock, office.seal, Deadlines(request_days=10, complaint_days=15))


async def user_in(office: Office) -> Account:
    """An enterprise's user who stands in the table of accounts."""
    enterprise = await office.enterprise()
    made = await office.accounts.create(
        office.admin, acting(office.admin), f"user-{uuid4().hex[:8]}", Role.ENTERPRISE_USER,
        enterprise.enterprise_id, PASSWORD,
    )  # fmt: skip
    return made.account


async def filed(requests: ServiceRequests, user: Account, kind: ServiceKind = ServiceKind.SERVICE) -> ServiceRequest:
    assert user.enterprise_id is not None
    return await requests.file(
        user, acting(user), user.enterprise_id, kind, "无法批量注册", "第三行被驳回", "88.101.2001"
    )


async def test_a_request_is_filed_taken_answered_and_closed(office: Office, requests: ServiceRequests) -> None:
    user = await user_in(office)
    async with office.leaving(None):
        made = await filed(requests, user)
    assert re.fullmatch(r"S20260302-[A-Z2-7]{8}", made.number)
    assert (made.state, made.due_at) == (ServiceState.OPEN, office.clock() + timedelta(days=10))
    office.clock.turn(hours=1)
    async with office.leaving(None):
        taken, _ = await requests.move(office.admin, acting(office.admin), made.service_request_id, Verb.TAKE)
    assert (taken.state, taken.handled_by) == (ServiceState.IN_PROGRESS, office.admin.account_id)
    async with office.leaving(None):
        answered, entries = await requests.move(
            office.admin, acting(office.admin), made.service_request_id, Verb.ANSWER, "表头缺少后缀列"
        )
    assert (answered.state, answered.answered_at) == (ServiceState.ANSWERED, office.clock())
    assert [(entry.speaker, entry.said) for entry in entries] == [
        (Speaker.ENTERPRISE, "第三行被驳回"),
        (Speaker.STAFF, "表头缺少后缀列"),
    ]
    closed, _ = await requests.move(user, acting(user), made.service_request_id, Verb.CLOSE)
    assert closed.state is ServiceState.CLOSED
    acts = await requests.history(user, made.service_request_id)
    assert [act.action.partition(".")[2] for act in acts] == ["close", "answer", "take", "file"]


async def test_the_enterprise_is_told_of_the_answer_and_the_staff_of_the_request(
    office: Office, requests: ServiceRequests
) -> None:
    user = await user_in(office)
    made = await filed(requests, user)
    await requests.move(office.admin, acting(office.admin), made.service_request_id, Verb.ANSWER, "已处理")
    rows = await office.pool.fetch(
        "SELECT enterprise_id, kind, body FROM notification WHERE kind LIKE 'service_request.%'"
        " ORDER BY notification_id"
    )
    assert [(row["enterprise_id"], row["kind"]) for row in rows] == [
        (None, "service_request.filed"),
        (user.enterprise_id, "service_request.answered"),
    ]
    assert all(made.number in row["body"] and "第三行" not in row["body"] for row in rows)


async def test_what_people_wrote_is_not_in_history(office: Office, requests: ServiceRequests) -> None:
    user = await user_in(office)
    made = await filed(requests, user)
    await requests.say(user, acting(user), made.service_request_id, "请联系张三")
    traces = await office.traces()
    assert not any("张三" in str(act) or "第三行" in str(act) for act in traces.acts)


async def test_a_reopened_request_is_due_anew(office: Office, requests: ServiceRequests) -> None:
    user = await user_in(office)
    made = await filed(requests, user, ServiceKind.COMPLAINT)
    await requests.move(office.admin, acting(office.admin), made.service_request_id, Verb.ANSWER, "已处理")
    office.clock.turn(days=20)
    with pytest.raises(ReasonMissing):
        await requests.move(user, acting(user), made.service_request_id, Verb.REOPEN)
    again, entries = await requests.move(user, acting(user), made.service_request_id, Verb.REOPEN, "仍未解决")
    assert (again.state, again.answered_at) == (ServiceState.IN_PROGRESS, None)
    assert again.due_at == office.clock() + timedelta(days=15)
    assert entries[-1].said == "仍未解决"


async def test_overdue_ones_come_first_and_what_was_answered_last(office: Office, requests: ServiceRequests) -> None:
    user = await user_in(office)
    complaint = await filed(requests, user, ServiceKind.COMPLAINT)
    office.clock.turn(days=1)
    answered = await filed(requests, user)
    await requests.move(office.admin, acting(office.admin), answered.service_request_id, Verb.ANSWER, "已处理")
    late = await filed(requests, user)
    office.clock.turn(days=11)
    fresh = await filed(requests, user)
    found = await requests.list(office.auditor)
    assert [one.number for one in found] == [one.number for one in (late, complaint, fresh, answered)]
    assert [one.overdue(office.clock()) for one in found] == [True, False, False, False]
    assert [one.number for one in await requests.list(user, overdue=True)] == [late.number]
    assert [one.number for one in await requests.list(user, kind=ServiceKind.COMPLAINT)] == [complaint.number]
    assert [one.number for one in await requests.list(user, state=ServiceState.ANSWERED)] == [answered.number]
    second = found[1]
    rest = await requests.list(office.auditor, after=Place(False, second.due_at, second.service_request_id), limit=1)
    assert [one.number for one in rest] == [fresh.number]


async def test_notes_among_staff_are_for_staff(office: Office, requests: ServiceRequests) -> None:
    user = await user_in(office)
    made = await filed(requests, user)
    await requests.say(office.admin, acting(office.admin), made.service_request_id, "与运营核实", internal=True)
    _, told = await requests.get(user, made.service_request_id)
    assert [entry.said for entry in told] == ["第三行被驳回"]
    _, whole = await requests.get(office.auditor, made.service_request_id)
    assert [entry.internal for entry in whole] == [False, True]
    with pytest.raises(NotAllowed):
        await requests.say(user, acting(user), made.service_request_id, "内部", internal=True)


async def test_an_enterprise_sees_and_moves_its_own_only(office: Office, requests: ServiceRequests) -> None:
    user, stranger = await user_in(office), await user_in(office)
    made = await filed(requests, user)
    assert await requests.list(stranger) == []
    async with office.nothing_left():
        with pytest.raises(NotAllowed):
            await requests.get(stranger, made.service_request_id)
        with pytest.raises(NotAllowed):
            await requests.say(stranger, acting(stranger), made.service_request_id, "你好")
        with pytest.raises(NotAllowed):
            await requests.history(stranger, made.service_request_id)
        with pytest.raises(NotAllowed):
            await filed(requests, Account(uuid4(), "r", Role.REVIEWER, user.enterprise_id))
        for verb in (Verb.TAKE, Verb.ANSWER):
            with pytest.raises(NotAllowed):
                await requests.move(user, acting(user), made.service_request_id, verb, "好")


async def test_what_is_closed_is_not_added_to_and_unknown_ones_are_told_so(
    office: Office, requests: ServiceRequests
) -> None:
    user = await user_in(office)
    made = await filed(requests, user)
    with pytest.raises(TransitionRefused):
        await requests.move(user, acting(user), made.service_request_id, Verb.CLOSE)
    await requests.move(office.admin, acting(office.admin), made.service_request_id, Verb.ANSWER, "已处理")
    await requests.move(user, acting(user), made.service_request_id, Verb.CLOSE)
    with pytest.raises(ServiceRequestClosed):
        await requests.say(user, acting(user), made.service_request_id, "还有")
    with pytest.raises(ServiceRequestUnknown):
        await requests.get(office.admin, uuid4())
    with pytest.raises(EnterpriseUnknown):
        await requests.file(office.admin, acting(office.admin), uuid4(), ServiceKind.SERVICE, "题", "文")


async def test_one_request_does_not_grow_without_bound(office: Office, requests: ServiceRequests) -> None:
    user = await user_in(office)
    made = await filed(requests, user)
    await office.pool.execute(
        "INSERT INTO service_request_entry (service_request_id, said, created_at)"
        " SELECT $1, 'x', now() FROM generate_series(2, $2::integer)",
        made.service_request_id, MOST_ENTRIES,
    )  # fmt: skip
    async with office.nothing_left():
        with pytest.raises(EntriesFull):
            await requests.say(user, acting(user), made.service_request_id, "再说一句")
