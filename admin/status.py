"""The public page of resolution monitoring (解析监测): the figures of ``/v1/public/monitoring`` as pictures."""

from __future__ import annotations

from aiohttp import web

from admin.pages import NodeFace
from admin.public import public_page
from admin.statistics.monitoring import KEPT_SECONDS, Monitoring
from admin.statistics.monitoring_routes import MonitoringView, monitoring_view
from node.errors import Unavailable
from node.rate_limit import RateLimit
from node.web import SOURCE


def add_routes(router: web.UrlDispatcher, face: NodeFace, monitoring: Monitoring, limit: RateLimit) -> None:
    """The page at ``/status``; looking at it counts towards the same limit as the operation."""

    async def status(request: web.Request) -> web.Response:
        def shown(found: MonitoringView | None, *, busy: bool = False, code: int = 200) -> web.Response:
            return public_page(request, "status.html", face, status=code, found=found, busy=busy, kept=KEPT_SECONDS)

        if not limit.allow(request[SOURCE]):
            return shown(None, busy=True, code=429)
        try:
            snapshot = await monitoring.snapshot()
        except Unavailable:
            return shown(None, code=503)
        return shown(monitoring_view(snapshot.figures))

    router.add_get("/status", status)
