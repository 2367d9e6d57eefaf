"""What operators' tools ask: is the process alive, is it ready, what are its numbers.

``/healthz`` says that this process answers. ``/readyz`` says whether it can do its work, part by part, and
answers 503 when it cannot. ``/metrics`` is for Prometheus. None of them counts as a resolution.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Mapping

import msgspec
import structlog
from aiohttp import web

from node import __version__, metrics

log = structlog.get_logger("serve")

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]

_PROBE_SECONDS = 1.0


def add_routes(router: web.UrlDispatcher, readiness: Readiness, needed: Container[str] | None = None) -> None:
    """``readiness`` answers quickly, part by part: name → whether it works; ``needed`` are those without which this
    process cannot do its work, all of them when it is not given.
    """

    async def alive(_: web.Request) -> web.Response:
        return _json({"status": "alive", "version": __version__})

    async def ready(_: web.Request) -> web.Response:
        parts = await readiness()
        works = all(works for name, works in parts.items() if needed is None or name in needed)
        return _json({"status": "ready" if works else "not ready", "parts": dict(parts)}, 200 if works else 503)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(body=metrics.page(), headers={"Content-Type": metrics.CONTENT_TYPE})

    router.add_get("/healthz", alive)
    router.add_get("/readyz", ready)
    router.add_get("/metrics", numbers)


class Probe:
    """One question at a time to a part that may be silent: it costs one connection, however often we are asked."""

    def __init__(self, question: Callable[[], Awaitable[object]]) -> None:
        self._question = question
        self._asking: asyncio.Task[bool] | None = None

    async def answered(self) -> bool:
        """Whether the part answers within a second."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait({self._asking}, timeout=_PROBE_SECONDS)
        return self._asking.done() and self._asking.result()

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._question()
        except Exception as error:  # noqa: BLE001 - whatever the reason, the answer is "not ready"
            log.info("not_ready", cause=type(error).__name__)
            return False
        return True


def _json(content: Mapping[str, object], status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(content),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
