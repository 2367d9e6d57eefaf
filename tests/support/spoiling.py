"""A door before a real upper side that spoils what it answers: what a broken implementation would do."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from node.http_server import Bounds, HttpServer, bind

_BOUNDS = Bounds(header_seconds=10, idle_seconds=60, connections=256, connections_per_source=256, stop_seconds=2)
_HOP_BY_HOP = {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding"}


@dataclass
class Passed:
    """A request, and what the upper answered to it; ``path`` without the query."""

    method: str
    path: str
    body: bytes
    status: int
    answer: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.answer)

    @property
    def code(self) -> str:
        """Of a refusal, empty of anything else."""
        return str(self.content.get("code", "")) if self.status != 200 else ""

    def say(self, content: Any, status: int = 200) -> None:
        """Answer this instead."""
        self.status, self.answer = status, json.dumps(content).encode()

    def accept_all(self) -> None:
        """Every message of the delivery as accepted."""
        messages = json.loads(self.body)["messages"]
        self.say({"results": [{"message_id": each["message_id"], "status": "accepted"} for each in messages]})


Spoil = Callable[[Passed], None]


@contextlib.asynccontextmanager
async def spoiled(url: str, spoil: Spoil, *, keeps: Callable[[Passed], bool] = lambda _: True) -> AsyncIterator[str]:
    """The address of the door while the block lasts; what ``keeps`` denies never reaches the upper."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def serve(request: web.Request) -> web.Response:
            passed = Passed(request.method, request.path, await request.read(), 200, b"{}")
            if keeps(passed):
                target = URL(url + request.raw_path, encoded=True)
                headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
                async with session.request(
                    request.method, target, data=passed.body or None, headers=headers
                ) as response:
                    passed.status, passed.answer = response.status, await response.read()
            spoil(passed)
            return web.Response(body=passed.answer, status=passed.status, content_type="application/json")

        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{rest:.*}", serve)
        bound = bind("127.0.0.1", 0)
        async with HttpServer(app, [bound], _BOUNDS):
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
