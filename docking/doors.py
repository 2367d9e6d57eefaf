"""The examiner's TLS: an authority of its own, the certificate by which it is met, and wrong ones for a while."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


class Authority:
    """Signs certificates for this run; ``pem`` is what the node under test has to trust."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "biaoshi docking test")])
        now = datetime.now(UTC)
        self._certificate = (
            _builder(self._name, self._name, self._key, now - _DAY, now + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(Encoding.PEM)

    def context(self, names: Sequence[str], since: datetime, until: datetime) -> ssl.SSLContext:
        """TLS by a certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "examiner")])
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(subject, self._name, key, since, until)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(issued_by, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "certificate.pem", Path(folder) / "key.pem"
            pair[0].write_bytes(certificate.public_bytes(Encoding.PEM))
            pair[1].touch(mode=0o600)
            pair[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            context.load_cert_chain(*pair)
        return context


class Doors:
    """``context`` is what the desk listens with; another certificate may be shown in its place at each handshake.

    ``hang_up`` ends the connections that stand, so that the next request needs a handshake.
    """

    def __init__(self, authority: Authority, host: str, hang_up: Callable[[], None]) -> None:
        now = datetime.now(UTC)
        self.handshakes = 0
        self._authority = authority
        self._names = tuple(dict.fromkeys((host, "localhost", "127.0.0.1", "::1", socket.gethostname())))
        self._hang_up = hang_up
        self._instead: ssl.SSLContext | None = None
        self.context = authority.context(self._names, now - _DAY, now + 30 * _DAY)
        self.context.sni_callback = self._choose

    def wrong(self) -> Iterator[tuple[str, AbstractContextManager[None]]]:
        """Each kind of certificate that nobody should trust, with a block in which it is shown."""
        now, names = datetime.now(UTC), self._names
        since, until = now - _DAY, now + _DAY
        yield "他人签发 of another authority", self._showing(Authority().context(names, since, until))
        yield "过期 expired", self._showing(self._authority.context(names, now - 30 * _DAY, now - _DAY))
        yield "名称不符 of another name", self._showing(self._authority.context(["other.invalid"], since, until))

    @contextlib.contextmanager
    def _showing(self, context: ssl.SSLContext) -> Iterator[None]:
        self._instead = context
        self._hang_up()
        try:
            yield
        finally:
            self._instead = None
            self._hang_up()

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        self.handshakes += 1
        if self._instead is not None:
            connection.context = self._instead


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
