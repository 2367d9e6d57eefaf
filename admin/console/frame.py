"""Around every page of the console: who is signed in, whether forms are real, what a refusal looks like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import quote

import structlog
from aiohttp import web

from admin.console.inside import Inside
from admin.console.language import language_of
from admin.console.page import Page
from admin.console.session import check_form, session_of
from admin.console.visit import Visit
from admin.pages import NodeFace
from node.auth import Account, NotAllowed
from node.errors import NodeError, Unauthenticated
from node.journal import Interface
from node.routes import Route
from node.web import REQUEST_ID, UnexpectedFailure, WebSettings, add_operations, signed_in
from registry.accounts.accounts import Accounts

log = structlog.get_logger("console")

SIGN_IN = "/console/sign-in"
_SAFE = ("GET", "HEAD")


def add_pages(
    router: web.UrlDispatcher,
    pages: Iterable[Page],
    accounts: Accounts,
    routes: list[Route],
    face: NodeFace,
    settings: WebSettings,
) -> None:
    """Every page; and every guarded operation under ``/console/v1`` for the scripts and links of the pages.

    There the session serves instead of a token; whatever changes something needs the proof of a form as a header.
    """

    async def by_session(request: web.Request) -> Account:
        session = await session_of(accounts, request)
        if request.method not in _SAFE:
            await check_form(session, request)
        return session.account

    guarded = (route for route in routes if route.action is not None)
    add_operations(router, guarded, by_session, settings, under="/console", interface=Interface.CONSOLE)
    inside, pages = Inside(routes), list(pages)
    shown = {page.path for page in pages if page.method == "GET"}
    for path in sorted({page.path for page in pages} - shown):
        router.add_get(path, _to_the_page_above)
    for page in pages:
        router.add_route(page.method, page.path, _around(page, accounts, inside, face))


def _around(
    page: Page, accounts: Accounts, inside: Inside, face: NodeFace
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            session = await session_of(accounts, request)
        except Unauthenticated:
            return _to_sign_in(request)
        signed_in(request, session.account)
        visit = Visit(request, session, language_of(request), inside, face)
        try:
            return await _visited(page, visit)
        except NodeError as error:
            return visit.show_refusal(error)
        except web.HTTPException:
            raise
        except Exception:
            if request.transport is None or request.transport.is_closing():
                raise
            log.exception("page_failed", request_id=request[REQUEST_ID], path=request.path[:512])
            return visit.show_refusal(UnexpectedFailure("the node failed; the request id finds the reason"))

    return handle


async def _visited(page: Page, visit: Visit) -> web.StreamResponse:
    if visit.account.role not in page.roles or not visit.may(page.action):
        raise NotAllowed(f"{visit.account.role} has no use of this page", action=str(page.action))
    if page.method not in _SAFE:
        await check_form(visit.session, visit.request)
    return await page.handler(visit)


async def _to_the_page_above(request: web.Request) -> web.StreamResponse:
    """An answer to a form was loaded anew by its address, or came to be so by the switch of the language."""
    place = request.rel_url.raw_path.rpartition("/")[0]
    return web.Response(status=303, headers={"Location": place, "Cache-Control": "no-store"})


def _to_sign_in(request: web.Request) -> web.Response:
    """To the door, and back afterwards; a part of a page that a script asks for takes the whole page there."""
    place = request.path_qs if request.method == "GET" else "/console"
    address = f"{SIGN_IN}?next={quote(place, safe='')}"
    if request.headers.get("HX-Request"):
        return web.Response(status=204, headers={"HX-Redirect": address})
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
