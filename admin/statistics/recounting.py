"""The steward's part of recounts: one at a time, day by day, in a process that answers nobody.

A recount of one day is what ``biaoshi recount`` makes of it (``recount.py``); what differs about more than one day,
rules and months, is told once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from admin.statistics.comparing import Difference
from admin.statistics.correction import correct
from admin.statistics.day_recount import Kept
from admin.statistics.recount import Recount, recount
from admin.statistics.recounts import SQL, RecountState
from node.database import Pool, transaction
from node.errors import NodeError
from node.journal import Act, Actor, Interface, record_act
from node.pause import pause
from resolver.counting.folder import CountingFolder

log = structlog.get_logger("counting")

MOST_KEPT = 1_000
"""Differences that are kept; ``biaoshi recount --json`` has all."""
_LIFE = timedelta(minutes=30)
_TURN_SECONDS = 2.0
_REST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Recounter:
    """``folder`` is that of this machine, ``None`` if it has none."""

    pool: Pool
    folder: CountingFolder | None
    kept: Kept
    clock: Callable[[], datetime]

    async def turn(self, stop: asyncio.Event) -> bool:
        """Do the oldest that waits; whether there was one. Told to stop it is given back between two days.

        Raises ``DatabaseAway``.
        """
        at = self.clock()
        async with transaction(self.pool) as connection:
            row = await connection.fetchrow(SQL["take_recount"], at, at - _LIFE)
        if row is None:
            return False
        recount_id = row["recount_id"]
        if self.folder is None:
            await self._end(recount_id, None, "this machine keeps no event files")
            return True
        try:
            result = await self._counted(self.folder, recount_id, row["since"], row["until"], row["correct"], stop)
        except NodeError:
            await self._give_back(recount_id)
            raise
        except Exception as error:
            log.exception("recount_broken", recount_id=str(recount_id))
            await self._end(recount_id, None, _failure(error))
            return True
        if result is None:
            await self._give_back(recount_id)
        else:
            await self._end(recount_id, result, "")
        return True

    async def _counted(
        self,
        folder: CountingFolder,
        recount_id: UUID,
        since: date,
        until: date,
        correcting: bool,
        stop: asyncio.Event,
    ) -> dict[str, Any] | None:
        seen: dict[Difference, None] = {}
        days, notes, corrected, found = [], [], [], None
        for done, day in enumerate(_days(since, until), start=1):
            if stop.is_set():
                return None
            at = self.clock()
            found = await recount(self.pool, folder, day, day, at, self.kept)
            new = [difference for difference in found.differences if difference not in seen]
            seen |= dict.fromkeys(new)
            notes += [asdict(note) for note in found.notes]
            days.append(_told(found, day, len(new)))
            if correcting and new:
                minute_days = self.kept.minute_days
                made = await correct(self.pool, folder.recorder_id, found, self.clock(), minute_days=minute_days)
                corrected += [
                    {"day": closing.day, "edition": closing.edition, "sha256": closing.sha256.hex()}
                    for closing in made
                ]
            async with transaction(self.pool) as connection:
                await connection.execute(SQL["note_day"], recount_id, done, self.clock())
        if found is None:
            raise ValueError("a recount of no days")
        return {
            "counted_to": found.counted_to.isoformat(),
            "laboratory": found.laboratory,
            "recorder_id": str(folder.recorder_id),
            "resolutions": sum(day["resolutions"] for day in days),
            "difference_count": len(seen),
            "days": days,
            "notes": notes,
            "corrected": corrected,
            "differences": [asdict(difference) for difference in list(seen)[:MOST_KEPT]],
        }

    async def _end(self, recount_id: UUID, result: dict[str, Any] | None, failure: str) -> None:
        at = self.clock()
        state = RecountState.FAILED if result is None else RecountState.DONE
        text = None if result is None else json.dumps(result, ensure_ascii=False, default=str)
        after = {"state": str(state), "failure": failure}
        if result is not None:
            after["difference_count"] = result["difference_count"]
        async with transaction(self.pool) as connection:
            await connection.execute(SQL["end_recount"], recount_id, state, at, text, failure)
            act = Act("statistics.recounted", "recount", str(recount_id), after=after)
            await record_act(connection, Actor(None, Interface.STEWARD), act, at)

    async def _give_back(self, recount_id: UUID) -> None:
        async with transaction(self.pool) as connection:
            await connection.execute(SQL["give_back"], recount_id)


async def keep_recounting(recounter: Recounter, stop: asyncio.Event) -> None:
    """Do what waits until told to stop; what went wrong is logged and tried again."""
    while not stop.is_set():
        seconds = _TURN_SECONDS
        try:
            while not stop.is_set() and await recounter.turn(stop):
                pass
        except NodeError as error:
            seconds = _REST_SECONDS
            log.warning("recount_failed", code=error.code, detail=error.detail)
        except Exception:
            seconds = _REST_SECONDS
            log.exception("recounting_broken")
        await pause(stop, seconds)


def _days(since: date, until: date) -> Iterator[date]:
    return (since + timedelta(days=passed) for passed in range((until - since).days + 1))


def _failure(error: Exception) -> str:
    """The kind of fault: the log has the rest, with paths that are nobody's business here."""
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def _told(found: Recount, day: date, differences: int) -> dict[str, Any]:
    return {"day": day, "resolutions": sum(one.resolutions for one in found.days), "differences": differences}
