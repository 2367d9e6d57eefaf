"""``/{prefix}/{suffix}``: the address that is printed on things.

A program that accepts JSON gets the record, with what its arrays, units, references and files stand for; a browser
gets the page or, where the template says so, the product's own site; anybody else is led to the first web address
among the values, or gets the record when there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from node.journal import Interface
from resolver.answer import Found
from resolver.chain import Resolver
from resolver.counting import ResolutionCounter
from resolver.http.asking import Dress
from resolver.http.caching import kept_for
from resolver.http.json_api import json_response
from resolver.http.meaning import told_attributes
from resolver.http.negotiation import Wish, wish
from resolver.http.page import Pages
from resolver.http.verdict import count, judge
from resolver.http.weblink import first_address
from resolver.local import Landing, TemplateFace

# The first segment contains a dot, and the slash behind it may be written as an escape.
PATH = "/{handle:[^/]*\\.[^/]*(?:/|%2[Ff])(?s:.*)}"


def add_routes(
    router: web.UrlDispatcher,
    resolver: Resolver,
    counter: ResolutionCounter,
    pages: Pages,
    clock: Callable[[], float],
) -> None:
    """GET and HEAD, and the style of the pages; ``clock`` is Unix time."""

    async def land(request: web.Request) -> web.Response:
        verdict = await judge(request, resolver, request.rel_url.raw_path.removeprefix("/"))
        now = clock()
        wanted = wish(",".join(request.headers.getall("Accept", ())))
        found = verdict.found if verdict.found is not None and verdict.found.values else None
        face = await resolver.face(found.entry.template_id) if found else None
        response = redirect(found, wanted, face, now) if found else None
        if response is None and wanted is Wish.PAGE:
            response = pages.respond(request, verdict, face, now)
        if response is None:
            told = told_attributes(found.values, face) if found and face else None
            response = json_response(request, verdict, Dress(), now, told)
        response.headers["Vary"] = "Accept, Accept-Language"
        count(counter, request, Interface.PAGE, verdict, revalidated=response.status == 304)
        return response

    router.add_get(PATH, land)
    router.add_get(pages.STYLE_PATH, pages.style)


def redirect(found: Found, wanted: Wish, face: TemplateFace | None, now: float) -> web.Response | None:
    """The way to the product's own site, for whom it is meant."""
    if wanted is Wish.JSON or (wanted is Wish.PAGE and (face is None or face.landing is not Landing.REDIRECT)):
        return None
    first = first_address(found.values)
    if first is None:
        return None
    address, value = first
    headers: dict[str, Any] = {"Location": address, "X-Content-Type-Options": "nosniff"}
    return web.Response(status=302, headers=headers | kept_for(found, [value], now))
