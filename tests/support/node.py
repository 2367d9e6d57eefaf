"""A whole node in this process, on a real port with a real database, and somebody of every role with a token.

What it serves is put together by ``node.worker.application``, as in a worker; only argon2 is cheaper.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.web_app import _cached_build_middleware
from argon2.profiles import CHEAPEST
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from yarl import URL

from admin.acceptance.acceptance import Acceptance
from admin.acceptance.profiles import read_profiles
from admin.api import FigureCases, figure_cases, figure_routes
from admin.settings.effective import effective_settings
from admin.tracing import trace_routes
from node.auth import Role
from node.config import Settings
from node.database import open_pool
from node.founding import found
from node.fronts import guard_limits, listening, sessions_of
from node.http_server import Bounds, HttpServer, bind
from node.national.view import NationalView
from node.own_certificate import own_pair
from node.own_face import site_of
from node.parts import accounts_of, uploads_of
from node.printing import labels_of, reports_of, typesetter_of
from node.rate_limit import RateLimit
from node.routes import Route
from node.tls import ServerCertificate
from node.worker import application
from registry.accounts.access_keys import AccessKeys
from registry.accounts.accounts import Accounts
from registry.accounts.key_sign_in import KeySignIn
from registry.accounts.passwords import Passwords
from registry.api.v1.routes import UseCases, all_routes
from registry.downward.nodes import NodesBelow
from registry.filing import Filing
from registry.handle.administration import HandleAdministration
from registry.identifiers.many import ManyIdentifiers
from registry.onboarding import Onboarding
from registry.templates.categories import Categories
from registry.templates.stored import StoredTemplate
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.counting.never import NeverCounts
from resolver.handle import http_post
from resolver.handle import ports as handle_ports
from resolver.handle.conversation import Place
from resolver.handle.service import HandleService
from resolver.http.routes import HandleDesk
from resolver.recursion.beyond import beyond_of
from tests.support.databases import Clone
from tests.support.world import NODE_PREFIX, Holder, World, actor

PASSWORD = "Tr7-lampe-Kran"
STAFF = (Role.ADMINISTRATOR, Role.REVIEWER, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal."""
        assert self.headers["Content-Type"] == "application/problem+json", (self.status, self.body[:200])
        problem = self.json
        assert problem["status"] == self.status
        return str(problem["code"])


class Node:
    """A running node: ``tokens`` by the name of a role, ``other`` for a user of another enterprise."""

    def __init__(self, url: str, world: World, accounts: Accounts, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.world = world
        self.accounts = accounts
        self.session = session
        self.tokens: dict[str, str] = {}
        self.account_ids: dict[str, str] = {}

    holder: Holder
    other: Holder
    template: StoredTemplate
    secure_url: str
    certificate: Path
    loop: asyncio.AbstractEventLoop
    handle_port: int
    """The port of the native protocol, TCP and UDP."""
    counter: ResolutionCounter

    @property
    def port(self) -> int:
        return URL(self.url).port or 0

    async def __call__(
        self, method: str, path: str, *, by: str | None = "administrator", query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None, **body: Any,
    ) -> Answer:  # fmt: skip
        """One request; ``path`` is sent exactly as it stands, ``query`` is encoded."""
        url = URL(self.url + path, encoded=True)
        if query:
            url = url.with_query(query)
        sent = {**({"Authorization": f"Bearer {self.tokens[by]}"} if by else {}), **(headers or {})}
        async with self.session.request(method, url, headers=sent, allow_redirects=False, **body) as response:
            return Answer(response.status, response.headers, await response.read())

    async def raw(self, request: bytes, seconds: float = 10.0) -> bytes:
        """What comes back for these bytes until the node closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(), seconds)
        finally:
            writer.close()

    async def _admit(self, name: str, role: Role, holder: Holder | None = None) -> None:
        administrator = self.world.administrator
        enterprise_id = holder.account.enterprise_id if holder else None
        made = await self.accounts.create(administrator, actor(administrator), name, role, enterprise_id, PASSWORD)
        self.account_ids[name] = str(made.account.account_id)
        self.tokens[name] = (await self.accounts.sign_in(name, PASSWORD)).text

    async def populate(self) -> None:
        """Two enterprises with prefixes, a published template, somebody of every role."""
        self.holder = await self.world.holder(2001)
        self.other = await self.world.holder(2002)
        self.template = await self.world.template()
        for role in STAFF:
            await self._admit(role, role)
        await self._admit(Role.ENTERPRISE_USER, Role.ENTERPRISE_USER, self.holder)
        await self._admit(Role.APPLICATION, Role.APPLICATION, self.holder)
        await self._admit("other", Role.ENTERPRISE_USER, self.other)


def declared_routes() -> list[Route]:
    """All of ``/v1`` to look at: no database stands behind these."""
    pool: Any = None
    world = World(pool)
    accounts = Accounts(pool, world.clock, Passwords(CHEAPEST), seal=world.seal)
    cases = _use_cases(world, accounts, Settings())
    tracer: Any = None
    return [
        *all_routes(cases),
        *figure_routes(_figure_cases(world, cases, Settings())),
        *labels_of(Settings(), pool, typesetter_of(Settings())),
        *trace_routes(tracer, cases.filing_limit),
    ]


def _use_cases(world: World, accounts: Accounts, settings: Settings) -> UseCases:
    return UseCases(
        accounts=accounts,
        access_keys=AccessKeys(world.pool, world.clock, accounts.credentials),
        onboarding=Onboarding(world.pool, world.clock, world.seal, accounts.credentials, NODE_PREFIX),
        enterprises=world.enterprises,
        prefixes=world.prefixes,
        numbering=world.numbering,
        reserved_numbers=world.reserved_numbers,
        hosting=world.hosting,
        prefix_routes=world.prefix_routes,
        transfers=world.transfers,
        handle_policies=world.handle_policies,
        templates=world.templates,
        template_grants=world.template_grants,
        mappings=world.mappings,
        coding_rules=world.coding_rules,
        draws=world.draws,
        suffix_rules=world.suffix_rules,
        documents=world.documents,
        quotas=world.quotas,
        usage=world.usage,
        plans=world.plans,
        orders=world.orders,
        statements=world.statements,
        identifiers=world.identifiers,
        many_identifiers=ManyIdentifiers(world.pool, world.clock),
        key_sign_in=KeySignIn(world.pool, world.clock, timedelta(hours=24), time.monotonic),
        template_categories=Categories(world.pool, world.clock),
        search=world.search,
        batches=world.batches,
        query_batches=world.query_batches,
        batch_progress=world.batch_progress,
        batch_bytes=settings.registry.batch_bytes,
        batch_seconds=settings.http.body_seconds,
        exports=world.exports,
        xlsx_characters=settings.registry.xlsx_characters,
        files=world.files,
        attachments=world.attachments,
        filing=Filing(world.pool),
        filing_limit=RateLimit(per_minute=6000, burst=1000, most_sources=100, clock=time.monotonic),
        references=world.references,
        application_identities=world.application_identities,
        identity_groups=world.identity_groups,
        scopes=world.scopes,
        data_grants=world.data_grants,
        notifications=world.notifications,
        reviews=world.reviews,
        service_requests=world.service_requests,
        complaints=world.complaints,
        announcements=world.announcements,
        nodes_below=NodesBelow(world.pool, world.clock, world.seal),
        national=NationalView(world.pool, world.clock, settings.national.url, timedelta(seconds=30)),
    )


def _figure_cases(world: World, cases: UseCases, settings: Settings) -> FigureCases:
    profiles = read_profiles(settings.acceptance.profiles)
    acceptance = Acceptance(world.pool, world.clock, profiles, settings.acceptance.profile)
    uploads = uploads_of(settings, world.pool, world.seal, world.clock)
    reports = reports_of(settings, world.pool, world.seal, world.clock)
    return figure_cases(
        world.pool, world.clock, time.monotonic, cases.filing_limit, acceptance, uploads, reports,
        typesetter_of(settings), effective_settings(settings, None, {}),
    )  # fmt: skip


@functools.cache
def own_key() -> RSAPrivateKey:
    """The key of every node in this process."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@contextlib.asynccontextmanager
async def running_node(
    database_url: str, *, populated: bool = True, bound: socket.socket | None = None, **groups: dict[str, Any]
) -> AsyncIterator[Node]:
    """A node on a free port of the loopback; ``groups`` are settings, for example ``http={"body_bytes": 4096}``."""
    settings = Settings(**groups)  # type: ignore[arg-type]  # groups are checked by pydantic
    http, resolving = settings.http, settings.resolver
    await found(database_url, laboratory=settings.node.laboratory, at=datetime.now(UTC))
    ports = handle_ports.bind("127.0.0.1", 0, udp=settings.handle.udp)
    settings = settings.model_copy(update={"handle": settings.handle.model_copy(update={"port": ports.number})})
    pool = await open_pool(database_url, "biaoshi_writer", size=settings.database.pool, seconds=5, name="test node")
    world = World(pool)
    never = NeverCounts(groups.get("counting", {}).get("never", ()))
    counter = ResolutionCounter(pool, None, never=never, seconds=3600, clock=lambda: world.clock().timestamp())
    answers = Resolver(
        database_url, listen_url=database_url, site=site_of(settings, own_key()),
        cache_bytes=resolving.cache_bytes,
        missing_bytes=resolving.missing_bytes, missing_seconds=resolving.missing_seconds,
        stale_seconds=resolving.stale_seconds, lookup_seconds=resolving.lookup_seconds,
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(pool.terminate)
        stack.callback(_cached_build_middleware.cache_clear)  # it keeps every application that ever answered
        await stack.enter_async_context(counter)
        await stack.enter_async_context(answers)
        beyond = await stack.enter_async_context(beyond_of(settings.recursion))
        accounts = accounts_of(settings, pool, world.clock, Passwords(CHEAPEST), world.seal)
        site = site_of(settings, own_key())
        administration = HandleAdministration(pool, world.clock, site.prefix)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="biaoshi-node-")))
        native = HandleService(
            answers, counter, administration, site, own_key(), world.clock, guard_limits(settings),
            listening=listening(settings, ports), place=Place(), directory=folder, beyond=beyond,
        )  # fmt: skip
        desk = HandleDesk(administration, native.guard.proofs, sessions_of(settings, pool, own_key()), site)
        cases = _use_cases(world, accounts, settings)
        figures = _figure_cases(world, cases, settings)
        app = application(settings, cases, figures, pool, answers, counter, desk, beyond)
        http_post.add_routes(app.router, native.http)
        await stack.enter_async_context(native)
        bounds = Bounds(
            http.header_seconds, http.idle_seconds, http.connections, http.connections_per_source, http.allow_list,
            stop_seconds=1,
        )  # fmt: skip
        doors = [bound or bind("127.0.0.1", 0), bind("127.0.0.1", 0)]
        pair = own_pair(folder, "test node", [], datetime.now(UTC))
        server = await stack.enter_async_context(
            HttpServer(app, doors[:1], bounds, secure=doors[1:], certificate=ServerCertificate(pair))
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        node = Node(f"http://127.0.0.1:{server.ports[0]}", world, accounts, session)
        node.secure_url, node.certificate = f"https://127.0.0.1:{server.ports[1]}", pair.certificate
        node.loop, node.handle_port, node.counter = asyncio.get_running_loop(), ports.number, counter
        if populated:
            await node.populate()
        yield node


@contextlib.contextmanager
def node_in_thread(database_url: str, **groups: dict[str, Any]) -> Iterator[Node]:
    """A populated node with an event loop of its own, for clients that block; ask it through its URL only."""
    loop_of_node: list[asyncio.AbstractEventLoop] = []
    nodes: list[Node] = []
    ready, over = threading.Event(), asyncio.Event()

    async def live() -> None:
        loop_of_node.append(asyncio.get_running_loop())
        async with running_node(database_url, **groups) as node:  # type: ignore[arg-type]  # settings only
            nodes.append(node)
            ready.set()
            await over.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="node")
    thread.start()
    try:
        assert ready.wait(60)
        yield nodes[0]
    finally:
        if loop_of_node and thread.is_alive():
            loop_of_node[0].call_soon_threadsafe(over.set)
        thread.join(30)


@contextlib.contextmanager
def node_of_its_own(clone: Clone, **groups: dict[str, Any]) -> Iterator[Node]:
    """``node_in_thread`` on a database that nobody else uses and that is dropped afterwards."""
    with clone() as url, node_in_thread(url, **groups) as node:
        yield node
