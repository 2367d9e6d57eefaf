"""What an enterprise used, by days of China: counted where registrations report and resolutions are answered.

Counted are the prefixes that the enterprise holds now; what was used under a prefix before it was transferred stands
in the statements of that time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from node.auth import Account, Action, require
from node.database import Connection, Pool
from node.errors import Malformed
from node.sql import statements_beside
from registry.commerce.pricing import Service
from registry.store import reading

SQL = statements_beside(__file__, "commerce.sql")
_SECONDS = 60.0

MOST_DAYS = 366
"""Of one question."""


class BadPeriod(Malformed):
    """Evidence: ``first``, ``last``."""

    title_zh = "日期范围有误"


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """What was used on one day."""

    day: date
    registrations: int = 0
    changes: int = 0
    deletions: int = 0
    resolutions: int = 0


class Usage:
    """The use case."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, account: Account, enterprise_id: UUID, first: date, last: date) -> list[DayOfUse]:
        """Every day from the first to the last, both included. Raises ``BadPeriod``, ``NotAllowed``,
        ``DatabaseAway``.
        """
        require(account, Action.STATEMENT_READ, enterprise_id)
        check_period(first, last)
        if (last - first).days >= MOST_DAYS:
            raise BadPeriod(f"at most {MOST_DAYS} days are told at once", first=str(first), last=str(last))
        async with reading(self._pool) as connection:
            return await days_of_use(connection, enterprise_id, first, last)


def check_period(first: date, last: date) -> None:
    """Raises ``BadPeriod`` when it ends before it begins."""
    if last < first:
        raise BadPeriod(f"{last} comes before {first}", first=str(first), last=str(last))


async def days_of_use(connection: Connection, enterprise_id: UUID, first: date, last: date) -> list[DayOfUse]:
    """Every day from the first to the last, both included."""
    registered = await connection.fetch(
        SQL["registrations_of_enterprise"], enterprise_id, first, last, timeout=_SECONDS
    )
    resolved = await connection.fetch(SQL["resolutions_of_enterprise"], enterprise_id, first, last, timeout=_SECONDS)
    changes = {row["day"]: row for row in registered}
    resolutions = {row["day"]: row["resolutions"] for row in resolved}
    days = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        counted = {name: changes[day][name] for name in _CHANGES} if day in changes else {}
        days.append(DayOfUse(day, resolutions=resolutions.get(day, 0), **counted))
    return days


def summed(days: Iterable[DayOfUse]) -> dict[Service, int]:
    """What was used on all of these days."""
    known = list(days)
    return {service: sum(getattr(day, service) for day in known) for service in Service}


_CHANGES = ("registrations", "changes", "deletions")
