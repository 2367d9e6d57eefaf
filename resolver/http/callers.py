"""Who asks: the identity that a request proves, by a secret, a session or a certificate, and over HTTPS only.

Whatever is wrong with a proof is told in the same words, and costs the same, as an identity that nobody knows.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.x509.oid import NameOID

from node.administration import PUBLIC_KEY, Administration, Identity, IdentityKey, ProofFailed
from node.errors import Malformed, NotFound
from node.handle_data import DsaPublicKey, PublicKey, RsaPublicKey, decode_public_key
from node.record import InvalidRecord
from node.tls import client_certificate
from node.web import SOURCE
from resolver.handle.computing import Allowance
from resolver.handle.proofs import Proofs
from resolver.handle.public_keys import LONGEST_KEY
from resolver.http.authorization import (
    AuthorizationUnreadable,
    HandleFields,
    Secret,
    Signed,
    authorization,
    identity_of,
)
from resolver.http.sessions import Opening, Sessions, key_digest

_WRONG = "the proof is wrong, or the identity is unknown"
_FAILURES = 20.0
_FAILURES_BACK = 2.0  # a second
_REMEMBERED = 1000
_REMEMBERED_SECONDS = 60.0


class _Proved(NamedTuple):
    identity: Identity
    key_digest: bytes
    until: float


class Callers:
    """Finds out who asks."""

    def __init__(
        self,
        administration: Administration,
        proofs: Proofs,
        sessions: Sessions,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._administration = administration
        self._proofs = proofs
        self._sessions = sessions
        self._monotonic = monotonic
        self._failures = Allowance(_FAILURES, _FAILURES_BACK, monotonic)
        self._blind = os.urandom(32)
        self._proving: dict[bytes, asyncio.Task[Identity]] = {}
        self._proved: dict[bytes, _Proved] = {}  # the oldest first

    async def identity(self, request: web.Request) -> Identity | None:
        """The identity that the request proves; ``None`` when it proves none, as over plain HTTP always.

        Raises ``ProofFailed`` and the other refusals of proofs, ``AuthorizationUnreadable``, ``SessionUnknown``, and
        ``TooMany`` for those who fail too often.
        """
        if not request.secure:
            return None
        said = authorization(request.headers.get("Authorization", ""))
        if said is None:
            return None
        if isinstance(said, Secret):
            return await self._of_secret(said, request[SOURCE])
        if said.session_id is not None:
            return await self.of_session(said, request[SOURCE])
        return await self.of_certificate(request) if said.certificate else None

    async def _of_secret(self, said: Secret, source: str) -> Identity:
        """Clients send their secret with each request, many at once: it is compared once, and remembered for a minute
        as long as the key stays. What is remembered is no secret, and of no use in another process.
        """
        told = repr((source, said.identity)).encode() + said.proof.secret
        mark = hmac.digest(self._blind, told, "sha256")
        proved = self._proved.get(mark)
        if proved is not None and self._monotonic() < proved.until:
            if any(key_digest(key) == proved.key_digest for key in await self.keys_of(proved.identity)):
                return proved.identity
            self._proved.pop(mark, None)
        proving = self._proving.get(mark)
        if proving is None:
            proving = asyncio.create_task(self._prove_secret(said, source, mark), name="proof by a secret")
            self._proving[mark] = proving
            proving.add_done_callback(lambda done: self._over(mark, done))
        # Shielded: one who leaves does not take the answer away from those who stay.
        return await asyncio.shield(proving)

    def _over(self, mark: bytes, done: asyncio.Task[Identity]) -> None:
        del self._proving[mark]
        if not done.cancelled():
            done.exception()  # read: should all who asked have left, asyncio need not tell anybody

    async def _prove_secret(self, said: Secret, source: str, mark: bytes) -> Identity:
        identity = await self._proofs.prove(said.identity, said.proof, b"", source=source)
        key = next((key for key in await self.keys_of(identity) if key.index == identity.index), None)
        if key is not None:
            while len(self._proved) >= _REMEMBERED:
                del self._proved[next(iter(self._proved))]
            self._proved[mark] = _Proved(identity, key_digest(key), self._monotonic() + _REMEMBERED_SECONDS)
        return identity

    async def of_session(self, said: HandleFields, source: str) -> Identity | None:
        """The identity of a session, proved now or before; ``None`` while nobody has signed for it."""
        if said.session_id is None:
            raise AuthorizationUnreadable("the Authorization header names no session")
        opening = self._sessions.opened(said.session_id)
        standing = await self._sessions.standing(opening)
        if said.signed is not None and (standing is None or standing.proof_digest != _digest(said.signed)):
            return await self._signed(opening, said.signed, source)
        if standing is None:
            return None
        keys = await self.keys_of(standing.identity)
        if not any(key_digest(key) == standing.key_digest for key in keys if key.index == standing.identity.index):
            raise ProofFailed("the key that began this session is no longer there")
        return standing.identity

    async def enter(self, opening: Opening, identity: Identity) -> None:
        """Begin a session for an identity that was proved in another way."""
        await self._keep(opening, identity, b"")

    async def _signed(self, opening: Opening, signed: Signed, source: str) -> Identity:
        self._sessions.check_fresh(opening)
        covered = opening.nonce + signed.client_nonce
        identity = await self._proofs.prove(signed.identity, signed.proof, covered, source=source)
        await self._keep(opening, identity, _digest(signed))
        return identity

    async def _keep(self, opening: Opening, identity: Identity, proof_digest: bytes) -> None:
        keys = await self.keys_of(identity)
        key = next((key for key in keys if key.index == identity.index), None)
        if key is None:  # gone in this very moment
            raise ProofFailed(_WRONG)
        await self._sessions.keep(opening, identity, key, proof_digest)

    async def of_certificate(self, request: web.Request) -> Identity:
        """The identity that the connection's certificate names and whose public key it holds. Its issuer, and how
        long it says it holds, mean nothing here.

        Raises ``ProofFailed``, and ``AllowanceSpent`` to those who fail often.
        """
        transport = request.transport
        shown = client_certificate(transport.get_extra_info("ssl_object") if transport is not None else None)
        named, public = (_named_by(shown), _public_key(shown)) if shown is not None else (None, None)
        if named is None or public is None:
            raise ProofFailed("the connection has no client certificate that names an identity and its key")
        for key in await self.keys_of(named):
            if key.type == PUBLIC_KEY and named.index in (0, key.index) and _decoded(key.data) == public:
                return Identity(named.handle, key.index)
        self._failures.spend(request[SOURCE], 1.0)
        raise ProofFailed(_WRONG)

    async def keys_of(self, identity: Identity) -> Sequence[IdentityKey]:
        """The keys of an identity, none of one that this node does not know."""
        try:
            return await self._administration.keys_of(identity)
        except (NotFound, Malformed):
            return ()


def _named_by(certificate: x509.Certificate) -> Identity | None:
    """The identity in the subject's UID or, where there is none, its CN."""
    try:
        subject = certificate.subject
    except ValueError:
        return None
    for kind in (NameOID.USER_ID, NameOID.COMMON_NAME):
        for attribute in subject.get_attributes_for_oid(kind):
            return identity_of(str(attribute.value))
    return None


def _public_key(certificate: x509.Certificate) -> PublicKey | None:
    """The key as a value of a prefix handle would hold it; ``None`` for kinds that the Handle System has not."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return RsaPublicKey(numbers.n, numbers.e)
    if isinstance(key, dsa.DSAPublicKey):
        found = key.public_numbers()
        group = found.parameter_numbers
        return DsaPublicKey(found.y, group.p, group.q, group.g)
    return None


def _decoded(data: bytes) -> PublicKey | None:
    if len(data) > LONGEST_KEY:
        return None
    try:
        return decode_public_key(data)
    except InvalidRecord:
        return None


def _digest(signed: Signed) -> bytes:
    return hashlib.sha256(repr((signed.identity, signed.client_nonce, signed.proof)).encode()).digest()
