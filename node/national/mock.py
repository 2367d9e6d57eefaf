"""模拟国家顶级节点 · the mock national top-level node, a process of its own with a database of its own.

It answers the interface of ``docs/national-interface.md``, keeps the bytes of every request with its time, answer
and signature verdict, judges prefixes, and has bad days on demand (``mock_faults.py``). From loopback only: a page
for people (``/``), the same for programs (``/overview``), and the fault switches (``GET`` and ``PUT /faults``),
which no real national node has.

One transaction applies a request and keeps it: whatever the process dies of, what was answered was kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random as chance
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg
import msgspec
import structlog
from aiohttp import web

from node.database import AWAY, Connection, Pool
from node.errors import Malformed, NodeError, NotFound, Unauthenticated
from node.http_server import Bounds, HttpServer, bind
from node.national import mock_page, mock_store
from node.national.leadership import pause
from node.national.messages import (
    COUNTS,
    HEARTBEATS,
    MESSAGES,
    VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Refusal,
    Results,
    encode,
)
from node.national.mock_faults import NO_FAULTS, Faults
from node.national.mock_store import SQL, IssuedKey
from node.national.mock_verification import verify_for_ever
from node.national.signature import NONCE_LIFE, NonceReused, verify
from node.problem import status_of

log = structlog.get_logger("mock_national")

_LARGEST_BODY = 4 << 20
_BODY_SECONDS = 30
_BOUNDS = Bounds(header_seconds=30, idle_seconds=75, connections=512, connections_per_source=256)

T = TypeVar("T")


class RequestMalformed(Malformed):
    title_zh = "请求不符合接口"


class PathUnknown(NotFound):
    title_zh = "接口不存在"


class NonceRejected(Unauthenticated):
    title_zh = "随机数被拒绝，请重新签名"


# Refusals after which the same content may come again, signed anew.
_WORTH_RETRYING = (NonceRejected, NonceReused)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def run_mock(
    database_url: str,
    host: str,
    port: int,
    *,
    keys: Sequence[IssuedKey],
    faults: Faults = NO_FAULTS,
    clock: Callable[[], datetime] = _utc_now,
    random: chance.Random | None = None,
) -> AsyncIterator[Mock]:
    """The mock national node while the block lasts; port 0 takes a free one.

    Raises ``MockDatabaseMissing``, ``DatabaseAway``, ``PortTaken``.
    """
    bound = bind(host, port, shared=False)
    with contextlib.closing(bound):
        pool = await mock_store.open_store(database_url, keys, clock())
        mock = Mock(pool, bound.getsockname(), faults, clock, random or chance.Random())  # noqa: S311 - bad luck, no secret
        chores = [asyncio.create_task(verify_for_ever(pool, clock)), asyncio.create_task(mock.forget_nonces())]
        try:
            async with HttpServer(mock.application(), [bound], _BOUNDS):
                log.info("mock_national_ready", url=mock.url)
                yield mock
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            pool.terminate()


class Mock:
    """One running mock; ``faults`` may be replaced at any time."""

    def __init__(
        self,
        pool: Pool,
        address: tuple[Any, ...],
        faults: Faults,
        clock: Callable[[], datetime],
        random: chance.Random,
    ) -> None:
        self.pool = pool
        self.faults = faults
        host, port = str(address[0]), int(address[1])
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._clock = clock
        self._random = random
        self._ending = asyncio.Event()

    def application(self) -> web.Application:
        """The routes: the interface under ``/v1``, the page and the switches beside it."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.on_shutdown.append(self._end)
        app.router.add_route("*", "/v1/{rest:.*}", self._interface)
        app.router.add_get("/", self._page)
        app.router.add_get("/overview", self._overview)
        app.router.add_get("/overview.css", self._style)
        app.router.add_get("/faults", self._show_faults)
        app.router.add_put("/faults", self._set_faults)
        return app

    async def _end(self, _: web.Application) -> None:
        self._ending.set()  # whoever is kept waiting for practice is answered now

    async def forget_nonces(self) -> None:
        """Once a minute, those that no believable request can carry any more."""
        while True:
            try:
                await self.pool.execute(SQL["forget_nonces"], self._clock() - NONCE_LIFE)
            except AWAY as error:
                log.warning("nonces_wait_for_the_database", cause=type(error).__name__)
            await asyncio.sleep(60)

    # The interface ----------------------------------------------------------------------------------

    async def _interface(self, request: web.Request) -> web.StreamResponse:
        faults = self.faults
        drop = self._happens(faults.drop_share)
        if faults.stopped or (drop and self._happens(0.5)):
            return _reset(request)
        body = await _read(request)
        await pause(self._ending, faults.delay_ms / 1000)
        try:
            status, answer = await self._apply_and_keep(request, body, faults)
        except (*AWAY, asyncpg.PostgresError) as error:
            log.exception("request_failed", target=request.raw_path)
            refusal = Refusal(code="internal", reason=f"内部错误 / {type(error).__name__}", retry=True)
            status, answer = 503, encode(refusal)
        if drop:
            return _reset(request)
        return web.Response(body=answer, status=status, content_type="application/json")

    async def _apply_and_keep(self, request: web.Request, body: bytes | None, faults: Faults) -> tuple[int, bytes]:
        at = self._clock()
        signature = "unread"
        async with self.pool.acquire(timeout=10) as connection, connection.transaction():
            try:
                if body is None:
                    raise RequestMalformed(f"the body is longer than {_LARGEST_BODY} bytes or did not arrive in time")
                signature, access_key = await self._authenticate(connection, request, body, at)
                if self._happens(faults.reject_share):
                    raise NonceRejected("the nonce is rejected for practice: sign again with another one")
                # What is refused leaves no trace but the request itself.
                async with connection.transaction():
                    answer = await self._answer(connection, access_key, request, body, faults, at)
                status = 200
            except asyncpg.DataError as error:
                refusal = RequestMalformed(f"a value does not fit its column: {error}")
                status, answer = status_of(refusal), _refusal(refusal)
            except NodeError as error:
                signature = error.code if isinstance(error, Unauthenticated) else signature
                status, answer = status_of(error), _refusal(error)
            await connection.execute(
                SQL["keep_request"], at, request.remote or "", _head(request), body or b"", signature, status, answer
            )
        return status, answer

    async def _authenticate(
        self, connection: Connection, request: web.Request, body: bytes, at: datetime
    ) -> tuple[str, str]:
        secrets = {row["access_key"]: row["secret_key"] for row in await connection.fetch(SQL["issued_keys"])}
        signed = verify(request.headers, request.method, request.raw_path, body, secret_of=secrets.get, at=at)
        if await connection.fetchval(SQL["spend_nonce"], signed.access_key, signed.nonce, at) is None:
            raise NonceReused("this nonce has been used before")
        return "valid", signed.access_key

    async def _answer(
        self,
        connection: Connection,
        access_key: str,
        request: web.Request,
        body: bytes,
        faults: Faults,
        at: datetime,
    ) -> bytes:
        match request.method, request.path:
            case "POST", path if path == MESSAGES:
                delivery = _decode(body, Delivery)
                busy_at = self._random.randrange(len(delivery.messages)) if self._happens(faults.busy_share) else None
                results = await mock_store.apply_delivery(connection, access_key, delivery, busy_at=busy_at, at=at)
                return encode(Results(results=results * (2 if self._happens(faults.repeat_share) else 1)))
            case "POST", path if path == HEARTBEATS:
                await mock_store.note_heartbeat(connection, access_key, _decode(body, Heartbeat), at)
                return b"{}"
            case "POST", path if path == COUNTS:
                await mock_store.state_counts(connection, access_key, _decode(body, Counts), at)
                return b"{}"
            case "GET", path if path == VERDICTS:
                return encode(await mock_store.verdicts_after(connection, access_key, _after(request)))
        raise PathUnknown(f"{request.method} {request.path} is not part of the interface")

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    # The page and the switches ----------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        _require_loopback(request)
        content = mock_page.render(await mock_page.overview(self.pool, self.faults, self._clock()))
        return web.Response(text=content, content_type="text/html", headers=mock_page.HEADERS)

    async def _overview(self, request: web.Request) -> web.Response:
        _require_loopback(request)
        content = await mock_page.overview(self.pool, self.faults, self._clock())
        return web.Response(body=encode(content), content_type="application/json")

    async def _style(self, _: web.Request) -> web.Response:
        return web.Response(text=mock_page.STYLE, content_type="text/css")

    async def _show_faults(self, request: web.Request) -> web.Response:
        _require_loopback(request)
        return web.Response(body=encode(self.faults), content_type="application/json")

    async def _set_faults(self, request: web.Request) -> web.Response:
        _require_loopback(request)
        try:
            self.faults = msgspec.json.decode(await request.read(), type=Faults)
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        log.warning("mock_faults_changed", **msgspec.structs.asdict(self.faults))
        return await self._show_faults(request)


def _refusal(error: NodeError) -> bytes:
    retry = isinstance(error, _WORTH_RETRYING)
    return encode(Refusal(code=error.code, reason=f"{error.title_zh} / {error.detail}", retry=retry))


def _decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.MsgspecError as error:
        raise RequestMalformed(f"the body is not what this path takes: {error}") from None


def _after(request: web.Request) -> int:
    text = request.query.get("after", "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise RequestMalformed("after is a sequence number, 0 to begin with")
    return int(text)


async def _read(request: web.Request) -> bytes | None:
    """The body, or ``None`` if it is too long or too slow."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.read()
    except (web.HTTPRequestEntityTooLarge, TimeoutError):
        return None


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


def _require_loopback(request: web.Request) -> None:
    if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - nobody known is not loopback
        raise web.HTTPForbidden(text="仅限本机访问 / from this machine only")
