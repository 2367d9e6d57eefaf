"""The front page: search an identifier or a prefix, what the node announces, where everything else is."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from aiohttp import web

from admin.console.language import Language, language_of
from admin.pages import NodeFace
from admin.public import public_page
from node.errors import Unavailable
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from registry.service.announcements import Announcement, Announcements

_NEWEST = 5


def add_routes(router: web.UrlDispatcher, face: NodeFace, announcements: Announcements | None) -> None:
    """The page at ``/``; an enterprise's own node announces nothing and files nothing."""

    async def newest() -> list[Announcement]:
        if announcements is None:
            return []
        try:
            return await announcements.published(limit=_NEWEST)
        except Unavailable:
            return []  # what is resolved from the cache can still be asked for here

    async def front(request: web.Request) -> web.Response:
        asked, fault = request.query.get("identifier", "").strip(), ""
        if asked:
            try:
                address = _place_of(asked, language_of(request), files=not face.enterprise)
            except (InvalidIdentifier, InvalidPrefix, InvalidSuffix) as error:
                fault = error.detail
            else:
                return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-cache"})
        return public_page(request, "front.html", face, asked=asked, fault=fault, announced=await newest())

    router.add_get("/", front)


def _place_of(asked: str, language: Language, *, files: bool) -> str:
    """Where an identifier is shown, or what is filed of a prefix."""
    if files and "/" not in asked:
        return f"/filing?{urlencode({'q': Prefix.parse_derived(asked).text})}"
    found = Identifier.parse(asked)
    # Slashes are escaped too: browsers fold "a/../b" before they ask.
    address = f"/{found.prefix.text}/{quote(found.suffix, safe='')}"
    return f"{address}?lang=en" if language is Language.ENGLISH else address
