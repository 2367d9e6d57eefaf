"""The Handle protocol of one worker: who asks, what is done, and every way in, put together and ended together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node.administration import Administration
from node.http_server import Bounds
from node.site import OwnSite
from resolver import metrics
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.handle.computing import Computing
from resolver.handle.conversation import Conversation, Place, Transport
from resolver.handle.desk import Desk, Reply
from resolver.handle.envelope import Envelope
from resolver.handle.front import Front
from resolver.handle.guard import Guard, GuardLimits
from resolver.handle.neighbours import Neighbours
from resolver.handle.ports import Ports
from resolver.handle.rate_limit import RateLimit
from resolver.handle.ready import ReadyAnswers
from resolver.handle.reassembly import Reassembly
from resolver.handle.tcp import TcpServer
from resolver.handle.udp import UdpServer
from resolver.recursion.beyond import Beyond

_TELLING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a worker listens and within which bounds; ``bounds.allow_list`` is exempt from the limits of UDP too."""

    ports: Ports
    bounds: Bounds
    pipelined: int
    udp_ratio: float
    udp_answers: float
    udp_slip: int
    udp_reassemblies: int
    udp_reassembly_seconds: float


class HandleService:
    """``async with`` starts and ends it. Without ``listening`` only what comes by HTTP is answered.

    ``directory`` is where the workers of a node meet, each at its ``place``. By ``beyond`` others are asked for names
    of theirs, where a client wants that.
    """

    def __init__(
        self,
        resolver: Resolver,
        counter: ResolutionCounter,
        administration: Administration,
        site: OwnSite,
        key: RSAPrivateKey,
        clock: Callable[[], datetime],
        limits: GuardLimits,
        *,
        listening: Listening | None,
        place: Place,
        directory: Path,
        beyond: Beyond | None = None,
    ) -> None:
        self._computing = Computing()
        self.guard = Guard(administration.keys_of, key, limits, self._computing, place=place)
        self._desk = Desk(resolver, administration, self.guard, site, key, clock, counter.never, beyond)
        self._place = place
        self._neighbours = Neighbours(self._desk, place, directory)
        self._ready = ReadyAnswers(resolver)
        self._fronts = {transport: Front(transport, self._answer, self._ready, counter) for transport in Transport}
        self._listening = listening
        self._tcp: TcpServer | None = None
        self._udp: UdpServer | None = None
        self._running = contextlib.AsyncExitStack()

    @property
    def http(self) -> Front:
        """For messages in HTTP requests."""
        return self._fronts[Transport.HTTP]

    def _answer(self, envelope: Envelope, payload: bytes, conversation: Conversation) -> AsyncIterator[Reply]:
        """By the worker that keeps the session; as a rule it is this one, and nobody stands between."""
        own = self._place.owner_of(envelope.session_id) == self._place.number
        answering = self._desk.answer if own else self._neighbours.answer
        return answering(envelope, payload, conversation)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._computing.close)
            stack.push_async_callback(self._desk.close)
            await stack.enter_async_context(self._neighbours)
            telling = asyncio.create_task(self._tell_often(), name="Handle metrics")
            stack.push_async_callback(_ended, telling)
            if self._listening is not None:
                await self._listen(self._listening, stack)
            self._running = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()
        self._tell_metrics()

    async def _listen(self, listening: Listening, stack: contextlib.AsyncExitStack) -> None:
        ports, bounds = listening.ports, listening.bounds
        tcp = TcpServer(self._fronts[Transport.TCP], [ports.tcp], bounds, pipelined=listening.pipelined)
        self._tcp = await stack.enter_async_context(tcp)
        if ports.udp is None:
            return
        rate_limit = RateLimit(
            ratio=listening.udp_ratio,
            answers=listening.udp_answers,
            slip=listening.udp_slip,
            allow_list=bounds.allow_list,
        )
        reassembly = Reassembly(messages=listening.udp_reassemblies, seconds=listening.udp_reassembly_seconds)
        udp = UdpServer(self._fronts[Transport.UDP], [ports.udp], rate_limit, reassembly)
        self._udp = await stack.enter_async_context(udp)

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(_TELLING_SECONDS)
            if self._udp is not None:
                self._udp.forget_late()
            self._tell_metrics()

    def _tell_metrics(self) -> None:
        """What is counted for each request is told now and then: a metric costs as much as the request."""
        self._ready.next_second()
        for front in self._fronts.values():
            front.tell_metrics()
        metrics.HANDLE_CONNECTIONS.set(self._tcp.connections if self._tcp is not None else 0)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
