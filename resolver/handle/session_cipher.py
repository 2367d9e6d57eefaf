"""The key of a session: how it is sent, how it encrypts messages and how it vouches for them.

    3  AES-128 in CBC, the initialisation vector in front of the ciphertext
    4  SM4 in CBC, with the key itself as the vector, which is not sent (Teleinfo's programs)

1 and 2, DES and triple DES, are refused. A key that is longer than the cipher needs, as Diffie-Hellman makes it,
encrypts with its first 16 bytes and vouches with all of them.
Reference: the behaviour of Handle.Net since 2.4, where the padding is that of PKCS #7.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from node.errors import Forbidden
from resolver.handle.codes import ResponseCode

BLOCK = 16
KEY_SIZES = (16, 24, 32)
MAC_NAME = "HMAC-SHA256"
_MAC_NAMES = frozenset({"HMACSHA256", MAC_NAME})


class SessionFailed(Forbidden):
    """501: the message is encrypted, and not with the key of its session."""

    title_zh = "会话失败"
    response_code = ResponseCode.SESSION_FAILED


class Algorithm(IntEnum):
    AES = 3
    SM4 = 4


@dataclass(frozen=True, slots=True)
class SessionKey:
    algorithm: Algorithm
    secret: bytes = field(repr=False)

    def encrypt(self, plain: bytes, random: Callable[[int], bytes]) -> bytes:
        """What goes behind the envelope."""
        padder = PKCS7(8 * BLOCK).padder()
        padded = padder.update(plain) + padder.finalize()
        sent = b"" if self.algorithm is Algorithm.SM4 else random(BLOCK)
        encryptor = self._cipher(sent or self.secret[:BLOCK]).encryptor()
        return sent + encryptor.update(padded) + encryptor.finalize()

    def decrypt(self, data: bytes) -> bytes:
        """Raises ``SessionFailed``, in the same words whatever is wrong."""
        start = 0 if self.algorithm is Algorithm.SM4 else BLOCK
        if len(data) <= start or len(data) % BLOCK:
            raise undecipherable()
        decryptor = self._cipher(data[:start] or self.secret[:BLOCK]).decryptor()
        padded = decryptor.update(data[start:]) + decryptor.finalize()
        unpadder = PKCS7(8 * BLOCK).unpadder()
        try:
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise undecipherable() from None

    def mac(self, covered: bytes) -> bytes:
        return hmac.digest(self.secret, covered, "sha256")

    def vouches(self, digest_name: str, covered: bytes, mac: bytes) -> bool:
        """Whether the MAC is this key's; other digests than HMAC-SHA256 are none."""
        return digest_name.upper() in _MAC_NAMES and hmac.compare_digest(self.mac(covered), mac)

    def _cipher(self, vector: bytes) -> Cipher[modes.CBC]:
        key = self.secret[:BLOCK]
        cipher = algorithms.SM4(key) if self.algorithm is Algorithm.SM4 else algorithms.AES(key)
        return Cipher(cipher, modes.CBC(vector))


def undecipherable() -> SessionFailed:
    return SessionFailed("the message cannot be deciphered with the key of its session")


def encode_key(key: SessionKey) -> bytes:
    """As it is encrypted to its receiver: the algorithm in 4 bytes, the secret."""
    return int(key.algorithm).to_bytes(4, "big") + key.secret


def decode_key(data: bytes) -> SessionKey | None:
    """The key that a client chose; ``None`` when its algorithm is refused or its size is none of it."""
    try:
        algorithm = Algorithm(int.from_bytes(data[:4], "big"))
    except ValueError:
        return None
    secret = data[4:]
    fits = len(secret) == BLOCK if algorithm is Algorithm.SM4 else len(secret) in KEY_SIZES
    return SessionKey(algorithm, secret) if fits else None
