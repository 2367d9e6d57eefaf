"""An identifier as stored, and the row it is read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.database import Connection
from node.errors import NotFound
from node.identifier import Identifier, Prefix
from node.sql import statements_beside
from registry.identifiers.state import IdentifierState
from registry.prefix_grant import PrefixGrant

SQL = statements_beside(__file__, "identifiers.sql")


class IdentifierUnknown(NotFound):
    title_zh = "标识不存在"


@dataclass(frozen=True, slots=True)
class StoredIdentifier:
    """One identifier as stored; ``record`` is a 4-byte count and Handle values as on the wire."""

    prefix: Prefix
    suffix: str
    suffix_key: str
    template_id: int
    version: int
    state: IdentifierState
    registered_at: datetime
    updated_at: datetime
    record: bytes

    @property
    def text(self) -> str:
        return f"{self.prefix.text}/{self.suffix}"


async def found_identifier(connection: Connection, grant: PrefixGrant, identifier: Identifier) -> StoredIdentifier:
    """The identifier as it stands, live or suspended. Raises ``IdentifierUnknown``."""
    row = await connection.fetchrow(SQL["find_identifier"], grant.prefix_id, identifier.key)
    if row is None or row["state"] == IdentifierState.DELETED:
        raise unknown_identifier(identifier)
    return identifier_of_row(grant, row)


def identifier_of_row(grant: PrefixGrant, row: Mapping[str, Any]) -> StoredIdentifier:
    """The identifier of a row of ``find_identifier``, or of another statement with its columns."""
    return StoredIdentifier(
        prefix=grant.prefix,
        suffix=row["suffix"],
        suffix_key=row["suffix_key"],
        template_id=row["template_id"],
        version=row["version"],
        state=IdentifierState(row["state"]),
        registered_at=row["registered_at"],
        updated_at=row["updated_at"],
        record=row["record"],
    )


def unknown_identifier(identifier: Identifier) -> IdentifierUnknown:
    """The error for an identifier that does not stand."""
    return IdentifierUnknown(f"{identifier.text} is not registered", identifier=identifier.text)
