"""The steward's turns: digests of what event files say, and days closed with them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from admin.statistics.closing import newest_closings
from admin.statistics.digesting import digest_and_keep, digests_kept, holders_on
from admin.statistics.keeping import Digester, FigureKeeper, keep_digests, keep_figures
from admin.statistics.rules import definition_of
from node.china_time import day_of, midnight
from node.config import FlagSettings
from node.database import DatabaseAway, Pool
from node.founding import found, node_id_of
from node.resolutions import tenant_of
from registry.transitions import PrefixState, Verb
from resolver.counting.folder import open_folder
from tests.support.counting import MINUTE_DAYS, at
from tests.support.ledger import DAY, NEXT, PREFIX, Asked, Ledger, honest
from tests.support.office import Office, acting

DEFINITION = definition_of((), FlagSettings(), b"")


@pytest.fixture
async def ledger(pool: Pool, database_url: str, tmp_path: Path) -> Ledger:
    await found(database_url, laboratory=False, at=midnight(DAY))
    return Ledger(database_url, pool, open_folder(tmp_path, await node_id_of(pool)))


def keeper_of(ledger: Ledger) -> FigureKeeper:
    return FigureKeeper(ledger.pool, ledger.folder, DEFINITION, MINUTE_DAYS, lambda: ledger.at)


async def made_at(ledger: Ledger) -> object:
    return await ledger.pool.fetchval("SELECT max(made_at) FROM resolution_digest")


async def test_the_running_day_is_digested_also_before_it_is_over(ledger: Ledger) -> None:
    await ledger.steward(at(DAY, 0))
    async with ledger.counter() as counter:
        ledger.book(counter, honest(100))
        ledger.at = at(DAY, 23, 59)
        await keeper_of(ledger).turn()
        async with ledger.pool.acquire() as connection:
            digests = await digests_kept(connection, ledger.folder.recorder_id, DAY)
    assert {prefix: digest.valid for prefix, digest in digests.items()} == {"": 100, PREFIX: 100}


async def test_a_machine_that_only_resolves_digests_today_and_yesterday_and_nothing_else(ledger: Ledger) -> None:
    await ledger.steward(at(DAY, 0))  # the node's own, elsewhere: the rule is recorded
    await ledger.resolve(honest(100))
    stop = asyncio.Event()
    asked: list[datetime] = []

    def now() -> datetime:
        asked.append(at(NEXT, 0, 1))
        if len(asked) == 2:
            stop.set()
        return asked[-1]

    await keep_digests(Digester(ledger.pool, ledger.folder), now, stop, seconds=0.01)
    async with ledger.pool.acquire() as connection:
        digests = await digests_kept(connection, ledger.folder.recorder_id, DAY)
        assert await connection.fetchval("SELECT count(*) FROM day_closing") == 0
    assert digests[PREFIX].valid == 100


async def test_a_digest_that_says_nothing_new_is_not_written_again(ledger: Ledger) -> None:
    await ledger.steward(at(DAY, 0))
    await ledger.resolve(honest(100))
    await ledger.end()
    first = await made_at(ledger)
    later = at(NEXT, 5)
    assert not await digest_and_keep(ledger.pool, ledger.folder, DAY, later)
    assert await made_at(ledger) == first
    await ledger.resolve([Asked(80_000, "PUMP-1", "192.0.2.1")])
    assert await digest_and_keep(ledger.pool, ledger.folder, DAY, later)
    assert await made_at(ledger) == later


async def test_a_day_before_the_first_rule_has_no_digest(ledger: Ledger) -> None:
    await ledger.resolve(honest(10))
    assert not await digest_and_keep(ledger.pool, ledger.folder, DAY, at(NEXT, 1))


async def test_a_steward_that_was_away_for_days_makes_up_for_all_of_them(ledger: Ledger) -> None:
    await ledger.steward(at(DAY, 0))
    days = [DAY + timedelta(days=number) for number in range(25)]
    for number in (0, 7, 24):
        await ledger.resolve(honest(20 + number), days[number])
    ledger.at = at(DAY + timedelta(days=25), 1)
    keeper = keeper_of(ledger)
    await keeper.turn()
    await keeper.turn()  # a turn makes up for some of them
    async with ledger.pool.acquire() as connection:
        closed = await newest_closings(connection, DAY, DAY + timedelta(days=25))
    assert list(closed) == days
    counted = {number: closed[days[number]].figures for number in (0, 7, 24)}
    assert {number: figures["valid"] for number, figures in counted.items()} == {0: 20, 7: 27, 24: 44}
    assert all(figures["deduplicated"] == figures["valid"] for figures in counted.values())


async def test_a_machine_without_a_folder_sums_and_closes_all_the_same(ledger: Ledger) -> None:
    await ledger.resolve(honest(30))
    ledger.at = at(NEXT, 1)
    await FigureKeeper(ledger.pool, None, DEFINITION, MINUTE_DAYS, lambda: ledger.at).turn()
    (closing,) = await ledger.editions()
    assert (closing.figures["valid"], closing.figures["deduplicated"]) == (30, None)


async def test_a_turn_that_fails_is_followed_by_the_next(ledger: Ledger) -> None:
    await ledger.resolve(honest(30))
    stop, turns = asyncio.Event(), 0

    def clock() -> datetime:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise DatabaseAway("not yet")
        if turns == 2:
            raise RuntimeError("nobody thought of this")
        stop.set()
        return at(NEXT, 1)

    keeper = FigureKeeper(ledger.pool, ledger.folder, DEFINITION, MINUTE_DAYS, clock)
    async with asyncio.timeout(10):
        await keep_figures(keeper, stop, seconds=0.01)
    (closing,) = await ledger.editions()
    assert closing.figures["valid"] == 30


async def test_whose_a_prefix_was_is_known_after_it_changed_hands(pool: Pool) -> None:
    """A count done again after a transfer flags the same resolutions as an enterprise's own."""
    office = Office(pool)
    giver, receiver = await office.enterprise(), await office.enterprise()
    grant = await office.grant(PrefixState.ENABLED, giver)
    office.clock.turn(days=3)
    giving, receiving = office.user(giver), office.user(receiver)
    offered = await office.transfers.offer(giving, acting(giving), grant.prefix, receiver.enterprise_id, "业务合并")
    await office.transfers.answer(receiving, acting(receiving), offered.transfer_id, Verb.ACCEPT)
    reviewer = office.reviewer
    await office.transfers.decide(reviewer, acting(reviewer), offered.transfer_id, Verb.APPROVE, "同意")
    passed_on = day_of(office.clock())
    async with pool.acquire() as connection:
        before = await holders_on(connection, passed_on - timedelta(days=1))
        after = await holders_on(connection, passed_on)
    assert before[grant.prefix.key] == tenant_of(giver.enterprise_id)
    assert after[grant.prefix.key] == tenant_of(receiver.enterprise_id)
