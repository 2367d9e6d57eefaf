"""The records in which rights are written down, by the handles that name them."""

from __future__ import annotations

from collections.abc import Iterable

from node.administration import PrefixElsewhere
from node.database import Connection
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.record import Record, decode_values
from node.sql import statements_beside
from registry.handle.names import handle_key, named, prefix_handle

SQL = statements_beside(__file__, "handle.sql")


async def records_of(connection: Connection, handles: Iterable[str], node_prefix: Prefix) -> dict[str, Record]:
    """What stands of these handles, by ``handle_key``; nothing of those that are not here or not served."""
    prefixes: list[str] = []
    identifiers: dict[tuple[str, str], str] = {}
    for handle in handles:
        match _name(handle):
            case Prefix() as prefix:
                prefixes.append(prefix.key)
            case Identifier() as identifier:
                identifiers[identifier.prefix.key, identifier.key] = handle_key(handle)
    found: dict[str, Record] = {}
    if prefixes:
        for row in await connection.fetch(SQL["records_of_prefix_handles"], prefixes, node_prefix.key):
            found[handle_key(prefix_handle(Prefix.parse_derived(row["prefix"])))] = decode_values(row["record"])
    if identifiers:
        above, suffixes = zip(*identifiers, strict=True)
        for row in await connection.fetch(SQL["records_of_identifiers"], above, suffixes):
            found[identifiers[row["prefix"], row["suffix_key"]]] = decode_values(row["record"])
    return found


def _name(handle: str) -> Prefix | Identifier | None:
    """What others wrote as the handle of an administrator need not be one."""
    try:
        return named(handle)
    except (PrefixElsewhere, InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        return None
