"""Duties of the steward, and how everything it asks rests together while the node above is away."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import structlog
from aiohttp import web

from node.database import transaction
from node.errors import Conflict
from node.national import desk
from node.national.client import NationalClient
from node.national.duties import Duty
from node.national.instructions import Order
from node.national.link import LINK, OPEN_AFTER
from node.upper.instructions import issue_instruction
from tests.support.docking import DockedNode, now, until


async def test_a_duty_is_done_again_and_again_and_rests_after_a_failure(world: DockedNode) -> None:
    turns: list[float] = []

    async def turn(client: NationalClient) -> float:
        assert (await client.standby()).position is None
        turns.append(time.monotonic())
        if len(turns) == 2:
            raise Conflict("not this time")
        return 0.0 if len(turns) < 5 else 60.0

    with structlog.testing.capture_logs() as logs:
        async with world.mock() as mock, world.steward(mock.url, duties=[Duty("practice", "standby", turn)]):
            await until(lambda: len(turns) == 5)
    failed = [entry for entry in logs if entry["event"] == "reporting_failed"]
    assert [(entry["loop"], entry["code"]) for entry in failed] == [("practice", "conflict")]
    assert turns[2] - turns[1] >= 0.025  # half of the first rest at least


async def test_a_duty_rests_while_the_node_above_does_not_offer_what_it_needs(world: DockedNode) -> None:
    done: list[str] = []

    def duty(name: str, part: str) -> Duty:
        async def turn(_: NationalClient) -> float:
            done.append(name)
            return 0.05

        return Duty(name, part, turn)

    async with (
        world.mock() as mock,
        world.steward(mock.url, duties=[duty("known", "files"), duty("unknown", "telepathy")]),
    ):
        await until(lambda: done.count("known") >= 5)
    assert set(done) == {"known"}


async def test_a_question_that_is_kept_waiting_is_answered_as_soon_as_there_is_something(world: DockedNode) -> None:
    came: list[tuple[str, float]] = []

    async def turn(client: NationalClient) -> float:
        after = len(came)
        for instruction in (await client.instructions(after, 20)).instructions:
            came.append((instruction.kind, time.monotonic()))
        return 0.0

    async with world.mock() as mock, world.steward(mock.url, duties=[Duty("listen", "instructions", turn)]):
        await asyncio.sleep(1.0)
        issued = time.monotonic()
        async with transaction(mock.pool) as connection:
            await issue_instruction(connection, "88.101", Order.PROBE, {}, now())
        await until(lambda: bool(came))
        stopped = time.monotonic()
    assert came[0][0] == "probe"
    assert came[0][1] - issued < 3
    # Told to stop, the steward does not wait for the answers that are kept waiting.
    assert time.monotonic() - stopped < 4


@asynccontextmanager
async def counting_silence() -> AsyncIterator[tuple[str, Counter[str]]]:
    """An address at which every connection is reset, and who asked how often."""
    asked: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        asked[request.path] += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_while_nobody_answers_one_question_probes_for_all_of_them(world: DockedNode) -> None:
    """Rests of half a second at most in this test: some probes a second, however many loops there are."""
    await world.report_many(["a", "b"], 100)
    async with counting_silence() as (url, asked), world.steward(url):
        await until(lambda: LINK._value.get() == 0 and asked.total() > 2 * OPEN_AFTER)
        await asyncio.sleep(2.0)  # rests of 0.05 to 0.5 s, five of them until the circuit is open
        before = asked.total()
        await asyncio.sleep(2.0)
        probes = asked.total() - before
    assert 2 <= probes <= 16
    state = await world.pool.fetchrow("SELECT last_contact_at, failing_since, last_error FROM national_state")
    assert (state["last_contact_at"], state["failing_since"] is not None) == (None, True)
    assert "no answer" in state["last_error"]
    assert await world.pool.fetchval("SELECT max(attempts) FROM outbox") < 20


async def test_a_link_that_failed_before_the_steward_started_has_failed_since_then(world: DockedNode) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    await world.pool.execute("UPDATE national_state SET failing_since = $1", since)

    async def noted() -> bool:
        return bool(await world.pool.fetchval("SELECT last_error <> '' FROM national_state"))

    async with counting_silence() as (url, _), world.steward(url):
        await until(noted)
    assert await world.pool.fetchval("SELECT failing_since FROM national_state") == since


async def test_everything_resumes_when_the_node_above_is_back(
    world: DockedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_WATCH_SECONDS", 0.1)
    await world.report_many(["a"], 50)
    async with world.mock() as mock:
        url = mock.url
        mock.faults = type(mock.faults)(stopped=True)
        async with world.steward(url):
            await until(lambda: desk.WAITING._value.get() == 50 and LINK._value.get() == 0)
            mock.faults = type(mock.faults)()
            await until(lambda: desk.WAITING._value.get() == 0 and LINK._value.get() == 1)

            async def healthy() -> bool:
                return bool(await world.pool.fetchval("SELECT failing_since IS NULL FROM national_state"))

            await until(healthy)
            assert desk.LAG._value.get() == 0
