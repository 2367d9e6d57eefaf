"""A process that only resolves (``node.roles = resolver``): it reads a replica and needs no writer to answer.

From the primary it hears the notices, and there it writes what it counted, whenever that is reachable. All else that
a node does is answered with 421: others of the node do it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import structlog
from aiohttp import web

import resolver.http.routes
from node import metrics, observe
from node.administration_elsewhere import AdministrationElsewhere, elsewhere
from node.auth import Account
from node.child import database_url, until_there
from node.config import Settings
from node.database import Pool, open_pool
from node.founding import KnownNode, known_node
from node.fronts import (
    counter_of,
    handle_service_of,
    hot_keys_of,
    http_server_of,
    make_room_for_connections,
    resolver_of,
    sessions_of,
)
from node.garbage import collect_seldom
from node.own_face import site_key_file, site_of
from node.site_key import site_key
from node.supervisor import ParentLink, until_told_to_stop
from node.web import WebSettings, make_app
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.handle import http_post
from resolver.http.json_records import PATTERN
from resolver.http.json_services import PREFIXES, VERIFICATIONS
from resolver.http.json_sessions import SESSIONS
from resolver.http.routes import HandleDesk
from resolver.recursion.beyond import Beyond, beyond_of

log = structlog.get_logger("serve")

_COUNTING_CONNECTIONS = 2
_ANY = "{rest:(?s:.*)}"
_ELSEWHERE = (
    *(("PUT", PATTERN), ("DELETE", PATTERN)),
    *(("*", path) for path in ("/api/handles", "/api/handles/", SESSIONS, PREFIXES)),
    *(("*", path + _ANY) for path in (f"{SESSIONS}/", f"{PREFIXES}/", VERIFICATIONS)),
)
"""Addresses of the Handle JSON interface that change, list or prove something."""


async def resolving(settings: Settings, link: ParentLink) -> None:
    """Resolve until told to stop; requests under way are finished."""
    url = database_url(settings)
    make_room_for_connections(settings)
    node = await known(settings, link)
    pool = await counting_pool(settings)
    key = await asyncio.to_thread(site_key, site_key_file(settings))
    site = site_of(settings, key)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        counter = await stack.enter_async_context(
            await counter_of(settings, pool, node.node_id, laboratory=node.laboratory)
        )
        answers = await stack.enter_async_context(resolver_of(settings, url, site))
        beyond = await stack.enter_async_context(beyond_of(settings.recursion))
        administration = AdministrationElsewhere()
        native = handle_service_of(settings, answers, counter, administration, site, key, beyond)
        desk = HandleDesk(administration, native.guard.proofs, sessions_of(settings, pool, key), site)
        app = application(settings, answers, counter, desk, beyond, laboratory=node.laboratory)
        http_post.add_routes(app.router, native.http)
        app.router.add_route("*", f"/{_ANY}", _refuse)
        await stack.enter_async_context(native)
        await stack.enter_async_context(http_server_of(settings, app, answers, counter))
        await stack.enter_async_context(hot_keys_of(settings, answers, node.node_id))
        collect_seldom()
        log.info("resolver_ready", port=settings.http.port)
        await until_told_to_stop(link)


async def known(settings: Settings, link: ParentLink) -> KnownNode:
    """Whose node this is, as the replica or the primary says; waits for one of them."""
    url = database_url(settings)
    return await until_there(lambda: known_node((settings.database.reader_url or url, url)), link)


async def counting_pool(settings: Settings) -> Pool:
    """Where counts are kept: on the primary, and only when there is something to write."""
    return await open_pool(
        database_url(settings), "biaoshi_writer", size=_COUNTING_CONNECTIONS, seconds=settings.database.seconds,
        name="biaoshi counting", at_once=False,
    )  # fmt: skip


def application(
    settings: Settings,
    answers: Resolver,
    counter: ResolutionCounter,
    desk: HandleDesk,
    beyond: Beyond | None,
    *,
    laboratory: bool,
) -> web.Application:
    """Records, pages and redirects, and what operators' tools ask."""
    web_settings = WebSettings(
        body_bytes=settings.http.body_bytes,
        body_seconds=settings.http.body_seconds,
        trusted_proxies=settings.http.trusted_proxies,
        log_requests=settings.log.requests,
    )
    app = make_app((), authenticate=_nobody, settings=web_settings)
    probe = observe.Probe(answers.probe)

    async def readiness() -> Mapping[str, bool]:
        return {"look_ups": await probe.answered(), "notices": answers.listening, "counts": counter.writes}

    metrics.LABORATORY.set(laboratory)
    observe.add_routes(app.router, readiness, needed={"look_ups"})
    for method, path in _ELSEWHERE:  # before the routes that would do it
        app.router.add_route(method, path, _refuse)
    enterprise = settings.node.profile == "enterprise"
    resolver.http.routes.add_routes(
        app.router, answers, counter, desk, laboratory=laboratory, enterprise=enterprise, beyond=beyond
    )
    return app


async def _refuse(_: web.Request) -> web.Response:
    elsewhere()


async def _nobody(_: str) -> Account:
    elsewhere()
