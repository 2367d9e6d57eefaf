"""What operators' tools ask: is the process alive, is it ready, what are its numbers.

``/healthz`` says that this process answers. ``/readyz`` says whether it can do its work, part by part, and
answers 503 when it cannot. ``/metrics`` is for Prometheus. None of them counts as a resolution.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from node import __version__, metrics

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]


def add_routes(router: web.UrlDispatcher, readiness: Readiness) -> None:
    """``readiness`` answers quickly, part by part: name → whether it works."""

    async def alive(_: web.Request) -> web.Response:
        return _json({"status": "alive", "version": __version__})

    async def ready(_: web.Request) -> web.Response:
        parts = await readiness()
        works = all(parts.values())
        return _json({"status": "ready" if works else "not ready", "parts": dict(parts)}, 200 if works else 503)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=metrics.page(), headers={"Content-Type": metrics.CONTENT_TYPE})

    router.add_get("/healthz", alive)
    router.add_get("/readyz", ready)
    router.add_get("/metrics", numbers)


def _json(content: Mapping[str, object], status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(content),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
