"""Sealing: a finished event file is compressed, registered with its hash and put among those of its day.

The order makes every crash harmless: the sealed file is there as a whole before it is registered, and the open one
goes last. Whatever is done again finds what was done before and leaves it as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import structlog

from node.china_time import day_of
from node.database import Pool, transaction
from resolver.counting.compression import SealedFileUnreadable, compressed, decompressed
from resolver.counting.damage import gap_of_end, gap_of_file, put_aside, read_ours
from resolver.counting.event_format import FILE_BYTES, HEADER_BYTES, EventFileDamaged
from resolver.counting.folder import CountingFolder, machine_run, sync_folder, taken
from resolver.counting.reading import finished, moment
from resolver.counting.register import RegisteredSegment, register_segment, registered_segment
from resolver.counting.survey import WORDS_AT, survey
from resolver.counting.writing import Gap, note_gap

log = structlog.get_logger("counting")


@dataclass(frozen=True, slots=True)
class _Sealable:
    """A file as it is to be kept: ``frame`` is ``content`` compressed."""

    content: bytes
    frame: bytes
    segment: RegisteredSegment
    gap: Gap | None


def sealable(folder: CountingFolder) -> list[Path]:
    """The event files whose writers are done with them."""
    found = []
    for file in folder.events_files():
        with contextlib.suppress(FileNotFoundError, EventFileDamaged):
            if finished(file):
                found.append(file)
    return found


async def seal(pool: Pool, folder: CountingFolder, file: Path, now: datetime) -> bool:
    """Seal a finished event file, unless it is somebody's; whether that was so. One without a record is removed.

    Raises ``DatabaseAway``, OSError: what is not yet done is done the next time.
    """
    with taken(file) as mine:
        if mine is None:
            return False
        try:
            found = await asyncio.to_thread(_read, folder, file, now)
        except EventFileDamaged as error:
            log.warning("event_file_damaged", file=file.name, cause=error.detail)
            async with transaction(pool) as connection:
                await note_gap(connection, gap_of_file(folder, file, error, now), now)
            put_aside(file)
            return False
        if found is None or await _kept(pool, folder, found, now):
            _remove(file)
            return True
        log.warning("segment_differs", file=file.name)
        put_aside(file)
        return False


def remove_old(folder: CountingFolder, today: date, days: int) -> int:
    """Remove sealed files of more than ``days`` days ago; how many. Their hashes stay registered."""
    removed = 0
    for day, file in folder.sealed_files():
        if day >= today - timedelta(days=days):
            break  # they come in the order of their days
        file.unlink(missing_ok=True)
        removed += 1
        with contextlib.suppress(OSError):  # not yet empty
            for emptied in file.parents[:3]:
                emptied.rmdir()
    if removed:
        log.info("evidence_removed", files=removed, before=(today - timedelta(days=days)).isoformat())
    return removed


def _read(folder: CountingFolder, file: Path, now: datetime) -> _Sealable | None:
    evidence = read_ours(folder, file, machine_run())
    found = survey(evidence)
    if found.end == HEADER_BYTES and not (found.damaged or evidence.machine_lost):
        return None
    content = bytearray(evidence.content[: found.end])
    content[WORDS_AT : WORDS_AT + len(found.words)] = found.words
    frame = compressed(bytes(content))
    header = evidence.header
    first = None if found.first_at is None else moment(found.first_at)
    segment = RegisteredSegment(
        boot_id=header.boot_id,
        number=header.number,
        recorder_id=header.recorder_id,
        day=day_of(moment(header.opened_at if found.began_at is None else found.began_at)),
        sha256=hashlib.sha256(frame).digest(),
        bytes=len(frame),
        events=found.events,
        first_at=first,
        last_at=None if found.last_at is None else moment(found.last_at),
        sealed_at=now,
    )
    return _Sealable(bytes(content), frame, segment, gap_of_end(folder, evidence, found))


async def _kept(pool: Pool, folder: CountingFolder, found: _Sealable, now: datetime) -> bool:
    """Whether the file now stands sealed and registered; not if another one is registered by its name."""
    segment = found.segment
    async with transaction(pool) as connection:
        registered = await registered_segment(connection, segment.boot_id, segment.number)
    if registered is not None:
        return await asyncio.to_thread(_same, folder, found, registered)
    target = folder.sealed_file(segment.day, segment.boot_id, segment.number)
    await asyncio.to_thread(_put, target, found.frame)
    async with transaction(pool) as connection:
        await register_segment(connection, segment)
        if found.gap is not None:
            await note_gap(connection, found.gap, now)
    return True


def _same(folder: CountingFolder, found: _Sealable, registered: RegisteredSegment) -> bool:
    """Whether what is registered holds what the file holds; if it was lost it is put there again."""
    target = folder.sealed_file(registered.day, registered.boot_id, registered.number)
    with contextlib.suppress(FileNotFoundError, SealedFileUnreadable):
        frame = target.read_bytes()
        if hashlib.sha256(frame).digest() == registered.sha256:
            return decompressed(frame, FILE_BYTES) == found.content
    if found.segment.sha256 != registered.sha256:
        return False
    _put(target, found.frame)
    return True


def _remove(file: Path) -> None:
    file.unlink()
    sync_folder(file.parent)


def _put(target: Path, frame: bytes) -> None:
    """There as a whole or not at all."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}")
    with unfinished.open("wb") as out:
        out.write(frame)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(target)
    sync_folder(target.parent)
