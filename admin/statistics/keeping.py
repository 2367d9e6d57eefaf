"""The steward's part of counting: sums, digests, rules and closings, without being asked.

Nobody leads: every step is a transaction that says the same whoever does it, and locks put those in a row that must
not meet. Of several machines each digests its own folder; sums and closings are done by whoever comes first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from admin.statistics.closing import close_day, days_to_close
from admin.statistics.digesting import Evidence, digest_and_keep, evidence_of
from admin.statistics.rollup import remove_old, sum_all
from admin.statistics.rules import record_rule
from node.china_time import day_of
from node.database import Pool
from node.errors import NodeError
from node.pause import pause
from resolver.counting.folder import CountingFolder

log = structlog.get_logger("counting")

_DIGEST_SECONDS = 60.0
_SHARE = 20  # digests of the running day take at most so much of the time: one part in …
_REMOVE_SECONDS = 600.0
_DAYS = 20  # closed in one turn: told to stop amid a long backlog, the steward still stops


@dataclass(slots=True)
class Digester:
    """Digests of the days whose event files are in the folder of this machine; ``None`` if it has none."""

    pool: Pool
    folder: CountingFolder | None
    _digested: dict[date, Evidence] = field(default_factory=dict)

    async def digest(self, day: date, at: datetime) -> None:
        """What the event files say of a day, if they say something new. Raises ``DatabaseAway``."""
        if self.folder is None:
            return
        try:
            evidence = await asyncio.to_thread(evidence_of, self.folder, day)
            if evidence and evidence != self._digested.get(day):
                await digest_and_keep(self.pool, self.folder, day, at)
                self._digested[day] = evidence
        except OSError:  # of the disk: a day without digest is closed all the same, and again when there is one
            log.exception("day_not_digested", day=str(day))

    def forget(self, day: date) -> None:
        self._digested.pop(day, None)


@dataclass(slots=True)
class FigureKeeper:
    """``folder`` is that of this machine, ``None`` if it has none; ``definition`` the rule of its settings."""

    pool: Pool
    folder: CountingFolder | None
    definition: Mapping[str, Any]
    minute_days: int
    clock: Callable[[], datetime]
    _digester: Digester = field(init=False)
    _digest_again: float = 0.0
    _remove_again: float = 0.0

    def __post_init__(self) -> None:
        self._digester = Digester(self.pool, self.folder)

    async def turn(self) -> None:
        """Whatever is due now. Raises ``DatabaseAway``."""
        at = self.clock()
        if await record_rule(self.pool, self.definition, at):
            log.info("counting_rule_recorded")
        await sum_all(self.pool, at, minute_days=self.minute_days)
        for day in (await days_to_close(self.pool, at))[:_DAYS]:
            await self._digester.digest(day, at)
            await sum_all(self.pool, at, minute_days=self.minute_days)
            await close_day(self.pool, day, at)
            self._digester.forget(day)
        began = time.monotonic()
        if began >= self._digest_again:
            await self._digester.digest(day_of(at), at)
            spent = time.monotonic() - began
            self._digest_again = began + max(_DIGEST_SECONDS, _SHARE * spent)
        if began >= self._remove_again:
            await remove_old(self.pool, at, minute_days=self.minute_days)
            self._remove_again = began + _REMOVE_SECONDS


async def keep_digests(
    digester: Digester, clock: Callable[[], datetime], stop: asyncio.Event, seconds: float = _DIGEST_SECONDS
) -> None:
    """Digest today and yesterday every ``seconds`` until told to stop: all that a machine owes that only resolves.

    Sums and closings are the stewards'. Ten minutes after midnight they close the day, so the digest is there.
    """
    while not stop.is_set():
        try:
            now = clock()
            for day in (day_of(now - timedelta(days=1)), day_of(now)):
                await digester.digest(day, now)
            digester.forget(day_of(now - timedelta(days=2)))
        except NodeError as error:
            log.warning("figures_not_kept", code=error.code, detail=error.detail)
        except Exception:
            log.exception("figures_broken")
        await pause(stop, seconds)


async def keep_figures(keeper: FigureKeeper, stop: asyncio.Event, seconds: float = 5.0) -> None:
    """A turn every ``seconds`` until told to stop; what went wrong is logged and tried again."""
    while not stop.is_set():
        try:
            await keeper.turn()
        except NodeError as error:
            log.warning("figures_not_kept", code=error.code, detail=error.detail)
        except Exception:
            log.exception("figures_broken")
        await pause(stop, seconds)
