"""TLS in both directions with a real national node that binds a key pair to the certificate of its application."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mocknational.mock import Mock
from node.national.access import Kind
from node.national.admission import Applicant
from node.national.transport import (
    AuthorityUnusable,
    ClientCertificateUnusable,
    TlsFiles,
    Transport,
    fingerprint,
)
from node.own_certificate import Pair
from tests.support.certificates import certificate_of, written
from tests.support.docking import DockedNode, until


def pair(folder: Path, name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    return written(folder, key, certificate_of(key, name), name)


def files(ours: Pair | None, authority: Path) -> TlsFiles:
    return TlsFiles(ours and ours.certificate, ours and ours.key, authority)


def docking(tls: TlsFiles) -> dict[str, Any]:
    applicant = Applicant(Kind.SECONDARY, "示例节点", "88.101", certificate_sha256=fingerprint(tls))
    return {"docking": {"access_key": "", "secret_key": "", "applicant": applicant, "tls": tls}}


@asynccontextmanager
async def secure(world: DockedNode, server: Pair) -> AsyncIterator[tuple[Mock, str]]:
    async with world.mock(pair=server, approve=True) as mock:
        yield mock, mock.url.replace("127.0.0.1", "localhost")


async def nothing_waits(world: DockedNode) -> bool:
    return await world.waiting() == 0


async def test_a_key_pair_bound_to_our_certificate_holds_with_it_and_not_without(
    world: DockedNode, upper: asyncpg.Connection, tmp_path: Path
) -> None:
    server, ours, stranger = (pair(tmp_path, name) for name in ("localhost", "node", "stranger"))
    await world.report_many(["a"], 5)
    async with secure(world, server) as (_, url):
        async with world.steward(url, **docking(files(ours, server.certificate))):
            await until(lambda: nothing_waits(world))
        bound = await upper.fetchval("SELECT max(encode(certificate_sha256, 'hex')) FROM docking_key")
        assert bound == fingerprint(files(ours, server.certificate))
        await world.report_many(["a"], 5)
        for tls in (files(None, server.certificate), files(stranger, server.certificate)):
            async with world.steward(url, **docking(tls)):
                await until(lambda: refused(world, upper))
            await world.pool.execute("UPDATE outbox SET attempts = 0 WHERE delivered_at IS NULL")
        async with world.steward(url, **docking(files(ours, server.certificate))):
            await until(lambda: nothing_waits(world))
    assert await upper.fetchval("SELECT count(*) FROM docked_message") == 10


async def refused(world: DockedNode, upper: asyncpg.Connection) -> bool:
    tried = await world.pool.fetchval("SELECT max(attempts) > 0 FROM outbox WHERE delivered_at IS NULL")
    return bool(
        tried and await upper.fetchval("SELECT count(*) FROM request WHERE signature = 'certificate_required'")
    )


async def test_nothing_is_said_to_a_server_whose_certificate_our_authority_did_not_sign(
    world: DockedNode, upper: asyncpg.Connection, tmp_path: Path
) -> None:
    server, other = pair(tmp_path, "localhost"), pair(tmp_path, "other")
    async with secure(world, server) as (_, url), world.steward(url, **docking(files(None, other.certificate))):

        async def failing() -> bool:
            return bool(await world.pool.fetchval("SELECT failing_since IS NOT NULL FROM national_state"))

        await until(failing)
    assert "Certificate" in await world.pool.fetchval("SELECT last_error FROM national_state")
    assert await upper.fetchval("SELECT count(*) FROM request") == 0


def asking_for(server: Pair, trusted: str) -> ssl.SSLContext:
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asking.load_cert_chain(server.certificate, server.key)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(cadata=trusted)
    return asking


async def shown_to(server: ssl.SSLContext, transport: Transport) -> bytes:
    """The certificate that a server sees."""
    shown: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.set_result(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        writer.close()

    async with await asyncio.start_server(look, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=transport.context, server_hostname="localhost"
        )
        try:
            return await asyncio.wait_for(shown, 5)
        finally:
            writer.transport.abort()


async def test_a_renewed_certificate_is_shown_from_the_next_connection_on(tmp_path: Path) -> None:
    server, ours = pair(tmp_path, "localhost"), pair(tmp_path, "node")
    transport, old = Transport(files(ours, server.certificate)), ours.certificate.read_bytes().decode()
    first = await shown_to(asking_for(server, old), transport)
    ours.key.write_text("half written")
    transport.renew()
    assert await shown_to(asking_for(server, old), transport) == first
    pair(tmp_path, "node")
    transport.renew()
    assert await shown_to(asking_for(server, ours.certificate.read_text()), transport) != first


def test_files_that_are_no_certificates_are_named(tmp_path: Path) -> None:
    ours, other = pair(tmp_path, "node"), pair(tmp_path, "other")
    mixed = TlsFiles(ours.certificate, other.key)
    with pytest.raises(ClientCertificateUnusable) as unusable:
        Transport(mixed)
    assert unusable.value.evidence == {"certificate": str(ours.certificate), "key": str(other.key)}
    with pytest.raises(AuthorityUnusable):
        Transport(TlsFiles(authority=ours.key))
    with pytest.raises(ClientCertificateUnusable):
        fingerprint(TlsFiles(certificate=tmp_path / "nowhere.pem", certificate_key=ours.key))
    assert fingerprint(TlsFiles()) == ""
