"""The front page (search an identifier, see what this node is) and the documentation of the interface.

Everything comes from this process: no inline script or style, no request to any other host.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from admin.rendering import page
from node import __version__
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class NodeFace:
    """What the front page says about the node; an ``enterprise`` node has neither filings nor rules to show."""

    name: str
    prefix: str
    laboratory: bool
    enterprise: bool = False


def add_routes(router: web.UrlDispatcher, face: NodeFace, openapi: dict[str, Any]) -> None:
    """Front page at ``/``, document at ``/v1/openapi.json``, its reader at ``/v1/docs``, files at ``/desk``."""
    document = msgspec.json.encode(openapi)
    static = _HERE / "static"
    files = {path.relative_to(static).as_posix(): path for path in static.rglob("*") if path.is_file()}

    async def front(request: web.Request) -> web.Response:
        asked = request.query.get("identifier", "").strip()
        fault = ""
        if asked:
            try:
                found = Identifier.parse(asked)
            except (InvalidIdentifier, InvalidPrefix, InvalidSuffix) as error:
                fault = error.detail
            else:
                # Slashes are escaped too: browsers fold "a/../b" before they ask.
                address = f"/{found.prefix.text}/{quote(found.suffix, safe='')}"
                return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-cache"})
        return page("front.html", face=face, asked=asked, fault=fault, version=__version__)

    async def docs(_: web.Request) -> web.Response:
        return page("docs.html", face=face)

    async def described(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json", headers={"Cache-Control": "no-cache"})

    async def file(request: web.Request) -> web.StreamResponse:
        path = files.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"})

    router.add_get("/", front)
    router.add_get("/v1/docs", docs)
    router.add_get("/v1/openapi.json", described)
    router.add_get("/desk/{name:.+}", file)
