"""Certificates of clients and servers, made for a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from node.own_certificate import Pair

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    """A new key of 2,048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_of(
    key: Key,
    common_name: str,
    *,
    user_id: str | None = None,
    issuer: tuple[Key, str] | None = None,
    days: tuple[int, int] = (-1, 30),
) -> x509.Certificate:
    """Self-signed, or signed by ``issuer`` (its key and common name); valid from and to so many days from now."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if user_id is not None:
        names.insert(0, x509.NameAttribute(NameOID.USER_ID, user_id))
    subject = x509.Name(names)
    signed_by, issued_by = issuer or (key, common_name)
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issued_by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(signed_by, hashes.SHA256())
    )


def written(folder: Path, key: Key, certificate: x509.Certificate, name: str = "client") -> Pair:
    """The two as files."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    pair.key.write_bytes(key_pem(key))
    return pair
