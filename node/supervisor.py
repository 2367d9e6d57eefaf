"""One parent, several children: started together, restarted when they fall, ended together.

Each child holds one end of a socket pair. The child writes a byte when it is ready; when the parent is gone,
even by kill -9, the child reads the end of the file and stops by itself. Nobody is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from node.errors import Unavailable
from node.pause import pause

log = structlog.get_logger("supervisor")

LINK_VARIABLE = "BIAOSHI_SUPERVISOR_FD"
_SHORTEST_LIFE = 1.0
_LONGEST_PAUSE = 5.0


class ChildNotReady(Unavailable):
    title_zh = "子进程未能启动"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A name for the log, the command to run, and what is to be done with the process id of one that ended."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ended: Callable[[int], None] = lambda _pid: None


class Child:
    """One child that is kept alive until ``stop``."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.restarts = 0
        self.ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Start the child and start it again whenever it ends, until ``stop``."""
        rest = 0.1
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            try:
                status: int | str = await self._live_once()
            except OSError as error:  # no such program, or no room for another process
                status = str(error)
            if self._stopping.is_set():
                return
            self.ready.clear()
            self.restarts += 1
            rest = 0.1 if loop.time() - began > _SHORTEST_LIFE else min(rest * 2, _LONGEST_PAUSE)
            log.warning("child_ended", child=self.spec.name, status=status, restart_seconds=rest)
            await pause(self._stopping, rest)

    async def _live_once(self) -> int:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *self.spec.command,
                    env={**os.environ, **self.spec.environment, LINK_VARIABLE: str(theirs.fileno())},
                    pass_fds=(theirs.fileno(),),
                    stdin=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is the parent's to receive and to translate
                )
            self._process = process
            if self._stopping.is_set():  # told while it was being started
                self._signal(signal.SIGTERM)
            ours.setblocking(False)
            with contextlib.suppress(OSError):
                if await asyncio.get_running_loop().sock_recv(ours, 1):
                    self.ready.set()
            status = await process.wait()
            self.spec.ended(process.pid)
            return status

    def stop(self) -> None:
        """Ask the child to end gracefully."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the child at once; ``run`` starts it again unless ``stop`` came before."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


@contextlib.asynccontextmanager
async def children(
    specs: Sequence[ChildSpec], *, ready_seconds: float = 30.0, stop_seconds: float = 15.0
) -> AsyncIterator[list[Child]]:
    """Run the children; the block begins when all are ready and they end with it.

    Raises ``ChildNotReady`` naming those that were not ready in time.
    """
    family = [Child(spec) for spec in specs]
    tasks = [asyncio.create_task(child.run(), name=child.spec.name) for child in family]
    try:
        try:
            async with asyncio.timeout(ready_seconds):
                for child in family:
                    await child.ready.wait()
        except TimeoutError:
            late = [child.spec.name for child in family if not child.ready.is_set()]
            raise ChildNotReady(f"not ready after {ready_seconds:g} s: {', '.join(late)}", children=late) from None
        yield family
    finally:
        for child in family:
            child.stop()
        done, late_tasks = await asyncio.wait(tasks, timeout=stop_seconds)
        for child in family:
            child.kill()
        for task in late_tasks:
            task.cancel()
        await asyncio.gather(*done, *late_tasks, return_exceptions=True)


class ParentLink:
    """The child's end: say that it is ready, notice that the parent is gone."""

    def __init__(self) -> None:
        number = os.environ.pop(LINK_VARIABLE, None)
        self._socket = socket.socket(fileno=int(number)) if number else None

    def ready(self) -> None:
        if self._socket is not None:
            self._socket.send(b"r")

    async def gone(self) -> None:
        """Return when the parent is gone; never, when there is none."""
        if self._socket is None:
            await asyncio.Event().wait()
            return
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_recv(self._socket, 1)


async def until_told_to_stop(link: ParentLink | None = None) -> None:
    """Tell the parent that all is ready, and return at SIGTERM, at SIGINT, or when the parent is gone.

    Signals are heard before the word goes out: a parent that stops its children at once still does so gently.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    link = link or ParentLink()
    link.ready()
    watch = asyncio.create_task(link.gone())
    watch.add_done_callback(lambda _: told.set())
    await told.wait()
    watch.cancel()
