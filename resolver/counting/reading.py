"""Events given back: from the files that processes write and from those that were sealed.

How far a file can be believed depends on who lost what. A killed process loses nothing: the kernel still writes
what it stored, so its ``head`` is right for as long as the machine runs. A machine that stopped keeps what had been
brought to the disk, which the header names by position and checksum; what came later is gone.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog

from node.china_time import day_of
from resolver.counting.compression import SealedFileUnreadable, decompressed
from resolver.counting.event_format import (
    FILE_BYTES,
    HEADER_BYTES,
    Event,
    EventFileDamaged,
    Header,
    Progress,
    State,
    TenantSeen,
    read_header,
    read_records,
)
from resolver.counting.folder import CountingFolder, machine_run, name_of_events

log = structlog.get_logger("counting")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SegmentOnDisk:
    """One event file. A sealed one is compressed and stands under its day; an open one may still grow."""

    boot_id: UUID
    number: int
    file: Path
    day: date | None

    @property
    def sealed(self) -> bool:
        return self.day is not None


@dataclass(frozen=True, slots=True)
class EventFile:
    """What a file holds that can be believed: ``content`` with its header, records up to ``until``.

    ``machine_lost`` when the machine stopped before all of it was on disk.
    """

    header: Header
    progress: Progress
    content: bytes
    until: int
    machine_lost: bool

    def records(self) -> Iterator[Event | TenantSeen]:
        """Raises ``EventFileDamaged`` when it comes to what is none."""
        return read_records(self.content, self.header, self.until)


def segments_of(folder: CountingFolder, first: date = date.min, last: date = date.max) -> list[SegmentOnDisk]:
    """Every event file of a folder once: all open ones, and those sealed of a range of days, both included.

    By process start and number. One that is sealed and still to be removed counts as sealed.
    """
    # The open ones first: a file that is sealed in between is then seen twice, and not missed.
    found: dict[tuple[UUID, int], tuple[Path, date | None]] = {}
    found.update({name_of_events(file): (file, None) for file in folder.events_files()})
    found.update({name_of_events(file): (file, day) for day, file in folder.sealed_files(first, last)})
    return [SegmentOnDisk(boot_id, number, file, day) for (boot_id, number), (file, day) in sorted(found.items())]


def events_between(folder: CountingFolder, since: datetime, until: datetime) -> Iterator[Event | TenantSeen]:
    """What all processes of a folder recorded from ``since`` to before ``until``, file by file.

    A file that cannot be read is left out and logged: ``verify_segment`` says of each what became of it.
    """
    first, last = day_of(since), day_of(until - _MICROSECOND)
    begins, ends = microseconds(since), microseconds(until)
    for segment in segments_of(folder, first, last):
        try:
            for record in read_segment(folder, segment).records():
                if begins <= record.at < ends:
                    yield record
        except FileNotFoundError:  # too old, and removed at this moment
            continue
        except (EventFileDamaged, SealedFileUnreadable) as error:
            log.warning("event_file_unreadable", file=segment.file.name, cause=error.detail)


def read_segment(folder: CountingFolder, segment: SegmentOnDisk) -> EventFile:
    """Raises ``EventFileDamaged``, ``SealedFileUnreadable``, FileNotFoundError."""
    if segment.day is not None:
        return read_sealed(segment.file)
    try:
        return read_open(segment.file, machine_run())
    except FileNotFoundError:  # sealed a moment ago
        name = (segment.boot_id, segment.number)
        sealed = next((file for _, file in folder.sealed_files() if name_of_events(file) == name), segment.file)
        return read_sealed(sealed)


def read_sealed(file: Path) -> EventFile:
    """Raises ``EventFileDamaged``, ``SealedFileUnreadable``, FileNotFoundError."""
    content = decompressed(file.read_bytes(), FILE_BYTES)
    header, progress = _own_header(content, file)
    return EventFile(header, progress, content, progress.head, machine_lost=False)


def finished(file: Path) -> bool:
    """Whether an open file's writer is done with it. Raises ``EventFileDamaged``, FileNotFoundError."""
    with file.open("rb") as opened:
        _, progress = _own_header(opened.read(HEADER_BYTES), file)
    return progress.state == State.FINISHED


def read_open(file: Path, machine: str) -> EventFile:
    """A file that is or was written; ``machine`` is this run of the machine (``machine_run``).

    Raises ``EventFileDamaged`` when the header cannot be used or is not that of this file, or what was brought to the
    disk is not there (then with ``opened_at``); FileNotFoundError.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The header first: whatever it says is written stood before it in the file.
        start = os.pread(descriptor, HEADER_BYTES, 0)
        header, progress = _own_header(start, file)
        content = start + os.pread(descriptor, FILE_BYTES - HEADER_BYTES, HEADER_BYTES)
    finally:
        os.close(descriptor)
    until = progress.head if header.machine == machine else _on_disk(content, header, progress)
    return EventFile(header, progress, content[:until], until, machine_lost=until < progress.head)


def microseconds(at: datetime) -> int:
    """Since 1970, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Of microseconds since 1970."""
    return _EPOCH + micros * _MICROSECOND


def _own_header(content: bytes, file: Path) -> tuple[Header, Progress]:
    """A copy under another name would tell the same resolutions again."""
    header, progress = read_header(content)
    if (header.boot_id, header.number) != name_of_events(file):
        raise EventFileDamaged("an event file has another file's header", position=0)
    return header, progress


def _on_disk(content: bytes, header: Header, progress: Progress) -> int:
    """Up to where a lost machine's disk surely has the file."""
    synced = progress.synced
    if synced > len(content) or zlib.crc32(content[HEADER_BYTES:synced]) != progress.checksum:
        raise EventFileDamaged(
            "an event file is not what its checksum says", position=HEADER_BYTES, opened_at=header.opened_at
        )
    return synced
