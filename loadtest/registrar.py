"""Register one identifier after another over HTTP, on connections kept alive, as a process of its own.

An answer counts as registered only if its status is 201 and it names the identifier that was sent; everything else
is an error with its first words kept. Latency is from the first octet written to the last octet read. The report is
one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

from loadtest.hammer import NotLoopback

_MAX_ERRORS = 20
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


@dataclass(slots=True)
class Tally:
    """What came of it; latencies are milliseconds, ``cpu`` the seconds this process spent."""

    registered: int = 0
    errors: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    first_errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to register what: suffixes are ``marker`` and a number."""

    host: str
    port: int
    prefix: str
    template: str
    marker: str
    token: str

    def request(self, number: int) -> bytes:
        """One registration as it goes over the wire."""
        body = json.dumps(
            {
                "prefix": self.prefix,
                "suffix": f"{self.marker}-{number:09d}",
                "template": self.template,
                "attributes": {
                    "name": f"离心泵 {number % 97} 型",
                    "model": f"CP-{number % 1000:04d}",
                    "weight_kg": number % 500 + 1,
                    "made_on": f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
                    "passed": bool(number % 7),
                },
            }
        ).encode()
        head = (
            f"POST /v1/identifiers HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"Authorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def expected(self, number: int) -> bytes:
        """What its answer must hold."""
        return f'"identifier":"{self.prefix}/{self.marker}-{number:09d}"'.encode()


class _Connection(asyncio.Protocol):
    """One request under way at a time, the next as soon as its answer is whole."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._number = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        number = next(self._run.numbers, None)
        if number is None:
            self._transport.close()
            return
        self._number, self._answer, self._began = number, b"", time.perf_counter()
        self._transport.write(self._run.target.request(number))

    def data_received(self, data: bytes) -> None:
        answer = self._answer = self._answer + data
        head_end = answer.find(_HEAD_END)
        if head_end < 0:
            return
        length = answer.find(_LENGTH, 0, head_end)
        if length < 0:
            self._run.fail("an answer without a length")
            assert self._transport is not None
            self._transport.abort()
            return
        line_end = answer.index(b"\r\n", length)
        if len(answer) < head_end + len(_HEAD_END) + int(answer[length + len(_LENGTH) : line_end]):
            return
        self._run.latencies.append(time.perf_counter() - self._began)
        if answer[9:12] == b"201" and self._run.target.expected(self._number) in answer:
            self._run.tally.registered += 1
        else:
            self._run.fail(answer[head_end + len(_HEAD_END) :].decode(errors="replace"))
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._run.fail(type(exc).__name__)
        self._run.leave()


class _Run:
    def __init__(self, target: Target, total: int, connections: int, first: int) -> None:
        self.target = target
        self.numbers = iter(range(first, first + total))
        self.tally = Tally()
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = connections

    def fail(self, words: str) -> None:
        self.tally.errors += 1
        if len(self.tally.first_errors) < _MAX_ERRORS:
            self.tally.first_errors.append(words[:200])

    def leave(self) -> None:
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)


async def register_many(target: Target, *, total: int, connections: int, first: int, seconds: float) -> Tally:
    """Register ``total`` identifiers numbered from ``first``; give up after ``seconds``."""
    if not ipaddress.ip_address(target.host).is_loopback:
        raise NotLoopback(target.host)
    run = _Run(target, total, connections, first)
    loop = asyncio.get_running_loop()
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(
        *(loop.create_connection(lambda: _Connection(run), target.host, target.port) for _ in range(connections))
    )
    try:
        async with asyncio.timeout(seconds):
            await run.done
    except TimeoutError:
        run.fail(f"not finished after {seconds:g} s")
    tally = run.tally
    tally.seconds, tally.cpu = time.perf_counter() - began, time.process_time() - cpu
    ordered = sorted(run.latencies) or [0.0]
    tally.p50, tally.p99 = (1000 * ordered[int(share * (len(ordered) - 1))] for share in (0.50, 0.99))
    return tally


def main() -> None:
    """``BIAOSHI_TOKEN=… python -m loadtest.registrar HOST PORT PREFIX …``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("prefix")
    parser.add_argument("--template", default="pump")
    parser.add_argument("--marker", default="ONE")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--total", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120.0)
    told = parser.parse_args()
    target = Target(told.host, told.port, told.prefix, told.template, told.marker, os.environ["BIAOSHI_TOKEN"])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(
            register_many(
                target, total=told.total, connections=told.connections, first=told.first, seconds=told.seconds
            )
        )
    json.dump(asdict(tally), sys.stdout)


if __name__ == "__main__":
    main()
