"""New keys of administrators, written to files that did not exist before; what is secret, for their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from node.handle_data import RsaPublicKey, encode_public_key
from node.key_files import KeyFileExists, KeyFormat, unusable
from node.private_key_file import encrypted_file, plain_file

_SECRET_OCTETS = 32
_OWNER_ONLY, _EVERYBODY = 0o600, 0o644


def write_secret(file: Path) -> None:
    """A secret of 43 letters, digits, ``-`` and ``_``. Raises ``KeyFileExists``, ``KeyFileUnusable``."""
    _write_new(file, secrets.token_urlsafe(_SECRET_OCTETS).encode(), _OWNER_ONLY)


def write_key_pair(file: Path, bits: int, form: KeyFormat, passphrase: bytes | None) -> Path:
    """An RSA key; returns where its public part is. Raises ``KeyFileExists``, ``KeyFileUnusable``."""
    public = file.with_name(f"{file.name}.pub")
    for one in (file, public):
        if one.exists():
            raise _exists(one)
    key = generate_private_key(public_exponent=65537, key_size=bits)
    _write_new(file, _private(key, form, passphrase), _OWNER_ONLY)
    try:
        _write_new(public, _public(key, form), _EVERYBODY)
    except BaseException:
        file.unlink()
        raise
    return public


def _private(key: RSAPrivateKey, form: KeyFormat, passphrase: bytes | None) -> bytes:
    if form is KeyFormat.HANDLE:
        return plain_file(key) if passphrase is None else encrypted_file(key, passphrase, os.urandom)
    encryption: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _public(key: RSAPrivateKey, form: KeyFormat) -> bytes:
    if form is KeyFormat.HANDLE:
        numbers = key.public_key().public_numbers()
        return encode_public_key(RsaPublicKey(numbers.n, numbers.e))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write_new(file: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
            opened.write(content)
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
        raise unusable(file, error) from error


def _exists(file: Path) -> KeyFileExists:
    return KeyFileExists(f"{file} exists already; a key is never written over", file=str(file))
