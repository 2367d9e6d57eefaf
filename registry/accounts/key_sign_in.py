"""Signing in by a key: an application identity signs a nonce, and has a token for it (挑战与验证).

The client sends back its handle and the signature, never the nonce. So the digest inside the signature says which
nonce was signed; what is kept of a nonce is that digest alone, in the database, where every worker finds it, and it
is good for one answer. Signature: RSASSA-PKCS1-v1_5 over SHA-256 (RFC 8017 section 8.2) of the nonce's digits
(snms-api 8.2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from node.database import Pool, transaction
from node.errors import Unauthenticated
from node.identifier import fold
from node.journal import Interface
from node.rate_limit import RateLimit, TooManyRequests
from node.sql import statements_beside
from registry.accounts.signing_in import issue_token
from registry.accounts.stored import AccountState, lock_account
from registry.accounts.tokens import IssuedToken
from registry.authorisations.application_identities import identity_of_handle
from registry.store import reading

SQL = statements_beside(__file__, "key_challenges.sql")
Clock = Callable[[], datetime]

NONCE_DIGITS = 16
CHALLENGE_LIFE = timedelta(seconds=120)
MOST_OF_ONE = 64
"""Nonces of one identity at a time; the next one makes the oldest worthless."""
LONGEST_SIGNATURE = 2048
OF_NETWORK, OF_IDENTITY = (300.0, 120), (60.0, 30)
"""Requests a minute, and at once."""
_MOST_COUNTED = 10_000

_SPACE = re.compile(r"\s+")


class NotAnIdentity(Unauthenticated):
    """Only application identities that are active and have a public key sign in by one."""

    title_zh = "不是可以用密钥登录的应用身份"


class ChallengeFailed(Unauthenticated):
    """The signature proves nothing: wrong key, unknown nonce, late, or used before."""

    title_zh = "挑战失败"


class KeySignIn:
    """``life`` is that of its tokens; ``seconds`` counts them, for the limits.

    Whoever asks too often, as a network or about one identity, waits: nonces cost a row, signatures some computing.
    """

    def __init__(self, pool: Pool, clock: Clock, life: timedelta, seconds: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        self._life = life
        self._by_source, self._by_handle = (
            RateLimit(per_minute=per_minute, burst=burst, most_sources=_MOST_COUNTED, clock=seconds)
            for per_minute, burst in (OF_NETWORK, OF_IDENTITY)
        )

    async def challenge(self, handle: str, source: str) -> str:
        """A nonce for an application identity to sign, asked for by an address.

        Raises ``NotAnIdentity``, ``TooManyRequests``.
        """
        self._check(handle, source)
        nonce, at = _random_digits(), self._clock()
        digest = hashlib.sha256(nonce.encode()).digest()
        async with transaction(self._pool) as connection:
            identity = await identity_of_handle(connection, handle)
            if identity is None or identity.public_key is None or identity.state is not AccountState.ACTIVE:
                raise _not_one(handle)
            await connection.execute(SQL["forget_challenges"], at - CHALLENGE_LIFE)
            await connection.execute(SQL["add_challenge"], digest, identity.account_id, at, MOST_OF_ONE - 1)
        return nonce

    async def sign_in(self, handle: str, signature: str, source: str, *, interface: Interface) -> IssuedToken:
        """A token for a signed nonce, which is used up.

        Raises ``NotAnIdentity``, ``ChallengeFailed``, ``TooManyRequests``.
        """
        self._check(handle, source)
        at = self._clock()
        async with reading(self._pool) as connection:
            identity = await identity_of_handle(connection, handle)
        if identity is None or identity.public_key is None:
            raise _not_one(handle)
        digest = signed_digest(identity.public_key, signature)
        async with transaction(self._pool) as connection:
            now = await lock_account(connection, identity.account_id)
            taken = await connection.fetchval(SQL["take_challenge"], digest, identity.account_id, at - CHALLENGE_LIFE)
            if taken is None:
                raise ChallengeFailed("nobody asked for this signature, or too long ago, or it was used before")
            if now.state is not AccountState.ACTIVE:
                raise _not_one(handle)
            return await issue_token(
                connection, identity.account_id, self._life, label="", interface=interface,
                proof={"identity": identity.handle}, at=at,
            )  # fmt: skip

    def _check(self, handle: str, source: str) -> None:
        self._by_source.require(source)
        if not handle.isprintable():
            raise _not_one(handle)
        # Without its dots the text is no address: it counts as a whole, not as a network.
        if not self._by_handle.allow(fold(handle).replace(".", ":")):
            raise TooManyRequests("too many requests came for this identity; try again in a minute")


def signed_digest(public_key: str, signature: str) -> bytes:
    """The SHA-256 that the owner of the key signed; line breaks in the Base64 do not matter. Raises
    ``ChallengeFailed``.
    """
    failed = ChallengeFailed("the signature is not one by the identity's key")
    if len(signature) > LONGEST_SIGNATURE:
        raise failed
    try:
        key = load_pem_public_key(public_key.encode())
        if not isinstance(key, RSAPublicKey):
            raise failed
        octets = base64.b64decode(_SPACE.sub("", signature), validate=True)
        return key.recover_data_from_signature(octets, PKCS1v15(), SHA256())
    except (InvalidSignature, UnsupportedAlgorithm, binascii.Error, ValueError):
        raise failed from None


def _random_digits() -> str:
    return str(secrets.randbelow(9 * 10 ** (NONCE_DIGITS - 1)) + 10 ** (NONCE_DIGITS - 1))


def _not_one(handle: str) -> NotAnIdentity:
    return NotAnIdentity(f"{handle[:255]} is no application identity that signs in by a key", handle=handle[:255])
