"""The public page of filing (标识备案查询): who holds a prefix, by prefix, identifier or name."""

from __future__ import annotations

from aiohttp import web

from admin.pages import NodeFace
from admin.public import public_page
from node.rate_limit import RateLimit
from node.web import SOURCE
from registry.api.v1.filing import FilingView, found
from registry.filing import Filing

_MOST = 50
_LONGEST = 255


def add_routes(router: web.UrlDispatcher, face: NodeFace, filing: Filing, limit: RateLimit) -> None:
    """The page at ``/filing``; questions count towards the same limit as ``/v1/filing``."""

    async def ask(request: web.Request) -> web.Response:
        asked = request.query.get("q", "").strip()[:_LONGEST]
        if asked and not limit.allow(request[SOURCE]):
            return public_page(
                request, "filing.html", face, status=429, asked=asked, filed=[], answered=False, busy=True
            )
        filed = await found(filing, asked, 0, _MOST) if asked and asked.isprintable() else []
        shown = [FilingView.of(one) for one in filed]
        return public_page(request, "filing.html", face, asked=asked, filed=shown, answered=bool(asked), busy=False)

    router.add_get("/filing", ask)
