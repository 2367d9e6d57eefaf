"""What the connections of the front share: answers that are ready, and who is told of each answer."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from email.utils import formatdate
from time import perf_counter, time

import msgspec

from node.client_address import Network, client_address
from node.journal import Interface
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.http.front.connection import Connection
from resolver.http.front.ready import READY_BYTES, HttpAnswer, ReadyAnswers
from resolver.http.front.simple import Block, Blocks
from resolver.http.front.telling import Client, Left, Telling

_SECOND = 1.0
_INTERFACE = Interface.HANDLE_JSON
_LONGEST_MICROS = 2**32 - 1


class HttpFront:
    """Meets connections before aiohttp does, from ``start`` to ``stop``.

    ``idle_seconds`` is a connection's time between requests, ``write`` takes lines of the log (``None``: nobody wants
    them), ``clock`` is Unix time.
    """

    def __init__(
        self,
        resolver: Resolver,
        counter: ResolutionCounter,
        *,
        idle_seconds: float,
        trusted_proxies: Sequence[Network] = (),
        write: Callable[[str], object] | None = None,
        ready_bytes: int = READY_BYTES,
        clock: Callable[[], float] = time,
    ) -> None:
        self.resolver = resolver
        self.ready = ReadyAnswers(resolver, bound=ready_bytes)
        self.blocks = Blocks()
        self.idle_seconds = idle_seconds
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self._trusted_proxies = trusted_proxies
        self._count_left = counter.count_left
        self._telling = Telling(write, self.loop.call_later)
        self._tell = self._telling.tell
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._stopping = False
        self.handed_over = 0
        """Connections that aiohttp took over."""
        # Of requests: this process's, and a number.
        self._next_id = map((os.urandom(8).hex().encode() + b"%016x").__mod__, itertools.count(1)).__next__
        self._leaving: list[Left] = []
        self._settle = self.settle  # bound once
        self.turn_began = self._now = 0.0
        self._date, self._date_ends = b"", 0.0
        self._ticking: asyncio.TimerHandle | None = None

    # Connections ----------------------------------------------------------------------------------

    def meet(self, onward: Callable[[], asyncio.Protocol]) -> Connection:
        """The protocol of a new connection; ``onward`` makes the one that takes it over."""
        return Connection(self, onward)

    def enter(self, connection: Connection) -> bool:
        """False when no more are taken."""
        if not self._stopping:
            self._connections.add(connection)
        return not self._stopping

    def leave(self, connection: Connection) -> None:
        """It is over, or aiohttp's."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._tick()

    async def stop(self, seconds: float) -> None:
        """Close all connections, those that wait for an answer behind it, within so many seconds."""
        self._stopping = True
        self._empty.clear()
        for connection in list(self._connections):
            connection.stop()
        if self._connections:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                for connection in list(self._connections):
                    connection.abort()
                await asyncio.sleep(0)
        if self._ticking is not None:
            self._ticking.cancel()
        self.tell_now()

    def tell_now(self) -> None:
        """Let lines and metrics wait no longer."""
        self.settle()
        self._telling.flush()
        self.ready.tell_hits()

    def _tick(self) -> None:
        self.ready.next_second()
        self._ticking = self.loop.call_later(_SECOND, self._tick)

    # Answers --------------------------------------------------------------------------------------

    def client_of(self, transport: asyncio.Transport, block: Block) -> Client:
        """Who asks by a connection, with this block."""
        peer = transport.get_extra_info("peername")
        told = str(peer[0]) if isinstance(peer, tuple) else ""
        source = client_address(told, block.forwarded_for, self._trusted_proxies)
        return Client(source, msgspec.json.encode(source), block.marks)

    def message(self, answer: HttpAnswer, target: bytes, client: Client, began: float = 0.0) -> bytes:
        """The bytes of an answer that leaves in this turn of the event loop; behind it, it counts and is told of.

        ``began`` by ``perf_counter`` when it was asked for, 0 unless it had to wait for more than its turn.
        """
        leaving = self._leaving
        if not leaving:
            self._begin_turn()
        request_id = self._next_id()
        leaving.append((answer, target, client, request_id, began))
        return b"".join((answer.head, request_id, answer.middle, self._date, answer.body))

    def _begin_turn(self) -> None:
        self.turn_began = perf_counter()
        self._now = now = self.clock()
        if not self._date_ends - 1 <= now < self._date_ends:
            self._date = formatdate(now, usegmt=True).encode() + b"\r\n\r\n"
            self._date_ends = int(now) + 1.0
        self.loop.call_soon(self._settle)

    def settle(self) -> None:
        """Count what left in a turn, and tell of it."""
        left, self._leaving = self._leaving, []
        if not left:
            return
        ended = perf_counter()
        micros = _micros(ended - self.turn_began)
        self._count_left(
            [
                (
                    answer.key, _INTERFACE, answer.outcome, client.source,
                    _micros(ended - began) if began else micros, 0, client.marks,
                )
                for answer, _, client, _, began in left
            ]
        )  # fmt: skip
        self._tell(left, self.turn_began, ended, self._now)


def _micros(seconds: float) -> int:
    return min(int(seconds * 1e6), _LONGEST_MICROS)
