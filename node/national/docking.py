"""Docking (接入): where the node above is, who we are to it, and a client that speaks for us."""

from __future__ import annotations

import asyncio
import contextlib
import random as chance
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from node import __version__
from node.config import Settings
from node.database import Pool
from node.errors import Conflict
from node.national.access import Kind, Site
from node.national.admission import Applicant
from node.national.backoff import DEFAULT_PATIENCE, Patience, Random
from node.national.client import NationalClient
from node.national.credentials import Credentials
from node.national.link import Link
from node.national.signature import KeyPair
from node.national.transport import NO_TLS_FILES, TlsFiles, Transport, fingerprint
from node.sealing import Seal


class NotDocked(Conflict):
    title_zh = "未设置上级节点"


@dataclass(frozen=True, slots=True)
class Docking:
    """Where to report and as whom; times in seconds. Without a ``url`` reports wait in the outbox.

    Without an AccessKey the node applies for access as ``applicant``.
    """

    url: str | None
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    heartbeat_seconds: float = 30.0
    poll_seconds: float = 2.0
    deadline_seconds: float = 10.0
    count_seconds: float = 60.0
    key_days: int = 90
    outbox_days: int = 30
    tls: TlsFiles = NO_TLS_FILES
    applicant: Applicant | None = None

    def given_keys(self) -> KeyPair | None:
        """The pair of the settings. Raises ``KeyPairInvalid``, also without a pair and an applicant."""
        if not self.access_key and not self.secret_key and self.applicant is not None:
            return None
        return KeyPair(self.access_key, self.secret_key)


def docking_of(settings: Settings) -> Docking:
    """As the settings have it. Raises ``ClientCertificateUnusable``."""
    national = settings.national
    tls = TlsFiles(national.certificate, national.certificate_key, national.authority)
    return Docking(
        url=national.url,
        access_key=national.access_key,
        secret_key=national.secret_key,
        heartbeat_seconds=national.heartbeat_seconds,
        poll_seconds=national.poll_seconds,
        deadline_seconds=national.deadline_seconds,
        count_seconds=national.count_seconds,
        key_days=national.key_days,
        outbox_days=national.outbox_days,
        tls=tls,
        applicant=Applicant(
            kind=Kind(settings.node.profile),
            name=settings.node.name,
            prefix=settings.node.prefix,
            credit_code=national.credit_code,
            contact=national.contact,
            version=__version__,
            sites=sites_of(settings),
            certificate_sha256=fingerprint(tls),
        ),
    )


def check_docking(settings: Settings) -> None:
    """Whether a steward can dock with these settings.

    Raises ``KeyPairInvalid``, ``ClientCertificateUnusable``, ``AuthorityUnusable``.
    """
    docking = docking_of(settings)
    if docking.url is not None:
        docking.given_keys()
        Transport(docking.tls)


def sites_of(settings: Settings) -> tuple[Site, ...]:
    """Where this node answers; the interface knows four addresses of a node."""
    handle, http = settings.handle, settings.http
    return tuple(
        Site(
            address=address,
            tcp_port=handle.port if handle.enabled else None,
            udp_port=handle.port if handle.enabled and handle.udp else None,
            http_port=http.port,
        )
        for address in handle.public_addresses[:4]
    )


@contextlib.asynccontextmanager
async def connected(
    pool: Pool,
    docking: Docking,
    seal: Seal,
    *,
    clock: Callable[[], datetime],
    stop: asyncio.Event,
    patience: Patience = DEFAULT_PATIENCE,
    random: Random = chance.random,
) -> AsyncIterator[tuple[NationalClient, Transport]]:
    """A client whose credentials are still to be loaded, and what carries it.

    Raises ``NotDocked``, ``KeyPairInvalid``, ``ClientCertificateUnusable``, ``AuthorityUnusable``.
    """
    if docking.url is None:
        raise NotDocked("national.url names no node above")
    credentials = Credentials(pool, seal, clock, docking.given_keys(), docking.key_days)
    transport = await asyncio.to_thread(Transport, docking.tls)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=16, ssl=transport.context),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    ) as session:
        client = NationalClient(
            session,
            docking.url,
            credentials,
            Link(patience, random, docking.deadline_seconds),
            deadline_seconds=docking.deadline_seconds,
            clock=clock,
            nonce=lambda: secrets.token_urlsafe(24),
            stop=stop,
        )
        yield client, transport


@contextlib.asynccontextmanager
async def docked(
    pool: Pool, docking: Docking, seal: Seal, *, clock: Callable[[], datetime]
) -> AsyncIterator[NationalClient]:
    """A client for single acts outside the steward.

    Raises what ``connected`` raises, ``DatabaseAway``, ``SealBroken``.
    """
    async with connected(pool, docking, seal, clock=clock, stop=asyncio.Event()) as (client, _):
        await client.credentials.load()
        yield client
