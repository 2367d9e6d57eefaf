"""The Handle protocol over TCP: many requests on a connection, one behind the other or several under way at once.

Replies leave as they become ready, each whole; clients tell them apart by their request numbers. What administers,
and whatever belongs to a session, is worked on in the order in which it came. A connection reads no further while
``pipelined`` requests are under way or its client does not take our answers; who lets them lie loses the connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import cast

import structlog

from node.client_address import parse_address
from node.http_server import Bounds, Doors
from resolver import metrics
from resolver.handle.codes import OpCode, ResponseCode
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.desk import Reply
from resolver.handle.envelope import ENVELOPE_BYTES, Envelope, WireFault, decode_envelope
from resolver.handle.framing import Frames
from resolver.handle.front import Front, refusal, short_reply
from resolver.handle.ready import ReadyAnswer, question_of

log = structlog.get_logger("handle")

_AT_ONCE = 64 * 1024  # bytes of answers after which others have their turn, and a client must have read
_STRETCH = 16  # requests taken at a time
_UNFINISHED_BYTES = 64 << 20  # of messages on their way, all connections of a worker together
_SMALL = 2048  # whose beginning counts for nothing there
_RESOLVE = int(OpCode.RESOLVE).to_bytes(4, "big")


@dataclass(slots=True)
class _House:
    """What all connections share."""

    front: Front
    doors: Doors
    pipelined: int
    loop: asyncio.AbstractEventLoop
    connections: set[Connection] = field(default_factory=set)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    unfinished: int = 0
    stopping: bool = False


class Connection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_admitted", "_conversation", "_deadline", "_ended", "_frames", "_heard_at", "_house", "_in_turn", "_reading",
        "_spoken", "_tasks", "_transport", "_under_way", "_unfinished", "_unread_deadline", "_writable",
    )  # fmt: skip

    _transport: asyncio.Transport
    _conversation: Conversation

    def __init__(self, house: _House) -> None:
        self._house = house
        self._frames = Frames()
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_turn: asyncio.Lock | None = None
        self._writable: asyncio.Event | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread_deadline: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._under_way = 0
        self._unfinished = 0
        self._admitted = False
        self._spoken = False
        self._reading = True
        self._ended = False

    # The transport's calls ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's are not of its family
        house = self._house
        source = _source_of(transport)
        self._admitted = not house.stopping and house.doors.admit(source)
        if not self._admitted:
            metrics.HANDLE_TURNED_AWAY.inc()
            self._ended = True
            transport.close()
            return
        transport.set_write_buffer_limits(high=_AT_ONCE)
        self._conversation = Conversation(source, Transport.TCP)
        house.connections.add(self)
        self._heard_at = house.loop.time()
        self._deadline = house.loop.call_later(house.doors.bounds.header_seconds, self._look_at_the_clock)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._frames.feed(data)
        self._take()

    def eof_received(self) -> bool:
        """The client sends no more; replies under way still leave."""
        if not self._ended and self._under_way:
            self._ended = True
            return True
        return False

    def pause_writing(self) -> None:
        bounds = self._house.doors.bounds
        self._writable = asyncio.Event()
        self._unread_deadline = self._house.loop.call_later(bounds.header_seconds, self._unread)

    def resume_writing(self) -> None:
        if self._unread_deadline is not None:
            self._unread_deadline.cancel()
            self._unread_deadline = None
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        if not self._ended:
            self._take()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it is lost changes nothing
        self._ended = True
        for timer in (self._deadline, self._unread_deadline):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._writable is not None:
            self._writable.set()
        if not self._admitted:
            return
        self._admitted = False
        house = self._house
        house.unfinished -= self._unfinished
        house.connections.discard(self)
        if not house.connections:
            house.empty.set()
        house.doors.leave(self._conversation.source)
        self._conversation.close()

    # Requests -------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Answer what has come, as far as the bounds allow."""
        out: list[bytes] = []
        answered: list[tuple[ReadyAnswer, str]] = []
        began = perf_counter_ns()
        try:
            more = self._answer_ready(out, answered)
        except WireFault as fault:
            out.append(refusal(self._frames.head(), fault))
            self._end_behind(b"".join(out))
            more = True
        else:
            if out:
                self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        if answered:
            self._house.front.requests += len(answered)
            self._house.front.count_ready(answered, began)
        if self._ended:
            return
        if more:
            self._pause()
        else:
            self._keep_unfinished()

    def _answer_ready(self, out: list[bytes], answered: list[tuple[ReadyAnswer, str]]) -> bool:
        """Take requests, answer those whose answers are ready into ``out``, begin the others.

        Returns whether some may have been left. Raises WireFault when what comes next is no message.
        """
        house, find, size, source = self._house, self._house.front.ready.find, 0, self._conversation.source
        while not self._ended:
            free = house.pipelined - self._under_way
            if free <= 0 or self._writable is not None:
                return True
            if size > _AT_ONCE:
                house.loop.call_soon(self._go_on)
                return True
            requests = self._frames.take(min(free, _STRETCH))
            if not requests:
                return False
            self._heard()
            for request in requests:
                question = question_of(request)
                answer = find(question)
                if answer is None:
                    self._begin(request, question)
                else:
                    out.append(answer.message(request))
                    size += answer.size
                    answered.append((answer, source))
        return False

    def _heard(self) -> None:
        self._spoken = True
        self._heard_at = self._house.loop.time()

    def _begin(self, request: bytes, question: bytes) -> None:
        """Work on a request whose answer is not ready."""
        if self._ended:
            return
        try:
            envelope = decode_envelope(request)
        except WireFault as fault:
            self._end_behind(refusal(request, fault))
            return
        self._under_way += 1
        alone = request[20:24] == _RESOLVE and not envelope.session_id and not envelope.encrypted
        task = self._house.loop.create_task(self._work_on(envelope, request, question, alone=alone))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_on(self, envelope: Envelope, request: bytes, question: bytes, *, alone: bool) -> None:
        try:
            if alone:
                await self._exchange(envelope, request, question)
            else:
                if self._in_turn is None:
                    self._in_turn = asyncio.Lock()
                async with self._in_turn:
                    await self._exchange(envelope, request, question)
        finally:
            self._under_way -= 1
        if self._conversation.over or (self._ended and not self._under_way):
            self._end_behind(b"")
        elif not self._reading:
            self._go_on()

    async def _exchange(self, envelope: Envelope, request: bytes, question: bytes) -> None:
        front = self._house.front
        front.requests += 1
        began = perf_counter_ns()
        replies = 0
        reply: Reply | None = None
        async for reply in front.answer(envelope, request[ENVELOPE_BYTES:], self._conversation):
            self._transport.write(reply.data)
            replies += 1
            if self._writable is not None:
                await self._writable.wait()
        if reply is None:
            return
        front.count_reply(reply, self._conversation.source, began)
        if replies == 1:
            front.ready.keep(request, question, reply)

    # Bounds ---------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if not self._ended:
            self._take()

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._transport.pause_reading()

    def _keep_unfinished(self) -> None:
        """All that came whole has been taken: wait for more, unless too much waits to become whole."""
        house, unfinished = self._house, self._frames.unfinished
        counted = unfinished if unfinished > _SMALL else 0
        house.unfinished += counted - self._unfinished
        self._unfinished = counted
        if counted and house.unfinished > _UNFINISHED_BYTES:
            log.info("handle_messages_unfinished", source=self._conversation.source, bytes=house.unfinished)
            house.unfinished -= counted  # now, not when it has closed, or all others would be ended too
            self._unfinished = 0
            self._end_behind(short_reply(self._frames.head(), ResponseCode.TOO_BUSY, "too much is on its way"))
        elif not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _look_at_the_clock(self) -> None:
        house = self._house
        bounds = house.doors.bounds
        now = house.loop.time()
        if self._under_way or not self._reading:
            self._heard_at = now
        due = self._heard_at + (bounds.idle_seconds if self._spoken else bounds.header_seconds)
        if now < due:
            self._deadline = house.loop.call_at(due, self._look_at_the_clock)
            return
        if self._frames.unfinished:
            log.info("handle_message_too_slow", source=self._conversation.source, bytes=self._frames.unfinished)
        self._end_behind(b"")

    def _unread(self) -> None:
        log.info("handle_answers_unread", source=self._conversation.source)
        self._ended = True
        self._transport.abort()

    def _end_behind(self, last: bytes) -> None:
        """Take nothing more, and close the connection when all that is under way has left."""
        self._ended = True
        if last:
            self._transport.write(last)
        if self._under_way:
            self._pause()
        else:
            self._transport.close()

    def stop(self) -> None:
        self._end_behind(b"")

    def abort(self) -> None:
        self._transport.abort()


class TcpServer:
    """The listening side: ``async with`` starts and ends it."""

    def __init__(self, front: Front, sockets: Sequence[socket.socket], bounds: Bounds, *, pipelined: int) -> None:
        self._sockets = sockets
        self._house = _House(front, Doors(bounds), pipelined, asyncio.get_running_loop())
        self._servers: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        return len(self._house.connections)

    async def __aenter__(self) -> TcpServer:
        house = self._house
        for bound in self._sockets:
            # Inherited by its connections: closing does not wait for ever for somebody who does not read.
            unread = int(house.doors.bounds.header_seconds * 1000)
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unread)
            self._servers.append(await house.loop.create_server(lambda: Connection(house), sock=bound, backlog=1024))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, let requests under way finish within ``stop_seconds``, close the rest."""
        house = self._house
        house.stopping = True
        for server in self._servers:
            server.close()
        if not house.connections:
            return
        house.empty.clear()
        for connection in list(house.connections):
            connection.stop()
        try:
            async with asyncio.timeout(house.doors.bounds.stop_seconds):
                await house.empty.wait()
        except TimeoutError:
            for connection in list(house.connections):
                connection.abort()
            await asyncio.sleep(0)


def _source_of(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    told = str(peer[0]) if isinstance(peer, tuple) else ""
    address = parse_address(told)
    return told if address is None else str(address)
