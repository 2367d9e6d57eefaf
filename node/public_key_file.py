"""Public keys from files, as the data of an HS_PUBKEY value."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from node.errors import Malformed
from node.handle_data import (
    DsaPublicKey,
    OpaquePublicKey,
    PublicKey,
    RsaPublicKey,
    Sm2PublicKey,
    decode_public_key,
    encode_public_key,
)
from node.record import InvalidRecord

LEAST_BITS = 2048
_MOST_OCTETS = 65_536
_BEGIN = b"-----BEGIN "
_SM2_CURVE = bytes.fromhex("06082a811ccf5501822d")  # the object identifier 1.2.156.10197.1.301


class PublicKeyUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "公钥无法使用"


def public_key_data(file: Path) -> bytes:
    """The key in a file: PEM (a public key of RSA, DSA or SM2, or a certificate), or the data of an HS_PUBKEY value.

    Raises ``PublicKeyUnusable``.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_OCTETS)
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror or type(error).__name__}") from error
    if b"PRIVATE KEY" in content:
        raise _unusable(file, "holds a private key: give the public one, and keep this to yourself")
    try:
        key = _of_pem(content) if _BEGIN in content else decode_public_key(content)
    except (ValueError, InvalidRecord, UnsupportedAlgorithm) as error:
        raise _unusable(file, "holds no public key that is known here") from error
    if isinstance(key, OpaquePublicKey):
        raise _unusable(file, f"holds a key of the unknown kind {key.algorithm[:40]!r}")
    if isinstance(key, RsaPublicKey) and key.n.bit_length() < LEAST_BITS:
        raise _unusable(file, f"holds an RSA key of {key.n.bit_length()} bits; {LEAST_BITS} are needed")
    return encode_public_key(key)


def _of_pem(content: bytes) -> PublicKey:
    if b"BEGIN CERTIFICATE" in content:
        key: object = x509.load_pem_x509_certificate(content).public_key()
    else:
        info = _info(content)
        if _SM2_CURVE in info[:64]:
            # Teleinfo's programs keep the text itself; OpenSSL may not know the curve.
            return Sm2PublicKey(content.decode("ascii"))
        key = load_der_public_key(info)
    match key:
        case RSAPublicKey():
            rsa = key.public_numbers()
            return RsaPublicKey(rsa.n, rsa.e)
        case DSAPublicKey():
            dsa = key.public_numbers()
            return DsaPublicKey(dsa.y, dsa.parameter_numbers.p, dsa.parameter_numbers.q, dsa.parameter_numbers.g)
    raise ValueError(type(key).__name__)


def _info(content: bytes) -> bytes:
    """The SubjectPublicKeyInfo between the lines of a PEM."""
    _, begin, rest = content.partition(b"-----BEGIN PUBLIC KEY-----")
    body, end, _ = rest.partition(b"-----END PUBLIC KEY-----")
    if not begin or not end:
        raise ValueError("no PUBLIC KEY")
    return base64.b64decode(b"".join(body.split()), validate=True)


def _unusable(file: Path, why: str) -> PublicKeyUnusable:
    return PublicKeyUnusable(f"{file} {why}", file=str(file))
