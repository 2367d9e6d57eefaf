"""The Chinese commercial algorithms of Teleinfo's programs: SM2 signatures and, for session keys, SM2 encryption.

They come from ``gmalg``, the extra ``sm``; without it a proof by SM2 is refused in a sentence that names the extra.
SM3 and SM4 alone would not need it. What is signed is hashed twice: SM2 with SM3 over SM3 of the signed bytes, the
UTF-8 of the user's handle as the signer's identity, the signature in DER. Reference: GB/T 32918.2 and .4.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import importlib.util
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from node.administration import ProofUnsupported

_LONGEST_SIGNATURE = 80  # DER of two numbers of 33 bytes
_LONGEST_PEM = 512
# SubjectPublicKeyInfo of an uncompressed point on the SM2 curve: everything before its 0x04 X Y.
_KEY_FRONT = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93

ABSENT_KEY = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAEMsSuLB8ZgRlfmQRGajnJlI/jC7/y\n"
    "ZgvhcVpFiTNMdMe8Nzai9PZ3nFm9zuNraSFT0KmHfMYqR0AC3zLlITnwoA==\n"
    "-----END PUBLIC KEY-----\n"
)
"""The curve's own generator: what the proof of an identity without a key is held against, to cost the same."""


def available() -> None:
    """Raises ``ProofUnsupported`` when the extra is not installed."""
    if importlib.util.find_spec("gmalg") is None:
        raise ProofUnsupported("SM2 and SM3 are not installed on this node; its operator can: biaoshi[sm]")


def signature_proves(pem: str, signature: bytes, signed: bytes, user_handle: str) -> bool:
    """Whether the owner of the key signed; some 10 ms. The extra is installed."""
    point = _point(pem)
    if point is None or len(signature) > _LONGEST_SIGNATURE:
        return False
    try:
        numbers = decode_dss_signature(signature)
        r, s = (number.to_bytes(32, "big") for number in numbers)
    except (ValueError, OverflowError):
        return False
    return bool(_sm2(point, user_handle.encode()).verify(sm3(signed), r, s))


def encrypted(pem: str, plain: bytes) -> bytes | None:
    """``plain`` for the owner of the key, C1 C3 C2; ``None`` when the key is none."""
    point = _point(pem)
    return None if point is None else bytes(_sm2(point, b"").encrypt(plain))


def sm3(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


def _point(pem: str) -> bytes | None:
    """The uncompressed point of a PEM that holds a key on the SM2 curve."""
    if len(pem) > _LONGEST_PEM:
        return None
    lines = [line.strip() for line in pem.strip().splitlines()]
    if lines[:1] != ["-----BEGIN PUBLIC KEY-----"] or lines[-1:] != ["-----END PUBLIC KEY-----"]:
        return None
    try:
        der = base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error:
        return None
    point = der[len(_KEY_FRONT) :]
    if not der.startswith(_KEY_FRONT) or len(point) != 65 or point[0] != 4:
        return None
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    on_curve = x < _P and y < _P and (y * y - x * x * x + 3 * x - _B) % _P == 0
    return point if on_curve else None


def _sm2(point: bytes, user: bytes) -> Any:
    return importlib.import_module("gmalg").SM2(uid=user, pk=point)
