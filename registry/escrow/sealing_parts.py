"""How the parts of a package are encrypted for one recipient, with what every cryptographic library has.

* Key agreement: X25519 (RFC 7748) between a key pair made for the one package and the recipient's key.
* Key of a part: HKDF-SHA256 (RFC 5869) of the shared secret; salt: both public keys; info: ``biaoshi-escrow-1``, the
  16 octets of the package id, the part's number as 4 octets. So a part fits in its own place of its own package only.
* A part: AES-256-GCM (NIST SP 800-38D) by chunks of ``CHUNK`` octets, the last one shorter; the nonce of a chunk is
  its number in the part as 11 octets and one octet more, 1 for the last chunk, else 0 (the STREAM construction:
  Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015;
  as in the age file format). A chunk changed, moved, left out or added does not open. Every key encrypts one part
  once, so that no nonce comes twice under one key.

Who made a package is another matter: the manifest is signed, and names every part by its SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.errors import Malformed

CHUNK = 1 << 20
"""Octets of plain text in a chunk."""
_TAG = 16
_INFO = b"biaoshi-escrow-1"


class PartSealed(Malformed):
    """Evidence: ``part``."""

    title_zh = "托管包无法用此密钥打开"


@dataclass(frozen=True, slots=True)
class PackageSecret:
    """What sender and recipient of one package share; ``salt`` is the package's public key and the recipient's."""

    package_id: UUID
    shared: bytes
    salt: bytes

    def cipher(self, part: int) -> AESGCM:
        info = _INFO + self.package_id.bytes + part.to_bytes(4, "big")
        return AESGCM(HKDF(SHA256(), 32, self.salt, info).derive(self.shared))


def secret_for(package_id: UUID, own: X25519PrivateKey, recipient: X25519PublicKey) -> PackageSecret:
    """The sender's side; ``own`` was made for this package and is forgotten after it."""
    salt = own.public_key().public_bytes_raw() + recipient.public_bytes_raw()
    return PackageSecret(package_id, own.exchange(recipient), salt)


def secret_of(package_id: UUID, sender: bytes, recipient: X25519PrivateKey) -> PackageSecret:
    """The recipient's side. Raises ``PartSealed`` when ``sender`` is no key to agree with."""
    try:
        shared = recipient.exchange(X25519PublicKey.from_public_bytes(sender))
    except ValueError as error:
        raise PartSealed("the package names a public key that cannot be used", part=0) from error
    return PackageSecret(package_id, shared, sender + recipient.public_key().public_bytes_raw())


def sealed_chunk(cipher: AESGCM, number: int, plain: bytes, *, last: bool) -> bytes:
    """One chunk of a part, ``number`` from 0."""
    return cipher.encrypt(_nonce(number, last=last), plain, None)


def opened_part(cipher: AESGCM, part: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What a part holds, chunk by chunk. Raises ``PartSealed`` at the first that does not open."""
    held, number = bytearray(), 0
    for piece in pieces:
        held += piece
        while len(held) > CHUNK + _TAG:  # what is just as long may be the last one
            yield _opened(cipher, part, number, bytes(held[: CHUNK + _TAG]), last=False)
            del held[: CHUNK + _TAG]
            number += 1
    yield _opened(cipher, part, number, bytes(held), last=True)


def _opened(cipher: AESGCM, part: int, number: int, sealed: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=last), sealed, None)
    except (InvalidTag, ValueError):
        raise PartSealed(
            f"part {part} does not open: it is for another recipient, or not as it was made", part=part
        ) from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
