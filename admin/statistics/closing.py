"""Closed days: what was said of a day at ten past midnight, with a leaf in the journal; each names the one before.

A day is closed once it is over, also after a long time without a steward, and again — a further edition — whenever
something that came late has changed what is said of it. Editions are never changed. One transaction closes a day; a
lock puts closings in a row, so nobody has to lead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import structlog

from admin.statistics.day_figures import SQL, counted_day, figures_of
from admin.statistics.rules import NO_RULE, rule_of
from node.china_time import day_of, midnight
from node.database import Connection, Pool, transaction
from node.journal import Act, Actor, Interface, canonical, record_act

log = structlog.get_logger("counting")

SUBJECT, CLOSED, CORRECTED = "counted_day", "count.close", "count.correct"
PREVIOUS = "previous"
"""What of a closing is not about its day: day, edition and sha256 of the one before, ``None`` for the first."""

Reason = Literal["", "late_data", "recount"]

_AFTER_MIDNIGHT = timedelta(minutes=10)  # what was counted at midnight is written and its files are sealed by then
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Closing:
    """One edition of a closed day.

    ``figures`` are those of ``day_figures.py`` with ``previous``; ``sha256`` is that of their canonical JSON.
    ``reason`` is empty for the first edition, else ``late_data`` or ``recount``.
    """

    day: date
    edition: int
    figures: Mapping[str, Any]
    sha256: bytes
    rule_version: int
    reason: str
    closed_at: datetime


def last_to_close(at: datetime) -> date:
    """The newest day that can be closed at a moment."""
    return day_of(at - _AFTER_MIDNIGHT) - timedelta(days=1)


async def days_to_close(pool: Pool, at: datetime) -> list[date]:
    """Days that were never closed or whose figures changed since, the oldest first. Raises ``DatabaseAway``."""
    async with transaction(pool) as connection:
        return [row["day"] for row in await connection.fetch(SQL["days_to_close"], last_to_close(at))]


async def close_day(pool: Pool, day: date, at: datetime) -> Closing | None:
    """A further edition of one day, or its first; ``None`` when it would say nothing new, or when hours of the day
    are yet to be summed. Raises ``DatabaseAway``.
    """
    async with transaction(pool) as connection:
        await connection.execute(SQL["close_alone"], timeout=_SECONDS)
        ends = midnight(day + timedelta(days=1))
        if await connection.fetchval(SQL["waits_to_be_summed"], midnight(day), ends):
            return None
        await connection.execute(SQL["take_mark"], day, timeout=_SECONDS)
        rule = await rule_of(connection, day)
        counted = await counted_day(connection, day, NO_RULE if rule is None else rule.version)
        return await add_edition(connection, figures_of(counted), at, "late_data")


async def add_edition(
    connection: Connection, figures: dict[str, Any], at: datetime, reason: Reason
) -> Closing | None:
    """Write down ``figures`` of a day unless its newest edition says the same; call it with ``close_alone`` held.

    The first edition of a day has no reason.
    """
    day = date.fromisoformat(figures["day"])
    newest = await connection.fetchrow(SQL["newest_edition"], day)
    if newest is not None and _without_previous(json.loads(newest["figures"])) == canonical(figures):
        return None
    last = await connection.fetchrow(SQL["last_closing"])
    whole = figures | {
        PREVIOUS: last and {"day": str(last["day"]), "edition": last["edition"], "sha256": last["sha256"].hex()}
    }
    digest = hashlib.sha256(canonical(whole)).digest()
    closing = Closing(
        day,
        newest["edition"] + 1 if newest else 1,
        whole,
        digest,
        figures["rule_version"],
        reason if newest else "",
        at,
    )
    await connection.execute(
        SQL["add_closing"], day, closing.edition, canonical(whole).decode(), digest, closing.rule_version,
        closing.reason, at,
    )  # fmt: skip
    act = Act(
        CORRECTED if newest else CLOSED,
        SUBJECT,
        str(day),
        after={"edition": closing.edition, "sha256": digest.hex()},
        reason=closing.reason,
    )
    await record_act(connection, Actor(None, Interface.STEWARD), act, at)
    log.info("day_closed", day=str(day), edition=closing.edition, valid=figures["valid"], reason=closing.reason)
    return closing


async def closings(connection: Connection, since: date, until: date) -> list[Closing]:
    """Every edition of the days from ``since`` to before ``until``, by day and edition."""
    return [_closing(row) for row in await connection.fetch(SQL["closings"], since, until)]


async def newest_closings(connection: Connection, since: date, until: date) -> dict[date, Closing]:
    """The newest edition of each closed day from ``since`` to before ``until``."""
    rows = await connection.fetch(SQL["newest_closings"], since, until)
    return {row["day"]: _closing(row) for row in rows}


def _closing(row: Mapping[str, Any]) -> Closing:
    return Closing(**{**row, "figures": json.loads(row["figures"])})


def _without_previous(figures: dict[str, Any]) -> bytes:
    return canonical({name: value for name, value in figures.items() if name != PREVIOUS})
