"""Filing (标识备案): what everybody may know about a prefix of this node, and nothing beyond.

Published are prefixes that the national node has verified, with their state and the enterprise's reviewed name,
division and industry. Applications are nobody's business, and neither are people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.database import Pool
from node.errors import NotFound
from node.identifier import Identifier, InvalidIdentifier, InvalidPrefix, InvalidSuffix, Prefix
from node.sql import statements_beside
from registry.store import reading
from registry.transitions import PrefixState

_SQL = statements_beside(__file__, "filing.sql")
MOST_OF_ENTERPRISE = 200
"""Prefixes of one enterprise that an answer about it names."""


class FilingUnknown(NotFound):
    title_zh = "没有备案信息"


@dataclass(frozen=True, slots=True)
class FiledPrefix:
    """What is published; ``enterprise_name`` is empty while an amended name awaits its review."""

    prefix_id: int
    prefix: Prefix
    state: PrefixState
    hosted: bool
    registered_at: datetime
    changed_at: datetime
    enterprise_number: int
    enterprise_name: str
    enterprise_name_en: str | None
    division_code: str
    industry_code: str


class Filing:
    """Queries that need no account. Both raise ``DatabaseAway``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def prefix(self, prefix: Prefix) -> FiledPrefix:
        """One prefix. Raises ``FilingUnknown``."""
        async with reading(self._pool) as connection:
            row = await connection.fetchrow(_SQL["filed_prefix"], prefix.key)
        if row is None:
            raise FilingUnknown(f"nothing is filed under {prefix.key}", prefix=prefix.key)
        return _of_row(row)

    async def of_name(self, name: str, *, after: int = 0, limit: int = 50) -> list[FiledPrefix]:
        """The prefixes of enterprises of exactly this name, in the order of application, after a ``prefix_id``."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(_SQL["filed_prefixes_of_name"], name, after, limit)
        return [_of_row(row) for row in rows]

    async def of_number(self, enterprise_number: int) -> list[FiledPrefix]:
        """The prefixes of one enterprise, ``MOST_OF_ENTERPRISE`` of them. Raises ``FilingUnknown``."""
        async with reading(self._pool) as connection:
            rows = await connection.fetch(_SQL["filed_prefixes_of_number"], enterprise_number, MOST_OF_ENTERPRISE)
        if not rows:
            raise FilingUnknown(f"nothing is filed of an enterprise {enterprise_number}")
        return [_of_row(row) for row in rows]


def asked_prefix(text: str) -> Prefix | None:
    """The prefix that a question names, by itself or as the front of an identifier; ``None`` for a name."""
    try:
        return Identifier.parse(text).prefix if "/" in text else Prefix.parse_derived(text)
    except (InvalidIdentifier, InvalidPrefix, InvalidSuffix):
        return None


def _of_row(row: Mapping[str, Any]) -> FiledPrefix:
    return FiledPrefix(
        prefix_id=row["prefix_id"],
        prefix=Prefix.parse_derived(row["prefix"]),
        state=PrefixState(row["state"]),
        hosted=row["hosting"] == "hosted",
        registered_at=row["created_at"],
        changed_at=row["updated_at"],
        enterprise_number=row["enterprise_number"],
        enterprise_name=row["name"],
        enterprise_name_en=row["name_en"],
        division_code=row["division_code"],
        industry_code=row["industry_code"],
    )
