"""Days are counted again on demand: by the steward, one day after the other, and what came out is kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from admin.statistics.day_recount import Kept
from admin.statistics.recounting import Recounter, keep_recounting
from admin.statistics.recounts import (
    AskedRecount,
    RecountDaysUnfit,
    Recounts,
    RecountState,
    RecountUnknown,
    TooManyRecounts,
)
from node.auth import Account, NotAllowed, Role
from node.china_time import midnight
from node.database import DatabaseAway, Pool
from node.founding import found, node_id_of
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.folder import open_folder
from tests.support.counting import MINUTE_DAYS, at, write
from tests.support.docking import until
from tests.support.ledger import DAY, NEXT, PREFIX, Asked, Ledger, honest
from tests.support.world import actor, staff, user_of

EVENTS = 60
NEVER = asyncio.Event()


@pytest.fixture
async def ledger(pool: Pool, database_url: str, tmp_path: Path) -> Ledger:
    """A day of ``EVENTS`` resolutions that is over and closed, and some hours of the next one."""
    await found(database_url, laboratory=False, at=midnight(DAY))
    ledger = Ledger(database_url, pool, open_folder(tmp_path / "here", await node_id_of(pool)))
    await ledger.steward(midnight(DAY))
    await ledger.resolve(honest(EVENTS))
    await ledger.end()
    await ledger.resolve([Asked(7200 + number, f"PUMP-{number}", "203.0.113.9") for number in range(20)], NEXT)
    await ledger.steward(at(NEXT, 9, 30) + timedelta(seconds=20))
    return ledger


@pytest.fixture
def auditor() -> Account:
    return staff(Role.AUDITOR)


def now(ledger: Ledger) -> datetime:
    return ledger.at.astimezone(UTC)


def recounts(ledger: Ledger) -> Recounts:
    return Recounts(ledger.pool, lambda: now(ledger))


def steward(ledger: Ledger) -> Recounter:
    return Recounter(ledger.pool, ledger.folder, Kept(MINUTE_DAYS, 400), lambda: now(ledger))


async def ask(ledger: Ledger, account: Account, *, correct: bool = False) -> AskedRecount:
    return await recounts(ledger).ask(account, actor(account), DAY, NEXT, correct=correct)


async def test_what_nobody_touched_comes_out_equal_and_says_who_asked(ledger: Ledger, auditor: Account) -> None:
    asked = await ask(ledger, auditor)
    assert (asked.state, asked.asked_by, asked.days, asked.result) == (
        RecountState.WAITING, auditor.account_id, 2, None,
    )  # fmt: skip
    assert await steward(ledger).turn(NEVER)
    assert not await steward(ledger).turn(NEVER)
    done = await recounts(ledger).get(auditor, asked.recount_id)
    assert (done.state, done.days_done, done.ended_at) == (RecountState.DONE, 2, now(ledger))
    assert done.result is not None
    assert done.result["difference_count"] == 0
    assert done.result["resolutions"] == EVENTS + 20
    assert [(day["day"], day["resolutions"]) for day in done.result["days"]] == [(str(DAY), EVENTS), (str(NEXT), 20)]
    assert done.result["recorder_id"] == str(ledger.folder.recorder_id)
    acts = await ledger.pool.fetch(
        "SELECT action, account_id FROM act_history WHERE subject_kind = 'recount' ORDER BY 1"
    )
    assert [tuple(act) for act in acts] == [
        ("statistics.recount", auditor.account_id), ("statistics.recounted", None),
    ]  # fmt: skip


async def test_what_differs_is_told_by_day_and_corrected_for_an_administrator(
    ledger: Ledger, auditor: Account
) -> None:
    await write(ledger.pool, {(at(DAY, 10), (PREFIX, Interface.DNS, Outcome.HIT)): 1000})
    await ledger.steward(at(NEXT, 9, 32))
    administrator = staff(Role.ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        await ask(ledger, auditor, correct=True)
    looked = await ask(ledger, auditor)
    ledger.at += timedelta(seconds=1)
    corrected = await ask(ledger, administrator, correct=True)
    ledger.at += timedelta(seconds=1)
    again = await ask(ledger, auditor)
    while await steward(ledger).turn(NEVER):
        pass
    told = (await recounts(ledger).get(auditor, looked.recount_id)).result
    assert told is not None
    assert {difference["what"] for difference in told["differences"]} == {"minute", "hour", "day", "closing"}
    assert any(PREFIX in difference["key"] for difference in told["differences"])
    assert [day["differences"] > 0 for day in told["days"]] == [True, False]
    assert told["corrected"] == []
    made = (await recounts(ledger).get(auditor, corrected.recount_id)).result
    assert made is not None
    assert [day["day"] for day in made["corrected"]] == [str(DAY)]
    assert (await ledger.editions())[-1].sha256.hex() == made["corrected"][0]["sha256"]
    after = (await recounts(ledger).get(auditor, again.recount_id)).result
    assert after is not None
    assert after["difference_count"] == 0


async def test_a_steward_that_ends_or_loses_the_database_leaves_it_for_the_next(
    ledger: Ledger, auditor: Account
) -> None:
    asked = await ask(ledger, auditor)
    told_to_stop = asyncio.Event()
    told_to_stop.set()
    assert await steward(ledger).turn(told_to_stop)
    assert (await recounts(ledger).get(auditor, asked.recount_id)).state is RecountState.WAITING

    # One that fell silent amid it: nobody takes it up for half an hour.
    await ledger.pool.execute("UPDATE recount SET state = 'running', touched_at = $1", now(ledger))
    assert not await steward(ledger).turn(NEVER)
    ledger.at += timedelta(minutes=31)
    assert await steward(ledger).turn(NEVER)
    assert (await recounts(ledger).get(auditor, asked.recount_id)).state is RecountState.DONE


async def test_a_machine_without_event_files_says_so(ledger: Ledger, auditor: Account) -> None:
    asked = await ask(ledger, auditor)
    stop = asyncio.Event()
    lost = Recounter(ledger.pool, None, Kept(MINUTE_DAYS, 400), lambda: now(ledger))

    async def has_failed() -> bool:
        return (await recounts(ledger).get(auditor, asked.recount_id)).state is RecountState.FAILED

    doing = asyncio.create_task(keep_recounting(lost, stop))
    try:
        await until(has_failed)
    finally:
        stop.set()
        await doing
    failed = await recounts(ledger).get(auditor, asked.recount_id)
    assert failed.failure == "this machine keeps no event files"
    assert failed.result is None


async def test_a_folder_that_cannot_be_read_fails_the_recount_and_not_the_steward(
    ledger: Ledger, auditor: Account
) -> None:
    asked = await ask(ledger, auditor)
    for _, file in ledger.folder.sealed_files():
        file.unlink()
        file.mkdir()
    assert await steward(ledger).turn(NEVER)
    ended = await recounts(ledger).get(auditor, asked.recount_id)
    assert (ended.state, ended.failure) == (RecountState.FAILED, "IsADirectoryError: Is a directory")


async def test_days_are_bounded_and_so_are_those_that_wait(ledger: Ledger, auditor: Account) -> None:
    asking = recounts(ledger)
    today = NEXT
    for first, last in (
        (today, DAY), (today, today + timedelta(days=1)), (today - timedelta(days=31), today),
    ):  # fmt: skip
        with pytest.raises(RecountDaysUnfit):
            await asking.ask(auditor, actor(auditor), first, last, correct=False)
    asked = []
    for _ in range(5):
        ledger.at += timedelta(seconds=1)
        asked.append(await asking.ask(auditor, actor(auditor), today - timedelta(days=30), today, correct=False))
    with pytest.raises(TooManyRecounts):
        await ask(ledger, auditor)
    listed = await asking.list(auditor, before=None, limit=3)
    assert [one.recount_id for one in listed] == [one.recount_id for one in asked[:1:-1]]
    rest = await asking.list(auditor, before=listed[-1].recount_id, limit=3)
    assert [one.recount_id for one in rest] == [one.recount_id for one in asked[1::-1]]
    with pytest.raises(RecountUnknown):
        await asking.get(auditor, uuid4())
    for account in (staff(Role.REVIEWER), user_of(uuid4())):
        with pytest.raises(NotAllowed):
            await asking.list(account, before=None, limit=1)
        with pytest.raises(NotAllowed):
            await ask(ledger, account)


async def test_while_the_database_is_away_the_steward_says_so(ledger: Ledger, auditor: Account) -> None:
    await ask(ledger, auditor)
    await ledger.pool.close()
    with pytest.raises(DatabaseAway):
        await steward(ledger).turn(NEVER)
