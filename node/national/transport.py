"""TLS to the node above: whose certificates we believe, and ours that we show, read again when its files change."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from node.errors import Malformed

log = structlog.get_logger("national")


class ClientCertificateUnusable(Malformed):
    """Evidence: ``certificate`` and ``key``, the files."""

    title_zh = "客户端证书无法使用"


class AuthorityUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "上级节点证书颁发机构文件无法使用"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM: our certificate and its key (both or none), and the authority of the other's (none: the system's)."""

    certificate: Path | None = None
    certificate_key: Path | None = None
    authority: Path | None = None


NO_TLS_FILES = TlsFiles()


class Transport:
    """``context`` is for every connection to come. Raises ``ClientCertificateUnusable``, ``AuthorityUnusable``."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = self._signs()
        self.context = _believing(files.authority)
        self._show(self.context)

    def renew(self) -> None:
        """Show the certificate that lies there now; where it cannot be used, the one before it stays (logged)."""
        signs = self._signs()
        if signs == self._seen:
            return
        self._seen = signs
        try:
            # Tried elsewhere first: a context that failed halfway would hold one's certificate with the other's key.
            self._show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            self._show(self.context)
        except ClientCertificateUnusable as error:
            log.warning("client_certificate_kept", reason=error.detail)
        else:
            log.info("client_certificate_renewed", certificate=str(self._files.certificate))

    def _show(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files.certificate, self._files.certificate_key
        if certificate is None or key is None:
            return
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            detail = f"{certificate} and {key} are no certificate with its key: {error}"
            raise ClientCertificateUnusable(detail, certificate=str(certificate), key=str(key)) from None

    def _signs(self) -> tuple[object, ...]:
        signs: list[object] = []
        for file in (self._files.certificate, self._files.certificate_key):
            try:
                found = file.stat() if file is not None else None
            except OSError:
                found = None
            signs.append(found and (found.st_mtime_ns, found.st_ino, found.st_size))
        return tuple(signs)


def fingerprint(files: TlsFiles) -> str:
    """SHA-256 (hex) of our certificate, empty where we show none. Raises ``ClientCertificateUnusable``."""
    certificate = files.certificate
    if certificate is None:
        return ""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(SHA256()).hex()
    except (OSError, ValueError) as error:
        detail = f"{certificate} is no certificate: {error}"
        raise ClientCertificateUnusable(
            detail, certificate=str(certificate), key=str(files.certificate_key)
        ) from None


def _believing(authority: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        raise AuthorityUnusable(f"{authority} holds no certificates: {error}", file=str(authority)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_password() -> bytes:
    """OpenSSL would ask at the terminal for that of an encrypted key."""
    raise ValueError("the key is encrypted")
