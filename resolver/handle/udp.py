"""The Handle protocol over UDP: one request and one reply, each in as many datagrams as it needs.

Sockets are read in batches, for a datagram costs less than waking up for it. Nobody knows who really sent a datagram:
long answers are limited (``rate_limit``), what is no request is passed over in silence, so that two programs never
answer each other's answers, and no request is answered by more than one reply. Who administers is told by the desk to
come by TCP.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from time import perf_counter_ns

import structlog

from resolver import metrics
from resolver.handle.codes import ResponseCode
from resolver.handle.conversation import Conversation, Transport
from resolver.handle.envelope import (
    DATAGRAM,
    ENVELOPE_BYTES,
    Envelope,
    WireFault,
    decode_envelope,
    encode_envelope,
)
from resolver.handle.fragments import datagrams
from resolver.handle.front import Front, short_reply
from resolver.handle.rate_limit import Leave, RateLimit
from resolver.handle.ready import ReadyAnswer, question_of
from resolver.handle.reassembly import Peer, Reassembly
from resolver.handle.repeats import Repeats

log = structlog.get_logger("handle")

_BATCH = 64
_LARGEST = 2048  # a datagram has 512 bytes by the protocol; who sends larger ones has a network that carries them
_LONGEST_ANSWER = 64 * 1024  # of more datagrams at once some are lost, and with them the answer
_UNDER_WAY = 4096  # requests that wait for the database
_BUFFER = 1 << 20
_UNANSWERED = bytes(4)

_MALFORMED = metrics.HANDLE_DROPPED.labels("malformed")
_NO_REQUEST = metrics.HANDLE_DROPPED.labels("no_request")
_BUSY = metrics.HANDLE_DROPPED.labels("busy")
_NOT_SENT = metrics.HANDLE_DROPPED.labels("not_sent")


class UdpServer:
    """Answers on its sockets, which it closes: ``async with`` starts and ends it."""

    def __init__(
        self, front: Front, sockets: Sequence[socket.socket], rate_limit: RateLimit, reassembly: Reassembly
    ) -> None:
        self._front = front
        self._sockets = sockets
        self._rate_limit = rate_limit
        self._reassembly = reassembly
        self._repeats = Repeats()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> UdpServer:
        for bound in self._sockets:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            self._loop.add_reader(bound, self._read, bound)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Receive nothing more; what is under way is given up, as datagrams may always be."""
        for bound in self._sockets:
            self._loop.remove_reader(bound)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bound in self._sockets:
            bound.close()

    def forget_late(self) -> None:
        """Give up fragments that have waited too long though no others come."""
        self._reassembly.forget_late(self._loop.time())

    def _read(self, bound: socket.socket) -> None:
        """Take what has come, up to a batch; the loop calls again while there is more."""
        now, began = self._loop.time(), perf_counter_ns()
        front, is_repeat = self._front, self._repeats.is_repeat
        receive, send, find, ratio = bound.recvfrom, bound.sendto, front.ready.find, self._rate_limit.ratio
        answered: list[tuple[ReadyAnswer, str]] = []
        for _ in range(_BATCH):
            try:
                request, peer = receive(_LARGEST)
            except BlockingIOError:
                break
            except OSError as error:
                log.info("handle_datagram_not_received", cause=error.strerror)
                break
            question = question_of(request)
            answer = find(question)
            if answer is None:
                self._hear(bound, request, peer, now)
                continue
            source = source_of(peer)
            if answer.size <= DATAGRAM and answer.size <= len(request) * ratio:
                try:
                    send(answer.message(request), peer)
                except OSError:
                    _NOT_SENT.inc()
            elif not self._leave(bound, peer, request, len(request), answer.datagrams(request), now):
                continue
            front.requests += 1
            if not is_repeat(source, request[8:12], question, now):
                answered.append((answer, source))
        if answered:
            front.count_ready(answered, began)

    def _hear(self, bound: socket.socket, datagram: bytes, peer: Peer, now: float) -> None:
        """Work on a datagram whose answer is not ready, if it is a request or completes one."""
        request, received = datagram, len(datagram)
        try:
            envelope = decode_envelope(datagram)
            if envelope.truncated:
                whole = self._reassembly.add(peer, envelope, datagram[ENVELOPE_BYTES:], now)
                if whole is None:
                    return
                envelope, received = whole.envelope, whole.received
                request = encode_envelope(envelope) + whole.payload
        except WireFault:
            _MALFORMED.inc()
            return
        if envelope.length != len(request) - ENVELOPE_BYTES:
            _MALFORMED.inc()
        elif not envelope.encrypted and request[24:28] != _UNANSWERED:
            _NO_REQUEST.inc()
        elif len(self._tasks) >= _UNDER_WAY:
            _BUSY.inc()
        else:
            task = self._loop.create_task(self._work_on(bound, envelope, request, received, peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work_on(
        self, bound: socket.socket, envelope: Envelope, request: bytes, received: int, peer: Peer
    ) -> None:
        front, source, question = self._front, source_of(peer), question_of(request)
        began = perf_counter_ns()
        conversation = Conversation(source, Transport.UDP)
        reply = await anext(front.answer(envelope, request[ENVELOPE_BYTES:], conversation), None)
        conversation.close()
        if reply is None:
            return
        front.ready.keep(request, question, reply)
        now = self._loop.time()
        if self._leave(bound, peer, request, received, datagrams(reply.data), now):
            front.requests += 1
            if not self._repeats.is_repeat(source, request[8:12], question, now):
                front.count_reply(reply, source, began)

    def _leave(
        self, bound: socket.socket, peer: Peer, request: bytes, received: int, answer: Sequence[bytes], now: float
    ) -> bool:
        """Send the answer, or what may leave in its place; whether it was the answer.

        The hint is a reply of its own, "too busy": one marked as truncated would be taken for the first fragment of
        an answer whose others are still to come.
        """
        size = sum(map(len, answer))
        leaving = self._rate_limit.judge(source_of(peer), received, size, now)
        if leaving is Leave.ANSWER and size <= _LONGEST_ANSWER:
            _send(bound, answer, peer)
            return True
        if leaving is not Leave.NOTHING:
            hints = (short_reply(request, ResponseCode.TOO_BUSY, told) for told in ("ask by TCP", ""))
            hint = next((hint for hint in hints if len(hint) <= received), None)
            if hint is not None:
                _send(bound, (hint,), peer)
        return False


def source_of(peer: Peer) -> str:
    """The sender's address as text, without zone, IPv4 in its own form."""
    text = str(peer[0])
    if ":" not in text:
        return text
    return text.rpartition(":")[2] if "." in text else text.partition("%")[0]


def _send(bound: socket.socket, leaving: Sequence[bytes], peer: Peer) -> None:
    try:
        for datagram in leaving:
            bound.sendto(datagram, peer)
    except OSError:  # no room, or no way there: the client asks again
        _NOT_SENT.inc()
