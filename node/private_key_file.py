"""Private keys as the Handle System's programs keep them in a file (``admpriv.bin``), plain or under a passphrase.

A file begins with how it is encrypted: 1 not at all; 4 AES-128-CBC under a key that PBKDF2-HMAC-SHA1 makes of the
passphrase (salt, iterations, key bits, initialisation vector and ciphertext follow). Inside stands the name
RSA_PRIVCRT_KEY and eight numbers in Java's two's complement. All integers are big-endian.
Reference: the files of Handle.Net 9.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

_PLAIN = 1
_PBKDF2_AES_CBC = 4
_ITERATIONS = 600_000  # the file says how many; readers follow it
_KEY_BITS = 128
_BLOCK_BITS = 128
_OCTETS = 16  # of salt and initialisation vector


def encode_private_key(key: RSAPrivateKey) -> bytes:
    """The name of the kind of key and its eight numbers."""
    numbers = key.private_numbers()
    parts = (
        numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.p, numbers.q, numbers.dmp1,
        numbers.dmq1, numbers.iqmp,
    )  # fmt: skip
    return _block(b"RSA_PRIVCRT_KEY") + b"".join(_block(_number(part)) for part in parts)


def plain_file(key: RSAPrivateKey) -> bytes:
    """A file that whoever reads it can use."""
    return _integer(_PLAIN) + encode_private_key(key)


def encrypted_file(key: RSAPrivateKey, passphrase: bytes, random: Callable[[int], bytes]) -> bytes:
    """A file that needs the passphrase; ``random`` makes octets."""
    salt, vector = random(_OCTETS), random(_OCTETS)
    # SHA-1 and AES-128 are what the format has; the strength against guessing lies in the iterations.
    derived = PBKDF2HMAC(SHA1(), _KEY_BITS // 8, salt, _ITERATIONS).derive(passphrase)  # noqa: S303
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(encode_private_key(key)) + padder.finalize()
    encryptor = Cipher(algorithms.AES128(derived), modes.CBC(vector)).encryptor()
    return b"".join(
        (
            _integer(_PBKDF2_AES_CBC),
            _block(salt),
            _integer(_ITERATIONS),
            _integer(_KEY_BITS),
            _block(vector),
            _block(encryptor.update(padded) + encryptor.finalize()),
        )
    )


def _integer(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _block(data: bytes) -> bytes:
    return _integer(len(data)) + data


def _number(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
