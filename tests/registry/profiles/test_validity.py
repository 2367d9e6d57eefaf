"""Reminders before a certificate or a licence of an enterprise ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from registry.enterprises import Enterprise
from registry.profiles.profile import Licence, LicenceKind, Profile
from registry.profiles.validity import due, give_reminders, remind_daily
from registry.transitions import EnterpriseState
from tests.support.docking import until
from tests.support.office import Office, acting

DAYS = (90, 30, 7, 0)
# Nine in the morning at UTC+8 of 2 March 2026, the day of the office's clock.
TODAY = date(2026, 3, 2)


async def ending(office: Office, profile: Profile, state: EnterpriseState = EnterpriseState.APPROVED) -> Enterprise:
    enterprise = await office.enterprise(EnterpriseState.DRAFT)
    edited = await office.enterprises.edit(
        office.admin, acting(office.admin), enterprise.enterprise_id, enterprise.facts, enterprise.version, profile
    )
    if state is EnterpriseState.DRAFT:
        return edited
    await office.pool.execute(
        "UPDATE enterprise SET state = $2 WHERE enterprise_id = $1", edited.enterprise_id, str(state)
    )
    return replace(edited, state=state)


async def told(office: Office, enterprise_id: UUID) -> list[str]:
    rows = await office.pool.fetch(
        "SELECT kind, body FROM notification WHERE enterprise_id = $1 ORDER BY notification_id", enterprise_id
    )
    assert {row["kind"] for row in rows} <= {"enterprise.validity"}
    return [json.loads(row["body"])["detail_zh"] for row in rows]


def test_the_nearest_threshold_that_is_reached_is_due() -> None:
    reached = {91: None, 90: 90, 31: 90, 30: 30, 8: 30, 7: 7, 1: 7, 0: 0, -400: 0}
    assert {left: due(TODAY + timedelta(days=left), TODAY, DAYS) for left in reached} == reached
    assert due(TODAY, TODAY, ()) is None


async def test_each_threshold_is_reminded_of_once_and_those_that_were_missed_are_not_made_up_for(
    office: Office,
) -> None:
    ends = TODAY + timedelta(days=95)
    enterprise = await ending(office, Profile(valid_until=ends))
    given = []
    for left in (95, 90, 89, 30, 30, 3, 0, -1, -2):
        at = datetime(ends.year, ends.month, ends.day, 3, tzinfo=UTC) - timedelta(days=left)
        given.append(await give_reminders(office.pool, at, DAYS))
    assert given == [0, 1, 0, 1, 0, 1, 1, 0, 0]
    assert await told(office, enterprise.enterprise_id) == [
        f"企业证件将于 {ends} 到期，还有 {left} 天，请及时更新企业信息。" for left in (90, 30, 3, 0)
    ]


async def test_a_day_begins_at_midnight_of_utc_plus_8(office: Office) -> None:
    await ending(office, Profile(valid_until=date(2026, 6, 1)))
    eve = datetime(2026, 3, 2, 15, 59, tzinfo=UTC)
    assert await give_reminders(office.pool, eve, DAYS) == 0
    assert await give_reminders(office.pool, eve + timedelta(minutes=1), DAYS) == 1


async def test_licences_are_reminded_of_one_by_one_and_a_renewed_one_anew(office: Office) -> None:
    def holding(last: date) -> Profile:
        telecom = Licence("B2-1", LicenceKind.VALUE_ADDED_TELECOM, last)
        return Profile(valid_until=TODAY + timedelta(days=200), licences=(telecom, Licence("B2-2", telecom.kind)))

    enterprise = await ending(office, holding(TODAY + timedelta(days=7)), EnterpriseState.DRAFT)
    assert await give_reminders(office.pool, office.clock(), DAYS) == 1
    await office.enterprises.edit(
        office.admin, acting(office.admin), enterprise.enterprise_id, enterprise.facts, enterprise.version,
        holding(TODAY + timedelta(days=30)),
    )  # fmt: skip
    assert await give_reminders(office.pool, office.clock(), DAYS) == 1
    said = await told(office, enterprise.enterprise_id)
    assert [sentence.partition("，")[0] for sentence in said] == [
        "许可证 B2-1将于 2026-03-09 到期", "许可证 B2-1将于 2026-04-01 到期",
    ]  # fmt: skip


async def test_what_has_ended_already_is_told_once_and_enterprises_that_are_no_more_are_left_alone(
    office: Office,
) -> None:
    past = Profile(valid_until=TODAY - timedelta(days=10))
    running = await ending(office, past)
    for state in (EnterpriseState.CLOSED, EnterpriseState.REJECTED):
        await ending(office, past, state)
    assert await give_reminders(office.pool, office.clock(), DAYS) == 1
    assert await give_reminders(office.pool, office.clock(), DAYS) == 0
    assert await told(office, running.enterprise_id) == ["企业证件已于 2026-02-20 到期，请及时更新企业信息。"]


async def test_two_stewards_at_once_remind_once(office: Office) -> None:
    await ending(office, Profile(valid_until=TODAY))
    given = await asyncio.gather(*(give_reminders(office.pool, office.clock(), DAYS) for _ in range(4)))
    assert sum(given) == 1


async def test_the_steward_looks_at_its_start_and_ends_when_told(office: Office) -> None:
    enterprise = await ending(office, Profile(valid_until=TODAY))
    stop = asyncio.Event()
    looking = asyncio.create_task(remind_daily(office.pool, office.clock, DAYS, stop))

    async def reminded() -> bool:
        return bool(await told(office, enterprise.enterprise_id))

    try:
        await until(reminded)
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await looking
