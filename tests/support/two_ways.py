"""The same resolver behind two ports: one with the front before aiohttp, one by aiohttp alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.database import Pool
from node.http_server import Bounds, HttpServer, bind
from node.web import WebSettings
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.counting.event_file import Booked
from resolver.counting.never import NeverCounts
from resolver.handle.computing import Computing
from resolver.http.front.front import HttpFront
from tests.support.shelf import application_of, resolver_of

_DATE = re.compile(rb"\r\nDate: [^\r]{29}\r\n")
_REQUEST_ID = re.compile(rb'(\r\nX-Request-Id: |"request_id":")[0-9a-f]{32}')
_LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)")
SIMPLE = b"GET /api/handles/%s HTTP/1.1\r\nHost: node\r\nUser-Agent: test/1\r\n\r\n"


class Noting(ResolutionCounter):
    """A counter that also keeps what it is told, but for the microseconds."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, None, never=NeverCounts(()), seconds=3600)
        self.told: list[tuple[Any, ...]] = []

    def count(self, key: Any, interface: Any, outcome: Any, source: str, *rest: Any, **named: Any) -> None:
        super().count(key, interface, outcome, source, *rest, **named)
        marks = named.get("marks", rest[2] if len(rest) > 2 else 0)
        self.told.append((key, interface, outcome, source, marks))

    def count_left(self, events: Sequence[Booked]) -> None:
        super().count_left(events)
        self.told += [
            (key, interface, outcome, source, marks) for key, interface, outcome, source, _, _, marks in events
        ]


@dataclass(slots=True)
class Ways:
    """``front`` and ``aiohttp`` are ports; ``lines`` those of the log that the front wrote."""

    front: int
    aiohttp: int
    resolver: Resolver
    counter: Noting
    server: HttpFront
    lines: list[str] = field(default_factory=list)

    def logged(self) -> list[dict[str, Any]]:
        """The lines so far."""
        self.server.tell_now()
        return [json.loads(line) for text in self.lines for line in text.splitlines()]

    @property
    def handed_over(self) -> int:
        """Connections that aiohttp has or had."""
        return self.server.handed_over


@contextlib.asynccontextmanager
async def two_ways(
    url: str,
    pool: Pool,
    *,
    trusted: Any = (),
    resolving: dict[str, Any] | None = None,
    ready_bytes: int = 1 << 20,
    **bounding: Any,
) -> AsyncIterator[Ways]:
    """Both run until the end of the block."""
    everyday = {"header_seconds": 5.0, "idle_seconds": 5.0, "connections": 1000, "connections_per_source": 1000}
    bounds = Bounds(**{**everyday, **bounding})
    counter, computing, lines = Noting(pool), Computing(), []
    settings = WebSettings(trusted_proxies=trusted)
    async with counter, resolver_of(url, **(resolving or {})) as resolver, contextlib.AsyncExitStack() as stack:
        front = HttpFront(
            resolver,
            counter,
            idle_seconds=bounds.idle_seconds,
            trusted_proxies=trusted,
            write=lines.append,
            ready_bytes=ready_bytes,
        )
        ports = []
        for before in (front, None):
            app = application_of(pool, resolver, counter, computing, settings)
            server = HttpServer(app, [bind("127.0.0.1", 0)], bounds, front=before)
            ports += (await stack.enter_async_context(server)).ports
        yield Ways(*ports, resolver, counter, front, lines)
    await computing.close()


async def said(port: int, *pieces: bytes, first: bytes = b"", seconds: float = 5.0) -> bytes:
    """Everything answered to these pieces, sent one after the other, until the server closes, at the latest behind
    one more request, which wants that. The answer to the ``first`` is waited for.

    What differs from answer to answer, the date and the id of the request, is taken out.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = b""
    try:
        if first:
            writer.write(first)
            answers += await whole_answer(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(_LAST)
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                while block := await reader.read(1 << 16):
                    answers += block
    finally:
        writer.transport.abort()
    return without_chance(answers)


async def each(port: int, *requests: bytes) -> bytes:
    """As ``said``, each request sent when the one before is answered; the connection stays the server's to close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    try:
        for request in requests:
            writer.write(request)
            answers.append(await whole_answer(reader))
    finally:
        writer.transport.abort()
    return without_chance(b"".join(answers))


def without_chance(answers: bytes) -> bytes:
    """Without the date and the ids of requests."""
    return _REQUEST_ID.sub(rb"\1-", _DATE.sub(rb"\r\nDate: -\r\n", answers))


async def whole_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with its body."""
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        return head + await reader.readexactly(int(_LENGTH.findall(head)[0]))


_LAST = b"GET /api/handles/88.101.1/last HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"
"""Closes a connection whose requests have been answered."""
