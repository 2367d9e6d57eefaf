"""Servers of other nodes on loopback, honest and not: what each answers is a function of the question.

An honest one speaks the protocol as ours does; a hostile one may answer with any bytes, or too slowly, or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from node.handle_data import Interface, Protocol, Server, Site, encode_site
from node.identifier import fold
from node.outward import Outward
from node.record import Record, Value, encode_values
from resolver.handle import bodies
from resolver.handle.bodies import decode_resolve, encode_error, encode_found, encode_referral
from resolver.handle.codes import ResponseCode
from resolver.handle.envelope import ENVELOPE_BYTES, decode_envelope
from resolver.handle.message import Message, decode_message, encode_message, reply_to
from resolver.recursion.beyond import Beyond
from resolver.recursion.delegation import Target
from resolver.recursion.recursion import Recursion, RecursionLimits

LOOPBACK = Outward((ip_network("127.0.0.0/8"),))
PATIENT = RecursionLimits(seconds=8.0, hop_seconds=4.0)
"""For servers that answer, however busy the machine is."""
HASTY = RecursionLimits(seconds=2.0, hop_seconds=0.3)
"""For servers that do not."""

Answering = Callable[[Message, str], bytes | Awaitable[bytes]]
"""From a question and its handle to the bytes that come back; no bytes: the connection is closed."""


@dataclass
class FarSide:
    """One server. ``answers`` by handle, in upper case, ``*`` for all others; ``asked`` is what it was asked."""

    port: int = 0
    answers: dict[str, Answering] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    questions: list[Message] = field(default_factory=list)
    connections: int = 0
    closes: bool = False  # behind each reply, as Handle.Net does
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def end(self) -> None:
        """Leave whoever still waits."""
        for task in (serving := list(self._serving)):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    @property
    def target(self) -> Target:
        return Target("127.0.0.1", self.port, configured=True)

    def site(self, *, kind: str = "HS_SITE", key: bytes = b"", ttl: int = 86_400, index: int = 1) -> Value:
        """The value that names this server."""
        return site_value([("127.0.0.1", self.port)], kind=kind, key=key, ttl=ttl, index=index)

    def record(self, handle: str, *values: Value) -> None:
        self.answers[fold(handle)] = lambda question, asked: record_reply(question, asked, values)

    def refers(self, handle: str, code: int, named: str, *values: Value) -> None:
        body = encode_referral(bodies.Referral(named, values))
        self.answers[fold(handle)] = lambda question, _: encode_message(reply_to(question, ResponseCode(code), body))

    def says(self, handle: str, code: int, detail: str = "") -> None:
        self.answers[fold(handle)] = lambda question, _: encode_message(
            reply_to(question, ResponseCode(code), encode_error(detail))
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # That it is over is no fault: streams would log a cancelled task as one.
        ended = contextlib.suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError)
        with ended, contextlib.closing(writer):
            while True:
                envelope = decode_envelope(await reader.readexactly(ENVELOPE_BYTES))
                question = decode_message(envelope, await reader.readexactly(envelope.length))
                handle = decode_resolve(question.body).handle
                self.asked.append(handle)
                self.questions.append(question)
                answering = self.answers.get(fold(handle)) or self.answers.get("*") or _not_found
                data = answering(question, handle)
                if not isinstance(data, bytes):
                    data = await data
                writer.write(data)
                await writer.drain()
                if self.closes or not data:
                    return


def record_reply(question: Message, handle: str, values: Sequence[Value]) -> bytes:
    body = encode_found(handle, encode_values(tuple(values)))
    return encode_message(reply_to(question, ResponseCode.SUCCESS, body))


async def silent(question: Message, handle: str) -> bytes:
    await asyncio.sleep(60)
    return b""


def _not_found(question: Message, _: str) -> bytes:
    return encode_message(reply_to(question, ResponseCode.HANDLE_NOT_FOUND, encode_error("")))


def site_value(
    servers: Sequence[tuple[str, int]], *, kind: str = "HS_SITE", key: bytes = b"", ttl: int = 86_400, index: int = 1,
    protocol: Protocol = Protocol.TCP, hash_option: int = 2,
) -> Value:  # fmt: skip
    """A value that names servers by address and port."""
    site = Site(
        protocol=(2, 11), serial=1, primary=True, multi_primary=False, attributes=(), hash_option=hash_option,
        servers=tuple(
            Server(number, ip_address(host), key, (Interface(False, True, protocol, port),))
            for number, (host, port) in enumerate(servers, 1)
        ),
    )  # fmt: skip
    return Value(index, kind, encode_site(site), ttl=ttl)


@contextlib.asynccontextmanager
async def far_sides(count: int = 1) -> AsyncIterator[list[FarSide]]:
    """Some servers on free ports of the loopback."""
    sides: list[FarSide] = []
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            side = FarSide()
            server = await asyncio.start_server(side.serve, "127.0.0.1", 0)
            side.port = server.sockets[0].getsockname()[1]
            stack.push_async_callback(side.end)
            stack.callback(server.close)
            sides.append(side)
        yield sides


@contextlib.asynccontextmanager
async def recursing(
    *roots: FarSide, outward: Outward = LOOPBACK, limits: RecursionLimits = PATIENT, **given: Any
) -> AsyncIterator[Recursion]:
    """A recursion that begins at these servers."""
    async with Recursion([root.target for root in roots], outward, limits, **given) as recursion:
        yield recursion


def on_behalf_of(
    recursion: Recursion, *, clients: Sequence[str] = ("0.0.0.0/0", "::/0"), per_minute: float = 6000
) -> Beyond:
    """Asks others for these clients."""
    return Beyond(recursion, clients=[ip_network(client) for client in clients], per_minute=per_minute)


def text(data: str, index: int = 1, *, ttl: int = 86_400, kind: str = "DESC", permissions: int = 0x0E) -> Value:
    return Value(index, kind, data.encode(), ttl=ttl, permissions=permissions)


def texts(values: Record) -> list[str]:
    return [value.data.decode() for value in values]
