"""What a killed process left behind is written as it would have written it, however often somebody does it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from node.database import DatabaseAway, Pool, transaction
from node.resolutions import Outcome
from resolver.counting.adoption import adopt, left_behind
from resolver.counting.counters_format import read_counters
from resolver.counting.event_format import HEADER_BYTES
from resolver.counting.folder import CountingFolder, open_folder
from resolver.counting.keeping import keep_once
from resolver.counting.reading import finished
from resolver.counting.sealing import seal
from resolver.counting.writing import write_totals
from tests.support.evidence import NOON, Start, counted, start_counting

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(hours=1)
EARLIER_RUN = "00000000-1111-4222-8333-444444444444"


@pytest.fixture
def folder(tmp_path: Path) -> CountingFolder:
    return open_folder(tmp_path / "counting", uuid4())


async def gaps(pool: Pool) -> list[tuple[UUID, str, datetime, datetime]]:
    rows = await pool.fetch("SELECT boot_id, cause, began_at, ended_at FROM counting_gap ORDER BY gap_id")
    return [tuple(row) for row in rows]


async def written(pool: Pool, start: Start) -> None:
    """As its process wrote its totals up to now."""
    _, _, totals = read_counters(start.folder.counters_file(start.boot_id).read_bytes())
    async with transaction(pool) as connection:
        await write_totals(connection, start.boot_id, totals)


def busy(folder: CountingFolder) -> Start:
    """A process that answered two prefixes over three minutes, hits and misses."""
    start = start_counting(folder)
    for number in range(90):
        start.answer(f"Pump-{number}", NOON + 2 * number * SECOND, prefix=f"88.101.{number % 2}")
        if number % 3 == 0:
            start.answer(f"Gone-{number}", NOON + 2 * number * SECOND, outcome=Outcome.MISSING)
    return start


async def test_a_killed_process_loses_nothing_that_it_answered(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    last = NOON + 178 * SECOND
    start.answer("just before the end", last, counted=False)
    start.killed()
    assert left_behind(folder) == [start.boot_id]
    assert await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)
    assert await gaps(pool) == [(start.boot_id, "killed", last, LATER)]
    assert await pool.fetchval("SELECT recorder_id FROM counting_gap") == folder.recorder_id
    assert await pool.fetchval("SELECT array_agg(hour) FROM hour_to_sum") == [NOON]
    assert folder.counters_files() == []
    assert [finished(file) for file in folder.events_files()] == [True]
    assert left_behind(folder) == []


async def test_what_the_process_had_written_itself_is_not_added(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    await written(pool, start)
    start.answer("one more", NOON + 179 * SECOND)
    start.killed()
    await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)


async def test_a_running_process_is_left_alone(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    assert left_behind(folder) == [start.boot_id]
    assert not await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == {}
    assert await gaps(pool) == []
    start.killed()


async def test_resolutions_without_an_event_file_are_in_the_counters(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    for _ in range(5):
        start.answer("unrecorded", NOON + 170 * SECOND, recorded=False)
    start.killed()
    await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)


async def test_a_minute_spread_over_sealed_and_open_files_has_one_total(pool: Pool, folder: CountingFolder) -> None:
    """Even when its counter is gone: the events of all files together say how many there were."""
    start = start_counting(folder)
    at = NOON + 30 * SECOND
    for number in range(4):
        start.answer(f"first-{number}", at, counted=False)
        start.answer(f"old-{number}", at - MINUTE, counted=False)
    start.rotate(at)
    start.answer("second", at, counted=False)
    start.rotate(at)
    start.answer("third", at, counted=False)
    assert await seal(pool, folder, folder.events_file(start.boot_id, 1), LATER)
    start.killed()
    await adopt(pool, folder, start.boot_id, LATER)
    minute = int(at.timestamp()) // 60
    assert {key[0]: count for key, count in (await counted(pool, start.boot_id)).items()} == {minute: 6}


async def test_a_process_that_stopped_in_order_without_a_database_leaves_no_gap(
    pool: Pool, folder: CountingFolder
) -> None:
    start = busy(folder)
    start.stop(NOON + 3 * MINUTE, written=False)
    assert left_behind(folder) == [start.boot_id]
    assert await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)
    assert await gaps(pool) == []


async def test_a_process_that_stopped_in_order_leaves_nothing_to_adopt(folder: CountingFolder) -> None:
    busy(folder).stop(NOON + 3 * MINUTE)
    assert left_behind(folder) == []


async def test_event_files_alone_are_adopted_too(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    start.killed()
    folder.counters_file(start.boot_id).unlink()
    assert left_behind(folder) == [start.boot_id]
    await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)
    assert [cause for _, cause, *_ in await gaps(pool)] == ["killed"]


async def test_of_a_lost_machine_only_what_reached_the_disk_is_counted(pool: Pool, folder: CountingFolder) -> None:
    start = start_counting(folder, machine=EARLIER_RUN)
    start.answer("kept", NOON)
    start.sync(NOON + SECOND)
    start.answer("lost", NOON + 2 * SECOND, counted=False)
    start.killed()
    await adopt(pool, folder, start.boot_id, LATER)
    assert list((await counted(pool, start.boot_id)).values()) == [1]
    assert await gaps(pool) == [(start.boot_id, "machine", NOON + SECOND, LATER)]


async def test_a_lost_machine_whose_disk_has_something_else_leaves_the_counters(
    pool: Pool, folder: CountingFolder
) -> None:
    start = start_counting(folder, machine=EARLIER_RUN)
    start.answer("Pump-001", NOON)
    start.sync(NOON + SECOND)
    start.killed()
    _overwrite(folder.events_file(start.boot_id, 1), HEADER_BYTES + 40, b"not what it was")
    await keep_once(pool, folder, lambda: LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)
    assert sorted(await gaps(pool)) == [
        (start.boot_id, "damaged", NOON, LATER),
        (start.boot_id, "machine", NOON + SECOND, LATER),
    ]


async def test_a_gap_never_ends_before_it_began(pool: Pool, folder: CountingFolder) -> None:
    """The clock was set back between the end of the process and its adoption."""
    start = start_counting(folder)
    start.answer("Pump-001", NOON)
    start.killed()
    await adopt(pool, folder, start.boot_id, NOON - timedelta(hours=1))
    assert await gaps(pool) == [(start.boot_id, "killed", NOON, NOON)]


async def test_adoption_may_be_cut_short_at_any_step_and_done_again(
    pool: Pool, folder: CountingFolder, tmp_path: Path
) -> None:
    """Every step writes a file or commits: with the files as a cut leaves them the rest is done and nothing twice."""
    start = busy(folder)
    start.rotate(NOON + 179 * SECOND)
    start.answer("after", NOON + 179 * SECOND)
    start.killed()
    before = Path(shutil.copytree(folder.open, tmp_path / "before"))
    names = sorted(file.name for file in before.iterdir())
    await adopt(pool, folder, start.boot_id, LATER)
    for cut in range(2 ** len(names)):
        for place, name in enumerate(names):
            if cut >> place & 1:  # this step was not done any more
                shutil.copyfile(before / name, folder.open / name)
        assert left_behind(folder) in ([start.boot_id], [])
        await keep_once(pool, folder, lambda: LATER)
        assert await counted(pool, start.boot_id) == dict(start.truth)
        assert list(folder.open.iterdir()) == []
        assert len(folder.sealed_files()) == 2
    assert [cause for _, cause, *_ in await gaps(pool)] == ["killed"]


async def test_files_stay_until_the_database_has_their_totals(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    start.killed()
    files = sorted(folder.open.iterdir())
    contents = [file.read_bytes() for file in files]
    async with pool.acquire() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE resolution_count IN ACCESS EXCLUSIVE MODE")
        adopting = asyncio.create_task(adopt(pool, folder, start.boot_id, LATER))
        while not await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        adopting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adopting
    assert [file.read_bytes() for file in files] == contents
    await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)


async def test_without_a_database_adoption_waits(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    start.killed()
    await pool.close()
    with pytest.raises(DatabaseAway):
        await adopt(pool, folder, start.boot_id, LATER)
    assert left_behind(folder) == [start.boot_id]


async def test_a_damaged_end_is_a_gap_and_the_rest_counts(pool: Pool, folder: CountingFolder) -> None:
    start = start_counting(folder)
    for number in range(3):
        start.answer(f"Pump-{number}", NOON + number * SECOND, counted=False)
    head = start.events.head
    start.killed()
    file = folder.events_file(start.boot_id, 1)
    _overwrite(file, head - 56, b"\0\0\0\0")
    await keep_once(pool, folder, lambda: LATER)
    assert list((await counted(pool, start.boot_id)).values()) == [2]
    assert sorted((cause, began) for _, cause, began, _ in await gaps(pool)) == [
        ("damaged", NOON + SECOND),
        ("killed", NOON + 2 * SECOND),
    ]
    assert await pool.fetchval("SELECT events FROM evidence_segment") == 2


async def test_a_file_that_says_nothing_is_put_aside_and_the_counters_still_count(
    pool: Pool, folder: CountingFolder
) -> None:
    start = busy(folder)
    start.killed()
    file = folder.events_file(start.boot_id, 1)
    _overwrite(file, 0, bytes(HEADER_BYTES))
    os.utime(file, (NOON.timestamp(), NOON.timestamp()))
    await keep_once(pool, folder, lambda: LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)
    assert {cause for _, cause, *_ in await gaps(pool)} == {"killed", "damaged"}
    assert [each.name for each in folder.open.iterdir()] == [f"{file.name}.damaged"]
    assert left_behind(folder) == []


async def test_damaged_counters_leave_it_to_the_events(pool: Pool, folder: CountingFolder) -> None:
    start = busy(folder)
    start.killed()
    _overwrite(folder.counters_file(start.boot_id), 0, b"nothing")
    await adopt(pool, folder, start.boot_id, LATER)
    assert await counted(pool, start.boot_id) == dict(start.truth)
    assert [cause for _, cause, *_ in await gaps(pool)] == ["killed"]


async def test_event_files_brought_from_another_folder_do_not_count(
    pool: Pool, folder: CountingFolder, tmp_path: Path
) -> None:
    elsewhere = open_folder(tmp_path / "elsewhere", uuid4())
    start = busy(elsewhere)
    start.killed()
    shutil.copyfile(elsewhere.events_file(start.boot_id, 1), folder.events_file(start.boot_id, 1))
    await keep_once(pool, folder, lambda: LATER)
    assert await counted(pool, start.boot_id) == {}
    assert [cause for _, cause, *_ in await gaps(pool)] == ["damaged"]
    assert await pool.fetchval("SELECT count(*) FROM evidence_segment") == 0


async def test_many_dead_processes_are_adopted_and_one_that_cannot_be_does_not_keep_the_others_from_it(
    pool: Pool, folder: CountingFolder
) -> None:
    starts = [busy(folder) for _ in range(4)]
    for start in starts:
        start.killed()
    unwritable = start_counting(folder)
    unwritable.answer("no prefix has a NUL", NOON, prefix="88\x00.1")
    unwritable.killed()
    await keep_once(pool, folder, lambda: LATER)
    total: Counter[tuple[int, str, int, int]] = Counter()
    for start in starts:
        assert await counted(pool, start.boot_id) == dict(start.truth)
        total.update(start.truth)
    assert await pool.fetchval("SELECT sum(resolutions) FROM resolution_count") == total.total()
    assert left_behind(folder) == [unwritable.boot_id]


def _overwrite(file: Path, place: int, content: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        opened.write(content)
