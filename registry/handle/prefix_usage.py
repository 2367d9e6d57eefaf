"""Whether a prefix is this node's and in use; the node's own has no row and always is."""

from __future__ import annotations

from typing import Literal

from node.administration import NotPermitted, PrefixElsewhere
from node.database import Connection
from node.identifier import Prefix
from registry.prefix_grant import PrefixGrant, grant_of
from registry.store import SQL
from registry.transitions import PrefixState

Hold = Literal["shared", "alone"]
"""Until the transaction ends: nobody else changes its state; or nobody else even registers under it."""


async def grant_in_use(
    connection: Connection, prefix: Prefix, node_prefix: Prefix, hold: Hold | None = None
) -> PrefixGrant | None:
    """The prefix; ``None`` for the node's own.

    Raises ``PrefixElsewhere`` for one that is not the node's, ``NotPermitted`` for one that is not enabled.
    """
    if prefix == node_prefix:
        return None
    grant = await known_grant(connection, prefix, hold)
    if grant is None:
        raise elsewhere(prefix)
    if grant.state is not PrefixState.ENABLED:
        raise NotPermitted(
            f"the prefix {prefix.key} is {grant.state}, not enabled", prefix=prefix.key, state=str(grant.state)
        )
    return grant


async def known_grant(connection: Connection, prefix: Prefix, hold: Hold | None = None) -> PrefixGrant | None:
    """The prefix in whatever state, unless it was turned down or never applied for."""
    if hold is None:
        row = await connection.fetchrow(SQL["find_prefix"], prefix.key, None)
    else:
        row = await connection.fetchrow(SQL["lock_prefix" if hold == "alone" else "share_prefix"], prefix.key)
    if row is None or row["state"] in (PrefixState.REJECTED, PrefixState.REFUSED):
        return None
    return grant_of(row)


async def is_in_use(connection: Connection, prefix: Prefix, node_prefix: Prefix) -> bool:
    """Whether ``grant_in_use`` would find it."""
    try:
        await grant_in_use(connection, prefix, node_prefix)
    except (PrefixElsewhere, NotPermitted):
        return False
    return True


def elsewhere(prefix: Prefix) -> PrefixElsewhere:
    """The refusal of a prefix that is not this node's."""
    return PrefixElsewhere(f"the prefix {prefix.key} is none of this node's", prefix=prefix.key)
