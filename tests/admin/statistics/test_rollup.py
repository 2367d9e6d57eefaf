"""Hours and days say what the minutes say, whenever these came."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from admin.statistics.rollup import remove_old, sum_all, sum_resolutions
from node.china_time import day_of
from node.database import Pool, transaction
from node.founding import found
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.counters_format import Total
from resolver.counting.writing import write_totals
from tests.support.counting import MINUTE_DAYS, PREFIX, Key, at, write

DAY = date(2026, 11, 20)
NOW = at(DAY + timedelta(days=1), 9)
HIT: Key = (PREFIX, Interface.HANDLE_TCP, Outcome.HIT)
MISS: Key = ("", Interface.HANDLE_UDP, Outcome.MISSING)


async def days_in(pool: Pool) -> dict[tuple[date, Key], int]:
    return {(row[0], tuple(row)[1:4]): row[4] for row in await pool.fetch(
        "SELECT day, prefix, interface, outcome, resolutions FROM resolution_day")}  # fmt: skip


async def hours_in(pool: Pool) -> dict[tuple[datetime, Key], int]:
    return {(row[0], tuple(row)[1:4]): row[4] for row in await pool.fetch(
        "SELECT hour, prefix, interface, outcome, resolutions FROM resolution_hour")}  # fmt: skip


async def marked_days(pool: Pool) -> list[date]:
    return [row["day"] for row in await pool.fetch("SELECT day FROM day_to_close ORDER BY day")]


async def test_a_day_ends_at_midnight_in_china(pool: Pool) -> None:
    last, first = at(DAY, 23, 59), at(DAY + timedelta(days=1), 0, 0)
    await write(pool, {(last, HIT): 3, (first, HIT): 5, (last, MISS): 2})

    assert await sum_all(pool, NOW, minute_days=MINUTE_DAYS) == {DAY, DAY + timedelta(days=1)}

    assert await days_in(pool) == {(DAY, HIT): 3, (DAY, MISS): 2, (DAY + timedelta(days=1), HIT): 5}
    assert await hours_in(pool) == {
        (at(DAY, 23), HIT): 3,
        (at(DAY, 23), MISS): 2,
        (first, HIT): 5,
    }


async def test_what_comes_late_corrects_its_hour_and_its_day_and_has_the_day_closed_again(pool: Pool) -> None:
    boot_id = await write(pool, {(at(DAY, 10), HIT): 3})
    await sum_all(pool, NOW, minute_days=MINUTE_DAYS)
    await pool.execute("DELETE FROM day_to_close")

    await write(pool, {(at(DAY, 10), HIT): 8, (at(DAY, 10, 1), HIT): 1}, boot_id)
    await write(pool, {(at(DAY, 10), HIT): 100})

    assert await sum_all(pool, NOW, minute_days=MINUTE_DAYS) == {DAY}
    assert await days_in(pool) == {(DAY, HIT): 109}
    assert await marked_days(pool) == [DAY]


async def test_the_running_day_is_not_marked_for_closing(pool: Pool) -> None:
    await write(pool, {(at(day_of(NOW), 1), HIT): 1})
    await sum_all(pool, NOW, minute_days=MINUTE_DAYS)
    assert await marked_days(pool) == []


async def test_an_hour_whose_minutes_were_taken_away_says_so(pool: Pool) -> None:
    await write(pool, {(at(DAY, 10), HIT): 3, (at(DAY, 11), HIT): 4})
    await sum_all(pool, NOW, minute_days=MINUTE_DAYS)
    await pool.execute("DELETE FROM resolution_count WHERE minute = $1", at(DAY, 10))
    await pool.execute("INSERT INTO hour_to_sum VALUES ($1)", at(DAY, 10))

    await sum_all(pool, NOW, minute_days=MINUTE_DAYS)

    assert (await hours_in(pool))[at(DAY, 10), HIT] == 0
    assert await days_in(pool) == {(DAY, HIT): 4}


async def test_a_writer_that_commits_while_hours_are_summed_is_in_the_next_sum(pool: Pool) -> None:
    """The mark of an hour is a lock: either the sum waits for the writer, or the writer marks the hour again."""
    await write(pool, {(at(DAY, 10), HIT): 1})
    boot_id = uuid4()
    async with transaction(pool) as connection:
        minute = int(at(DAY, 10).timestamp()) // 60
        await write_totals(connection, boot_id, [Total(minute, *HIT, 10)])
        summing = asyncio.create_task(sum_resolutions(pool, NOW, minute_days=MINUTE_DAYS))
        await asyncio.sleep(0.1)
        assert not summing.done()
    await summing
    assert await days_in(pool) == {(DAY, HIT): 11}


async def test_sums_are_the_truth_whatever_the_order_of_writers_and_sums(pool: Pool) -> None:
    """Four writers tell their totals in shuffled order and repeatedly while two stewards sum up."""
    random = Random(20261120)
    hours = [at(DAY, 21) + timedelta(hours=hour) for hour in range(6)]
    truth: Counter[tuple[date, Key]] = Counter()
    steps: list[tuple[UUID, dict[tuple[datetime, Key], int]]] = []
    for _ in range(4):
        boot_id = uuid4()
        for hour in hours:
            for key in (HIT, MISS):
                last = random.randint(1, 50)
                truth[day_of(hour), key] += last
                for so_far in sorted({random.randint(1, last), last}):
                    steps += [(boot_id, {(hour, key): so_far})] * random.randint(1, 2)
    random.shuffle(steps)

    async def tell(part: list[tuple[UUID, dict[tuple[datetime, Key], int]]]) -> None:
        for boot_id, counted in part:
            await write(pool, counted, boot_id)

    async def keep_summing() -> None:
        for _ in range(20):
            await sum_resolutions(pool, NOW, minute_days=MINUTE_DAYS)
            await asyncio.sleep(0.005)

    await asyncio.gather(*(tell(steps[n::4]) for n in range(4)), keep_summing(), keep_summing())
    await sum_all(pool, NOW, minute_days=MINUTE_DAYS)

    assert await days_in(pool) == dict(truth)
    assert not await pool.fetchval("SELECT EXISTS (SELECT FROM hour_to_sum)")


@pytest.fixture
async def founded(pool: Pool, database_url: str) -> Pool:
    await found(database_url, laboratory=False, at=NOW)
    return pool


async def test_minutes_older_than_they_are_kept_go_and_their_sums_stay(founded: Pool) -> None:
    old, young = at(DAY - timedelta(days=40), 23, 59), at(DAY - timedelta(days=33))
    await write(founded, {(old, HIT): 3, (young, HIT): 5})
    await sum_all(founded, NOW, minute_days=MINUTE_DAYS)

    await remove_old(founded, NOW, minute_days=35)

    assert [row["minute"] for row in await founded.fetch("SELECT minute FROM resolution_count")] == [young]
    assert await days_in(founded) == {(day_of(old), HIT): 3, (day_of(young), HIT): 5}


async def test_minutes_that_come_after_their_neighbours_were_removed_are_refused_and_leave_a_gap(
    founded: Pool,
) -> None:
    old = at(DAY - timedelta(days=40), 12)
    await write(founded, {(old, HIT): 1000})
    await sum_all(founded, NOW, minute_days=MINUTE_DAYS)
    await remove_old(founded, NOW, minute_days=35)

    late = await write(founded, {(old + timedelta(minutes=4), HIT): 7})
    await sum_all(founded, NOW, minute_days=35)

    assert await days_in(founded) == {(day_of(old), HIT): 1000}
    assert not await founded.fetchval("SELECT EXISTS (SELECT FROM resolution_count)")
    gap = await founded.fetchrow("SELECT boot_id, cause, began_at, ended_at FROM counting_gap")
    assert tuple(gap) == (late, "late", old + timedelta(minutes=4), old + timedelta(minutes=5))


async def test_the_keys_of_clients_are_destroyed_two_months_after_their_month_began(pool: Pool) -> None:
    months = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
    await pool.executemany(
        "INSERT INTO counting_key VALUES ($1, $2, now())", [(month, bytes(32)) for month in months]
    )
    await remove_old(pool, at(date(2026, 11, 2)), minute_days=MINUTE_DAYS)
    assert len(await pool.fetch("SELECT FROM counting_key")) == 3
    await remove_old(pool, at(date(2026, 11, 3)), minute_days=MINUTE_DAYS)
    assert [row["month"] for row in await pool.fetch("SELECT month FROM counting_key ORDER BY 1")] == months[1:]
