"""The test of an upper side from beginning to end."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from yarl import URL

from docking.case import Case, Finding, Side, run_cases
from docking.node_below import CREDIT_CODE, NodeBelow
from docking.upper import (
    access,
    authentication,
    files,
    monitoring,
    resolution,
    synchronisation,
    takeover,
    transport,
    verification,
)
from node.errors import Malformed
from node.national.signature import KeyPair

CASES: tuple[Case[NodeBelow], ...] = (
    *access.CASES,
    *synchronisation.CASES,
    *verification.CASES,
    *files.CASES,
    *monitoring.CASES,
    *takeover.CASES,
    *transport.CASES,
    *authentication.CASES,
    *resolution.CASES,
    # What was watched all the while.
    *synchronisation.AT_THE_END,
    *authentication.AT_THE_END,
)
_CONNECTIONS = 64


class CertificateUnreadable(Malformed):
    title_zh = "证书或私钥无法读取"


@dataclass(frozen=True, slots=True)
class Trust:
    """PEM files: who signs the certificate of the upper (by default the system says), and our own certificate."""

    authority: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None


@dataclass(frozen=True, slots=True)
class UpperUnderTest:
    """An upper by its address, a key pair and a prefix that exist for the test, and its Handle port if it has one.

    ``credit_code`` is that of who holds the prefix, where the upper knows its holder.
    """

    url: str
    keys: KeyPair
    prefix: str
    handle: tuple[str, int] | None = None
    trust: Trust = Trust()
    credit_code: str = CREDIT_CODE


async def examine_upper(
    tested: UpperUnderTest,
    told: Callable[[Finding], None],
    *,
    patience: float,
    clock: Callable[[], datetime],
    cases: Sequence[Case[NodeBelow]] = CASES,
) -> list[Finding]:
    """Try the cases on an upper; ``patience`` in seconds is for what it does by itself.

    Raises ``CertificateUnreadable``.
    """
    tls, bare, digest = _tls(tested)
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        node = NodeBelow(
            session,
            URL(tested.url),
            tested.keys,
            tested.prefix,
            patience,
            clock,
            tested.handle,
            tls,
            bare,
            digest,
            tested.credit_code,
        )
        return await run_cases(Side.UPPER, cases, node, told)


def _tls(tested: UpperUnderTest) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None, str]:
    """How to meet the upper with our certificate and without it, and the certificate's digest."""
    if not tested.url.startswith("https:"):
        return None, None, ""
    trust = tested.trust
    try:
        bare = ssl.create_default_context(cafile=trust.authority)
        if trust.certificate is None:
            return bare, bare, ""
        tls = ssl.create_default_context(cafile=trust.authority)
        tls.load_cert_chain(trust.certificate, trust.certificate_key)
        certificate = x509.load_pem_x509_certificate(trust.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateUnreadable(f"{error}") from None
    return tls, bare, hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
