"""The mock national node's database: migrated like a node's, with a schema of its own beside, and keys to issue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from node.database import Pool, database_errors
from node.errors import Unavailable
from node.migrate import migrate
from node.national.access import Kind
from node.national.signature import KeyPair
from node.sealing import Seal
from node.sql import statements_beside
from node.upper.keys import issue_key

SQL = statements_beside(__file__)
SCHEMA_NAME = "mock_national"
SEAL = Seal(b"the mock national node has no secrets")
"""Keys lie sealed in the tables of the upper side; those of a mock are worth no key file."""

_SCHEMA = Path(__file__).with_name("schema.sql")
_SCHEMA_LOCK = 0x6D_6F_63_6B  # "mock"


class MockDatabaseMissing(Unavailable):
    title_zh = "模拟国家顶级节点的数据库不存在"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key pair and what it was issued for: the prefix delegated to that node."""

    keys: KeyPair
    delegated_prefix: str


async def open_store(url: str, keys: Sequence[IssuedKey], at: datetime) -> Pool:
    """A pool on the mock's tables, made if they are not there, with these keys issued.

    Raises ``MockDatabaseMissing``, ``DatabaseAway``, and what ``migrate`` raises.
    """
    settings = {
        "search_path": f"{SCHEMA_NAME},public", "application_name": "biaoshi mock national node", "jit": "off",
        "timezone": "UTC",
    }  # fmt: skip
    with database_errors():
        try:
            await (await asyncpg.connect(url, timeout=10)).close()
        except asyncpg.InvalidCatalogNameError as error:
            raise MockDatabaseMissing(f"{error}; create it first: createdb") from None
    await migrate(url)
    with database_errors():
        pool: Pool = await asyncpg.create_pool(
            url, min_size=1, max_size=10, command_timeout=30, timeout=10, server_settings=settings
        )
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["hold_schema"], _SCHEMA_LOCK)
            await connection.execute(await asyncio.to_thread(_SCHEMA.read_text, encoding="utf-8"))
        async with pool.acquire() as connection, connection.transaction():
            for key in keys:
                await issue_key(
                    connection, SEAL, key.keys, name=key.keys.access_key, kind=Kind.SECONDARY,
                    delegated_prefix=key.delegated_prefix, at=at,
                )  # fmt: skip
    return pool
