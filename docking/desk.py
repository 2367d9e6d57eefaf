"""The examiner's desk: an HTTP server that answers the interface out of memory, and keeps every request.

Disturbances come before the honest answer: another answer, a lost connection, silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from docking.arrivals import Arrival, Disturbance
from docking.memory import Memory, Refused
from node.errors import NodeError
from node.national.access import APPLICATIONS, KEYS, Application
from node.national.bulk import FILES, STANDBY
from node.national.instructions import INSTRUCTIONS
from node.national.messages import (
    COUNTS,
    HEARTBEATS,
    INTERFACE,
    LONGEST_WAIT,
    MESSAGES,
    PARTS,
    VERDICTS,
    Counts,
    Delivery,
    Heartbeat,
    Offers,
    Refusal,
)
from node.national.signature import ACCESS_KEY, NONCE, verify
from node.pause import pause

_LARGEST_BODY = 48 << 20
_KEPT_BYTES = 64 << 20
_KEPT_ARRIVALS = 20_000
_ENDLESS = 64 << 20
_CHUNK = 64 << 10

_SHAPES: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("POST", APPLICATIONS): Application,
    ("POST", MESSAGES): Delivery,
    ("POST", HEARTBEATS): Heartbeat,
    ("POST", COUNTS): Counts,
}

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """``told`` hears of every arrival when it is answered; ``nonces_again`` and ``secrets_sent`` are the paths of
    requests with a nonce that came before, and with a SecretKey in them."""

    memory: Memory
    clock: Callable[[], datetime]
    told: Callable[[Arrival], None]
    arrivals: deque[Arrival] = field(default_factory=lambda: deque(maxlen=_KEPT_ARRIVALS))
    disturbances: list[Disturbance] = field(default_factory=list)
    nonces_again: list[str] = field(default_factory=list)
    secrets_sent: list[str] = field(default_factory=list)
    number: int = 0
    server: web.Server | None = None
    _nonces: dict[tuple[str, str], int] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Whoever waits looks again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def until(self, look: Callable[[], T | None], seconds: float) -> T:
        """What ``look`` sees as soon as it sees something (is true). Raises ``TimeoutError``."""
        async with asyncio.timeout(seconds):
            while True:
                news = self._news
                if seen := look():
                    return seen
                await pause(news, 0.5)

    def hang_up(self) -> None:
        """End every connection that stands."""
        for connection in self.server.connections if self.server else ():
            connection.force_close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request of the node under test."""
        body = await request.read()
        self.number += 1
        arrival = Arrival(
            self.number, time.monotonic(), request.method, request.path, dict(request.query),
            dict(request.headers), len(body),
        )  # fmt: skip
        self._authenticate(arrival, request, body)
        _read(arrival, body)
        self._watch_for_secrets(request, body)
        self.arrivals.append(arrival)
        self._forget_the_oldest()
        instead = next((each for disturb in self.disturbances if (each := disturb(arrival)) is not None), None)
        status, answer = 0, b""
        if instead is None or instead.applied:
            status, answer = await self._answer(arrival, body)
        if instead is not None:
            status, answer = instead.status, instead.body
        arrival.status = status
        self.told(arrival)
        self.wake()
        if instead is not None and instead.silent_seconds:
            await asyncio.sleep(instead.silent_seconds)
        if not status:
            return _reset(request)
        if instead is not None and instead.endless:
            return await _endless(arrival, request)
        headers = {"Content-Type": "application/json", **(instead.headers if instead else {})}
        return web.Response(status=status, body=answer, headers=headers)

    def _authenticate(self, arrival: Arrival, request: web.Request, body: bytes) -> None:
        if (arrival.method, arrival.path) in (("GET", INTERFACE), ("POST", APPLICATIONS)):
            return
        arrival.access_key = arrival.headers.get(ACCESS_KEY, "")
        try:
            signed = verify(
                request.headers, request.method, request.raw_path, body,
                secret_of=self.memory.secret_of, at=self.clock(),
            )  # fmt: skip
        except NodeError as error:
            arrival.fault = error.code
            return
        spent = (signed.access_key, request.headers[NONCE])
        if self._nonces.setdefault(spent, arrival.number) != arrival.number:
            arrival.fault = "nonce_reused"
            self.nonces_again.append(arrival.path)
        if signed.access_key not in self.memory.keys and not arrival.path.startswith(APPLICATIONS + "/"):
            arrival.fault = "signature_wrong"

    def _watch_for_secrets(self, request: web.Request, body: bytes) -> None:
        everything = b"\n".join((request.raw_path.encode(), body, *(value for _, value in request.raw_headers)))
        if any(secret.encode() in everything for secret in self.memory.keys.values()):
            self.secrets_sent.append(request.path)

    def _forget_the_oldest(self) -> None:
        """A node with a long backlog is watched for what it does now."""
        kept = 0
        for arrival in reversed(self.arrivals):
            if arrival.content is not None and (kept := kept + arrival.size) > _KEPT_BYTES:
                arrival.content = None

    async def _answer(self, arrival: Arrival, body: bytes) -> tuple[int, bytes]:
        if arrival.fault:
            retry = arrival.fault == "nonce_reused"
            refusal = Refusal(code=arrival.fault, reason="签名无效 / not rightly signed", retry=retry)
            return 401, msgspec.json.encode(refusal)
        if arrival.malformed:
            refusal = Refusal(code="request_malformed", reason=f"正文有误 / {arrival.malformed}", retry=False)
            return 400, msgspec.json.encode(refusal)
        try:
            return 200, msgspec.json.encode(await self._apply(arrival, body))
        except Refused as refused:
            return refused.status, msgspec.json.encode(refused.refusal)

    async def _apply(self, arrival: Arrival, body: bytes) -> Any:
        memory = self.memory
        match arrival.method, "/".join(arrival.path.split("/")[:3]):
            case "GET", path if path == INTERFACE:
                return Offers(version=1, name="对接测试", prefix="", laboratory=True, parts=list(PARTS))
            case "POST", path if path == MESSAGES:
                return memory.deliver(arrival.content)
            case "POST", path if path == HEARTBEATS:
                memory.heartbeats.append(arrival.content)
                return {}
            case "POST", path if path == COUNTS:
                memory.counts.append(arrival.content)
                return {}
            case "GET", path if path == VERDICTS:
                after = _after(arrival)
                await self._held(arrival, lambda: bool(memory.verdicts_after(after).verdicts))
                return memory.verdicts_after(after)
            case "GET", path if path == INSTRUCTIONS:
                after = _after(arrival)
                await self._held(arrival, lambda: bool(memory.instructions_after(after).instructions))
                return memory.instructions_after(after)
            case _, path if path in (APPLICATIONS, KEYS):
                return self._grant(arrival)
            case _, path if path in (FILES, STANDBY):
                return await self._store(arrival, body)
        raise _path_unknown(arrival)

    def _grant(self, arrival: Arrival) -> Any:
        """The part of access: applications and keys."""
        match arrival.method, arrival.path:
            case "POST", path if path == APPLICATIONS:
                return self.memory.apply(arrival.content)
            case "GET", path if path.startswith(APPLICATIONS + "/"):
                return self.memory.status_of(_own_number(arrival))
            case "POST", path if path == KEYS:
                return self.memory.succeed(arrival.access_key)
        raise _path_unknown(arrival)

    async def _store(self, arrival: Arrival, body: bytes) -> Any:
        """The part of what is large: files and standby records."""
        match arrival.method, arrival.path:
            case "PUT", path if path.startswith(FILES + "/"):
                target = path.removeprefix(FILES + "/")
                return await asyncio.to_thread(self.memory.take_file, target, arrival.query.get("manifest", ""), body)
            case "GET", path if path == STANDBY:
                return self.memory.standby.state
            case "PUT", path if path == STANDBY:
                return self.memory.take_page(body)
        raise _path_unknown(arrival)

    async def _held(self, arrival: Arrival, there: Callable[[], bool]) -> None:
        wait = arrival.query.get("wait", "0")
        if not wait.isdigit() or int(wait) > LONGEST_WAIT:
            arrival.malformed = f"wait={wait}"
            raise Refused(400, "request_malformed", f"wait 为 0 至 {LONGEST_WAIT} / wait is 0 to {LONGEST_WAIT}")
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: there() or None, float(wait))


@contextlib.asynccontextmanager
async def open_desk(desk: Desk, host: str, port: int, tls: ssl.SSLContext | None) -> AsyncIterator[tuple[str, int]]:
    """Serve at this address while the block lasts, and say at which; port 0 takes a free one."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    app.router.add_route("*", "/{rest:.*}", desk.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    desk.server = runner.server
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        name = runner.addresses[0]
        yield str(name[0]), int(name[1])
    finally:
        await runner.cleanup()


def _path_unknown(arrival: Arrival) -> Refused:
    arrival.malformed = "the path is not of the interface"
    return Refused(404, "path_unknown", "接口不存在 / not part of the interface")


def _read(arrival: Arrival, body: bytes) -> None:
    """The content of a request that has one, whatever will be answered."""
    shape = _SHAPES.get((arrival.method, arrival.path))
    if shape is None:
        return
    try:
        arrival.content = msgspec.json.decode(body, type=shape)
    except msgspec.MsgspecError as error:
        arrival.malformed = f"{shape.__name__}: {error}"


def _own_number(arrival: Arrival) -> UUID:
    number = arrival.path.removeprefix(APPLICATIONS + "/")
    if arrival.access_key != number:
        raise Refused(401, "signature_wrong", "不是该申请的申请者 / not who applied")
    return UUID(number)


def _after(arrival: Arrival) -> int:
    after = arrival.query.get("after", "")
    if not after.isascii() or not after.isdigit():
        arrival.malformed = f"after={after}"
        raise Refused(400, "request_malformed", "after 为序号 / after is a sequence number")
    return int(after)


def _reset(request: web.Request) -> web.Response:
    """End the connection as a crashed machine would."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _endless(arrival: Arrival, request: web.Request) -> web.StreamResponse:
    """An answer that nobody should read to its end; when the node leaves, the server cancels this."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"results": [')
    with contextlib.suppress(ConnectionError):
        for _ in range(_ENDLESS // _CHUNK):
            await response.write(b" " * _CHUNK)
        arrival.read_to_the_end = True
    return response
