"""What is told, and to whom."""

from __future__ import annotations

import pytest

from node.auth import Role
from registry.notifications import Notifications, NotificationUnknown, notify
from registry.transitions import EnterpriseState
from tests.support.office import Office, person

BODY = {"title_zh": "提醒", "title_en": "Reminder", "detail_zh": "…", "detail_en": "…"}


async def test_an_enterprise_its_account_and_the_staff_are_told_apart(office: Office) -> None:
    notifications = Notifications(office.pool, office.clock)
    one, other = await office.enterprise(EnterpriseState.DRAFT), await office.enterprise(EnterpriseState.DRAFT)
    user, colleague = office.user(one), office.user(one)
    async with office.pool.acquire() as connection, connection.transaction():
        at = office.clock()
        for number in range(3):
            await notify(connection, one.enterprise_id, "enterprise.validity", {**BODY, "number": number}, at)
        await notify(connection, one.enterprise_id, "authorisation.class.granted", BODY, at, user.account_id)
        await notify(connection, None, "node.test", BODY, at)
    assert len(await notifications.list(user)) == 4
    assert [told.body["number"] for told in await notifications.list(colleague)] == [2, 1, 0]
    assert await notifications.list(office.user(other)) == []
    for staff in (office.admin, office.reviewer, person(Role.AUDITOR)):
        assert [told.kind for told in await notifications.list(staff)] == ["node.test"]


async def test_pages_go_on_below_a_number_and_by_number_of_page(office: Office) -> None:
    notifications = Notifications(office.pool, office.clock)
    enterprise = await office.enterprise(EnterpriseState.DRAFT)
    user = office.user(enterprise)
    async with office.pool.acquire() as connection:
        for number in range(5):
            kind = "authorisation.class.granted" if number % 2 else "enterprise.validity"
            await notify(connection, enterprise.enterprise_id, kind, {**BODY, "number": number}, office.clock())
    first = await notifications.list(user, limit=2)
    rest = await notifications.list(user, before=first[-1].notification_id, limit=10)
    assert [told.body["number"] for told in (*first, *rest)] == [4, 3, 2, 1, 0]
    found, total = await notifications.page(user, beginning="authorisation.", page=1, size=1)
    assert ([told.body["number"] for told in found], total) == ([1], 2)
    assert await notifications.page(user, beginning="authorisation.", page=7, size=1) == ([], 2)


async def test_a_notification_is_read_once_and_only_by_those_it_is_for(office: Office) -> None:
    notifications = Notifications(office.pool, office.clock)
    enterprise = await office.enterprise(EnterpriseState.DRAFT)
    user, stranger = office.user(enterprise), office.user()
    async with office.pool.acquire() as connection:
        number = await notify(connection, enterprise.enterprise_id, "enterprise.validity", BODY, office.clock())
    for other in (stranger, office.admin):
        with pytest.raises(NotificationUnknown):
            await notifications.mark_read(other, number)
    read_at = office.clock()
    assert (await notifications.mark_read(user, number)).read_at == read_at
    office.clock.turn(hours=1)
    assert (await notifications.mark_read(office.user(enterprise), number)).read_at == read_at
    assert await notifications.list(user, unread=True) == []


async def test_what_is_told_vanishes_with_the_transaction_it_tells_of(office: Office) -> None:
    enterprise = await office.enterprise(EnterpriseState.DRAFT)
    async with office.pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await notify(connection, enterprise.enterprise_id, "enterprise.validity", BODY, office.clock())
        await undone.rollback()
    assert await office.pool.fetchval("SELECT count(*) FROM notification") == 0
