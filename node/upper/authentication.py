"""Whose request it is: the signature by a key that holds, the client certificate it is bound to, a nonce once.

A nonce is spent in the request's transaction and stays spent when the request is refused. An unknown, an expired and
a revoked key are answered like a wrong signature.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from aiohttp import web

from node.database import Connection
from node.errors import Unauthenticated
from node.national.access import Kind
from node.national.signature import ACCESS_KEY, NonceReused, SignatureWrong, Signed, verify
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.exchange import CALM, Caller, Moods, NonceRejected

_SQL = statements_beside(__file__, "keys.sql")
_LARGE = 256 << 10  # octets whose digest is made beside the event loop


class CertificateRequired(Unauthenticated):
    """The key holds by one client certificate only, and the request came by another or by none."""

    title_zh = "须使用登记的客户端证书"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as far as it is signed, and the SHA-256 of its connection's client certificate, if it has one."""

    request: web.Request
    body: bytes
    certificate_sha256: bytes | None


def received(request: web.Request, body: bytes) -> Received:
    """What came, with the certificate that the handshake proved."""
    connection = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    certificate = connection.getpeercert(binary_form=True) if connection is not None else None
    return Received(request, body, hashlib.sha256(certificate).digest() if certificate else None)


async def authenticate(
    connection: Connection, seal: Seal, came: Received, at: datetime, *, key_hours: float, moods: Moods = CALM
) -> Caller:
    """The caller by its key pair; the first use of a key begins the end of the one before it.

    Raises ``SignatureMissing``, ``ClockSkewed``, ``SignatureWrong``, ``CertificateRequired``, ``NonceReused``.
    """
    access_key = came.request.headers.get(ACCESS_KEY, "")
    row = await connection.fetchrow(_SQL["key_that_holds"], access_key, at)
    secret = seal.open(row["secret_sealed"], f"docking_key:{access_key}").decode() if row else None
    signed = await _verified(came, secret, at + moods.clock_skew)
    if row is None or moods.wrong_signature:
        raise SignatureWrong("the key is unknown or the signature does not fit the request")
    bound = row["certificate_sha256"]
    if bound is not None and not hmac.compare_digest(bound, came.certificate_sha256 or b""):
        raise CertificateRequired("this key holds only together with the client certificate that is known of it")
    await _spend(connection, signed, at)
    if moods.reject_nonce:
        raise NonceRejected("the nonce is rejected for practice: sign again with another one")
    if row["used_at"] is None:
        await connection.execute(_SQL["first_use"], access_key, at, at + timedelta(hours=key_hours))
    return Caller(access_key, row["name"], Kind(row["kind"]), row["delegated_prefix"])


async def authenticate_applicant(
    connection: Connection, seal: Seal, came: Received, application_id: UUID, at: datetime, moods: Moods = CALM
) -> None:
    """Whether who asks about an application is who applied: signed with its number and the applicant's secret.

    Raises like ``authenticate``; an application that there is not is answered like a wrong secret.
    """
    number = str(application_id)
    sealed = await connection.fetchval(_SQL["applicant"], application_id)
    secret = seal.open(sealed, f"docking_application:{number}").decode() if sealed is not None else None
    if came.request.headers.get(ACCESS_KEY, "") != number:
        secret = None
    signed = await _verified(came, secret, at + moods.clock_skew)
    await _spend(connection, signed, at)


async def holds(connection: Connection, access_key: str, at: datetime) -> bool:
    """Whether there is such a key and it neither expired nor was revoked."""
    return await connection.fetchrow(_SQL["key_that_holds"], access_key, at) is not None


async def _verified(came: Received, secret: str | None, at: datetime) -> Signed:
    request = came.request

    def verified() -> Signed:
        return verify(request.headers, request.method, request.raw_path, came.body, secret_of=lambda _: secret, at=at)

    return await asyncio.to_thread(verified) if len(came.body) > _LARGE else verified()


async def _spend(connection: Connection, signed: Signed, at: datetime) -> None:
    if await connection.fetchval(_SQL["spend_nonce"], signed.access_key, signed.nonce, at) is None:
        raise NonceReused("this nonce has been used before")
