"""Digests of days, made from the event files of this machine's folder and kept in the database.

Every machine that counts digests what it recorded itself; readers merge. A digest is made by the rule of its day and
with the holders that the prefixes had at its end, so that it comes out the same whenever it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from admin.statistics.digest.digest import PrefixDigest, digest_day, from_json, to_json
from admin.statistics.rules import Rule, rule_of
from node.china_time import midnight
from node.database import Connection, Pool, transaction
from node.resolutions import tenant_of
from node.sql import statements_beside
from resolver.counting.event_format import HEADER_BYTES, EventFileDamaged, read_header
from resolver.counting.folder import CountingFolder
from resolver.counting.reading import events_between, segments_of

SQL = statements_beside(__file__, "digesting.sql")
_SECONDS = 60.0
_AT_ONCE = 200  # digests of one statement: each may have 32 KiB

Evidence = frozenset[tuple[UUID, int, int]]
"""Which event files there are of a day: process start, number, and events so far of one that is open (else -1)."""


async def digest_and_keep(pool: Pool, folder: CountingFolder, day: date, at: datetime) -> bool:
    """Digest what a folder has of a day and keep it; whether it says anything new. A day before the first rule has
    no digest.

    The work is done in a thread. Raises ``DatabaseAway``, OSError.
    """
    async with transaction(pool) as connection:
        rule = await rule_of(connection, day)
        holders = await holders_on(connection, day)
    if rule is None:
        return False
    digests = await asyncio.to_thread(digests_of, folder, day, rule, holders)
    async with transaction(pool) as connection:
        return await keep_digests(connection, folder.recorder_id, day, rule.version, digests, at)


def digests_of(folder: CountingFolder, day: date, rule: Rule, holders: Mapping[str, int]) -> dict[str, PrefixDigest]:
    """What the event files of a folder say of a day, by prefix and under ``WHOLE_NODE``; nothing without events."""
    events = events_between(folder, midnight(day), midnight(day + timedelta(days=1)))
    digests = digest_day(events, rule.digest, holders)
    return {prefix: digest for prefix, digest in digests.items() if digest.raw}


async def digests_kept(connection: Connection, recorder_id: UUID, day: date) -> dict[str, PrefixDigest]:
    """What is kept of a recorder's day, by prefix."""
    rows = await connection.fetch(SQL["digests_of_recorder"], recorder_id, day, timeout=_SECONDS)
    return {row["prefix"]: from_json(row["content"], row["clients"], row["identifiers"]) for row in rows}


async def holders_on(connection: Connection, day: date) -> dict[str, int]:
    """Whose each prefix was when a day ended, or is, as ``tenant_of`` the enterprise."""
    rows = await connection.fetch(SQL["holders_on"], midnight(day + timedelta(days=1)))
    return {row["prefix"]: tenant_of(row["enterprise_id"]) for row in rows}


def evidence_of(folder: CountingFolder, day: date) -> Evidence:
    """Another value whenever a digest of the day could say something else. Raises OSError."""
    found = set()
    for segment in segments_of(folder):
        if segment.day is None:
            found.add((segment.boot_id, segment.number, _events_in(folder, segment.boot_id, segment.number)))
        elif segment.day == day:
            found.add((segment.boot_id, segment.number, -1))
    return frozenset(found)


async def keep_digests(
    connection: Connection,
    recorder_id: UUID,
    day: date,
    rule_version: int,
    digests: Mapping[str, PrefixDigest],
    at: datetime,
) -> bool:
    """Write digests of a recorder's day, each replacing the one before it; whether any says something new."""
    changed, prefixes = False, sorted(digests)
    for start in range(0, len(prefixes), _AT_ONCE):
        some = [(prefix, digests[prefix]) for prefix in prefixes[start : start + _AT_ONCE]]
        written = await connection.execute(
            SQL["keep_digests"], recorder_id, day, rule_version, at,
            [prefix for prefix, _ in some],
            [digest.raw for _, digest in some],
            [to_json(digest) for _, digest in some],
            [digest.clients for _, digest in some],
            [digest.identifiers for _, digest in some],
            timeout=_SECONDS,
        )  # fmt: skip
        changed = changed or not written.endswith(" 0")
    if changed:
        await connection.execute(SQL["mark_day_to_close"], day, timeout=_SECONDS)
    return changed


def _events_in(folder: CountingFolder, boot_id: UUID, number: int) -> int:
    try:
        with folder.events_file(boot_id, number).open("rb") as file:
            return read_header(file.read(HEADER_BYTES))[1].events
    except (FileNotFoundError, EventFileDamaged):  # sealed a moment ago, or nothing to be read from
        return -1
