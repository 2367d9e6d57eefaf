"""The resolver's addresses on the web."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from node.administration import Administration
from node.site import OwnSite
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.handle.proofs import Proofs
from resolver.http import proxy
from resolver.http.callers import Callers
from resolver.http.json_front import JsonFront
from resolver.http.json_lists import Lists
from resolver.http.json_records import PATTERN, Records
from resolver.http.json_services import PREFIXES, SITE, VERIFICATIONS, Services
from resolver.http.json_sessions import SESSIONS, THIS, SessionAnswers
from resolver.http.json_writes import Writes
from resolver.http.page import Pages
from resolver.http.sessions import Sessions
from resolver.recursion.beyond import Beyond


@dataclass(frozen=True, slots=True)
class HandleDesk:
    """Who administers and how he proves it, for the Handle JSON interface; ``site`` is where this node is."""

    administration: Administration
    proofs: Proofs
    sessions: Sessions
    site: OwnSite


def add_routes(
    router: web.UrlDispatcher,
    resolver: Resolver,
    counter: ResolutionCounter,
    desk: HandleDesk,
    *,
    laboratory: bool,
    enterprise: bool = False,
    beyond: Beyond | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """``/api/…``, ``/{prefix}/{suffix}`` and the style of the pages; ``clock`` is Unix time.

    Pages of a laboratory node carry the mark 实验数据; those of an ``enterprise``'s own node call it so. By
    ``beyond`` others are asked for names of theirs.
    """
    _add_handle_json(router, resolver, counter, desk, clock, beyond)
    proxy.add_routes(router, resolver, counter, Pages(laboratory=laboratory, enterprise=enterprise), clock, beyond)


def _add_handle_json(
    router: web.UrlDispatcher,
    resolver: Resolver,
    counter: ResolutionCounter,
    desk: HandleDesk,
    clock: Callable[[], float],
    beyond: Beyond | None,
) -> None:
    callers = Callers(desk.administration, desk.proofs, desk.sessions)
    entered = SessionAnswers(desk.sessions, callers)
    records = Records(resolver, counter, desk.administration, callers, clock, beyond)
    writes, lists = Writes(desk.administration, callers, resolver), Lists(desk.administration, callers)
    services = Services(desk.administration, callers, desk.proofs, desk.site)
    front = JsonFront(router, entered.challenge)
    for path in ("/api/handles", "/api/handles/"):
        front.add(path, GET=lists.handles, POST=lists.handles)
    front.add(PATTERN, GET=records.read, POST=records.read, PUT=writes.put, DELETE=writes.delete)
    front.add(SITE, GET=services.site)
    front.add(PREFIXES, GET=lists.prefixes, POST=services.home, DELETE=services.unhome)
    front.add(PREFIXES + "/{handle:(?s:.+)}", POST=services.home, DELETE=services.unhome)
    front.add(VERIFICATIONS + "{handle:(?s:.+)}", GET=services.verify)
    for path in (SESSIONS, SESSIONS + "/"):
        front.add(path, POST=entered.begin)
    front.add(THIS, GET=entered.show, PUT=entered.prove, DELETE=entered.end)
