"""What work costs processes in CPU, by the kernel's own account in nanoseconds; and the C program set beside them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_SOURCE = Path(__file__).with_name("echo.c")


def spent(pids: Sequence[int], work: Callable[[], _T]) -> tuple[float, _T]:
    """CPU of the processes in µs while the work was done, and what came of it."""
    before = cpu_micros(pids)
    done = work()
    return cpu_micros(pids) - before, done


@contextlib.contextmanager
def apart(servers: Sequence[int]) -> Iterator[None]:
    """During the block this thread has one core and the servers share another, if there are two.

    Else the kernel puts a server that is asked one question at a time now here, now there, and to wake it on another
    core can cost ten times as much as on one's own.
    """
    cores = os.sched_getaffinity(0)
    first, last = min(cores), max(cores)
    try:
        os.sched_setaffinity(0, {first})
        for pid in servers:
            os.sched_setaffinity(pid, {last})
        yield
    finally:
        for pid in (0, *servers):
            os.sched_setaffinity(pid, cores)


def cpu_micros(pids: Sequence[int]) -> float:
    """µs on a processor so far, all threads."""
    return sum(
        int(thread.read_text().split()[0]) / 1000
        for pid in pids
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )


@contextlib.contextmanager
def compiled_echo() -> Iterator[Path | None]:
    """``echo.c`` as a program; ``None`` without a compiler."""
    compiler = shutil.which("cc")
    with tempfile.TemporaryDirectory(prefix="biaoshi-echo-") as folder:
        program = Path(folder) / "echo"
        if compiler is not None:
            subprocess.run([compiler, "-O2", "-o", program, _SOURCE], check=True)
        yield program if compiler is not None else None
