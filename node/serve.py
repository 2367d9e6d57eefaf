"""A running node: which processes it is made of.

supervisor   migrates, founds the node, starts the children and keeps them alive
worker       answers every interface: ``node/worker.py``
steward      reports upward, applies what comes back, reminds of what ends, sums up: ``node/steward.py``

or, on a machine that only resolves (``node.roles``), where nothing is migrated or founded:

resolver     answers resolutions: ``node/resolving.py``
keeper       keeps the evidence of what was counted: ``node/keeper.py``

Each child imports its own part: the supervisor, and every command that only wants the database of a node, would pay a
second of CPU for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
import uvloop

from admin.acceptance.profiles import find_profile, read_profiles
from node import config, embedded, founding, metrics
from node.child import MEETING_PLACE, PLACE, database_url, utc_now
from node.config import Settings
from node.database import open_pool
from node.garbage import importing
from node.http_server import check_free
from node.laboratory_clock import VARIABLE, Clock, wind
from node.log import configure
from node.migrate import migrate
from node.national.docking import check_docking
from node.own_face import certificate_of, seal_key_file, site_key_file, site_of
from node.parts import accounts_of, check_uploads
from node.sealing import seal_of
from node.site_key import site_key
from node.supervisor import Child, ChildSpec, ParentLink, children
from node.tls import ServerCertificate
from registry.accounts.passwords import Passwords
from registry.documents.shipped import ship
from resolver.handle import ports as handle_ports

log = structlog.get_logger("serve")

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class Started:
    """A node that runs: where it listens, the administrator's password if this was its first start, its children.

    ``handle_address`` is host and port of the native protocol; ``clock`` that of a laboratory which has its own.
    """

    url: str
    handle_address: tuple[str, int] | None
    administrator_password: str | None
    family: Sequence[Child]
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the processes stand on; the administrator's password and a clock as in ``Started``."""

    url: str
    laboratory: bool
    administrator_password: str | None = None
    clock: Clock | None = None


@contextlib.asynccontextmanager
async def node_running(settings: Settings, config_file: Path | None = None) -> AsyncIterator[Started]:
    """The whole node with its children, until the block ends.

    Raises ``PortTaken``, ``SiteKeyUnusable``, ``InvalidPublicAddress``, ``CertificateNotMade``,
    ``CertificateUnusable``, ``ProfilesUnreadable``, ``ProfileUnknown``, what ``check_uploads`` and ``check_docking``
    raise, the errors of the embedded PostgreSQL and of migration, ``ChildNotReady``.
    """
    check_free(settings.http.host, settings.http.port)
    if settings.https.enabled:
        check_free(settings.http.host, settings.https.port)
        ServerCertificate(await asyncio.to_thread(certificate_of, settings))
    if settings.handle.enabled:
        handle_ports.check_free(settings.http.host, settings.handle.port, udp=settings.handle.udp)
    site_of(settings, await asyncio.to_thread(site_key, site_key_file(settings)))
    only = settings.node.resolves_only
    async with _found(settings) if only else _founded(settings) as ground:
        with (
            tempfile.TemporaryDirectory(prefix="biaoshi-metrics-") as metrics_dir,
            tempfile.TemporaryDirectory(prefix="biaoshi-workers-") as meeting_place,
        ):
            environment = {
                "BIAOSHI_DATABASE_URL": ground.url,
                "BIAOSHI_NODE_LABORATORY": str(ground.laboratory).lower(),
                "PROMETHEUS_MULTIPROC_DIR": metrics_dir,
                MEETING_PLACE: meeting_place,
            } | ({} if ground.clock is None else {VARIABLE: ground.clock.told})
            options = [str(config_file)] if config_file else []

            def child(name: str, role: str, place: dict[str, str]) -> ChildSpec:
                command = [sys.executable, "-m", "node.serve", role, *options]
                return ChildSpec(name, command, environment | place, lambda pid: metrics.forget(pid, metrics_dir))

            workers, specs = settings.node.workers, []
            for role in settings.node.roles:
                if role == "steward":
                    specs.append(child(role, role, {}))
                else:
                    specs += [child(f"{role}-{n + 1}", role, {PLACE: f"{n}/{workers}"}) for n in range(workers)]
            if only:
                specs.append(child("keeper", "keeper", {}))
            host = _host_in_url(settings.http.host)
            handle = (host, settings.handle.port) if settings.handle.enabled else None
            async with children(specs) as family:
                yield Started(
                    f"http://{host}:{settings.http.port}", handle, ground.administrator_password, family, ground.clock
                )


@contextlib.asynccontextmanager
async def _founded(settings: Settings) -> AsyncIterator[_Ground]:
    """The node's database with everything that its first start puts in."""
    find_profile(await asyncio.to_thread(read_profiles, settings.acceptance.profiles), settings.acceptance.profile)
    check_uploads(settings)
    await asyncio.to_thread(check_docking, settings)
    async with database(settings) as url:
        await migrate(url)
        clock = await wind(url, settings.laboratory.clock_origin, settings.laboratory.clock_rate)
        now = utc_now if clock is None else clock.now
        laboratory = await founding.found(url, laboratory=settings.node.laboratory, at=now())
        await _put_in_what_is_shipped(url, settings, now())
        yield _Ground(url, laboratory, await _first_administrator(url, settings), clock)


@contextlib.asynccontextmanager
async def _found(settings: Settings) -> AsyncIterator[_Ground]:
    """A database that others founded, which may be away now: what a machine stands on that only resolves."""
    yield _Ground(database_url(settings), settings.node.laboratory)


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
        seal = await asyncio.to_thread(seal_of, seal_key_file(settings))
        accounts = accounts_of(settings, pool, utc_now, Passwords(), seal)
        return await accounts.found_administrator(ADMINISTRATOR)
    finally:
        await pool.close()


async def _put_in_what_is_shipped(url: str, settings: Settings, at: datetime) -> None:
    """The coding rules and documents that come with the node, each once."""
    pool = await open_pool(url, "biaoshi_writer", size=1, seconds=settings.database.seconds, name="biaoshi founding")
    try:
        added = await ship(pool, at)
    finally:
        await pool.close()
    if added:
        log.info("documents_added", names=added)


def _host_in_url(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def main() -> None:
    """Entry of the children: ``python -m node.serve worker|steward|resolver|keeper [CONFIG]``."""
    role, *rest = sys.argv[1:]
    config_file = Path(rest[0]) if rest else None
    settings = config.load(config_file)
    configure(settings.log.level)
    structlog.contextvars.bind_contextvars(process=role, pid=os.getpid())
    link = ParentLink()
    with importing():
        part = _part(role, settings, link, config_file)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(part)


def _part(role: str, settings: Settings, link: ParentLink, config_file: Path | None) -> Coroutine[None, None, None]:
    """What a child does."""
    if role == "worker":
        from node.worker import worker

        return worker(settings, link, config_file)
    if role == "resolver":
        from node.resolving import resolving

        return resolving(settings, link)
    if role == "keeper":
        from node.keeper import keeper

        return keeper(settings, link)
    from node.steward import steward

    return steward(settings, link)


if __name__ == "__main__":
    main()
