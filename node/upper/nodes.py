"""The nodes below, as they speak: a node id belongs to whom the prefix was delegated that it first spoke for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from node.database import Connection
from node.errors import Forbidden
from node.national.messages import Heartbeat, encode
from node.sql import statements_beside
from node.upper.exchange import Caller

_SQL = statements_beside(__file__, "nodes.sql")


class NodeOfAnother(Forbidden):
    """A node id that is known as that of a node to which another prefix was delegated. Evidence: ``node``."""

    title_zh = "该节点标识属于其他节点"


@dataclass(frozen=True, slots=True)
class DockedNode:
    """A node below, as it speaks: by this key, for this prefix."""

    node_id: UUID
    delegated_prefix: str
    laboratory: bool
    access_key: str


async def note_node(
    connection: Connection, caller: Caller, node_id: UUID, laboratory: bool, at: datetime
) -> DockedNode:
    """Who spoke; holds its row, so that two requests of one node are applied one after the other.

    Raises ``NodeOfAnother``.
    """
    marked = await _note(connection, caller, node_id, caller.delegated_prefix, laboratory, at)
    return DockedNode(node_id, caller.delegated_prefix, marked, caller.access_key)


async def note_node_below(
    connection: Connection, caller: Caller, node_id: UUID, prefix: str, laboratory: bool, at: datetime
) -> None:
    """Of whom the caller spoke: a node below it. Raises ``NodeOfAnother``, also for a prefix outside its own."""
    if not is_within(prefix, caller.delegated_prefix):
        raise NodeOfAnother(f"{prefix} does not lie under {caller.delegated_prefix}", node=str(node_id))
    await _note(connection, caller, node_id, prefix, laboratory, at)


def is_within(prefix: str, delegated: str) -> bool:
    """Whether a prefix is ``delegated`` or lies under it."""
    return f"{prefix.upper()}.".startswith(f"{delegated.upper()}.")


async def note_heartbeat(connection: Connection, caller: Caller, heartbeat: Heartbeat, at: datetime) -> None:
    """The node lives. Raises ``NodeOfAnother``."""
    await note_node(connection, caller, heartbeat.node, heartbeat.laboratory, at)
    await connection.execute(_SQL["note_heartbeat"], heartbeat.node, encode(heartbeat).decode(), at)


async def _note(
    connection: Connection, caller: Caller, node_id: UUID, prefix: str, laboratory: bool, at: datetime
) -> bool:
    marked = await connection.fetchval(_SQL["note_node"], node_id, prefix, laboratory, at, caller.delegated_prefix)
    if marked is None:
        raise NodeOfAnother(
            f"the node {node_id} is known as one to which another prefix was delegated", node=str(node_id)
        )
    return bool(marked)
