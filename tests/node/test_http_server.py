"""The listening side against rude clients, over real sockets, on the event loop that a worker uses."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, MutableMapping
from typing import Any

import pytest
import uvloop
from aiohttp import web
from structlog.testing import capture_logs

from node.auth import Account
from node.http_server import AddressUnusable, Bounds, HttpServer, PortTaken, bind, check_free
from node.web import make_app
from tests.support.docking import until

HEAD = b"GET /quick HTTP/1.1\r\nHost: node\r\n\r\n"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
Lines = list[MutableMapping[str, Any]]


def as_in_a_worker(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test on uvloop."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **named))

    return run


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    """Our log lines; any line with a traceback fails the test."""
    with capture_logs() as captured:
        yield captured
    assert not [record.getMessage() for record in caplog.records if record.exc_info or record.levelno > logging.INFO]
    assert not [line for line in captured if line.get("exc_info")]


def bounds(**changed: Any) -> Bounds:
    everyday: dict[str, Any] = {
        "header_seconds": 5.0, "idle_seconds": 5.0, "connections": 1000, "connections_per_source": 1000,
    }  # fmt: skip
    return Bounds(**{**everyday, **changed})


async def _nobody(token: str) -> Account:
    raise AssertionError(token)


def application() -> web.Application:
    app = make_app([], authenticate=_nobody)

    async def quick(request: web.Request) -> web.Response:
        return web.Response(text=f"quick {request.query_string}")

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(text="slow but sure")

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 16))

    app.router.add_get("/quick", quick)
    app.router.add_get("/slow", slow)
    app.router.add_get("/endless", endless)
    return app


@contextlib.asynccontextmanager
async def serving(**changed: Any) -> AsyncIterator[int]:
    """A server with these bounds on a free port."""
    async with HttpServer(application(), [bind("127.0.0.1", 0)], bounds(**changed)) as server:
        yield server.ports[0]


class Peer:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer; only for bodies of known length."""
        async with asyncio.timeout(5):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            return int(head.split(b" ", 2)[1]), await self.reader.readexactly(length)

    async def rest(self, seconds: float = 5.0) -> bytes:
        """Everything until the server closes; a reset is an end too."""
        received = b""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                while block := await self.reader.read(65536):
                    received += block
        return received


@contextlib.asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1", source: str | None = None) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0) if source else None)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


async def ask(port: int, source: str | None = None) -> int:
    async with connected(port, source=source) as peer:
        await peer.send(HEAD)
        return (await peer.answer())[0]


# Slow -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beginning", [b"", b"GET /quick HTTP/1.1\r\nHost: node\r\nX-Never: ends"])
@as_in_a_worker
async def test_a_head_that_never_ends_is_ended_at_the_deadline(lines: Lines, beginning: bytes) -> None:
    async with serving(header_seconds=0.3) as port, connected(port) as peer:
        began = time.monotonic()
        await peer.send(beginning)
        assert await peer.rest() == b""
        assert 0.25 < time.monotonic() - began < 2
    assert [line["event"] for line in lines] == ["request_head_too_slow"]


@as_in_a_worker
async def test_one_byte_now_and_then_does_not_move_the_deadline(lines: Lines) -> None:
    async with serving(header_seconds=0.4) as port, connected(port) as peer:
        began = time.monotonic()
        await peer.send(b"GET /quick HTTP/1.1\r\nX-Long: ")

        async def dribble() -> None:
            while True:
                await peer.send(b"x")
                await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        assert await peer.rest() == b""
        assert time.monotonic() - began < 2
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)
    assert [line["event"] for line in lines] == ["request_head_too_slow"]


@as_in_a_worker
async def test_the_next_head_has_the_idle_time_and_no_more(lines: Lines) -> None:
    async with serving(idle_seconds=0.5) as port, connected(port) as peer:
        await peer.send(HEAD)
        assert await peer.answer() == (200, b"quick ")
        began = time.monotonic()
        await peer.send(b"GET /quick HTTP/1.1\r\nX-Never: ends")
        assert await peer.rest() == b""
        assert time.monotonic() - began < 3
    assert [line["event"] for line in lines] == ["request"]


@as_in_a_worker
async def test_a_head_in_pieces_is_a_head(lines: Lines) -> None:
    async with serving(header_seconds=0.5) as port, connected(port) as peer:
        for start in range(len(HEAD)):
            await peer.send(HEAD[start : start + 1])
            await asyncio.sleep(0)
        assert await peer.answer() == (200, b"quick ")
        await asyncio.sleep(0.6)
        await peer.send(HEAD)
        assert await peer.answer() == (200, b"quick ")
    assert {line["event"] for line in lines} == {"request"}


@as_in_a_worker
async def test_who_does_not_read_the_answer_loses_the_connection(lines: Lines) -> None:
    async with serving(idle_seconds=1.0) as port:
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET /endless HTTP/1.1\r\nHost: node\r\n\r\n")
            await until(lambda: lines, seconds=15)
    assert [(line["event"], line["status"]) for line in lines] == [("request", 499)]


@as_in_a_worker
async def test_who_goes_away_amid_the_answer_costs_one_line(lines: Lines) -> None:
    async with serving() as port:
        async with connected(port) as peer:
            await peer.send(b"GET /endless HTTP/1.1\r\nHost: node\r\n\r\n")
            assert await peer.reader.read(100)
        await until(lambda: lines)
        assert await ask(port) == 200
    assert [(line["event"], line["status"]) for line in lines] == [("request", 499), ("request", 200)]


# Malformed ------------------------------------------------------------------------------------------

MALFORMED = {
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    "noise": bytes(range(256)) * 3 + b"\r\n\r\n",
    "zeros": bytes(300),
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an unknown version": b"GET / HTTP/9.9\r\nHost: node\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost node\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\n: node\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : node\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: no\0de\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: -1\r\n\r\n",
    "a length in words": b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: ten\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a length beside chunks": (
        b"POST / HTTP/1.1\r\nHost: node\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunks not last": b"POST / HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a broken target": b"GET http://[:::1 HTTP/1.1\r\nHost: node\r\n\r\n",
    "a line without end": b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: node\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: node\r\nX-Long: " + b"x" * 17_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nHost: node\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
@as_in_a_worker
async def test_a_malformed_request_costs_one_line_without_traceback(lines: Lines, request_bytes: bytes) -> None:
    async with serving(header_seconds=0.5) as port, connected(port) as peer:
        with contextlib.suppress(ConnectionError):
            await peer.send(request_bytes)
        answer = await peer.rest()
        assert answer == b"" or answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
        assert await ask(port) == 200
    assert len(lines) == 2, lines
    assert lines[0]["event"] in ("request_malformed", "request_head_too_slow")


@as_in_a_worker
async def test_nonsense_after_a_good_request_ends_the_connection(lines: Lines) -> None:
    async with serving() as port, connected(port) as peer:
        await peer.send(HEAD)
        assert await peer.answer() == (200, b"quick ")
        await peer.send(b"nonsense\r\n\r\n")
        status, _ = await peer.answer()
        assert status == 400
        assert await peer.rest() == b""
    assert sorted(line["event"] for line in lines) == ["request", "request_malformed"]


@pytest.mark.parametrize(
    "body",
    [b"ZZ\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nabc"],
    ids=["no number", "negative", "longer than announced", "too large"],
)
@as_in_a_worker
async def test_broken_chunks_cost_one_line(lines: Lines, body: bytes) -> None:
    async with serving() as port, connected(port) as peer:
        await peer.send(b"POST /quick HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert (await peer.rest())[:12] in (b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 405")
    assert len(lines) == 1, lines


# Many -----------------------------------------------------------------------------------------------


@as_in_a_worker
async def test_pipelined_requests_are_answered_in_order(lines: Lines) -> None:
    async with serving() as port, connected(port) as peer:
        await peer.send(b"".join(HEAD.replace(b"/quick", b"/quick?%d" % n) for n in range(200)))
        for n in range(200):
            assert await peer.answer() == (200, b"quick %d" % n)
    assert len(lines) == 200


@as_in_a_worker
async def test_a_half_closed_connection_does_not_stay(lines: Lines) -> None:
    async with serving(connections=1) as port:
        async with connected(port) as peer:
            await peer.send(b"GET /quick HTTP/1.1\r\n")
            peer.writer.write_eof()
            assert await peer.rest() == b""
        assert await ask(port) == 200
    assert [line["event"] for line in lines] == ["request"]


@as_in_a_worker
async def test_a_source_has_its_bound_and_others_theirs(lines: Lines) -> None:
    async with serving(connections_per_source=3) as port, contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connected(port)) for _ in range(3)]
        for peer in peers:
            await peer.send(HEAD)
            assert (await peer.answer())[0] == 200
        async with connected(port) as fourth:
            assert await fourth.rest() == b""
        assert await ask(port, source="127.0.0.2") == 200
        peers[0].writer.transport.abort()
        await asyncio.sleep(0.1)
        assert await ask(port) == 200
    turned_away = [line for line in lines if line["event"] == "connection_turned_away"]
    assert [line["source"] for line in turned_away] == ["127.0.0.1"]


@as_in_a_worker
async def test_listed_networks_have_no_bound_of_their_own(lines: Lines) -> None:
    async with serving(connections_per_source=1, allow_list=LOOPBACK) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            peer = await stack.enter_async_context(connected(port))
            await peer.send(HEAD)
            assert (await peer.answer())[0] == 200
    assert {line["event"] for line in lines} == {"request"}


@as_in_a_worker
async def test_the_bound_of_all_connections_holds_for_everybody(lines: Lines) -> None:
    async with serving(connections=2, allow_list=LOOPBACK) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            peer = await stack.enter_async_context(connected(port))
            await peer.send(HEAD)
            assert (await peer.answer())[0] == 200
        async with connected(port, source="127.0.0.9") as third:
            assert await third.rest() == b""
    assert [line["event"] for line in lines].count("connection_turned_away") == 1


@as_in_a_worker
async def test_five_hundred_slow_connections_do_not_hinder_honest_requests(lines: Lines) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    async with serving(header_seconds=3.0) as port, contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connected(port)) for _ in range(500)]
        for peer in slow:
            await peer.send(b"GET /quick HTTP/1.1\r\nX-Never: ends")
        times = []
        for _ in range(50):
            began = time.monotonic()
            assert await ask(port) == 200
            times.append(time.monotonic() - began)
        assert sorted(times)[25] < 0.1
        assert all(ended == b"" for ended in await asyncio.gather(*(peer.rest(10) for peer in slow)))
        assert await ask(port) == 200
    assert [line["event"] for line in lines].count("request_head_too_slow") == 500


# Stopping and listening -----------------------------------------------------------------------------


@as_in_a_worker
async def test_a_request_under_way_is_finished_and_idle_connections_are_closed(lines: Lines) -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with serving() as port:
            idle = await clients.enter_async_context(connected(port))
            await idle.send(HEAD)
            assert (await idle.answer())[0] == 200
            busy = await clients.enter_async_context(connected(port))
            await busy.send(b"GET /slow HTTP/1.1\r\nHost: node\r\n\r\n")
            await asyncio.sleep(0.1)
        assert await busy.answer() == (200, b"slow but sure")
        assert await idle.rest() == b""
        assert await busy.rest() == b""
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


@as_in_a_worker
async def test_a_request_that_takes_too_long_does_not_hold_the_stop_up(lines: Lines) -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with serving(stop_seconds=0.3) as port:
            peer = await clients.enter_async_context(connected(port))
            await peer.send(b"GET /endless HTTP/1.1\r\nHost: node\r\n\r\n")
            assert await peer.reader.read(10)
            began = time.monotonic()
        assert time.monotonic() - began < 3


def test_a_taken_port_is_named() -> None:
    with contextlib.closing(bind("127.0.0.1", 0, shared=False)) as first:
        first.listen()
        port = first.getsockname()[1]
        for attempt in (bind, check_free):
            with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1") as caught:
                attempt("127.0.0.1", port)
            assert caught.value.evidence == {"port": port, "host": "127.0.0.1"}


def test_a_second_node_does_not_slip_in_beside_the_workers_of_the_first() -> None:
    with contextlib.closing(bind("127.0.0.1", 0)) as worker:
        worker.listen()
        port = worker.getsockname()[1]
        with contextlib.closing(bind("127.0.0.1", port)) as other_worker:
            other_worker.listen()
        with pytest.raises(PortTaken):
            check_free("127.0.0.1", port)
    check_free("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7", "no..host", "host.invalid"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(AddressUnusable, match=host):
        bind(host, 0)


@as_in_a_worker
async def test_the_loopback_of_ipv6_is_served(lines: Lines) -> None:
    async with (
        HttpServer(application(), [bind("::1", 0), bind("127.0.0.1", 0)], bounds(connections_per_source=1)) as server,
        connected(server.ports[0], host="::1") as peer,
    ):
        await peer.send(HEAD)
        assert await peer.answer() == (200, b"quick ")
        assert await ask(server.ports[1]) == 200
    assert [line["source"] for line in lines] == ["::1", "127.0.0.1"]
