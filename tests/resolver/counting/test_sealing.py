"""Sealed evidence: there as a whole, registered once, and nobody changes or removes it unseen."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import asyncpg
import pytest

from node.database import Pool, transaction
from node.resolutions import Outcome
from resolver.counting.compression import decompressed
from resolver.counting.event_format import FILE_BYTES, Event, State, Word, read_header
from resolver.counting.folder import CountingFolder, keeping, open_folder
from resolver.counting.keeping import keep_evidence
from resolver.counting.reading import events_between, segments_of
from resolver.counting.register import RegisteredSegment, Standing, registered_segments, verify_segment
from resolver.counting.sealing import remove_old, seal, sealable
from tests.support.evidence import NOON, Start, counted, micros, start_counting

SECOND = timedelta(seconds=1)
DAY = date(2026, 11, 20)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> CountingFolder:
    return open_folder(tmp_path / "counting", uuid4())


def finished_start(folder: CountingFolder, at: datetime = NOON, events: int = 5) -> Start:
    start = start_counting(folder, at)
    for number in range(events):
        start.answer(f"Pump-{number}", at + number * SECOND)
    start.stop(at + 60 * SECOND)
    return start


async def sealed(pool: Pool, folder: CountingFolder, at: datetime = LATER) -> list[RegisteredSegment]:
    """Seal what there is; the register of a week."""
    for file in sealable(folder):
        assert await seal(pool, folder, file, at)
    return await registered(pool, folder)


async def registered(pool: Pool, folder: CountingFolder) -> list[RegisteredSegment]:
    async with transaction(pool) as connection:
        return await registered_segments(
            connection, folder.recorder_id, DAY - timedelta(days=3), DAY + timedelta(days=3)
        )


def place_of(folder: CountingFolder, segment: RegisteredSegment) -> Path:
    return folder.sealed_file(segment.day, segment.boot_id, segment.number)


def identifiers(folder: CountingFolder) -> list[str]:
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    return [event.suffix for event in events_between(folder, since, until) if isinstance(event, Event)]


async def test_a_finished_file_is_sealed_with_its_hash_and_its_day(pool: Pool, folder: CountingFolder) -> None:
    start = finished_start(folder)
    (open_file,) = folder.events_files()
    head = read_header(open_file.read_bytes())[1].head
    (segment,) = await sealed(pool, folder)
    kept = place_of(folder, segment).read_bytes()
    assert segment == RegisteredSegment(
        start.boot_id, 1, folder.recorder_id, DAY, hashlib.sha256(kept).digest(), len(kept), 5,
        NOON, NOON + 4 * SECOND, LATER,
    )  # fmt: skip
    content = decompressed(kept, FILE_BYTES)
    header, progress = read_header(content)
    assert (header.boot_id, progress.head, progress.events) == (start.boot_id, head, 5)
    assert len(content) == head
    assert len(kept) < 1024
    assert identifiers(folder) == [f"Pump-{number}" for number in range(5)]
    assert list(folder.open.iterdir()) == []
    assert verify_segment(segment, folder) == Standing.OK


async def test_a_day_begins_at_midnight_in_china(pool: Pool, folder: CountingFolder) -> None:
    finished_start(folder, datetime(2026, 11, 19, 15, 59, 59, tzinfo=UTC), events=1)
    finished_start(folder, datetime(2026, 11, 19, 16, 0, 0, tzinfo=UTC), events=1)
    assert [segment.day for segment in await sealed(pool, folder)] == [date(2026, 11, 19), DAY]


async def test_a_file_that_is_still_written_is_not_sealed(pool: Pool, folder: CountingFolder) -> None:
    start = start_counting(folder)
    start.answer("Pump-001", NOON)
    assert sealable(folder) == []
    assert not await seal(pool, folder, folder.events_file(start.boot_id, 1), LATER)
    start.rotate(NOON)
    assert sealable(folder) == [folder.events_file(start.boot_id, 1)]
    start.killed()


async def test_a_file_without_a_record_is_removed(pool: Pool, folder: CountingFolder) -> None:
    finished_start(folder, events=0)
    assert await sealed(pool, folder) == []
    assert list(folder.open.iterdir()) == []
    assert folder.sealed_files() == []


async def test_sealing_may_be_cut_short_at_any_step_and_done_again(
    pool: Pool, folder: CountingFolder, tmp_path: Path
) -> None:
    finished_start(folder)
    (file,) = sealable(folder)
    before = Path(shutil.copyfile(file, tmp_path / "before"))
    (segment,) = await sealed(pool, folder)
    place = place_of(folder, segment)
    kept = place.read_bytes()

    shutil.copyfile(before, file)  # registered, not yet removed
    assert await sealed(pool, folder, LATER + SECOND) == [segment]
    assert not file.exists()

    shutil.copyfile(before, file)  # the sealed file was lost
    place.unlink()
    assert await sealed(pool, folder, LATER + SECOND) == [segment]
    assert place.read_bytes() == kept

    shutil.copyfile(before, file)  # half a sealed file: the machine stopped
    place.write_bytes(kept[:30])
    assert await sealed(pool, folder, LATER + SECOND) == [segment]
    assert place.read_bytes() == kept
    assert len(identifiers(folder)) == 5


async def test_a_sealed_file_that_was_not_yet_registered_is(pool: Pool, folder: CountingFolder) -> None:
    start = finished_start(folder)
    place = folder.sealed_file(DAY, start.boot_id, 1)
    place.parent.mkdir(parents=True)
    place.with_name(f".{place.name}").write_bytes(b"half")
    place.write_bytes(b"of another attempt")
    (segment,) = await sealed(pool, folder)
    assert verify_segment(segment, folder) == Standing.OK
    assert [each.name for each in place.parent.iterdir()] == [place.name]


async def test_another_file_under_a_sealed_name_is_put_aside(
    pool: Pool, folder: CountingFolder, tmp_path: Path
) -> None:
    start = start_counting(folder)
    for number in range(5):
        start.answer(f"Pump-{number}", NOON)
    early = Path(shutil.copyfile(folder.events_file(start.boot_id, 1), tmp_path / "early"))
    start.answer("one more", NOON)
    start.stop(NOON)
    (segment,) = await sealed(pool, folder)
    file = folder.events_file(start.boot_id, 1)
    shutil.copyfile(early, file)
    assert not await seal(pool, folder, file, LATER)
    assert verify_segment(segment, folder) == Standing.OK
    assert [each.name for each in folder.open.iterdir()] == [f"{file.name}.damaged"]
    assert len(identifiers(folder)) == 6


async def test_a_finished_file_from_elsewhere_is_put_aside(
    pool: Pool, folder: CountingFolder, tmp_path: Path
) -> None:
    elsewhere = open_folder(tmp_path / "elsewhere", folder.node_id)
    start = finished_start(elsewhere)
    file = folder.events_file(start.boot_id, 1)
    shutil.copyfile(elsewhere.events_file(start.boot_id, 1), file)
    assert not await seal(pool, folder, file, LATER)
    assert [each.name for each in folder.open.iterdir()] == [f"{file.name}.damaged"]
    assert await pool.fetchval("SELECT cause FROM counting_gap") == "damaged"
    assert await registered(pool, folder) == []


async def test_a_finished_file_whose_end_a_lost_machine_took_is_sealed_with_a_gap(
    pool: Pool, folder: CountingFolder
) -> None:
    start = start_counting(folder, machine="00000000-1111-4222-8333-444444444444")
    start.answer("kept", NOON)
    start.sync(NOON + SECOND)
    start.answer("lost", NOON + 2 * SECOND)
    start.events.alive(micros(NOON + 3 * SECOND))
    start.killed()
    folder.counters_file(start.boot_id).unlink()
    file = folder.events_file(start.boot_id, 1)
    with file.open("r+b") as opened:
        opened.seek(8 * Word.STATE)
        opened.write(bytes([State.FINISHED]))
    (segment,) = await sealed(pool, folder)
    assert segment.events == 1
    assert identifiers(folder) == ["kept"]
    gap = await pool.fetchrow("SELECT cause, began_at, ended_at FROM counting_gap")
    assert tuple(gap) == ("machine", NOON + SECOND, NOON + 3 * SECOND)


async def test_a_changed_a_moved_and_a_removed_file_show(pool: Pool, folder: CountingFolder) -> None:
    for _ in range(3):
        finished_start(folder)
    changed, moved, removed = await sealed(pool, folder)
    place = place_of(folder, changed)
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    other_day = folder.sealed_file(DAY - timedelta(days=1), moved.boot_id, moved.number)
    other_day.parent.mkdir(parents=True)
    place_of(folder, moved).rename(other_day)
    place_of(folder, removed).unlink()
    standings = [verify_segment(segment, folder) for segment in (changed, moved, removed)]
    assert standings == [Standing.CHANGED, Standing.MISSING, Standing.MISSING]
    assert len(identifiers(folder)) == 5  # the changed one is unreadable, of the moved one nothing is lost


async def test_the_register_cannot_be_rewritten(pool: Pool, folder: CountingFolder) -> None:
    finished_start(folder)
    await sealed(pool, folder)
    for statement in ("UPDATE evidence_segment SET events = 6", "DELETE FROM evidence_segment"):
        with pytest.raises(asyncpg.PostgresError):
            await pool.execute(statement)


async def test_sealed_files_are_kept_for_as_many_days_as_asked(pool: Pool, folder: CountingFolder) -> None:
    for back in (0, 180, 181, 400):
        finished_start(folder, NOON - timedelta(days=back), events=1)
    for file in sealable(folder):
        await seal(pool, folder, file, LATER)
    assert remove_old(folder, DAY, 180) == 2
    assert [day for day, _ in folder.sealed_files()] == [DAY - timedelta(days=180), DAY]
    assert remove_old(folder, DAY, 180) == 0
    assert sorted(path.name for path in folder.sealed.iterdir()) == ["2026"]
    assert await pool.fetchval("SELECT count(*) FROM evidence_segment") == 4


async def test_sealed_files_are_small(pool: Pool, folder: CountingFolder) -> None:
    """Of 20,000 resolutions of 2,000 identifiers by 300 clients: a fifth of what was written."""
    chance = Random(6)
    clients = [chance.getrandbits(64) for _ in range(300)]
    start = start_counting(folder)
    at = NOON
    for _ in range(20_000):
        at += timedelta(microseconds=chance.randrange(2_000_000))
        start.answer(f"Pump-{chance.randrange(2000):04}", at, client=chance.choice(clients))
    head = start.events.head
    start.stop(at)
    (segment,) = await sealed(pool, folder)
    assert segment.events == 20_000
    assert segment.bytes < head / 5


async def until_sealed(pool: Pool, folder: CountingFolder, files: int) -> None:
    async with asyncio.timeout(10):
        while len(await registered(pool, folder)) < files:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def test_keeping_adopts_and_seals_until_it_is_told_to_stop(pool: Pool, folder: CountingFolder) -> None:
    alive, dead = start_counting(folder), start_counting(folder)
    for start in (alive, dead):
        start.answer("Pump-001", NOON, outcome=Outcome.STALE_HIT)
    dead.killed()
    old = folder.sealed_file(DAY - timedelta(days=401), uuid4(), 1)
    old.parent.mkdir(parents=True)
    old.touch()
    stop = asyncio.Event()
    keeper = asyncio.create_task(
        keep_evidence(pool, folder, evidence_days=400, clock=lambda: LATER, stop=stop, seconds=0.02)
    )
    try:
        await until_sealed(pool, folder, 1)
        assert await counted(pool, dead.boot_id) == dict(dead.truth)
        alive.killed()
        await until_sealed(pool, folder, 2)
    finally:
        stop.set()
        await keeper
    assert not old.exists()
    assert {segment.boot_id for segment in await registered(pool, folder)} == {alive.boot_id, dead.boot_id}
    assert all(segment.sealed for segment in segments_of(folder))


async def test_a_second_keeper_of_a_folder_waits_for_the_first(pool: Pool, folder: CountingFolder) -> None:
    dead = start_counting(folder)
    dead.answer("Pump-001", NOON)
    dead.killed()
    stop = asyncio.Event()
    with keeping(folder) as mine:
        assert mine
        keeper = asyncio.create_task(
            keep_evidence(pool, folder, evidence_days=400, clock=lambda: LATER, stop=stop, seconds=0.02)
        )
        await asyncio.sleep(0.2)
        assert await counted(pool, dead.boot_id) == {}
    await until_sealed(pool, folder, 1)
    stop.set()
    await keeper
    assert await counted(pool, dead.boot_id) == dict(dead.truth)


async def test_keeping_survives_a_database_that_is_away(
    pool: Pool, folder: CountingFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = start_counting(folder)
    dead.answer("Pump-001", NOON)
    dead.killed()
    await pool.close()
    stop = asyncio.Event()
    keeper = asyncio.create_task(
        keep_evidence(pool, folder, evidence_days=400, clock=lambda: LATER, stop=stop, seconds=0.02)
    )
    await asyncio.sleep(0.2)
    assert not keeper.done()
    stop.set()
    await keeper
    assert "evidence_waits" in capsys.readouterr().out
    assert folder.counters_files() != []
