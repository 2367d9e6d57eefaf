"""What is said of a day when it is closed: everything that was counted, and what that rests on. Integers only.

    day, laboratory, mark (实验数据 of a laboratory), rule_version
    raw, valid, deduplicated, flagged, net, flags {name: resolutions}     docs/counting.md says what each is
    by_interface {interface: {outcome: resolutions}}, valid_by_prefix {prefix: resolutions}
    clients, identifiers        {estimate, plus_minus}
    registrations               registered, first_registered, updated, deleted, suspended, resumed, net
    gaps                        [{cause, boot_id, began_at, ended_at}]
    evidence                    {events, segments: [sha256], sha256 of these}

What only event files tell is None on a day without: deduplicated, flagged, net, clients, identifiers, flags.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from admin.statistics.digest.digest import PrefixDigest, from_json, merge
from admin.statistics.digest.sketch import BOUND, estimate
from node.china_time import midnight
from node.database import Connection
from node.resolutions import LABORATORY_MARK, VALID
from node.sql import statements_beside

SQL = statements_beside(__file__, "closing.sql")

Sums = Mapping[tuple[str, int, int], int]
"""Resolutions of a day by prefix, interface and outcome."""


@dataclass(frozen=True, slots=True)
class CountedDay:
    """What is known of a day. ``digests`` are those of the whole node by recorder; ``registrations`` has the names
    above but ``net``; ``gaps`` are as above, ``segments`` the sealed event files with their hashes and events.
    """

    day: date
    laboratory: bool
    rule_version: int
    sums: Sums
    digests: Mapping[UUID, PrefixDigest]
    registrations: Mapping[str, int]
    gaps: Sequence[Mapping[str, str]]
    segments: Sequence[tuple[bytes, int]]


async def counted_day(connection: Connection, day: date, rule_version: int) -> CountedDay:
    """What the tables say of a day now."""
    begins, ends = midnight(day), midnight(day + timedelta(days=1))
    sums = await connection.fetch(SQL["sums_of_day"], day)
    digests = await connection.fetch(SQL["digests_of_day"], day)
    gaps = await connection.fetch(SQL["gaps_of_day"], begins, ends)
    evidence = await connection.fetch(SQL["evidence_of_day"], day)
    return CountedDay(
        day,
        await connection.fetchval(SQL["laboratory"]),
        rule_version,
        {(row["prefix"], row["interface"], row["outcome"]): row["resolutions"] for row in sums},
        {row["recorder_id"]: from_json(row["content"], row["clients"], row["identifiers"]) for row in digests},
        dict(await connection.fetchrow(SQL["registrations_of_day"], day)),
        [{name: str(value) for name, value in row.items()} for row in gaps],
        [(row["sha256"], row["events"]) for row in evidence],
    )


def figures_of(counted: CountedDay) -> dict[str, Any]:
    """The same as it is written down."""
    valid, digests, segments = _valid(counted.sums), counted.digests, counted.segments
    return {
        "day": str(counted.day),
        "laboratory": counted.laboratory,
        "mark": LABORATORY_MARK if counted.laboratory else None,
        "rule_version": counted.rule_version,
        "raw": sum(counted.sums.values()),
        "valid": valid,
        **_by_kind(counted.sums),
        **_digested(valid, merge(digests.values()) if digests else None),
        "registrations": {
            **counted.registrations,
            "net": counted.registrations["registered"] - counted.registrations["deleted"],
        },
        "gaps": list(counted.gaps),
        "evidence": {
            "events": sum(events for _, events in segments),
            "segments": [sha256.hex() for sha256, _ in segments],
            "sha256": hashlib.sha256(b"".join(sha256 for sha256, _ in segments)).hexdigest(),
        },
    }


def _by_kind(sums: Sums) -> dict[str, Any]:
    by_interface: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_prefix: defaultdict[str, int] = defaultdict(int)
    for (prefix, interface, outcome), resolutions in sums.items():
        by_interface[str(int(interface))][str(int(outcome))] += resolutions
        if outcome in VALID:
            by_prefix[prefix] += resolutions
    return {
        "by_interface": {interface: dict(outcomes) for interface, outcomes in by_interface.items()},
        "valid_by_prefix": dict(by_prefix),
    }


def _digested(valid: int, digest: PrefixDigest | None) -> dict[str, Any]:
    if digest is None:
        return dict.fromkeys(("deduplicated", "flagged", "net", "flags", "clients", "identifiers"))
    return {
        "deduplicated": digest.deduplicated,
        "flagged": digest.flagged,
        "net": valid - digest.flagged,
        "flags": digest.flags,
        "clients": _estimated(digest.clients),
        "identifiers": _estimated(digest.identifiers),
    }


def _estimated(sketch: bytes) -> dict[str, int]:
    number = estimate(sketch)
    return {"estimate": number, "plus_minus": round(number * BOUND)}


def _valid(sums: Sums) -> int:
    return sum(resolutions for (_, _, outcome), resolutions in sums.items() if outcome in VALID)
