"""A relay between a client and PostgreSQL's socket that can be cut, fall silent, and be shut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

_BLOCK = 65_536


@dataclass(eq=False)
class Relay:
    """``url`` is the database's address through it. What is silent passes nothing on and closes nothing."""

    upstream: str
    url: str = ""
    open: bool = True
    _links: list[_Link] = field(default_factory=list)

    def cut(self) -> None:
        """End every connection, and let nobody in until ``open`` is set."""
        self.open = False
        for link in self._links:
            link.end()

    def fall_silent(self) -> None:
        """Every connection there is now; new ones work."""
        for link in self._links:
            link.passing.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        link = _Link(writer, (await asyncio.open_unix_connection(self.upstream)))
        self._links.append(link)
        try:
            await asyncio.gather(link.carry(reader, link.server), link.carry(link.answers, writer))
        finally:
            link.end()
            self._links.remove(link)


class _Link:
    def __init__(
        self, client: asyncio.StreamWriter, upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> None:
        self.client = client
        self.answers, self.server = upstream
        self.passing = asyncio.Event()
        self.passing.set()

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while block := await source.read(_BLOCK):
                await self.passing.wait()
                sink.write(block)
                await sink.drain()
        if self.passing.is_set():  # an end is news, too, and passes only where anything does
            self.end()

    def end(self) -> None:
        self.passing.set()
        self.client.transport.abort()
        self.server.transport.abort()


@contextlib.asynccontextmanager
async def relay_to(database_url: str) -> AsyncIterator[Relay]:
    """A relay on a free port of the loopback to the server whose socket ``database_url`` names."""
    parts = urlsplit(database_url)
    asked = parse_qs(parts.query)
    relay = Relay(f"{asked['host'][0]}/.s.PGSQL.{asked['port'][0]}")
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    relay.url = f"{parts.scheme}://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
    try:
        yield relay
    finally:
        relay.cut()
        server.close()
