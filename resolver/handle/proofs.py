"""Whether somebody is who he says he is: by the private key of a public one, or by a secret.

Nobody learns from a refusal whether the identity exists: one that is unknown, has no such key, or is proved wrongly
costs the same work and is refused in the same words. What depends on the proof alone (its form, its bounds) is said
plainly, before anything is looked up. Reference: RFC 3652 section 3.5.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence

from node.administration import (
    PUBLIC_KEY,
    SECRET_KEY,
    Identity,
    IdentityKey,
    ProofFailed,
    ProofUnsupported,
)
from node.errors import Malformed, NodeError, NotFound
from node.handle_data import PublicKey, RsaPublicKey, Sm2PublicKey
from resolver.handle import sm
from resolver.handle.computing import Allowance, Computing
from resolver.handle.public_keys import (
    PublicKeyProof,
    accepted,
    decode_signature_answer,
    signature_proves,
    usable,
)
from resolver.handle.secret_keys import (
    ABSENT,
    HmacProof,
    Pbkdf2Proof,
    PlainSecret,
    bounded,
    decode_secret_answer,
    price,
    secret_proves,
)

Proof = PublicKeyProof | HmacProof | Pbkdf2Proof | PlainSecret
KeysOf = Callable[[Identity], Awaitable[Sequence[IdentityKey]]]

_KEYS_TRIED = 8
"""Keys of one identity that an index of 0 may mean."""
_FAILURES = 20.0
_FAILURES_BACK = 2.0  # a second
_REST = 2.0
"""Behind a failure the thread rests so many times as long as that took: whoever fails from a thousand addresses
at once has a third of a core of each worker, and the loop beside it the rest."""
_ABSENT_RSA = RsaPublicKey(
    int.from_bytes(hashlib.shake_256(b"the key of nobody").digest(256), "big") | 1 << 2047 | 1, 65537
)
"""What the proof of an identity without a key is held against, so that it costs the same; it never succeeds."""
_WRONG = "the proof is wrong, or the identity is unknown"


def decode_answer(auth_type: str, answer: bytes) -> Proof:
    """The answer to a challenge. Raises ``InvalidProof`` and ``ProofUnsupported``."""
    if auth_type == PUBLIC_KEY:
        return decode_signature_answer(answer)
    if auth_type == SECRET_KEY:
        return decode_secret_answer(answer)
    raise ProofUnsupported(f"proofs by {auth_type[:32]!r} are not accepted; HS_PUBKEY and HS_SECKEY are")


class Proofs:
    """``keys_of`` finds the keys of an identity, ``iterations`` are the most of PBKDF2, ``legacy``: DSA, SHA-1 too.

    Failures are paid for: a source has 20, and two a second more; a costly derivation counts as several.
    """

    def __init__(
        self,
        keys_of: KeysOf,
        computing: Computing,
        *,
        iterations: int,
        legacy: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys_of = keys_of
        self._computing = computing
        self._iterations = iterations
        self._legacy = legacy
        self._failures = Allowance(_FAILURES, _FAILURES_BACK, clock)

    async def prove(self, identity: Identity, proof: Proof, signed: bytes, *, source: str) -> Identity:
        """The identity, with the index of the key that proved it. Arguments and errors as of ``key_behind``."""
        return Identity(identity.handle, (await self.key_behind(identity, proof, signed, source=source)).index)

    async def key_behind(self, identity: Identity, proof: Proof, signed: bytes, *, source: str) -> IdentityKey:
        """The key that proves the identity; ``signed`` is what the proof covers: nonce and digest of the request, or
        nothing for a ``PlainSecret``.

        Raises ``ProofFailed``, ``ProofUnsupported``, ``InvalidProof``, ``AllowanceSpent`` and ``ComputingFull``, and
        what ``keys_of`` raises when the database is away.
        """
        cost = 1.0
        if isinstance(proof, PublicKeyProof):
            accepted(proof, legacy=self._legacy)
        else:
            cost = price(bounded(proof, self._iterations))
        self._failures.spend(source, cost)
        try:
            key = await self._proving(identity, proof, signed, source)
        except NodeError:  # ours was the fault; who merely hangs up has spent it
            self._failures.give_back(source, cost)
            raise
        if key is None:
            raise ProofFailed(_WRONG)
        self._failures.give_back(source, cost)
        return key

    async def _proving(self, identity: Identity, proof: Proof, signed: bytes, source: str) -> IdentityKey | None:
        kind = PUBLIC_KEY if isinstance(proof, PublicKeyProof) else SECRET_KEY
        known = [key for key in await self.known(identity) if key.type == kind and identity.index in (0, key.index)]
        keys = known[:_KEYS_TRIED]

        def work() -> IdentityKey | None:
            began = time.perf_counter()
            if isinstance(proof, PublicKeyProof):
                key = self._signer(proof, keys, signed, identity.handle)
            else:
                key = _holder(proof, keys, signed)
            if key is None:
                time.sleep(_REST * (time.perf_counter() - began))
            return key

        return await self._computing.run(source, work)

    async def known(self, identity: Identity) -> Sequence[IdentityKey]:
        """The keys of an identity; none when this node knows none."""
        try:
            return await self._keys_of(identity)
        except (NotFound, Malformed):  # a handle of another node, or none at all: nobody we know
            return ()

    def _signer(
        self, proof: PublicKeyProof, keys: Sequence[IdentityKey], signed: bytes, user_handle: str
    ) -> IdentityKey | None:
        tried = 0
        for key in keys:
            public = usable(key.data, legacy=self._legacy)
            if public is None or not _made_for(proof, public):
                continue
            tried += 1
            if signature_proves(proof, public, signed, user_handle):
                return key
        if not tried:
            absent: PublicKey = Sm2PublicKey(sm.ABSENT_KEY) if proof.digest_name == "SM3" else _ABSENT_RSA
            signature_proves(proof, absent, signed, user_handle)
        return None


def _made_for(proof: PublicKeyProof, public: PublicKey) -> bool:
    return isinstance(public, Sm2PublicKey) == (proof.digest_name == "SM3")


def _holder(
    proof: HmacProof | Pbkdf2Proof | PlainSecret, keys: Sequence[IdentityKey], signed: bytes
) -> IdentityKey | None:
    for key in keys:
        if secret_proves(proof, key.data, signed):
            return key
    if not keys:
        secret_proves(proof, ABSENT, signed)
    return None
