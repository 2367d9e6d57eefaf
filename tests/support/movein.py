"""Moving in, for the tests: a line to the old node that fails, the command's end, and what can be seen afterwards."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.node import Node

PREFIX = "88.101.2001"


@dataclass
class Line:
    """A proxy to a node that fails as real ones do; ``asked`` counts the requests by path."""

    target: str
    session: aiohttp.ClientSession
    url: str = ""
    failures: list[str] = field(default_factory=list)
    """What becomes of the next requests: ``504``, ``lost``, ``moved``, ``html``, ``signed_out``."""
    asked: Counter[str] = field(default_factory=Counter)

    async def carry(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "504":
            return web.Response(status=504, text="<html>gateway time-out</html>", content_type="text/html")
        if failure == "moved":
            raise web.HTTPFound("http://198.51.100.1/elsewhere")
        if failure == "signed_out":
            return web.json_response({"status": -1, "code": 101, "message": "无效的token", "data": None})
        if failure == "html":
            return web.Response(text="<html>", content_type="text/html")
        headers = {
            name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers
        }
        async with self.session.request(
            request.method, self.target + request.path_qs, data=await request.read(), headers=headers
        ) as answer:
            content = await answer.read()
        if failure == "lost" and request.transport is not None:
            request.transport.abort()
        return web.Response(
            body=content, status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]}
        )


@contextlib.asynccontextmanager
async def line_to(node: Node) -> AsyncIterator[Line]:
    line = Line(node.url, node.session)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", line.carry)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        line.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield line
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        assert self.out, self.err
        return dict(json.loads(self.out))


MoveIn = Callable[..., Awaitable[Ended]]


def problems(folder: Path) -> list[tuple[str, str]]:
    """Handle and code of everything that was not moved."""
    lines = (folder / "problems.ndjson").read_text(encoding="utf-8").splitlines()
    return [(one["handle"], one["code"]) for one in map(json.loads, lines)]


async def resolved(node: Node, handle: str) -> dict[int, tuple[str, Any]]:
    """Type and text by index, as anybody sees them."""
    answer = await node("GET", f"/api/handles/{handle}", by=None)
    return {value["index"]: (value["type"], value["data"]["value"]) for value in answer.json["values"]}
