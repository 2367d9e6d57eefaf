"""The encryption of parts: every chunk in its place, every part in its package, or nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from registry.escrow.sealing_parts import (
    CHUNK,
    PackageSecret,
    PartSealed,
    opened_part,
    sealed_chunk,
    secret_for,
    secret_of,
)

RECIPIENT = X25519PrivateKey.generate()
OWN = X25519PrivateKey.generate()
PACKAGE = uuid4()
SEALED = CHUNK + 16
PLAIN = [b"a" * CHUNK, b"b" * CHUNK, b"the rest"]


def sender(package_id: UUID = PACKAGE) -> PackageSecret:
    return secret_for(package_id, OWN, RECIPIENT.public_key())


def chunks(plain: list[bytes], part: int = 1) -> list[bytes]:
    cipher = sender().cipher(part)
    return [sealed_chunk(cipher, number, one, last=number == len(plain) - 1) for number, one in enumerate(plain)]


def opened(sealed: bytes, part: int = 1, package_id: UUID = PACKAGE, key: X25519PrivateKey = RECIPIENT) -> bytes:
    secret = secret_of(package_id, OWN.public_key().public_bytes_raw(), key)
    pieces = (sealed[at : at + 100_000] for at in range(0, len(sealed), 100_000))
    return b"".join(opened_part(secret.cipher(part), part, pieces))


@pytest.mark.parametrize("plain", [PLAIN, PLAIN[:2], [b""], [b"x"]], ids=["rest", "whole chunks", "empty", "short"])
def test_the_recipient_opens_what_was_sealed_for_it(plain: list[bytes]) -> None:
    assert opened(b"".join(chunks(plain))) == b"".join(plain)


def test_a_chunk_moved_left_out_added_or_changed_does_not_open() -> None:
    first, second, last = chunks(PLAIN)
    changed = bytes([second[0] ^ 1]) + second[1:]
    for wrong in (
        second + first + last, first + last, first + second, first, second, last, b"", first + changed + last,
        first + second + last + last, first + second + last[:-1], first + second + last + b"\0",
    ):  # fmt: skip
        with pytest.raises(PartSealed):
            opened(wrong)


def test_a_part_opens_in_its_own_place_of_its_own_package_for_its_own_recipient_only() -> None:
    sealed = b"".join(chunks([b"content"]))
    assert opened(sealed) == b"content"
    with pytest.raises(PartSealed):
        opened(sealed, part=2)
    with pytest.raises(PartSealed):
        opened(sealed, package_id=uuid4())
    with pytest.raises(PartSealed):
        opened(sealed, key=X25519PrivateKey.generate())


def test_a_public_key_of_low_order_is_refused() -> None:
    with pytest.raises(PartSealed):
        secret_of(PACKAGE, bytes(32), RECIPIENT)
