"""What the digests of days say when several are looked at together: tops, flags, times, how evenly all were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from admin.statistics.counts import SECONDS, SQL
from admin.statistics.digest.digest import WHOLE_NODE, PrefixDigest, from_json, merge
from admin.statistics.questions import Span
from node.database import Connection
from node.errors import Malformed

MOST_DAYS = 92
MOST_DIGESTS, MOST_SKETCHED = 4000, 500
"""Digests (days times prefixes) of one look: less than a second of a processor without sketches, two with them."""


class TooManyDigests(Malformed):
    """Evidence: ``digests``, ``most``."""

    title_zh = "统计范围过大"


async def digest_of(
    connection: Connection, span: Span, prefixes: Sequence[str] | None, *, sketches: bool = False
) -> PrefixDigest:
    """All days as one; how many different clients and identifiers there were is known with ``sketches`` only.

    ``prefixes`` are ``None`` for the whole node. Raises ``TooManyDigests``.
    """
    by_day = await digests_by_day(connection, span, prefixes, sketches=sketches)
    return await asyncio.to_thread(merge, list(by_day.values()))


async def digests_by_day(
    connection: Connection, span: Span, prefixes: Sequence[str] | None, *, sketches: bool = False
) -> dict[date, PrefixDigest]:
    """The days of which there are digests, in their order. Raises ``TooManyDigests``."""
    asked = [WHOLE_NODE] if prefixes is None else list(prefixes)
    bounds = (span.since, span.until, asked)
    number = await connection.fetchval(SQL["digests_to_merge"], *bounds, timeout=SECONDS)
    most = MOST_SKETCHED if sketches else MOST_DIGESTS
    if number > most:
        raise TooManyDigests(
            f"{number} digests of prefixes and days are too many for one look; ask for fewer days or one prefix",
            digests=number,
            most=most,
        )
    statement = SQL["digests_with_sketches"] if sketches else SQL["digest_contents"]
    rows = await connection.fetch(statement, *bounds, timeout=SECONDS)
    return await asyncio.to_thread(_joined, rows)


def _joined(rows: Sequence[Mapping[str, Any]]) -> dict[date, PrefixDigest]:
    days: dict[date, list[PrefixDigest]] = {}
    for row in rows:
        days.setdefault(row["day"], []).append(from_json(row["content"], row["clients"], row["identifiers"]))
    return {day: digests[0] if len(digests) == 1 else merge(digests) for day, digests in days.items()}
