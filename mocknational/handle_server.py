"""A small server of the Handle protocol, TCP and UDP on one port: messages in, whatever ``answer`` says out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self, cast

from resolver.handle.codes import ResponseCode
from resolver.handle.envelope import ENVELOPE_BYTES, WireFault, decode_envelope, encode_envelope
from resolver.handle.fragments import datagrams
from resolver.handle.front import refusal, short_reply
from resolver.handle.ports import Ports
from resolver.handle.reassembly import Peer, Reassembly

_IDLE_SECONDS = 60.0
_AT_ONCE = 64  # requests under way on one connection
_CONNECTIONS = 512
_DATAGRAMS = 8  # of one answer; a longer one is asked for by TCP
_FRAGMENTS_SECONDS = 2.0
_UNANSWERED = bytes(4)  # the response code of a request

Answer = Callable[[bytes], Awaitable[bytes]]
"""The reply to one message; both with their envelopes."""


class HandleServer:
    """``async with`` starts and ends it, and closes its sockets; while ``silent()`` it is as if nobody were there."""

    def __init__(self, ports: Ports, answer: Answer, silent: Callable[[], bool]) -> None:
        self._ports = ports
        self._answer = answer
        self._silent = silent
        self._connections: set[asyncio.Task[None]] = set()
        self._running = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            server = await asyncio.start_server(self._converse, sock=self._ports.tcp)
            stack.push_async_callback(self._hang_up, server)
            if self._ports.udp is not None:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self._answer, self._silent), sock=self._ports.udp
                )
                stack.callback(transport.abort)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def _hang_up(self, server: asyncio.Server) -> None:
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._silent() or len(self._connections) >= _CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        room = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as under_way:
                async for request in _messages(reader, writer):
                    await room.acquire()
                    answering = under_way.create_task(self._exchange(request, writer))
                    answering.add_done_callback(lambda _: room.release())
        except* OSError:
            pass  # the client left before its answer
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._answer(request)
        if self._silent():
            writer.transport.abort()
            return
        writer.write(answer)
        await writer.drain()


async def _messages(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[bytes]:
    """What comes, message by message, until the client is done, idle for too long, or says what is no message."""
    while True:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                head = await reader.readexactly(ENVELOPE_BYTES)
                try:
                    length = decode_envelope(head).length
                except WireFault as fault:
                    writer.write(refusal(head, fault))
                    return
                message = head + await reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            return
        yield message


class _Datagrams(asyncio.DatagramProtocol):
    """Questions by UDP, also those that come in several datagrams."""

    _transport: asyncio.DatagramTransport

    def __init__(self, answer: Answer, silent: Callable[[], bool]) -> None:
        self._answer = answer
        self._silent = silent
        self._reassembly = Reassembly(messages=1000, seconds=_FRAGMENTS_SECONDS)
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it ends changes nothing
        for task in self._tasks:
            task.cancel()

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        if self._silent() or len(self._tasks) >= _CONNECTIONS:
            return
        try:
            envelope = decode_envelope(data)
            if envelope.truncated:
                now = asyncio.get_running_loop().time()
                whole = self._reassembly.add(addr, envelope, data[ENVELOPE_BYTES:], now)
                if whole is None:
                    return
                data = encode_envelope(whole.envelope) + whole.payload
        except WireFault:
            return
        if envelope.length != len(data) - ENVELOPE_BYTES or data[24:28] != _UNANSWERED:
            return  # cut off, or a reply: two that answer replies would never stop
        task = asyncio.create_task(self._exchange(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, request: bytes, addr: Peer) -> None:
        leaving = datagrams(await self._answer(request))
        if len(leaving) > _DATAGRAMS:
            leaving = [short_reply(request, ResponseCode.TOO_BUSY, "ask by TCP")]
        for datagram in leaving:
            self._transport.sendto(datagram, addr)
