"""The composition root of a running node: which parts a process is made of.

    supervisor   migrates, founds the node, starts the children and keeps them alive
    worker       answers HTTP: management, resolution, pages
    steward      reports upward and applies what comes back

Only this file and ``node/cli.py`` look up from ``node`` to ``registry``, ``resolver`` and ``admin``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom

import structlog
import uvloop
from aiohttp import web

import admin.pages
import resolver.http.routes
from node import __version__, config, embedded, founding, metrics, observe
from node.config import Settings
from node.database import DatabaseAway, Pool, open_pool
from node.http_server import Bounds, HttpServer, bind, check_free
from node.identifier import Prefix
from node.log import configure
from node.migrate import migrate
from node.national.steward import Docking, run_steward
from node.openapi import document
from node.supervisor import Child, ChildSpec, ParentLink, children, until_told_to_stop
from node.web import WebSettings, make_app
from registry.accounts.accounts import Accounts
from registry.accounts.passwords import Passwords
from registry.api.v1.routes import UseCases, all_routes
from registry.batches.by_body import Batches
from registry.batches.by_query import QueryBatches
from registry.batches.progress import BatchProgress
from registry.batches.work import Workshop
from registry.coding.rules import CodingRules
from registry.enterprises import Enterprises
from registry.export.exports import Exports
from registry.files.files import FileLimits, Files
from registry.identifiers.identifiers import Identifiers
from registry.mappings.stored import Mappings
from registry.prefixes import Prefixes
from registry.references import References
from registry.rows.limits import Limits
from registry.search.search import Search
from registry.templates.stored import Templates
from resolver.chain import Resolver
from resolver.counting import ResolutionCounter

log = structlog.get_logger("serve")

ADMINISTRATOR = "admin"
_RETRY_SECONDS = 0.25
_PROBE_SECONDS = 1.0
_DESCRIPTION = (
    "工业互联网标识解析二级节点的管理接口：企业、前缀、数据模板、标识、批量注册。"
    "Management interface of a secondary node: enterprises, prefixes, templates, identifiers, bulk registration."
)


def utc_now() -> datetime:
    """The clock of a running node."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Started:
    """A node that runs: where it listens, the administrator's password if this was its first start, its children."""

    url: str
    administrator_password: str | None
    family: Sequence[Child]


@contextlib.asynccontextmanager
async def node_running(settings: Settings, config_file: Path | None = None) -> AsyncIterator[Started]:
    """The whole node with its children, until the block ends.

    Raises ``PortTaken``, the errors of the embedded PostgreSQL and of migration, ``ChildNotReady``.
    """
    check_free(settings.http.host, settings.http.port)
    async with database(settings) as url:
        await migrate(url)
        laboratory = await founding.found(url, laboratory=settings.node.laboratory, at=utc_now())
        password = await _first_administrator(url, settings)
        with tempfile.TemporaryDirectory(prefix="biaoshi-metrics-") as metrics_dir:
            environment = {
                "BIAOSHI_DATABASE_URL": url,
                "BIAOSHI_NODE_LABORATORY": str(laboratory).lower(),
                "PROMETHEUS_MULTIPROC_DIR": metrics_dir,
            }
            options = [str(config_file)] if config_file else []

            def child(name: str, role: str) -> ChildSpec:
                command = [sys.executable, "-m", "node.serve", role, *options]
                return ChildSpec(name, command, environment, lambda pid: metrics.forget(pid, metrics_dir))

            specs = [*(child(f"worker-{n + 1}", "worker") for n in range(settings.node.workers)),
                     child("steward", "steward")]  # fmt: skip
            async with children(specs) as family:
                yield Started(f"http://{_host_in_url(settings.http.host)}:{settings.http.port}", password, family)


@contextlib.asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The configured PostgreSQL, or the embedded one for as long as the block lasts."""
    if settings.database.url:
        yield settings.database.url
        return
    async with embedded.kept(_data_dir(settings)) as server:
        yield server.url()


@contextlib.asynccontextmanager
async def database_of_running_node(settings: Settings) -> AsyncIterator[str]:
    """As ``database``, and the embedded one also while a node runs on it: what backups are made of."""
    running = None if settings.database.url else embedded.running_url(_data_dir(settings))
    if running is not None:
        yield running
        return
    async with database(settings) as url:
        yield url


def _data_dir(settings: Settings) -> Path:
    return settings.database.data_dir or config.data_home() / "postgresql"


async def _first_administrator(url: str, settings: Settings) -> str | None:
    pool = await open_pool(url, "biaoshi_writer", size=2, seconds=settings.database.seconds, name="biaoshi founding")
    try:
        return await Accounts(pool, utc_now, Passwords()).found_administrator(ADMINISTRATOR)
    finally:
        await pool.close()


# Children -----------------------------------------------------------------------------------------


async def worker(settings: Settings, link: ParentLink) -> None:
    """Answer HTTP until told to stop; requests under way are finished."""
    url = _database_url(settings)
    pool = await _until_there(
        lambda: open_pool(
            url,
            "biaoshi_writer",
            size=settings.database.pool,
            seconds=settings.database.seconds,
            name="biaoshi worker",
        ),
        link,
    )
    counter = ResolutionCounter(
        pool, utc_now, never=_never_counted(settings), seconds=settings.counting.flush_seconds
    )
    answers = Resolver(
        settings.database.reader_url or url,
        listen_url=url,
        cache_entries=settings.resolver.cache_entries,
        missing_entries=settings.resolver.missing_entries,
        missing_seconds=settings.resolver.missing_seconds,
        stale_seconds=settings.resolver.stale_seconds,
        lookup_seconds=settings.resolver.lookup_seconds,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        await stack.enter_async_context(counter)
        await stack.enter_async_context(answers)
        app = application(settings, use_cases(settings, pool), pool, answers, counter)
        http = settings.http
        bounds = Bounds(
            http.header_seconds, http.idle_seconds, http.connections, http.connections_per_source, http.allow_list
        )
        await stack.enter_async_context(HttpServer(app, [bind(http.host, http.port)], bounds))
        # What stands now stays to the end: to look through it for garbage again and again took an eighth of the CPU
        # of bulk registration.
        gc.collect()
        gc.freeze()
        log.info("worker_ready", port=http.port)
        await until_told_to_stop(link)


def use_cases(settings: Settings, pool: Pool) -> UseCases:
    """The writer's use cases on one pool."""
    workshop = Workshop(pool, utc_now, chunk_rows=settings.registry.chunk_rows, limits=bulk_limits(settings))
    return UseCases(
        accounts=Accounts(pool, utc_now, Passwords(), timedelta(hours=settings.registry.token_hours)),
        enterprises=Enterprises(pool, utc_now),
        prefixes=Prefixes(pool, utc_now, Prefix.parse(settings.node.prefix)),
        templates=Templates(pool, utc_now),
        mappings=Mappings(pool, utc_now),
        coding_rules=CodingRules(pool, utc_now, SystemRandom()),
        identifiers=Identifiers(pool, utc_now),
        search=Search(pool),
        batches=Batches(workshop),
        query_batches=QueryBatches(workshop, undo_within=timedelta(hours=settings.bulk.undo_hours)),
        batch_progress=BatchProgress(pool, watchers=settings.bulk.watchers),
        files=Files(pool, utc_now, FileLimits(settings.files.file_bytes, settings.files.enterprise_bytes)),
        references=References(pool, Prefix.parse(settings.node.prefix)),
        batch_bytes=settings.registry.batch_bytes,
        batch_seconds=settings.http.body_seconds,
        exports=Exports(pool, utc_now),
        xlsx_characters=settings.registry.xlsx_characters,
    )


def bulk_limits(settings: Settings) -> Limits:
    """What the reading of one body may cost."""
    bulk = settings.bulk
    return Limits(
        ratio=bulk.ratio,
        unpacked_bytes=bulk.unpacked_bytes,
        workbook_bytes=bulk.workbook_bytes,
        workbook_unpacked_bytes=bulk.workbook_unpacked_bytes,
        workbook_entries=bulk.workbook_entries,
        child_bytes=bulk.child_bytes,
        child_seconds=bulk.child_seconds,
    )


def application(
    settings: Settings, cases: UseCases, pool: Pool, answers: Resolver, counter: ResolutionCounter
) -> web.Application:
    """Everything a worker answers: management, pages, resolution, what operators' tools ask."""
    routes = all_routes(cases)
    app = make_app(
        routes,
        authenticate=cases.accounts.authenticate,
        settings=WebSettings(
            body_bytes=settings.http.body_bytes,
            body_seconds=settings.http.body_seconds,
            trusted_proxies=settings.http.trusted_proxies,
            log_requests=settings.log.requests,
        ),
    )

    async def end_streams(_: web.Application) -> None:
        cases.batch_progress.stop()

    app.on_shutdown.append(end_streams)
    openapi = document(routes, title="biaoshi 标识", version=__version__, description=_DESCRIPTION)
    face = admin.pages.NodeFace(settings.node.name, settings.node.prefix, settings.node.laboratory)

    probe = _Probe(pool)

    async def readiness() -> Mapping[str, bool]:
        return {"database": await probe.answered(), "notices": answers.listening}

    observe.add_routes(app.router, readiness)
    admin.pages.add_routes(app.router, face, openapi)
    resolver.http.routes.add_routes(app.router, answers, counter, laboratory=settings.node.laboratory)
    return app


class _Probe:
    """One question to the database at a time: a silent one costs one connection, however often we are asked."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._asking: asyncio.Task[bool] | None = None

    async def answered(self) -> bool:
        """Whether the database answers within a second."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait({self._asking}, timeout=_PROBE_SECONDS)
        return self._asking.done() and self._asking.result()

    async def _ask(self) -> bool:
        try:
            await self._pool.fetchval("SELECT 1", timeout=_PROBE_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever the reason, the answer is "not ready"
            log.info("not_ready", cause=type(error).__name__)
            return False
        return True


async def steward(settings: Settings, link: ParentLink) -> None:
    """Report upward until told to stop."""
    url = _database_url(settings)
    pool = await _until_there(
        lambda: open_pool(url, "biaoshi_writer", size=6, seconds=settings.database.seconds, name="biaoshi steward"),
        link,
    )
    prefixes = Prefixes(pool, utc_now, Prefix.parse(settings.node.prefix))

    async def apply_verdict(prefix: str, passed: bool, reason: str) -> None:
        await prefixes.apply_verdict(Prefix.parse(prefix), passed, reason, settings.registry.enable_verified)

    national = settings.national
    docking = Docking(
        national.url, national.access_key, national.secret_key, national.heartbeat_seconds, national.poll_seconds,
        national.deadline_seconds,
    )  # fmt: skip
    stop = asyncio.Event()
    reporting = asyncio.create_task(
        run_steward(pool, docking, apply_verdict, version=__version__, clock=utc_now, stop=stop)
    )
    told = asyncio.create_task(until_told_to_stop(link))
    await asyncio.wait({reporting, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    stop.set()
    try:
        await reporting
    finally:
        pool.terminate()


async def _until_there(open_it: Callable[[], Awaitable[Pool]], link: ParentLink) -> Pool:
    """A child that starts while the database is away waits for it, but not longer than its parent lives."""
    orphaned = asyncio.create_task(link.gone())
    try:
        while not orphaned.done():
            try:
                return await open_it()
            except DatabaseAway as error:
                log.info("waiting_for_database", cause=error.evidence.get("cause"))
            await asyncio.wait({orphaned}, timeout=_RETRY_SECONDS)
        raise SystemExit("the parent is gone")
    finally:
        orphaned.cancel()


def _database_url(settings: Settings) -> str:
    if settings.database.url is None:
        raise RuntimeError("a child process is told its database by the supervisor")
    return settings.database.url


def _never_counted(settings: Settings) -> tuple[config.Network, ...]:
    never = settings.counting.never
    return tuple(network for network in never if not (settings.node.laboratory and network.is_loopback))


def _host_in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def main() -> None:
    """Entry of the children: ``python -m node.serve worker|steward [CONFIG]``."""
    role, *rest = sys.argv[1:]
    settings = config.load(Path(rest[0]) if rest else None)
    configure(settings.log.level)
    structlog.contextvars.bind_contextvars(process=role, pid=os.getpid())
    link = ParentLink()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run({"worker": worker, "steward": steward}[role](settings, link))


if __name__ == "__main__":
    main()
