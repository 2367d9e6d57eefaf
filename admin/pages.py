"""What a node says of itself on pages, the documentation of the interface, and the files that pages need.

Everything comes from this process: no inline script or style, no request to any other host.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from admin.rendering import page

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class NodeFace:
    """What pages say about the node; an ``enterprise`` node has neither filings nor rules to show."""

    name: str
    prefix: str
    laboratory: bool
    enterprise: bool = False


def add_routes(router: web.UrlDispatcher, face: NodeFace, openapi: Callable[[], dict[str, Any]]) -> None:
    """Document at ``/v1/openapi.json``, its reader at ``/v1/docs``, files at ``/desk``, the mark of the node."""
    static = _HERE / "static"
    files = {path.relative_to(static).as_posix(): path for path in static.rglob("*") if path.is_file()}

    async def mark(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(
            files["icon.svg"], headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=86400"}
        )

    async def docs(_: web.Request) -> web.Response:
        return page("docs.html", face=face)

    @functools.cache
    def document() -> bytes:
        """Made when it is first asked for: it takes half a second, which no start need wait for."""
        return msgspec.json.encode(openapi())

    async def described(_: web.Request) -> web.Response:
        body = await asyncio.to_thread(document)
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-cache"})

    async def file(request: web.Request) -> web.StreamResponse:
        path = files.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"})

    router.add_get("/v1/docs", docs)
    router.add_get("/v1/openapi.json", described)
    router.add_get("/desk/{name:.+}", file)
    router.add_get("/favicon.ico", mark)
