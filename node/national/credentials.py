"""Our key pairs for the interface of the node above: that of the settings, and those issued since, sealed.

The newest pair signs. A pair of the settings counts as issued when it is seen for the first time (or with another
secret than before), so that whoever writes a new one there is heard, and a pair that was replaced is not taken up
again. A successor is kept before it is used, and the node above lets the old one hold meanwhile: no request falls
between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Gauge

from node.database import Connection, Pool, transaction
from node.errors import Unavailable
from node.national.access import IssuedKey
from node.national.signature import KeyPair
from node.sealing import Seal
from node.sql import statements_beside

log = structlog.get_logger("national")

KEY_ISSUED = Gauge(
    "biaoshi_national_key_issued_seconds",
    "Unix time at which the key pair that signs was issued, 0 for none",
    multiprocess_mode="livemostrecent",
)

_SQL = statements_beside(__file__, "credentials.sql")


class AccessPending(Unavailable):
    title_zh = "尚未获得上级节点接入许可"


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeyPair
    issued_at: datetime


class Credentials:
    """``given`` is the pair of the settings, if there is one; a pair is replaced at the age of ``key_days``."""

    def __init__(
        self, pool: Pool, seal: Seal, clock: Callable[[], datetime], given: KeyPair | None, key_days: int
    ) -> None:
        self._pool = pool
        self._seal = seal
        self._clock = clock
        self._given = given
        self._life = timedelta(days=key_days)
        self._held: _Held | None = None

    @property
    def granted(self) -> bool:
        """Whether there is a pair to sign with."""
        return self._held is not None

    def current(self) -> KeyPair:
        """The pair that signs now. Raises ``AccessPending``."""
        if self._held is None:
            raise AccessPending("the node above has not granted access yet")
        return self._held.keys

    @property
    def due(self) -> bool:
        """Whether the pair that signs is old enough to be replaced."""
        return self._held is not None and self._clock() - self._held.issued_at >= self._life

    async def load(self) -> None:
        """Take up the newest pair there is. Raises ``DatabaseAway``, ``SealBroken``."""
        given = self._given
        async with transaction(self._pool) as connection:
            pairs = await self._pairs(connection)
            if given is not None and given not in (held.keys for held in pairs):
                await self.write(connection, given, self._clock())
                pairs = await self._pairs(connection)
        # Only what is committed signs: a pair that nobody wrote down would be lost with this process.
        self._held = pairs[-1] if pairs else None
        KEY_ISSUED.set(self._held.issued_at.timestamp() if self._held else 0)

    async def write(self, connection: Connection, keys: KeyPair, at: datetime) -> None:
        """Write a pair down as the newest within the caller's transaction; ``load`` it when that is committed."""
        sealed = self._seal.seal(keys.secret_key.encode(), _context(keys.access_key))
        await connection.execute(_SQL["write_credential"], keys.access_key, sealed, at)

    async def adopt(self, successor: IssuedKey) -> None:
        """Write the successor down, and sign with it. Raises ``DatabaseAway``, ``KeyPairInvalid``."""
        keys, before, at = KeyPair(successor.access_key, successor.secret_key), self.current(), self._clock()
        async with transaction(self._pool) as connection:
            await connection.execute(_SQL["note_expiry"], before.access_key, successor.previous_expires_at or at)
            await self.write(connection, keys, at)
        await self.load()
        log.info("key_pair_replaced", access_key=keys.access_key)

    async def _pairs(self, connection: Connection) -> list[_Held]:
        """All there are, the newest last."""
        return [
            _Held(KeyPair(row["access_key"], self._opened(row)), row["issued_at"])
            for row in await connection.fetch(_SQL["credentials"])
        ]

    def _opened(self, row: Mapping[str, Any]) -> str:
        return self._seal.open(row["secret_sealed"], _context(row["access_key"])).decode()


def _context(access_key: str) -> str:
    return f"national_credential:{access_key}"
