"""Pages of prefixes that have numbers, for interfaces that count pages; ``Prefixes.list`` goes by keyset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from node.auth import Account, Action, require
from node.database import Pool
from registry.prefix_grant import PrefixGrant, grant_of
from registry.store import SQL, reading


@dataclass(frozen=True, slots=True)
class PrefixFilter:
    """Parts of the enterprise's name and of the prefix, and the bounds of the application's time, both included."""

    enterprise_name: str | None = None
    prefix: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page_of_prefixes(
    pool: Pool, account: Account, wanted: PrefixFilter, *, offset: int, limit: int
) -> tuple[list[tuple[PrefixGrant, int]], int]:
    """Prefixes with the numbers of their enterprises, newest first, and how many there are in all.

    An enterprise's account sees its own. Raises ``NotAllowed``, ``DatabaseAway``.
    """
    require(account, Action.PREFIX_READ, account.enterprise_id)
    prefix = None if wanted.prefix is None else wanted.prefix.upper()
    asked = (account.enterprise_id, wanted.enterprise_name, prefix, wanted.since, wanted.until)
    async with reading(pool) as connection:
        rows = await connection.fetch(SQL["page_of_prefixes"], *asked, offset, limit)
        total: int = await connection.fetchval(SQL["count_prefixes"], *asked)
    return [(grant_of(row), row["enterprise_number"]) for row in rows], total
