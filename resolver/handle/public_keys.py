"""Proofs by a private key whose public key stands in an HS_PUBKEY value: RSA, and on demand DSA and SM2.

RSA is PKCS #1 v1.5 over SHA-256. Signatures over SHA-1, and DSA, only where the operator accepts the proofs of old
clients; SM2 needs the extra ``sm``. Keys are bounded before anything is computed: whoever may write a key could
otherwise choose how long each of our verifications takes.
"""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa

from node.administration import InvalidProof, ProofUnsupported
from node.handle_data import DsaPublicKey, PublicKey, RsaPublicKey, Sm2PublicKey, decode_public_key
from node.record import InvalidRecord
from resolver.handle import sm

LONGEST_ANSWER = 2_048
LONGEST_KEY = 4_096

RSA_BITS = (2_048, 8_192)
_RSA_EXPONENT = (3, 2**33)
_DSA_BITS = (1_024, 3_072)
_DSA_SUBGROUP_BITS = (160, 224, 256)
_LONGEST_DSA_SIGNATURE = 128
_SHA1_NAMES = frozenset({"SHA1", "SHA-1", "\x02"})
_SHA256_NAMES = frozenset({"SHA-256", "SHA256", "\x03"})
_SM3_NAME = "SM3"


class PublicKeyProof(NamedTuple):
    """``digest_name`` is SHA-256, SHA1 or SM3; SHA256 and SHA-1 are other spellings."""

    digest_name: str
    signature: bytes


def decode_signature_answer(answer: bytes) -> PublicKeyProof:
    """The answer to a challenge: a block with the digest's name, a block with the signature. Raises
    ``InvalidProof``."""
    if len(answer) > LONGEST_ANSWER:
        raise InvalidProof(f"the answer of a public key has at most {LONGEST_ANSWER} bytes", length=len(answer))
    name_end = 4 + int.from_bytes(answer[:4], "big")
    start = name_end + 4
    end = start + int.from_bytes(answer[name_end:start], "big")
    if start > len(answer) or end != len(answer):
        raise InvalidProof("the answer is not the name of a digest and a signature")
    try:
        name = answer[4:name_end].decode("ascii")
    except UnicodeDecodeError:
        raise InvalidProof("the name of the digest is no text") from None
    return PublicKeyProof(name, answer[start:end])


def accepted(proof: PublicKeyProof, *, legacy: bool) -> PublicKeyProof:
    """The proof, when such proofs are accepted here. Raises ``ProofUnsupported``."""
    name = proof.digest_name
    if name in _SHA256_NAMES or (name in _SHA1_NAMES and legacy):
        return proof
    if name == _SM3_NAME:
        sm.available()
        return proof
    if name in _SHA1_NAMES:
        raise ProofUnsupported("signatures over SHA-1 are not accepted (handle.legacy_proofs); use SHA-256")
    raise ProofUnsupported(f"signatures over {name[:32]!r} are not accepted; use SHA-256")


def usable(data: bytes, *, legacy: bool) -> PublicKey | None:
    """The key of an HS_PUBKEY value when a proof by it can be verified within bounds; otherwise ``None``."""
    if len(data) > LONGEST_KEY:
        return None
    try:
        key = decode_public_key(data)
    except InvalidRecord:
        return None
    match key:
        case RsaPublicKey(n, e):
            fits = RSA_BITS[0] <= n.bit_length() <= RSA_BITS[1] and n & e & 1 == 1
            return key if fits and _RSA_EXPONENT[0] <= e < _RSA_EXPONENT[1] else None
        case DsaPublicKey(y, p, q, g) if legacy:
            fits = _DSA_BITS[0] <= p.bit_length() <= _DSA_BITS[1] and q.bit_length() in _DSA_SUBGROUP_BITS
            return key if fits and 1 < g < p and 1 < y < p else None
        case Sm2PublicKey():
            return key
        case _:
            return None


def signature_proves(proof: PublicKeyProof, key: PublicKey, signed: bytes, user_handle: str) -> bool:
    """Whether the key's owner signed ``signed``. The proof is accepted, the key usable; one for another kind of
    signature proves nothing."""
    match key:
        case Sm2PublicKey(pem):
            return proof.digest_name == _SM3_NAME and sm.signature_proves(pem, proof.signature, signed, user_handle)
        case _ if proof.digest_name == _SM3_NAME:
            return False
        case RsaPublicKey(n, e):
            return _rsa_proves(n, e, proof, signed)
        case DsaPublicKey():
            return _dsa_proves(key, proof, signed)
        case _:
            return False


def _rsa_proves(n: int, e: int, proof: PublicKeyProof, signed: bytes) -> bool:
    size = (n.bit_length() + 7) // 8
    fits = len(proof.signature) == size
    # What cannot be a signature takes as long as what could: the time must not tell whose key it is held against.
    signature = proof.signature if fits else b"\x55" * size
    try:
        key = rsa.RSAPublicNumbers(e, n).public_key()
        key.verify(signature, signed, padding.PKCS1v15(), _hash(proof.digest_name))
    except (InvalidSignature, ValueError):  # ValueError: the numbers are no key
        return False
    return fits


def _dsa_proves(key: DsaPublicKey, proof: PublicKeyProof, signed: bytes) -> bool:
    if len(proof.signature) > _LONGEST_DSA_SIGNATURE:
        return False
    try:
        parameters = dsa.DSAParameterNumbers(key.p, key.q, key.g)
        public = dsa.DSAPublicNumbers(key.y, parameters).public_key()
        public.verify(proof.signature, signed, _hash(proof.digest_name))
    except (InvalidSignature, ValueError):
        return False
    return True


def _hash(name: str) -> hashes.HashAlgorithm:
    return hashes.SHA1() if name in _SHA1_NAMES else hashes.SHA256()  # noqa: S303 - only behind legacy_proofs
