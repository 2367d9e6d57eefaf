"""Processes that book known resolutions through the real counter, to be killed at any moment.

``python -m tests.support.booking`` is a nursery: it forks a booker for each line of JSON (``Job``) on its standard
input, says its process id, and ends with all of them when the input ends. What a booker does is known beforehand:
resolution ``number`` of a ``lane`` is always the same one, at the same time of a clock that jumps. In a file that it
shares with the test it says before it books how far it goes (``told``) and afterwards how far it came (``booked``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import mmap
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from node.china_time import CHINA
from node.database import open_pool
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.counter import ResolutionCounter
from resolver.counting.folder import open_folder
from resolver.counting.never import NeverCounts

BEGIN = datetime(2026, 11, 10, 21, 0, tzinfo=CHINA).timestamp()
"""Three hours before a midnight of China."""

INTERFACES = (Interface.HANDLE_JSON, Interface.HANDLE_UDP, Interface.HANDLE_TCP, Interface.PAGE)
OUTCOMES = (*[Outcome.HIT] * 6, Outcome.STALE_HIT, Outcome.MISSING, Outcome.DENIED)
_AT_ONCE = 32  # resolutions of one moment
_MINUTE, _HOUR = 60.0, 3600.0
# The clock goes forth by so much at a share of the way, and soon afterwards back by more: into minutes that were
# counted before. Four hours go over midnight, a minute and a half not out of what is still remembered.
_JUMPS = [
    (since + later, sign * by - later * _HOUR * 2)
    for since, by in (
        (0.08, 15 * _MINUTE), (0.22, _HOUR), (0.36, 4 * _HOUR), (0.5, 1.5 * _MINUTE), (0.64, 15 * _MINUTE),
        (0.78, 4 * _HOUR), (0.9, _HOUR),
    )
    for later, sign in ((0, 1), (0.03, -1))
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """Resolutions ``first`` to before ``total`` of a lane."""

    url: str
    directory: str
    node_id: str
    marks: str
    lane: int
    first: int
    total: int


@dataclass(frozen=True, slots=True)
class Known:
    """What resolution ``number`` of a lane is."""

    prefix: str
    suffix: str
    interface: Interface
    outcome: Outcome
    source: str


def known(lane: int, number: int) -> Known:
    """The same whenever somebody asks."""
    mixed = number * 2_654_435_761 + lane * 40_503 & 0xFFFF_FFFF
    return Known(
        f"88.101.{lane * 10 + mixed % 7}",
        f"P-{mixed % 5000}",
        INTERFACES[mixed // 7 % len(INTERFACES)],
        OUTCOMES[mixed // 31 % len(OUTCOMES)],
        f"203.0.{mixed // 301 % 50}.{mixed % 200}",
    )


def time_of(number: int, total: int) -> float:
    """What the clock says, in Unix seconds: an hour goes by from the first to the last, and it is put."""
    share = number // _AT_ONCE * _AT_ONCE / total
    return BEGIN + share * _HOUR + sum(by for since, by in _JUMPS if share >= since)


class Marks:
    """Two numbers in a file of 16 bytes: they outlive whoever writes them."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(bytes(16))
        with file.open("r+b") as opened:
            self._numbers = memoryview(mmap.mmap(opened.fileno(), 16)).cast("Q")

    @property
    def told(self) -> int:
        return self._numbers[0]

    @told.setter
    def told(self, number: int) -> None:
        self._numbers[0] = number

    @property
    def booked(self) -> int:
        return self._numbers[1]

    @booked.setter
    def booked(self, number: int) -> None:
        self._numbers[1] = number


async def book(job: Job) -> None:
    """Book them, some at once, as answers leave; the totals are written often."""
    marks = Marks(Path(job.marks))
    chance = random.Random(job.first)
    number = job.first
    pool = await open_pool(job.url, "biaoshi_writer", size=2, seconds=5, name="booker")
    folder = open_folder(Path(job.directory), UUID(job.node_id))
    counter = ResolutionCounter(
        pool, folder, never=NeverCounts(()), seconds=0.05, laboratory=True, clock=lambda: time_of(number, job.total)
    )
    async with counter:
        while number < job.total:
            moment_ends = (number // _AT_ONCE + 1) * _AT_ONCE
            until = min(number + chance.randint(1, _AT_ONCE), moment_ends, job.total)
            marks.told = until
            for each in range(number, until):
                one = known(job.lane, each)
                counter.count((one.prefix, one.suffix), one.interface, one.outcome, one.source, 100)
            await asyncio.sleep(0)  # the answers leave
            marks.booked = number = until
    pool.terminate()


# The nursery --------------------------------------------------------------------------------------------------


class Nursery:
    """Starts bookers, kills them, and says how they ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())

    async def start(self, job: Job) -> int:
        """A new booker: its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        return await self._started.get()

    def kill(self, booker: int) -> None:
        """With SIGKILL, if it still lives."""
        if not self._ended[booker].done():
            os.kill(booker, signal.SIGKILL)

    async def ended(self, booker: int) -> int:
        """Wait for its end: its status, the negative signal if it was killed."""
        return await self._ended[booker]

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            what, booker, status = json.loads(line)
            if what == "started":
                self._ended[booker] = asyncio.get_running_loop().create_future()
                self._started.put_nowait(booker)
            else:
                self._ended[booker].set_result(status)

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._listening


@contextlib.asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """One that ends with the block, and its bookers with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    found = Nursery(process)
    try:
        yield found
    finally:
        await found.close()


def _run() -> None:
    """Fork for every line; a child's end is told as soon as it is known."""
    living: set[int] = set()

    def tell(what: str, booker: int, status: int) -> None:
        os.write(1, json.dumps([what, booker, status]).encode() + b"\n")

    def reap(*_: object) -> None:
        for booker in sorted(living):
            ended, status = os.waitpid(booker, os.WNOHANG)
            if ended:
                living.discard(booker)
                tell("ended", booker, os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, reap)
    for line in _lines():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        booker = os.fork()
        if booker == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            os.dup2(2, 1)  # what it logs is no word of the nursery
            _book_and_exit(Job(**json.loads(line)))
        living.add(booker)
        tell("started", booker, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for booker in living:
        os.kill(booker, signal.SIGKILL)
        os.waitpid(booker, 0)


def _lines() -> Iterator[bytes]:
    """Of the standard input, unbuffered: a child must not inherit what was read ahead."""
    rest = b""
    while read := os.read(0, 65_536):
        *lines, rest = (rest + read).split(b"\n")
        yield from lines


def _book_and_exit(job: Job) -> None:
    status = 1
    try:
        asyncio.run(book(job))
        status = 0
    except Exception:
        logging.getLogger(__name__).exception("a booker failed")
    finally:
        os._exit(status)


if __name__ == "__main__":
    _run()
