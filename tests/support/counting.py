"""Counts as workers write them, for those who sum them up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from admin.statistics.closing import Closing, close_day, days_to_close
from node.china_time import midnight
from node.database import Pool, transaction
from node.journal import Interface
from node.resolutions import Outcome
from resolver.counting.counters_format import Total
from resolver.counting.writing import write_totals

MINUTE_DAYS = 400
PREFIX = "88.101.1"

Key = tuple[str, Interface, Outcome]


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of a day of China."""
    return midnight(day) + timedelta(hours=hour, minutes=minute)


async def write(pool: Pool, counted: Mapping[tuple[datetime, Key], int], boot_id: UUID | None = None) -> UUID:
    """Totals so far of a process start, by minute and what was counted; returns its number."""
    boot_id = boot_id or uuid4()
    totals = [
        Total(int(minute.timestamp()) // 60, prefix, interface, outcome, resolutions)
        for (minute, (prefix, interface, outcome)), resolutions in counted.items()
    ]
    async with transaction(pool) as connection:
        await write_totals(connection, boot_id, totals)
    return boot_id


async def close_days(pool: Pool, at: datetime) -> list[Closing]:
    """Close what is to be closed; the new editions."""
    made = [await close_day(pool, day, at) for day in await days_to_close(pool, at)]
    return [closing for closing in made if closing is not None]
