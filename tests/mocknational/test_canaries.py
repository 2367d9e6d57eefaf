from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from admin.statistics.rollup import sum_all
from mocknational.canaries import CanaryPlan
from node.china_time import day_of, midnight
from tests.support.bulk import page, record_of
from tests.support.caller import Caller, route
from tests.support.counting import MINUTE_DAYS
from tests.support.docking import DockedNode, now, until
from tests.support.node import Node, running_node
from tests.support.shelf import Shelf

SOURCE = "127.9.9.9"


@pytest.fixture
async def node(world: DockedNode, lower: asyncpg.Connection) -> AsyncIterator[Node]:
    """A whole node with forty identifiers, that counts who comes from the canaries' address."""
    async with running_node(world.database_url, counting={"never": ("127.0.0.1/32",)}) as node:
        shelf = Shelf(lower)
        for number in range(40):
            await shelf.register(f"88.101.2001/P-{number} #ü?")
        yield node


async def docked(caller: Caller, node: Node, node_id: Any) -> None:
    """Its route and its standby records lie above."""
    records = {f"88.101.2001/P-{number} #ü?": record_of("x") for number in range(40)}
    await caller.put_standby(page(records, "snapshot", 1, node_id, snapshot_id=uuid4(), last=True))
    assert (await caller.deliver(route(node.handle_port, node.port)))[0] == ("accepted", False)


async def canaries(session: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    async with session.get(url + "/canaries") as answer:
        return list(await answer.json())


async def test_canaries_show_up_exactly_in_the_counts_that_the_node_reports(
    world: DockedNode, session: aiohttp.ClientSession, node: Node
) -> None:
    clock = node.world.clock
    async with world.mock(clock=clock, canaries=CanaryPlan(source=SOURCE)) as mock:
        caller = Caller(session, mock, at=clock)
        node_id = await world.pool.fetchval("SELECT node_id FROM node_state")
        await docked(caller, node, node_id)
        async with session.post(mock.url + "/canaries", json={"prefix": "88.101", "count": 60}) as answer:
            assert await answer.json() == {"answered": 60, "missed": 0, "uncertain": 0, "unasked": 0}
        shown = await canaries(session, mock.url)
        assert sorted(each["interface"] for each in shown) == [4, 7]
        assert sum(each["answered"] for each in shown) == 60
        assert not any(each["exact"] for each in shown)
        # Somebody who does not count asks too.
        async with session.get(f"{node.url}/api/handles/88.101.2001/P-1 %23ü%3F") as answer:
            assert answer.status == 200
        await node.counter.write()
        await sum_all(node.world.pool, clock() + timedelta(minutes=1), minute_days=MINUTE_DAYS)
        async with world.steward(mock.url, clock=clock):

            async def all_exact() -> bool:
                return all(each["exact"] for each in await canaries(session, mock.url))

            await until(all_exact)
        # One more that the node has not reported yet is found out.
        async with session.post(mock.url + "/canaries", json={"prefix": "88.101", "count": 1}):
            assert not all(each["exact"] for each in await canaries(session, mock.url))


async def test_canaries_fly_by_themselves(world: DockedNode, session: aiohttp.ClientSession, node: Node) -> None:
    async with world.mock(clock=noon, canaries=CanaryPlan(6_000, SOURCE)) as mock:
        await docked(Caller(session, mock, at=noon), node, uuid4())

        async def some() -> bool:
            return sum(each["answered"] for each in await canaries(session, mock.url)) > 20

        await until(some)


async def test_what_nobody_answered_is_uncertain_and_what_nobody_heard_is_not_asked(
    world: DockedNode, session: aiohttp.ClientSession, node: Node
) -> None:
    async with world.mock(clock=noon, canaries=CanaryPlan(source=SOURCE), random=Random(3)) as mock:
        caller = Caller(session, mock, at=noon)
        async with session.post(mock.url + "/canaries", json={"prefix": "88.101"}) as answer:
            assert (await answer.json())["code"] == "nothing_to_resolve"
        await docked(caller, node, uuid4())

        async def ask(count: int) -> dict[str, int]:
            async with session.post(mock.url + "/canaries", json={"prefix": "88.101", "count": count}) as answer:
                return dict(await answer.json())

        # A port on which nobody speaks HTTP, and one on which nobody listens.
        await caller.deliver(route(1, node.handle_port, serial=2))
        result = await ask(6)
        assert result["answered"] == result["missed"] == 0
        assert result["uncertain"] > 0
        assert result["unasked"] > 0
        assert result["uncertain"] + result["unasked"] == 6
        assert [each["uncertain"] for each in await canaries(session, mock.url)] == [result["uncertain"]]
        records = {"88.101.2001/never": record_of("x")}
        await caller.put_standby(page(records, "snapshot", 2, uuid4(), snapshot_id=uuid4(), last=True))
        await caller.deliver(route(node.handle_port, serial=3))
        assert (await ask(3))["missed"] == 3


async def test_around_midnight_no_canary_flies(world: DockedNode, session: aiohttp.ClientSession, node: Node) -> None:
    at = midnight(day_of(now()))
    async with world.mock(clock=lambda: at, canaries=CanaryPlan(source=SOURCE)) as mock:
        await docked(Caller(session, mock, at=lambda: at), node, uuid4())
        for seconds in (-4, 0, 4):
            at = midnight(day_of(now())) + timedelta(seconds=seconds)
            async with session.post(mock.url + "/canaries", json={"prefix": "88.101"}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (409, "around_midnight")
        assert await canaries(session, mock.url) == []


def noon() -> datetime:
    """No test runs on two days."""
    return midnight(day_of(now())) + timedelta(hours=12)
