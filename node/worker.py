"""A worker: every interface of the node in one process, put together from the settings."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import structlog
from aiohttp import web

import admin.announcements
import admin.complaints
import admin.documents
import admin.filing
import admin.front
import admin.pages
import admin.status
import registry.api.idhub.routes
import registry.api.snms.routes
import resolver.http.routes
from admin.acceptance.acceptance import Acceptance
from admin.acceptance.profiles import read_profiles
from admin.api import FigureCases, figure_cases, figure_routes
from admin.console.console import add_console
from admin.settings.effective import effective_settings
from admin.tracing import trace_routes
from node import __version__, metrics, observe
from node.child import database_url, node_now, until_there, utc_now
from node.config import Settings
from node.database import Pool, open_pool
from node.founding import node_id_of
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
from node.openapi import document
from node.own_face import answers_below, seal_key_file, site_key_file, site_of
from node.parts import uploads_of
from node.printing import labels_of, reports_of, typesetter_of
from node.sealing import Seal, seal_of
from node.site_key import site_key
from node.supervisor import ParentLink, until_told_to_stop
from node.upper.desk import UpperDesk
from node.use_cases import storage_of, use_cases
from node.web import TENANT_SEEN, WebSettings, make_app
from registry.api.counted_reads import CountedReads
from registry.api.v1.own_routes import own_routes
from registry.api.v1.routes import UseCases, all_routes
from registry.downward.desk import docking_desk
from registry.handle.administration import HandleAdministration
from registry.profiles.sealing_old import seal_old_contacts
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.handle import http_post
from resolver.http.routes import HandleDesk
from resolver.recursion.beyond import Beyond, beyond_of
from resolver.recursion.tracing import Tracer

log = structlog.get_logger("serve")

_DESCRIPTION = (
    "工业互联网标识解析二级节点的管理接口：企业、前缀、数据模板、标识、批量注册。"
    "Management interface of a secondary node: enterprises, prefixes, templates, identifiers, bulk registration."
)


async def worker(settings: Settings, link: ParentLink, config_file: Path | None = None) -> None:
    """Answer HTTP until told to stop; requests under way are finished."""
    url = database_url(settings)
    make_room_for_connections(settings)
    pool = await until_there(
        lambda: open_pool(
            url,
            "biaoshi_writer",
            size=settings.database.pool,
            seconds=settings.database.seconds,
            name="biaoshi worker",
        ),
        link,
    )
    node_id, laboratory = await node_id_of(pool), settings.node.laboratory
    counter = await counter_of(settings, pool, node_id, laboratory=laboratory)
    key = await asyncio.to_thread(site_key, site_key_file(settings))
    seal = await asyncio.to_thread(seal_of, seal_key_file(settings))
    site = site_of(settings, key)
    answers = resolver_of(settings, url, site)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        await stack.enter_async_context(counter)
        await stack.enter_async_context(answers)
        beyond = await stack.enter_async_context(beyond_of(settings.recursion))
        storage = await storage_of(settings, pool, stack)
        sealed = await seal_old_contacts(pool, seal)
        if sealed:
            log.info("old_contacts_sealed", enterprises=sealed)
        administration = HandleAdministration(pool, node_now, site.prefix)
        native = handle_service_of(settings, answers, counter, administration, site, key, beyond)
        desk = HandleDesk(administration, native.guard.proofs, sessions_of(settings, pool, key), site)
        cases = use_cases(settings, pool, seal, storage)
        profiles = await asyncio.to_thread(read_profiles, settings.acceptance.profiles)
        acceptance = Acceptance(pool, node_now, profiles, settings.acceptance.profile)
        figures = figure_cases(
            pool, node_now, time.monotonic, cases.filing_limit, acceptance,
            uploads_of(settings, pool, seal, node_now), reports_of(settings, pool, seal, node_now),
            typesetter_of(settings), effective_settings(settings, config_file, os.environ),
        )  # fmt: skip
        app = application(settings, cases, figures, pool, answers, counter, desk, beyond)
        http_post.add_routes(app.router, native.http)
        if answers_below(settings):
            await stack.enter_async_context(_desk_for_nodes_below(settings, app, pool, seal))
        await stack.enter_async_context(native)
        await stack.enter_async_context(http_server_of(settings, app, answers, counter))
        await stack.enter_async_context(hot_keys_of(settings, answers, node_id))
        collect_seldom()
        handle_port = settings.handle.port if settings.handle.enabled else 0
        log.info("worker_ready", port=settings.http.port, handle_port=handle_port)
        await until_told_to_stop(link)


def application(
    settings: Settings,
    cases: UseCases,
    figures: FigureCases,
    pool: Pool,
    answers: Resolver,
    counter: ResolutionCounter,
    desk: HandleDesk,
    beyond: Beyond | None = None,
) -> web.Application:
    """Everything a worker answers: management, pages, resolution, what operators' tools ask."""
    enterprise = settings.node.profile == "enterprise"
    traces = trace_routes(Tracer(answers, beyond, settings.node.prefix), cases.filing_limit)
    routes = [*all_routes(cases), *figure_routes(figures), *labels_of(settings, pool, figures.typesetter), *traces]
    if enterprise:
        routes = own_routes(routes)
    web_settings = WebSettings(
        body_bytes=settings.http.body_bytes,
        body_seconds=settings.http.body_seconds,
        trusted_proxies=settings.http.trusted_proxies,
        log_requests=settings.log.requests,
    )
    app = make_app(routes, authenticate=cases.accounts.authenticate, settings=web_settings)
    app[TENANT_SEEN] = counter.note_tenant
    reads = CountedReads(counter.count, counter.never.account)

    async def end_streams(_: web.Application) -> None:
        cases.batch_progress.stop()

    app.on_shutdown.append(end_streams)
    openapi = functools.partial(document, routes, title="biaoshi 标识", version=__version__, description=_DESCRIPTION)
    face = admin.pages.NodeFace(settings.node.name, settings.node.prefix, settings.node.laboratory, enterprise)

    probe = observe.Probe(lambda: pool.fetchval("SELECT 1"))

    async def readiness() -> Mapping[str, bool]:
        return {"database": await probe.answered(), "notices": answers.listening}

    if settings.snms.enabled and not enterprise:
        registry.api.snms.routes.add_routes(app.router, cases, pool, node_now, settings.snms.registrar_name, reads)
    if settings.idhub.enabled:
        by_get = settings.idhub.verify_by_get
        registry.api.idhub.routes.add_routes(app.router, cases, pool, node_now, reads, verify_by_get=by_get)
    metrics.LABORATORY.set(settings.node.laboratory)
    observe.add_routes(app.router, readiness)
    admin.pages.add_routes(app.router, face, openapi)
    admin.front.add_routes(app.router, face, None if enterprise else cases.announcements)
    if not enterprise:
        admin.filing.add_routes(app.router, face, cases.filing, cases.filing_limit)
        admin.documents.add_routes(app.router, face, cases.documents)
        admin.announcements.add_routes(app.router, face, cases.announcements)
        admin.complaints.add_routes(app.router, face, cases.complaints)
        admin.status.add_routes(app.router, face, figures.monitoring, figures.public_limit)
        wall = add_console(app.router, cases.accounts, routes, face, web_settings)
        app.on_shutdown.append(wall.stop)
    laboratory = settings.node.laboratory
    resolver.http.routes.add_routes(
        app.router, answers, counter, desk, laboratory=laboratory, enterprise=enterprise, beyond=beyond
    )
    return app


def _desk_for_nodes_below(
    settings: Settings, app: web.Application, pool: Pool, seal: Seal
) -> AbstractAsyncContextManager[UpperDesk]:
    node, downward = settings.node, settings.downward
    return docking_desk(
        app, pool, seal, utc_now, name=node.name, prefix=node.prefix, laboratory=node.laboratory,
        at_once=downward.approve == "known", key_hours=downward.key_hours,
    )  # fmt: skip
