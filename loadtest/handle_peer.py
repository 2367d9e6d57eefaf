"""A server of the Handle protocol, reached by TCP or UDP: a message goes out, the replies with its number come in.

By TCP any number of messages may be under way on one connection; a server that closes it behind a reply, as
Handle.Net does, is connected to again. By UDP a message is repeated until something answers. Both ways a reply may be
several: all but the last say that more follow.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import Protocol

from node.errors import Unavailable
from resolver.handle.codes import Flag
from resolver.handle.envelope import ENVELOPE_BYTES, Envelope, WireFault, decode_envelope
from resolver.handle.fragments import check_fragment, datagrams, fragment_count
from resolver.handle.message import Message, decode_message

PATIENCE = 10.0
"""Seconds to wait for a reply by TCP, and for a connection."""
REPEATS = (0.5, 1.0, 2.0, 4.0)
"""Seconds after which a datagram is sent again; after the last it is given up."""

_CONTINUES = int(Flag.CONTINUES)


class ServerSilent(Unavailable):
    """Evidence: ``server``."""

    title_zh = "Handle 服务器没有应答"


class Peer(Protocol):
    def replies(self, data: bytes, request_id: int) -> AsyncGenerator[Message, None]:
        """Send a whole message and take what comes back. Raises ServerSilent, WireFault."""

    def close(self) -> None: ...


_Queue = asyncio.Queue[Message | ServerSilent | WireFault]


class _Waiting(dict[int, _Queue]):
    """What is under way, by the numbers of the requests."""

    @contextlib.contextmanager
    def queue(self, request_id: int) -> Iterator[_Queue]:
        if request_id in self:
            raise ValueError(f"request {request_id} is under way")
        self[request_id] = queue = _Queue()
        try:
            yield queue
        finally:
            del self[request_id]

    def arrived(self, envelope: Envelope, payload: bytes) -> None:
        if (queue := self.get(envelope.request_id)) is None:
            return  # a repeated datagram was answered twice
        try:
            queue.put_nowait(decode_message(envelope, payload))
        except WireFault as fault:
            queue.put_nowait(fault)

    def end(self, fault: ServerSilent | WireFault) -> None:
        for queue in self.values():
            queue.put_nowait(fault)


async def _next(queue: _Queue, seconds: float) -> Message:
    """Raises ServerSilent, WireFault, TimeoutError."""
    async with asyncio.timeout(seconds):
        arrival = await queue.get()
    if isinstance(arrival, Message):
        return arrival
    raise arrival


class TcpPeer:
    """One connection at a time, made when it is first needed; messages on it may overlap."""

    def __init__(self, host: str, port: int, *, patience: float = PATIENCE) -> None:
        self._address = host, port
        self._patience = patience
        self._waiting = _Waiting()
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.connections = 0

    async def replies(self, data: bytes, request_id: int) -> AsyncGenerator[Message, None]:
        writer = await self._connected()
        with self._waiting.queue(request_id) as queue:
            try:
                writer.write(data)
                await writer.drain()
            except OSError as error:
                raise self._silent(f"broke off: {error}") from error
            while True:
                try:
                    reply = await _next(queue, self._patience)
                except TimeoutError:
                    raise self._silent(f"said nothing for {self._patience:g} s") from None
                yield reply
                if not reply.header.flags & _CONTINUES:
                    return

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._opening:
            if self._writer is not None and self._reading is not None and not self._reading.done():
                return self._writer
            self.close()
            try:
                async with asyncio.timeout(self._patience):
                    reader, self._writer = await asyncio.open_connection(*self._address)
            except (OSError, TimeoutError) as error:
                raise self._silent(f"cannot be reached: {error}") from error
            self.connections += 1
            self._reading = asyncio.create_task(self._read(reader))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                envelope = decode_envelope(await reader.readexactly(ENVELOPE_BYTES))
                self._waiting.arrived(envelope, await reader.readexactly(envelope.length))
        except (asyncio.IncompleteReadError, OSError) as error:
            self._waiting.end(self._silent(f"closed the connection: {error}"))
        except WireFault as fault:
            self._waiting.end(fault)

    def _silent(self, why: str) -> ServerSilent:
        host, port = self._address
        return ServerSilent(f"{host}:{port} {why}", server=f"{host}:{port}")


class UdpPeer:
    """Datagrams to one address and from nobody else, put together again where a reply is in pieces."""

    def __init__(self, host: str, port: int, *, repeats: tuple[float, ...] = REPEATS) -> None:
        self._address = host, port
        self._repeats = repeats
        self._waiting = _Waiting()
        self._opening = asyncio.Lock()
        self._transport: asyncio.DatagramTransport | None = None

    async def replies(self, data: bytes, request_id: int) -> AsyncGenerator[Message, None]:
        transport = await self._opened()
        packets = datagrams(data)
        with self._waiting.queue(request_id) as queue:
            reply = None
            for wait in self._repeats:
                for packet in packets:
                    transport.sendto(packet)
                with contextlib.suppress(TimeoutError):
                    reply = await _next(queue, wait)
                    break
            while reply is not None:
                yield reply
                if not reply.header.flags & _CONTINUES:
                    return
                with contextlib.suppress(TimeoutError):
                    reply = await _next(queue, self._repeats[-1])
                    continue
                break
        host, port = self._address
        raise ServerSilent(f"{host}:{port} says nothing by UDP", server=f"{host}:{port}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def _opened(self) -> asyncio.DatagramTransport:
        async with self._opening:
            if self._transport is None:
                loop = asyncio.get_running_loop()
                host, port = self._address
                try:
                    self._transport, _ = await loop.create_datagram_endpoint(
                        lambda: _Datagrams(self._waiting), remote_addr=(host, port)
                    )
                except OSError as error:
                    raise ServerSilent(f"{host} has no address: {error}", server=f"{host}:{port}") from error
            return self._transport


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, waiting: _Waiting) -> None:
        self._waiting = waiting
        self._pieces: dict[int, dict[int, bytes]] = {}

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - always the peer
        try:
            envelope = decode_envelope(data)
            if envelope.request_id not in self._waiting:
                self._pieces.pop(envelope.request_id, None)
                return
            payload = data[ENVELOPE_BYTES:]
            if not envelope.truncated:
                self._waiting.arrived(envelope, payload)
                return
            check_fragment(envelope, len(payload))
        except WireFault:
            return  # what a network damages is asked for again
        pieces = self._pieces.setdefault(envelope.request_id, {})
        pieces[envelope.sequence] = payload
        count = fragment_count(envelope)
        if len(pieces) >= count and all(number in pieces for number in range(count)):
            del self._pieces[envelope.request_id]
            self._waiting.arrived(envelope, b"".join(pieces[number] for number in range(count)))
