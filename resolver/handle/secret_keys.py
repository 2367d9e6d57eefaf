"""Proofs by a secret that both sides know (HS_SECKEY): which forms there are, and which are believed.

    0x22  PBKDF2-HMAC-SHA1 of the secret, then HMAC-SHA1: what Handle.Net and Teleinfo's programs send
    0x13  HMAC-SHA256 with the secret as its key

The forms before them (0x01 to 0x03, hashes with the secret on both sides; 0x12, HMAC-SHA1; a bare MD5) are refused:
whoever rewrites the version in the unprotected envelope would choose them for the client. The client chooses salt,
iterations and size of the derived key, so they are bounded before anything is computed.
Reference: RFC 3652 section 3.5.2; RFC 8018 section 4.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import NamedTuple

from node.administration import InvalidProof, ProofUnsupported

PBKDF2_HMAC_SHA1 = 0x22
HMAC_SHA256 = 0x13

LONGEST_ANSWER = 512
FEWEST_ITERATIONS = 1_000
"""RFC 8018 section 4.2 asks for no fewer, and no known client sends fewer: their default is 10,000. The floor
protects the client's secret from who overhears the exchange; it costs the node nothing."""

_SALT = (8, 64)
_KEY_BITS = (128, 160, 192, 256)
_BLOCK_BITS = 160  # of SHA-1: a longer key is derived block by block, each with all iterations
_NUMBERS = struct.Struct(">ii")
_OLD_FORMS = {
    0x01: "MD5",
    0x02: "SHA-1",
    0x03: "SHA-256 with the secret on both sides",
    0x12: "HMAC-SHA1",
}


class HmacProof(NamedTuple):
    mac: bytes


class Pbkdf2Proof(NamedTuple):
    salt: bytes
    iterations: int
    key_bits: int
    mac: bytes


class PlainSecret(NamedTuple):
    """The secret itself: what HTTP Basic authentication sends."""

    secret: bytes

    def __repr__(self) -> str:
        return "PlainSecret()"


SecretProof = HmacProof | Pbkdf2Proof | PlainSecret

ABSENT = b"the secret of nobody"
"""What the proof of an identity without a secret is compared with, so that it costs the same."""


def decode_secret_answer(answer: bytes) -> HmacProof | Pbkdf2Proof:
    """The answer to a challenge. Raises ``ProofUnsupported`` and ``InvalidProof``."""
    if not 1 < len(answer) <= LONGEST_ANSWER:
        raise InvalidProof("the answer of a secret key has 2 to 512 bytes", length=len(answer))
    form = answer[0]
    if form == HMAC_SHA256:
        if len(answer) != 33:
            raise InvalidProof("HMAC-SHA256 has 32 bytes", length=len(answer) - 1)
        return HmacProof(answer[1:])
    if form == PBKDF2_HMAC_SHA1:
        return _decode_pbkdf2(answer)
    if form in _OLD_FORMS:
        detail = f"the form 0x{form:02x} ({_OLD_FORMS[form]}) is not accepted; "
    elif len(answer) == 16:
        detail = "a bare MD5 is not accepted; "
    else:
        detail = f"the form 0x{form:02x} is unknown; "
    raise ProofUnsupported(detail + "use 0x22 (PBKDF2-HMAC-SHA1) or 0x13 (HMAC-SHA256)")


def _decode_pbkdf2(answer: bytes) -> Pbkdf2Proof:
    salt, at = _block(answer, 1)
    try:
        iterations, key_bits = _NUMBERS.unpack_from(answer, at)
    except struct.error:
        raise InvalidProof("the answer breaks off behind its salt") from None
    mac, at = _block(answer, at + _NUMBERS.size)
    if at != len(answer):
        raise InvalidProof("bytes are left behind the answer")
    return Pbkdf2Proof(salt, iterations, key_bits, mac)


def _block(answer: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + int.from_bytes(answer[at : at + 4], "big")
    if at + 4 > len(answer) or end > len(answer):
        raise InvalidProof("the answer breaks off")
    return answer[at + 4 : end], end


def bounded(proof: SecretProof, iterations: int) -> SecretProof:
    """The proof, when computing it stays within bounds; ``iterations`` the most. Raises ``ProofUnsupported``."""
    if not isinstance(proof, Pbkdf2Proof):
        return proof
    if not FEWEST_ITERATIONS <= proof.iterations <= iterations:
        detail = f"{proof.iterations} iterations of PBKDF2; {FEWEST_ITERATIONS} to {iterations} are accepted"
        raise ProofUnsupported(detail, iterations=proof.iterations)
    if proof.key_bits not in _KEY_BITS:
        detail = f"a derived key of {proof.key_bits} bits; {', '.join(map(str, _KEY_BITS))} are accepted"
        raise ProofUnsupported(detail, key_bits=proof.key_bits)
    if not _SALT[0] <= len(proof.salt) <= _SALT[1]:
        detail = f"a salt of {len(proof.salt)} bytes; {_SALT[0]} to {_SALT[1]} are accepted"
        raise ProofUnsupported(detail, salt=len(proof.salt))
    return proof


def price(proof: SecretProof) -> float:
    """What verifying costs, in multiples of a client's default of 10,000 iterations."""
    if not isinstance(proof, Pbkdf2Proof):
        return 1.0
    blocks = -(-proof.key_bits // _BLOCK_BITS)
    return max(1.0, proof.iterations * blocks / 10_000)


def secret_proves(proof: SecretProof, secret: bytes, signed: bytes) -> bool:
    """Whether the proof over ``signed`` was made with the secret; ``proof`` is bounded. Takes milliseconds."""
    match proof:
        case HmacProof(mac):
            return hmac.compare_digest(hmac.digest(secret, signed, "sha256"), mac)
        case Pbkdf2Proof(salt, iterations, key_bits, mac):
            key = hashlib.pbkdf2_hmac("sha1", _as_java_reads(secret), salt, iterations, key_bits // 8)
            return hmac.compare_digest(hmac.digest(key, signed, "sha1"), mac)
        case PlainSecret(given):
            # Digests: the time of a comparison must not tell how long the secret is.
            return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(secret).digest())


def _as_java_reads(secret: bytes) -> bytes:
    """Clients hand each byte of the secret to Java as a character, and Java derives from the UTF-8 of those."""
    return secret if secret.isascii() else secret.decode("latin-1").encode()
