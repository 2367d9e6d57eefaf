"""The folder of a node's counters and event files, and whose each open file is.

    <directory>/<node_id>/
        recorder                                the number of this folder (``recorder_id``), made once
        keeper.lock                             held by the one process that keeps the folder
        open/<boot_id>.counters                 totals of a running process
        open/<boot_id>-<number>.events          its events
        sealed/YYYY/MM/DD/<boot_id>-<number>.events.zst

An open file belongs to the process that holds its ``flock``; the kernel lets go of it when the process ends, however
it ends. So a file whose lock is free was left behind and may be taken up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

from node.errors import Unavailable
from node.whole_file import put_once

COUNTERS = ".counters"
EVENTS = ".events"
SEALED = ".events.zst"
_UNFINISHED = ".unfinished-"
_EVENTS_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(\d{1,9})\.events(?:\.zst)?")
_MACHINE_RUN = Path("/proc/sys/kernel/random/boot_id")


class CountingFolderUnusable(Unavailable):
    """Evidence: ``folder``."""

    title_zh = "计数目录不可用"


@dataclass(frozen=True, slots=True)
class CountingFolder:
    """``path`` is the node's own folder, ``recorder_id`` its number among all that ever counted for the node."""

    path: Path
    recorder_id: UUID
    node_id: UUID

    @property
    def open(self) -> Path:
        return self.path / "open"

    @property
    def sealed(self) -> Path:
        return self.path / "sealed"

    def counters_file(self, boot_id: UUID) -> Path:
        return self.open / f"{boot_id}{COUNTERS}"

    def events_file(self, boot_id: UUID, number: int) -> Path:
        return self.open / f"{boot_id}-{number}{EVENTS}"

    def sealed_file(self, day: date, boot_id: UUID, number: int) -> Path:
        return self.sealed / f"{day:%Y}" / f"{day:%m}" / f"{day:%d}" / f"{boot_id}-{number}{SEALED}"

    def counters_files(self) -> list[Path]:
        return sorted(self.open.glob(f"[!.]*{COUNTERS}"))

    def events_files(self, boot_id: UUID | None = None) -> list[Path]:
        """The open ones, of every process start or of one, in the order of their numbers."""
        found = self.open.glob(f"{boot_id or ''}*{EVENTS}")
        return sorted((file for file in found if _EVENTS_NAME.fullmatch(file.name)), key=name_of_events)

    def sealed_files(self, first: date = date.min, last: date = date.max) -> list[tuple[date, Path]]:
        """Those of a range of days, both included, with their days and in the order of these."""
        found = []
        for folder in self.sealed.glob("*/*/*"):
            try:
                day = date.fromisoformat("-".join(folder.parts[-3:]))
            except ValueError:  # something else that somebody put there
                continue
            if first <= day <= last:
                files = folder.glob(f"*{SEALED}")
                found += [(day, file) for file in files if _EVENTS_NAME.fullmatch(file.name)]
        return sorted(found)


def open_folder(directory: Path, node_id: UUID) -> CountingFolder:
    """The folder of a node below ``directory``, made if it is not there. Raises ``CountingFolderUnusable``."""
    path = directory / str(node_id)
    try:
        for folder in (path / "open", path / "sealed"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        recorder = path / "recorder"
        if not recorder.exists():
            put_once(recorder, f"{uuid4()}\n".encode(), 0o600)
        return CountingFolder(path, UUID(recorder.read_text(encoding="ascii").strip()), node_id)
    except (OSError, ValueError) as error:
        raise CountingFolderUnusable(
            f"the counting folder {path} cannot be used: {error}", folder=str(path)
        ) from error


def name_of_events(file: Path) -> tuple[UUID, int]:
    """Process start and number of an event file, open or sealed. Raises ValueError for any other name."""
    if (found := _EVENTS_NAME.fullmatch(file.name)) is None:
        raise ValueError(f"{file.name} is not the name of an event file")
    return UUID(found[1]), int(found[2])


def make_owned(file: Path, size: int, beginning: bytes) -> int:
    """A new file of ``size`` bytes that begins with ``beginning``; returns its descriptor, which owns the file.

    All room is taken at once, so that a full disk is noticed here and not by a signal when a page of it is first
    touched. The file appears under its name only when it is owned: nobody can take it for left behind. To own it no
    longer, close the descriptor and every map of it. Waits for the disk: milliseconds.

    Raises OSError: no room, or a file of that name.
    """
    unfinished = file.with_name(f"{_UNFINISHED}{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.posix_fallocate(descriptor, 0, size)
        os.pwrite(descriptor, beginning, 0)
        os.fsync(descriptor)
        os.link(unfinished, file)  # a link never replaces
        sync_folder(file.parent)
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        unfinished.unlink(missing_ok=True)
    return descriptor


@contextlib.contextmanager
def taken(file: Path) -> Iterator[int | None]:
    """Own a file that its process left behind: its descriptor, ``None`` while that process lives or if it is gone."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor if _locked(descriptor) and _still_named(descriptor, file) else None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def keeping(folder: CountingFolder) -> Iterator[bool]:
    """Whether this process may keep the folder now: adopt, seal and remove. Of several one may."""
    descriptor = os.open(folder.path / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished(folder: CountingFolder) -> None:
    """Files that a process was about to make when it ended."""
    for file in folder.open.glob(f"{_UNFINISHED}*"):
        with taken(file) as descriptor:
            # An empty one may be about to be owned: its process opened it and has not locked it yet.
            if descriptor is not None and os.fstat(descriptor).st_size:
                file.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """What was named, renamed or removed in a folder survives the machine. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def machine_run() -> str:
    """The number of this run of the machine: memory that was not yet written to disk is lost when it changes."""
    return _MACHINE_RUN.read_text(encoding="ascii").strip()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_named(descriptor: int, file: Path) -> bool:
    """Whether the file is still what has the name: it may have been removed between opening and locking."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
