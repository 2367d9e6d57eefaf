"""What a node knows about itself, and since when: its id and whether it is a laboratory."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from node import servers
from node.database import Pool, database_errors, transaction
from node.sql import statements_beside

_SQL = statements_beside(__file__)


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
