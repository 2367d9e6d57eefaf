"""Questions at a constant rate, whatever the answers do: an efficient client of its own, as a process of its own.

Question ``k`` is due at ``k / rate``, and its latency runs from that moment: neither a slow server nor a slow client
hides in it. HTTP goes over connections that are kept alive, one behind the other on each; a share goes by UDP in the
native protocol. 5 % ask for what nobody registered, 2 % register. Every answer is kept and judged against the stock
when the load is over; an answer that is wrong or missing is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import random
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import NamedTuple, cast

import uvloop

from loadtest.hammer import NotLoopback
from loadtest.handle_load import question
from loadtest.stock import Stock, unknown_in_json, unknown_in_message

UNKNOWN_SHARE, WRITE_SHARE = 0.05, 0.02
_CONNECTIONS, _WRITING = 32, 4
_TICK = 0.001
_PATIENCE = 5.0  # seconds after the last question
_MOST_FAULTS = 5
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Kind(Enum):
    """Of a question."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    WRITE = "write"


class Asked(NamedTuple):
    """A question that is due: its kind, the number in the stock, and the moment, in seconds of ``perf_counter``."""

    kind: Kind
    number: int
    due: float


@dataclass(slots=True)
class Held:
    """What came of a rate; milliseconds at the 99th percentile, of resolutions and of registrations."""

    rate: float
    asked: int = 0
    answered: int = 0
    errors: int = 0
    p50: float = 0.0
    p99: float = 0.0
    p99_writes: float = 0.0
    cpu_micros: float = 0.0
    """Of this client for one question, judging left out."""
    first_faults: list[str] = field(default_factory=list)

    def fail(self, words: str) -> None:
        self.errors += 1
        if len(self.first_faults) < _MOST_FAULTS:
            self.first_faults.append(words[:300])


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask: ports of HTTP and of the native protocol; ``tokens`` register, by prefix."""

    host: str
    http_port: int
    handle_port: int
    tokens: Mapping[str, str]


class _Http(asyncio.Protocol):
    """One connection: questions leave when they are due, answers come in their order."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._waiting: deque[Asked] = deque()
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class

    def ask(self, asked: Asked, request: bytes) -> None:
        assert self._transport is not None
        self._waiting.append(asked)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        unread = self._unread + data if self._unread else data
        now = time.perf_counter()
        while (head := unread.find(_HEAD_END)) >= 0:
            top = unread[:head].lower()
            at = top.find(_LENGTH)
            if at < 0:
                raise ValueError(f"an answer without a length: {top[:200]!r}")
            begin = head + len(_HEAD_END)
            end = begin + int(top[at + len(_LENGTH) :].split(b"\r", 1)[0])
            if len(unread) < end:
                break
            self._run.answer(self._waiting.popleft(), now, int(top[9:12]), unread[begin:end])
            unread = unread[end:]
        self._unread = unread

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - what waited is missing, which is told
        self._transport = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Udp(asyncio.DatagramProtocol):
    """One socket; the request id is the place of the question."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._waiting: dict[bytes, Asked] = {}
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def ask(self, asked: Asked, request: bytes) -> None:
        assert self._transport is not None
        self._waiting[request[8:12]] = asked
        self._transport.sendto(request)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - it is connected
        asked = self._waiting.pop(data[8:12], None)
        if asked is not None:
            self._run.answer(asked, time.perf_counter(), 0, data)


class _Run:
    """``first``: what an earlier run did not use is numbered from there."""

    def __init__(self, stock: Stock, target: Target, load: Mapping[str, float], first: int) -> None:
        self._stock, self._target, self._rate = stock, target, load["rate"]
        self._chance = random.Random(first)
        self._udp_share = load["udp_share"]
        self._writes = self._next_writes(first)
        self._total = int(load["rate"] * load["seconds"])
        self._answers: list[tuple[Asked, float, int, bytes]] = []
        self._ids = iter(range(first + 1, first + 1 + self._total))

    def answer(self, asked: Asked, now: float, status: int, body: bytes) -> None:
        self._answers.append((asked, now, status, body))

    async def go(self) -> Held:
        loop, target = asyncio.get_running_loop(), self._target
        cpu = time.process_time()
        links = [
            (await loop.create_connection(lambda: _Http(self), target.host, target.http_port))[1]
            for _ in range(_CONNECTIONS + _WRITING)
        ]
        reading, writing = links[:_CONNECTIONS], links[_CONNECTIONS:]
        link, udp = await loop.create_datagram_endpoint(
            lambda: _Udp(self), remote_addr=(target.host, target.handle_port)
        )
        began = time.perf_counter()
        sent = 0
        while sent < self._total:
            until = min(self._total, int((time.perf_counter() - began) * self._rate) + 1)
            for sent in range(sent + 1, until + 1):  # noqa: B020 - goes on where it was
                self._ask(began + (sent - 1) / self._rate, sent, reading, writing, udp)
            await asyncio.sleep(_TICK)
        deadline = time.perf_counter() + _PATIENCE
        while len(self._answers) < self._total and time.perf_counter() < deadline:  # noqa: ASYNC110 - no cost an answer
            await asyncio.sleep(_TICK)
        held = Held(self._rate, self._total, len(self._answers))
        held.cpu_micros = (time.process_time() - cpu) * 1e6 / self._total
        for one in links:
            one.close()
        link.close()
        self._judge(held)
        return held

    def _ask(self, due: float, turn: int, reading: list[_Http], writing: list[_Http], udp: _Udp) -> None:
        chance, stock = self._chance, self._stock
        drawn = chance.random()
        if drawn < WRITE_SHARE:
            number = next(self._writes)
            writing[turn % _WRITING].ask(Asked(Kind.WRITE, number, due), self._registration(number))
            return
        number = stock.popular(chance)
        kind = Kind.UNKNOWN if drawn < WRITE_SHARE + UNKNOWN_SHARE else Kind.KNOWN
        handle = stock.identifier(number) if kind is Kind.KNOWN else stock.unknown(number)
        if chance.random() < self._udp_share:
            udp.ask(Asked(kind, number, due), question(handle, next(self._ids)))
        else:
            request = f"GET /api/handles/{handle} HTTP/1.1\r\nHost: {self._target.host}\r\n\r\n".encode()
            reading[turn % _CONNECTIONS].ask(Asked(kind, number, due), request)

    def _next_writes(self, first: int) -> Iterator[int]:
        """Numbers behind the stock under prefixes for which there is a token."""
        number = self._stock.rows + first
        while True:
            if self._stock.place_of(number)[0] in self._target.tokens:
                yield number
            number += 1

    def _registration(self, number: int) -> bytes:
        body = json.dumps(self._stock.registration(number)).encode()
        token = self._target.tokens[self._stock.place_of(number)[0]]
        head = (
            f"POST /v1/identifiers HTTP/1.1\r\nHost: {self._target.host}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _judge(self, held: Held) -> None:
        latencies: dict[bool, list[float]] = {False: [], True: []}
        for asked, at, status, body in self._answers:
            latencies[asked.kind is Kind.WRITE].append((at - asked.due) * 1000)
            fault = self._fault(asked, status, body)
            if fault is not None:
                held.fail(f"{asked.kind.value} {self._stock.identifier(asked.number)}: {fault}")
        for _ in range(held.asked - held.answered):
            held.fail("no answer")
        held.p50, held.p99 = (percentile(latencies[False], share) for share in (0.50, 0.99))
        held.p99_writes = percentile(latencies[True], 0.99)

    def _fault(self, asked: Asked, status: int, body: bytes) -> str | None:
        stock, by_udp = self._stock, status == 0
        if asked.kind is Kind.WRITE:
            named = f'"identifier":"{stock.identifier(asked.number)}"'.encode() in body
            return None if status == 201 and named else f"{status} {body[:200].decode(errors='replace')}"
        if asked.kind is Kind.UNKNOWN:
            right = unknown_in_message(body) if by_udp else unknown_in_json(status, body)
            return None if right else f"{status} {body[:100]!r}"
        return (
            stock.fault_of_message(asked.number, body) if by_udp else stock.fault_of_json(asked.number, status, body)
        )


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main() -> None:
    """``python -m loadtest.open_loop`` with orders as JSON on standard input; ``Held`` as JSON on its output."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    told = json.load(sys.stdin)
    target = Target(**told["target"])
    if not ipaddress.ip_address(target.host).is_loopback:
        raise NotLoopback(target.host)
    stock = Stock(told["prefixes"], told["rows"])

    async def run() -> Held:
        return await _Run(stock, target, told["load"], told["first"]).go()

    json.dump(asdict(uvloop.run(run())), sys.stdout)


if __name__ == "__main__":
    main()
