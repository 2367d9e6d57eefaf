"""Sessions of the Handle JSON interface: a nonce to sign, then a name for whoever signed it.

A session that nobody has signed for yet is kept nowhere: its id carries its age and our seal, the nonce follows from
it, and any process with the same key knows it again. So nobody fills our memory by beginning sessions. Once signed
for, it stands in the database, so that every worker knows it and its end holds for all of them.

A proof is accepted for a new session only (``challenge_seconds``), and for one that was ended never again. Later the
same proof, which clients may send with each request, is recognised and does no more than name its session.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from node.administration import Identity, IdentityKey, InvalidProof, ProofLate
from node.database import Pool, database_errors
from node.identifier import fold
from node.sql import statements_beside

SQL = statements_beside(__file__, "sessions.sql")

_RANDOM_BYTES = 16
_TIME_BYTES = 6  # milliseconds since 1970
_SEAL_BYTES = 32
_NONCE_BYTES = 16
_KEPT = 64  # sessions of one identity
_PURPOSE = b"biaoshi: sessions of the Handle JSON interface"


class SessionUnknown(InvalidProof):
    title_zh = "会话不存在或已结束"


class Opening(NamedTuple):
    """A session as its id tells of it: the nonce to sign, and when it began."""

    session_id: str
    nonce: bytes
    began_at: datetime

    @property
    def digest(self) -> bytes:
        """Under which it is kept."""
        return hashlib.sha256(self.session_id.encode()).digest()


class Standing(NamedTuple):
    """Who signed for a session, by which key and with which proof, each as a digest."""

    identity: Identity
    key_digest: bytes
    proof_digest: bytes


class Sessions:
    """``secret`` is the same in every process that answers for the node; ``session_seconds`` the longest life."""

    def __init__(
        self,
        pool: Pool,
        secret: bytes,
        clock: Callable[[], datetime],
        *,
        challenge_seconds: float,
        session_seconds: float,
    ) -> None:
        self._pool = pool
        self._secret = hmac.digest(secret, _PURPOSE, "sha256")
        self._clock = clock
        self._challenge = timedelta(seconds=challenge_seconds)
        self._life = timedelta(seconds=session_seconds)

    def begin(self) -> Opening:
        """A new session, which costs nothing until somebody signs for it."""
        milliseconds = int(self._clock().timestamp() * 1000)
        body = milliseconds.to_bytes(_TIME_BYTES, "big") + os.urandom(_RANDOM_BYTES)
        return self._opening(body, base64.urlsafe_b64encode(body + self._sealed(b"id", body)).rstrip(b"=").decode())

    def opened(self, session_id: str) -> Opening:
        """The session of an id. Raises ``SessionUnknown`` when it is not ours, or older than any lives."""
        try:
            sealed = base64.urlsafe_b64decode(session_id + "=" * (-len(session_id) % 4))
        except (binascii.Error, ValueError):
            raise _unknown() from None
        body = sealed[:-_SEAL_BYTES]
        if len(body) != _TIME_BYTES + _RANDOM_BYTES or not hmac.compare_digest(
            sealed[-_SEAL_BYTES:], self._sealed(b"id", body)
        ):
            raise _unknown()
        opening = self._opening(body, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode())
        if self._clock() >= opening.began_at + self._life:
            raise _unknown()
        return opening

    def check_fresh(self, opening: Opening) -> None:
        """Raises ``ProofLate`` when the session is too old to be signed for."""
        if self._clock() >= opening.began_at + self._challenge:
            raise ProofLate("the session is too old to be signed for; begin another")

    async def keep(self, opening: Opening, identity: Identity, key: IdentityKey, proof_digest: bytes) -> None:
        """The identity has been proved for the session. Raises ``SessionUnknown`` when it was ended."""
        handle, index, now = fold(identity.handle), identity.index, self._clock()
        with database_errors():
            kept = await self._pool.fetchval(
                SQL["keep_session"],
                opening.digest,
                handle,
                index,
                key_digest(key),
                proof_digest,
                opening.began_at,
                opening.began_at + self._life,
            )
            await self._pool.execute(SQL["forget_sessions"], now, handle, index, now - self._challenge, _KEPT)
        if kept is None:
            raise _unknown()

    async def standing(self, opening: Opening) -> Standing | None:
        """Who signed for the session; ``None`` when nobody did, or it was ended."""
        with database_errors():
            row = await self._pool.fetchrow(SQL["standing_session"], opening.digest, self._clock())
        if row is None:
            return None
        return Standing(Identity(row["handle"], row["value_index"]), row["key_digest"], row["proof_digest"])

    async def end(self, opening: Opening) -> None:
        """Nobody is known by the session any more."""
        with database_errors():
            await self._pool.execute(SQL["end_session"], opening.digest)

    def _opening(self, body: bytes, session_id: str) -> Opening:
        began = datetime.fromtimestamp(int.from_bytes(body[:_TIME_BYTES], "big") / 1000, self._clock().tzinfo)
        return Opening(session_id, self._sealed(b"nonce", body)[:_NONCE_BYTES], began)

    def _sealed(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\0" + body, "sha256")


def key_digest(key: IdentityKey) -> bytes:
    """What tells one key from another without telling the key."""
    return hashlib.sha256(key.type.encode() + b"\0" + key.data).digest()


def _unknown() -> SessionUnknown:
    return SessionUnknown("there is no such session, or it is over; begin another")
