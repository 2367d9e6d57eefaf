"""The listening side of HTTP: bounds and deadlines that hold before a request exists.

A ``Door`` stands between each socket and aiohttp: it turns away connections above the bounds and ends those
whose first request head does not arrive in time. Who does not read our answers loses the connection too; the
kernel watches that. Malformed requests cost one log line without a traceback. For HTTPS the same door stands before
the handshake, so the bounds and the time for the first head hold for it too.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from node.client_address import Network, parse_address, within
from node.errors import Unavailable
from node.tls import ServerCertificate

log = structlog.get_logger("http")

_HEAD_END = b"\r\n\r\n"
_LONGEST_LINE = 65_536  # a bulk registration's mapping travels in its address
_LINGERING = 2.0  # seconds in which the rest of a body that nobody wants may still come
_LONGEST_FIELD = 16_384
_BACKLOG = 1024
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_ROOM_SECONDS = 1.0


class PortTaken(Unavailable):
    title_zh = "端口已被占用"


class AddressUnusable(Unavailable):
    title_zh = "地址不可用"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and counts per worker; ``allow_list`` is exempt from the per-source count.

    ``idle_seconds`` is also how long an answer may lie unread, ``stop_seconds`` how long requests under way may
    take when the server stops.
    """

    header_seconds: float
    idle_seconds: float
    connections: int
    connections_per_source: int
    allow_list: Sequence[Network] = ()
    stop_seconds: float = 10.0


class Doors:
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
            log.warning("connection_turned_away", source=source, open=self.open)
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

    def __init__(self, doors: Doors, inner: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
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
        if self._leave():
            self._inner.connection_lost(exc)

    def _leave(self) -> bool:
        """Whether somebody had been admitted."""
        if self._deadline is not None:
            self._deadline.cancel()
        if not self._admitted:
            return False
        self._admitted = False
        self._doors.leave(self._source)
        return True

    def pause_writing(self) -> None:
        if self._admitted:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._admitted:
            self._inner.resume_writing()


class SecureDoor(Door):
    """One that was passed before the handshake; aiohttp hears of the connection after it."""

    def __init__(self, doors: Doors, inner: asyncio.Protocol, loop: asyncio.AbstractEventLoop, source: str) -> None:
        super().__init__(doors, inner, loop)
        self._source = source
        self._admitted = True
        self._closes_at = loop.time() + doors.bounds.header_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._deadline = self._loop.call_at(self._closes_at, self._too_slow, transport)
        self._inner.connection_made(transport)

    def handshake_failed(self, cause: str) -> None:
        log.info("handshake_failed", source=self._source, cause=cause)
        self._leave()


class _SecureListener:
    """Accepts on one socket and shakes hands; the event loop's own server would count and time only afterwards."""

    def __init__(
        self,
        bound: socket.socket,
        certificate: ServerCertificate,
        doors: Doors,
        inner: Callable[[], asyncio.Protocol],
    ) -> None:
        self._bound = bound
        self._certificate = certificate
        self._doors = doors
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        bound.setblocking(False)
        bound.listen(_BACKLOG)
        self._accepting = self._loop.create_task(self._accept(), name="HTTPS listener")

    def close(self) -> None:
        self._accepting.cancel()
        for handshake in self._handshakes:
            handshake.cancel()
        self._bound.close()

    async def _accept(self) -> None:
        while True:
            try:
                accepted, peer = await self._loop.sock_accept(self._bound)
            except OSError as error:
                if error.errno in _NO_ROOM:
                    log.warning("no_room_to_accept", cause=error.strerror)
                    await asyncio.sleep(_ROOM_SECONDS)
                continue  # it was gone before it was there
            source = str(peer[0])
            if not self._doors.admit(source):
                accepted.close()
                continue
            door = SecureDoor(self._doors, self._inner(), self._loop, source)
            handshake = self._loop.create_task(self._shake_hands(accepted, door), name="TLS handshake")
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, accepted: socket.socket, door: SecureDoor) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: door,
                accepted,
                ssl=self._certificate.context(),
                ssl_handshake_timeout=self._doors.bounds.header_seconds,
                ssl_shutdown_timeout=_LINGERING,
            )
        except OSError as error:
            door.handshake_failed(getattr(error, "reason", None) or str(error) or type(error).__name__)
        except asyncio.CancelledError:
            door.handshake_failed("the node stops")
            raise


class _OneLine(logging.Filter):
    """aiohttp tells a client's fault with a traceback, or not at all at this level; we tell it in one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, HttpProcessingError):
            source = record.args[0] if isinstance(record.args, tuple) and record.args else ""
            log.info("request_malformed", source=source, cause=type(fault).__name__)
            return False
        if isinstance(fault, (web.RequestPayloadError, ConnectionError)):
            return False  # the request has its own line
        return record.levelno > logging.DEBUG


_ONE_LINE = _OneLine()


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
    except (OSError, UnicodeError) as error:
        bound.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} on {host} is taken by another program", port=port, host=host) from None
        raise AddressUnusable(f"{host} port {port} cannot be listened on: {error}", host=host) from None
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


class Front(Protocol):
    """Meets connections behind the door and answers what it can; the others it takes ``onward`` to aiohttp."""

    def start(self) -> None: ...

    def meet(self, onward: Callable[[], asyncio.Protocol]) -> asyncio.Protocol: ...

    async def stop(self, seconds: float) -> None:
        """Take nothing more; requests under way may take so many seconds."""


class HttpServer:
    """An application behind its doors; ``async with`` starts and ends it."""

    def __init__(
        self,
        app: web.Application,
        sockets: Sequence[socket.socket],
        bounds: Bounds,
        *,
        secure: Sequence[socket.socket] = (),
        certificate: ServerCertificate | None = None,
        front: Front | None = None,
    ) -> None:
        """``secure`` sockets speak HTTPS with the ``certificate``; they share the bounds of the others. The ``front``
        stands before the application on all of them.
        """
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=bounds.idle_seconds,
            lingering_time=_LINGERING,
            auto_decompress=False,  # who reads packed bodies unpacks them, with bounds
            max_field_size=_LONGEST_FIELD,
            max_line_size=_LONGEST_LINE,
            shutdown_timeout=bounds.stop_seconds,
        )
        self._sockets = sockets
        self._secure = secure
        self._certificate = certificate
        self._front = front
        self._doors = Doors(bounds)
        self._servers: list[asyncio.Server | _SecureListener] = []
        self._ports = [bound.getsockname()[1] for bound in (*sockets, *secure)]

    async def __aenter__(self) -> HttpServer:
        logger = logging.getLogger("aiohttp.server")
        logger.addFilter(_ONE_LINE)
        logger.setLevel(logging.DEBUG)  # of which the filter keeps nothing but malformed requests
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was set up without a server")
        inner: Callable[[], asyncio.Protocol] = server
        if self._front is not None:
            self._front.start()
            inner = functools.partial(self._front.meet, server)
        loop = asyncio.get_running_loop()

        # Inherited by its connections: closing does not wait for ever for somebody who does not read.
        unread = int(self._doors.bounds.idle_seconds * 1000)
        for bound in (*self._sockets, *self._secure):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread)
        for bound in self._sockets:
            accepting = await loop.create_server(
                lambda: Door(self._doors, inner(), loop), sock=bound, backlog=_BACKLOG
            )
            self._servers.append(accepting)
        if self._certificate is not None:
            for bound in self._secure:
                self._servers.append(_SecureListener(bound, self._certificate, self._doors, inner))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, let requests under way finish within ``stop_seconds``, close the rest."""
        for server in self._servers:
            server.close()
        if self._front is not None:
            await self._front.stop(self._doors.bounds.stop_seconds)
        await self._runner.cleanup()

    @property
    def ports(self) -> list[int]:
        """The ports listened on, useful when port 0 was asked for; those of HTTPS last."""
        return self._ports
