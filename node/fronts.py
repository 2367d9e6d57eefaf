"""What answers, put together by the settings: the same for workers and for processes that only resolve."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path
from uuid import UUID

import structlog
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node.administration import Administration
from node.child import MEETING_PLACE, PLACE, node_time, utc_now
from node.config import Settings
from node.database import Pool
from node.http_server import Bounds, HttpServer, bind
from node.own_face import certificate_of, counting_directory
from node.site import OwnSite
from node.tls import ServerCertificate
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.counting.folder import CountingFolder, CountingFolderUnusable, open_folder
from resolver.counting.never import NeverCounts
from resolver.handle import ports as handle_ports
from resolver.handle.conversation import Place
from resolver.handle.guard import GuardLimits
from resolver.handle.service import HandleService, Listening
from resolver.hot_keys import FILE, HotKeys
from resolver.http.front.front import HttpFront
from resolver.http.sessions import Sessions
from resolver.recursion.beyond import Beyond

log = structlog.get_logger("serve")

_OWN_FILES = 1024


def make_room_for_connections(settings: Settings) -> None:
    """As many open files as the bounds allow connections, as far as the system lets us."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.http.connections + settings.handle.connections + _OWN_FILES
    if usual < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, most), most))


def resolver_of(settings: Settings, url: str, site: OwnSite) -> Resolver:
    """Answers from ``database.reader_url``, without one from ``url``, where the writer is heard."""
    asked = settings.resolver
    return Resolver(
        settings.database.reader_url or url,
        listen_url=url,
        site=site,
        cache_bytes=asked.cache_bytes,
        missing_bytes=asked.missing_bytes,
        missing_seconds=asked.missing_seconds,
        stale_seconds=asked.stale_seconds,
        lookup_seconds=asked.lookup_seconds,
        replica_seconds=asked.replica_seconds,
    )


def hot_keys_of(settings: Settings, answers: Resolver, node_id: UUID) -> HotKeys:
    """Warms the cache; the keys stand beside the node's counters, and the first of its processes keeps them."""
    file = counting_directory(settings) / str(node_id) / FILE
    return HotKeys(answers, file, most=settings.resolver.warm_entries, writes=_place().number == 0)


def http_server_of(
    settings: Settings, app: web.Application, answers: Resolver, counter: ResolutionCounter
) -> HttpServer:
    """HTTP and HTTPS. Raises ``PortTaken``, ``CertificateNotMade``, ``CertificateUnusable``."""
    http = settings.http
    bounds = Bounds(
        http.header_seconds, http.idle_seconds, http.connections, http.connections_per_source, http.allow_list
    )
    secure, certificate = [], None
    if settings.https.enabled:
        secure = [bind(http.host, settings.https.port)]
        certificate = ServerCertificate(certificate_of(settings))
    plain = [bind(http.host, port) for port in (http.port, *http.extra_ports)]
    front = http_front_of(settings, answers, counter) if http.front else None
    return HttpServer(app, plain, bounds, secure=secure, certificate=certificate, front=front)


def http_front_of(settings: Settings, answers: Resolver, counter: ResolutionCounter) -> HttpFront:
    """What answers simple resolutions before aiohttp, with lines of the log as those of all requests."""
    told = settings.log.requests and settings.log.level in ("debug", "info")
    return HttpFront(
        answers,
        counter,
        idle_seconds=settings.http.idle_seconds,
        trusted_proxies=settings.http.trusted_proxies,
        write=sys.stderr.write if told else None,
    )


def handle_service_of(
    settings: Settings,
    answers: Resolver,
    counter: ResolutionCounter,
    administration: Administration,
    site: OwnSite,
    key: RSAPrivateKey,
    beyond: Beyond | None,
) -> HandleService:
    """The Handle protocol, at this process's place among its like. Raises ``PortTaken``."""
    handle = settings.handle
    ports = handle_ports.bind(settings.http.host, handle.port, udp=handle.udp) if handle.enabled else None
    return HandleService(
        answers, counter, administration, site, key, utc_now, guard_limits(settings),
        listening=listening(settings, ports) if ports is not None else None,
        place=_place(), directory=Path(os.environ.get(MEETING_PLACE, "")), beyond=beyond,
    )  # fmt: skip


def sessions_of(settings: Settings, pool: Pool, key: RSAPrivateKey) -> Sessions:
    """The sessions of the Handle JSON interface, the same in every process that has the node's key."""
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    handle = settings.handle
    return Sessions(
        pool,
        secret,
        utc_now,
        challenge_seconds=handle.challenge_seconds,
        session_seconds=handle.session_seconds,
    )


async def counter_of(settings: Settings, pool: Pool, node_id: UUID, *, laboratory: bool) -> ResolutionCounter:
    """What counts resolutions; in memory alone where its folder cannot be used."""
    counting = settings.counting
    return ResolutionCounter(
        pool,
        await counting_folder(settings, node_id),
        never=NeverCounts(counting.never, laboratory=laboratory),
        seconds=counting.flush_seconds,
        bots=settings.flags.bots,
        laboratory=laboratory,
        client_addresses=counting.client_addresses,
        clock=node_time,
    )


async def counting_folder(settings: Settings, node_id: UUID) -> CountingFolder | None:
    """Where counters and event files are, ``None`` where no folder can be used."""
    try:
        return await asyncio.to_thread(open_folder, counting_directory(settings), node_id)
    except CountingFolderUnusable as error:
        log.warning("counting_in_memory_alone", cause=error.detail)
        return None


def listening(settings: Settings, ports: handle_ports.Ports) -> Listening:
    """The sockets of the Handle protocol with their bounds."""
    handle, allow_list = settings.handle, settings.http.allow_list
    bounds = Bounds(
        handle.first_seconds, handle.idle_seconds, handle.connections, handle.connections_per_source, allow_list
    )
    return Listening(
        ports,
        bounds,
        pipelined=handle.pipelined,
        udp_ratio=handle.udp_ratio,
        udp_answers=handle.udp_answers,
        udp_slip=handle.udp_slip,
        udp_reassemblies=handle.udp_reassemblies,
        udp_reassembly_seconds=handle.udp_reassembly_seconds,
    )


def guard_limits(settings: Settings) -> GuardLimits:
    """What the proofs and sessions of the Handle protocol may cost and how long they hold."""
    handle = settings.handle
    return GuardLimits(
        handle.challenge_seconds,
        handle.session_seconds,
        handle.iterations,
        handle.legacy_proofs,
        handle.login_networks,
    )


def _place() -> Place:
    """Which of the workers this process is; the only one, unless the supervisor says otherwise."""
    number, _, of = os.environ.get(PLACE, "0/1").partition("/")
    return Place(int(number), int(of))
