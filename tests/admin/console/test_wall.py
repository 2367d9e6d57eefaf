"""The wall screen: figures come over a real stream, change with what happens, end with the session or the node."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from tests.support.console import Browser
from tests.support.figures_of_node import register, resolve
from tests.support.node import Node, running_node

Event = tuple[str, dict[str, Any]]


class Screen:
    """An open stream of events."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content

    async def event(self) -> Event | None:
        """The next event, heartbeats passed over; ``None`` at the end of the stream."""
        name = ""
        while line := await asyncio.wait_for(self._content.readline(), 20):
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
        return None

    async def until(self, holds: Callable[[Event], bool]) -> Event:
        """The first event of which it holds."""
        while found := await self.event():
            if holds(found):
                return found
        raise AssertionError("the stream ended")


@contextlib.asynccontextmanager
async def screen(browser: Browser, node: Node) -> AsyncIterator[Screen]:
    async with browser._session.get(node.url + "/console/wall/events") as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        yield Screen(response)


async def test_figures_arrive_and_change_with_a_registration_and_a_resolution(database_url: str) -> None:
    async with (
        running_node(database_url, node={"laboratory": True}) as node,
        Browser(node, "reviewer") as browser,
        screen(browser, node) as wall,
    ):
        _, told = await wall.until(lambda event: event[0] == "figures")
        assert told["summary"]["registrations_live"] == told["summary"]["resolutions_today"]["valid"] == 0
        assert (told["prefixes"], len(told["hours"]), len(told["minutes"])) == ([], 24, 60)
        await register(node, 2)
        _, told = await wall.until(lambda event: event[1]["summary"]["registrations_live"] == 2)
        assert told["summary"]["resolutions_today"]["valid"] == 0
        node.world.clock.advance(minutes=2)
        await resolve(node, {"P-0": 3, "P-8": 2})
        node.world.clock.advance(minutes=1)
        _, told = await wall.until(lambda event: event[1]["summary"]["resolutions_today"]["valid"] == 3)
        assert told["minutes"][-1] == {"time": "17:32", "valid": 3, "raw": 5}
        assert sum(minute["raw"] for minute in told["minutes"][:-1]) == 0
        assert told["hours"][17] == {"time": "17:00", "valid": 3, "raw": 5}
        assert told["outcomes"] == {"hit": 3, "missing": 2}
        await same_as_the_operations(node, told)


async def same_as_the_operations(node: Node, told: dict[str, Any]) -> None:
    """But for the moment at which each was asked."""
    summary = (await node("GET", "/v1/statistics")).json
    assert {**told["summary"], "as_of": ""} == {**summary, "as_of": ""}
    for of in ("prefix", "enterprise"):
        top = await node("GET", "/v1/statistics/resolutions/top", query={"of": of, "limit": "8"})
        assert told["prefixes" if of == "prefix" else "enterprises"] == top.json["items"]
    assert told["tasks"] == (await node("GET", "/v1/node/tasks")).json
    national = (await node("GET", "/v1/national")).json
    assert told["national"]["link"] == national["link"]
    assert told["national"]["backlog"]["messages"] == national["backlog"]["messages"]


async def test_the_page_has_the_same_figures_without_scripts(database_url: str) -> None:
    async with (
        running_node(database_url, node={"laboratory": True}) as node,
        Browser(node, "administrator") as browser,
    ):
        await register(node, 3)
        await resolve(node, {"P-1": 4})
        page = await browser.page("/console/wall")
        assert "实验数据" in page.text
        assert {found["data-plot"] for found in page.all("div") if "data-plot" in found} == {"hours", "minutes"}
        assert "今日有效解析4昨日 0" in page.text
        assert "88.101.2001 中山示例企业2001" in page.text
        assert page.all("nav") == []
        english = await browser.page("/console/wall?lang=en")
        assert "Valid resolutions today" in english.text
        policy = (await browser.get("/console/wall")).headers["Content-Security-Policy"]
        assert "unsafe" not in policy


async def test_the_wall_is_for_the_staff(database_url: str) -> None:
    async with running_node(database_url) as node:
        for name in ("enterprise_user", "other"):
            async with Browser(node, name) as browser:
                assert (await browser.get("/console/wall")).status == 403
                assert (await browser.get("/console/wall/events")).code == "not_allowed"
        async with Browser(node) as stranger:
            assert (await stranger.get("/console/wall/events")).code == "not_signed_in"


async def test_a_wall_ends_with_its_session(database_url: str) -> None:
    async with (
        running_node(database_url) as node,
        Browser(node, "administrator") as browser,
        screen(browser, node) as wall,
    ):
        assert (await wall.event() or ("", {}))[0] == "figures"
        assert (await browser.send("/console/sign-out")).status == 303
        name, why = await wall.until(lambda event: event[0] != "figures")
        assert (name, why["code"]) == ("ended", "token_revoked")
        assert await wall.event() is None


async def test_a_worker_has_so_many_screens_and_no_more(database_url: str) -> None:
    async with running_node(database_url) as node, Browser(node, "administrator") as browser:
        async with contextlib.AsyncExitStack() as stack:
            walls = [await stack.enter_async_context(screen(browser, node)) for _ in range(64)]
            firsts = await asyncio.gather(*(wall.event() for wall in walls))
            assert len({json.dumps(first) for first in firsts}) == 1
            assert (await browser.get("/console/wall/events")).code == "too_many_screens"
        for _ in range(100):
            async with browser._session.get(node.url + "/console/wall/events") as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.1)
        pytest.fail("nobody may open a screen though all are closed")


async def test_a_node_that_stops_ends_its_walls(database_url: str) -> None:
    async with contextlib.AsyncExitStack() as outer:
        async with running_node(database_url) as node:
            browser = await outer.enter_async_context(Browser(node, "administrator"))
            wall = await outer.enter_async_context(screen(browser, node))
            assert await wall.event() is not None
        assert await wall.event() is None


@contextlib.asynccontextmanager
async def out_of_reach(server: str, database_url: str) -> AsyncIterator[None]:
    """The database has another name for a while, and nobody keeps a connection to it."""
    name = urlsplit(database_url).path.removeprefix("/")
    connection = await asyncpg.connect(server)
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"

    async def rename(old: str, new: str) -> None:
        for _ in range(100):
            await connection.execute(ended, old)
            with contextlib.suppress(asyncpg.ObjectInUseError):
                await connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"{old} stays in use")

    try:
        await rename(name, f"{name}_away")
        try:
            yield
        finally:
            await rename(f"{name}_away", name)
    finally:
        await connection.close()


async def test_while_the_database_is_away_the_wall_says_so_and_goes_on_afterwards(
    server_url: Callable[[str], str], database_url: str
) -> None:
    async with (
        running_node(database_url) as node,
        Browser(node, "administrator") as browser,
        screen(browser, node) as wall,
    ):
        assert (await wall.event() or ("", {}))[0] == "figures"
        async with out_of_reach(server_url("postgres"), database_url):
            name, why = await wall.until(lambda event: event[0] != "figures")
            assert name == "away"
            assert why["title_zh"]
        name, told = await wall.until(lambda event: event[0] != "away")
        assert name == "figures"
        assert told["summary"]["registrations_live"] == 0
