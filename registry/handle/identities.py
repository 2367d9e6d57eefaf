"""The keys that prove an identity, as far as this node knows them."""

from __future__ import annotations

from node.administration import PUBLIC_KEY, SECRET_KEY, Identity, IdentityKey, PrefixElsewhere
from node.database import Connection
from node.identifier import InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix, fold
from registry.handle.names import handle_key, named
from registry.handle.prefix_usage import is_in_use
from registry.handle.standing import SQL, records_of

MOST_KEYS = 16
"""Keys tried for the index 0, the lowest indexes first: each costs a computation."""


async def keys_of(connection: Connection, identity: Identity, node_prefix: Prefix) -> list[IdentityKey]:
    """HS_PUBKEY values, and for the handle of a prefix its secret keys; of all indexes for the index 0.

    Empty for what is not here, is not in use, or has no such key.
    """
    records = await records_of(connection, [identity.handle], node_prefix)
    keys = [
        IdentityKey(value.index, PUBLIC_KEY, value.data)
        for value in records.get(handle_key(identity.handle), ())
        if fold(value.type) == PUBLIC_KEY
    ]
    keys += await _secret_keys(connection, identity.handle, node_prefix)
    asked = (key for key in keys if identity.index in (0, key.index))
    return sorted(asked, key=lambda key: key.index)[:MOST_KEYS]


async def _secret_keys(connection: Connection, handle: str, node_prefix: Prefix) -> list[IdentityKey]:
    try:
        prefix = named(handle)
    except (PrefixElsewhere, InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        return []
    if not isinstance(prefix, Prefix) or not await is_in_use(connection, prefix, node_prefix):
        return []
    rows = await connection.fetch(SQL["secrets_of_prefix_handle"], prefix.key)
    return [IdentityKey(row["value_index"], SECRET_KEY, row["secret"]) for row in rows]
