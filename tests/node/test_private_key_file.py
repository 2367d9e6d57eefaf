"""Private keys in the files of Handle.Net, read back by the reference's description rather than by our own code."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    generate_private_key,
)

from node.private_key_file import encrypted_file, plain_file


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def blocks(data: bytes) -> list[bytes]:
    """What stands in blocks of 4 bytes of length and the content."""
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + length])
        assert len(found[-1]) == length
        data = data[4 + length :]
    return found


def numbers(plain: bytes) -> RSAPrivateNumbers:
    name, *rest = blocks(plain)
    assert name == b"RSA_PRIVCRT_KEY"
    n, e, d, p, q, dp, dq, qinv = (int.from_bytes(block, "big", signed=True) for block in rest)
    return RSAPrivateNumbers(p, q, d, dp, dq, qinv, RSAPublicNumbers(e, n))


def test_a_plain_file_holds_the_eight_numbers_in_their_order(key: RSAPrivateKey) -> None:
    data = plain_file(key)
    assert data[:4] == b"\x00\x00\x00\x01"
    assert numbers(data[4:]) == key.private_numbers()
    assert all(block[0] < 0x80 for block in blocks(data[4:])), "negative to Java"


def test_an_encrypted_file_opens_with_its_passphrase_by_other_programs(key: RSAPrivateKey, tmp_path: Path) -> None:
    data = encrypted_file(key, "口令 pass".encode(), os.urandom)
    assert data[:4] == b"\x00\x00\x00\x04"
    length = int.from_bytes(data[4:8], "big")
    salt, rest = data[8 : 8 + length], data[8 + length :]
    iterations, bits = int.from_bytes(rest[:4], "big"), int.from_bytes(rest[4:8], "big")
    vector, ciphertext = blocks(rest[8:])
    assert (len(salt), len(vector), bits) == (16, 16, 128)
    assert iterations >= 100_000
    derived = hashlib.pbkdf2_hmac("sha1", "口令 pass".encode(), salt, iterations, bits // 8)
    sealed = tmp_path / "sealed"
    sealed.write_bytes(ciphertext)
    opened = subprocess.run(
        ["openssl", "enc", "-d", "-aes-128-cbc", "-K", derived.hex(), "-iv", vector.hex(), "-in", str(sealed)],
        capture_output=True, check=True,
    )  # fmt: skip
    assert numbers(opened.stdout) == key.private_numbers()


def test_two_files_of_one_key_and_passphrase_differ(key: RSAPrivateKey) -> None:
    assert encrypted_file(key, b"same", os.urandom) != encrypted_file(key, b"same", os.urandom)
