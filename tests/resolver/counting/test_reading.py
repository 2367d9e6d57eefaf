"""Events read back from open and sealed files, as far as each can be believed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from node.china_time import midnight
from node.database import Pool
from node.resolutions import Outcome
from resolver.counting.compression import SealedFileUnreadable, compressed, decompressed
from resolver.counting.event_format import FILE_BYTES, HEADER_BYTES, Event, EventFileDamaged, TenantSeen
from resolver.counting.folder import CountingFolder, machine_run, open_folder
from resolver.counting.reading import events_between, microseconds, moment, read_open, segments_of
from resolver.counting.sealing import seal, sealable
from resolver.counting.sources import Client
from resolver.counting.survey import survey
from tests.support.evidence import NOON, Start, micros, start_counting

SECOND = timedelta(seconds=1)
ALWAYS = datetime.min.replace(year=2000, tzinfo=NOON.tzinfo), datetime.max.replace(year=2099, tzinfo=NOON.tzinfo)
EARLIER_RUN = "00000000-1111-4222-8333-444444444444"


@pytest.fixture
def folder(tmp_path: Path) -> CountingFolder:
    return open_folder(tmp_path, uuid4())


def suffixes(folder: CountingFolder, since: datetime, until: datetime) -> list[str]:
    return [event.suffix for event in events_between(folder, since, until) if isinstance(event, Event)]


async def sealed_all(pool: Pool, folder: CountingFolder) -> None:
    for file in sealable(folder):
        assert await seal(pool, folder, file, NOON)


def test_events_of_a_running_process_are_read_while_it_goes_on(folder: CountingFolder) -> None:
    start = start_counting(folder)
    start.answer("Pump-001", NOON)
    start.answer("Pump-002", NOON + SECOND, outcome=Outcome.MISSING)
    first, second = events_between(folder, *ALWAYS)
    start.answer("泵-003", NOON + 2 * SECOND)
    assert isinstance(first, Event)
    assert (first.at, first.boot, first.prefix, first.suffix) == (micros(NOON), start.boot_id, "88.101.1", "Pump-001")
    assert (first.micros, first.client) == (120, 7)
    assert second.position > first.position
    assert second.outcome == Outcome.MISSING
    assert suffixes(folder, *ALWAYS) == ["Pump-001", "Pump-002", "泵-003"]
    start.killed()


def test_the_range_holds_its_beginning_and_not_its_end(folder: CountingFolder) -> None:
    start = start_counting(folder)
    for second in range(4):
        start.answer(str(second), NOON + second * SECOND)
    start.events.record_tenant(99, Client(7, 7, 0), micros(NOON + SECOND))
    found = list(events_between(folder, NOON + SECOND, NOON + 3 * SECOND))
    assert [event.suffix for event in found if isinstance(event, Event)] == ["1", "2"]
    assert [seen.tenant for seen in found if isinstance(seen, TenantSeen)] == [99]
    start.killed()


async def test_sealed_days_and_running_processes_are_read_as_one(pool: Pool, folder: CountingFolder) -> None:
    yesterday = start_counting(folder, NOON - timedelta(days=1))
    yesterday.answer("old", NOON - timedelta(days=1))
    yesterday.rotate(NOON)
    yesterday.answer("new", NOON)
    await sealed_all(pool, folder)
    other = start_counting(folder)
    other.answer("other", NOON)
    whole = segments_of(folder)
    assert sorted((each.boot_id, each.number, each.sealed) for each in whole) == sorted(
        [(yesterday.boot_id, 1, True), (yesterday.boot_id, 2, False), (other.boot_id, 1, False)]
    )
    assert sorted(suffixes(folder, *ALWAYS)) == ["new", "old", "other"]
    assert suffixes(folder, midnight(date(2026, 11, 19)), midnight(date(2026, 11, 20))) == ["old"]
    assert sorted(suffixes(folder, midnight(date(2026, 11, 20)), midnight(date(2026, 11, 21)))) == ["new", "other"]
    yesterday.killed()
    other.killed()


async def test_a_file_between_sealed_and_removed_is_read_once(pool: Pool, folder: CountingFolder) -> None:
    start = start_counting(folder)
    start.answer("Pump-001", NOON)
    start.stop(NOON, written=True)
    (file,) = folder.events_files()
    before = file.read_bytes()
    await sealed_all(pool, folder)
    file.write_bytes(before)
    (segment,) = segments_of(folder)
    assert segment.sealed
    assert suffixes(folder, *ALWAYS) == ["Pump-001"]


async def test_a_file_that_is_sealed_while_it_is_read_is_not_missed(pool: Pool, folder: CountingFolder) -> None:
    starts = [start_counting(folder) for _ in range(2)]
    for start in starts:
        start.answer("Pump-001", NOON)
        start.stop(NOON, written=True)
    reading = events_between(folder, *ALWAYS)
    next(reading)
    await sealed_all(pool, folder)
    assert len(list(reading)) == 1


def test_a_day_without_files_has_no_events(folder: CountingFolder) -> None:
    assert suffixes(folder, midnight(date(2026, 1, 1)), midnight(date(2026, 1, 2))) == []


def _lost_with_the_machine(folder: CountingFolder) -> tuple[Start, Path]:
    """Two events on the disk and two that were not: a file of an earlier run of the machine."""
    start = start_counting(folder, machine=EARLIER_RUN)
    start.answer("kept-1", NOON)
    start.answer("kept-2", NOON + SECOND)
    start.sync(NOON + SECOND)
    start.answer("lost-1", NOON + 2 * SECOND)
    start.answer("lost-2", NOON + 2 * SECOND)
    start.killed()
    return start, folder.events_file(start.boot_id, 1)


def test_what_a_lost_machine_had_not_brought_to_the_disk_is_not_believed(folder: CountingFolder) -> None:
    _, file = _lost_with_the_machine(folder)
    assert suffixes(folder, *ALWAYS) == ["kept-1", "kept-2"]
    assert read_open(file, machine_run()).machine_lost
    everything = read_open(file, EARLIER_RUN)  # as the machine itself would have read it, had it only killed it
    assert survey(everything).events == 4
    assert not everything.machine_lost


def test_a_file_whose_checksum_does_not_fit_after_a_lost_machine_says_nothing(folder: CountingFolder) -> None:
    start, file = _lost_with_the_machine(folder)
    content = bytearray(file.read_bytes())
    content[HEADER_BYTES + 20] ^= 1
    file.write_bytes(content)
    with pytest.raises(EventFileDamaged) as raised:
        read_open(file, machine_run())
    assert raised.value.evidence["opened_at"] == micros(NOON)
    other = start_counting(folder)
    other.answer("other", NOON)
    assert suffixes(folder, *ALWAYS) == ["other"]
    assert start.boot_id in {segment.boot_id for segment in segments_of(folder)}
    other.killed()


def test_a_copy_under_another_name_is_no_event_file(folder: CountingFolder) -> None:
    start = start_counting(folder)
    start.answer("Pump-001", NOON)
    start.killed()
    copy = folder.events_file(uuid4(), 1)
    copy.write_bytes(folder.events_file(start.boot_id, 1).read_bytes())
    with pytest.raises(EventFileDamaged, match="another file's header"):
        read_open(copy, machine_run())
    assert suffixes(folder, *ALWAYS) == ["Pump-001"]


def test_a_survey_ends_where_the_records_end(folder: CountingFolder) -> None:
    start = start_counting(folder)
    for number in range(3):
        start.answer(str(number), NOON + number * SECOND)
    whole = start.events.head
    start.killed()
    file = folder.events_file(start.boot_id, 1)
    content = bytearray(file.read_bytes())
    third = whole - 56
    content[third + 2] = 77  # no kind of record
    file.write_bytes(content)
    found = survey(read_open(file, machine_run()))
    assert (found.damaged, found.end, found.events) == (True, third, 2)
    assert (found.first_at, found.last_at) == (micros(NOON), micros(NOON + SECOND))
    content[third + 2] = 1
    content[third + 8 : third + 16] = b"\xff" * 8  # a time that no clock had
    file.write_bytes(content)
    found = survey(read_open(file, machine_run()))
    assert (found.damaged, found.end, found.events) == (True, third, 2)
    file.write_bytes(content[: third + 8])
    found = survey(read_open(file, machine_run()))
    assert (found.damaged, found.end, found.events) == (True, third, 2)


def test_moments_are_exact() -> None:
    at = NOON + timedelta(microseconds=123_457)
    assert moment(microseconds(at)) == at
    assert microseconds(at) % 1_000_000 == 123_457


def test_a_damaged_or_oversized_frame_is_unreadable() -> None:
    content = bytes(range(256)) * 40
    frame = compressed(content)
    assert decompressed(frame, FILE_BYTES) == content
    turned = bytearray(frame)
    turned[len(turned) // 2] ^= 255
    for bad in (frame[:-1], frame[:10], bytes(turned), b"", b"text"):
        with pytest.raises(SealedFileUnreadable):
            decompressed(bad, FILE_BYTES)
    with pytest.raises(SealedFileUnreadable):
        decompressed(frame, len(content) - 1)
