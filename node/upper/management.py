"""What an operator sees of the nodes below: lists, page by page.

Every row has a ``cursor``, after which the next page goes on (empty to begin with); with a delegated prefix a list
holds only what belongs to that. Lists of what happens begin with the newest.
All raise ``CursorUnfit``.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import asyncpg

from node.database import Connection
from node.errors import Malformed
from node.national.access import ApplicationState
from node.sql import statements_beside

_SQL = statements_beside(__file__, "management.sql")

Rows = list[asyncpg.Record]
Period = Literal["day", "hour", "minute"]


class CursorUnfit(Malformed):
    """A list goes on after the cursor of a row of its own. Evidence: ``cursor``."""

    title_zh = "列表游标有误"


async def list_applications(
    connection: Connection,
    *,
    state: ApplicationState | str = "",
    after: str = "",
    limit: int = 50,
    delegated_prefix: str = "",
) -> Rows:
    """Applications for access, the oldest first; with how many keys hold for the prefix already."""
    return await _page(connection, _SQL["list_applications"], after, limit, delegated_prefix, state)


async def application_of(connection: Connection, application_id: UUID) -> asyncpg.Record | None:
    """One application as it is listed."""
    return await connection.fetchrow(_SQL["application_of"], application_id)


async def list_keys(connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = "") -> Rows:
    """Key pairs, without their secrets, by prefix."""
    return await _page(connection, _SQL["list_keys"], after, limit, delegated_prefix)


async def list_nodes(connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = "") -> Rows:
    """Nodes that spoke, or that were spoken of, in the order of their coming; ``heartbeat`` is JSON."""
    return await _page(connection, _SQL["list_nodes"], after, limit, delegated_prefix)


async def list_streams(
    connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = ""
) -> Rows:
    """How far the streams of the nodes have come."""
    return await _page(connection, _SQL["list_streams"], after, limit, delegated_prefix)


async def list_prefixes(
    connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = ""
) -> Rows:
    """Prefixes that passed verification, with their holders; what changed last comes first."""
    return await _page(connection, _SQL["list_prefixes"], after, limit, delegated_prefix)


async def list_routes(
    connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = ""
) -> Rows:
    """Where the nodes answer; ``sites`` is JSON."""
    return await _page(connection, _SQL["list_routes"], after, limit, delegated_prefix)


async def list_verdicts(
    connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = ""
) -> Rows:
    """What was decided on prefixes, the newest first."""
    return await _page(connection, _SQL["list_verdicts"], after, limit, delegated_prefix)


async def list_counts(
    connection: Connection, *, period: Period, after: str = "", limit: int = 50, delegated_prefix: str = ""
) -> Rows:
    """Counts of days, hours or minutes, the newest first; ``resolutions`` of all interfaces and outcomes together."""
    return await _page(connection, _SQL["list_counts"], after, limit, delegated_prefix, period)


async def list_instructions(
    connection: Connection, *, after: str = "", limit: int = 50, delegated_prefix: str = ""
) -> Rows:
    """Instructions and what was answered, the newest first; ``body`` and ``result`` are JSON."""
    return await _page(connection, _SQL["list_instructions"], after, limit, delegated_prefix)


async def _page(
    connection: Connection, statement: str, after: str, limit: int, delegated_prefix: str, *more: str
) -> Rows:
    try:
        return list(await connection.fetch(statement, after, limit, delegated_prefix.upper(), *more))
    except asyncpg.DataError as error:
        raise CursorUnfit("the list has no row with this cursor", cursor=after[:200]) from error
