"""Counting resolutions: once, at the answer, by minute, prefix, door and outcome.

Each process start has a number (``boot_id``) and writes its totals so far, so that a write repeated or late
changes nothing. While the database is away the totals wait; nothing is counted twice, and what a killed process
had not written yet is missing rather than guessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Self
from uuid import uuid4

import structlog
from prometheus_client import Counter

from node.client_address import KnownNetworks, Network
from node.database import DatabaseAway, Pool, transaction
from node.journal import Interface
from node.resolutions import Outcome
from resolver import metrics
from resolver.local import SQL

log = structlog.get_logger("resolver")

Clock = Callable[[], datetime]

_OUTCOME_BITS = 8
_OUTCOMES = (1 << _OUTCOME_BITS) - 1
_KEYS = 200_000  # totals kept at once; above, the prefix of a resolution is given up, the resolution is not
_SETTLED_MINUTES = 10  # a written total is kept as long: the clock may step back into its minute


_Key = tuple[int, str, int]  # minutes since 1970, prefix, interface and outcome as one number: enums hash slowly


class ResolutionCounter:
    """Counts in memory and writes every ``seconds``; ``async with`` runs it and writes a last time at the end.

    ``never`` are the networks whose resolutions do not count.
    """

    def __init__(self, pool: Pool, clock: Clock, *, never: Sequence[Network], seconds: float) -> None:
        self._pool = pool
        self._clock = clock
        self._never = KnownNetworks(never)
        self._seconds = seconds
        self._boot_id = uuid4()
        self._totals: dict[_Key, int] = {}
        self._unwritten: set[_Key] = set()
        self._shown: dict[int, Counter] = {}
        self._away = False
        self._writing: asyncio.Task[None] | None = None

    def count(self, prefix: str, interface: Interface, outcome: Outcome, source: str, times: int = 1) -> None:
        """One resolution, or several alike. ``prefix`` is a key of ours or empty (others would be without number)."""
        if source in self._never:
            return
        kind = interface << _OUTCOME_BITS | outcome
        shown = self._shown.get(kind)
        if shown is None:  # to find the metric by its labels costs more than all the rest
            shown = metrics.RESOLUTIONS.labels(interface.name.lower(), outcome.name.lower())
            self._shown[kind] = shown
        shown.inc(times)
        key = (int(self._clock().timestamp()) // 60, prefix, kind)
        total = self._totals.get(key, 0)
        if not total and len(self._totals) >= _KEYS:
            metrics.UNATTRIBUTED.inc(times)
            key = (key[0], "", kind)
            total = self._totals.get(key, 0)
        self._totals[key] = total + times
        self._unwritten.add(key)

    async def write(self) -> None:
        """Write the totals that changed. Raises ``DatabaseAway``; they are then written the next time."""
        keys = list(self._unwritten)
        self._unwritten.clear()
        if keys:
            try:
                async with transaction(self._pool) as connection:
                    await connection.execute(
                        SQL["write_counts"],
                        self._boot_id,
                        [datetime.fromtimestamp(minute * 60, UTC) for minute, *_ in keys],
                        [prefix for _, prefix, *_ in keys],
                        [kind >> _OUTCOME_BITS for *_, kind in keys],
                        [kind & _OUTCOMES for *_, kind in keys],
                        [self._totals[key] for key in keys],
                    )
            except BaseException:
                self._unwritten.update(keys)
                raise
        self._forget_settled()

    def _forget_settled(self) -> None:
        settled = int(self._clock().timestamp()) // 60 - _SETTLED_MINUTES
        for key in [key for key in self._totals if key[0] < settled and key not in self._unwritten]:
            del self._totals[key]

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._write_often(), name="write counts")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._try_to_write()

    async def _write_often(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self.write()
        except DatabaseAway as error:
            if not self._away:
                log.warning("counts_wait", keys=len(self._unwritten), cause=error.evidence.get("cause"))
            self._away = True
        except Exception:
            log.exception("counts_not_written", keys=len(self._unwritten))
        else:
            if self._away:
                log.info("counts_written_again")
            self._away = False
