"""Who a client is, and whom it believes: answers to challenges, and the signatures under replies."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from node.handle_data import RsaPublicKey, decode_public_key
from resolver.handle.bodies import ChallengeAnswer
from resolver.handle.credential import SIGNED, decode_credential, signed_input
from resolver.handle.envelope import Version
from resolver.handle.fields import as_block, as_number
from resolver.handle.message import Digest, Message

PUBLIC_KEY = "HS_PUBKEY"
SECRET_KEY = "HS_SECKEY"  # noqa: S105 - the name of a value type
PBKDF2_HMAC_SHA1 = 0x22
HMAC_SHA256 = 0x13

_ITERATIONS = 10_000
_KEY_BITS = 160
_HASHES: dict[str, hashes.HashAlgorithm] = {"SHA-256": hashes.SHA256(), "SHA1": hashes.SHA1()}  # noqa: S303


class Signer(Protocol):
    """An identity: the ``index`` of ``handle`` holds the key that its answers prove."""

    def answer(self, nonce: bytes, digest: Digest) -> ChallengeAnswer: ...


@dataclass(frozen=True, slots=True)
class RsaSigner:
    """By a private key: PKCS #1 1.5 with SHA-256 over nonce and digest."""

    handle: str
    index: int
    key: rsa.RSAPrivateKey = field(repr=False)

    def answer(self, nonce: bytes, digest: Digest) -> ChallengeAnswer:
        signature = self.key.sign(nonce + digest.value, padding.PKCS1v15(), hashes.SHA256())
        return ChallengeAnswer(PUBLIC_KEY, self.handle, self.index, as_block(b"SHA-256") + as_block(signature))


@dataclass(frozen=True, slots=True)
class SecretSigner:
    """By a secret key, in the form that clients use since 2.7 (0x22) or the shorter 0x13; ``salt`` for 0x22 only."""

    handle: str
    index: int
    secret: bytes = field(repr=False)
    form: int = PBKDF2_HMAC_SHA1
    salt: bytes = field(default_factory=lambda: os.urandom(16))

    def answer(self, nonce: bytes, digest: Digest) -> ChallengeAnswer:
        signed = nonce + digest.value
        if self.form == HMAC_SHA256:
            proof = hmac.digest(self.secret, signed, "sha256")
        else:
            key = hashlib.pbkdf2_hmac("sha1", self.secret, self.salt, _ITERATIONS, _KEY_BITS // 8)
            numbers = as_number(_ITERATIONS) + as_number(_KEY_BITS)
            proof = as_block(self.salt) + numbers + as_block(hmac.digest(key, signed, "sha1"))
        return ChallengeAnswer(SECRET_KEY, self.handle, self.index, bytes((self.form,)) + proof)


def signed_by(reply: Message, public_key: bytes) -> bool:
    """Whether a reply carries the signature of a key, which is the data of an HS_PUBKEY value.

    Raises WireFault, and InvalidRecord of the key.
    """
    if not reply.credential:
        return False
    credential = decode_credential(reply.credential)
    key, algorithm = decode_public_key(public_key), _HASHES.get(credential.digest_name)
    if credential.kind != SIGNED or algorithm is None or not isinstance(key, RsaPublicKey):
        return False
    version = Version(reply.envelope.major, reply.envelope.minor)
    covered = signed_input(reply, version, credential.counter)
    try:
        public = rsa.RSAPublicNumbers(key.e, key.n).public_key()
        public.verify(credential.signature, covered, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError):
        return False
    return True
