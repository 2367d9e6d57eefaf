"""Identifiers as the Handle protocol reads and lists them, for those who may."""

from __future__ import annotations

from node.administration import SECRET_KEY, HandleUnknown, Identity, ReadValues
from node.database import Connection
from node.identifier import Identifier, Prefix, fold
from node.record import Record, decode_values, select, without_public_read
from node.sql import statements_beside
from registry.authorisations.scopes import hidden_indexes
from registry.handle.authorisation import Place, authorise
from registry.handle.permissions import TO_LIST, ways_to_read
from registry.handle.prefix_usage import grant_in_use
from registry.identifiers.rewriting import seen
from registry.identifiers.state import IdentifierState

SQL = statements_beside(__file__, "records.sql")


async def read(
    connection: Connection, identifier: Identifier, asked: ReadValues, identity: Identity | None, node_prefix: Prefix
) -> Record:
    """The values asked for, those that only administrators may read too; secret keys never.

    Raises ``PrefixElsewhere``, ``HandleUnknown`` (also for a suspended one), ``NotPermitted``, ``ProofNeeded``,
    ``InvalidAdministrator``.
    """
    grant = await grant_in_use(connection, identifier.prefix, node_prefix)
    standing = (await seen(connection, grant, [identifier.key])).get(identifier.key) if grant else None
    if grant is None or standing is None or standing.state is not IdentifierState.LIVE:
        raise HandleUnknown(f"{identifier.text} is not registered", handle=identifier.text)
    # What the resolver hides from the public only administrators read here too.
    hidden = await hidden_indexes(connection, grant, identifier.key, standing.template_id)
    record = decode_values(without_public_read(standing.record, hidden) if hidden else standing.record)
    found = tuple(value for value in select(record, asked.indexes, asked.types) if fold(value.type) != SECRET_KEY)
    await authorise(connection, identity, ways_to_read(found), Place(identifier.prefix, node_prefix, record))
    return found


async def listable(
    connection: Connection, prefix: Prefix, identity: Identity | None, node_prefix: Prefix
) -> int | None:
    """The prefix whose handles the identity may list, by its number; ``None`` for the node's own, which has none.

    Raises ``PrefixElsewhere``, ``NotPermitted``, ``ProofNeeded``, ``InvalidAdministrator``.
    """
    grant = await grant_in_use(connection, prefix, node_prefix)
    await authorise(connection, identity, TO_LIST, Place(prefix, node_prefix))
    return None if grant is None else grant.prefix_id


async def page_of_keys(connection: Connection, prefix_id: int, after: str, most: int) -> list[str]:
    """The suffix keys of live identifiers behind ``after``, in their order."""
    rows = await connection.fetch(SQL["live_keys_after"], prefix_id, after, most)
    return [row["suffix_key"] for row in rows]


async def count_keys(connection: Connection, prefix_id: int) -> int:
    """How many live identifiers a prefix has."""
    count: int = await connection.fetchval(SQL["count_live"], prefix_id)
    return count
