"""The certificate that a node makes and signs itself, so that HTTPS is there from the first start.

Key and certificate are two PEM files beside each other. The key is made first and never replaced; the certificate is
made from whatever key lies there, so of two processes that start at once both end with the same matching pair.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.errors import Malformed
from node.whole_file import put_once

_LIFE = timedelta(days=3650)
_CLOCKS_APART = timedelta(days=1)
_LOCAL = ("localhost", "127.0.0.1", "::1")


class CertificateNotMade(Malformed):
    """Evidence: ``directory``."""

    title_zh = "无法生成证书"


@dataclass(frozen=True, slots=True)
class Pair:
    """A chain and the private key of its first certificate, both PEM."""

    certificate: Path
    key: Path


def own_pair(directory: Path, name: str, hosts: Sequence[str], at: datetime) -> Pair:
    """The pair in ``directory``, made now as far as it is not there.

    ``hosts`` are the addresses and host names that clients use; loopback is always among them. The key is EC P-256,
    its file mode 0600. Raises ``CertificateNotMade``.
    """
    pair = Pair(directory / "https-certificate.pem", directory / "https-key.pem")
    try:
        if not pair.key.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            directory.mkdir(parents=True, exist_ok=True)
            put_once(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        if not pair.certificate.exists():
            put_once(pair.certificate, _certificate(pair.key.read_bytes(), name, hosts, at), 0o644)
    except (OSError, ValueError, TypeError) as error:
        detail = f"no certificate can be made in {directory}: {error}"
        raise CertificateNotMade(detail, directory=str(directory)) from error
    return pair


def _certificate(key_pem: bytes, name: str, hosts: Sequence[str], at: datetime) -> bytes:
    key = load_pem_private_key(key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key beside it is not the one that was made for it")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "biaoshi")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _CLOCKS_APART)
        .not_valid_after(at + _LIFE)
        .add_extension(x509.SubjectAlternativeName(_names((*_LOCAL, *hosts))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            names.append(x509.DNSName(host))
            continue
        if not address.is_unspecified:
            names.append(x509.IPAddress(address))
    return names
