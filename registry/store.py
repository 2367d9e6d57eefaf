"""What every part of the writer's storage shares: its statements, its constraints' meaning, its ids and versions.

A unique index is the only honest answer to "is it taken?", so writers insert and let PostgreSQL refuse; the refusal
arrives with the constraint's name, and ``refusing`` is the only place that reads it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from node.database import Connection, Pool, database_errors, leaving_silence
from node.errors import Conflict, NodeError
from node.sql import statements_beside

SQL = statements_beside(__file__)


class VersionChanged(Conflict):
    title_zh = "内容已被他人修改"


@contextmanager
def refusing(**errors: NodeError) -> Iterator[None]:
    """Raise the error that stands under the name of the violated constraint.

    A violation of any other constraint is a fault of ours and passes unchanged.
    """
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as violation:
        error = errors.get(violation.constraint_name or "")
        if error is None:
            raise
        raise error from None


@asynccontextmanager
async def reading(pool: Pool, seconds: float = 5.0) -> AsyncIterator[Connection]:
    """A connection for one statement that changes nothing, acquired within ``seconds``. Raises ``DatabaseAway``."""
    with database_errors():
        async with pool.acquire(timeout=seconds) as connection, leaving_silence(pool, connection):
            yield connection


def check_version(expected: int, found: int) -> None:
    """Raises ``VersionChanged`` when somebody else was faster."""
    if expected != found:
        raise VersionChanged(
            f"version {expected} was expected, but it is at version {found}: read it again and repeat the change",
            expected=expected,
            found=found,
        )


def time_ordered_id(at: datetime) -> UUID:
    """A UUID version 7 (RFC 9562 section 5.7): rows listed by their id come in the order of creation."""
    milliseconds = int(at.timestamp() * 1000) & (2**48 - 1)
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(int=milliseconds << 80 | 7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (2**62 - 1))
