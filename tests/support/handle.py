"""The native protocol from outside: a service on free ports, and a peer that sends bytes and reads messages.

The peer knows envelopes and headers and nothing else, so that it can say what no client would.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node.client_address import Network
from node.config import Settings
from node.database import Pool
from node.fronts import guard_limits
from node.http_server import Bounds
from node.own_face import site_of
from node.record import Record
from registry.handle.administration import HandleAdministration
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.counting.never import NeverCounts
from resolver.handle.bodies import ResolveRequest, decode_found, encode_resolve
from resolver.handle.codes import OpCode
from resolver.handle.conversation import Place
from resolver.handle.envelope import ENVELOPE_BYTES, HIGHEST, Envelope, read_envelope
from resolver.handle.message import UNKNOWN_SERIAL, Header, Message, decode_message, encode_message
from resolver.handle.ports import bind
from resolver.handle.service import HandleService, Listening
from resolver.recursion.beyond import Beyond
from tests.support.node import own_key
from tests.support.shelf import resolver_of

USUAL_FLAGS = 0x19000000
EXPIRES = 2_000_000_000
SECONDS = 10.0


def request(
    op_code: int, body: bytes = b"", *, request_id: int = 1, session_id: int = 0, flags: int = USUAL_FLAGS,
    version: tuple[int, int] = HIGHEST, expiration: int = EXPIRES,
) -> bytes:  # fmt: skip
    """One request as it goes over the wire."""
    envelope = Envelope(*version, 0, *HIGHEST, session_id, request_id, 0, 0)
    return encode_message(Message(envelope, Header(op_code, 0, flags, UNKNOWN_SERIAL, 0, expiration), body))


def resolution(handle: str, request_id: int = 1, *, types: Sequence[str] = (), **given: Any) -> bytes:
    """A request to resolve."""
    body = encode_resolve(ResolveRequest(handle, (), tuple(types)))
    return request(OpCode.RESOLVE, body, request_id=request_id, **given)


def told(data: bytes) -> Message:
    """The message in these bytes, which hold nothing else."""
    envelope = read_envelope(data)
    assert envelope.length == len(data) - ENVELOPE_BYTES
    return decode_message(envelope, data[ENVELOPE_BYTES:])


def record_of(message: Message) -> Record:
    """The values of an answered resolution."""
    assert message.header.response_code == 1, message
    return decode_found(message.body).values


class Peer:
    """One TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(SECONDS):
            await self.writer.drain()

    async def data(self) -> bytes:
        """The bytes of the next message."""
        async with asyncio.timeout(SECONDS):
            head = await self.reader.readexactly(ENVELOPE_BYTES)
            return head + await self.reader.readexactly(read_envelope(head).length)

    async def message(self) -> Message:
        return told(await self.data())

    async def ask(self, data: bytes) -> Message:
        await self.send(data)
        return await self.message()

    async def rest(self, seconds: float = SECONDS) -> bytes:
        """Everything until the node closes; a reset is an end too."""
        received = b""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                while block := await self.reader.read(65536):
                    received += block
        return received


@contextlib.asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1", source: str | None = None) -> AsyncIterator[Peer]:
    """A TCP connection, from the loopback address ``source``."""
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0) if source else None)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


class UdpPeer:
    """One UDP socket that talks to the node only."""

    def __init__(self, port: int, host: str, source: str | None) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setblocking(False)

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.socket.send(datagram)

    async def datagram(self, seconds: float = SECONDS) -> bytes:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().sock_recv(self.socket, 65536)

    async def message(self) -> Message:
        return told(await self.datagram())

    async def ask(self, data: bytes) -> Message:
        self.send(data)
        return await self.message()

    async def all_that_comes(self, quiet: float = 0.3) -> list[bytes]:
        """Every datagram until none has come for a while."""
        received = []
        with contextlib.suppress(TimeoutError):
            while True:
                received.append(await self.datagram(quiet))
        return received


@contextlib.contextmanager
def datagrams_to(port: int, host: str = "127.0.0.1", source: str | None = None) -> Any:
    """A UDP socket, from the loopback address ``source``."""
    peer = UdpPeer(port, host, source)
    try:
        yield peer
    finally:
        peer.socket.close()


@dataclass(frozen=True, slots=True)
class Served:
    """A running service of the Handle protocol and what stands behind it."""

    port: int
    service: HandleService
    resolver: Resolver
    counter: ResolutionCounter


@contextlib.asynccontextmanager
async def served(
    url: str, pool: Pool, *, host: str = "127.0.0.1", allow_list: Sequence[Network] = (), stop_seconds: float = 2.0,
    beyond: Beyond | None = None, **handle: Any,
) -> AsyncIterator[Served]:  # fmt: skip
    """The fronts with the settings of the group ``handle``, on free ports; nobody is exempt unless it is said."""
    settings = Settings(handle=handle)  # type: ignore[arg-type]  # checked by pydantic
    ports = bind(host, 0, udp=settings.handle.udp)
    settings = settings.model_copy(update={"handle": settings.handle.model_copy(update={"port": ports.number})})
    given = settings.handle
    site = site_of(settings, own_key())

    def now() -> datetime:
        return datetime.now(UTC)

    counter = ResolutionCounter(pool, None, never=NeverCounts(()), seconds=3600)
    bounds = Bounds(
        given.first_seconds,
        given.idle_seconds,
        given.connections,
        given.connections_per_source,
        allow_list,
        stop_seconds,
    )
    listening = Listening(
        ports, bounds, given.pipelined, given.udp_ratio, given.udp_answers, given.udp_slip, given.udp_reassemblies,
        given.udp_reassembly_seconds,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="biaoshi-handle-") as folder:
        async with counter, resolver_of(url) as resolver:
            service = HandleService(
                resolver, counter, HandleAdministration(pool, now, site.prefix), site, own_key(), now,
                guard_limits(settings), listening=listening, place=Place(), directory=Path(folder), beyond=beyond,
            )  # fmt: skip
            async with service:
                yield Served(ports.number, service, resolver, counter)
