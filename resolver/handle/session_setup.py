"""How a session gets its key: encrypted to the client (modes 1 and 3), to the server (2), or agreed upon (4).

Keys are bounded before anything is computed. Handle.Net's clients set up every session by Diffie-Hellman in a group
of 1,024 bits of their own choice, so that size is accepted; the reply's signature by the node's key is what keeps
others out of the middle. Everything here takes up to some milliseconds and belongs into a thread.
Reference: RFC 3652 section 3.8; the key of mode 4 is as Handle.Net 9 makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from node.administration import ProofUnsupported
from node.handle_data import (
    DhPublicKey,
    RsaPublicKey,
    Sm2PublicKey,
    decode_public_key,
    encode_public_key,
)
from node.record import InvalidRecord
from resolver.handle import sm
from resolver.handle.public_keys import LONGEST_KEY, RSA_BITS, usable
from resolver.handle.session_cipher import BLOCK, Algorithm, SessionKey, decode_key, encode_key
from resolver.handle.sessions import InvalidSessionSetup, RsaKeyNeeded

Random = Callable[[int], bytes]

DH_BITS = (1_024, 2_048)
_DH_EXPONENT_BYTES = 40  # twice the strength of a group of 2,048 bits, and some more
_DH_KEY_BYTES = 32


class Exchange(NamedTuple):
    """The key, and what the reply tells the client of it."""

    key: SessionKey
    data: bytes


def sent_to(public_key: bytes, random: Random) -> Exchange:
    """A key of ours, encrypted to a public key (the data of an HS_PUBKEY value). Raises ``RsaKeyNeeded`` and
    ``InvalidSessionSetup``."""
    match usable(public_key, legacy=False):
        case RsaPublicKey(n, e):
            key = SessionKey(Algorithm.AES, random(BLOCK))
            receiver = rsa.RSAPublicNumbers(e, n).public_key()
            return Exchange(key, receiver.encrypt(encode_key(key), padding.PKCS1v15()))
        case Sm2PublicKey(pem):
            return _sent_by_sm2(pem, random)
        case _:
            detail = f"a session key is encrypted to an RSA key of {RSA_BITS[0]} to {RSA_BITS[1]} bits, or to SM2"
            raise RsaKeyNeeded(detail)


def _sent_by_sm2(pem: str, random: Random) -> Exchange:
    try:
        sm.available()
    except ProofUnsupported as missing:
        raise RsaKeyNeeded(missing.detail) from None
    key = SessionKey(Algorithm.SM4, random(BLOCK))
    data = sm.encrypted(pem, encode_key(key))
    if data is None:
        raise InvalidSessionSetup("the SM2 key is none")
    return Exchange(key, data)


def agreed(public_key: bytes, random: Random) -> Exchange:
    """A key that both sides compute; the client chose the group. Raises ``InvalidSessionSetup``."""
    theirs = _diffie_hellman_key(public_key)
    exponent = int.from_bytes(random(_DH_EXPONENT_BYTES), "big") | 1 << (8 * _DH_EXPONENT_BYTES - 1)
    ours = DhPublicKey(pow(theirs.g, exponent, theirs.p), theirs.p, theirs.g)
    size = (theirs.p.bit_length() + 7) // 8
    shared = pow(theirs.y, exponent, theirs.p).to_bytes(size, "big")
    leading = len(shared) - len(shared.lstrip(b"\0"))
    start = min(leading, size - _DH_KEY_BYTES)  # as Handle.Net: zeros in front do not belong to the key
    key = SessionKey(Algorithm.AES, shared[start : start + _DH_KEY_BYTES])
    return Exchange(key, int(key.algorithm).to_bytes(4, "big") + encode_public_key(ours))


def _diffie_hellman_key(data: bytes) -> DhPublicKey:
    try:
        key = decode_public_key(data[:LONGEST_KEY])
    except InvalidRecord as fault:
        raise InvalidSessionSetup(f"the public key cannot be read: {fault.detail}") from fault
    if not isinstance(key, DhPublicKey):
        raise InvalidSessionSetup("mode 4 needs a Diffie-Hellman key")
    bits = key.p.bit_length()
    if not DH_BITS[0] <= bits <= DH_BITS[1]:
        detail = f"a Diffie-Hellman group of {bits} bits; {DH_BITS[0]} to {DH_BITS[1]} are accepted"
        raise InvalidSessionSetup(detail, bits=bits)
    if not (key.p & 1 and 1 < key.g < key.p - 1 and 1 < key.y < key.p - 1):
        raise InvalidSessionSetup("the Diffie-Hellman key is degenerate")
    return key


def received(encrypted: bytes, node_key: rsa.RSAPrivateKey, random: Random) -> SessionKey:
    """The key that a client sends encrypted to the node's key.

    What cannot be decrypted, or is no key, becomes one that nobody knows: a refusal would let who asks a million
    times decrypt what others sent.
    """
    unknown = SessionKey(Algorithm.AES, random(BLOCK))
    if len(encrypted) * 8 != node_key.key_size:
        return unknown
    try:
        plain = node_key.decrypt(encrypted, padding.PKCS1v15())
    except ValueError:
        return unknown
    return decode_key(plain) or unknown
