"""Keeping the folder of evidence: what was left behind is adopted, what is finished sealed, what is old removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime

import structlog

from node.china_time import day_of
from node.database import DatabaseAway, Pool
from node.pause import pause
from resolver.counting.adoption import adopt, left_behind
from resolver.counting.folder import CountingFolder, keeping, remove_unfinished
from resolver.counting.sealing import remove_old, seal, sealable

log = structlog.get_logger("counting")

Clock = Callable[[], datetime]

_REST = 30  # so many times as long is rested after something went wrong: it may go wrong each time


async def keep_evidence(
    pool: Pool,
    folder: CountingFolder,
    *,
    evidence_days: int,
    clock: Clock,
    stop: asyncio.Event,
    seconds: float = 2.0,
) -> None:
    """Adopt, seal and remove every ``seconds`` until ``stop``.

    Of several processes on one folder one does it at a time; another goes on when that one ends. Cancelling is safe:
    what was under way is done again.
    """
    away = False
    cleaned: date | None = None
    while not stop.is_set():
        kept = True
        try:
            with keeping(folder) as mine:
                if mine:
                    kept = await keep_once(pool, folder, clock)
                    if cleaned != (today := day_of(clock())):
                        await asyncio.to_thread(remove_old, folder, today, evidence_days)
                        cleaned = today
            away = False
        except DatabaseAway as error:
            if not away:
                log.warning("evidence_waits", cause=error.evidence.get("cause"))
            away = True
        except OSError:  # the folder or its disk: it may come back
            log.exception("evidence_not_kept", folder=str(folder.path))
            kept = False
        await pause(stop, seconds if kept else _REST * seconds)


async def keep_once(pool: Pool, folder: CountingFolder, clock: Clock) -> bool:
    """Adopt and seal what there is now, while ``keeping``; whether nothing went wrong. Raises ``DatabaseAway``."""
    remove_unfinished(folder)
    kept = True
    for boot_id in left_behind(folder):
        kept &= await _tried("adopt", str(boot_id), adopt(pool, folder, boot_id, clock()))
    for file in sealable(folder):
        kept &= await _tried("seal", file.name, seal(pool, folder, file, clock()))
    return kept


async def _tried(act: str, what: str, doing: Awaitable[bool]) -> bool:
    """One file that cannot be kept does not keep the others from it."""
    try:
        await doing
    except DatabaseAway:
        raise
    except Exception:
        log.exception("evidence_not_kept", act=act, of=what)
        return False
    return True
