"""The processes of a PostgreSQL server, found through /proc and ended by signals.

A number in ``postmaster.pid`` proves nothing: it may have been given to a stranger since. Only a PostgreSQL
program whose working directory is the cluster belongs to it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT, SIGSTOP, Signals
from typing import NamedTuple

PROGRAM = "postgres"


class Status(NamedTuple):
    name: str
    state: str
    parent: int


def status_of(pid: int) -> Status | None:
    """What the kernel tells everybody about a process; ``None`` when there is none or it is a zombie."""
    try:
        # pid (name) state ppid …: the name may hold spaces and brackets
        head, _, tail = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
    except OSError:
        return None
    state, parent = tail.split()[:2]
    return None if state in "ZX" else Status(head.partition("(")[2], state, int(parent))


def works_in(pid: int, cluster: Path) -> bool:
    """Whether ``pid`` is a live PostgreSQL process of ``cluster``."""
    status = status_of(pid)
    if status is None or status.name != PROGRAM:
        return False
    process = Path(f"/proc/{pid}")
    try:
        return process.joinpath("cwd").samefile(cluster)
    except PermissionError:
        # Root in a container may not look into other users' processes; their command lines are public.
        return os.fsencode(cluster) in process.joinpath("cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def recorded_pid(cluster: Path) -> int | None:
    """The number in ``postmaster.pid``; ``None`` when no server ran or the last one stopped in order."""
    try:
        written = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace")
        return int(written.split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def processes_of(cluster: Path) -> list[int]:
    """Every live PostgreSQL process that works in ``cluster``: its own and a crash's survivors."""
    return [pid for pid in _all_processes() if works_in(pid, cluster)]


def kill_postmaster(pid: int, reap: Callable[[], object]) -> None:
    """kill -9 of a server and all its children.

    It is stopped before its children are listed, for a running one may start another meanwhile. Returns
    when they are gone: a child in the middle of a write to the disk takes a moment to die.
    """
    _signal(pid, SIGSTOP)
    family = [child for child in _all_processes() if (found := status_of(child)) and found.parent == pid]
    for member in (*family, pid):
        _signal(member, SIGKILL)
    reap()
    deadline = time.monotonic() + 5
    while any(status_of(child) for child in family) and time.monotonic() < deadline:
        time.sleep(0.002)


def stop_orphan(pid: int, cluster: Path) -> None:
    """Stop a server whose parent was killed: fast, after 10 s immediately, after 5 more by kill -9."""

    def ends_within(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while works_in(pid, cluster):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    _signal(pid, SIGINT)
    if ends_within(10):
        return
    _signal(pid, SIGQUIT)
    if not ends_within(5):
        kill_postmaster(pid, lambda: ends_within(5))


def _all_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _signal(pid: int, number: Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
