"""What answers, put together by the settings: the same for workers and for processes that only resolve."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node.administration import Administration
from node.child import MEETING_PLACE, PLACE, utc_now
from node.config import Settings
from node.http_server import Bounds, HttpServer, bind
from node.own_face import certificate_of
from node.site import OwnSite
from node.tls import ServerCertificate
from resolver.chain import Resolver
from resolver.counting.counter import ResolutionCounter
from resolver.handle import ports as handle_ports
from resolver.handle.conversation import Place
from resolver.handle.guard import GuardLimits
from resolver.handle.service import HandleService, Listening
from resolver.recursion.beyond import Beyond

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
        cache_entries=asked.cache_entries,
        missing_entries=asked.missing_entries,
        missing_seconds=asked.missing_seconds,
        stale_seconds=asked.stale_seconds,
        lookup_seconds=asked.lookup_seconds,
    )


def http_server_of(settings: Settings, app: web.Application) -> HttpServer:
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
    return HttpServer(app, plain, bounds, secure=secure, certificate=certificate)


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
