"""The end of an enterprise node's access: its prefix has passed to another enterprise."""

from __future__ import annotations

from datetime import datetime

from node.database import Connection
from node.identifier import Prefix
from node.sql import statements_beside
from node.upper.keys import revoke_key

_SQL = statements_beside(__file__)


async def end_access(connection: Connection, prefix: Prefix, at: datetime) -> None:
    """Revoke every key pair of whoever answers for the prefix, inside the transaction that hands it over."""
    for row in await connection.fetch(_SQL["keys_in_force"], prefix.key):
        await revoke_key(connection, row["access_key"], at)
