"""Adopting what a process left behind that ended without writing its last totals: killed, or its machine with it.

An event is recorded before its counter goes up, so the files of a killed process say everything that it answered.
What is found is written under the dead process's ``boot_id``, as totals that never shrink: however often it is done,
or done again after a crash in between, the result is the same. Nothing is put in the place of what was lost; when
something may have been is noted as a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import structlog

from node.database import Pool, transaction
from resolver.counting.compression import SealedFileUnreadable
from resolver.counting.counters_format import read_counters
from resolver.counting.damage import gap_of_end, gap_of_file, put_aside, read_ours
from resolver.counting.event_format import EventFileDamaged, State
from resolver.counting.folder import COUNTERS, CountingFolder, machine_run, name_of_events, sync_folder, taken
from resolver.counting.reading import finished, moment, read_sealed
from resolver.counting.register import RegisteredSegment, segments_of_boot
from resolver.counting.survey import MINUTE, WORDS_AT, Key, as_totals, survey
from resolver.counting.writing import Gap, note_gap, write_totals

log = structlog.get_logger("counting")

_TOTALS = 20_000  # written in one transaction


@dataclass(slots=True)
class _Left:
    """What is found of one process start. ``alive`` is its last sign of life, ``synced_at`` since when its files may
    not be on the disk, each in microseconds since 1970."""

    slots: Counter[Key] = field(default_factory=Counter)
    events: Counter[Key] = field(default_factory=Counter)
    alive: int = 0
    synced_at: list[int] = field(default_factory=list)
    unclean: bool = False
    machine_lost: bool = False
    gaps: list[Gap] = field(default_factory=list)
    to_finish: list[tuple[Path, bytes]] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)

    @property
    def minutes(self) -> set[int]:
        """Of which the open event files tell."""
        return {minute for minute, *_ in self.events}


def left_behind(folder: CountingFolder) -> list[UUID]:
    """Process starts of which there are counters, or event files that nobody finished: running, or to be adopted."""
    found = set()
    for file in folder.counters_files():
        with contextlib.suppress(ValueError):  # something else that somebody put there
            found.add(UUID(file.name.removesuffix(COUNTERS)))
    for file in folder.events_files():
        boot_id, _ = name_of_events(file)
        if boot_id in found:
            continue
        with contextlib.suppress(FileNotFoundError):
            if not _surely_finished(file):
                found.add(boot_id)
    return sorted(found)


async def adopt(pool: Pool, folder: CountingFolder, boot_id: UUID, now: datetime) -> bool:
    """Take up what a process start left behind, unless it still runs; whether that was so.

    Raises ``DatabaseAway``, OSError: what is not yet done is done the next time.
    """
    with _owning(folder, boot_id) as mine:
        if not mine:
            return False
        left = await asyncio.to_thread(_look, folder, boot_id, machine_run(), now)
        if minutes := left.minutes:
            async with transaction(pool) as connection:
                since, until = moment(min(minutes) * MINUTE), moment((max(minutes) + 1) * MINUTE)
                earlier = await segments_of_boot(connection, boot_id, since, until)
            await asyncio.to_thread(_add_sealed, left, folder, earlier)
        # Of each key the greater one: the counters know what no event file could record, the events what was stored
        # just before the end.
        totals = as_totals(left.slots | left.events)
        for begin in range(0, len(totals), _TOTALS):
            async with transaction(pool) as connection:
                await write_totals(connection, boot_id, totals[begin : begin + _TOTALS])
        async with transaction(pool) as connection:
            for gap in left.gaps:
                await note_gap(connection, gap, now)
        await asyncio.to_thread(_finish, folder, boot_id, left)
    counted = left.events.total()
    log.info("counters_adopted", boot_id=str(boot_id), unclean=left.unclean, totals=len(totals), events=counted)
    return True


def _surely_finished(file: Path) -> bool:
    try:
        return finished(file)
    except EventFileDamaged:
        return False


@contextlib.contextmanager
def _owning(folder: CountingFolder, boot_id: UUID) -> Iterator[bool]:
    """Own every open file of a process start, or none: whether nobody else does."""
    counters = folder.counters_file(boot_id)
    files = [*([counters] if counters.exists() else []), *folder.events_files(boot_id)]
    with contextlib.ExitStack() as stack:
        yield all(stack.enter_context(taken(file)) is not None for file in files)


def _look(folder: CountingFolder, boot_id: UUID, machine: str, now: datetime) -> _Left:
    left = _Left()
    counters = folder.counters_file(boot_id)
    stopped_in_order = counters.exists() and _look_at_counters(left, counters, machine)
    for file in folder.events_files(boot_id):
        _look_at_events(left, folder, file, machine, now)
    if stopped_in_order and not left.machine_lost:
        left.unclean = False
    if left.unclean:
        began = moment(min(left.synced_at) if left.machine_lost else left.alive)
        cause: Literal["killed", "machine"] = "machine" if left.machine_lost else "killed"
        left.gaps.append(Gap(folder.recorder_id, boot_id, cause, began, max(began, now)))
    return left


def _look_at_counters(left: _Left, file: Path, machine: str) -> bool:
    """Whether the process stopped in order, only without the database to write its last totals to."""
    try:
        header, progress, totals = read_counters(file.read_bytes())
    except EventFileDamaged as error:
        log.warning("counters_damaged", file=file.name, cause=error.detail)
        left.unclean = True
        left.alive = file.stat().st_mtime_ns // 1000
        left.synced_at.append(left.alive)
        return False
    for total in totals:
        left.slots[total[:4]] = total.resolutions
    left.alive = progress.alive
    left.synced_at.append(progress.synced_at)
    if progress.state == State.FINISHED:
        return True
    left.unclean = True
    left.machine_lost = header.machine != machine
    return False


def _look_at_events(left: _Left, folder: CountingFolder, file: Path, machine: str, now: datetime) -> None:
    try:
        evidence = read_ours(folder, file, machine)
    except EventFileDamaged as error:
        log.warning("event_file_damaged", file=file.name, cause=error.detail)
        left.unreadable.append(file)
        left.gaps.append(gap_of_file(folder, file, error, now))
        return
    header, progress, found = evidence.header, evidence.progress, survey(evidence)
    left.events.update(found.totals)
    left.alive = max(left.alive, progress.alive)
    if progress.state != State.FINISHED or evidence.machine_lost:
        left.unclean = True
        left.machine_lost |= header.machine != machine
        left.synced_at.append(progress.synced_at)
    if found.damaged and (gap := gap_of_end(folder, evidence, found)):
        left.gaps.append(gap)
    left.to_finish.append((file, found.words))


def _add_sealed(left: _Left, folder: CountingFolder, earlier: list[RegisteredSegment]) -> None:
    """What was sealed of the same minutes belongs to their totals."""
    minutes = left.minutes
    for segment in earlier:
        if folder.events_file(segment.boot_id, segment.number).exists():
            continue  # sealed, and about to be removed: it was counted as an open one
        file = folder.sealed_file(segment.day, segment.boot_id, segment.number)
        try:
            found = survey(read_sealed(file))
        except (EventFileDamaged, SealedFileUnreadable, FileNotFoundError) as error:
            log.warning("event_file_unreadable", file=file.name, cause=str(error))
            continue
        left.events.update({key: events for key, events in found.totals.items() if key[0] in minutes})


def _finish(folder: CountingFolder, boot_id: UUID, left: _Left) -> None:
    """The event files first: as long as there are counters, all of this is done again."""
    for file, words in left.to_finish:
        with file.open("r+b", buffering=0) as opened:
            os.pwrite(opened.fileno(), words, WORDS_AT)
            os.fsync(opened.fileno())
    for file in left.unreadable:
        put_aside(file)
    folder.counters_file(boot_id).unlink(missing_ok=True)
    sync_folder(folder.open)
