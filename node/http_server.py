"""The listening side of HTTP: bounds and deadlines that hold before a request exists.

A ``Door`` stands between each socket and aiohttp: it turns away connections above the bounds and ends those
whose first request head does not arrive in time. Malformed requests cost one log line without a traceback.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aiohttp import web

from node.client_address import Network, parse_address, within
from node.errors import Unavailable

log = structlog.get_logger("http")

_HEAD_END = b"\r\n\r\n"


class PortTaken(Unavailable):
    title_zh = "端口已被占用"


class AddressUnusable(Unavailable):
    title_zh = "地址不可用"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and counts per worker; ``allow_list`` is exempt from the per-source count."""

    header_seconds: float
    idle_seconds: float
    connections: int
    connections_per_source: int
    allow_list: Sequence[Network] = ()


class _Doors:
    """How many connections are open, in all and by source."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.open = 0
        self.by_source: Counter[str] = Counter()
        self.turned_away = 0

    def admit(self, source: str) -> bool:
        exempt = (address := parse_address(source)) is not None and within(address, self.bounds.allow_list)
        if self.open >= self.bounds.connections or (
            not exempt and self.by_source[source] >= self.bounds.connections_per_source
        ):
            self.turned_away += 1
            return False
        self.open += 1
        self.by_source[source] += 1
        return True

    def leave(self, source: str) -> None:
        self.open -= 1
        self.by_source[source] -= 1
        if not self.by_source[source]:
            del self.by_source[source]


class Door(asyncio.Protocol):
    """One connection on its way into aiohttp."""

    def __init__(self, doors: _Doors, inner: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
        self._doors = doors
        self._inner = inner
        self._loop = loop
        self._source = ""
        self._admitted = False
        self._head_tail: bytes | None = b""
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._source = str(peer[0]) if isinstance(peer, tuple) else ""
        self._admitted = self._doors.admit(self._source)
        if not self._admitted:
            log.warning("connection_turned_away", source=self._source, open=self._doors.open)
            transport.close()
            return
        self._deadline = self._loop.call_later(self._doors.bounds.header_seconds, self._too_slow, transport)
        self._inner.connection_made(transport)

    def _too_slow(self, transport: asyncio.BaseTransport) -> None:
        log.info("request_head_too_slow", source=self._source, seconds=self._doors.bounds.header_seconds)
        transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        if self._head_tail is not None:
            if _HEAD_END in self._head_tail + data:
                self._head_tail = None
                if self._deadline is not None:
                    self._deadline.cancel()
            else:
                self._head_tail = (self._head_tail + data)[-3:]
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._admitted else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._admitted:
            self._doors.leave(self._source)
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._admitted:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._admitted:
            self._inner.resume_writing()


class _OneLine(logging.Filter):
    """aiohttp reports a malformed request with a traceback; ours is the client's fault in one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            record.msg = f"{record.getMessage()}: {type(record.exc_info[1]).__name__}"
            record.args = ()
            record.exc_info = None
        return True


def bind(host: str, port: int, *, shared: bool = True) -> socket.socket:
    """A bound TCP socket; ``shared`` lets several workers bind the same port.

    Raises ``PortTaken`` naming the port, ``AddressUnusable`` naming the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} on {host} is taken by another program", port=port, host=host) from None
        raise AddressUnusable(f"{host} port {port} cannot be listened on: {error.strerror}", host=host) from None
    return bound


def check_free(host: str, port: int) -> None:
    """Raise ``PortTaken`` if any program listens there.

    Workers share their port, so without this look a second node of the same user would silently join in.
    """
    probe = bind(host, port, shared=False)
    try:
        probe.listen(1)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise PortTaken(f"port {port} on {host} is taken by another program", port=port, host=host) from None
    finally:
        probe.close()


class HttpServer:
    """An application behind its doors; ``async with`` starts and ends it."""

    def __init__(self, app: web.Application, sockets: Sequence[socket.socket], bounds: Bounds) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=bounds.idle_seconds, max_field_size=16_384, max_line_size=16_384
        )
        self._sockets = sockets
        self._doors = _Doors(bounds)
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> HttpServer:
        logging.getLogger("aiohttp.server").addFilter(_OneLine())
        await self._runner.setup()
        inner = self._runner.server
        if inner is None:
            raise RuntimeError("the runner was set up without a server")
        loop = asyncio.get_running_loop()
        for bound in self._sockets:
            server = await loop.create_server(lambda: Door(self._doors, inner(), loop), sock=bound, backlog=1024)
            self._servers.append(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, let requests under way finish (the runner's shutdown time-out), close the rest."""
        for server in self._servers:
            server.close()
        await self._runner.cleanup()

    @property
    def ports(self) -> list[int]:
        """The ports listened on, useful when port 0 was asked for."""
        return [bound.getsockname()[1] for bound in self._sockets]
