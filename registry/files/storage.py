"""Where contents of files and attachments are kept, by key: in the database, or in a store outside (``s3_storage``).

A content never changes under its key, so putting it twice is putting it once.
"""

from __future__ import annotations

from typing import Protocol

from node.database import Connection, Pool
from node.errors import Internal
from node.sql import statements_beside
from registry.store import reading

_SQL = statements_beside(__file__, "storage.sql")


class ContentLost(Internal):
    """The database speaks of a content that its store does not have. Evidence: ``key``."""

    title_zh = "文件内容丢失"


class Storage(Protocol):
    """All three may raise ``DatabaseAway`` or ``StoreAway``."""

    async def put(self, connection: Connection, key: str, content: bytes) -> None:
        """Keep a content from the commit of the caller's transaction on, at the latest."""

    async def piece(self, key: str, start: int, length: int) -> bytes:
        """So many octets from ``start`` (0 is the first), fewer at the end. Raises ``ContentLost``."""

    async def remove(self, connection: Connection, key: str) -> None:
        """Keep it no longer; nothing happens if it is gone."""


class DatabaseStorage:
    """In the table ``stored_content``: no server beside PostgreSQL, and every backup has it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, connection: Connection, key: str, content: bytes) -> None:
        await connection.execute(_SQL["put_content"], key, content)

    async def piece(self, key: str, start: int, length: int) -> bytes:
        async with reading(self._pool) as connection:
            found: bytes | None = await connection.fetchval(_SQL["piece_of_content"], key, start + 1, length)
        if found is None:
            raise lost(key)
        return found

    async def remove(self, connection: Connection, key: str) -> None:
        await connection.execute(_SQL["remove_content"], key)


def lost(key: str) -> ContentLost:
    return ContentLost(f"the content {key} is not in its store", key=key)
