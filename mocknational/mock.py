"""模拟国家顶级节点 · the mock national top-level node, a process of its own with a database of its own.

It is an upper side like any other (``node/upper``) with a judge of prefixes, a Handle service that delegates and
recurses (port 3641), takeovers, canaries, and bad days on demand. It keeps the bytes of every request with its time,
answer and signature verdict. From loopback only: a page for people and an API for what no real national node offers.

One transaction applies a request and keeps it: whatever the process dies of, what was answered was kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import random as chance
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog
from aiohttp import web

from mocknational import store
from mocknational.canaries import Canaries, CanaryPlan
from mocknational.effects import MockEffects
from mocknational.faults import NO_FAULTS, Faults, moods
from mocknational.handle_server import HandleServer
from mocknational.loopback import Loopback
from mocknational.recursion import NationalRoot
from mocknational.store import SEAL, SQL, IssuedKey
from mocknational.verification import verify_for_ever
from node.database import AWAY, Connection, Pool
from node.http_server import Bounds, HttpServer, bind
from node.national.bulk import FILES, STANDBY
from node.national.messages import PARTS, Refusal, encode
from node.outward import Outward
from node.own_certificate import Pair
from node.pause import pause
from node.tls import ServerCertificate
from node.upper.bulk import mount_bulk
from node.upper.desk import UpperDesk
from node.upper.exchange import Answered, Face
from resolver.handle import ports as handle_ports
from resolver.recursion.recursion import Recursion, RecursionLimits

log = structlog.get_logger("mock_national")

_BOUNDS = Bounds(header_seconds=30, idle_seconds=75, connections=512, connections_per_source=256)
_KEY_HOURS = 24.0
_EVERYWHERE = Outward((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))
"""A mock stands in a test network: its nodes are wherever they say."""
_LIMITS = RecursionLimits(ttl_seconds=10, missing_seconds=2)
"""Who tries things out wants to see what became of them."""
_NAME = "模拟国家顶级节点 · mock national top-level node"
_PREFIX = "88"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def run_mock(
    database_url: str,
    host: str,
    port: int,
    *,
    handle_port: int | None = None,
    pair: Pair | None = None,
    keys: Sequence[IssuedKey] = (),
    faults: Faults = NO_FAULTS,
    approve: bool = False,
    canaries: CanaryPlan | None = None,
    clock: Callable[[], datetime] = _utc_now,
    random: chance.Random | None = None,
) -> AsyncIterator[Mock]:
    """The mock national node while the block lasts; a port 0 takes a free one.

    Without ``handle_port`` there is no Handle service; with ``pair`` the interface is spoken by HTTPS. ``approve``:
    whoever applies for access gets it at once.

    Raises ``MockDatabaseMissing``, ``DatabaseAway``, ``PortTaken``, ``CertificateUnusable``.
    """
    dice = random or chance.Random()  # noqa: S311 - bad luck, no secret
    async with contextlib.AsyncExitStack() as stack:
        bound = stack.enter_context(contextlib.closing(bind(host, port, shared=False)))
        pool = await store.open_store(database_url, keys, clock())
        stack.callback(pool.terminate)
        url = _url("http" if pair is None else "https", *bound.getsockname()[:2])
        mock = Mock(pool, url, faults, approve=approve, canaries=canaries or CanaryPlan(), clock=clock, random=dice)
        if handle_port is not None:
            await mock.open_root(host, handle_port, stack)
        chores = [asyncio.create_task(chore) for chore in mock.chores()]
        stack.push_async_callback(_ended, chores)
        certificate = ServerCertificate(pair) if pair is not None else None
        plain, secure = ([], [bound]) if certificate else ([bound], [])
        await stack.enter_async_context(
            HttpServer(mock.application(), plain, _BOUNDS, secure=secure, certificate=certificate)
        )
        log.info("mock_national_ready", url=mock.url)
        yield mock


class Mock:
    """One running mock; ``faults`` may be replaced at any time."""

    def __init__(
        self,
        pool: Pool,
        url: str,
        faults: Faults,
        *,
        approve: bool,
        canaries: CanaryPlan,
        clock: Callable[[], datetime],
        random: chance.Random,
    ) -> None:
        self.pool = pool
        self.faults = faults
        self.url = url
        self.handle_address: tuple[str, int] | None = None
        self.canaries = Canaries(pool, canaries, clock, random)
        self.now = clock
        self._random = random
        self._root: NationalRoot | None = None
        self._ending = asyncio.Event()
        face = Face(name=_NAME, prefix=_PREFIX, laboratory=True, parts=PARTS)
        self._desk = UpperDesk(pool, SEAL, clock, face, MockEffects(approve=approve), key_hours=_KEY_HOURS)
        mount_bulk(self._desk)

    async def open_root(self, host: str, port: int, stack: contextlib.AsyncExitStack) -> None:
        """The Handle service, until the stack ends. Raises ``PortTaken``."""
        ports = handle_ports.bind(host, port, udp=True)
        recursion = await stack.enter_async_context(Recursion((), _EVERYWHERE, _LIMITS))
        self.handle_address = (host, ports.number)
        self._root = NationalRoot(self.pool, recursion, *self.handle_address)
        stack.push_async_callback(self._root.note_answers)
        await stack.enter_async_context(HandleServer(ports, self._root.answer, lambda: self.faults.stopped))

    def application(self) -> web.Application:
        """The routes: the interface under ``/v1``, the page and the hands beside it."""
        app = web.Application()
        app.on_shutdown.append(self._end)
        app.router.add_route("*", "/v1/{rest:.*}", self._interface)
        Loopback(self).add_routes(app.router)
        return app

    def chores(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What goes on beside the requests, for ever."""
        return verify_for_ever(self.pool, self.now), self.canaries.run_for_ever(), self._keep_house()

    async def _end(self, _: web.Application) -> None:
        self._ending.set()  # whoever is kept waiting for practice is answered now
        self._desk.close()

    async def _keep_house(self) -> None:
        """Forget nonces that nobody can use any more, note what was answered in the place of others."""
        while True:
            try:
                await self._desk.forget_nonces()
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("nonces_wait_for_the_database", cause=type(error).__name__)
            for _ in range(60):
                await asyncio.sleep(1)
                if self._root is not None:
                    await self._root.note_answers()

    async def _interface(self, request: web.Request) -> web.StreamResponse:
        faults = self.faults
        drop = self._random.random() < faults.drop_share
        if faults.stopped or (drop and self._random.random() < 0.5):
            return _reset(request)
        body = await self._desk.read(request)
        await pause(self._ending, faults.delay_ms / 1000)
        keep = functools.partial(self._keep, request, body if isinstance(body, bytes) else b"")
        try:
            answered = await self._desk.answer(request, body, moods(faults, self._random), keep)
            status, content = answered.status, answered.body
        except (*AWAY, asyncpg.PostgresError) as error:
            log.exception("request_failed", target=request.raw_path)
            status = 503
            content = encode(Refusal(code="internal", reason=f"内部错误 / {type(error).__name__}", retry=True))
        if drop or self.faults.stopped:
            return _reset(request)
        return web.Response(body=content, status=status, content_type="application/json")

    async def _keep(self, request: web.Request, body: bytes, connection: Connection, answered: Answered) -> None:
        """What files and standby records hold lies in tables of their own, and not twice."""
        elsewhere = answered.status == 200 and request.path.startswith((FILES, STANDBY))
        await connection.execute(
            SQL["keep_request"], self.now(), request.remote or "", _head(request), b"" if elsewhere else body,
            answered.signature, answered.status, answered.body,
        )  # fmt: skip


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _ended(chores: list[asyncio.Task[None]]) -> None:
    for chore in chores:
        chore.cancel()
    await asyncio.gather(*chores, return_exceptions=True)


def _head(request: web.Request) -> bytes:
    """The request line and the headers as they came."""
    line = f"{request.method} {request.raw_path} HTTP/{request.version.major}.{request.version.minor}\r\n"
    fields = b"".join(name + b": " + value + b"\r\n" for name, value in request.raw_headers)
    return line.encode("utf-8", "surrogateescape") + fields + b"\r\n"


def _reset(request: web.Request) -> web.Response:
    """End the connection as a crashed machine would, without an answer."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()
