"""Known resolutions, processes killed in the middle, clocks put, totals written again and late: the sum is never
above the truth, what is missing is what the gaps allow, and the event files say the same as the totals.

``--events`` says how many and ``--kills`` how often is killed; ``make soak`` takes a million.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from node.china_time import CHINA, day_of, midnight
from node.database import Pool, transaction
from node.founding import found
from node.journal import Interface
from node.resolutions import VALID, Outcome
from resolver.counting.adoption import left_behind
from resolver.counting.counters_format import Total
from resolver.counting.event_format import Event
from resolver.counting.folder import CountingFolder, open_folder
from resolver.counting.reading import events_between
from resolver.counting.sealing import sealable
from resolver.counting.writing import write_totals
from tests.support.booking import BEGIN, Job, Marks, Nursery, known, nursery, time_of
from tests.support.handle import connected, datagrams_to, resolution, served
from tests.support.ledger import Ledger
from tests.support.shelf import Shelf

Key = tuple[int, str, int, int]
"""Minutes since 1970, prefix, interface, outcome."""

pytestmark = pytest.mark.system

LANES = 2
FIRST, LAST = (day_of(datetime.fromtimestamp(BEGIN, CHINA) + timedelta(days=number)) for number in range(2))
AFTERWARDS = midnight(LAST) + timedelta(days=1, hours=1)
"""When the steward acts, by its own clock: after everything that was resolved."""


@dataclass(slots=True)
class Lane:
    """What one process after the other booked: ``lost`` is the most that the kills may have taken."""

    number: int
    marks: Marks
    kills: int = 0
    lost: list[tuple[int, int]] = field(default_factory=list)


@pytest.fixture
def folder() -> Iterator[CountingFolder]:
    with tempfile.TemporaryDirectory(prefix="biaoshi-proof-") as name:
        yield open_folder(Path(name), UUID(int=7))


@pytest.fixture
async def bookers() -> AsyncIterator[Nursery]:
    async with nursery() as found:
        yield found


async def run_lane(lane: Lane, bookers: Nursery, job: Job, kills: int) -> None:
    """Book to the end, killed so many times on the way at places that nobody chose, and not at all towards the end:
    what one process counts while its clock is put must be right without an adoption, too.
    """
    chance = random.Random(f"kills {lane.number}")
    for place in sorted(chance.randrange(job.total * 7 // 10) for _ in range(kills)):
        begins_at = lane.marks.told
        booker = await bookers.start(job_from(job, begins_at))
        while lane.marks.told <= max(place, begins_at) and lane.marks.told < job.total:  # noqa: ASYNC110 - another process counts
            await asyncio.sleep(chance.uniform(0, 0.002))
        bookers.kill(booker)
        if await bookers.ended(booker) == -9:
            lane.kills += lane.marks.told < job.total  # else it may have stopped in order already
            lane.lost.append((lane.marks.booked, lane.marks.told))
    while lane.marks.told < job.total or lane.marks.booked < lane.marks.told:
        lane.marks.booked = lane.marks.told
        assert await bookers.ended(await bookers.start(job_from(job, lane.marks.told))) == 0


def job_from(job: Job, first: int) -> Job:
    return Job(job.url, job.directory, job.node_id, job.marks, job.lane, first, job.total)


async def write_late_and_again(pool: Pool) -> None:
    """Totals of an earlier look arrive once more, after newer ones; those written last, for these still grow."""
    chance = random.Random("late")
    while True:
        rows = await pool.fetch("SELECT * FROM resolution_count ORDER BY xmin::text::bigint DESC LIMIT 30")
        await asyncio.sleep(chance.uniform(0, 0.1))
        for row in rows:
            async with transaction(pool) as connection:
                await write_totals(connection, row["boot_id"], [Total(*key_of(row), row["resolutions"])])


async def steward(ledger: Ledger) -> None:
    """What a steward does all the time, also closing days that are still being written to."""
    while True:
        await ledger.steward()
        await asyncio.sleep(0.1)


def key_of_known(lane: int, number: int, total: int) -> Key:
    one = known(lane, number)
    return int(time_of(number, total) // 60), one.prefix, one.interface, one.outcome


def key_of(row: Any) -> Key:
    return int(row["minute"].timestamp()) // 60, row["prefix"], row["interface"], row["outcome"]


async def counted_in(pool: Pool) -> Counter[Key]:
    """What the database has."""
    rows = await pool.fetch(
        "SELECT minute, prefix, interface, outcome, sum(resolutions)::bigint AS resolutions"
        " FROM resolution_count GROUP BY minute, prefix, interface, outcome"
    )
    return Counter({key_of(row): row["resolutions"] for row in rows})


def said_in(folder: CountingFolder) -> Counter[Key]:
    """What the event files have."""
    found: Counter[Key] = Counter()
    for event in events_between(folder, midnight(FIRST), AFTERWARDS):
        if isinstance(event, Event):
            found[event.at // 60_000_000, event.prefix, event.interface, event.outcome] += 1
    return found


async def test_the_sum_is_never_above_the_truth_and_what_is_missing_is_what_the_gaps_allow(
    pool: Pool,
    database_url: str,
    folder: CountingFolder,
    bookers: Nursery,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    total = pytestconfig.getoption("--events") // LANES
    kills = pytestconfig.getoption("--kills") // LANES
    lanes = [Lane(number, Marks(tmp_path / f"lane-{number}")) for number in range(LANES)]
    await found(database_url, laboratory=True, at=midnight(FIRST))
    ledger = Ledger(database_url, pool, folder, midnight(FIRST))
    await ledger.steward()
    ledger.at = AFTERWARDS
    beside = [asyncio.create_task(steward(ledger)), asyncio.create_task(write_late_and_again(pool))]
    await asyncio.gather(
        *(
            run_lane(
                lane,
                bookers,
                Job(database_url, str(folder.path.parent), str(folder.node_id), str(tmp_path / f"lane-{lane.number}"),
                    lane.number, 0, total),
                kills,
            )
            for lane in lanes
        )
    )  # fmt: skip
    for task in beside:
        assert not task.done(), task.exception()
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await ledger.steward()
    assert (left_behind(folder), sealable(folder)) == ([], [])

    killed = sum(lane.kills for lane in lanes)
    assert killed >= kills * LANES * 0.9, "most of them met a living process"
    gaps = await pool.fetch("SELECT * FROM counting_gap")
    assert {gap["cause"] for gap in gaps} <= {"killed"}
    assert len({gap["boot_id"] for gap in gaps}) >= killed

    # Minute by minute, prefix by prefix: never above, and only such as a kill may have taken are missing.
    truth = Counter(key_of_known(lane.number, number, total) for lane in lanes for number in range(total))
    allowed = Counter(
        key_of_known(lane.number, number, total)
        for lane in lanes
        for booked, told in lane.lost
        for number in range(booked, told)
    )
    counted = await counted_in(pool)
    above, missing = counted - truth, truth - counted
    assert not above, "more was counted than was resolved"
    not_allowed = missing - allowed
    assert not not_allowed, "more is missing than was under way when a process was killed"
    print(f"{truth.total():,} resolutions, {killed} kills, {len(gaps)} gaps, {missing.total()} missing")

    assert said_in(folder) == counted, "each resolution is in the event files once, at its time"
    assert await ledger.differences(FIRST, LAST) == []
    closed = [(await ledger.editions(day))[-1].figures["valid"] for day in (FIRST, LAST)]
    assert sum(closed) == sum(times for (*_, outcome), times in counted.items() if outcome in VALID)


async def test_what_is_sent_again_counts_once_and_what_is_pipelined_once_each(pool: Pool, database_url: str) -> None:
    """Over the node's own ports: each datagram comes up to three times, in any order, and every one is answered."""
    chance = random.Random("again")
    connection = await asyncpg.connect(database_url)
    shelf = Shelf(connection)
    await shelf.prefix()
    await shelf.template()
    await shelf.register("88.101.1/A")
    await connection.close()
    questions = [resolution("88.101.1/A" if number % 4 else "88.101.1/none", number + 1) for number in range(300)]
    sent = [one for one in questions for _ in range(chance.choice((1, 2, 3)))]
    chance.shuffle(sent)
    async with served(database_url, pool, udp_answers=100_000, udp_ratio=100.0) as node:
        with datagrams_to(node.port) as udp:
            for begin in range(0, len(sent), 50):
                udp.send(*sent[begin : begin + 50])
                for _ in sent[begin : begin + 50]:
                    await udp.message()
        async with connected(node.port) as tcp:
            await tcp.send(b"".join(questions))
            for _ in questions:
                await tcp.message()
        await node.counter.write()
    assert await counted_by_kind(pool) == {
        (Interface.HANDLE_UDP, Outcome.HIT): 225, (Interface.HANDLE_UDP, Outcome.MISSING): 75,
        (Interface.HANDLE_TCP, Outcome.HIT): 225, (Interface.HANDLE_TCP, Outcome.MISSING): 75,
    }  # fmt: skip


async def counted_by_kind(pool: Pool) -> dict[tuple[int, int], int]:
    rows = await pool.fetch(
        "SELECT interface, outcome, sum(resolutions)::bigint FROM resolution_count GROUP BY interface, outcome"
    )
    return {(interface, outcome): resolutions for interface, outcome, resolutions in rows}
