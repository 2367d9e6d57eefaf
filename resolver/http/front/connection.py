"""One connection at the front, from its first byte until it is over or aiohttp has it.

Requests are answered in their order, all that are ready in one write. While one waits for the database those behind
it wait too, and reading stops before many have gathered. ``_data`` begins with the first request without an answer,
so that nothing is lost when aiohttp takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, cast

from resolver import metrics
from resolver.answer import Absence, Entry, Loaded
from resolver.http.front import answers
from resolver.http.front.ready import HttpAnswer
from resolver.http.front.simple import BEGIN, END, LONGEST, Asked, asked_in, may_become_simple

if TYPE_CHECKING:
    from resolver.http.front.front import HttpFront
    from resolver.http.front.telling import Client

_AT_ONCE = 64 * 1024  # bytes of answers after which others have their turn
_GATHERED = 64 * 1024  # bytes of requests that may wait behind one
_TARGET = len(BEGIN)

Landing = asyncio.Future[Loaded]


class Waiting(NamedTuple):
    """A request that waits for the database: what it asks, its target and size, and since when."""

    asked: Asked
    target: bytes
    size: int
    began: float


class Connection(asyncio.Protocol):
    """``onward`` makes the protocol that takes it over."""

    __slots__ = (
        "_answered_at", "_block", "_client", "_data", "_deadline", "_ended", "_find", "_front", "_inner", "_message",
        "_onward", "_reading", "_transport", "_waiting", "_writable", "_write",
    )  # fmt: skip

    _transport: asyncio.Transport
    _client: Client

    def __init__(self, front: HttpFront, onward: Callable[[], asyncio.Protocol]) -> None:
        self._front = front
        self._find = front.ready.find
        self._message = front.message
        self._onward = onward
        self._inner: asyncio.Protocol | None = None
        self._data = b""
        self._block = b""
        self._waiting: Waiting | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._answered_at = perf_counter()
        self._reading = self._writable = True
        self._ended = False

    # The transport's calls ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of its family
        self._write = self._transport.write
        if not self._front.enter(self):
            self._ended = True
            transport.close()
            return
        self._deadline = self._front.loop.call_later(self._front.idle_seconds, self._look_at_the_clock)

    def data_received(self, data: bytes) -> None:
        block = self._block
        if block and not self._data and self._writable and data.endswith(block) and data.startswith(BEGIN):
            # The usual: one more request like the last. What is found is a target, so nothing else stands before it.
            target = data[_TARGET : -len(block)]
            answer = self._find(target)
            if answer is None and len(data) <= LONGEST:
                answer = self._prepare(target, len(data), perf_counter())
            if answer is not None:
                self._write(self._message(answer, target, self._client))
                self._answered_at = self._front.turn_began
                return
            if self._waiting is not None:
                self._data = data
                return
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._data += data
        self._take()

    def eof_received(self) -> bool:
        """The client sends no more; what it waits for still leaves."""
        if self._inner is not None:
            return bool(self._inner.eof_received())
        self._ended = True
        return self._waiting is not None

    def pause_writing(self) -> None:
        self._writable = False
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._writable = True
        if self._inner is not None:
            self._inner.resume_writing()
        else:
            self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._leave()
        if self._inner is not None:
            self._inner.connection_lost(exc)

    # Requests -------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Answer what has come, as far as answers are there and the client takes them."""
        if self._inner is not None:
            return
        if self._ended or self._waiting is not None or not self._writable:
            self._read_on()
            return
        data, place, out, size = self._data, 0, [], 0
        began = perf_counter()
        others = False
        while size < _AT_ONCE:
            end = data.find(END, place) + len(END)
            if end < len(END):
                break
            target = self._simple(data[place:end])
            answer = None if target is None else self._find(target) or self._prepare(target, end - place, began)
            if target is None or answer is None:
                others = self._waiting is None
                break
            out.append(self._message(answer, target, self._client))
            size += len(out[-1])
            place = end
        if out:
            self._write(b"".join(out))
            self._answered_at = began
        self._data = data[place:]
        if size >= _AT_ONCE:
            self._front.loop.call_soon(self._take)
        elif others or not (self._waiting or may_become_simple(self._data, self._block)):
            self._hand_over()
            return
        self._read_on()

    def _simple(self, request: bytes) -> bytes | None:
        """The target of a simple request; ``None``: it is of another kind."""
        if len(request) > LONGEST or not request.startswith(BEGIN):
            return None
        space = request.find(b" ", _TARGET)
        target, told = request[_TARGET:space], request[space:]
        if told != self._block:
            block = self._front.blocks.read(told)
            if block is None:
                return None
            self._block = told
            self._client = self._front.client_of(self._transport, block)
        return target

    def _prepare(self, target: bytes, size: int, began: float) -> HttpAnswer | None:
        """An answer from what is known; ``None``: it is waited for, or aiohttp shall give it."""
        asked = asked_in(target)
        if asked is None:
            return None
        waiting = Waiting(asked, target, size, began)
        loaded = self._front.resolver.known(asked.key)
        if loaded is not None:
            answer = self._answer(waiting, loaded)
            if answer is not None:  # asked for again: what is asked for once only is not kept in bytes
                metrics.CACHE_HITS.inc()
                self._front.ready.keep(target, answer)
            return answer
        self._waiting = waiting
        self._front.resolver.expect(asked.key, self._landed)
        return None

    def _answer(self, waiting: Waiting, loaded: Loaded) -> HttpAnswer | None:
        asked, front = waiting.asked, self._front
        if isinstance(loaded, Entry):
            return answers.found(asked, loaded, front.clock())
        if loaded is not Absence.UNKNOWN:
            return None
        prefix = asked.identifier.prefix
        held = front.resolver.known_prefix(prefix)
        if held is not None:
            return None if front.resolver.refers(prefix, held) else answers.missing(asked, front.clock())
        self._waiting = waiting
        front.resolver.expect_prefix(prefix, self._prefix_landed)
        return None

    def _landed(self, landing: Landing) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        answer = None if landing.exception() is not None else self._answer(waiting, landing.result())
        if self._waiting is None:
            self._finish(waiting, answer)

    def _prefix_landed(self, landing: Landing) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        asked, front, answer = waiting.asked, self._front, None
        if landing.exception() is None and not front.resolver.refers(asked.identifier.prefix, landing.result()):
            answer = answers.missing(asked, front.clock())
        self._finish(waiting, answer)

    def _finish(self, waiting: Waiting, answer: HttpAnswer | None) -> None:
        """What was waited for is there, or it shall be aiohttp's; go on behind it."""
        if answer is not None:
            # Counted as by aiohttp, though its client may have left.
            message = self._message(answer, waiting.target, self._client, waiting.began)
            if not self._transport.is_closing():
                self._write(message)
            self._data = self._data[waiting.size :]
            self._answered_at = perf_counter()
        if self._ended:
            self._transport.close()
        elif answer is None:
            self._hand_over()
        elif self._data:
            self._take()

    def _hand_over(self) -> None:
        """The connection is aiohttp's from here on, with all that is not answered."""
        self._leave()
        self._front.handed_over += 1
        data, self._data, self._block = self._data, b"", b""
        inner = self._inner = self._onward()
        inner.connection_made(self._transport)
        if not self._writable:
            inner.pause_writing()
        self._read_on()
        inner.data_received(data)

    # Bounds ---------------------------------------------------------------------------------------

    def _read_on(self) -> None:
        """Read, unless too much waits already."""
        reading = len(self._data) <= _GATHERED
        if reading == self._reading or self._transport.is_closing():
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _look_at_the_clock(self) -> None:
        now = perf_counter()
        if self._waiting is not None:
            self._answered_at = now
        left = self._answered_at + self._front.idle_seconds - now
        if left > 0:
            self._deadline = self._front.loop.call_later(left, self._look_at_the_clock)
        elif self._writable:
            self._transport.close()
        else:
            self._transport.abort()  # it does not read its answers

    def _leave(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._front.leave(self)

    def stop(self) -> None:
        """Take no more requests; what is waited for still leaves."""
        self._ended = True
        if self._waiting is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
