"""What a node knows about itself, and since when: its id and whether it is a laboratory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from node import servers
from node.database import DatabaseAway, Pool, database_errors, transaction
from node.errors import Unavailable
from node.sql import statements_beside

_SQL = statements_beside(__file__)


class NodeNotFounded(Unavailable):
    title_zh = "数据库中还没有节点"


@dataclass(frozen=True, slots=True)
class KnownNode:
    """``laboratory`` as its database says, whatever anybody's settings do."""

    node_id: UUID
    laboratory: bool


async def found(url: str, *, laboratory: bool, at: datetime) -> bool:
    """Found the node at its first start; returns whether it is a laboratory.

    A laboratory node (实验数据) stays one whatever is asked later; an ordinary node may become one. Raises
    ``DatabaseAway``, ``LoginRefused``.
    """
    with database_errors():
        connection = await servers.connect(url, timeout=10, target=servers.PRIMARY)
    try:
        await connection.execute(_SQL["found_node"], uuid4(), laboratory, at)
        if laboratory:
            await connection.execute(_SQL["become_laboratory"])
        state = await connection.fetchrow(_SQL["node_state"])
        return bool(state["laboratory"])
    finally:
        await connection.close()


async def node_id_of(pool: Pool) -> UUID:
    """Which node this is: the same as long as its database. Raises ``DatabaseAway``."""
    async with transaction(pool) as connection:
        state = await connection.fetchrow(_SQL["node_state"])
    node_id: UUID = state["node_id"]
    return node_id


async def known_node(urls: Sequence[str]) -> KnownNode:
    """Which node the first database that answers belongs to; for processes that found nothing themselves.

    Raises ``NodeNotFounded``, ``LoginRefused``, and ``DatabaseAway`` when none answers.
    """
    for url in urls[:-1]:
        try:
            return await _known_by(url)
        except DatabaseAway:
            continue
    return await _known_by(urls[-1])


async def _known_by(url: str) -> KnownNode:
    with database_errors():
        connection = await servers.connect(url, timeout=10, server_settings={"role": "biaoshi_reader"})
        try:
            state = await connection.fetchrow(_SQL["node_state"])
        except asyncpg.UndefinedTableError:
            state = None
        finally:
            await connection.close()
    if state is None:
        raise NodeNotFounded("this database holds no node yet; start the node's workers first")
    return KnownNode(state["node_id"], state["laboratory"])
