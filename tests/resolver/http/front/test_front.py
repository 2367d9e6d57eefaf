"""The front's duties: who is told of what it answers, what it must not answer, and when connections end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from node.database import Pool
from tests.support.docking import until
from tests.support.shelf import Shelf, values
from tests.support.two_ways import SIMPLE, Ways, each, said, two_ways, whole_answer

PUMP = b"88.101.1/Pump-001"
_AGE = re.compile(rb"\r\nAge: [0-9]")
HEAD = b"GET /api/handles/88.101.1/Pump-001 HTTP/1.1\r\nHost: node\r\n"


@pytest.fixture
async def ways(database_url: str, pool: Pool, pump: str) -> AsyncIterator[Ways]:
    assert pump.encode() == PUMP
    async with two_ways(database_url, pool) as ways:
        yield ways


@contextlib.contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


# Who is told ----------------------------------------------------------------------------------------


async def test_both_ways_count_the_same(ways: Ways) -> None:
    bot = HEAD + b"User-Agent: Googlebot/2.1\r\n\r\n"
    asked = [SIMPLE % PUMP, bot, SIMPLE % b"88.101.1/none", SIMPLE % b"88.101.1/%70ump-001", SIMPLE % PUMP]
    told = {}
    for port in (ways.aiohttp, ways.front):
        for one in asked:
            await each(port, SIMPLE % PUMP, one)
        told[port], ways.counter.told = ways.counter.told, []
    assert len(told[ways.front]) == 2 * len(asked)
    assert told[ways.front] == told[ways.aiohttp]
    assert ways.handed_over == 0


async def test_both_ways_write_the_same_lines(ways: Ways) -> None:
    targets = [PUMP, b"88.101.1/none", b"88.101.1/a%2Fb%25%22%E6%B3%B5%2B", b"88.101.1/" + b"%41" * 200]
    with logged() as by_aiohttp:
        for target in targets:
            await each(ways.aiohttp, SIMPLE % PUMP, SIMPLE % target)
    for target in targets:
        await each(ways.front, SIMPLE % PUMP, SIMPLE % target)
    differing = ("milliseconds", "request_id", "timestamp", "level", "log_level")
    lines = ways.logged()
    assert [{name: line[name] for name in line if name not in differing} for line in lines] == [
        {name: line[name] for name in line if name not in differing} for line in by_aiohttp
    ]
    assert list(lines[0]) == [
        "request_id", "method", "path", "status", "milliseconds", "source", "caller", "event", "level", "timestamp",
    ]  # fmt: skip
    assert lines[0]["level"] == "info"
    assert len({line["request_id"] for line in lines}) == len(lines)


async def test_lines_leave_in_pieces_that_a_pipe_takes_whole(ways: Ways) -> None:
    async with connected(ways.front) as (reader, writer):
        for _ in range(300):
            writer.write(SIMPLE % PUMP)
            await whole_answer(reader)
    assert len(ways.logged()) == 300
    assert max(len(text) for text in ways.lines) <= 4096
    assert all(text.endswith("}\n") for text in ways.lines)
    assert len(ways.lines) < 30


def _metrics() -> dict[str, float]:
    labels = {"family": "handle_json"}
    buckets = {
        f"≤ {bound}": REGISTRY.get_sample_value("biaoshi_http_request_seconds_bucket", {**labels, "le": bound})
        for bound in ("0.0005", "0.01", "1.0", "+Inf")
    }
    counts = {
        status: REGISTRY.get_sample_value(
            "biaoshi_http_requests_total", {**labels, "method": "GET", "status": status}
        )
        for status in ("200", "404")
    }
    hits = REGISTRY.get_sample_value("biaoshi_cache_hits_total")
    total = REGISTRY.get_sample_value("biaoshi_http_request_seconds_count", labels)
    return {name: value or 0.0 for name, value in {**buckets, **counts, "hits": hits, "all": total}.items()}


async def test_requests_and_their_latencies_are_in_the_metrics(ways: Ways) -> None:
    ways.server.tell_now()
    before = _metrics()
    for target in (PUMP, PUMP, PUMP, b"88.101.1/none"):
        await each(ways.front, SIMPLE % target)
    ways.server.tell_now()
    grown = {name: value - before[name] for name, value in _metrics().items()}
    assert (grown["200"], grown["404"], grown["all"], grown["≤ +Inf"], grown["hits"]) == (3, 1, 4, 4, 2)
    assert 0 < grown["≤ 1.0"] <= 4


async def test_a_trusted_proxy_is_believed_and_nobody_else(database_url: str, pool: Pool, pump: str) -> None:
    asked = [
        HEAD + b"X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\n\r\n", HEAD + b"X-Forwarded-For: 192.0.2.9\r\n\r\n",
        HEAD + b"X-Forwarded-For: nobody\r\n\r\n", HEAD + b"\r\n",
    ]  # fmt: skip
    for trusted in ((), (ipaddress.ip_network("127.0.0.0/8"),)):
        async with two_ways(database_url, pool, trusted=trusted) as ways:
            for port in (ways.aiohttp, ways.front):
                await each(port, *asked)
            sources = [told[3] for told in ways.counter.told]
            assert sources[4:] == sources[:4]
            assert sources[0] == ("198.51.100.7" if trusted else "127.0.0.1")
            assert ways.handed_over == 0


# What stands ----------------------------------------------------------------------------------------


async def test_a_changed_record_is_never_answered_from_what_was_ready(ways: Ways, shelf: Shelf) -> None:
    for version in range(5):
        assert f"version-{version - 1}".encode() in await each(ways.front, SIMPLE % PUMP) or not version
        epoch = ways.resolver.epoch
        await shelf.update(PUMP.decode(), values((1, "URL", f"https://pumps.example/version-{version}")))
        await until(lambda epoch=epoch: ways.resolver.epoch > epoch)
    await shelf.delete(PUMP.decode())
    await until(lambda: ways.resolver.standing(("88.101.1", "PUMP-001")) is None)
    assert (await each(ways.front, SIMPLE % PUMP)).startswith(b"HTTP/1.1 404 ")


async def test_a_suspended_prefix_is_no_longer_answered_from_what_was_ready(ways: Ways, shelf: Shelf) -> None:
    assert (await each(ways.front, SIMPLE % PUMP)).startswith(b"HTTP/1.1 200 ")
    epoch = ways.resolver.epoch
    await shelf.set_prefix_state("88.101.1", "suspended")
    await until(lambda: ways.resolver.epoch > epoch)
    assert await said(ways.front, SIMPLE % PUMP) == await said(ways.aiohttp, SIMPLE % PUMP)
    assert ways.counter.told[-1] == ways.counter.told[-3]  # behind each stands the last, of another kind


async def test_what_is_ready_is_bounded(database_url: str, pool: Pool, shelf: Shelf) -> None:
    await shelf.prefix()
    for number in range(40):
        await shelf.register(f"88.101.1/{number}", values((1, "TEXT", "x" * 3000)))
    async with two_ways(database_url, pool, ready_bytes=90_000) as ways:
        for _ in range(2):
            for number in range(40):
                await each(ways.front, SIMPLE % b"88.101.1/%d" % number)
        assert 10 < len(ways.server.ready) < 30
        assert ways.handed_over == 0


async def test_unknown_identifiers_take_no_place_from_those_that_are_found(
    database_url: str, pool: Pool, pump: str
) -> None:
    resolving = {"missing_bytes": 20_000}
    async with two_ways(database_url, pool, resolving=resolving) as ways, connected(ways.front) as (reader, writer):
        writer.write(SIMPLE % PUMP)
        await whole_answer(reader)
        before = REGISTRY.get_sample_value("biaoshi_lookups_total") or 0
        for number in range(400):
            writer.write(SIMPLE % b"88.101.1/nobody-%d" % number)
            assert (await whole_answer(reader)).startswith(b"HTTP/1.1 404 ")
        writer.write(SIMPLE % PUMP)
        assert (await whole_answer(reader)).startswith(b"HTTP/1.1 200 ")
        # The pump was not looked up again, one prefix handle was; the first of the others has given way.
        assert (REGISTRY.get_sample_value("biaoshi_lookups_total") or 0) - before == 401
        writer.write(SIMPLE % b"88.101.1/nobody-0")
        await whole_answer(reader)
        assert (REGISTRY.get_sample_value("biaoshi_lookups_total") or 0) - before == 402
        assert len(ways.server.ready) == 1


async def test_while_the_database_is_away_both_say_the_same_of_age(
    server_url: Callable[[str], str], database_url: str, pool: Pool, pump: str
) -> None:
    name = urlsplit(database_url).path.strip("/")
    async with two_ways(database_url, pool, resolving={"lookup_seconds": 0.3}) as ways:
        await each(ways.front, SIMPLE % PUMP)
        postgres = await asyncpg.connect(server_url("postgres"))
        await postgres.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await postgres.close()
        await until(lambda: not ways.resolver.listening)
        by_aiohttp = await said(ways.aiohttp, SIMPLE % PUMP)
        assert b"\r\nCache-Status: biaoshi; hit; detail=stale\r\n" in by_aiohttp
        assert _AGE.sub(b"", await said(ways.front, SIMPLE % PUMP)) == _AGE.sub(b"", by_aiohttp)
        nobody = SIMPLE % b"88.101.1/never"
        by_aiohttp = await each(ways.aiohttp, nobody)
        assert by_aiohttp.startswith(b"HTTP/1.1 503 ")
        assert await each(ways.front, nobody) == by_aiohttp


# When connections end -------------------------------------------------------------------------------


async def test_who_asks_nothing_more_is_closed_after_the_idle_time(database_url: str, pool: Pool, pump: str) -> None:
    async with two_ways(database_url, pool, idle_seconds=0.3) as ways:
        for beginning in (b"", SIMPLE[:25]):
            async with connected(ways.front) as (reader, writer):
                writer.write(SIMPLE % PUMP + beginning)
                await whole_answer(reader)
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
        assert ways.handed_over == 0


async def test_a_first_head_that_never_ends_is_ended_at_the_deadline(
    database_url: str, pool: Pool, pump: str
) -> None:
    async with two_ways(database_url, pool, header_seconds=0.3) as ways:
        for beginning in (b"", b"GET /api/han"):
            async with connected(ways.front) as (reader, writer):
                writer.write(beginning)
                with logged() as lines:
                    async with asyncio.timeout(5):
                        assert await reader.read() == b""
                assert [line["event"] for line in lines] == ["request_head_too_slow"]
        assert ways.handed_over == 0


async def _half_closed(port: int, request: bytes) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(request)
        writer.write_eof()
        async with asyncio.timeout(5):
            return await reader.read()


async def test_who_sends_no_more_still_gets_what_he_waits_for(ways: Ways, shelf: Shelf) -> None:
    async with shelf.connection.transaction():
        await shelf.connection.execute("LOCK TABLE identifier IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(_half_closed(ways.front, SIMPLE % b"88.101.1/other"))
        await asyncio.sleep(0.1)
        assert not asking.done()
    assert (await asking).startswith(b"HTTP/1.1 404 ")


async def test_a_stop_lets_answers_under_way_leave_and_closes_all_else(
    database_url: str, pool: Pool, pump: str, shelf: Shelf
) -> None:
    running = two_ways(database_url, pool)
    ways = await running.__aenter__()
    async with connected(ways.front) as (idle, writer), shelf.connection.transaction():
        writer.write(SIMPLE % PUMP)
        await whole_answer(idle)
        await shelf.connection.execute("LOCK TABLE identifier IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(_half_closed(ways.front, SIMPLE % b"88.101.1/other"))
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(running.__aexit__(None, None, None))
        async with asyncio.timeout(5):
            assert await idle.read() == b""
        assert not asking.done()
    assert (await asking).startswith(b"HTTP/1.1 404 ")
    await stopping


async def test_answers_that_are_not_read_are_not_made(ways: Ways) -> None:
    await each(ways.front, SIMPLE % PUMP)
    ways.counter.told.clear()
    many = 20_000
    async with connected(ways.front) as (reader, writer):
        writer.transport.pause_reading()
        for _ in range(many // 1000):
            writer.write(SIMPLE % PUMP * 1000)
        await asyncio.sleep(0.3)
        assert 0 < len(ways.counter.told) < many
        writer.transport.resume_reading()
        for _ in range(many):
            assert (await whole_answer(reader)).startswith(b"HTTP/1.1 200 ")
    assert len(ways.counter.told) == many
    assert ways.handed_over == 0


async def test_a_connection_that_was_handed_over_stays_so_and_is_counted_once(ways: Ways) -> None:
    asked = HEAD + b"Cookie: a=b\r\n\r\n"
    answers = await each(ways.front, SIMPLE % PUMP, SIMPLE % PUMP, asked, SIMPLE % PUMP, SIMPLE % PUMP)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 5
    assert ways.handed_over == 1
    assert len(ways.counter.told) == 5
