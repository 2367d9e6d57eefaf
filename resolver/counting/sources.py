"""Clients as event files know them: hashes of their addresses, with a key that changes each month and is destroyed.

Within a month the same address has the same hash in every process of the node, so that clients can be counted and a
loop be seen; who they were nobody can find out when the key is gone.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from node.china_time import CHINA
from node.client_address import KnownNetworks, Network, parse_address
from node.database import Pool, transaction
from node.resolutions import BOT
from resolver.counting.never import NeverCounts
from resolver.counting.writing import SQL

_KEY_BYTES = 32
_NETWORK_BITS = {4: 24, 6: 56}
_KNOWN = 20_000


class Client(NamedTuple):
    """Keyed hashes of an address and of its network (/24, /56), and what is known of it (``BOT``)."""

    client: int
    network: int
    marks: int


class ClientKeys:
    """The keys of this month and the next; of a month that nobody could read, one of this process alone."""

    def __init__(self) -> None:
        self._keys: dict[date, bytes] = {}
        self._own: set[date] = set()

    def of(self, at: float) -> bytes:
        """The key of the month of a moment in Unix seconds."""
        month = _month_of(at)
        if month not in self._keys:
            self._keys[month] = secrets.token_bytes(_KEY_BYTES)
            self._own.add(month)
        return self._keys[month]

    def known(self, at: float) -> bool:
        """Whether the keys of a moment's month and of the next are those of the node."""
        month = _month_of(at)
        return all(each in self._keys and each not in self._own for each in (month, _next(month)))

    async def read(self, pool: Pool, at: float) -> None:
        """Read both, and make those that nobody has made. Raises ``DatabaseAway``."""
        month = _month_of(at)
        async with transaction(pool) as connection:
            for each in (month, _next(month)):
                made_at = datetime.fromtimestamp(at, UTC)
                await connection.execute(SQL["make_client_key"], each, secrets.token_bytes(_KEY_BYTES), made_at)
            rows = await connection.fetch(SQL["client_keys"], month)
        self._keys = {row["month"]: row["key"] for row in rows}
        self._own.clear()


class Sources:
    """From addresses to clients. ``known`` answers at once for those who came before in this month."""

    def __init__(self, never: NeverCounts, keys: ClientKeys, bots: Sequence[Network] = ()) -> None:
        self.known: dict[str, Client | None] = {}
        self._never = never
        self._keys = keys
        self._bots = KnownNetworks(bots)

    def client_of(self, source: str, at: float) -> Client | None:
        """The client at an address now (Unix seconds); ``None``: it never counts."""
        if len(self.known) >= _KNOWN:
            self.known.clear()
        client = None if self._never.source(source) else self._client(source, self._keys.of(at))
        self.known[source] = client
        return client

    def forget(self) -> None:
        """The keys are others now."""
        self.known.clear()

    def _client(self, source: str, key: bytes) -> Client:
        marks = BOT if source in self._bots else 0
        address = parse_address(source)
        if address is None:
            return Client(_hash(key, source.encode("utf-8", "replace")), 0, marks)
        network = ipaddress.ip_network((address, _NETWORK_BITS[address.version]), strict=False)
        return Client(_hash(key, address.packed), _hash(key, str(network).encode()), marks)


def _hash(key: bytes, told: bytes) -> int:
    return int.from_bytes(blake2b(told, digest_size=8, key=key).digest(), "little")


def _month_of(at: float) -> date:
    return datetime.fromtimestamp(at, CHINA).date().replace(day=1)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
