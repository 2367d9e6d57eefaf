"""Sealing: how personal data lie in the database, so that a copy of it alone tells nothing about people.

AES-256-GCM (NIST SP 800-38D) with a random nonce. What is sealed is bound to its context, a text such as
``enterprise:<id>``: moved to another row it opens no more. The key stands in a file beside the node's other keys and
never in the database; who loses it loses what was sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.errors import Internal, Malformed
from node.whole_file import put_once

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12


class SealKeyUnusable(Malformed):
    """Evidence: ``file``."""

    title_zh = "个人信息密钥无法使用"


class SealBroken(Internal):
    """Sealed by another key, for another context, or damaged."""

    title_zh = "个人信息无法解密"


class Seal:
    """One key, with which texts are sealed, opened, and compared without being known."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"seal" + key).digest())
        self._digest_key = hashlib.sha256(b"digest" + key).digest()

    def seal(self, plain: bytes, context: str) -> bytes:
        """One octet of version, twelve of nonce, the cipher text with its tag."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed for this context. Raises ``SealBroken``."""
        version, nonce, cipher_text = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        broken = SealBroken(f"what was sealed for {context} does not open with the node's key")
        if version != _VERSION:
            raise broken
        try:
            return self._cipher.decrypt(nonce, cipher_text, context.encode())
        except (InvalidTag, ValueError):
            raise broken from None

    def digest(self, text: str) -> bytes:
        """32 octets by which equal texts are found equal, and nothing else is learnt (HMAC-SHA-256)."""
        return hmac.digest(self._digest_key, text.encode(), "sha256")


def seal_of(file: Path) -> Seal:
    """The seal whose key is in ``file``, made now when there is no such file. Raises ``SealKeyUnusable``."""
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            put_once(file, os.urandom(KEY_BYTES).hex().encode() + b"\n", 0o600)
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise SealKeyUnusable(f"the key {file} of personal data cannot be read or made", file=str(file)) from error
    if len(key) != KEY_BYTES:
        raise SealKeyUnusable(f"{file} has to hold {KEY_BYTES} octets as hexadecimal digits", file=str(file))
    return Seal(key)
