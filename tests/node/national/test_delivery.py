from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from mocknational.faults import Faults
from mocknational.store import IssuedKey
from node.national import delivery
from node.national.signature import KeyPair
from tests.support.docking import DockedNode, kill, until
from tests.support.node_process import free_port

FLAKY = Faults(reject_share=0.1, busy_share=0.1, repeat_share=0.2, drop_share=0.2, delay_ms=2)
STREAMS = ("enterprise", "prefix", "registration")


async def arrived_exactly_once_and_in_order(world: DockedNode, upper: asyncpg.Connection, count: int) -> None:
    sent = await world.pool.fetch("SELECT stream, outbox_id FROM outbox ORDER BY stream, outbox_id")
    came = await upper.fetch("SELECT stream, sequence FROM docked_message ORDER BY stream, arrival")
    assert len(sent) == count
    assert [tuple(row) for row in came] == [tuple(row) for row in sent]
    assert await upper.fetchval("SELECT sum(disordered) FROM docked_stream") == 0


async def test_five_thousand_messages_arrive_once_and_in_order_through_absence_kills_and_bad_days(
    world: DockedNode, upper: asyncpg.Connection, session: aiohttp.ClientSession
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    async def received() -> int:
        return int(await upper.fetchval("SELECT count(*) FROM docked_message"))

    async def switch(**faults: object) -> None:
        async with session.put(url + "/faults", json=faults) as answer:
            assert answer.status == 200

    async with world.steward(url):
        await world.report_many(STREAMS, 400)  # nobody is there yet
        await until(lambda: has_tried(world))
        process = await world.start_mock(port, FLAKY)
        for _ in range(3):
            before = await received()
            await world.report_many(STREAMS, 300)
            await until(partial(more_than, received, before + 100))
            await kill(process)
            process = await world.start_mock(port, FLAKY)
        await switch(stopped=True)
        await world.report_many(STREAMS, 200)
        await asyncio.sleep(0.3)
        await switch()
        await world.report_many(("registration",), 500)
        await until(lambda: nothing_waits(world), seconds=30)
        await kill(process)
    await arrived_exactly_once_and_in_order(world, upper, 5_000)


async def has_tried(world: DockedNode) -> bool:
    return bool(await world.pool.fetchval("SELECT max(attempts) >= 2 FROM outbox"))


async def nothing_waits(world: DockedNode) -> bool:
    return await world.waiting() == 0


async def more_than(count: Callable[[], Awaitable[int]], least: int) -> bool:
    return await count() > least


async def test_messages_of_transactions_that_overlap_arrive_in_the_order_of_their_numbers(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    """Thirty writers whose transactions are open for a while and commit in any order."""

    async def write(writer: int) -> None:
        for turn in range(5):
            async with world.pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_current_xact_id()")
                await asyncio.sleep((writer * 7 + turn * 3) % 5 / 200)
                await connection.execute(
                    "INSERT INTO outbox (message_id, stream, kind, body, created_at)"
                    " VALUES (gen_random_uuid(), 'registration', 'test.numbered', '{}', now())"
                )
                await asyncio.sleep((writer * 5 + turn * 11) % 7 / 200)

    other_pool = await asyncpg.create_pool(
        world.database_url, min_size=1, max_size=6, server_settings={"role": "biaoshi_writer"}
    )
    async with world.mock() as mock, world.steward(mock.url, pool=other_pool):
        await asyncio.gather(*(write(writer) for writer in range(30)))
        await until(lambda: nothing_waits(world))
    other_pool.terminate()
    await arrived_exactly_once_and_in_order(world, upper, 150)


async def test_a_refused_message_is_set_aside_with_its_reason_and_holds_nothing_up(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    refused_before = delivery.REFUSED._value.get()
    await world.report_many(["prefix"], 3)
    await world.report("prefix", "prefix.reviewed", prefix="no fields at all")
    await world.report_many(["prefix"], 3)
    async with world.mock() as mock, world.steward(mock.url):
        await until(lambda: nothing_waits(world))
    row = await world.pool.fetchrow("SELECT * FROM outbox WHERE last_error IS NOT NULL")
    assert (row["kind"], row["delivered_at"] is not None) == ("prefix.reviewed", True)
    assert "消息内容有误" in row["last_error"]
    assert await upper.fetchval("SELECT count(*) FROM docked_message") == 6
    assert delivery.REFUSED._value.get() == refused_before + 1


async def test_a_message_that_spoils_a_whole_delivery_is_found_and_set_aside_alone(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    """The far side cannot even read a delivery that holds a stream's name with a blank."""
    await world.report_many(["a", "z"], 150)
    await world.report_many(["not a name"], 1)
    await world.report_many(["a", "not a name", "z"], 10)
    async with world.mock() as mock, world.steward(mock.url):
        await until(lambda: nothing_waits(world))
    spoilt = await world.pool.fetch("SELECT DISTINCT stream FROM outbox WHERE last_error IS NOT NULL")
    assert [row["stream"] for row in spoilt] == ["not a name"]
    assert await upper.fetchval("SELECT count(*) FROM docked_message") == 320
    assert await upper.fetchval("SELECT sum(disordered) FROM docked_stream") == 0


async def test_a_stream_that_is_put_off_rests_while_the_others_go_on(world: DockedNode) -> None:
    """A far side that is never ready for one stream."""

    async def answer(request: web.Request) -> web.Response:
        content = await request.json()
        results = [
            {"message_id": m["message_id"], "status": "refused" if m["stream"] == "b" else "accepted", "retry": True}
            for m in content["messages"]
        ]
        return web.json_response({"results": results})

    await world.report_many(["a", "b", "c"], 100)
    async with far_side(answer) as url, world.steward(url):

        async def the_others_are_done() -> bool:
            return await world.waiting() == 100

        await until(the_others_are_done)
        await asyncio.sleep(0.5)
        rows = await world.pool.fetch(
            "SELECT DISTINCT stream, attempts > 0 AS tried FROM outbox WHERE delivered_at IS NULL"
        )
        attempts = await world.pool.fetchval("SELECT max(attempts) FROM outbox")
    assert {row["stream"] for row in rows} == {"b"}
    assert 2 <= attempts < 20


async def test_a_wrong_key_loses_no_message(world: DockedNode, upper: asyncpg.Connection) -> None:
    await world.report_many(["a"], 3)
    stranger = IssuedKey(KeyPair("test-node", "another secret of the tests"), "88.101")
    async with world.mock(keys=[stranger]) as mock, world.steward(mock.url):
        await until(lambda: has_tried(world))
    assert await world.waiting() == 3
    assert "does not fit" in await world.pool.fetchval("SELECT last_error FROM outbox WHERE attempts > 0 LIMIT 1")
    async with world.mock() as mock, world.steward(mock.url):
        await until(lambda: nothing_waits(world))
    assert await upper.fetchval("SELECT count(*) FROM docked_message") == 3


@asynccontextmanager
async def far_side(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Somebody at the national node's address who answers as he likes."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_what_is_not_said_by_the_interface_is_no_answer(world: DockedNode) -> None:
    """Gateways, captive portals and strangers: whatever they say, the messages wait."""
    asked: list[str] = []
    mood = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/v1/messages":
            return web.json_response({})
        asked.append(request.path)
        if mood == 6:
            await asyncio.sleep(30)
        return (
            web.Response(text="<h1>404</h1>", status=404),
            web.Response(text="<h1>sign in</h1>", status=200, content_type="text/html"),
            web.Response(status=302, headers={"Location": "/v1/elsewhere"}),
            web.json_response({"results": "all fine"}),
            web.json_response({"results": []}),
            web.Response(body=b"[" + b"1," * (1 << 20), content_type="application/json"),
            web.Response(status=200),
            web.json_response({"code": "teapot", "reason": "", "retry": False}, status=418),
            web.json_response({"code": "internal", "reason": "", "retry": True}, status=500),
        )[mood]

    await world.report_many(["a"], 2)
    async with far_side(answer) as url, world.steward(url, docking={"deadline_seconds": 0.2}):
        for mood in range(9):  # noqa: B007 - the far side looks at it
            seen = len(asked)
            await until(partial(longer_than, asked, seen + 1))
            assert await world.waiting() == 2
    assert await world.pool.fetchval("SELECT count(*) FROM outbox WHERE last_error IS NOT NULL") >= 1


def longer_than(asked: list[str], least: int) -> bool:
    return len(asked) > least


def resident_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def test_a_long_backlog_and_a_slow_far_side_cost_no_memory(
    world: DockedNode, upper: asyncpg.Connection
) -> None:
    """40,000 messages of a kilobyte wait; the steward never holds more than a page of them."""
    await world.report_many(["a", "b"], 20_000, padding="x" * 1000)
    async with world.mock(Faults(delay_ms=30)) as mock:
        steward = await world.start_steward(mock.url)

        async def received(count: int) -> bool:
            return bool(await upper.fetchval("SELECT count(*) > $1 FROM docked_message", count))

        await until(lambda: received(600))
        before = resident_kilobytes(steward.pid)
        await until(lambda: received(3_000))
        growth = resident_kilobytes(steward.pid) - before
        await kill(steward)
    assert growth < 8_000


async def test_a_backlog_drains(
    world: DockedNode, upper: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rate is printed, not judged: at least 500 messages a second are wanted on two quiet cores."""
    await world.report_many(STREAMS, 2_000)
    process = await world.start_mock(port := free_port())
    began = time.monotonic()
    async with world.steward(f"http://127.0.0.1:{port}"):
        await until(lambda: nothing_waits(world), seconds=60)
    rate = 6_000 / (time.monotonic() - began)
    await kill(process)
    await arrived_exactly_once_and_in_order(world, upper, 6_000)
    with capsys.disabled():
        print(f"\noutbox drained at {rate:.0f} messages/s")
