"""The wall screen (大屏): the node's figures on one page of 1920 × 1080, pushed by server-sent events.

Whoever may open it may see the same, so a snapshot is made once for all screens of a process, by the operations of
``/v1`` that the other pages ask. While the database is away a screen keeps its last figures and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import msgspec
from aiohttp import web

from admin.console.inside import Inside
from admin.console.page import STAFF, Page
from admin.console.series import Point, every_hour, last_minutes
from admin.console.session import session_of
from admin.console.visit import Visit
from node.auth import Account, Action, require
from node.errors import Forbidden, NodeError, TooMany, Unauthenticated
from node.pause import pause
from node.routes import Reply, Route
from node.web import render, signed_in
from registry.accounts.accounts import Accounts

MINUTES = 60
_LEADERS = 8
_SHARE = 10  # making the figures takes at most so much of the time: one part in …

Ask = Callable[[str, Mapping[str, object]], Awaitable[Any]]
"""An operation with its query → what it answers."""


class TooManyScreens(TooMany):
    title_zh = "同时打开的大屏过多"


class Wall:
    """The figures for at most ``screens`` in this process, asked for again after ``every`` seconds, or later where
    they are long in coming.
    """

    def __init__(
        self,
        routes: list[Route],
        accounts: Accounts,
        *,
        every: float = 2.0,
        screens: int = 64,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.screens = screens
        self._inside = Inside(routes)
        self._accounts = accounts
        self._every = every
        self._ticks = ticks
        self._making = asyncio.Lock()
        self._kept: bytes | None = None
        self._kept_until = 0.0
        self._open = 0
        self._stopping = asyncio.Event()

    async def stop(self, _: web.Application) -> None:
        """The server stops: no screen is told any more."""
        self._stopping.set()

    async def watch(self, request: web.Request) -> AsyncGenerator[bytes, None]:
        """The text of an event stream: ``figures`` whenever they are new, ``away`` while the database is, ``ended``
        with the session. Raises ``NotSignedIn``, ``NotAllowed`` and ``TooManyScreens`` before the first.
        """
        account = await self._watcher(request)
        signed_in(request, account)
        if self._open >= self.screens:
            raise TooManyScreens("this worker has enough screens; close one of them", most=self.screens)
        return self._events(request)

    async def _watcher(self, request: web.Request) -> Account:
        account = (await session_of(self._accounts, request)).account
        require(account, Action.NODE_STATISTICS_READ, None)
        return account

    async def _events(self, request: web.Request) -> AsyncGenerator[bytes, None]:
        self._open += 1
        told = None
        try:
            while True:
                try:
                    snapshot = await self._snapshot(request, await self._watcher(request))
                except (Unauthenticated, Forbidden) as error:
                    yield _event("ended", {"code": error.code, "title_zh": error.title_zh, "detail": error.detail})
                    return
                except NodeError as error:
                    yield _event("away", {"code": error.code, "title_zh": error.title_zh, "detail": error.detail})
                else:
                    yield b": as before\n\n" if snapshot is told else b"event: figures\ndata: %b\n\n" % snapshot
                    told = snapshot
                if await pause(self._stopping, self._every):
                    return
        finally:
            self._open -= 1

    async def _snapshot(self, request: web.Request, account: Account) -> bytes:
        async with self._making:  # whoever comes meanwhile waits for the one who asks
            began = self._ticks()
            if self._kept is None or began >= self._kept_until:

                async def ask(operation: str, query: Mapping[str, object]) -> Any:
                    return (await self._inside.ask(request, account, operation, {}, query)).content

                self._kept = msgspec.json.encode(await figures(ask))
                self._kept_until = began + max(self._every, _SHARE * (self._ticks() - began))
            return self._kept


def wall_pages() -> list[Page]:
    """``/console/wall``."""

    async def wall(visit: Visit) -> web.StreamResponse:
        async def ask(operation: str, query: Mapping[str, object]) -> Any:
            return await visit.ask(operation, query=query)

        return visit.show("wall.html", figures=await figures(ask))

    return [Page("GET", "/console/wall", wall, Action.NODE_STATISTICS_READ, STAFF)]


def add_wall(router: web.UrlDispatcher, wall: Wall) -> None:
    """``/console/wall/events``, for the script of the page."""

    async def events(request: web.Request) -> web.StreamResponse:
        async with aclosing(await wall.watch(request)) as stream:
            reply = Reply(stream, headers={"X-Accel-Buffering": "no"}, content_type="text/event-stream")
            return await render(request, reply)

    router.add_get("/console/wall/events", events)


async def figures(ask: Ask) -> dict[str, Any]:
    """Everything on the wall, as JSON can say it; every figure is as its operation answers it."""
    summary = await ask("GET /v1/statistics", {})
    today = {"since": summary.until, "until": summary.until}
    yesterday = {"since": summary.until - timedelta(days=1), "until": summary.until}
    resolutions, top = "GET /v1/statistics/resolutions", "GET /v1/statistics/resolutions/top"
    hours, minutes, outcomes, prefixes, enterprises, national, tasks, measured = await asyncio.gather(
        ask(resolutions, {"by": "hour", **today}),
        ask(resolutions, {"by": "minute", **yesterday}),
        ask(resolutions, {"by": "outcome", **today}),
        ask(top, {"of": "prefix", "limit": _LEADERS}),
        ask(top, {"of": "enterprise", "limit": _LEADERS}),
        ask("GET /v1/national", {}),
        ask("GET /v1/node/tasks", {}),
        ask("GET /v1/node/measurements", {}),
    )
    told: dict[str, Any] = {
        "summary": summary.model_dump(mode="json"),
        "hours": _drawn(every_hour(hours)),
        "minutes": _drawn(last_minutes(minutes, summary.as_of, MINUTES)),
        "outcomes": {one.key: one.raw for one in outcomes.items},
        "prefixes": [one.model_dump() for one in prefixes.items],
        "enterprises": [one.model_dump() for one in enterprises.items],
        "national": national.model_dump(mode="json", include={"link", "backlog", "takeover"}),
        "tasks": tasks.model_dump(mode="json"),
        "measured": measured.model_dump(mode="json"),
    }
    return told


def _drawn(points: list[Point]) -> list[dict[str, Any]]:
    """By the time of day: what was valid, and what was answered."""
    return [
        {
            "time": point.key[11:16],
            "valid": point.row.valid if point.row else 0,
            "raw": point.row.raw if point.row else 0,
        }
        for point in points
    ]


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    """One event (WHATWG HTML, section 9.2)."""
    return f"event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n".encode()
