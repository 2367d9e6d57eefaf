"""TLS of the HTTPS listener: a certificate that can be replaced while the node runs, clients that may show their own.

Handle clients prove who they are with self-signed certificates whose key is a value of a prefix handle, so a
client's certificate is taken as it is shown: that the client has the private key is proved by the handshake, whose
key it is by whoever compares it with the HS_PUBKEY value. Nothing here trusts a certificate. Python's ``ssl`` cannot
ask without judging: OpenSSL ends each handshake whose certificate it does not find trustworthy. Each certificate is
therefore put among the trusted ones in the moment in which it is read, just before OpenSSL looks for it there.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable
from typing import Any

import structlog
from cryptography import x509

from node.errors import Malformed
from node.own_certificate import Pair

log = structlog.get_logger("tls")

_LOOK_SECONDS = 1.0
_LONGEST_SHOWN = 16_384  # bytes of a client's certificate
_MOST_SHOWN = 1 << 20  # bytes of clients' certificates in one context; a new context begins with none
_CERTIFICATE = 11  # the handshake message of that name, RFC 8446 section 4
_IGNORE_EXPIRY = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: the value of the prefix handle decides how long a key holds


class CertificateUnusable(Malformed):
    """Evidence: ``certificate`` and ``key``, the files."""

    title_zh = "证书无法使用"


class ServerCertificate:
    """The chain and key of the node, read again when their files change."""

    def __init__(self, pair: Pair, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Raises ``CertificateUnusable``."""
        self._pair = pair
        self._monotonic = monotonic
        self._looked = monotonic()
        self._seen = self._signs()
        self._shown: set[bytes] = set()
        self._shown_bytes = 0
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """For the next handshake. A pair that cannot be used is logged once, and the one before it stays."""
        now = self._monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            signs = self._signs()
            if signs != self._seen or self._shown_bytes > _MOST_SHOWN:
                self._replace(signs)
        return self._context

    def _replace(self, signs: tuple[object, ...]) -> None:
        try:
            self._context = self._load()
        except CertificateUnusable as error:
            if signs != self._seen:
                log.warning("certificate_kept", reason=error.detail)
        else:
            self._shown, self._shown_bytes = set(), 0
            if signs != self._seen:
                log.info("certificate_replaced", certificate=str(self._pair.certificate))
        self._seen = signs

    def _signs(self) -> tuple[object, ...]:
        """What tells that a file is another one now; a file that is away is a sign too."""
        signs: list[object] = []
        for file in (self._pair.certificate, self._pair.key):
            try:
                found = file.stat()
            except OSError:
                signs.append(None)
            else:
                signs.append((found.st_mtime_ns, found.st_ino, found.st_size))
        return tuple(signs)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # Each worker would have ticket keys of its own and understand the others' tickets as noise.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | _IGNORE_EXPIRY)
        # The one hook that sees a client's certificate before it is judged; ssl.py keeps it since Python 3.8.
        context._msg_callback = self._on_message  # type: ignore[attr-defined]  # typeshed leaves it out
        pair = self._pair
        try:
            context.load_cert_chain(pair.certificate, pair.key, password=_no_password)
        except (OSError, ValueError) as error:
            detail = f"{pair.certificate} and {pair.key} are no certificate with its key: {error}"
            raise CertificateUnusable(detail, certificate=str(pair.certificate), key=str(pair.key)) from None
        return context

    def _on_message(
        self, connection: ssl.SSLObject, direction: str, version: Any, _content: Any, kind: Any, data: bytes
    ) -> None:
        if kind != _CERTIFICATE or direction != "read":
            return
        shown = _first_certificate(data, tls13=version == ssl.TLSVersion.TLSv1_3)
        if not 0 < len(shown) <= _LONGEST_SHOWN or self._shown_bytes > _MOST_SHOWN:
            return
        context, digest = connection.context, hashlib.sha256(shown).digest()
        if context is self._context:
            if digest in self._shown:
                return
            self._shown.add(digest)
            self._shown_bytes += len(shown)
        try:
            context.load_verify_locations(cadata=shown)
        except ssl.SSLError as error:
            log.info("client_certificate_unreadable", cause=error.reason)


def client_certificate(ssl_object: ssl.SSLObject | None) -> x509.Certificate | None:
    """The certificate whose private key the client of a connection has; ``None`` when it showed none."""
    encoded = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    if not encoded:
        return None
    try:
        return x509.load_der_x509_certificate(encoded)
    except ValueError:
        return None  # OpenSSL read it, the stricter reader does not: as good as none


def _first_certificate(message: bytes, *, tls13: bool) -> bytes:
    """The client's own certificate (DER) in a Certificate message, empty when it shows none.

    Reference: RFC 8446 section 4.4.2, RFC 5246 section 7.4.2; what breaks off OpenSSL refuses.
    """
    at = 4
    if tls13:
        at += 1 + int.from_bytes(message[at : at + 1], "big")  # the request's context stands before the list
    at += 3
    return message[at + 3 : at + 3 + int.from_bytes(message[at : at + 3], "big")]


def _no_password() -> bytes:
    """OpenSSL would ask at the terminal for that of an encrypted key."""
    raise ValueError("the key is encrypted")
