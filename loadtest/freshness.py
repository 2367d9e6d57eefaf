"""How soon a change shows: connections to processes that are known, each asking until the new answer comes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

_SECONDS = 10.0
_PAUSE = 0.001  # between questions of one connection
_CONNECTIONS = 64  # tried until every process was reached


class Answer(NamedTuple):
    status: int
    body: bytes


Right = Callable[[Answer], bool]


class Watcher:
    """One connection that is kept alive; ``process`` is who answers on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: int = 0) -> None:
        self._reader = reader
        self._writer = writer
        self.process = process

    async def ask(self, path: str) -> Answer:
        """GET and read to the end."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        async with asyncio.timeout(_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
            body = await self._reader.readexactly(int(length[1])) if length else b""
        return Answer(int(head[9:12]), body)

    async def until(self, path: str, right: Right) -> float:
        """When the right answer came, on the clock of ``time.perf_counter``. Exits when it does not come."""
        late = time.perf_counter() + _SECONDS
        while not right(answer := await self.ask(path)):
            if time.perf_counter() > late:
                raise SystemExit(f"{path}: {answer} still after {_SECONDS:g} s")
            await asyncio.sleep(_PAUSE)
        return time.perf_counter()

    def close(self) -> None:
        self._writer.transport.abort()


@contextlib.asynccontextmanager
async def watchers(port: int, processes: Sequence[int]) -> AsyncIterator[list[Watcher]]:
    """A connection to each process that listens on ``port``; the kernel deals them out, so some more are opened."""
    found: dict[int, Watcher] = {}
    try:
        for _ in range(_CONNECTIONS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            watcher = Watcher(reader, writer)
            await watcher.ask("/healthz")
            watcher.process = _answering(writer.get_extra_info("sockname")[1], port, processes)
            if watcher.process in found:
                watcher.close()
            else:
                found[watcher.process] = watcher
            if len(found) == len(processes):
                break
        else:
            raise SystemExit(f"only {len(found)} of {len(processes)} processes answered {_CONNECTIONS} connections")
        yield list(found.values())
    finally:
        for watcher in found.values():
            watcher.close()


async def shown(
    seen_by: Sequence[Watcher], path: str, right: Right, change: Callable[[], Awaitable[object]]
) -> list[float]:
    """Milliseconds from the acknowledgement of a change to the right answer of each; 0 when that came before it.

    Exits when an answer from before comes again.
    """
    asking = [asyncio.create_task(watcher.until(path, right)) for watcher in seen_by]
    await asyncio.sleep(0.01)
    await change()
    acknowledged = time.perf_counter()
    found = [max(0.0, (at - acknowledged) * 1000) for at in await asyncio.gather(*asking)]
    for watcher in seen_by:
        if not right(answer := await watcher.ask(path)):
            raise SystemExit(f"{path}: {answer} after the new answer")
    return found


def spread(found: Sequence[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and longest."""
    ordered = sorted(found)
    return median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], ordered[-1]


def _answering(from_port: int, port: int, processes: Sequence[int]) -> int:
    """Whose the server's end of a connection is."""
    ends = (f":{port:04X}", f":{from_port:04X}")
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if (fields[1][-5:], fields[2][-5:]) == ends:
            socket = f"socket:[{fields[9]}]"
            break
    else:
        raise SystemExit("the connection is not in /proc/net/tcp")
    for process in processes:
        for file in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(file) == socket:  # noqa: PTH115 - what it says is no path
                    return process
    raise SystemExit("the connection belongs to none of the processes")
