"""The public pages of announcements (公告): the list at ``/announcements``, each at ``/announcements/{number}``."""

from __future__ import annotations

import re

from aiohttp import web

from admin.pages import NodeFace
from admin.public import public_page
from registry.service.announcements import Announcements, AnnouncementUnknown

_MOST = 20
_NUMBER = "[1-9][0-9]{0,8}"


def add_routes(router: web.UrlDispatcher, face: NodeFace, announcements: Announcements) -> None:
    """What is published, newest first."""

    async def listing(request: web.Request) -> web.Response:
        said = request.query.get("before", "")
        before = int(said) if re.fullmatch(_NUMBER, said, re.ASCII) else None
        found = await announcements.published(before=before, limit=_MOST + 1)
        more = found[_MOST - 1].announcement_id if len(found) > _MOST else None
        return public_page(request, "announcements.html", face, announced=found[:_MOST], more=more)

    async def one(request: web.Request) -> web.Response:
        try:
            found = await announcements.published_one(int(request.match_info["number"]))
        except AnnouncementUnknown:
            return public_page(request, "announcement.html", face, status=404, one=None)
        return public_page(request, "announcement.html", face, one=found)

    router.add_get("/announcements", listing)
    router.add_get(f"/announcements/{{number:{_NUMBER}}}", one)
