"""Counts against real sums and a real national node: whatever was missed is made good, nothing is stated twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
from msgspec import to_builtins

from admin.statistics.rollup import sum_all
from mocknational.faults import Faults
from node.journal import Interface
from node.national.counts import next_statement, state_counts
from node.national.docking import Docking, docked
from node.resolutions import Outcome
from tests.support.counting import MINUTE_DAYS, write
from tests.support.docking import KEYS, SEAL, DockedNode, until

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # half past five in the afternoon in China
HIT = ("88.101.1", Interface.HANDLE_TCP, Outcome.HIT)


async def counted(world: DockedNode, *moments: datetime, each: int = 3) -> None:
    """So many resolutions in the minutes of these moments, summed up."""
    for moment in moments:
        await write(world.pool, {(moment, HIT): each})
    await sum_all(world.pool, AT, minute_days=MINUTE_DAYS)


async def marks(world: DockedNode) -> list[tuple[str, datetime]]:
    rows = await world.pool.fetch("SELECT period, at FROM count_to_state ORDER BY period, at")
    return [(row["period"], row["at"]) for row in rows]


async def test_a_statement_holds_the_marked_hours_with_their_minutes(world: DockedNode) -> None:
    await counted(world, AT - timedelta(minutes=3), AT - timedelta(minutes=2), AT - timedelta(hours=2))
    statement = await next_statement(world.pool, AT)
    this_hour = AT.replace(minute=0)
    assert [hour.at for hour in statement.counts.hours] == [this_hour - timedelta(hours=2), this_hour]
    assert [
        (minute.at, [to_builtins(count) for count in minute.resolutions]) for minute in statement.counts.minutes
    ] == [
        (moment, [{"interface": 7, "outcome": 1, "resolutions": 3}])
        for moment in (AT - timedelta(hours=2), AT - timedelta(minutes=3), AT - timedelta(minutes=2))
    ]
    assert [sum(count.resolutions for count in hour.resolutions) for hour in statement.counts.hours] == [3, 6]
    assert [str(day.day) for day in statement.counts.days] == ["2026-03-01", "2026-03-02"]
    assert not statement.more


async def test_a_period_of_which_nothing_is_left_is_stated_as_empty(world: DockedNode) -> None:
    boot = await write(world.pool, {(AT, HIT): 3})
    await sum_all(world.pool, AT, minute_days=MINUTE_DAYS)
    await write(world.pool, {(AT, HIT): 0}, boot)
    # Totals never fall by counting; a correction may.
    await world.pool.execute("UPDATE resolution_count SET resolutions = 0")
    await world.pool.execute("INSERT INTO hour_to_sum VALUES ($1) ON CONFLICT DO NOTHING", AT.replace(minute=0))
    await sum_all(world.pool, AT, minute_days=MINUTE_DAYS)
    counts = (await next_statement(world.pool, AT)).counts
    assert [hour.resolutions for hour in counts.hours] == [[]]
    assert [(minute.at, minute.resolutions) for minute in counts.minutes] == [(AT, [])]
    assert counts.days[-1].resolutions == []


async def test_a_mark_that_was_made_anew_meanwhile_stays(world: DockedNode) -> None:
    """The sum changes between the reading of a statement and its acknowledgement."""
    await counted(world, AT)
    async with world.mock(Faults(delay_ms=400), clock=lambda: AT) as mock:
        docking = Docking(mock.url, KEYS.access_key, KEYS.secret_key)
        async with docked(world.pool, docking, SEAL, clock=lambda: AT) as client:
            stating = asyncio.create_task(state_counts(world.pool, client, AT))
            await asyncio.sleep(0.2)
            await counted(world, AT - timedelta(minutes=1))
            await stating
            kept = await marks(world)
            assert [period for period, _ in kept] == ["day", "hour"]
            await state_counts(world.pool, client, AT)
    assert await marks(world) == []


async def test_what_the_node_above_refuses_or_does_not_hear_stays_marked(world: DockedNode) -> None:
    await counted(world, AT)
    async with (
        world.mock(Faults(reject_share=1), clock=lambda: AT) as mock,
        world.steward(mock.url, clock=lambda: AT),
    ):
        await asyncio.sleep(0.6)
    assert len(await marks(world)) == 2


async def test_after_days_of_silence_every_hour_and_day_is_made_good(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    """Twelve days, three hours of each: more than one statement holds, and all minutes are told."""
    moments = [AT - timedelta(days=day, hours=hour, minutes=7) for day in range(12) for hour in range(3)]
    await counted(world, *moments)
    await world.pool.execute(
        "INSERT INTO registration_day SELECT d::date, 1, 1, 5, 5, 1, 0, 0, 0, 0, 0"
        " FROM generate_series('2026-02-19'::date, '2026-03-02', '1 day') d"
    )
    async with world.mock(clock=lambda: AT) as mock, world.steward(mock.url, clock=lambda: AT):

        async def nothing_marked() -> bool:
            return not await marks(world)

        await until(nothing_marked)
    rows = await upper.fetch(
        "SELECT period, count(*) AS stated, sum((SELECT sum((r ->> 'resolutions')::int)"
        " FROM jsonb_array_elements(resolutions) r)) AS resolutions, sum(registered) AS registered"
        " FROM docked_count GROUP BY 1 ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [("day", 12, 108, 60), ("hour", 36, 108, 0), ("minute", 36, 108, 0)]
