"""TCP connections to other servers: few to each, used by one question at a time, kept open for a while.

By TCP because nobody off the way can answer in a server's place, whatever he guesses. A server that closes behind
each reply, as Handle.Net does, is connected to again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from node.outward import Outward
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope
from resolver.recursion.delegation import Target

R = TypeVar("R")

_AT_ONCE = 16  # connections to one server
_IDLE = 256  # connections that wait, to all servers together
_IDLE_SECONDS = 30.0


class ReplyTooLarge(Exception):
    """More bytes are announced than are read of anybody."""


class LineBusy(Exception):
    """So many questions to one server are under way that another could not be put in time."""


@dataclass(slots=True)
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float = 0.0

    @property
    def usable(self) -> bool:
        return not (self.reader.at_eof() or self.writer.is_closing())


@dataclass(slots=True)
class _Line:
    """What leads to one server; it is forgotten when nobody uses it and nothing waits."""

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    idle: list[_Link] = field(default_factory=list)
    users: int = 0


class Links:
    """``outward`` says which addresses may be reached; ``most`` bytes of a reply are read."""

    def __init__(self, outward: Outward, *, most: int, monotonic: Callable[[], float]) -> None:
        self._outward = outward
        self._most = most
        self._monotonic = monotonic
        self._lines: dict[Target, _Line] = {}
        self._idle = 0

    def close(self) -> None:
        """End the connections that wait."""
        for line in self._lines.values():
            for link in line.idle:
                link.writer.close()
        self._lines.clear()
        self._idle = 0

    async def exchange(self, target: Target, request: bytes, read: Callable[[bytes], R], seconds: float) -> R:
        """What ``read`` makes of the reply to a whole message; where it raises, the connection is used no more.

        ``seconds`` are those of the server; so many again may pass until it can be asked. Raises ``AddressRefused``,
        ``LineBusy``, OSError (TimeoutError among them), EOFError, WireFault, ``ReplyTooLarge``, and what ``read``
        raises.
        """
        if not target.configured:
            self._outward.check(ipaddress.ip_address(target.host))
        line = self._lines.setdefault(target, _Line())
        line.users += 1
        try:
            async with _turn(line, seconds), asyncio.timeout(seconds):
                return await self._exchange(target, line, request, read)
        finally:
            line.users -= 1
            if not line.users and not line.idle:
                self._lines.pop(target, None)

    async def _exchange(self, target: Target, line: _Line, request: bytes, read: Callable[[bytes], R]) -> R:
        kept = self._take(line)
        if kept is not None:
            with contextlib.suppress(OSError, EOFError):  # closed while it lay idle: nothing was read of it
                return await self._over(line, kept, request, read)
        return await self._over(line, await self._connect(target), request, read)

    async def _over(self, line: _Line, link: _Link, request: bytes, read: Callable[[bytes], R]) -> R:
        try:
            link.writer.write(request)
            head = await link.reader.readexactly(ENVELOPE_BYTES)
            answer = read(head + await link.reader.readexactly(self._length(head)))
        except BaseException:
            link.writer.close()
            raise
        self._keep(line, link)
        return answer

    def _length(self, head: bytes) -> int:
        length = decode_envelope(head).length
        if length > self._most:
            raise ReplyTooLarge(f"{length} bytes are announced; {self._most} are read")
        return length

    async def _connect(self, target: Target) -> _Link:
        if target.configured:
            return _Link(*await asyncio.open_connection(target.host, target.port))
        return _Link(*await self._outward.stream(ipaddress.ip_address(target.host), target.port))

    def _take(self, line: _Line) -> _Link | None:
        """A connection that waits and may still be open."""
        now = self._monotonic()
        while line.idle:
            link = line.idle.pop()
            self._idle -= 1
            if link.usable and now - link.since < _IDLE_SECONDS:
                return link
            link.writer.close()
        return None

    def _keep(self, line: _Line, link: _Link) -> None:
        if self._idle >= _IDLE:
            self._sweep()
        if self._idle >= _IDLE or not link.usable:
            link.writer.close()
            return
        link.since = self._monotonic()
        line.idle.append(link)
        self._idle += 1

    def _sweep(self) -> None:
        """Close whatever has waited too long, at servers that nobody asks any more."""
        now = self._monotonic()
        for target, line in list(self._lines.items()):
            old = [link for link in line.idle if not link.usable or now - link.since >= _IDLE_SECONDS]
            for link in old:
                line.idle.remove(link)
                link.writer.close()
            self._idle -= len(old)
            if not line.users and not line.idle:
                del self._lines[target]


@contextlib.asynccontextmanager
async def _turn(line: _Line, seconds: float) -> AsyncIterator[None]:
    """One of the connections to a server. Raises ``LineBusy``."""
    try:
        async with asyncio.timeout(seconds):
            await line.free.acquire()
    except TimeoutError:
        raise LineBusy("too many questions to it are under way") from None
    try:
        yield
    finally:
        line.free.release()
