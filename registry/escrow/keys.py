"""The two key pairs of escrow: the node signs packages (Ed25519), the recipient opens them (X25519).

Files are PEM as OpenSSL writes them: ``openssl genpkey -algorithm X25519`` and ``openssl pkey -pubout``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from node.errors import Malformed
from node.key_files import KeyFileExists
from node.whole_file import put_once

_MOST_OCTETS = 65_536


class EscrowKeyUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "托管密钥无法使用"


def signing_key(file: Path) -> Ed25519PrivateKey:
    """The node's key, made now when there is no such file, its public half beside it (``.pub``).

    Raises ``EscrowKeyUnusable``.
    """
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            put_once(file, _private_pem(Ed25519PrivateKey.generate()), 0o600)
        key = _private(file)
        if not isinstance(key, Ed25519PrivateKey):
            raise _of_other_kind(file, "Ed25519")
        put_once(_public_file(file), _public_pem(key.public_key()), 0o644)
    except OSError as error:
        raise _unusable(file, f"cannot be read or made: {error.strerror}") from error
    return key


def known_signer(file: Path) -> Ed25519PublicKey:
    """Whose signature is believed: a public key, or the node's own private one. Raises ``EscrowKeyUnusable``."""
    if b"PRIVATE KEY" in _content(file):
        key = _private(file)
        if isinstance(key, Ed25519PrivateKey):
            return key.public_key()
        raise _of_other_kind(file, "Ed25519")
    public = _public(file)
    if not isinstance(public, Ed25519PublicKey):
        raise _of_other_kind(file, "Ed25519")
    return public


def recipient_key(file: Path) -> X25519PublicKey:
    """For whom packages are encrypted. Raises ``EscrowKeyUnusable``, also for a private key."""
    key = _public(file)
    if not isinstance(key, X25519PublicKey):
        raise _of_other_kind(file, "X25519")
    return key


def opening_key(file: Path) -> X25519PrivateKey:
    """The recipient's private key. Raises ``EscrowKeyUnusable``."""
    key = _private(file)
    if not isinstance(key, X25519PrivateKey):
        raise _of_other_kind(file, "X25519")
    return key


def make_recipient(file: Path) -> Path:
    """A new pair of a recipient: the private key in ``file``, the public one in ``file.pub``, which is returned.

    Raises ``KeyFileExists``, ``EscrowKeyUnusable``.
    """
    public = _public_file(file)
    for one in (file, public):
        if one.exists():
            raise KeyFileExists(f"{one} exists: name another file", file=str(one))
    key = X25519PrivateKey.generate()
    try:
        put_once(file, _private_pem(key), 0o600)
        put_once(public, _public_pem(key.public_key()), 0o644)
    except OSError as error:
        raise _unusable(file, f"cannot be written: {error.strerror}") from error
    return public


def fingerprint(public: bytes) -> str:
    """By which people compare public keys: the SHA-256 of its 32 octets, in groups of four digits."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _public_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.pub")


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_OCTETS)
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from error


def _private(file: Path) -> object:
    try:
        return load_pem_private_key(_content(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(file, "holds no private key in PEM without a passphrase") from error


def _public(file: Path) -> object:
    content = _content(file)
    if b"PRIVATE KEY" in content:
        raise _unusable(file, "holds a private key: give the public one, and keep this away from the node")
    try:
        return load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(file, "holds no public key in PEM") from error


def _of_other_kind(file: Path, needed: str) -> EscrowKeyUnusable:
    return _unusable(file, f"holds a key of another kind than {needed}")


def _private_pem(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _unusable(file: Path, why: str) -> EscrowKeyUnusable:
    return EscrowKeyUnusable(f"{file} {why}", file=str(file))
